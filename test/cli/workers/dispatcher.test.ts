import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { type AddressInfo, connect as connectSocket, createServer } from 'node:net';
import { availableParallelism, tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { workers as parseWorkers } from '../../../src/cli/options/values.ts';
import { killOrphans } from '../../../src/pty/orphans.ts';
import { lazily, runCommands } from '../../support/clients/command-lines.ts';
import { Wire, type WireOptions } from '../../support/clients/test-client.ts';
import {
  assertNoLeaks,
  assertPortFree,
  childrenOf,
  descendantsOf,
  holdings,
  isAlive,
  openFds,
  untilBlocked,
  untilTrue,
} from '../../support/leaks.ts';
import { type StartOptions, startServer, type TestServer } from '../../support/servers/server.ts';

const LIMIT = { timeout: 600_000 };
const XTERM: WireOptions = { ttype: ['xterm'], size: [80, 24] };
const TOO_MANY = 'telpty: too many sessions, try again later\r\n';
/** A program that prints its parent, and ignores SIGHUP. */
const STUBBORN = ['/bin/sh', '-c', 'trap "" HUP; echo "up $PPID $$"; while :; do sleep 1 || exit; done'];

const start = (count: number, args: string[] = [], options: StartOptions = { program: ['/bin/cat'] }) =>
  startServer(['--workers', String(count), '--log-format', 'json', ...args], options);
const workersOf = (server: TestServer) => childrenOf(server.pid).map(({ pid }) => pid);
const connect = (server: TestServer) => Wire.connect(server.port, XTERM);

/** The parent of a session's program, and the program's process id. */
async function runner(wire: Wire): Promise<{ worker: number; program: number }> {
  const [worker, program] = (await wire.expect(/up \d+ \d+\r\n/)).match(/\d+/g)!.slice(-2).map(Number);
  return { worker: worker!, program: program! };
}

interface Line {
  readonly session?: number;
  readonly msg: string;
  readonly lost?: number[];
}

/** Every line of the log, each of which must be one record. */
const linesOf = (server: TestServer) =>
  server.stderr
    .trimEnd()
    .split('\n')
    .map(line => JSON.parse(line) as Line);

describe('telpty serve --workers', LIMIT, () => {
  it('distributes sessions evenly, numbers them in one sequence, logs whole lines, and prints once that it listens', async () => {
    await using server = await start(3, ['--log-level', 'trace'], { program: STUBBORN });
    assert.equal(server.stdout, `listening ${server.url}\n`);
    const workers = workersOf(server);
    assert.equal(workers.length, 3);
    const before = workers.map(holdings);
    // At the same time: the primary decides, not which worker happens to be idle.
    const wires = await Promise.all(Array.from({ length: 12 }, () => connect(server)));
    const runners = await Promise.all(wires.map(runner));
    for (const pid of workers) assert.equal(runners.filter(({ worker }) => worker === pid).length, 4);
    await Promise.all(wires.map(wire => wire.close()));
    for (const [index, pid] of workers.entries()) await assertNoLeaks(pid, before[index]!);
    await server.stop();
    const started = linesOf(server).filter(({ msg }) => /^session \d+ started/.test(msg));
    assert.deepEqual(
      started.map(({ session }) => session).sort((a, b) => a! - b!),
      [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12],
    );
    assert.equal(linesOf(server).filter(({ msg }) => msg.startsWith('serving ')).length, 1);
    assert.match(server.stderr, /serving \/bin\/sh with 3 workers; connect with: telnet 127\.0\.0\.1 \d+/);
  });

  it('balances the workers after sessions have ended', async () => {
    await using server = await start(2, ['--kill-timeout', '1ms'], { program: STUBBORN });
    const wires = await Promise.all(Array.from({ length: 8 }, () => connect(server)));
    const at = await Promise.all(wires.map(runner));
    const first = at[0]!.worker;
    const gone = wires.filter((_, index) => at[index]!.worker === first);
    await Promise.all(gone.map(wire => wire.close()));
    await untilTrue(() => childrenOf(first).length === 0);
    // The slot of a session becomes free shortly after its program has ended.
    for (let ended = 0; ended < 4; ended++)
      await server.waitForLog(new RegExp(`(ended: .*\\n[\\s\\S]*){${ended + 1}}`));
    const more = await Promise.all(Array.from({ length: 4 }, () => connect(server)));
    for (const { worker } of await Promise.all(more.map(runner))) assert.equal(worker, first);
    await Promise.all([...wires, ...more].map(wire => wire.close()));
  });

  it('a client that closed its sending half still gets its answer, byte for byte', async () => {
    await using server = await start(2, ['--mode', 'raw'], {
      program: ['/bin/sh', '-c', 'stty raw -echo; echo ready; head -c 100000 | cksum; exit 3'],
    });
    const wires = await Promise.all(Array.from({ length: 4 }, () => connect(server)));
    for (const wire of wires) {
      await wire.expect('ready');
      wire.type(Buffer.alloc(100_000, 'x'));
      wire.halfClose();
    }
    const sum = spawnSync('cksum', { input: Buffer.alloc(100_000, 'x'), encoding: 'utf8' }).stdout.trim();
    for (const wire of wires) {
      await wire.untilClose();
      assert.ok(wire.text().includes(sum), wire.text());
    }
    await server.waitForLog(/session 4 ended: .*exit 3/);
  });

  it('--max-sessions applies to all workers together, exactly', async () => {
    await using server = await start(3, ['--max-sessions', '7'], { program: STUBBORN });
    const wires = await Promise.all(Array.from({ length: 25 }, () => connect(server)));
    await Promise.all(wires.map(wire => wire.until(() => /up|telpty: /.test(wire.text()))));
    const refused = wires.filter(wire => wire.text() === TOO_MANY);
    assert.equal(refused.length, 18);
    assert.equal(wires.filter(wire => wire.text().includes('up ')).length, 7);
    await Promise.all(refused.map(wire => wire.untilEnd()));
    assert.equal(workersOf(server).flatMap(childrenOf).length, 7);
    await Promise.all(wires.map(wire => wire.close()));
  });

  it('a slot is free for the next client when its session has ended', async () => {
    await using server = await start(2, ['--max-sessions', '1'], { program: ['/bin/echo', 'hello'] });
    for (let turn = 0; turn < 60; turn++) {
      const wire = await connect(server);
      await wire.untilEnd();
      assert.equal(wire.text(), 'hello\r\n', `turn ${turn}`);
      wire.close().catch(() => {});
    }
  });

  it('a worker that is killed: its programs die, others continue, and it is replaced, after growing pauses', async () => {
    await using server = await start(2, ['--max-sessions', '2', '--kill-timeout', '50ms'], { program: STUBBORN });
    const [one, two] = [await connect(server), await connect(server)];
    const [lost, kept] = [await runner(one), await runner(two)];
    process.kill(lost.worker, 'SIGKILL');
    await one.untilClose();
    await untilTrue(() => !isAlive(lost.program));
    const [, pause] = await server.waitForLog(
      /worker \d ended: pid \d+, killed by SIGKILL, 1 session lost; the next one in (\d+)ms/,
    );
    assert.deepEqual(linesOf(server).find(({ msg }) => msg.includes(' lost;'))?.lost, [1]);
    const [, again] = await server.waitForLog(/worker \d is back, pid (\d+)/);
    const three = await connect(server);
    assert.equal((await runner(three)).worker, Number(again), 'the lost session released its slot');
    assert.ok(isAlive(kept.program) && !two.ended);
    process.kill(Number(again), 'SIGKILL');
    await server.waitForLog(new RegExp(`1 session lost; the next one in ${2 * Number(pause)}ms`));
    await server.waitForLog(/is back[\s\S]*is back/);
    await Promise.all([one, two, three].map(wire => wire.close()));
    await server.stop();
  });

  it('while every worker is dead, clients wait', async () => {
    await using server = await start(2);
    for (const pid of workersOf(server)) process.kill(pid, 'SIGKILL');
    await server.waitForLog(/ended: [\s\S]*ended: /);
    const wires = await Promise.all(Array.from({ length: 4 }, () => connect(server)));
    for (const wire of wires) {
      wire.type('hello\r');
      await wire.expect('hello');
    }
    await Promise.all(wires.map(wire => wire.close()));
    await server.stop();
  });

  it('clients that connect while workers are killed are served or closed, and leave no processes', async () => {
    await using server = await start(2);
    const visit = async () => {
      const socket = connectSocket(server.port, '127.0.0.1');
      socket.on('error', () => {});
      await new Promise(resolve => socket.once('data', resolve).once('close', resolve));
      socket.destroy();
    };
    for (let kills = 1; kills <= 4; kills++) {
      const visits = Array.from({ length: 40 }, visit);
      await visits[5];
      process.kill(workersOf(server)[0]!, 'SIGKILL');
      await Promise.all(visits);
      await server.waitForLog(new RegExp(`(is back[\\s\\S]*){${kills}}`));
    }
    await untilTrue(() => openFds(server.pid).size <= server.baseline!.fds.size);
    await untilTrue(() => workersOf(server).flatMap(childrenOf).length === 0);
    await server.stop();
  });

  it('output of Node.js itself becomes log lines', async () => {
    const server = await start(2, [], { program: ['/bin/cat'], env: { NODE_OPTIONS: '--trace-exit' } });
    for (const pid of workersOf(server)) process.kill(pid, 'SIGTERM');
    await server.stop();
    // The primary also reports its exit, after everything else.
    const log = server.stderr.split('\n').filter(line => line.includes('"msg":"worker: '));
    for (const line of log) JSON.parse(line);
    assert.match(log.join(''), /worker: \(node:\d+\) WARNING: Exited the environment with code 0/);
  });
});

describe('the end of telpty serve --workers', LIMIT, () => {
  for (const signal of ['SIGTERM', 'SIGINT'] as const) {
    it(`${signal}, to workers as well: programs are hung up, clients get the pending output, exit 0`, async () => {
      const server = await start(2, [], {
        program: ['/bin/sh', '-c', 'trap "echo so long; exit 5" HUP; echo up; while :; do sleep 0.02; done'],
      });
      const workers = workersOf(server);
      const wires = await Promise.all([connect(server), connect(server)]);
      await Promise.all(wires.map(wire => wire.expect('up')));
      const programs = workers.flatMap(childrenOf).map(({ pid }) => pid);
      // The same as ^C in a terminal, or a service manager.
      for (const pid of [...workers, server.pid]) process.kill(pid, signal);
      for (const wire of wires) await wire.expect('so long');
      assert.deepEqual(await server.exited, { code: 0, signal: null });
      for (const pid of [...workers, ...programs]) assert.ok(!isAlive(pid));
      await assertPortFree(server.port);
      assert.match(server.stderr, new RegExp(`"stopping: ${signal}, 2 sessions"`));
      assert.equal(server.stderr.match(/exit 5 \(shutdown\)/g)?.length, 2);
      linesOf(server);
    });
  }

  it('a second signal: exit 1 at once, and nothing is left', async () => {
    const server = await start(2, ['--kill-timeout', '1h'], { program: STUBBORN });
    const wires = await Promise.all([connect(server), connect(server)]);
    const runners = await Promise.all(wires.map(runner));
    server.process.kill('SIGTERM');
    await server.waitForLog(/stopping: SIGTERM, 2 sessions/);
    server.process.kill('SIGTERM');
    assert.deepEqual(await server.exited, { code: 1, signal: null });
    for (const { worker, program } of runners) await untilTrue(() => !isAlive(worker) && !isAlive(program));
    await assertPortFree(server.port);
  });

  it('a primary that is killed leaves no worker, no program and no port', async () => {
    const server = await start(2, ['--kill-timeout', '50ms'], { program: STUBBORN });
    const wires = await Promise.all([connect(server), connect(server)]);
    const runners = await Promise.all(wires.map(runner));
    const workers = workersOf(server);
    server.process.kill('SIGKILL');
    await server.exited;
    await Promise.all(wires.map(wire => wire.untilClose()));
    await untilTrue(() => [...workers, ...runners.map(({ program }) => program)].every(pid => !isAlive(pid)));
    await assertPortFree(server.port);
  });

  it('a primary that is killed: a program saves although its output is stopped by ^S', async () => {
    const directory = mkdtempSync(join(tmpdir(), 'telpty-workers-'));
    const file = join(directory, 'saved');
    const script = `trap 'echo text; echo saved >${file}; exit' HUP; echo up; while :; do echo tick; done`;
    const server = await start(2, ['--kill-timeout', '1h'], { program: ['/bin/sh', '-c', script] });
    const wire = await connect(server);
    await wire.expect('up');
    wire.type('\x13');
    await untilBlocked(() => descendantsOf(server.pid).find(({ name }) => /^(da)?sh/.test(name)));
    server.process.kill('SIGKILL');
    await wire.untilClose();
    assert.equal(readFileSync(file, 'utf8'), 'saved\n');
    rmSync(directory, { recursive: true });
  });

  it('without a primary, a signal to a worker is the second one', async () => {
    const server = await start(2, ['--kill-timeout', '1h'], {
      program: ['/bin/sh', '-c', 'trap "echo not yet" HUP; echo "up $PPID $$"; while :; do sleep 0.02; done'],
    });
    const wires = await Promise.all([connect(server), connect(server)]);
    const runners = await Promise.all(wires.map(runner));
    server.process.kill('SIGKILL');
    await Promise.all(wires.map(wire => wire.expect('not yet')));
    for (const { worker } of runners) process.kill(worker, 'SIGTERM');
    for (const { worker, program } of runners) await untilTrue(() => !isAlive(worker) && !isAlive(program));
  });

  it('a worker that is killed during the shutdown leaves no program', async () => {
    const server = await start(2, ['--kill-timeout', '1h'], { program: STUBBORN });
    const wires = await Promise.all([connect(server), connect(server)]);
    const runners = await Promise.all(wires.map(runner));
    server.process.kill('SIGTERM');
    await server.waitForLog(/stopping: SIGTERM/);
    for (const { worker } of runners) process.kill(worker, 'SIGKILL');
    assert.deepEqual(await server.exited, { code: 0, signal: null });
    for (const { program } of runners) assert.ok(!isAlive(program));
  });
});

describe('telpty serve --workers that cannot start', LIMIT, () => {
  const telpty = (...lines: (readonly string[])[]) =>
    runCommands(lines.map(args => ['serve', ...args])).map(({ status, stdout, stderr }) => {
      const errors = stderr.split('\n').filter(line => !line.startsWith('{"level":40'));
      return { status, stdout, stderr: errors.join('\n') };
    });

  const invalid = ['0', '-1', 'x', '1e9', '257', '1.5', ''];
  const results = lazily(() => telpty(...invalid.map(value => [`--workers=${value}`, 'cat'])));
  for (const [index, value] of invalid.entries()) {
    it(`--workers=${value}`, () => {
      const line = `telpty: --workers: '${value}' is neither a number of processes (1 to 256) nor auto\n`;
      assert.deepEqual(results()[index], { status: 2, stdout: '', stderr: line });
    });
  }

  it('prints the same error as a single process', async () => {
    const other = createServer().listen(0, '127.0.0.1');
    await once(other, 'listening');
    const { port } = other.address() as AddressInfo;
    const failing = [
      ['--port', String(port), 'cat'],
      ['--port', '0', 'no-such-program'],
      ['--port', '0', '--cwd', '/no/such', 'cat'],
      ['--port', '0', '--user', 'no such user', 'cat'],
      ['--port', '0', '--host', '192.0.2.1', '--allow-root-program', 'cat'],
    ];
    const single = telpty(...failing);
    for (const one of single) {
      assert.equal(one.status, 1);
      assert.match(one.stderr, /^telpty: .*\n$/);
    }
    assert.deepEqual(telpty(...failing.map(args => ['--workers', '3', ...args])), single);
    other.close();
  });

  it('auto is the number of CPUs', () => assert.equal(parseWorkers('auto'), availableParallelism()));
});

describe('killOrphans', () => {
  it('does not kill a process that has reused the process id', async () => {
    const server = await start(2);
    // This process started long after the given time, so it is not the recorded one.
    await killOrphans([{ pid: server.pid, seen: -1e9 }]);
    assert.ok(isAlive(server.pid));
    await server.stop();
  });
});
