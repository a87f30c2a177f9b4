/** The page, its configuration, and sessions over WebSockets. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { createServer as createHttpServer, type IncomingMessage } from 'node:http';
import { type AddressInfo, connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, it } from 'node:test';
import { createServer, limit, ptyShell, TelptyError } from '../../src/index.ts';
import { createWebGateway } from '../../src/web/index.ts';
import { ask, connectWeb, frame, statusOf, TELNET } from '../support/clients/web-client.ts';
import { untilTrue } from '../support/leaks.ts';
import { startWeb } from './support.ts';

const page = mkdtempSync(join(tmpdir(), 'telpty-page-'));
after(() => rmSync(page, { recursive: true, force: true }));
mkdirSync(join(page, 'assets'));
writeFileSync(
  join(page, 'index.html'),
  '<!doctype html><title>x</title><script src="assets/app-ABCDEFGH.js"></script>',
);
writeFileSync(join(page, 'assets', 'app-ABCDEFGH.js'), `// ${'long '.repeat(1_000)}\n`);
symlinkSync('/etc/passwd', join(page, 'link.txt'));

const SHELL = { shell: ptyShell('/bin/sh', ['-i']) };
const script = (text: string) => ({ shell: ptyShell('/bin/sh', ['-c', text]) });

describe('a session over a WebSocket', { timeout: 600_000 }, () => {
  it('is an ordinary session: keys, size, terminal type, character set', async () => {
    await using host = await startWeb(SHELL);
    await using wire = await connectWeb(host.port, { ttype: ['xterm-256color'], size: [101, 37], charset: 'UTF-8' });
    wire.type('stty size; echo $TERM\r');
    await wire.expect('37 101');
    await wire.expect('xterm-256color');
    wire.resize(60, 20);
    wire.type('stty size\r');
    await wire.expect('20 60');
    wire.type('echo "[人ä]"\r');
    await wire.expect(/[^"]\[人ä\]/);
  });

  it('has the address of the client as its peer, and ends with code 1000 when the program ends', async () => {
    await using host = await startWeb(script('echo $TELPTY_REMOTE_ADDRESS; read x'));
    await using wire = await connectWeb(host.port);
    await wire.expect('127.0.0.1');
    const [session] = host.server.sessions;
    assert.equal(session?.peer?.kind, 'ip');
    assert.equal(session?.remoteAddress, '127.0.0.1');
    wire.type('\r');
    await wire.untilClose();
    assert.deepEqual(wire.end, { code: 1000, reason: '' });
    await untilTrue(() => host.gateway.connections === 0);
  });

  it('is hung up when the page is closed', async () => {
    await using host = await startWeb(SHELL);
    await using wire = await connectWeb(host.port);
    const ended = once(host.server, 'session-end');
    await wire.expect(/[#$] /);
    const [session] = host.server.sessions;
    wire.webSocket.close(1001);
    await ended;
    assert.equal(session!.link.ending.cause, 'client-closed');
  });

  it('ends with code 1001 when the server shuts down, and no more are accepted', async () => {
    await using host = await startWeb({ shell: ptyShell('/bin/cat') });
    await using wire = await connectWeb(host.port);
    const [session] = host.server.sessions;
    await once(session!, 'started');
    const drained = host.server.drain();
    assert.equal(await statusOf(host.port), 503);
    await host.server.shutdown();
    await drained;
    await wire.untilClose();
    assert.deepEqual(wire.end, { code: 1001, reason: 'shutdown' });
  });

  it('counts for limits, and a refused client reads the reason', async () => {
    await using host = await startWeb({ ...SHELL, use: [limit({ maxPerAddress: 1 })] });
    await using first = await connectWeb(host.port);
    await first.expect(/[#$] /);
    await using second = await connectWeb(host.port);
    await second.expect('too many sessions from your address');
    await second.untilClose();
    assert.equal(second.end?.code, 1000);
  });

  it('speaks Telnet with the subprotocol, with binary and without one, and refuses others', async () => {
    await using host = await startWeb(SHELL);
    for (const [protocols, chosen] of [
      [[TELNET], TELNET],
      [['binary'], 'binary'],
      [['other', 'binary', TELNET], TELNET],
      [[], ''],
    ] as const) {
      await using wire = await connectWeb(host.port, { protocols });
      assert.equal(wire.webSocket.protocol, chosen);
      await wire.expectNegotiation(253, 24);
    }
    assert.equal(await statusOf(host.port, { protocols: ['gmcp.mudstandards.org', 'other'] }), 400);
    assert.equal(await statusOf(host.port, { protocols: Array.from({ length: 17 }, (_, n) => `p${n}`) }), 400);
    assert.deepEqual(new Set(host.refused.map(({ reason }) => reason)), new Set(['web']));
  });

  it('needs a valid handshake', async () => {
    await using host = await startWeb(SHELL);
    const key = 'AAAAAAAAAAAAAAAAAAAAAA==';
    const valid = {
      upgrade: 'websocket',
      connection: 'Upgrade',
      'sec-websocket-version': '13',
      'sec-websocket-key': key,
    };
    const statusWith = async (headers: Readonly<Record<string, string>>) => {
      const socket = connect(host.port, '127.0.0.1');
      const lines = Object.entries({ host: 'localhost', ...headers }).map(([name, value]) => `${name}: ${value}`);
      socket.write(`GET /ws HTTP/1.1\r\n${lines.join('\r\n')}\r\n\r\n`);
      const [answer] = (await once(socket, 'data')) as [Buffer];
      socket.destroy();
      return String(answer);
    };
    assert.match(
      await statusWith(valid),
      /^HTTP\/1\.1 101 [\s\S]*Sec-WebSocket-Accept: ICX\+Yqv66kxgM0FcWaLWlFLwTAI=\r\n/,
    );
    for (const wrong of [
      { ...valid, upgrade: 'h2c' },
      { ...valid, 'sec-websocket-version': '8' },
      { ...valid, 'sec-websocket-key': 'AAAA' },
      { ...valid, 'sec-websocket-key': '' },
    ]) {
      assert.match(
        await statusWith(wrong),
        /^HTTP\/1\.1 426 [\s\S]*Sec-WebSocket-Version: 13\r\n/,
        JSON.stringify(wrong),
      );
    }
  });

  it('does not lose what a client sends with its request', async () => {
    await using host = await startWeb({
      async shell(session) {
        session.on('data', data => session.write(data));
        await once(session, 'close');
      },
    });
    const socket = connect(host.port, '127.0.0.1');
    let received = '';
    socket.on('data', data => {
      received += data.toString('latin1');
    });
    const headers = 'Host: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13';
    const key = 'Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==';
    const sent = Buffer.concat([frame(0x82, Buffer.from('first ')), frame(0x82, Buffer.from('second'))]);
    socket.write(Buffer.concat([Buffer.from(`GET /ws HTTP/1.1\r\n${headers}\r\n${key}\r\n\r\n`), sent]));
    await untilTrue(() => received.includes('first second'));
    socket.write(frame(0x82, Buffer.from(' third')));
    await untilTrue(() => received.includes(' third'));
    socket.destroy();
  });

  it('does not take text messages', async () => {
    await using host = await startWeb(SHELL);
    await using wire = await connectWeb(host.port);
    wire.webSocket.send('text');
    await wire.untilClose();
    assert.equal(wire.end?.code, 1003);
  });
});

describe('a session without Telnet (terminal.mudstandards.org)', { timeout: 600_000 }, () => {
  const TERMINAL = { protocols: ['terminal.mudstandards.org'] };

  /** A client that sees what a user would see. */
  async function connectTerminal(port: number) {
    const { webSocket } = await connectWeb(port, { ...TERMINAL, silent: true });
    let screen = Buffer.alloc(0);
    webSocket.on('message', (data, isBinary) => {
      assert.ok(isBinary);
      screen = Buffer.concat([screen, data as Buffer]);
    });
    return {
      webSocket,
      screen: () => screen,
      expect: (text: string) => untilTrue(() => screen.includes(text)),
      [Symbol.asyncDispose]: async () => {
        webSocket.terminate();
      },
    };
  }

  it('is a terminal of 80×24 with UTF-8, and messages may be text', async () => {
    await using host = await startWeb({
      shell: ptyShell('/bin/sh', ['-c', 'stty size; echo $TERM; read x; echo "[$x]"']),
    });
    await using user = await connectTerminal(host.port);
    assert.equal(user.webSocket.protocol, 'terminal.mudstandards.org');
    await user.expect('24 80\r\nxterm-256color\r\n');
    user.webSocket.send(Buffer.from('bin人 '));
    user.webSocket.send('text人\r');
    await user.expect('[bin人 text人]\r\n');
    await untilTrue(() => user.webSocket.readyState === user.webSocket.CLOSED);
    assert.deepEqual(user.screen().toString(), '24 80\r\nxterm-256color\r\nbin人 text人\r\n[bin人 text人]\r\n');
  });

  it('carries all bytes as they are, both ways', async () => {
    const all = Buffer.from(Array.from({ length: 1_024 }, (_, index) => index % 256));
    await using host = await startWeb({
      shell: ptyShell('/bin/sh', ['-c', 'stty raw -echo; echo ready; exec head -c 1024']),
    });
    await using user = await connectTerminal(host.port);
    await user.expect('ready\n');
    user.webSocket.send(all);
    await untilTrue(() => user.screen().length >= 6 + all.length);
    assert.deepEqual(user.screen().subarray(6), all);
  });

  it('prefers Telnet if the client offers both', async () => {
    await using host = await startWeb(SHELL);
    await using wire = await connectWeb(host.port, { protocols: ['terminal.mudstandards.org', TELNET] });
    assert.equal(wire.webSocket.protocol, TELNET);
  });
});

