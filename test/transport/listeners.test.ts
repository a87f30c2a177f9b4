/** What `server.listen()` returns: each listener closes by itself. */
import assert from 'node:assert/strict';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { PassThrough } from 'node:stream';
import { describe, it } from 'node:test';
import { createServer, readLines } from '../../src/index.ts';
import { Wire } from '../support/clients/test-client.ts';

/** A server that repeats lines. */
const echoServer = () =>
  createServer(async session => {
    session.write('hello\r\n');
    for await (const line of readLines(session)) session.write(`you said ${line}\r\n`);
  });

describe('a listener', () => {
  it('stops listening when it is closed, while its sessions and another listener go on', async () => {
    const server = echoServer();
    const [one, two] = [await server.listen(0), await server.listen(0)];
    assert.equal(one.address, '127.0.0.1');
    await using client = await Wire.connect(one.port);
    await client.expect('hello');
    await Promise.all([one.close(), one.close()]);
    await assert.rejects(Wire.connect(one.port), { code: 'ECONNREFUSED' });
    client.send('still here\r\n');
    await client.expect('you said still here');
    await using other = await Wire.connect(two.port);
    await other.expect('hello');
    await server.shutdown({ timeout: 0 });
    await Promise.all([one.close(), two.close()]);
    await assert.rejects(Wire.connect(two.port), { code: 'ECONNREFUSED' });
  });

  it('is closed at the end of its block with await using', async () => {
    const server = echoServer();
    let port: number;
    {
      await using listener = await server.listen(0);
      ({ port } = listener);
      await using client = await Wire.connect(port);
      await client.expect('hello');
    }
    await assert.rejects(Wire.connect(port), { code: 'ECONNREFUSED' });
    // The server may listen there again.
    await using again = await server.listen(port);
    assert.equal(again.port, port);
    await server.shutdown({ timeout: 0 });
  });

  it('on a UNIX socket removes the file', async () => {
    const directory = mkdtempSync(join(tmpdir(), 'telpty-listener-'));
    const path = join(directory, 'socket');
    const server = echoServer();
    const listener = await server.listen({ path });
    assert.ok(existsSync(path), path);
    await listener.close();
    assert.equal(existsSync(path), false);
    await server.shutdown();
    rmSync(directory, { recursive: true });
  });

  it('of streams ends the iterable', async () => {
    let returned = 0;
    const streams = {
      [Symbol.asyncIterator]: () => ({
        next: () => new Promise<IteratorResult<PassThrough>>(() => {}),
        return: async () => ({ done: true as const, value: returned++ }),
      }),
    };
    const server = echoServer();
    const listener = await server.listen({ accept: streams });
    await listener.close();
    assert.equal(returned, 1);
    await server.shutdown();
    assert.equal(returned, 1);
  });
});
