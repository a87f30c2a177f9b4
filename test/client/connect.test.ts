/** Making connections: what the client sends, what it does not send, and how connecting fails. */
import assert from 'node:assert/strict';
import { getEventListeners, once } from 'node:events';
import { type AddressInfo, createConnection, createServer } from 'node:net';
import { constants } from 'node:os';
import { Duplex } from 'node:stream';
import { test } from 'node:test';
import { createServer as createTlsServer, type TLSSocket } from 'node:tls';
import { connect, createServer as createTelnetServer, type Session, type TelptyError } from '../../src/index.ts';
import { gmcp, Option } from '../../src/protocol/index.ts';
import { Peer } from '../support/clients/peer.ts';
import { CMD, hex, OPT, subnegotiation, type Wire } from '../support/clients/test-client.ts';
import { selfSigned } from '../support/servers/certificates.ts';
import { Host, hostScript } from '../support/servers/host.ts';

const { IAC, WILL, WONT, DO, DONT, AYT } = CMD;

/** A port without a listener. */
async function unusedPort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, 'close');
  return port;
}

async function ended(session: Session): Promise<void> {
  session.resume();
  if (!session.closed) await once(session, 'close');
}

test('a client and a telpty server agree on size, type and character set, and the program gets them', async () => {
  await using host = await hostScript('read -r line; stty size; echo "$TERM $LANG got $line"');
  const session = await connect({ port: host.port, terminal: { type: 'vt220', columns: 97, rows: 31 } });
  await session.waitFor({ option: Option.ECHO, side: 'remote' });
  await session.waitFor(({ charset }) => charset !== undefined);
  assert.equal(session.charset, 'UTF-8');
  session.resize(98, 32);
  session.sendLine('héé');
  const { before } = await session.readUntil(/got h.+\r\n/);
  assert.match(before, /32 98\r\nvt220 \S*UTF-8 $/);
  await ended(session);
});

test('a passive client sends nothing first, and an active one requests the options that it supports', async () => {
  await using peer = await Peer.listen();
  const passive = await connect({ port: peer.port, terminal: { columns: 80, rows: 24 } });
  const one = await peer.accept();
  passive.sendLine('hello');
  await one.expect('hello\r\n');
  assert.deepEqual(one.events, []);
  const active = await connect({ port: peer.port, terminal: { columns: 80, rows: 24 }, negotiate: 'active' });
  const two = await peer.accept();
  await two.expectNegotiation(DO, OPT.STATUS);
  const said = two.events.map(event => event.type === 'negotiate' && [event.command, event.option]);
  assert.deepEqual(said, [
    [DO, OPT.SGA],
    [WILL, OPT.TTYPE],
    [WILL, OPT.NAWS],
    [DO, OPT.STATUS],
  ]);
  passive.destroy();
  active.destroy();
});

test('a server gets no value that was not given in the options, whatever it asks for', async () => {
  await using peer = await Peer.listen();
  process.env.TELPTY_TEST_SECRET = 'do not tell';
  const silent = await connect({ port: peer.port });
  const one = await peer.accept();
  for (let option = 0; option < 256; option++) one.negotiate(DO, option);
  one.negotiate(DO, OPT.TIMING_MARK);
  // The last DO has been answered, so all DOs have.
  const lastAnswer = () => one.events.filter(e => e.type === 'negotiate' && e.option === OPT.TIMING_MARK).length === 2;
  await one.until(lastAnswer);
  const agreed = one.events.flatMap(e => (e.type === 'negotiate' && e.command === WILL ? [e.option] : []));
  const known = [OPT.BINARY, OPT.SGA, OPT.STATUS, OPT.TIMING_MARK, OPT.TTYPE, OPT.EOR, OPT.CHARSET, OPT.TIMING_MARK];
  assert.deepEqual(agreed, known);
  silent.destroy();

  const telling = await connect({ port: peer.port, environ: { LANG: 'sv_SE.UTF-8' } });
  const two = await peer.accept();
  two.negotiate(DO, OPT.NEW_ENVIRON);
  // SEND: everything; then by name, with names that are not in the option environ.
  two.subnegotiate(OPT.NEW_ENVIRON, [1]);
  two.subnegotiate(OPT.NEW_ENVIRON, [1, 0, ...Buffer.from('USER'), 3, ...Buffer.from('TELPTY_TEST_SECRET')]);
  two.negotiate(DO, OPT.TIMING_MARK);
  await two.expectNegotiation(WILL, OPT.TIMING_MARK);
  const told = two.raw.bytes.toString('latin1');
  assert.match(told, /LANG\x01sv_SE\.UTF-8/);
  assert.doesNotMatch(told, /do not tell/);
  // When asked for by name, they are undefined: VAR USER, USERVAR SECRET, neither with a VALUE.
  assert.ok(told.includes('\x00USER\x03TELPTY_TEST_SECRET\xff\xf0'));
  delete process.env.TELPTY_TEST_SECRET;
  telling.destroy();
});