describe('the page', { timeout: 600_000 }, () => {
  it('is served from the files of its folder, and nothing else is', async () => {
    await using host = await startWeb(SHELL, { page, base: '/term/' });
    const { status, headers, text } = await ask(host.port, '/term/');
    assert.equal(status, 200);
    assert.match(text, /<!doctype html>/);
    assert.equal(headers['content-type'], 'text/html; charset=utf-8');
    assert.equal((await ask(host.port, '/term/index.html?x=1')).status, 200);
    for (const path of [
      '/term/link.txt',
      '/term/x',
      '/term/assets',
      '/term/assets/',
      '/term/../term/',
      '/',
      '/other',
    ]) {
      assert.equal((await ask(host.port, path)).status, 404, path);
    }
    const moved = await ask(host.port, '/term');
    assert.deepEqual([moved.status, moved.headers.location], [308, '/term/']);
    assert.equal((await ask(host.port, '/term/', { method: 'POST' })).status, 405);
    const head = await ask(host.port, '/term/', { method: 'HEAD' });
    assert.deepEqual([head.status, head.text, head.headers['content-length']], [200, '', headers['content-length']]);
  });

  it('is compressed and cached: files with a hash permanently, others by their tag', async () => {
    await using host = await startWeb(SHELL, { page });
    const script = await ask(host.port, '/assets/app-ABCDEFGH.js');
    assert.match(script.headers['cache-control']!, /immutable/);
    const response = await fetch(`http://127.0.0.1:${host.port}/assets/app-ABCDEFGH.js`, {
      headers: { 'accept-encoding': 'gzip, br' },
    });
    assert.equal(response.headers.get('content-encoding'), 'br');
    assert.ok(Number(response.headers.get('content-length')) < 200);
    assert.equal(await response.text(), script.text);
    const first = await ask(host.port, '/');
    assert.equal(first.headers['cache-control'], 'no-cache');
    const again = await ask(host.port, '/', { headers: { 'if-none-match': first.headers.etag! } });
    assert.deepEqual([again.status, again.text], [304, '']);
  });

  it('is not cached permanently where a name only looks as if it had a hash', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'telpty-page-'));
    const names = {
      permanent: ['app-4F2KQ7ZD.js', 'app.0f3a9c1be2d4.js', 'index-BxY3k_9a.css'],
      asked: ['my-settings.js', 'jquery.terminal.js', 'addon-unicode11.js', 'photo-20261202.png', 'app.js'],
    };
    for (const name of ['index.html', ...names.permanent, ...names.asked]) writeFileSync(join(folder, name), '');
    await using host = await startWeb(SHELL, { page: folder });
    rmSync(folder, { recursive: true });
    const caching = async (name: string) => (await ask(host.port, `/${name}`)).headers['cache-control'];
    for (const name of names.permanent) assert.equal(await caching(name), 'public, max-age=31536000, immutable', name);
    for (const name of names.asked) assert.equal(await caching(name), 'no-cache', name);
  });

  it('has a configuration with its title', async () => {
    await using host = await startWeb(SHELL, { title: 'Nethack "x"' });
    const { headers, text } = await ask(host.port, '/config.json');
    assert.equal(headers['cache-control'], 'no-store');
    const { version, title, login, isAllowed, user } = JSON.parse(text);
    assert.deepEqual(
      { version, title, login, isAllowed, user },
      { version: 1, title: 'Nethack "x"', login: 'none', isAllowed: true, user: null },
    );
  });

  it('cannot be a folder without a page', () => {
    const server = createServer(SHELL);
    const fails = (folder: string, words: RegExp) =>
      assert.throws(
        () => createWebGateway({ server, page: folder }),
        (error: unknown) => error instanceof TelptyError && error.code === 'ERR_RUNTIME' && words.test(error.message),
      );
    fails(join(page, 'assets'), /has no index\.html/);
    fails(join(page, 'none'), /cannot be read \(ENOENT\)/);
  });
});

