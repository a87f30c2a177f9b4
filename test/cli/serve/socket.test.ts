/** `telpty serve --socket`: a UNIX socket next to the port, or alone. */
import assert from 'node:assert/strict';
import { execFile, spawnSync } from 'node:child_process';
import { chmodSync, existsSync, lstatSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, it } from 'node:test';
import { promisify } from 'node:util';
import { runCommands } from '../../support/clients/command-lines.ts';
import { Wire, type WireOptions } from '../../support/clients/test-client.ts';
import { connectSecurely } from '../../support/clients/tls-client.ts';
import { untilTrue } from '../../support/leaks.ts';
import { selfSigned } from '../../support/servers/certificates.ts';
import { startServer } from '../../support/servers/server.ts';
import { requireRoot, requireTool } from '../../support/system/tools.ts';

const run = promisify(execFile);
const LIMIT = { timeout: 600_000 };
const XTERM: WireOptions = { ttype: ['xterm'], size: [80, 24] };
/** A user id without a name that no other test uses. */
const OTHER = 100_000 + process.pid;
const directory = mkdtempSync(join(tmpdir(), 'telpty-socket-'));
// Other users must be able to enter it.
chmodSync(directory, 0o755);
after(() => rmSync(directory, { recursive: true }));
let count = 0;
const newPath = () => join(directory, `socket-${count++}`);
const WHO = ['/bin/sh', '-c', 'echo "from $REMOTE_USER, address <$TELPTY_REMOTE_ADDRESS>."; read line; echo "<$line>"'];
const OWN_NAME = spawnSync('id', ['-un'], { encoding: 'utf8' }).stdout.trim();
const own = `unix:uid=${process.getuid!()},pid=${process.pid}`;

const VISIT = `import socket, sys
with socket.socket(socket.AF_UNIX) as client:
    client.connect(sys.argv[1])
    client.sendall(b"hello\\n")
    client.shutdown(socket.SHUT_WR)
    while received := client.recv(65536):
        sys.stdout.buffer.write(received)
`;

/** Connects to the server as another user. @returns what the client has read. */
async function visit(path: string, uid: number): Promise<string> {
  const words = [`--reuid=${uid}`, `--regid=${uid}`, '--clear-groups', '--', requireTool('python3'), '-c', VISIT, path];
  const { stdout } = await run('setpriv', words, { cwd: '/', encoding: 'latin1', timeout: 300_000 });
  return stdout;
}

/** Servers that cannot start. @returns the last line of each on standard error. */
function complaints(lines: readonly (readonly string[])[]): { status: number; line: string }[] {
  const results = runCommands(lines.map(args => ['serve', ...args, '--', '/bin/true']));
  return results.map(({ status, stderr }) => ({ status, line: stderr.trimEnd().split('\n').at(-1)! }));
}

