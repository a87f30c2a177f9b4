/** `--web`: the gateway in the command, in one process and with workers. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, it } from 'node:test';
import { connect as connectTls } from 'node:tls';
import bcrypt from 'bcryptjs';
import { runCommands } from '../support/clients/command-lines.ts';
import { ask, connectWeb, statusOf, TELNET } from '../support/clients/web-client.ts';
import { untilTrue } from '../support/leaks.ts';
import { selfSigned } from '../support/servers/certificates.ts';
import { type StartOptions, startServer, type TestServer } from '../support/servers/server.ts';

const directory = mkdtempSync(join(tmpdir(), 'telpty-web-'));
after(() => rmSync(directory, { recursive: true, force: true }));

const SHELL = ['sh', '-c', 'echo "user=$REMOTE_USER. from=$TELPTY_REMOTE_ADDRESS."; exec sh -i'];
const FORM = { 'content-type': 'application/x-www-form-urlencoded' };

async function startWeb(
  args: readonly string[],
  options: StartOptions = {},
): Promise<{ server: TestServer; port: number }> {
  const server = await startServer(['--web', '0', ...args], { program: SHELL, ...options });
  const [, url, port] = await server.waitForLog(/"url":"(https?:\/\/127\.0\.0\.1:(\d+)\/[^"]*)"/);
  await untilTrue(() => server.stdout.includes(`listening ${url}\n`));
  return { server, port: Number(port) };
}

const WORKERS = [[], ['--workers', '2']] as const;

for (const workers of WORKERS) {
  const how = workers.length === 0 ? 'in one process' : 'with workers';
  describe(`telpty serve --web ${how}`, { timeout: 600_000 }, () => {
    it('gives a browser a session, which is logged and counted as any other', async () => {
      const { server, port } = await startWeb([...workers, '--max-per-ip', '1']);
      await using _server = server;
      {
        await using wire = await connectWeb(port, { size: [90, 30] });
        await wire.expect('user=. from=127.0.0.1.');
        await server.waitForLog(/session 1 started: 127\.0\.0\.1:\d+ sh, \S+ 90x30/);
        await using second = await connectWeb(port);
        await second.expect('too many sessions from your address');
        await second.untilClose();
        wire.type('exit 3\r');
        await wire.untilClose();
        assert.deepEqual(wire.end, { code: 1000, reason: '' });
      }
      await server.waitForLog(/session 1 ended: .*exit 3/);
    });

    it('drains: the page goes, the session stays until it ends', async () => {
      const { server, port } = await startWeb([...workers, '--drain-timeout', '30s']);
      await using wire = await connectWeb(port);
      await wire.expect('user=');
      server.process.kill('SIGTERM');
      await wire.expect('shutting down');
      await assert.rejects(ask(port, '/config.json'), { code: 'ECONNREFUSED' });
      wire.type('exit\r');
      await wire.untilClose();
      assert.deepEqual(await server.exited, { code: 0, signal: null }, server.stderr);
    });

    it('takes the address of the client from a proxy, and refuses denied addresses', async () => {
      const { server, port } = await startWeb([
        ...workers,
        '--web-trust',
        '127.0.0.1',
        '--deny',
        '192.0.2.66',
        '--allow-root-program',
      ]);
      await using _server = server;
      {
        await using wire = await connectWeb(port, {
          headers: { 'x-forwarded-for': '192.0.2.1, 203.0.113.5, 127.0.0.1' },
        });
        await wire.expect('from=203.0.113.5.');
        await using denied = await connectWeb(port, { headers: { 'x-forwarded-for': '192.0.2.66' } });
        await denied.expect('not accepted');
        // A PROXY header, and a request after it.
        const socket = connect(port, '127.0.0.1');
        socket.write(`PROXY TCP4 192.0.2.66 192.0.2.2 1000 80\r\nGET /config.json HTTP/1.1\r\nHost: localhost\r\n\r\n`);
        await new Promise(resolve =>
          socket
            .resume()
            .on('error', () => {})
            .once('close', resolve),
        );
        const other = connect(port, '127.0.0.1');
        other.write(`PROXY TCP4 192.0.2.67 192.0.2.2 1000 80\r\nGET /config.json HTTP/1.1\r\nHost: localhost\r\n\r\n`);
        const [answer] = (await once(other, 'data')) as [Buffer];
        assert.match(String(answer), /^HTTP\/1\.1 200 /);
        other.destroy();
      }
      await server.waitForLog(/refused: 192\.0\.2\.66:1000, denied/);
    });

    it('asks for a password, and reads the file again with SIGHUP', async () => {
      const file = join(directory, 'passwords');
      const users = (text: string) => writeFileSync(file, `ada:${bcrypt.hashSync(text, 4)}\n`);
      users('first');
      const { server, port } = await startWeb([...workers, '--web-password', file, '--web-base', '/term']);
      await using _server = server;
      const logIn = async (password: string, localAddress = '127.0.0.1') => {
        const answer = await ask(port, '/term/login', {
          method: 'POST',
          headers: FORM,
          localAddress,
          body: `name=ada&password=${password}`,
        });
        return { ...answer, cookie: answer.headers['set-cookie']?.[0]?.split(';')[0] ?? '' };
      };
      const { cookie, text } = await logIn('first');
      const options = {
        path: '/term/ws',
        headers: { cookie },
        protocols: [TELNET, `telpty.token.${JSON.parse(text).token}`],
      };
      {
        // Each connection may reach another worker.
        await using wire = await connectWeb(port, options);
        await using other = await connectWeb(port, options);
        await wire.expect('user=ada.');
        await other.expect('user=ada.');
        await server.waitForLog(/"user":"ada".*session \d started/);
      }
      // A logout counts in all processes, and so do failures.
      const other = await logIn('first');
      const out = {
        headers: { cookie: other.cookie },
        path: '/term/ws',
        protocols: [TELNET, `telpty.token.${JSON.parse(other.text).token}`],
      };
      assert.equal(await statusOf(port, out), 101);
      await ask(port, '/term/logout', { method: 'POST', headers: out.headers });
      assert.equal(await statusOf(port, out), 401);
      // The lock ends 2 s after the last failure. If this process took longer, another address is tried.
      let locked: number[];
      let began: number;
      let address = 3;
      do {
        for (let attempt = 0; attempt < 4; attempt++) {
          began = performance.now();
          assert.equal((await logIn('wrong', `127.0.0.${address}`)).status, 401);
        }
        locked = [];
        while (locked.length < 4) locked.push((await logIn('first', `127.0.0.${address}`)).status);
        address++;
      } while (performance.now() - began! > 1_900);
      assert.deepEqual(locked, [429, 429, 429, 429]);
      assert.equal(await statusOf(port, options), 101);
      users('second');
      server.process.kill('SIGHUP');
      await server.waitForLog(/reloaded: .*web passwords/);
      assert.equal(await statusOf(port, options), 401);
      assert.equal((await logIn('second')).status, 200);
      writeFileSync(file, 'nonsense\n');
      server.process.kill('SIGHUP');
      await server.waitForLog(/not reloaded, nothing was changed: --web-password: .*line 1/);
      assert.equal((await logIn('second')).status, 200);
    });

    it('lets operators read the recordings of all sessions, whichever process answers', async () => {
      const folder = mkdtempSync(join(directory, 'recordings-'));
      const file = join(directory, 'operators');
      writeFileSync(file, ['ada', 'bob'].map(user => `${user}:${bcrypt.hashSync(user, 4)}\n`).join(''));
      const options = ['--record', folder, '--web-password', file, '--web-recordings', '--web-operators', 'ada'];
      const { server, port } = await startWeb([...workers, ...options]);
      await using _server = server;
      const logIn = async (user: string) => {
        const body = `name=${user}&password=${user}`;
        const { headers, text } = await ask(port, '/login', { method: 'POST', headers: FORM, body });
        return { cookie: headers['set-cookie']![0]!.split(';')[0]!, 'telpty-token': JSON.parse(text).token as string };
      };
      const [ada, bob] = [await logIn('ada'), await logIn('bob')];
      {
        const protocols = [TELNET, `telpty.token.${bob['telpty-token']}`];
        await using wire = await connectWeb(port, { headers: { cookie: bob.cookie }, protocols });
        await wire.expect('user=bob.');
        wire.type('exit\r');
        await wire.untilClose();
      }
      // The thread that writes it gives it its name.
      await untilTrue(() => readdirSync(folder).some(name => name.endsWith('.cast')));
      for (let request = 0; request < 4; request++) {
        const { text } = await ask(port, '/recordings.json', { headers: ada });
        const [{ name, user, address, program }] = JSON.parse(text).recordings;
        assert.deepEqual([user, address], ['bob', '127.0.0.1']);
        assert.match(program, /^sh -c/);
        const recording = `/recordings/${name}`;
        const { status, text: piece } = await ask(port, recording, { headers: { ...ada, range: 'bytes=0-' } });
        assert.equal(status, 206);
        assert.match(piece, /user=bob\./);
        assert.equal((await ask(port, recording, { headers: { ...bob, range: 'bytes=0-' } })).status, 403);
      }
      await server.waitForLog(/web: recording opened: \S+-session-1\.cast by ada from 127\.0\.0\.1/);
    });

    it('speaks HTTPS with --tls-cert, under the names of the certificate, and takes a new one with SIGHUP', async () => {
      using certificate = selfSigned('DNS:play.example.org,IP:127.0.0.1');
      const tls = ['--tls-cert', certificate.certFile, '--tls-key', certificate.keyFile];
      const { server, port } = await startWeb([...workers, ...tls]);
      await using _server = server;
      {
        await using wire = await connectWeb(port, {
          isSecure: true,
          headers: { host: 'play.example.org', origin: 'https://play.example.org' },
        });
        await wire.expect('user=');
        assert.equal(await statusOf(port, { isSecure: true, headers: { host: 'evil.example' } }), 403);
        const issuer = async () => {
          const socket = connectTls({ port, host: '127.0.0.1', rejectUnauthorized: false });
          await once(socket, 'secureConnect');
          const { fingerprint256 } = socket.getPeerCertificate();
          socket.destroy();
          return fingerprint256;
        };
        const first = await issuer();
        using newer = selfSigned('DNS:play.example.org,IP:127.0.0.1');
        writeFileSync(certificate.certFile, newer.cert);
        writeFileSync(certificate.keyFile, newer.key);
        server.process.kill('SIGHUP');
        await server.waitForLog(/reloaded: .*certificates/);
        assert.notEqual(await issuer(), first);
        wire.type('echo still here\r');
        await wire.expect(/[^o] ?still here\r\n/);
      }
    });
  });
}

describe('the options of --web', { timeout: 600_000 }, () => {
  it('are refused if the login shell could be reached, or if they have no effect', () => {
    const cases: [args: readonly string[], words: RegExp][] = [];
    const refused = (args: readonly string[], words: RegExp) => cases.push([args, words]);
    refused(['--web', '0'], /^telpty: --web: .*name a PROGRAM, or use --local-user any/);
    refused(['--web', 'x', '--', 'cat'], /^telpty: --web: 'x' is not \[ADDR:\]PORT/);
    refused(['--web', '6023', '--', 'cat'], /^telpty: --web: 6023 is the port of Telnet clients/);
    refused(['--web-base', '/x', '--', 'cat'], /^telpty: --web-base: needs --web/);
    refused(['--web-trust', '10.0.0.0/8', '--', 'cat'], /^telpty: --web-trust: needs --web/);
    refused(['--web', '0', '--web-base', 'x y', '--', 'cat'], /^telpty: --web-base: /);
    refused(
      ['--web', '0', '--web-origin', 'example.org', '--', 'cat'],
      /^telpty: --web-origin: 'example.org' is not an origin/,
    );
    refused(
      ['--web', '0', '--web-user-header', 'X-User', '--', 'cat'],
      /^telpty: --web-user-header: needs --web-trust/,
    );
    refused(
      ['--web', '0.0.0.0:0', '--web-password', 'x', '--', 'cat'],
      /^telpty: --web-password: .*passwords need TLS/,
    );
    const users = ['--web-password', '/nonexistent/users'];
    const operators = ['--web-operators', 'ada'];
    const web = ['--web', '0'];
    for (const [args, words] of [
      [['--web-recordings'], 'web-recordings: needs --web'],
      [operators, 'web-operators: needs --web'],
      [[...web, ...users, ...operators, '--web-recordings'], 'web-recordings: needs --record'],
      [[...web, ...users, '--record', 'd', '--web-recordings'], 'web-recordings: needs --web-operators'],
      [[...web, '--record', 'd', ...operators, '--web-recordings'], 'web-operators: needs --web-password or'],
      [[...web, ...users, ...operators], 'web-operators: needs --web-recordings'],
      [[...web, ...users, '--web-operators', 'a b'], "web-operators: 'a b' is not the name of a user"],
    ] as const) {
      refused([...args, '--', 'cat'], new RegExp(`^telpty: --${words}`));
    }
    refused(['--web', '0', '--local-user', 'same', '--web-trust', '::1', '--', 'cat'], /^telpty: --web-trust: /);
    const results = runCommands(cases.map(([args]) => ['serve', ...args]));
    for (const [index, [, words]] of cases.entries()) {
      const { status, stderr } = results[index]!;
      assert.deepEqual([status, words.test(stderr), stderr.split('\n').length], [2, true, 2], stderr);
    }
  });

  it('--port none serves browsers only', async () => {
    const server = await import('../support/servers/server.ts').then(
      ({ TestServer }) => new TestServer(['--port', 'none', '--web', '0'], { program: SHELL }),
    );
    const [, port] = await server.waitForLog(/"url":"http:\/\/127\.0\.0\.1:(\d+)\/"/);
    assert.doesNotMatch(server.stdout, /telnet/);
    {
      await using wire = await connectWeb(Number(port));
      await wire.expect('user=');
    }
    await server.stop();
  });
});
