/** `server.listen({ accept })`: streams that the application has accepted. */
import assert from 'node:assert/strict';
import { on, once } from 'node:events';
import { type AddressInfo, createServer as createNetServer, type Socket } from 'node:net';
import { Duplex, PassThrough } from 'node:stream';
import { after, describe, it } from 'node:test';
import { setImmediate as turn } from 'node:timers/promises';
import { createServer, type Session } from '../../src/index.ts';
import { Wire } from '../support/clients/test-client.ts';
import { assertNothingHeld } from '../support/leaks.ts';

after(assertNothingHeld);

const greeter = () =>
  createServer(async session => {
    session.write('hello\r\n');
    for await (const text of session.setEncoding('utf8')) session.write(`<${text}>`);
  });

/** Both ends of a connection in memory. */
function pair(): { theirs: Duplex; ours: Duplex } {
  const [up, down] = [new PassThrough(), new PassThrough()];
  return {
    theirs: Duplex.from({ readable: up, writable: down }),
    ours: Duplex.from({ readable: down, writable: up }),
  };
}

async function read(stream: Duplex, pattern: RegExp): Promise<void> {
  let text = '';
  while (!pattern.test(text)) {
    const [chunk] = await once(stream, 'data');
    text += String(chunk);
  }
}

describe('streams of an iterable', { timeout: 600_000 }, () => {
  it('become sessions, and the end of the iterable does not end them', async () => {
    const pairs = [pair(), pair()];
    const server = greeter();
    async function* streams(): AsyncGenerator<Duplex> {
      for (const { theirs } of pairs) yield theirs;
    }
    await server.listen({ accept: streams() });
    await Promise.all(
      pairs.map(async ({ ours }) => {
        await read(ours, /hello\r\n/);
        ours.write('typed');
        await read(ours, /<typed>/);
      }),
    );
    assert.equal(server.sessions.size, 2);
    await server.shutdown({ timeout: 0 });
  });

  it('keep the address of a socket', async () => {
    const net = createNetServer({ allowHalfOpen: true }).listen(0, '127.0.0.1');
    await once(net, 'listening');
    const server = greeter();
    const sessions: Session[] = [];
    server.on('session', session => sessions.push(session));
    async function* sockets(): AsyncGenerator<Socket> {
      for await (const [socket] of on(net, 'connection')) yield socket;
    }
    await server.listen({ accept: sockets() });
    const wire = await Wire.connect((net.address() as AddressInfo).port);
    await wire.expect('hello');
    const { localPort: port } = wire.socket;
    assert.deepEqual(sessions[0]?.peer, { kind: 'ip', address: '127.0.0.1', port });
    net.close();
    await server.shutdown({ timeout: 0 });
  });

  it("report an error of the iterable, and a value that is not a stream, as the server's 'error'", async () => {
    const server = greeter();
    const errors: Error[] = [];
    server.on('error', error => errors.push(error));
    const broken = new Error('the gateway broke');
    async function* streams(): AsyncGenerator<Duplex> {
      yield 'no stream' as never;
      throw broken;
    }
    await server.listen({ accept: streams() });
    while (errors.length < 2) await turn();
    assert.match(errors[0]!.message, /accept must yield Duplex streams/);
    assert.equal(errors[1], broken);
    await server.shutdown();
    for (const accept of [undefined, 5, [pair().theirs]]) {
      await assert.rejects(greeter().listen({ accept: accept as never }), { code: 'ERR_INVALID_ARGUMENT' });
    }
  });

  for (const end of ['drain', 'shutdown'] as const) {
    it(`are not taken after ${end}(), which calls return()`, async () => {
      let give: (result: IteratorResult<Duplex>) => void = () => {};
      let returned = 0;
      const accept: AsyncIterable<Duplex> = {
        [Symbol.asyncIterator]: () => ({
          next: () =>
            new Promise(resolve => {
              give = resolve;
            }),
          async return() {
            returned++;
            return { done: true, value: undefined };
          },
        }),
      };
      const server = greeter();
      await server.listen({ accept });
      await server[end]();
      assert.equal(returned, 1);
      // Its errors are ignored from here on.
      const late = new Duplex({ read() {}, destroy: (_error, done) => done(new Error('reset')) });
      give({ done: false, value: late });
      while (!late.destroyed) await turn();
      assert.equal(server.sessions.size, 0);
      await server.shutdown();
      assert.equal(returned, 1);
    });
  }
});
