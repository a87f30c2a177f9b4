/**
 * Programs that do not die of SIGKILL, or that end and cannot be reaped, because another process of the same user
 * traces them, or a file system does not answer. They delay neither the session, nor the event loop, nor the end of the
 * process.
 */
import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { afterEach, test } from 'node:test';
import { addon } from '../../../src/native/load.ts';
import { type Pty, spawnPty } from '../../../src/pty/index.ts';
import { onAbandoned } from '../../../src/pty/program.ts';
import { atExit } from '../../support/cleanup.ts';
import { assertGone, processInfo, untilTrue } from '../../support/leaks.ts';
import { SilentFileSystem } from '../../support/system/silent-file-system.ts';
import { requireTool } from '../../support/system/tools.ts';
import { TRACER, Tracer } from '../../support/system/tracer.ts';
import { LOADER } from '../../support/typescript.ts';
import { closed, nodeArguments, until, zombies } from '../support.ts';

// Programs that cannot die must not be started if the test cannot release them.
requireTool('python3');

afterEach(() => assert.deepEqual(zombies(), []));

const abandoned: number[] = [];
onAbandoned(pid => abandoned.push(pid));

/** Starts a program that is stuck in the kernel, in a file system that does not answer. */
async function startStuck(silent: SilentFileSystem): Promise<Pty> {
  const asked = silent.asked();
  const pty = spawnPty('sh', ['-c', `trap '' HUP; exec cat '${silent.path}/file'`]);
  await asked;
  return pty;
}

/** Waits until abandoned programs have been reaped. */
const reaped = () => untilTrue(() => addon().counts().abandoned === 0);

for (const pidfd of [true, false]) {
  const way = pidfd ? 'pidfd' : 'SIGCHLD';

  test(`a program that waits for a file system is not waited for, and is reaped later: ${way}`, async () => {
    addon().usePidfd(pidfd);
    let pid: number;
    {
      await using silent = await SilentFileSystem.mount();
      const pty = await startStuck(silent);
      pid = pty.pid;
      addon().usePidfd(true);
      await pty.hangup({ timeout: 10 });
      assert.deepEqual(await pty.exited, { code: null, signal: 'SIGKILL' });
      await closed(pty.resume());
      assert.deepEqual([processInfo(pid)?.state, abandoned.at(-1)], ['D', pid]);
      const { children, terminals, abandoned: left } = addon().counts();
      assert.deepEqual([children, terminals, left], [0, 0, 1]);
    }
    await reaped();
    assert.equal(processInfo(pid), undefined);
  });

  test(`a program whose end is delayed by another process is not waited for, and is reaped later: ${way}`, async () => {
    addon().usePidfd(pidfd);
    const pty = spawnPty('sh', ['-c', 'trap "" HUP; echo ready; while :; do read x; done']);
    addon().usePidfd(true);
    await until(pty, /ready/);
    {
      await using _tracer = await Tracer.attach(pty.pid, 'exit');
      await pty.hangup({ timeout: 10 });
      assert.deepEqual(await pty.exited, { code: null, signal: 'SIGKILL' });
      await closed(pty);
      assert.notEqual(processInfo(pty.pid), undefined);
    }
    await reaped();
    assert.equal(processInfo(pty.pid), undefined);
  });
}

test('if its tracer does not wait for an ended program, its exit code is known and the event loop is idle', async () => {
  const pty = spawnPty('sh', ['-c', 'echo ready; read x; exit 7']);
  await until(pty, /ready/);
  {
    await using _tracer = await Tracer.attach(pty.pid, 'reap');
    const polls = performance.eventLoopUtilization();
    pty.write('\r');
    assert.deepEqual(await pty.exited, { code: 7, signal: null });
    assert.ok(performance.eventLoopUtilization(polls).utilization < 0.5);
    await closed(pty);
    assert.equal(processInfo(pty.pid)?.state, 'Z');
  }
  await reaped();
});

