/** The session and the server, with shells that are plain functions. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createServer as createTcpServer } from 'node:net';
import { Duplex } from 'node:stream';
import { test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { createServer, type Session } from '../../src/index.ts';
import { isOobInline } from '../../src/native/sockets.ts';
import { CMD, hex, naws, OPT, Wire } from '../support/clients/test-client.ts';
import { untilTrue } from '../support/leaks.ts';
import { Host, XTERM } from '../support/servers/host.ts';
import { requireTool } from '../support/system/tools.ts';

const { WILL, WONT, DO, IAC } = CMD;

/** A shell that runs until the client sends "bye". */
function talker(hello: string, onSession?: (session: Session) => void) {
  return async (session: Session): Promise<string> => {
    onSession?.(session);
    session.write(hello);
    let heard = '';
    await new Promise<void>(resolve => {
      session.on('data', (chunk: Buffer) => {
        heard += chunk.toString('latin1');
        if (heard.includes('bye')) resolve();
      });
      session.on('close', resolve);
    });
    session.write('so long\r\n');
    return heard;
  };
}

test('a shell is a function; its session is a stream, and ends with the function', async () => {
  await using host = await Host.start({ shell: talker('hello\r\n') });
  await using wire = await host.connect(XTERM);
  await wire.expect('hello');
  wire.type('good bye');
  await wire.expect('so long');
  await wire.untilEnd();
  assert.deepEqual(await host.outcome(), { result: 'good bye' });
});

test('a shell that throws closes its own connection only', async () => {
  let first = true;
  await using host = await Host.start({
    shell: session => {
      if (!first) return talker('hello')(session);
      first = false;
      throw new Error('broken');
    },
  });
  await using one = await host.connect(XTERM);
  await one.untilEnd();
  assert.equal(((await host.outcome()).error as Error).message, 'broken');
  await using two = await host.connect(XTERM);
  await two.expect('hello');
});

test('facts about the client are properties of the session', async () => {
  let session: Session | undefined;
  await using host = await Host.start({
    shell: talker('hello', given => {
      session = given;
    }),
    requestEnviron: ['LANG', 'USER'],
  });
  await using wire = await host.connect({
    ttype: ['ANSI-X', 'XTERM'],
    size: [132, 43],
    charset: 'UTF-8',
    environ: { LANG: 'sv_SE.UTF-8', USER: 'ada', SECRET: 'x' },
  });
  const given = session!;
  while (
    given.terminal.types.length < 2 ||
    given.charset === undefined ||
    given.environ.size < 2 ||
    !given.terminal.columns
  ) {
    await once(given, 'telnet');
  }
  assert.deepEqual(given.terminal.types, ['ANSI-X', 'XTERM']);
  assert.deepEqual([given.terminal.columns, given.terminal.rows], [132, 43]);
  assert.equal(given.charset, 'UTF-8');
  assert.deepEqual([...given.environ].sort(), [
    ['LANG', 'sv_SE.UTF-8'],
    ['USER', 'ada'],
  ]);
  assert.equal(given.remoteAddress, '127.0.0.1');
  assert.equal(given.remotePort, wire.socket.localPort);
  const resized = once(given, 'resize');
  wire.resize(90, 20);
  assert.deepEqual(await resized, [{ columns: 90, rows: 20 }]);
});

test('any Duplex can be a connection', async () => {
  const server = createServer({ shell: talker('hello') });
  const sent: Buffer[] = [];
  const transport = new Duplex({
    read() {},
    write(chunk, _encoding, callback) {
      sent.push(chunk);
      callback();
    },
  });
  const ended = once(server, 'session-end');
  const session = server.handle(transport, { remoteAddress: '2001:db8::1' });
  assert.equal(session.remoteAddress, '2001:db8::1');
  transport.push(Buffer.concat([naws(100, 50), Buffer.from('bye')]));
  transport.push(null);
  const [, outcome] = await ended;
  assert.deepEqual(outcome, { result: 'bye' });
  assert.match(Buffer.concat(sent).toString('latin1'), /hello.*so long\r\n$/s);
  await server.shutdown();
});