test('terminal types are sent in order, MTTS included; size, speed, display and location are sent on request', async () => {
  await using peer = await Peer.listen();
  const type = ['Gem', 'XTERM', 'MTTS 13'];
  const terminal = {
    type,
    columns: 80,
    rows: 24,
    speed: { transmit: 9600, receive: 9600 },
    display: 'h:0',
    location: 'x',
  };
  const session = await connect({ port: peer.port, terminal });
  const wire = await peer.accept();
  for (const option of [OPT.TTYPE, OPT.NAWS, OPT.TSPEED, OPT.XDISPLOC]) wire.negotiate(DO, option);
  for (let n = 0; n < 5; n++) wire.subnegotiate(OPT.TTYPE, [1]);
  wire.subnegotiate(OPT.TSPEED, [1]);
  wire.subnegotiate(OPT.XDISPLOC, [1]);
  wire.negotiate(DO, 23);
  for (const name of [...type, 'MTTS 13', 'Gem'])
    await wire.expect(subnegotiation(OPT.TTYPE, Buffer.from(`\0${name}`)));
  await wire.expect(subnegotiation(OPT.TSPEED, Buffer.from('\x009600,9600')));
  await wire.expect(subnegotiation(OPT.XDISPLOC, Buffer.from('\0h:0')));
  await wire.expect(subnegotiation(23, Buffer.from('x')));
  assert.ok(wire.raw.bytes.includes(Buffer.from(subnegotiation(OPT.NAWS, [0, 80, 0, 24]))));
  session.destroy();
});

test('options of the caller are added, and replace those with the same code', async () => {
  await using peer = await Peer.listen();
  const session = await connect({ port: peer.port, telnetOptions: [gmcp({ remote: true })] });
  const wire = await peer.accept();
  wire.negotiate(WILL, OPT.GMCP);
  await wire.expectNegotiation(DO, OPT.GMCP);
  wire.subnegotiate(OPT.GMCP, Buffer.from('Core.Ping'));
  await session.waitFor({ option: Option.GMCP, side: 'remote' });
  session.destroy();
});

test('AYT from a server is not answered: its shell would take the answer as input', async () => {
  await using peer = await Peer.listen();
  const session = await connect({ port: peer.port });
  const wire = await peer.accept();
  wire.send([IAC, AYT], [IAC, DO, OPT.TIMING_MARK]);
  await wire.expectNegotiation(WILL, OPT.TIMING_MARK);
  assert.equal(wire.data.length, 0);
  session.destroy();
});

test('text sent before the server closed can be read at any time; then the session ends', async () => {
  await using peer = await Peer.listen();
  const session = await connect({ port: peer.port });
  const wire = await peer.accept();
  await wire.sent('x'.repeat(300_000));
  wire.halfClose();
  session.end();
  await wire.untilClose();
  let length = 0;
  for await (const chunk of session) length += (chunk as Buffer).length;
  assert.equal(length, 300_000);
  assert.ok(session.destroyed);
});

test('a reset ends the session, not the process', async () => {
  await using peer = await Peer.listen();
  const session = await connect({ port: peer.port });
  const wire = await peer.accept();
  session.write('x');
  await wire.expect('x');
  wire.reset();
  await assert.rejects(session.readUntil('never'), { code: 'ERR_SESSION_CLOSED' });
  await ended(session);
  assert.equal((session.errored as NodeJS.ErrnoException).code, 'ECONNRESET');
  await assert.rejects(session.waitFor({ option: 1, side: 'remote' }), { code: 'ERR_SESSION_CLOSED' });
});

test('LOGOUT from the server ends the session', async () => {
  await using peer = await Peer.listen();
  const session = await connect({ port: peer.port });
  const wire = await peer.accept();
  wire.negotiate(WILL, OPT.LOGOUT);
  await wire.expectNegotiation(DO, OPT.LOGOUT);
  await wire.untilEnd();
  wire.halfClose();
  await ended(session);
  assert.equal(session.hangupReason, 'logout');
});