describe('telpty serve --socket', LIMIT, () => {
  for (const workers of ['1', '2']) {
    it(`serves on the port and on the socket, and names the user (workers: ${workers})`, async () => {
      const path = newPath();
      const args = ['--socket', path, '--workers', workers, '--log-format', 'json', '--accept-env', 'LANGUAGE'];
      const limits = [
        '--max-per-ip',
        '1',
        '--connect-rate',
        '0.001',
        '--deny',
        '0.0.0.0/0,::/0',
        '--allow',
        '192.0.2.1',
      ];
      await using server = await startServer([...args, ...limits], { program: WHO });
      await untilTrue(() => server.stdout.includes('unix:'));
      assert.match(server.stdout, /^listening telnet:\/\/127\.0\.0\.1:\d+\nlistening unix:\S+\n$/);
      assert.ok(server.stdout.endsWith(`listening unix:${path}\n`), server.stdout);
      assert.equal(lstatSync(path).mode & 0o777, 0o600);
      // Guards by address do not apply to users of this machine.
      const wires = await Promise.all(Array.from({ length: 8 }, () => Wire.connectTo(path, XTERM)));
      for (const wire of wires) {
        await wire.expect(`from ${OWN_NAME}, address <>.\r\n`);
        wire.type('hello\r');
        await wire.expect('<hello>');
        await wire.untilClose();
      }
      await server.waitForLog(new RegExp(`session 1 started: ${own} `));
      await server.waitForLog(new RegExp(`session 8 ended: ${own} `));
      await using denied = await Wire.connect(server.port, XTERM);
      await denied.untilClose();
      await server.waitForLog(/refused: 127\.0\.0\.1:\d+, denied/);
      await server.stop();
      assert.equal(existsSync(path), false, 'the file is removed');
    });

    it(`accepts the users that the mode and --local-user permit, root like any other user (workers: ${workers})`, async () => {
      requireRoot();
      const path = newPath();
      const args = ['--port', 'none', '--socket', path, '--socket-mode', '0666', '--workers', workers];
      const options = { program: WHO };
      {
        await using server = await startServer([...args, '--log-format', 'json'], options);
        assert.equal(server.stdout, `listening unix:${path}\n`);
        assert.match(await visit(path, OTHER), new RegExp(`from ${OTHER}, address <>\\.`));
        await server.waitForLog(new RegExp(`session 1 started: unix:uid=${OTHER},pid=\\d+ `));
      }
      {
        await using server = await startServer([...args, '--local-user', 'same', '--log-format', 'json'], options);
        assert.match(await visit(path, OTHER), /^telpty: only the user that runs this server may connect/);
        await server.waitForLog(
          new RegExp(
            `refused: unix:uid=${OTHER},pid=\\d+, local-user: a connection of user ${OTHER}; the server is user 0`,
          ),
        );
        await using wire = await Wire.connectTo(path, XTERM);
        await wire.expect(`from ${OWN_NAME},`);
        wire.type('\r');
        await wire.untilClose();
      }
      const place = mkdtempSync(join(tmpdir(), 'telpty-own-'));
      chmodSync(place, 0o777);
      const wrapper = ['setpriv', `--reuid=${OTHER}`, `--regid=${OTHER}`, '--clear-groups', '--'];
      const login = ['--port', 'none', '--socket', join(place, 's'), '--workers', workers, '--log-format', 'json'];
      // Without a program it is the default: the login shell is for its own user.
      await using server = await startServer(login, { wrapper, cwd: '/' });
      server.onStopped(() => rmSync(place, { recursive: true }));
      await using root = await Wire.connectTo(join(place, 's'), XTERM);
      await root.expect('telpty: only the user that runs this server may connect');
      await server.waitForLog(new RegExp(`local-user: a connection of user 0; the server is user ${OTHER}`));
      await server.assertNoLeaks();
    });

    it(`does not use TLS if the port does (workers: ${workers})`, async () => {
      const path = newPath();
      using certificate = selfSigned('DNS:localhost');
      const tls = ['--tls-cert', certificate.certFile, '--tls-key', certificate.keyFile, '--log-format', 'json'];
      await using server = await startServer(['--socket', path, '--workers', workers, ...tls], { program: WHO });
      for (const wire of [await Wire.connectTo(path, XTERM), await connectSecurely(server.port, XTERM)]) {
        await wire.expect(/from \w*, address <(127\.0\.0\.1)?>\./);
        wire.type('x\r');
        await wire.expect('<x>');
        await wire.untilClose();
      }
    });

    it(`drains and reloads (workers: ${workers})`, async () => {
      const path = newPath();
      const args = ['--port', 'none', '--socket', path, '--workers', workers, '--drain-timeout', '1m'];
      await using server = await startServer([...args, '--log-format', 'json'], { program: WHO });
      await using wire = await Wire.connectTo(path, XTERM);
      await wire.expect('from ');
      server.process.kill('SIGHUP');
      await server.waitForLog(/reloaded: /);
      assert.doesNotMatch(server.stderr, /needs a restart/);
      server.process.kill('SIGTERM');
      await server.waitForLog(/draining: SIGTERM, 1 session/);
      await untilTrue(() => !existsSync(path));
      wire.type('bye\r');
      await wire.expect('<bye>');
      await wire.untilClose();
      assert.deepEqual(await server.exited, { code: 0, signal: null });
    });
  }

  it('makes clients wait while it has no descriptors', async () => {
    const path = newPath();
    const args = ['--port', 'none', '--socket', path, '--log-format', 'json'];
    await using server = await startServer(args, { program: WHO, descriptors: 100 });
    const wires = await Promise.all(Array.from({ length: 60 }, () => Wire.connectTo(path, XTERM)));
    await server.waitForLog(/out of descriptors: clients wait/);
    await Promise.all(
      wires.map(async wire => {
        await wire.expect('from ', { timeout: 300_000 });
        wire.type('x\r');
        await wire.untilClose(240_000);
      }),
    );
  });

  it('reports why it cannot listen', async () => {
    const path = newPath();
    const alone = ['--port', 'none', '--socket', path];
    {
      await using server = await startServer(alone, { program: WHO });
      assert.ok(server.pid > 0);
      const line = `telpty: --socket: a server listens on ${path} (choose another path)`;
      assert.deepEqual(complaints([alone]), [{ status: 1, line }]);
    }
    const file = newPath();
    writeFileSync(file, 'precious');
    const refused: [args: string[], status: number, words: RegExp][] = [
      [['--port', 'none', '--socket', file], 1, /exists and is not a socket, so it is not replaced/],
      [['--port', 'none', '--socket', `${path}/x/y`], 1, /the directory of .* does not exist/],
      [['--port', 'none'], 2, /^telpty: --port: none needs --socket/],
      [[...alone, '--tls-cert', 'x', '--tls-key', 'y'], 2, /^telpty: --tls-cert: needs a port/],
      [[...alone, '--proxy-protocol', '::1'], 2, /^telpty: --proxy-protocol: needs a port/],
      [[...alone, '--reuse-port'], 2, /^telpty: --reuse-port: needs a port/],
      [
        ['--socket', 'x'.repeat(200)],
        2,
        /^telpty: --socket: .* is too long for a UNIX socket \(at most 10[37] bytes\)/,
      ],
      [['--socket', '@'], 2, /^telpty: --socket: an abstract socket needs a name/],
      [[...alone, '--socket-mode', '1777'], 2, /^telpty: --socket-mode: '1777' is not a file mode/],
    ];
    const results = complaints(refused.map(([args]) => args));
    for (const [index, [, expected, words]] of refused.entries()) {
      const { status, line } = results[index]!;
      assert.equal(status, expected, line);
      assert.match(line, words);
    }
  });

  it('replaces the socket of a server that was killed', async () => {
    const path = newPath();
    const args = ['--port', 'none', '--socket', path];
    const killed = await startServer(args, { program: WHO });
    killed.process.kill('SIGKILL');
    await killed.exited;
    assert.ok(existsSync(path), 'a killed server leaves its file');
    await using server = await startServer(args, { program: WHO });
    await using wire = await Wire.connectTo(path, XTERM);
    await wire.expect('from ');
    assert.ok(server.pid > 0);
    wire.type('\r');
    await wire.untilClose();
  });

  it('warns if --local-user any serves the login shell to others', async () => {
    const args = ['--port', 'none', '--socket', newPath(), '--local-user', 'any', '--log-format', 'json'];
    await using server = await startServer(args);
    await server.waitForLog(/the login shell is served to every user who can connect to its UNIX socket/);
  });
});
