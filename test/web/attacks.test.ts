/** Attacks on the web gateway: by pages of other sites, by broken clients, and by many of them. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { connect, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, it } from 'node:test';
import { deflateRawSync } from 'node:zlib';
import bcrypt from 'bcryptjs';
import { limit, ptyShell } from '../../src/index.ts';
import { ask, connectRaw, connectWeb, frame, statusOf } from '../support/clients/web-client.ts';
import { untilTrue } from '../support/leaks.ts';
import { startWeb } from './support.ts';

const directory = mkdtempSync(join(tmpdir(), 'telpty-attacks-'));
after(() => rmSync(directory, { recursive: true, force: true }));

const CAT = { shell: ptyShell('/bin/cat') };
const [BINARY, CONTINUATION, TEXT, PING] = [0x82, 0x80, 0x81, 0x89] as const;

/** The close code in the last frame that the server sent. */
const closeCode = (received: Buffer) => received.readUInt16BE(received.lastIndexOf(0x88) + 2);

describe('a page of another site', { timeout: 600_000 }, () => {
  it('cannot connect: Origin must be that of the server, or one that is configured', async () => {
    await using host = await startWeb(CAT, { origins: ['https://play.example.org'] });
    const own = `http://127.0.0.1:${host.port}`;
    for (const [origin, status] of [
      [own, 101],
      ['https://play.example.org', 101],
      [own.replace('http', 'https'), 403],
      [`http://127.0.0.1:${host.port + 1}`, 403],
      ['http://127.0.0.1', 403],
      ['https://play.example.org.evil.example', 403],
      ['https://evil.example', 403],
      ['null', 403],
      ['', 403],
    ] as const) {
      assert.equal(await statusOf(host.port, { headers: { origin } }), status, origin);
    }
    assert.ok(host.refused.every(({ reason }) => reason === 'web'));
  });

  it('is distinguished from a page of this server, also behind a proxy that adds the default port to Host', async () => {
    await using host = await startWeb(CAT, { hosts: ['bench'], trustedProxies: ['127.0.0.1'] });
    for (const [scheme, name, origin, status] of [
      ['https', 'bench:443', 'https://bench', 101],
      ['https', 'bench', 'https://bench', 101],
      ['https', 'bench:443', 'https://bench:444', 403],
      ['https', 'bench:443', 'http://bench', 403],
      ['https', 'bench:80', 'https://bench', 403],
      ['http', 'bench:80', 'http://bench', 101],
      ['http', '[::1]:80', 'http://[::1]', 101],
      ['http', 'bench:99999', 'http://bench', 403],
    ] as const) {
      const headers = { host: name, origin, 'x-forwarded-proto': scheme };
      assert.equal(await statusOf(host.port, { headers }), status, `${scheme} ${name} ${origin}`);
    }
  });

  it('is distinguished from a page of this server whose name ends with a dot', async () => {
    const options = { origins: ['https://play.example.org', 'https://dot.example.:8443'], hosts: ['bench.'] };
    await using host = await startWeb(CAT, options);
    for (const [name, origin, status] of [
      ['localhost.:8080', 'http://localhost.:8080', 101],
      // Proxies such as nginx remove the dot.
      ['localhost:8080', 'http://localhost.:8080', 101],
      ['localhost.:8080', 'http://localhost:8080', 101],
      ['bench', 'http://bench.', 101],
      ['play.example.org.', 'https://play.example.org.', 101],
      ['play.example.org', 'https://play.example.org.', 101],
      ['dot.example:8443', 'https://dot.example:8443', 101],
      ['localhost.:8080', 'http://localhost.:8081', 403],
      ['localhost.', 'http://evil.example.', 403],
      ['evil.example.', 'http://evil.example.', 403],
      ['localhost..', 'http://localhost..', 403],
      ['.', 'http://.', 403],
    ] as const) {
      assert.equal(await statusOf(host.port, { headers: { host: name, origin } }), status, `${name} ${origin}`);
    }
  });

  it('cannot use its own name for this server (DNS rebinding): Host must be a name of the server', async () => {
    await using host = await startWeb(CAT, { origins: ['https://play.example.org'], hosts: ['bench'] });
    const { port } = host;
    for (const [name, status] of [
      [`127.0.0.1:${port}`, 101],
      [`localhost:${port}`, 101],
      ['[::1]', 101],
      ['bench:80', 101],
      ['PLAY.example.org', 101],
      ['evil.example', 403],
      [`evil.example:${port}`, 403],
      ['192.0.2.1', 403],
      ['127.0.0.1.evil.example', 403],
      ['localhost evil.example', 403],
      ['evil.example@localhost', 403],
    ] as const) {
      const origin = `http://${name}`;
      assert.equal(await statusOf(port, { headers: { host: name, origin: origin.toLowerCase() } }), status, name);
      const page = await ask(port, '/config.json', { headers: { host: name } });
      assert.equal(page.status, status === 101 ? 200 : 403, name);
    }
    const socket = connect(port, '127.0.0.1');
    socket.write('GET /config.json HTTP/1.1\r\nHost: localhost\r\nHost: evil.example\r\nConnection: close\r\n\r\n');
    const [answer] = (await once(socket, 'data')) as [Buffer];
    assert.match(String(answer), /^HTTP\/1\.1 (?:400|403) /);
    socket.destroy();
  });

  it('cannot show the page in a frame, and the page loads nothing from elsewhere', async () => {
    await using host = await startWeb(CAT);
    const { headers } = await ask(host.port, '/config.json');
    const policy = headers['content-security-policy'] as string;
    assert.match(policy, /^default-src 'none'; script-src 'self'; /);
    assert.match(policy, /; frame-ancestors 'none'$/);
    assert.doesNotMatch(policy, /unsafe-eval|script-src[^;]*unsafe|\*/);
    assert.equal(headers['x-frame-options'], 'DENY');
    assert.equal(headers['x-content-type-options'], 'nosniff');
    assert.equal(headers['referrer-policy'], 'no-referrer');
    assert.equal(headers['cross-origin-opener-policy'], 'same-origin');
    await using framed = await startWeb(CAT, { frameAncestors: ["'self'", 'https://example.org'] });
    const other = await ask(framed.port, '/config.json');
    assert.match(String(other.headers['content-security-policy']), /frame-ancestors 'self' https:\/\/example\.org$/);
    assert.equal(other.headers['x-frame-options'], undefined);
  });

  it('cannot put anything into our headers', async () => {
    await using host = await startWeb(CAT);
    for (const path of [
      '/%0d%0aSet-Cookie:x=1',
      '/?a=%0d%0aX:1',
      '//evil.example/',
      '/\\evil.example/',
      '/..%2f..%2fetc/passwd',
    ]) {
      const { status, headers } = await ask(host.port, path);
      assert.ok([404, 503].includes(status), `${path}: ${status}`);
      assert.equal(headers['set-cookie'], undefined);
      assert.equal(headers.location, undefined);
    }
    assert.equal(await statusOf(host.port, { headers: { origin: 'http://x;y, z' } }), 403);
    assert.ok(!host.refused.some(({ message }) => /[\r\n]/.test(message)));
  });
});