describe('a gateway in the HTTP server of an application', { timeout: 600_000 }, () => {
  it('takes its own paths and leaves the others', async () => {
    const server = createServer(SHELL);
    await using gateway = createWebGateway({ server, base: '/term/', page });
    const http = createHttpServer((request, response) => {
      if (!gateway.handleRequest(request, response)) response.end('application');
    });
    gateway.attach(http);
    http.listen(0, '127.0.0.1');
    await once(http, 'listening');
    const { port } = http.address() as AddressInfo;
    assert.equal((await ask(port, '/')).text, 'application');
    assert.match((await ask(port, '/term/')).text, /doctype/);
    assert.equal(await statusOf(port, { path: '/ws' }), 404);
    await using wire = await connectWeb(port, { path: '/term/ws' });
    await wire.expect(/[#$] /);
    http.close();
    await server.shutdown();
    await wire.untilClose();
    await untilTrue(() => !http.listening);
  });

  it('answers 500 if the application cannot decide who may connect, and reports the error', async () => {
    const failure = new Error('the database is gone');
    await using host = await startWeb(SHELL, { authenticate: () => Promise.reject(failure) });
    assert.equal((await ask(host.port, '/config.json')).status, 500);
    assert.equal(await statusOf(host.port), 500);
    assert.deepEqual(host.errors, [failure, failure]);
    assert.equal(host.server.sessions.size, 0);
  });

  it('asks the application who may connect, and programs find the name in REMOTE_USER', async () => {
    const authenticate = async ({ headers }: IncomingMessage) => headers.authorization;
    await using host = await startWeb(script('echo user=$REMOTE_USER.; read x'), { authenticate });
    assert.equal(await statusOf(host.port), 401);
    assert.equal(await statusOf(host.port, { headers: { authorization: 'a b' } }), 401);
    assert.equal(JSON.parse((await ask(host.port, '/config.json')).text).isAllowed, false);
    await using wire = await connectWeb(host.port, { headers: { authorization: 'ada' } });
    await wire.expect('user=ada.');
    const [session] = host.server.sessions;
    assert.deepEqual(session!.peer?.kind === 'ip' && session!.peer.user, 'ada');
  });
});