test('a connection that cannot be made is reported in one line with a code', async () => {
  const port = await unusedPort();
  const refused = (error: TelptyError) => {
    assert.equal(error.code, 'ERR_CONNECT');
    assert.equal(error.systemCode, 'ECONNREFUSED');
    assert.deepEqual([error.errno, error.syscall], [-constants.errno.ECONNREFUSED, 'connect']);
    assert.equal(error.message, `cannot connect to 127.0.0.1 port ${port}: connection refused`);
    return true;
  };
  await assert.rejects(connect({ port }), refused);
  // localhost may have two addresses; the error is that of the first.
  await assert.rejects(connect({ host: 'localhost', port }), { code: 'ERR_CONNECT', systemCode: 'ECONNREFUSED' });
  await assert.rejects(connect({ host: 'no-such-host.invalid', port }), { code: 'ERR_CONNECT' });
});

test('connecting ends at its timeout or when it is aborted, and leaves no socket open', async () => {
  // The peer accepts, and never sends any TLS.
  await using peer = await Peer.listen();
  await assert.rejects(connect({ port: peer.port, tls: true, timeout: 50 }), { code: 'ERR_TIMEOUT' });
  await (await peer.accept()).untilEnd();
  const reason = new Error('enough');
  const stop = new AbortController();
  const dialing = assert.rejects(
    connect({ port: peer.port, tls: true, signal: stop.signal }),
    error => error === reason,
  );
  const wire = await peer.accept();
  stop.abort(reason);
  await dialing;
  await wire.untilEnd();
  await assert.rejects(connect({ port: peer.port, signal: AbortSignal.abort(reason) }), error => error === reason);
});

test('invalid values are refused', async () => {
  const code = 'ERR_INVALID_ARGUMENT';
  for (const wrong of [
    { prot: 23 },
    { port: 70_000 },
    { host: '' },
    { encoding: 'klingon' },
    { negotiate: 'loudly' },
    { timeout: -1 },
    { terminal: { colums: 80 } },
    { terminal: { columns: 80, rows: 70_000 } },
    { terminal: { type: [] } },
    { stream: new Duplex(), host: 'x' },
    { environ: { '': 'x' } },
    { signal: 'no' },
  ]) {
    await assert.rejects(
      connect({ stream: new Duplex({ read() {} }), ...wrong } as never),
      { code },
      JSON.stringify(wrong),
    );
  }
});

test('TLS: the certificate must be valid in every respect', async () => {
  using good = selfSigned('DNS:localhost,IP:127.0.0.1');
  using other = selfSigned('DNS:elsewhere.test');
  for (const { certificate, verifies } of [
    { certificate: good, verifies: true },
    { certificate: other, verifies: false },
  ]) {
    const sockets: TLSSocket[] = [];
    const server = createTlsServer({ cert: certificate.cert, key: certificate.key }, socket => {
      sockets.push(socket.on('error', () => {}));
      socket.write('welcome');
    });
    server.on('tlsClientError', () => {});
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    const { port } = server.address() as AddressInfo;
    const untrusted = { code: 'ERR_TLS', systemCode: 'DEPTH_ZERO_SELF_SIGNED_CERT' };
    await assert.rejects(connect({ port, tls: true }), untrusted);
    process.env.NODE_TLS_REJECT_UNAUTHORIZED = '0';
    await assert.rejects(connect({ port, tls: true }), untrusted, 'the environment has no effect');
    delete process.env.NODE_TLS_REJECT_UNAUTHORIZED;
    for (const host of ['127.0.0.1', 'localhost']) {
      const connecting = connect({ host, port, tls: { ca: certificate.cert } });
      if (verifies) {
        const session = await connecting;
        await session.readUntil('welcome');
        session.sendLine('hello');
        const [chunk] = (await once(sockets.at(-1)!, 'data')) as [Buffer];
        assert.equal(chunk.toString(), 'hello\r\n');
        session.destroy();
      } else {
        await assert.rejects(connecting, (error: TelptyError) => {
          assert.equal(error.code, 'ERR_TLS');
          assert.equal(error.systemCode, 'ERR_TLS_CERT_ALTNAME_INVALID');
          assert.doesNotMatch(error.message, /\n/);
          return true;
        });
      }
    }
    const careless = await connect({ port, tls: { rejectUnauthorized: false } });
    await careless.readUntil('welcome');
    careless.destroy();
    for (const socket of sockets) socket.destroy();
    server.close();
    await once(server, 'close');
  }
  // A peer without TLS is distinguished from one with a wrong certificate.
  await using peer = await Peer.listen();
  const connecting = connect({ port: peer.port, tls: true });
  const wire = await peer.accept();
  wire.send('login: \r\n');
  await assert.rejects(connecting, { code: 'ERR_TLS' });
});