describe('frames', { timeout: 600_000 }, () => {
  const cases: readonly (readonly [name: string, bytes: Buffer, code: number])[] = [
    ['without a mask', frame(BINARY, Buffer.from('x'), { isMasked: false }), 1002],
    ['that announce 1 GiB', frame(BINARY, Buffer.alloc(10), { length: 2 ** 30 }), 1009],
    ['that announce 2^63 bytes', frame(BINARY, Buffer.alloc(10), { length: 2 ** 53 - 1 }), 1009],
    ['of more than 64 KiB', frame(BINARY, Buffer.alloc(64 * 1024 + 1)), 1009],
    [
      'of one message in more than 64 KiB',
      Buffer.concat([frame(0x02, Buffer.alloc(40_000)), frame(CONTINUATION, Buffer.alloc(40_000))]),
      1009,
    ],
    ['that are compressed', frame(0xc2, deflateRawSync(Buffer.alloc(1_000_000))), 1002],
    ['of text', frame(TEXT, Buffer.from('x')), 1003],
    ['with an unknown opcode', frame(0x83, Buffer.from('x')), 1002],
    ['of control that are long', frame(PING, Buffer.alloc(126)), 1002],
    ['that continue nothing', frame(CONTINUATION, Buffer.from('x')), 1002],
  ];
  for (const [name, bytes, code] of cases) {
    it(`${name} end the connection with ${code}`, async () => {
      await using host = await startWeb(CAT);
      const { socket, received, closed } = await connectRaw(host.port);
      socket.write(bytes);
      await closed;
      assert.equal(closeCode(received()), code);
      await untilTrue(() => host.server.sessions.size === 0);
      assert.deepEqual(host.errors, []);
    });
  }

  it('that are complete reach the program, however the network cuts them', async () => {
    await using host = await startWeb({
      async shell(session) {
        session.on('data', data => session.write(data));
        await once(session, 'close');
      },
    });
    const { socket, received, closed } = await connectRaw(host.port);
    for (const byte of frame(BINARY, Buffer.from('hello'))) {
      socket.write(Buffer.of(byte));
      await new Promise(setImmediate);
    }
    await untilTrue(() => received().includes('hello'));
    socket.destroy();
    await closed;
  });

  it('in thousands for one message are no more work than the bytes in them', async () => {
    await using host = await startWeb({
      shell: ptyShell('/bin/sh', ['-c', 'stty raw -echo; echo ready; head -c 5000 | wc -c']),
    });
    const { socket, received, closed } = await connectRaw(host.port);
    const pieces = Array.from({ length: 5_000 }, (_, index) => frame(index === 0 ? 0x02 : 0x00, Buffer.of(120)));
    await untilTrue(() => received().includes('ready'));
    socket.write(Buffer.concat(pieces));
    await untilTrue(() => received().includes('5000'));
    await closed;
  });

  it('of a client that pings in a loop and reads nothing are not all answered', async () => {
    await using host = await startWeb(CAT);
    const { socket, closed } = await connectRaw(host.port);
    socket.pause();
    const pings = Buffer.concat(Array.from({ length: 10_000 }, () => frame(PING, Buffer.alloc(100))));
    for (let n = 0; n < 100; n++) socket.write(pings);
    await untilTrue(() => socket.writableLength === 0, 240_000);
    const [session] = host.server.sessions;
    assert.equal(socket.destroyed, false);
    assert.ok(session!.unsent < 256 * 1024, `${session!.unsent} bytes are queued`);
    socket.destroy();
    await closed;
  });
});

