/** The result of `server.listen()`: each listener can be closed separately. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { type AddressInfo, createServer as createTcpServer, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { PassThrough } from 'node:stream';
import { describe, it } from 'node:test';
import { connect, createServer, type Session } from '../../src/index.ts';
import { Wire } from '../support/clients/test-client.ts';

/** A server that repeats lines. */
const echoServer = () =>
  createServer(async session => {
    session.write('hello\r\n');
    for await (const line of session.readLines()) session.write(`you said ${line}\r\n`);
  });

describe('a listener', () => {
  it('stops listening when it is closed, and its sessions and other listeners continue', async () => {
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

describe('a server', () => {
  it('has the address of its first listener, and emits "listening" for each', async () => {
    const server = echoServer();
    const opened: unknown[] = [];
    server.on('listening', listener => opened.push(listener));
    assert.deepEqual([server.listening, server.address()], [false, null]);
    const one = await server.listen(0);
    const two = await server.listen(0);
    assert.deepEqual(opened, [one, two]);
    assert.deepEqual(server.address(), { address: '127.0.0.1', family: 'IPv4', port: one.port });
    await one.close();
    assert.deepEqual(server.address(), { address: '127.0.0.1', family: 'IPv4', port: two.port });
    await two.close();
    assert.deepEqual([server.listening, server.address()], [false, null]);
    await server.shutdown();
  });

  it('that is closed emits "close" when its last session has ended', async () => {
    const server = echoServer();
    const { port } = await server.listen(0);
    await using client = await Wire.connect(port);
    await client.expect('hello');
    const order: string[] = [];
    server.on('close', () => order.push('close')).on('session-end', () => order.push('session'));
    const closed = new Promise<void>(resolve => assert.equal(server.close(resolve), server));
    assert.deepEqual([server.listening, server.address()], [false, null]);
    await assert.rejects(Wire.connect(port), { code: 'ECONNREFUSED' });
    await assert.rejects(server.listen(0), { code: 'ERR_SERVER_STATE' });
    client.send('still here\r\n');
    await client.expect('you said still here');
    assert.deepEqual(order, []);
    await client[Symbol.asyncDispose]();
    await closed;
    await new Promise<void>(resolve => server.close(resolve));
    await server.shutdown();
    assert.deepEqual(order, ['session', 'close']);
  });

  it('refuses a listener that was being opened when the server was closed', async () => {
    const server = echoServer();
    const opening = server.listen(0);
    server.close();
    await assert.rejects(opening, { code: 'ERR_SERVER_STATE' });
  });

  it('ends its sessions at the end of its block with await using', async () => {
    let client: Wire;
    {
      await using server = echoServer();
      client = await Wire.connect((await server.listen(0)).port);
      await client.expect('hello');
    }
    await client.untilEnd();
    await client[Symbol.asyncDispose]();
  });
});

describe('a session', () => {
  it('delivers all written data and is closed at the end of its block with await using', async () => {
    const text = 'x'.repeat(3_000_000);
    let length = 0;
    const server = createServer(async session => {
      for await (const chunk of session) length += (chunk as Buffer).length;
    });
    const ended = once(server, 'session-end');
    const { port } = await server.listen(0);
    let session: Session;
    {
      await using opened = await connect({ port });
      session = opened;
      session.write(text);
    }
    assert.deepEqual([session.closed, session.errored], [true, null]);
    await ended;
    assert.equal(length, text.length);
    await server.shutdown();
  });

  it('with a peer that never reads is closed at the end of its block', async () => {
    const peer = createTcpServer({ allowHalfOpen: true, pauseOnConnect: true });
    await once(peer.listen(0, '127.0.0.1'), 'listening');
    const accepted = once(peer, 'connection') as Promise<[Socket]>;
    let session: Session;
    {
      await using opened = await connect({ port: (peer.address() as AddressInfo).port });
      session = opened;
      session.write('x'.repeat(30_000_000));
    }
    assert.equal(session.closed, true);
    (await accepted)[0].destroy();
    peer.close();
  });
});
