/** TLS before sessions, alone and with plain clients on the same port. */
import assert from 'node:assert/strict';
import { createPrivateKey, X509Certificate } from 'node:crypto';
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { after, describe, it } from 'node:test';
import { connect as connectTls } from 'node:tls';
import {
  type ListenOptions,
  ptyShell,
  type Refusal,
  type ServerOptions,
  type Session,
  type TlsOptions,
} from '../../src/index.ts';
import { addon } from '../../src/native/load.ts';
import { Wire, type WireOptions } from '../support/clients/test-client.ts';
import { connectSecurely, readToClose, tlsOf } from '../support/clients/tls-client.ts';
import { assertNothingHeld, untilTrue } from '../support/leaks.ts';
import { selfSigned, signedBy } from '../support/servers/certificates.ts';
import { Host } from '../support/servers/host.ts';
import { stall } from '../support/stall.ts';

after(assertNothingHeld);

const certificate = selfSigned('DNS:localhost,IP:127.0.0.1');
const other = selfSigned('DNS:localhost,IP:127.0.0.1', 'rsa');
after(() => {
  certificate[Symbol.dispose]();
  other[Symbol.dispose]();
});
const { cert, key } = certificate;

const XTERM: WireOptions = { ttype: ['XTERM'], size: [90, 33] };
const shell = ptyShell('/bin/sh', ['-c', 'stty size; stty -echo; exec cat']);

/** A server with TLS, and its refusals. */
async function start(tls: Partial<TlsOptions> = {}, more: ListenOptions = {}, options: Partial<ServerOptions> = {}) {
  const host = await Host.start({ shell, ...options }, { tls: { cert, key, ...tls }, ...more });
  const refused: Refusal[] = [];
  const waiting: (() => void)[] = [];
  host.server.on('refused', refusal => {
    refused.push(refusal);
    for (const wake of waiting.splice(0)) wake();
  });
  /** The `count`th refusal. */
  const refusal = async (count = 1): Promise<Refusal> => {
    while (refused.length < count) await new Promise<void>(resolve => waiting.push(resolve));
    return refused[count - 1]!;
  };
  return { host, refused, refusal, [Symbol.asyncDispose]: () => host[Symbol.asyncDispose]() };
}

const dial = (port: number): Socket => connect({ port, host: '127.0.0.1' });

