/** telpty under a service manager: inherited sockets, notifications, and the unit files. */
import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { chownSync, cpSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir, userInfo } from 'node:os';
import { join } from 'node:path';
import { after, describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import { createLog } from '../../../src/cli/log/log.ts';
import { inheritedSockets, listeningOn } from '../../../src/cli/serve/listening/socket-activation.ts';
import { parseServe, type ServeSettings } from '../../../src/cli/serve/settings.ts';
import { ServiceManager } from '../../../src/cli/system/service-manager.ts';
import { lookupUser } from '../../../src/pty/index.ts';
import { atExit } from '../../support/cleanup.ts';
import { Wire, type WireOptions } from '../../support/clients/test-client.ts';
import { childrenOf, untilTrue } from '../../support/leaks.ts';
import { CLI, startServer } from '../../support/servers/server.ts';
import { NotifySocket, OpenSocket } from '../../support/servers/service-manager.ts';
import { requireTool } from '../../support/system/tools.ts';

const LIMIT = { timeout: 600_000 };
const XTERM: WireOptions = { ttype: ['xterm'], size: [80, 24] };
const directory = mkdtempSync(join(tmpdir(), 'telpty-systemd-'));
after(() => rmSync(directory, { recursive: true }));
const packaging = fileURLToPath(new URL('../../../packaging/', import.meta.url));
const over = { code: 0, signal: null };

describe('NOTIFY_SOCKET', LIMIT, () => {
  for (const [kind, address] of [
    ['a path', join(directory, 'notify')],
    ['an abstract name', `@telpty-test-${process.pid}`],
  ] as const) {
    for (const workers of ['1', '2']) {
      it(`${kind}, workers: ${workers}: is notified of the start, of reloads and of the end`, async () => {
        using socket = await NotifySocket.open(address);
        const args = ['--workers', workers, '--log-format', 'json', '--drain-timeout', '1h', '--kill-timeout', '1s'];
        const server = await startServer(args, { program: ['/bin/cat'], env: { NOTIFY_SOCKET: address } });
        assert.equal(await socket.until(/READY=1/), 'READY=1\nSTATUS=serving, 0 sessions');
        for (const { pid } of childrenOf(server.pid)) {
          assert.doesNotMatch(readFileSync(`/proc/${pid}/environ`, 'latin1'), /NOTIFY_SOCKET/);
        }
        const wire = await Wire.connect(server.port, XTERM);
        await server.waitForLog(/session 1 started/);
        server.process.kill('SIGHUP');
        const reloading = await socket.until(/RELOADING=1/);
        const [, time] = /^RELOADING=1\nMONOTONIC_USEC=(\d+)\nSTATUS=serving, 1 session$/.exec(reloading) ?? [];
        assert.ok(Math.abs(Number(time) - Number(process.hrtime.bigint() / 1_000n)) < 60e6, reloading);
        assert.equal(await socket.until(/READY=1/), 'READY=1\nSTATUS=serving, 1 session');
        server.process.kill('SIGTERM');
        const stopping = 'STOPPING=1\nEXTEND_TIMEOUT_USEC';
        assert.equal(await socket.until(/STOPPING/), `${stopping}=3616000000\nSTATUS=draining, 1 session`);
        wire.type('\x04');
        await wire.untilEnd();
        assert.equal(await socket.until(/STOPPING/), `${stopping}=16000000\nSTATUS=stopping, 0 sessions`);
        assert.deepEqual(await server.exited, over);
        rmSync(address, { force: true });
      });
    }
  }

  it('is notified twice in WATCHDOG_USEC that the event loop runs', async () => {
    const address = `@telpty-watchdog-${process.pid}`;
    using socket = await NotifySocket.open(address);
    const env = { NOTIFY_SOCKET: address, WATCHDOG_USEC: '100000' };
    const server = await startServer([], { program: ['/bin/cat'], env });
    for (let count = 0; count < 3; count++) await socket.until(/^WATCHDOG=1$/);
    await server.stop();
  });

  it('if no manager listens, one line is logged, and the server continues', async () => {
    const address = join(directory, 'nobody\n');
    const server = await startServer(['--log-format', 'json'], {
      program: ['/bin/cat'],
      env: { NOTIFY_SOCKET: address, WATCHDOG_USEC: '1000' },
    });
    await server.waitForLog(/"msg":"cannot notify the service manager at \S+nobody\\\\x0a: no such file or directory"/);
    await server.stop();
    assert.equal(server.stderr.match(/cannot notify/g)?.length, 1);
  });

  it('waits for a manager that is slow to read, and accepts only known forms of addresses', async () => {
    const log = createLog({ level: 'silent' });
    const address = `@telpty-slow-${process.pid}`;
    using socket = await NotifySocket.open(address);
    const environment: NodeJS.ProcessEnv = { NOTIFY_SOCKET: address };
    const manager = ServiceManager.find(() => 'well', log, environment)!;
    assert.deepEqual(environment, {});
    const room = Number(readFileSync('/proc/sys/net/unix/max_dgram_qlen', 'latin1'));
    socket.stop();
    for (let count = 0; count < room + 10; count++) manager.ready();
    socket.go();
    for (let count = 0; count < room + 10; count++) await socket.until(/^READY=1\nSTATUS=well$/);
    manager.close();
    for (const NOTIFY_SOCKET of ['', '@', 'vsock:2:1', 'relative']) {
      assert.equal(
        ServiceManager.find(() => '', log, { NOTIFY_SOCKET }),
        undefined,
      );
    }
  });
});

describe('LISTEN_FDS', LIMIT, () => {
  for (const workers of ['1', '2']) {
    it(`workers: ${workers}: all sockets are served, and no program inherits them`, async t => {
      using one = await OpenSocket.open();
      using two = await OpenSocket.open('::1');
      const server = await startServer(['--workers', workers], {
        program: ['/bin/sh', '-c', 'ls /proc/self/fd; env; echo done'],
        sockets: [one.fd, two.fd],
      });
      t.after(() => server.process.kill('SIGKILL'));
      await server.waitForLog(/serving .*telnet ::1 \d+/);
      // The log arrives through another pipe.
      await untilTrue(() => server.stdout.includes('[::1]'));
      assert.equal(server.stdout, `listening telnet://127.0.0.1:${one.port}\nlistening telnet://[::1]:${two.port}\n`);
      await server.waitForLog(/listening on 2 sockets passed by the service manager .*--host and --port are ignored/);
      for (const [host, { port }] of [['127.0.0.1', one] as const, ['::1', two] as const]) {
        const wire = await Wire.connect(port, { ...XTERM, host });
        await wire.untilEnd();
        // The fourth is the directory itself.
        assert.match(wire.text(), /^0\s+1\s+2\s+3\s+\w/);
        assert.doesNotMatch(wire.text(), /LISTEN_/);
        await wire.close();
      }
      server.process.kill('SIGTERM');
      assert.deepEqual(await server.exited, over);
    });
  }

  for (const workers of ['1', '2']) {
    it(`workers: ${workers}: UNIX sockets are served with ports, their users are known, and their files stay`, async t => {
      const directory = mkdtempSync(join(tmpdir(), 'telpty-activation-'));
      t.after(() => rmSync(directory, { recursive: true }));
      const path = join(directory, 'socket');
      const name = `telpty-activation-${process.pid}-${workers}`;
      using port = await OpenSocket.open();
      using file = await OpenSocket.openPath(path);
      using abstract = await OpenSocket.openPath(`\0${name}`);
      const server = await startServer(['--workers', workers], {
        program: ['/bin/sh', '-c', 'echo "from <$REMOTE_USER>"'],
        sockets: [port.fd, file.fd, abstract.fd],
      });
      t.after(() => server.process.kill('SIGKILL'));
      await untilTrue(() => server.stdout.split('\n').length === 4);
      assert.equal(
        server.stdout,
        `listening telnet://127.0.0.1:${port.port}\nlistening unix:${path}\nlistening unix:@${name}\n`,
      );
      for (const where of [path, `\0${name}`]) {
        await using wire = await Wire.connectTo(where, XTERM);
        await wire.expect(`from <${userInfo().username}>`);
        await wire.untilEnd();
      }
      server.process.kill('SIGTERM');
      assert.deepEqual(await server.exited, over);
      assert.ok(existsSync(path), 'the file belongs to the service manager');
    });
  }

  it('of UNIX sockets only: options of ports are refused, and no address is reachable', async () => {
    const sockets = [{ fd: 3, path: '/run/x' }];
    const settings = listeningOn(sockets, parseServe(['cat']) as ServeSettings);
    assert.deepEqual([settings.port, settings.host], ['none', '127.0.0.1']);
    assert.throws(() => listeningOn(sockets, parseServe(['--proxy-protocol', '192.0.2.1', 'cat']) as ServeSettings), {
      code: 'ERR_USAGE',
      message: /^LISTEN_FDS: --proxy-protocol has no effect on UNIX sockets/,
    });
  });

  it('is ignored if it is meant for another process', async () => {
    const env = { LISTEN_FDS: '1', LISTEN_PID: '1', LISTEN_FDNAMES: 'x' };
    const server = await startServer([], { program: ['/bin/cat'], env });
    await server.stop();
  });

  const refused = (environment: NodeJS.ProcessEnv, stdio: ('ignore' | 'pipe' | number)[]) => {
    const words = ['-c', 'LISTEN_PID=$$ exec "$@"', 'sh', process.execPath, CLI, 'serve', '--port', '0', 'cat'];
    const { status, stdout, stderr } = spawnSync('/bin/sh', words, {
      env: { ...process.env, ...environment },
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'pipe', ...stdio],
      timeout: 300_000,
    });
    return {
      status,
      stdout,
      stderr: stderr
        .split('\n')
        .filter(line => !line.startsWith('{"level":40'))
        .join('\n'),
    };
  };
  const noSocket = 'is not a listening TCP or UNIX stream socket: use ListenStream=, and Accept=no\n';
  const cases: [string, NodeJS.ProcessEnv, ('pipe' | number)[], string][] = [
    ['no socket', { LISTEN_FDS: '1' }, [0], `LISTEN_FDS: descriptor 3 ${noSocket}`],
    [
      'a connected one',
      { LISTEN_FDS: '1', LISTEN_FDNAMES: 'a\x1bb' },
      ['pipe'],
      `LISTEN_FDS: descriptor 3 (a\\x1bb) ${noSocket}`,
    ],
    ['a number that makes no sense', { LISTEN_FDS: '-1' }, [], "LISTEN_FDS: '-1' is not a number up to 256\n"],
    ['too many', { LISTEN_FDS: '257' }, [], "LISTEN_FDS: '257' is not a number up to 256\n"],
    ['none', { LISTEN_FDS: '1000000000' }, [], "LISTEN_FDS: '1000000000' is not a number up to 256\n"],
  ];
  for (const [what, environment, stdio, line] of cases) {
    it(`refuses ${what}`, () => {
      assert.deepEqual(refused(environment, stdio), { status: 1, stdout: '', stderr: `telpty: ${line}` });
    });
  }

  it('without a PROGRAM only loopback is accepted, whatever the source of the socket', () => {
    const settings = parseServe([]) as ServeSettings;
    const sockets = [
      { fd: 3, address: '127.0.0.1' },
      { fd: 4, address: '::' },
    ];
    assert.equal(listeningOn(sockets.slice(0, 1), settings).host, '127.0.0.1');
    assert.throws(() => listeningOn(sockets, settings), {
      code: 'ERR_USAGE',
      message: /^LISTEN_FDS: :: is not loopback/,
    });
    assert.equal(listeningOn(sockets, parseServe(['cat']) as ServeSettings).host, '::');
    assert.deepEqual(inheritedSockets({}), []);
  });

  it('is what systemd-socket-activate sets', async () => {
    using free = await OpenSocket.open();
    const { port } = free;
    free[Symbol.dispose]();
    const words = ['--listen', `127.0.0.1:${port}`, '--fdname', 'telnet', process.execPath, CLI, 'serve', '/bin/cat'];
    const child = spawn(requireTool('systemd-socket-activate'), words, { stdio: ['ignore', 'pipe', 'pipe'] });
    child.once(
      'close',
      atExit(() => child.kill('SIGKILL')),
    );
    let errors = '';
    const listens = new Promise<void>(resolve => {
      child.stderr.setEncoding('utf8').on('data', text => {
        errors += text;
        if (errors.includes('Listening on')) resolve();
      });
    });
    await listens;
    // It starts telpty for the first client, which waits.
    const wire = await Wire.connect(port, XTERM);
    wire.type('hello\r');
    await wire.expect('hello\r\nhello\r\n');
    const ended = once(child, 'close');
    child.kill('SIGTERM');
    assert.deepEqual(await ended, [0, null]);
    await wire.untilEnd();
  });
});