test('TLS is prepared before the client connects, and options that OpenSSL refuses are named', async () => {
  // Nothing listens there: a client that connected first would report that.
  const port = await unusedPort();
  const refused = { code: 'ERR_INVALID_ARGUMENT', message: /^tls cannot be used: / };
  await assert.rejects(connect({ port, tls: { cert: 'none', key: 'none' } }), refused);
  await assert.rejects(connect({ port, tls: { ciphers: 'NONE' } }), refused);
});

test('compression works both ways if it was agreed to, and is never used under TLS', async () => {
  const text = 'the same again and again\r\n'.repeat(2_000);
  await using host = await Host.start({
    compression: true,
    shell: async session => {
      await session.readUntil('begin');
      session.write(text);
      await session.readUntil('enough');
    },
  });
  const session = await connect({ port: host.port, compression: true });
  await session.waitFor({ option: Option.MCCP3, side: 'remote' });
  session.sendLine('begin');
  assert.equal((await session.readUntil(text)).text, text);
  session.write(text);
  session.sendLine('enough');
  await ended(session);
  assert.ok(session.bytesRead < text.length / 10, `${session.bytesRead} bytes`);
  assert.ok(session.bytesWritten < text.length / 10, `${session.bytesWritten} bytes`);

  await using peer = await Peer.listen();
  const refused = async (session: Session, wire: Wire) => {
    for (const option of [OPT.MCCP2, OPT.MCCP3]) wire.negotiate(WILL, option);
    await wire.expectNegotiation(DONT, OPT.MCCP2);
    await wire.expectNegotiation(DONT, OPT.MCCP3);
    session.destroy();
  };
  await refused(await connect({ port: peer.port }), await peer.accept());
  const encrypted = createConnection({ port: peer.port, host: '127.0.0.1' });
  Object.assign(encrypted, { encrypted: true });
  await refused(await connect({ stream: encrypted, compression: true }), await peer.accept());
});

test('a stream that is already connected can be used', async () => {
  await using host = await Host.start({
    shell: async session => {
      session.write('over a pair\r\n');
    },
  });
  const socket = createConnection({ port: host.port, host: '127.0.0.1', allowHalfOpen: true });
  const session = await connect({ stream: socket });
  assert.equal((await session.readUntil('\r\n')).before, 'over a pair');
  await ended(session);
});

test('a server that switches options forever is refused, and one that asks forever is no longer read', async () => {
  await using peer = await Peer.listen();
  const session = await connect({ port: peer.port });
  session.resume();
  const wire = await peer.accept();
  const began = performance.now();
  for (let n = 0; n < 1000; n++) {
    wire.negotiate(WILL, OPT.ECHO);
    wire.negotiate(WONT, OPT.ECHO);
  }
  wire.negotiate(DO, OPT.TIMING_MARK);
  await wire.expectNegotiation(WILL, OPT.TIMING_MARK);
  const agreed = wire.events.filter(e => e.type === 'negotiate' && e.command === DO && e.option === OPT.ECHO);
  // Later ones are delayed by 250 ms at least.
  const seconds = (performance.now() - began) / 1_000;
  assert.ok(agreed.length <= 64 + 4 * seconds, `${agreed.length} times in ${seconds} s`);
  assert.ok(wire.events.some(e => e.type === 'negotiate' && e.command === DONT && e.option === OPT.ECHO));

  // A flood of SENDs from a server that does not read the answers: reading stops, and memory is bounded.
  wire.negotiate(DO, OPT.TTYPE);
  await wire.expectNegotiation(WILL, OPT.TTYPE);
  wire.pause();
  const flood = Buffer.concat(Array(10_000).fill(hex('ff fa 18 01 ff f0')));
  let most = 0;
  for (let n = 0; n < 200 && !wire.socket.writableNeedDrain; n++) {
    wire.send(flood);
    await new Promise(setImmediate);
    most = Math.max(most, session.unsent);
  }
  assert.ok(most < 2 * 1024 * 1024, `${most} bytes of answers`);
  session.destroy();
});