test('input that a reader keeps does not change, even if the engine gathered it from short runs', async () => {
  const held: { bytes: Buffer; once: string }[] = [];
  const server = createServer({
    shell: async session => {
      session.on('data', (bytes: Buffer) => held.push({ bytes, once: bytes.toString('latin1') }));
      await once(session, 'end');
    },
  });
  const ended = once(server, 'session-end');
  const transport = new Duplex({ read() {}, write: (_chunk, _encoding, callback) => callback() });
  server.handle(transport);
  let expected = '';
  for (let n = 0; n < 200; n++) {
    const lines = `line ${n} \xff\xff\r\n`.repeat(1 + n * 5);
    expected += lines.replaceAll('\xff\xff', '\xff').replaceAll('\r\n', '\r');
    transport.push(Buffer.from(lines, 'latin1'));
  }
  transport.push(null);
  await ended;
  assert.equal(held.map(({ bytes }) => bytes.toString('latin1')).join(''), expected);
  for (const { bytes, once: then } of held) assert.equal(bytes.toString('latin1'), then);
  assert(held.length < 1000, `${held.length} chunks for 100,000 lines`);
  await server.shutdown();
});

test('a tap observes both directions, without Telnet, until it is removed', async () => {
  const seen: string[] = [];
  let untap: (() => void) | undefined;
  await using host = await Host.start({
    shell: talker('hello', session => {
      untap = session.tap({
        input: bytes => seen.push(`in ${Buffer.from(bytes)}`),
        output: bytes => seen.push(`out ${Buffer.from(bytes)}`),
      });
    }),
  });
  await using wire = await host.connect(XTERM);
  await wire.expect('hello');
  wire.type('abc');
  wire.command(CMD.AYT);
  await wire.expect('[telpty: yes]');
  assert.deepEqual(seen, ['out hello', 'in abc']);
  untap?.();
  wire.type('bye');
  await wire.expect('so long');
  assert.equal(seen.length, 2);
});

test('signal aborts at a hangup, and a session whose shell does not listen ends without waiting for it', async () => {
  let aborted: unknown;
  await using host = await Host.start({
    shell: session =>
      new Promise<void>(resolve => {
        session.write('hello');
        session.signal.addEventListener('abort', () => {
          aborted = session.signal.reason;
          resolve();
        });
      }),
  });
  await using wire = await host.connect(XTERM);
  await wire.expect('hello');
  const [session] = host.server.sessions;
  session!.hangup('enough');
  await wire.untilEnd();
  assert.equal(aborted, 'enough');
  await wire.close();
  await host.outcome();
});

test('input of a client that asks a million times and reads nothing is not read until the client reads', async () => {
  await using host = await Host.start({ shell: talker('hello') });
  // Not a socket: the kernel may hold 40 MB of answers. Each question is answered, regardless of earlier ones.
  const questions = Buffer.alloc(3 * 1_000, Buffer.of(IAC, DO, OPT.TIMING_MARK));
  let asked = 0;
  let answered = 0;
  let isReading = false;
  let release = (): void => {};
  const transport = new Duplex({
    read() {
      if (asked < 1_000_000) this.push(questions);
      asked += 1_000;
    },
    write(chunk: Buffer, _encoding, callback) {
      for (let at = chunk.indexOf(IAC); at >= 0; at = chunk.indexOf(IAC, at + 3))
        if (chunk[at + 2] === OPT.TIMING_MARK) answered++;
      if (isReading) callback();
      else release = callback;
    },
  });
  const session = host.server.handle(transport);
  for (let last = -1; asked !== last; await delay(100)) last = asked;
  assert.ok(asked < 700_000, `${asked} questions were read`);
  assert.ok(session.unsent < 2 << 20, `${session.unsent} bytes are waiting`);
  isReading = true;
  release();
  await untilTrue(() => answered >= 1_000_000, 240_000);
  transport.push('bye');
  await host.outcome();
  // Exactly one mark for each.
  assert.equal(answered, 1_000_000);
});

test('unknown options are refused once each; a mirror of our own bytes stops', async () => {
  await using host = await Host.start({ shell: talker('hello') });
  await using wire = await host.connect({ silent: true });
  await wire.expect('hello');
  wire.negotiate(WILL, 99);
  wire.negotiate(DO, 99);
  wire.negotiate(WONT, 99);
  await wire.expect(hex('ff fe 63 ff fc 63'));
  wire.send(Buffer.from(wire.raw.bytes));
  wire.command(CMD.AYT);
  await wire.expect('[telpty: yes]');
  wire.negotiate(DO, OPT.TIMING_MARK);
  await wire.expectNegotiation(WILL, OPT.TIMING_MARK);
  assert.ok(wire.raw.length < 400, `${wire.raw.length} bytes for a mirror`);
});

