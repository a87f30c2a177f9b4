/** `telpty serve --local-user`: a login shell is only for its own user, not for other users of the machine. */
import assert from 'node:assert/strict';
import { execFile, spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { lazily, runCommands } from '../../support/clients/command-lines.ts';
import { Wire, type WireOptions } from '../../support/clients/test-client.ts';
import { connectSecurely } from '../../support/clients/tls-client.ts';
import { selfSigned } from '../../support/servers/certificates.ts';
import { CLI, type StartOptions, startServer, type TestServer } from '../../support/servers/server.ts';
import { OpenSocket } from '../../support/servers/service-manager.ts';
import { requireTool } from '../../support/system/tools.ts';

const run = promisify(execFile);
const LIMIT = { timeout: 600_000 };
const XTERM: WireOptions = { ttype: ['xterm'], size: [80, 24] };
const NOBODY = 65_534;
/** A user id that no other test uses. */
const OTHER = 100_000 + process.pid;
const directory = mkdtempSync(join(tmpdir(), 'telpty-local-user-'));
after(() => rmSync(directory, { recursive: true }));
const support = (file: string) => fileURLToPath(new URL(`../../support/${file}`, import.meta.url));
const as = (uid: number) => ['setpriv', `--reuid=${uid}`, `--regid=${uid}`, '--clear-groups', '--'];
const NOTICE = 'telpty: only the user that runs this server may connect to it (--local-user)\r\n';

/** Time for a program to start and to answer a client that has closed its sending half. */
const PATIENT = ['--linger', '10m'];

/** The log names each connection that became a session. */
const DEBUG = ['--log-format', 'json', '--log-level', 'debug'];

type How = 'stay' | 'close' | 'reset' | 'finish';

/** Connects to the server as a user of this machine. @returns what the client has read. */
async function visit(
  server: TestServer,
  uid: number,
  how: How,
  text: string,
  host = '127.0.0.1',
  times = 1,
): Promise<string> {
  const where = [host, String(server.port)];
  const words = [...as(uid), requireTool('python3'), '-c', SCRIPT, ...where, how, text, String(times)];
  const { stdout } = await run(words[0]!, words.slice(1), { cwd: '/', encoding: 'latin1', timeout: 300_000 });
  return stdout;
}

/** The text instead of the file, which another user may not be able to read. */
const SCRIPT = readFileSync(support('clients/visitor.py'), 'utf8');

async function isServed(server: TestServer, options: WireOptions = {}): Promise<void> {
  await using wire = await Wire.connect(server.port, { ...XTERM, ...options });
  await wire.expect(/[$#] $/);
  wire.type('echo "user $(id -u)"; exit\r');
  await wire.expect(`user ${process.getuid!()}\r\n`);
  await wire.untilClose();
}

/** Fails if any of `text` has run when this resolves: the server handles connections in order. */
async function isRefused(server: TestServer, uid: number, host: string, words: string | RegExp = ''): Promise<void> {
  const mark = join(directory, `ran-${server.port}`);
  const command = `touch ${mark}\n`;
  for (const how of ['stay', 'finish'] as const) {
    assert.equal(await visit(server, uid, how, command, host), NOTICE);
  }
  for (const how of ['close', 'reset'] as const) await visit(server, uid, how, command, host, 5);
  // These have certainly closed before the server checks them.
  server.process.kill('SIGSTOP');
  for (const how of ['close', 'reset'] as const) await visit(server, uid, how, command, host, 5);
  server.process.kill('SIGCONT');
  // And this connection follows them.
  assert.equal(await visit(server, uid, 'stay', '', host), NOTICE);
  await server.waitForLog(
    new RegExp(`refused: \\S+:\\d+, local-user: ${typeof words === 'string' ? words : words.source}`),
  );
  // Logged at debug. A program would start later.
  assert.doesNotMatch(server.stderr, /session \d+: connection from/);
  assert.equal(existsSync(mark), false);
}

/** Serves the login shell, without the profile of its user, which may run dozens of programs. */
const startShell = (args: readonly string[], options: StartOptions = {}) =>
  startServer(['--env', `HOME=${directory}`, ...args], options);

describe('a login shell', LIMIT, () => {
  for (const [workers, hosts] of [
    ['1', ['127.0.0.1', '::1', '::ffff:127.0.0.1']],
    ['2', ['127.0.0.1']],
  ] as const) {
    for (const host of hosts) {
      it(`is only for the server's own user: ${host}, workers: ${workers}`, async () => {
        const args = ['--host', host, '--workers', workers, ...DEBUG];
        await using server = await startShell(args);
        await isRefused(server, OTHER, host, `a connection of user ${OTHER}; the server is user ${process.getuid!()}`);
        await isRefused(server, NOBODY, host);
        await server.waitForLog(/local-user: no process on this machine owns the other end of the connection/);
        await isServed(server, { host });
        if (host === '127.0.0.1') await isServed(server, { localAddress: '127.0.0.9' });
      });
    }
  }

  it('works without netlink, by the tables in /proc', async () => {
    for (const host of ['127.0.0.1', '::1', '::ffff:127.0.0.1']) {
      const wrapper = [requireTool('python3'), support('system/no-netlink.py')];
      await using server = await startShell(['--host', host, ...DEBUG], { wrapper });
      await isRefused(server, OTHER, host, `a connection of user ${OTHER}; the server is user ${process.getuid!()}`);
      await Promise.all([1, 2, 3, 4].map(() => isServed(server, { host })));
    }
  });

  it('is refused to everyone if the kernel reports no user at all', async () => {
    const script = 'mount -t proc -o subset=pid proc /proc && exec "$@"';
    const wrapper = [
      'unshare',
      '--mount',
      'sh',
      '-c',
      script,
      'sh',
      requireTool('python3'),
      support('system/no-netlink.py'),
    ];
    await using server = await startShell(['--log-format', 'json'], { wrapper });
    assert.equal(await visit(server, process.getuid!(), 'stay', 'true\n'), NOTICE);
    await server.waitForLog(/local-user: the kernel does not report the user of the client .*ENOENT/);
  });

  it('is not for users without an id in its user namespace, whatever its own id is', async () => {
    for (const [uid, served] of [
      [0, true],
      [NOBODY, false],
    ] as const) {
      const wrapper = ['unshare', '--user', `--map-user=${uid}`, `--map-group=${uid}`, '--'];
      await using server = await startShell(['--log-format', 'json'], { wrapper });
      for (const stranger of [NOBODY, OTHER]) {
        assert.equal(await visit(server, stranger, 'stay', 'true\n'), NOTICE);
      }
      // The test's own user is mapped to the server's user.
      await using own = await Wire.connect(server.port, XTERM);
      await own.expect(served ? /[$#] $/ : NOTICE);
    }
  });

  it('is for user 65534 if every user has an id, and root is another user', async () => {
    const program = ['/bin/sh', '-c', 'echo "I am $(id -u)"'];
    const options = { program, wrapper: as(NOBODY), cwd: '/' };
    await using server = await startServer(['--local-user', 'same', ...PATIENT, '--log-format', 'json'], options);
    assert.equal(await visit(server, 0, 'stay', ''), NOTICE);
    await server.waitForLog(/local-user: a connection of user 0; the server is user 65534/);
    assert.match(await visit(server, NOBODY, 'finish', ''), /I am 65534\r\n/);
  });

  it('under TLS is refused before the handshake', async () => {
    using certificate = selfSigned('DNS:localhost');
    const tls = ['--tls-cert', certificate.certFile, '--tls-key', certificate.keyFile, '--tls-auto'];
    await using server = await startShell([...tls, '--log-format', 'json']);
    assert.equal(await visit(server, OTHER, 'stay', 'true\n'), '');
    await server.waitForLog(/refused: \S+, local-user: a connection of user/);
    await using wire = await connectSecurely(server.port, XTERM);
    await wire.expect(/[$#] $/);
  });

  it('is not affected by a thousand connections of other users, nor are they by each other', async () => {
    await using server = await startShell(['--log-format', 'json', '--max-sessions', '1']);
    await Promise.all(Array.from({ length: 4 }, () => visit(server, OTHER, 'close', 'true\n', '127.0.0.1', 250)));
    await isServed(server);
    await server.waitForLog(/"refused":"local-user"/);
  });

  it('--local-user any: is for all users, and a warning is logged', async () => {
    await using server = await startShell(['--local-user', 'any', ...PATIENT, '--log-format', 'json']);
    await server.waitForLog(
      /"level":40,.*the login shell is served to every user of this machine \(--local-user any\)/,
    );
    assert.match(
      await visit(server, OTHER, 'finish', 'echo "I am $(id -u)"; exit\n'),
      new RegExp(`I am ${process.getuid!()}\r\n`),
    );
  });
});

describe('a PROGRAM', LIMIT, () => {
  const program = ['/bin/sh', '-c', 'echo welcome'];

  it('is for every user by default', async () => {
    await using server = await startServer([...PATIENT, '--log-format', 'json'], { program });
    assert.match(await visit(server, OTHER, 'finish', ''), /welcome\r\n/);
    assert.doesNotMatch(server.stderr, /login shell/);
  });

  it('--local-user same: is only for the user of the server, and SIGHUP logs that a change needs a restart', async () => {
    const config = join(directory, 'telpty.yaml');
    writeFileSync(config, 'local-user: same\n');
    await using server = await startServer(['--config', config, '--log-format', 'json'], { program });
    assert.equal(await visit(server, OTHER, 'stay', ''), NOTICE);
    writeFileSync(config, 'local-user: any\n');
    server.process.kill('SIGHUP');
    await server.waitForLog(/changed but needs a restart: --local-user/);
    assert.equal(await visit(server, OTHER, 'stay', ''), NOTICE);
    await using own = await Wire.connect(server.port, XTERM);
    await own.expect('welcome\r\n');
  });
});

describe('--local-user same if the client may be a forwarder', LIMIT, () => {
  const start = (args: string[], stdio: number[] = []) => {
    const handed = stdio.length > 0 ? ['-c', 'LISTEN_PID=$$ LISTEN_FDS=1 exec "$@"', 'sh'] : ['-c', 'exec "$@"', 'sh'];
    const words = [...handed, process.execPath, CLI, 'serve', '--port', '0', ...args];
    const { status, stdout, stderr } = spawnSync('/bin/sh', words, {
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'pipe', ...stdio],
      timeout: 300_000,
    });
    return { status, stdout, stderr };
  };

  const refused: [args: string[], line: RegExp][] = [
    [['--host', '0.0.0.0'], /^telpty: --host: 0\.0\.0\.0 is not loopback: name a PROGRAM, .*--local-user any.*\n$/],
    [['--host', '::', '--local-user', 'same'], /^telpty: --host: :: is not loopback: name a PROGRAM/],
    [['--proxy-protocol', '127.0.0.1'], /^telpty: --proxy-protocol: .*: name a PROGRAM, .*--local-user any.*\n$/],
    [
      ['--proxy-protocol', '::1', '--local-user', 'same', 'cat'],
      /^telpty: --proxy-protocol: .*leave one of them out\n$/,
    ],
    [['--local-user', 'some'], /^telpty: --local-user: 'some' is not one of same, any\n$/],
  ];
  const results = lazily(() => runCommands(refused.map(([args]) => ['serve', '--port', '0', ...args])));
  for (const [index, [args, line]] of refused.entries()) {
    it(`${args.join(' ')}: exit 2`, () => {
      const { status, stdout, stderr } = results()[index]!;
      assert.deepEqual([status, stdout], [2, '']);
      assert.match(stderr, line);
    });
  }

  it('an inherited socket: exit 2, except with --local-user any or a PROGRAM', async () => {
    using socket = await OpenSocket.open();
    for (const args of [[], ['--local-user', 'same', 'cat']]) {
      const { status, stdout, stderr } = start(args, [socket.fd]);
      assert.deepEqual([status, stdout], [2, '']);
      assert.match(stderr, /^telpty: LISTEN_FDS: connections to an inherited socket may come from a forwarder, .*\n$/);
    }
    for (const [args, program] of [
      [['--local-user', 'any'], undefined],
      [[], ['cat']],
    ] as const) {
      const server = await startServer([...args], { sockets: [socket.fd], ...(program ? { program } : {}) });
      server.process.kill('SIGTERM');
      assert.deepEqual(await server.exited, { code: 0, signal: null });
    }
  });

  it('with --local-user any a proxy and other addresses are accepted', async () => {
    for (const args of [
      ['--proxy-protocol', '127.0.0.1'],
      ['--host', '0.0.0.0'],
    ]) {
      const words = [...args, '--local-user', 'any', '--allow-root-program', '--log-format', 'json'];
      await using server = await startServer(words);
      await server.waitForLog(/the login shell is served to every/);
    }
  });
});

it('--local-user same on a system that does not report the user of a connection: exit 2', () => {
  const elsewhere = [
    '--import',
    "data:text/javascript,Object.defineProperty(process, 'platform', { value: 'freebsd' })",
  ];
  for (const args of [[], ['--local-user', 'same', 'cat']]) {
    const words = [...elsewhere, CLI, 'serve', '--port', '0', ...args];
    const { status, stdout, stderr } = spawnSync(process.execPath, words, { encoding: 'utf8', timeout: 300_000 });
    assert.deepEqual([status, stdout], [2, '']);
    assert.match(stderr, /^telpty: --local-user same: this system does not report the user of a connection, .*\n$/);
  }
});