test('connect() refuses a port as text, a host with a port, and a family that does not match the address', async () => {
  const refused = (options: object, message: RegExp) =>
    assert.rejects(connect(options), { code: 'ERR_INVALID_ARGUMENT', message });
  await refused({ port: '23' }, /port must be a whole number from 1 to 65535, not the text '23'; use Number\(\)/);
  await refused({ port: 23, family: 6 }, /family: 6 does not fit host 127\.0\.0\.1/);
  await refused({ port: 23, host: '192.0.2.1', family: 6 }, /family: 6/);
  await refused({ port: 23, host: '::1', family: 4 }, /family: 4/);
  await refused({ port: 23, family: 5 }, /family must be 4 or 6/);
  await refused(undefined as never, /the options of connect must be an object, not undefined/);
  await refused({ host: 'localhost:23' }, /host: 'localhost:23' .* write host: 'localhost', port: 23$/);
  await refused({ host: '[::1]:23', port: 9 }, /write host: '::1', port: 23$/);
  await refused({ host: '[::1]' }, /write host: '::1'$/);
});

test('listen() refuses a port as text, alone or in options', async () => {
  const server = createTelnetServer(() => {});
  for (const port of ['23', '', '0x17', 'telnet']) {
    const message = `port must be a whole number from 0 to 65535, not the text '${port}'; use Number()`;
    await assert.rejects(server.listen({ port } as never), { code: 'ERR_INVALID_ARGUMENT', message });
    await assert.rejects(server.listen(port as never), { code: 'ERR_INVALID_ARGUMENT', message });
  }
  const backlog = /backlog must be a whole number .*not the text '5'; use Number\(\)/;
  await assert.rejects(server.listen({ port: 0, backlog: '5' } as never), backlog);
});

test('any number of waitFor calls on one session share one listener, and none is left', async () => {
  await using peer = await Peer.listen();
  const session = await connect({ port: peer.port });
  const wire = await peer.accept();
  const warnings: Error[] = [];
  const warned = (warning: Error): unknown => warnings.push(warning);
  process.on('warning', warned);
  try {
    const stop = new AbortController();
    const { signal } = stop;
    const echo = Array.from({ length: 20 }, () => session.waitFor({ option: OPT.ECHO, side: 'remote' }, { signal }));
    const never = Promise.allSettled(Array.from({ length: 20 }, () => session.waitFor(() => false, { signal })));
    const ended = Promise.allSettled(Array.from({ length: 20 }, () => session.waitFor(() => false)));
    // A call whose condition throws does not affect the others.
    let isWrong = false;
    const wrong = assert.rejects(
      session.waitFor(() => {
        if (isWrong) throw new Error('mine');
        return false;
      }),
      /mine/,
    );
    isWrong = true;
    wire.negotiate(WILL, OPT.ECHO);
    await Promise.all(echo);
    await wrong;
    stop.abort();
    await never;
    assert.deepEqual([session.listenerCount('telnet'), session.listenerCount('close')], [1, 1]);
    session.destroy();
    for (const result of await ended) {
      assert.equal(result.status === 'rejected' && result.reason.code, 'ERR_SESSION_CLOSED');
    }
    assert.deepEqual([session.listenerCount('telnet'), session.listenerCount('close')], [0, 0]);
    // Node.js warns in a later turn.
    await new Promise(setImmediate);
    assert.deepEqual(warnings, []);
  } finally {
    process.off('warning', warned);
  }
});

test('one AbortSignal for many sessions has one listener, and none is left', async () => {
  await using peer = await Peer.listen();
  const stop = new AbortController();
  const { signal } = stop;
  const sessions = await Promise.all(Array.from({ length: 20 }, () => connect({ port: peer.port, signal })));
  const waiting = sessions.flatMap(session => [
    session.readUntil('never', { signal }),
    session.waitFor(() => false, { signal }),
  ]);
  const settled = Promise.allSettled(waiting);
  assert.equal(getEventListeners(signal, 'abort').length, 1);
  stop.abort(new Error('called off'));
  for (const result of await settled) assert.equal(result.status === 'rejected' && result.reason.message, 'called off');
  assert.equal(getEventListeners(signal, 'abort').length, 0);
  const calls = [
    () => sessions[0]!.exec('x', { promt: '$' } as object),
    () => sessions[0]!.login({ username: 'a', user: 'b' } as never),
    () => sessions[0]!.readUntil('x', { time: 1 } as object),
    () => sessions[0]!.waitFor(() => true, { time: 1 } as object),
    async () => sessions[0]!.sendLine('x', { eof: '' } as object),
  ];
  for (const call of calls) await assert.rejects(call, { code: 'ERR_INVALID_ARGUMENT', message: /have no option/ });
  for (const session of sessions) session.destroy();
});