test('urgent data stays inline on accepted sockets, so that a Synch does not consume a byte', async () => {
  // The purpose of SO_OOBINLINE: without it, a bare IAC remains of `IAC DM` and consumes the next byte.
  const plain = createTcpServer();
  plain.listen(0, '127.0.0.1');
  await once(plain, 'listening');
  assert.equal(isOobInline((plain as unknown as { _handle: { fd: number } })._handle.fd), false);
  plain.close();

  await using host = await Host.start({ shell: talker('hello') });
  await using wire = await host.connect({ silent: true });
  await wire.expect('hello');
  const script = `import socket,sys
s=socket.create_connection(('127.0.0.1',${host.port}))
s.send(b'ab\\xff'); s.send(b'\\xf2',socket.MSG_OOB); s.send(b'cdbye')
while s.recv(4096): pass`;
  await once(spawn(requireTool('python3'), ['-c', script], { stdio: 'inherit' }), 'exit');
  // Data before the mark may be dropped, if it was unread by then; data after it may not.
  assert.match(String((await host.outcome()).result), /^(ab)?cdbye$/);
});

test('text is decoded across packets, and invalid bytes do not end the session', async () => {
  const heard: string[] = [];
  await using host = await Host.start({
    shell: async session => {
      session.setEncoding('utf8');
      for await (const text of session) heard.push(text as string);
    },
  });
  await using wire = await host.connect({ ...XTERM, allowHalfOpen: true });
  await wire.expectNegotiation(DO, OPT.TTYPE);
  await wire.sent(Buffer.from([0xe6, 0xbc]));
  await wire.sent(Buffer.from([0xa2, 0x80, 0x41]));
  wire.halfClose();
  await wire.untilEnd();
  await host.outcome();
  assert.equal(heard.join(''), '漢\ufffdA');
});

test('a shell that ends its session in an input handler loses no output', async () => {
  await using host = await Host.start({
    shell: session =>
      new Promise<void>(resolve => {
        session.on('data', () => {
          session.write('last ');
          session.end('words');
          resolve();
        });
      }),
  });
  await using wire = await host.connect({ silent: true });
  wire.send('x', [CMD.IAC, CMD.AYT]);
  await wire.untilEnd();
  assert.equal(wire.error, undefined);
  assert.match(wire.text(), /^last words/);
});

test('1,000 connections at once are opened and closed, and leave no resources', async () => {
  await using host = await Host.start({ shell: session => void session.write('hello') });
  for (let round = 0; round < 10; round++) {
    await Promise.all(
      Array.from({ length: 100 }, async () => {
        const wire = await host.connect({ silent: true });
        await wire.expect('hello');
        await wire.close();
      }),
    );
  }
  await host.outcome(1_000);
  assert.equal(host.server.sessions.size, 0);
});

test('a CHARSET definition of the caller replaces the server’s, and is not changed', async () => {
  const { charset } = await import('../../src/protocol/index.ts');
  const own = charset({ role: 'server', request: ['X-OWN'] });
  await using host = await Host.start({ shell: talker('hello'), telnetOptions: [own] });
  await using wire = await host.connect({ ...XTERM, charset: 'X-OWN' });
  await wire.expect('hello');
  const [session] = host.server.sessions;
  while (session!.charset === undefined) await once(session!, 'telnet');
  assert.equal(session!.charset, 'X-OWN');
  wire.type('bye');
  await wire.untilEnd();
});

test('createServer() accepts only a shell, and listen() a number as a port on loopback', async () => {
  const server = createServer(session => void session.write(`from ${session.remoteAddress}`));
  const { address, port } = await server.listen(0);
  assert.equal(address, '127.0.0.1');
  await using wire = await Wire.connect(port);
  await wire.expect('from 127.0.0.1');
  await wire.untilEnd();
  await server.shutdown();
  assert.throws(() => createServer({ shell: 'bash' as never }), { code: 'ERR_INVALID_ARGUMENT' });
});