describe('TLS', { timeout: 600_000 }, () => {
  it('carries a session, and the program does not notice it', async () => {
    await using tls = await start();
    await using wire = await connectSecurely(tls.host.port, XTERM);
    assert.equal(tlsOf(wire).getProtocol(), 'TLSv1.3');
    await wire.expect('33 90\r\n');
    wire.type('über\r');
    await wire.expect('über\r\n');
    wire.resize(100, 40);
    await wire.close();
    assert.deepEqual((await tls.host.outcome()).error, undefined);
    assert.deepEqual(tls.refused, []);
  });

  it('carries a megabyte in each direction completely', async () => {
    await using tls = await start(
      {},
      {},
      { shell: session => new Promise(resolve => session.pipe(session).on('close', resolve)) },
    );
    await using wire = await connectSecurely(tls.host.port, { silent: true });
    const text = 'abcdefgh'.repeat(131_072);
    wire.send(text);
    await untilTrue(() => wire.data.length >= text.length);
    assert.equal(Buffer.from(wire.data.bytes).toString(), text);
  });

  it('accepts versions 1.2 and 1.3, and no older ones', async () => {
    await using tls = await start();
    for (const version of ['TLSv1.2', 'TLSv1.3'] as const) {
      await using wire = await connectSecurely(tls.host.port, {
        ...XTERM,
        tls: { minVersion: version, maxVersion: version },
      });
      await wire.expect('33 90\r\n');
    }
    const old = { minVersion: 'TLSv1', maxVersion: 'TLSv1.1', ciphers: 'DEFAULT@SECLEVEL=0' } as const;
    await assert.rejects(connectSecurely(tls.host.port, { tls: old }));
    const { reason, message } = await tls.refusal();
    assert.deepEqual({ reason, message }, { reason: 'tls', message: 'the handshake failed: unsupported protocol' });
  });

  it('does not renegotiate', async () => {
    await using tls = await start();
    await using wire = await connectSecurely(tls.host.port, { ...XTERM, tls: { maxVersion: 'TLSv1.2' } });
    await wire.expect('33 90\r\n');
    const error = await new Promise<Error | null>(resolve => {
      tlsOf(wire).on('error', resolve);
      tlsOf(wire).renegotiate({}, resolve);
    });
    assert.match((error as { code?: string }).code ?? '', /NO_RENEGOTIATION/);
    await wire.close();
    // Other sessions are not affected.
    await using next = await connectSecurely(tls.host.port, XTERM);
    await next.expect('33 90\r\n');
  });

  it('is not compressed, by TLS or by Telnet, although compression is offered to plain clients', async () => {
    await using tls = await start({ auto: true }, {}, { compression: true });
    await using plain = await Wire.connect(tls.host.port, { ...XTERM });
    await plain.expect(Buffer.of(255, 251, 86));
    await using secure = await connectSecurely(tls.host.port, XTERM);
    await secure.expect('33 90\r\n');
    assert.ok(!secure.raw.bytes.includes(Buffer.of(255, 251, 86)));
    assert.ok(!secure.raw.bytes.includes(Buffer.of(255, 251, 87)));
  });

  it('sends a notice to a client without TLS, in plain text, or as HTTP to an HTTP client', async () => {
    await using tls = await start();
    const plain = dial(tls.host.port);
    plain.write('\xff\xfb\x18', 'latin1');
    assert.equal(await readToClose(plain), 'This is a Telnet server that speaks TLS. Connect with a TLS client.\r\n');
    const { remotePort, peer, ...refusal } = await tls.refusal();
    assert.deepEqual(refusal, { reason: 'tls', message: 'no TLS', remoteAddress: '127.0.0.1' });
    assert.ok(remotePort! > 0);
    assert.deepEqual(peer, { kind: 'ip', address: '127.0.0.1', port: remotePort });
    const http = dial(tls.host.port);
    http.write('GET / HTTP/1.1\r\nHost: localhost\r\n\r\n');
    assert.match(await readToClose(http), /^HTTP\/1\.1 400 Bad Request\r\n.*\r\n\r\nThis is a Telnet server\.\n$/s);
    assert.equal((await tls.refusal(2)).reason, 'http');
    const ssh = dial(tls.host.port);
    ssh.write('SSH-2.0-x\r\n');
    assert.equal(await readToClose(ssh), '');
    assert.equal((await tls.refusal(3)).reason, 'ssh');
    assert.equal(tls.refused.length, 3);
  });

  it('sends a notice to a client that waits for the server, long before the handshake times out', async () => {
    await using tls = await start();
    assert.match(await readToClose(dial(tls.host.port)), /speaks TLS/);
    assert.equal((await tls.refusal()).message, 'no TLS handshake within 5s');
  });

  it('rejects clients that send nothing or half a hello, or that disconnect', async () => {
    await using tls = await start({ handshakeTimeout: 300 });
    const silent = dial(tls.host.port);
    assert.match(await readToClose(silent), /speaks TLS/);
    assert.equal((await tls.refusal()).message, 'no TLS handshake within 0.3s');
    const half = dial(tls.host.port);
    half.write(Buffer.from('160301', 'hex'));
    assert.equal(await readToClose(half), '');
    assert.equal((await tls.refusal(2)).message, 'no TLS handshake within 0.3s');
    const gone = dial(tls.host.port);
    await once(gone, 'connect');
    gone.end();
    assert.equal((await tls.refusal(3)).message, 'closed before any data');
    assert.equal((await tls.refusal(3)).reason, 'probe');
    const reset = dial(tls.host.port);
    reset.write(Buffer.from('160301', 'hex'), () => reset.resetAndDestroy());
    // If Node has not begun to read by then, it does not notice the close, and the time limit applies.
    assert.match((await tls.refusal(4)).message, /^closed|^no TLS handshake/);
    const closing = dial(tls.host.port);
    closing.write(Buffer.from('160301', 'hex'));
    closing.end();
    assert.equal(await readToClose(closing), '');
    // It is noticed at once, or it ends a handshake that has begun; in either case before the time limit.
    assert.match((await tls.refusal(5)).message, /^closed/);
    const wrong = dial(tls.host.port);
    wrong.write(Buffer.concat([Buffer.from('16030100050100000102', 'hex'), Buffer.alloc(100)]));
    await readToClose(wrong);
    assert.match((await tls.refusal(6)).message, /^the handshake failed: /);
    assert.deepEqual(
      tls.refused.map(({ reason }) => reason),
      ['tls', 'tls', 'probe', 'tls', 'tls', 'tls'],
    );
  });

  it('rejects clients at once that disconnect in the handshake, by FIN or by reset', async () => {
    await using tls = await start({ handshakeTimeout: 3_600_000 });
    // The beginning of a hello of 512 octets; and a whole handshake whose end the client does not wait for.
    const hello = Buffer.from('1603010200010001fc0303', 'hex');
    for (const go of ['end', 'resetAndDestroy'] as const) {
      const count = tls.refused.length;
      const socket = dial(tls.host.port);
      const closed = readToClose(socket);
      socket.write(hello, () => socket[go]());
      assert.equal((await tls.refusal(count + 1)).message, 'closed in the handshake');
      await closed;
    }
    for (let visit = 0; visit < 20; visit++) {
      const socket = dial(tls.host.port);
      const secure = connectTls({ socket, rejectUnauthorized: false });
      await once(secure, 'secureConnect');
      secure.destroy();
      socket.destroy();
    }
    // Some of them were a session for a moment.
    await untilTrue(() => tls.host.outcomes.length + tls.refused.length === 22);
  });

  it('lets a client close its sending half in a session', async () => {
    const upper = (session: Session) =>
      new Promise<void>(resolve => {
        session.once('data', bytes =>
          session.once('end', () => {
            session.write(String(bytes).toUpperCase());
            resolve();
          }),
        );
      });
    await using tls = await start({}, {}, { shell: upper });
    const below = connect({ port: tls.host.port, host: '127.0.0.1', allowHalfOpen: true });
    const socket = connectTls({ socket: below, rejectUnauthorized: false });
    socket.end('quiet');
    assert.match(await readToClose(socket), /QUIET$/);
  });

  it('treats HTTP inside TLS as a session that ends at once', async () => {
    await using tls = await start();
    await using wire = await connectSecurely(tls.host.port, { silent: true });
    wire.send('GET / HTTP/1.1\r\nHost: localhost\r\n\r\n');
    assert.deepEqual(await tls.host.outcome(), { result: { refused: 'http' } });
    await wire.untilEnd();
  });

  it('requires client certificates if an authority is set for them', async () => {
    using authority = selfSigned('DNS:authority.test');
    using good = signedBy(authority, 'client.test');
    await using tls = await start({ ca: authority.cert });
    await using wire = await connectSecurely(tls.host.port, { ...XTERM, tls: { cert: good.cert, key: good.key } });
    await wire.expect('33 90\r\n');

    const bare = connectTls({ port: tls.host.port, host: '127.0.0.1', rejectUnauthorized: false });
    assert.equal(await readToClose(bare), '');
    assert.equal((await tls.refusal()).message, 'the handshake failed: peer did not return a certificate');
    const stranger = { rejectUnauthorized: false, cert: other.cert, key: other.key };
    assert.equal(await readToClose(connectTls({ port: tls.host.port, host: '127.0.0.1', ...stranger })), '');
    assert.match((await tls.refusal(2)).message, /^the client's certificate: /);
    // Nor with a resumed session of TLS 1.2, in which the server sends the last message of the handshake.
    const older = { ...stranger, maxVersion: 'TLSv1.2' } as const;
    assert.equal(await readToClose(connectTls({ port: tls.host.port, host: '127.0.0.1', ...older })), '');
    assert.equal((await tls.refusal(3)).reason, 'tls');
    assert.equal(tls.host.server.sessions.size, 1);
  });

  it('does not allow client certificates together with plain clients', async () => {
    const pair = {
      code: 'ERR_INVALID_ARGUMENT',
      message: /^tls\.ca and tls\.auto exclude each other/,
    };
    await assert.rejects(start({ ca: other.cert, auto: true }), pair);
    // Nor with a later change; with two listeners, neither is changed.
    await using tls = await start();
    const { server } = tls.host;
    const both = await server.listen({ port: 0, tls: { cert, key, auto: true } });
    assert.throws(() => server.setTls({ cert: other.cert, key: other.key, ca: other.cert }), pair);
    for (const port of [tls.host.port, both.port]) {
      await using wire = await connectSecurely(port, XTERM);
      await wire.expect('33 90\r\n');
      assert.equal(tlsOf(wire).getPeerX509Certificate()?.fingerprint256, new X509Certificate(cert).fingerprint256);
    }
  });

  it('changes its certificate for new clients without affecting existing sessions', async () => {
    await using tls = await start();
    const fingerprint = (wire: Wire) => tlsOf(wire).getPeerCertificate().fingerprint256;
    await using before = await connectSecurely(tls.host.port, XTERM);
    await before.expect('33 90\r\n');
    // And one in the middle of its handshake.
    const slow = dial(tls.host.port);
    await once(slow, 'connect');
    tls.host.server.setTls({ cert: other.cert, key: other.key });
    await using next = await connectSecurely(tls.host.port, XTERM);
    await next.expect('33 90\r\n');
    assert.notEqual(fingerprint(before), fingerprint(next));
    before.type('still here\r');
    await before.expect('still here\r\n');
    // Invalid certificates change nothing.
    assert.throws(() => tls.host.server.setTls({ cert, key: other.key }), {
      code: 'ERR_INVALID_ARGUMENT',
      message: 'tls.key is not the key of the certificate',
    });
    await using last = await connectSecurely(tls.host.port, XTERM);
    assert.equal(fingerprint(last), fingerprint(next));
    const secure = connectTls({ socket: slow, rejectUnauthorized: false });
    await once(secure, 'secureConnect');
    secure.destroy();
  });

  it('resumes sessions by ticket, except tickets from before a change', async () => {
    await using tls = await start();
    const resume = async (session?: Buffer) => {
      await using wire = await connectSecurely(tls.host.port, { ...XTERM, tls: session ? { session } : {} });
      let ticket: Buffer | undefined;
      tlsOf(wire).on('session', bytes => {
        ticket = bytes;
      });
      // The ticket arrives before all output of the server.
      await wire.expect('33 90\r\n');
      return { reused: tlsOf(wire).isSessionReused(), ticket };
    };
    const { ticket } = await resume();
    assert.equal((await resume(ticket)).reused, true);
    tls.host.server.setTls({ cert, key });
    assert.equal((await resume(ticket)).reused, false);
  });

  it('lets a client close its half, and answers', async () => {
    await using tls = await start({}, {}, { shell: session => finished(session) });
    await using wire = await connectSecurely(tls.host.port, { silent: true, allowHalfOpen: true });
    wire.send('all of it');
    wire.socket.end();
    await wire.expect('you said all of it');
  });

  it('notices at once if a client disconnects when the handshake has ended', async () => {
    await using tls = await start({ handshakeTimeout: 60_000 });
    for (let round = 0; round < 20; round++) {
      const wire = await connectSecurely(tls.host.port, { silent: true });
      wire.socket.destroy();
    }
    // As a session that has hardly begun, or as a refused connection.
    await untilTrue(() => tls.host.outcomes.length + tls.refused.length === 20);
  });

  it('closes clients in the handshake when the server shuts down', async () => {
    const tls = await start();
    const half = dial(tls.host.port);
    half.write(Buffer.from('160301', 'hex'));
    const silent = dial(tls.host.port);
    await Promise.all([once(half, 'connect'), once(silent, 'connect')]);
    await untilTrue(() => addon().counts().peeks === 1);
    await tls.host.server.shutdown();
    await Promise.all([readToClose(half), readToClose(silent)]);
    assert.deepEqual(tls.refused, []);
  });

  it('rejects the client that has waited longest when too many wait', async () => {
    await using tls = await start();
    let others: Socket[] = [];
    // A silent client is refused after 2 s. On a loaded machine that can be before the others have connected.
    for (let reason = 'tls'; reason === 'tls'; ) {
      for (const one of others) one.destroy();
      await untilTrue(() => addon().counts().peeks === 0, 240_000);
      tls.refused.length = 0;
      const first = dial(tls.host.port);
      await untilTrue(() => addon().counts().peeks === 1, 240_000);
      const closed = readToClose(first);
      others = Array.from({ length: 1024 }, () => dial(tls.host.port).on('error', () => {}));
      await closed;
      ({ reason } = await tls.refusal());
      if (reason !== 'tls') assert.equal(reason, 'busy');
    }
    // A legitimate client is served among them.
    await using wire = await connectSecurely(tls.host.port, XTERM);
    await wire.expect('33 90\r\n');
    for (const one of others) one.destroy();
    await untilTrue(() => addon().counts().peeks === 0);
  });

  it('reports what is wrong with certificates', async () => {
    const locked = (type: 'pkcs8' | 'sec1') =>
      String(createPrivateKey(key).export({ type, format: 'pem', cipher: 'aes-128-cbc', passphrase: 'x' }));
    const bad: [Partial<TlsOptions>, string][] = [
      [{ cert: 'x' }, 'tls.cert is not a PEM certificate'],
      [{ key: 'x' }, 'tls.key is not a PEM private key'],
      [{ key: other.key }, 'tls.key is not the key of the certificate'],
      [{ key: locked('pkcs8') }, 'tls.key has a passphrase; remove it'],
      [{ key: locked('sec1') }, 'tls.key has a passphrase; remove it'],
      [{ ca: 'x' }, 'tls.ca contains no PEM certificate'],
      [{ ca: `${cert}${cert.slice(0, 200)}` }, 'tls.ca contains a malformed certificate'],
      [{ auto: 1 as unknown as boolean }, 'tls.auto must be a boolean, not 1'],
      [{ passphrase: 'x' } as object, "the options of tls have no option 'passphrase'"],
    ];
    for (const [tls, message] of bad) await assert.rejects(start(tls), { code: 'ERR_INVALID_ARGUMENT', message });
  });
});

describe('TLS and plain Telnet on one port', { timeout: 600_000 }, () => {
  it('accepts both, and plain connections use the addon', async () => {
    await using tls = await start({ auto: true });
    await using secure = await connectSecurely(tls.host.port, XTERM);
    await secure.expect('33 90\r\n');
    assert.equal(addon().counts().connections, 0);
    await using plain = await Wire.connect(tls.host.port, XTERM);
    plain.send([255, 251, 31]);
    await plain.expect('33 90\r\n');
    assert.equal(addon().counts().connections, 1);
    plain.type('key\r');
    await plain.expect('key\r\n');
  });

  it('sends first to a plain client that stays silent for half a second', async () => {
    await using tls = await start({ auto: true });
    const began = performance.now();
    await using plain = await Wire.connect(tls.host.port, XTERM);
    await plain.expect(Buffer.of(255, 253));
    const waited = performance.now() - began;
    // Not earlier; later depends on the load of the machine.
    assert.ok(waited >= 495, `${waited} ms`);
    await plain.expect('33 90\r\n');
  });

  it('reads the hello that arrived while it was busy for longer than that', async () => {
    for (let isInTime = false; !isInTime; ) {
      await using tls = await start({ auto: true });
      const began = performance.now();
      const socket = dial(tls.host.port);
      await untilTrue(() => addon().counts().peeks === 1 || performance.now() - began > 500);
      // In this phase of the event loop timers are next.
      await new Promise(setImmediate);
      // The beginning of a TLS record, and nothing that a handshake could be.
      socket.write(Buffer.from([22, 3, 1, 0, 4, 0, 0, 0, 0]));
      // Otherwise this process was busy before, and the next round counts.
      isInTime = performance.now() - began < 490;
      if (isInTime) {
        stall(700);
        const [answer] = (await once(socket, 'data')) as [Buffer];
        // An alert.
        assert.equal(answer[0], 21);
        assert.equal((await tls.refusal()).reason, 'tls');
      }
      socket.destroy();
    }
  });

  it('treats a later hello as part of a plain session, not as TLS', async () => {
    await using tls = await start({ auto: true });
    await using plain = await Wire.connect(tls.host.port, { silent: true });
    await plain.expect(Buffer.of(255, 253));
    const hello = await clientHello();
    plain.send(hello);
    assert.deepEqual(await tls.host.outcome(), { result: { refused: 'tls' } });
  });

  it('answers HTTP correctly, since nothing was sent before', async () => {
    await using tls = await start({ auto: true });
    const http = dial(tls.host.port);
    http.write('HEAD / HTTP/1.0\r\n\r\n');
    assert.match(await readToClose(http), /^HTTP\/1\.1 400 /);
    assert.equal((await tls.refusal()).reason, 'http');
  });

  it('handles clients that disconnect in the meantime', async () => {
    await using tls = await start({ auto: true });
    const gone = dial(tls.host.port);
    await once(gone, 'connect');
    gone.resetAndDestroy();
    assert.equal((await tls.refusal()).message, 'closed before any data');
    await using plain = await Wire.connect(tls.host.port, XTERM);
    await plain.expect('33 90\r\n');
  });
});

/** Answers when the client has sent everything. */
async function finished(session: Session): Promise<void> {
  let text = '';
  session.on('data', chunk => {
    text += chunk;
  });
  await once(session, 'end');
  session.write(`you said ${text}`);
}

/** The first bytes of a real client. */
async function clientHello(): Promise<Buffer> {
  const { createServer } = await import('node:net');
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const client = connectTls({ port: (server.address() as { port: number }).port, host: '127.0.0.1' }).on(
    'error',
    () => {},
  );
  const [socket] = (await once(server, 'connection')) as [Socket];
  const [hello] = (await once(socket, 'data')) as [Buffer];
  client.destroy();
  socket.destroy();
  server.close();
  return hello;
}