test('a program that is killed, and that its tracer does not wait for, is abandoned', async () => {
  const pty = spawnPty('sh', ['-c', 'echo ready; read x']);
  await until(pty, /ready/);
  {
    await using _tracer = await Tracer.attach(pty.pid, 'reap');
    await pty.hangup({ timeout: 10 });
    assert.deepEqual(await pty.exited, { code: null, signal: 'SIGKILL' });
    assert.equal(processInfo(pty.pid)?.state, 'Z');
  }
  await reaped();
});

/** Runs an ES module in another Node. */
function node(body: string): ChildProcess {
  const child = spawn(process.execPath, nodeArguments(body), { stdio: ['pipe', 'pipe', 'inherit'] });
  const forget = atExit(() => child.kill('SIGKILL'));
  child.once('exit', forget);
  return child;
}

for (const [name, end] of [
  ['process.exit()', 'process.exit(3)'],
  ['its last event', 'process.exitCode = 3; program.hangup({ timeout: 10 }); process.stdin.destroy()'],
]) {
  test(`a process can end by ${name} while its program cannot die`, async () => {
    await using silent = await SilentFileSystem.mount();
    const asked = silent.asked();
    const child = node(`
      const program = pty.spawnPty('cat', [${JSON.stringify(`${silent.path}/file`)}]).resume();
      console.log(program.pid);
      process.stdin.once('data', () => { ${end} });`);
    const exit = once(child, 'exit');
    const [pid] = await once(child.stdout!, 'data');
    await asked;
    child.stdin!.end('go');
    // Before the file system is released.
    assert.deepEqual(await exit, [3, null]);
    await silent.end();
    await assertGone(Number(String(pid)));
  });
}

test('a process can end while a program that it has just started is traced and cannot die', {
  timeout: 300_000,
}, async () => {
  const python = requireTool('python3');
  const child = node(`
    import { spawn } from 'node:child_process';
    import { readdirSync, readFileSync, writeSync } from 'node:fs';
    const read = path => { try { return readFileSync(path, 'latin1'); } catch { return ''; } };
    const children = () => readdirSync('/proc/self/task').flatMap(id => read('/proc/self/task/' + id + '/children').match(/\\d+/g) ?? []);
    void pty.startPty('sleep', ['1000']);
    // The event loop does not run, so the program does not have its terminal object yet.
    let pid;
    while ((pid = children().find(id => read('/proc/' + id + '/comm') === 'sleep\\n')) === undefined);
    spawn(${JSON.stringify(python)}, [${JSON.stringify(TRACER)}, pid, 'exit'], { stdio: ['pipe', 'ignore', 'inherit'] });
    while (!/TracerPid:\\t[1-9]/.test(read('/proc/' + pid + '/status')));
    writeSync(1, pid);
    process.exit(3);`);
  const exit = once(child, 'exit');
  const [pid] = await once(child.stdout!, 'data');
  assert.deepEqual(await exit, [3, null]);
  await assertGone(Number(String(pid)));
});

test('a worker can be terminated while its program cannot die, and the program is reaped when it dies', async () => {
  await using silent = await SilentFileSystem.mount();
  const asked = silent.asked();
  const child = node(`
    import { Worker } from 'node:worker_threads';
    const code = ${JSON.stringify(`
      await import(${JSON.stringify(LOADER)});
      const { spawnPty } = await import(${JSON.stringify(new URL('../../../src/pty/index.ts', import.meta.url).href)});
      const { parentPort } = await import('node:worker_threads');
      parentPort.postMessage(spawnPty('cat', [${JSON.stringify(`${silent.path}/file`)}]).resume().pid);`)};
    const worker = new Worker(new URL('data:text/javascript,' + encodeURIComponent(code)));
    worker.once('message', pid => console.log(pid));
    process.stdin.once('data', () => worker.terminate().then(() => console.log('terminated')));`);
  const exit = once(child, 'exit');
  const [pid] = await once(child.stdout!, 'data');
  await asked;
  const said = once(child.stdout!, 'data');
  child.stdin!.write('go');
  assert.equal(String((await said)[0]).trim(), 'terminated');
  await silent.end();
  // While its parent continues.
  await assertGone(Number(String(pid)));
  child.stdin!.end();
  assert.deepEqual(await exit, [0, null]);
});
