import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { test } from 'node:test';
import { promisify } from 'node:util';
import { Telnet } from 'telnet-client';
import { openTelnet, telnetAtPrompt, telnetCommand } from '../support/clients/clients.ts';
import { Wire } from '../support/clients/test-client.ts';
import { Terminal } from '../support/clients/tmux.ts';
import { assertGone, childrenOf, descendantsOf, untilTrue } from '../support/leaks.ts';
import { startServer } from '../support/servers/server.ts';
import { AT_PROMPT, startBashServer } from '../support/system/programs.ts';
import { requireTool } from '../support/system/tools.ts';

// However a client disconnects, nothing of its session remains: no process, no zombie, no descriptor.

const TIMEOUT = { timeout: 600_000 };
const run = promisify(execFile);

test('a client killed with -9 while vim runs: vim and its shell are ended', TIMEOUT, async () => {
  requireTool('vim');
  await using server = await startBashServer();
  await using term = await telnetAtPrompt(server.port);
  await term.type('vim -u NONE -i NONE -N -n --cmd "set laststatus=2" unsaved.txt\r');
  await term.waitFor(screen => screen.split('\n')[22]?.startsWith('unsaved.txt') ?? false);
  const pids = descendantsOf(server.pid).map(one => one.pid);
  assert.equal(pids.length, 2, 'bash and vim must run');
  process.kill(term.pid, 'SIGKILL');
  await assertGone(pids);
  await server.assertNoLeaks();
});

test('a client that resets the connection while output floods', TIMEOUT, async () => {
  await using server = await startServer([], { program: ['/bin/sh', '-c', 'yes flood'] });
  const wire = await Wire.connect(server.port, { ttype: ['xterm'], size: [80, 24] });
  await wire.untilData(1_000_000);
  const pids = descendantsOf(server.pid).map(one => one.pid);
  assert.ok(pids.length > 0);
  wire.reset();
  await assertGone(pids);
  await server.assertNoLeaks();
});

test('a client that stops reading, then vanishes', TIMEOUT, async () => {
  await using server = await startServer([], { program: ['/bin/sh', '-c', 'yes flood'] });
  const wire = await Wire.connect(server.port, { ttype: ['xterm'], size: [80, 24] });
  await wire.untilData(100_000);
  wire.pause();
  const pids = descendantsOf(server.pid).map(one => one.pid);
  // The full terminal blocks the program: it sleeps in write().
  await untilTrue(() => descendantsOf(server.pid).every(one => one.state === 'S'));
  wire.reset();
  await assertGone(pids);
  await server.assertNoLeaks();
});

test('a client that closes after 64 KiB of unread input', TIMEOUT, async () => {
  // The FIN follows the input: the server must detect it without reading that far.
  await using server = await startServer(['--mode', 'raw'], {
    program: ['/bin/sh', '-c', 'echo ready; exec sleep 1000'],
  });
  const wire = await Wire.connect(server.port, { ttype: ['xterm'], size: [80, 24] });
  await wire.expect('ready');
  const pids = descendantsOf(server.pid).map(one => one.pid);
  await wire.sent(Buffer.alloc(65_536, 'a'));
  wire.halfClose();
  await assertGone(pids);
  await wire.untilClose();
  await server.assertNoLeaks();
});

test('a program that ignores SIGHUP and SIGTERM is killed after --kill-timeout', TIMEOUT, async () => {
  const program = ['/bin/sh', '-c', 'trap "" HUP TERM INT; echo ready; while :; do sleep 1; done'];
  await using server = await startServer(['--kill-timeout', '300ms'], { program });
  await using term = await openTelnet(server.port);
  await term.waitFor(/\nready$/);
  const pids = childrenOf(server.pid).map(one => one.pid);
  process.kill(term.pid, 'SIGKILL');
  await assertGone(pids);
  await server.assertNoLeaks();
});

test('background jobs of the shell are hung up too', TIMEOUT, async () => {
  await using server = await startBashServer();
  await using term = await telnetAtPrompt(server.port);
  await term.type('sleep 1000 & sleep 1001 & cat\r');
  await untilTrue(() => descendantsOf(server.pid).filter(one => one.name === 'sleep').length === 2);
  const pids = descendantsOf(server.pid).map(one => one.pid);
  await telnetCommand(term, 'close');
  await assertGone(pids);
  await server.assertNoLeaks();
});

test('SIGTERM to the server with open sessions: connections are closed, programs are ended', TIMEOUT, async () => {
  await using server = await startBashServer();
  await using one = await telnetAtPrompt(server.port);
  await using two = await telnetAtPrompt(server.port);
  await two.type('sleep 1000\r');
  await untilTrue(() => descendantsOf(server.pid).some(child => child.name === 'sleep'));
  const pids = descendantsOf(server.pid).map(child => child.pid);
  await server.stop();
  await assertGone(pids);
  for (const term of [one, two]) {
    assert.equal(await term.exitStatus(), 0);
    assert.match(await term.capture(), /Connection closed by foreign host\.$/);
  }
});

test('every kind of client at once, each disconnecting differently: back to the baseline', TIMEOUT, async () => {
  await using server = await startBashServer(['--negotiation-timeout', '500ms']);
  const port = String(server.port);
  const leave: (() => Promise<unknown>)[] = [
    async () => {
      await using term = await telnetAtPrompt(server.port);
      await telnetCommand(term, 'quit');
      await term.exitStatus();
    },
    async () => {
      await using term = await telnetAtPrompt(server.port);
      await term.type('exit\r');
      await term.exitStatus();
    },
    async () => {
      await using term = await Terminal.start([requireTool('plink'), '-telnet', '-P', port, '127.0.0.1']);
      await term.waitFor(AT_PROMPT);
      process.kill(term.pid, 'SIGKILL');
      await term.exitStatus();
    },
    async () => {
      await using term = await Terminal.start([requireTool('tt++'), '-G']);
      await term.untilModes('-icanon');
      await term.type(`#session t 127.0.0.1 ${port}\r`);
      await term.waitFor(/ready\$/);
      await term.type('#end\r');
      await term.exitStatus();
    },
    async () => {
      await using term = await Terminal.start([requireTool('nc'), '127.0.0.1', port]);
      await term.waitFor(/ready\$/);
      await term.keys('C-c');
      await term.exitStatus();
    },
    () =>
      run(requireTool('python3'), [
        ...['-W', 'ignore', '-c'],
        `import telnetlib; t = telnetlib.Telnet('127.0.0.1', ${port}); t.read_until(b'ready$ ')`,
      ]),
    () =>
      run(requireTool('perl'), ['-MIO::Socket::INET', '-e', `IO::Socket::INET->new("127.0.0.1:${port}") or die $!`]),
    async () => {
      const client = new Telnet();
      await client.connect({ host: '127.0.0.1', port: server.port, shellPrompt: /ready\$ $/, timeout: 300_000 });
      await client.destroy();
    },
    async () => {
      const wire = await Wire.connect(server.port, { silent: true });
      await wire.expect('ready$ ');
      wire.reset();
    },
    async () => {
      // Disconnected before it sent anything.
      const wire = await Wire.connect(server.port, { silent: true });
      wire.reset();
    },
  ];
  await Promise.all(leave.map(way => way()));
  await server.assertNoLeaks();
  // The server works as before.
  await using term = await telnetAtPrompt(server.port);
  await term.type('echo alive\r');
  await term.waitFor(/\nalive\nready\$$/);
});