/** Reads until the server closes the connection or resets it, which it does if it has not read everything. */
function untilClosed(socket: Socket): Promise<void> {
  return new Promise(resolve => {
    socket
      .on('error', () => {})
      .on('close', () => resolve())
      .resume();
  });
}

describe('many connections', { timeout: 600_000 }, () => {
  it('that send nothing, or their headers slowly, are closed when there are too many', async () => {
    await using host = await startWeb(CAT);
    const sockets = Array.from({ length: 600 }, () => connect(host.port, '127.0.0.1'));
    for (const socket of sockets) socket.on('error', () => {}).write('GET / HTTP/1.1\r\nHost: loc');
    await untilTrue(() => sockets.filter(({ closed }) => closed).length >= 88);
    assert.equal((await ask(host.port, '/config.json')).status, 200);
    for (const socket of sockets) socket.destroy();
  });

  const SHORT = { headersMs: 300, answerMs: 600, checkMs: 50 };

  it('of one address cannot take the places of the others', async () => {
    await using host = await startWeb(CAT);
    const other = connect({ port: host.port, host: '127.0.0.1', localAddress: '127.0.0.2' });
    other.on('error', () => {}).write('GET /config.json HTTP/1.1\r\nHost: loc');
    await untilTrue(() => !other.connecting);
    const sockets = Array.from({ length: 600 }, () => connect(host.port, '127.0.0.1'));
    for (const socket of sockets) socket.on('error', () => {}).write('GET / HTTP/1.1\r\nHost: loc');
    await untilTrue(() => sockets.filter(({ closed }) => closed).length >= 89);
    other.write('alhost\r\n\r\n');
    const [answer] = (await once(other, 'data')) as [Buffer];
    assert.match(String(answer), /^HTTP\/1\.1 200 /);
    for (const socket of [other, ...sockets]) socket.destroy();
  });

  /** Sends a byte again and again, until the server closes the connection. */
  async function drip(socket: Socket, byte: string): Promise<void> {
    const timer = setInterval(() => socket.write(byte), 20);
    await untilClosed(socket);
    clearInterval(timer);
  }

  it('are closed if the headers come too slowly, byte by byte', async () => {
    await using host = await startWeb(CAT, {}, { limits: SHORT });
    const socket = connect(host.port, '127.0.0.1');
    socket.write('GET / HTTP/1.1\r\nHost: localhost\r\nX: ');
    await drip(socket, 'x');
  });

  it('are closed if the body of a login comes too slowly', async () => {
    const passwordFile = join(directory, 'passwords');
    writeFileSync(passwordFile, `ada:${bcrypt.hashSync('secret', 4)}\n`);
    await using host = await startWeb(CAT, { passwordFile }, { limits: SHORT });
    const socket = connect(host.port, '127.0.0.1');
    const headers = 'Host: localhost\r\nContent-Type: application/x-www-form-urlencoded\r\nContent-Length: 2000';
    socket.write(`POST /login HTTP/1.1\r\n${headers}\r\n\r\nname=`);
    await drip(socket, 'x');
  });

  it('are closed if they do not read the answer', async () => {
    const page = join(directory, 'page');
    mkdirSync(page);
    writeFileSync(join(page, 'index.html'), 'x'.repeat(16 * 1024 * 1024));
    await using host = await startWeb(CAT, { page }, { limits: SHORT });
    const socket = connect(host.port, '127.0.0.1');
    // Paused: what the kernel has received is read after the end.
    socket.on('error', () => {}).pause();
    socket.write('GET / HTTP/1.1\r\nHost: localhost\r\n\r\n');
    await untilTrue(() => host.connections() === 1);
    await untilTrue(() => host.connections() === 0);
    socket.destroy();
  });

  it('are closed if they stay open without a request', async () => {
    await using host = await startWeb(CAT, {}, { limits: SHORT });
    const socket = connect(host.port, '127.0.0.1');
    socket.on('error', () => {}).write('GET /config.json HTTP/1.1\r\nHost: localhost\r\n\r\n');
    const [answer] = (await once(socket, 'data')) as [Buffer];
    assert.match(String(answer), /^HTTP\/1\.1 200 /);
    await untilClosed(socket);
  });

  it('are closed if they ask for a WebSocket and the application never decides', async () => {
    const authenticate = () => new Promise<string>(() => {});
    await using host = await startWeb(CAT, { authenticate }, { limits: SHORT });
    await assert.rejects(connectWeb(host.port), /socket hang up|ECONNRESET/);
    assert.equal(host.server.sessions.size, 0);
  });

  it('with long headers, many headers or an invalid request are closed', async () => {
    await using host = await startWeb(CAT);
    for (const request of [
      `GET / HTTP/1.1\r\nHost: localhost\r\nX: ${'x'.repeat(10_000)}\r\n\r\n`,
      `GET /${'x'.repeat(10_000)} HTTP/1.1\r\nHost: localhost\r\n\r\n`,
      'GET / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n',
      'nonsense\r\n\r\n',
    ]) {
      const socket = connect(host.port, '127.0.0.1');
      socket.write(request);
      await untilClosed(socket);
    }
  });

  it('that ask for a thousand WebSockets at once get what the limits allow, and leave nothing behind', async () => {
    await using host = await startWeb({ ...CAT, use: [limit({ maxSessions: 10 })] });
    const all = await Promise.allSettled(Array.from({ length: 1_000 }, () => connectWeb(host.port)));
    const open = all.flatMap(one => (one.status === 'fulfilled' ? [one.value] : []));
    await untilTrue(() => host.server.sessions.size <= 10);
    await untilTrue(() => open.filter(({ closed }) => !closed).length <= 10);
    await Promise.all(open.map(wire => wire.close()));
    await untilTrue(() => host.server.sessions.size === 0 && host.gateway.connections === 0);
    assert.deepEqual(host.errors, []);
  });

  it('that never read stop their programs, and cost no memory', async () => {
    await using host = await startWeb({ shell: ptyShell('/usr/bin/yes') });
    const { socket, closed } = await connectRaw(host.port);
    socket.pause();
    await untilTrue(() => host.server.sessions.size === 1);
    const [session] = host.server.sessions;
    let last = -1;
    await untilTrue(() => {
      const isQuiet = session!.bytesWritten > 0 && session!.bytesWritten === last;
      last = session!.bytesWritten;
      return isQuiet;
    });
    assert.ok(session!.unsent < 512 * 1024, `${session!.unsent} bytes are queued`);
    socket.destroy();
    await closed;
  });
});