describe('packaging/', LIMIT, () => {
  it('telpty.yaml is a configuration', async () => {
    const file = join(packaging, 'telpty.yaml');
    const server = await startServer(['--config', file, '--metrics', '0', '--log-format', 'json']);
    const wire = await Wire.connect(server.port, XTERM);
    await server.waitForLog(/session 1 started: \S+ \S*nethack/);
    await wire.close();
    await server.stop();
  });

  const unit = readFileSync(join(packaging, 'systemd/telpty.service'), 'utf8');
  /** The value of a setting of the service. */
  const setting = (name: string) => new RegExp(`^${name}=(.*)$`, 'm').exec(unit)?.[1];

  it('the processes of a session are limited by its cgroup, not by a limit that counts those of all sessions', () => {
    const settings = parseServe(['--config', join(packaging, 'telpty.yaml')]);
    assert.ok(settings !== 'help', 'settings');
    assert.equal(settings.limits.nproc, undefined);
    assert.match(setting('ExecStart')!, / --cgroup self --cgroup-limit pids=\d+(?: |$)/);
    // Without it the server may not make cgroups.
    assert.equal(setting('Delegate'), 'yes');
  });

  it('its program works under the restrictions of the service: an unprivileged user, and almost no writable files', async () => {
    assert.deepEqual([setting('ProtectSystem'), setting('NoNewPrivileges')], ['strict', 'yes']);
    assert.equal(setting('CapabilityBoundingSet'), '');
    const state = join(directory, 'state');
    const games = join(directory, 'games');
    // A user with an entry in the user database, as `telpty` has.
    const { uid: user } = lookupUser('nobody');
    mkdirSync(state);
    chownSync(state, user, user);
    // It writes to a copy.
    const writable = setting('ReadWritePaths')!.replace(/^-/, '');
    cpSync(writable, games, { recursive: true });
    const group = spawnSync('stat', ['-c', '%g', `${writable}/nethack`], { encoding: 'utf8' }).stdout.trim();
    for (const words of [`chgrp -R ${group}`, 'chmod -R g+rwX', 'chmod 755']) {
      spawnSync('sh', ['-c', `${words} ${words === 'chmod 755' ? directory : games}`]);
    }
    const [named = ''] = spawnSync('getent', ['group', setting('SupplementaryGroups')!], {
      encoding: 'utf8',
    }).stdout.split('\n');
    const gid = named.split(':')[2]!;
    const sandbox = ['--ro-bind', '/', '/', '--dev-bind', '/dev', '/dev', '--proc', '/proc'];
    const places = ['--bind', games, writable, '--bind', state, '/var/lib/telpty', '--chdir', '/var/lib/telpty'];
    const nobody = [`--reuid=${user}`, `--regid=${user}`, `--groups=${gid}`, '--no-new-privs', '--bounding-set=-all'];
    const wrapper = [
      ...[requireTool('bwrap'), '--die-with-parent', ...sandbox, '--tmpfs', '/var/lib', ...places],
      ...['setpriv', ...nobody, '--inh-caps=-all'],
    ];
    const args = ['--config', join(packaging, 'telpty.yaml'), '--metrics', '0'];
    const server = await startServer(args, { wrapper, env: { HOME: '/var/lib/telpty' } });
    const wire = await Wire.connect(server.port, XTERM);
    // It has opened its files and has begun a game when it prints this question.
    await wire.expect(/Shall I pick|Who are you/);
    if (wire.text().includes('Who are you')) {
      wire.type('Ada\r');
      await wire.expect('Shall I pick');
    }
    assert.doesNotMatch(wire.text(), /[Cc]annot|[Ww]arning/);
    await wire.close();
    // bwrap is in between, and does not forward signals.
    for (const { pid } of childrenOf(server.pid)) process.kill(pid, 'SIGTERM');
    await server.exited;
  });

  it('README.md: with the drop-in a program of another user has its terminal', async () => {
    const text = readFileSync(join(packaging, 'README.md'), 'utf8');
    const [, set = ''] = /^CapabilityBoundingSet=(.+)$/m.exec(text) ?? [];
    const capabilities = set.split(' ').map(name => `+${name.replace('CAP_', '').toLowerCase()}`);
    const wrapper = ['setpriv', `--bounding-set=-all,${capabilities}`, '--inh-caps=-all'];
    const program = ['/bin/sh', '-c', 'stat -c %U $(tty); : > $(tty) && echo writable'];
    const server = await startServer(['--user', 'games'], { program, wrapper });
    await using wire = await Wire.connect(server.port, XTERM);
    await wire.expect('games\r\nwritable\r\n');
    await wire.untilEnd();
    await server.stop();
  });
});
