/**
 * Starts that are blocked by another process of the program's user, or by a file system. They end within a limit, with
 * an error, and no other start waits for them. Between setuid() and exec() a child belongs to that user, who may stop
 * it.
 */
import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { test } from 'node:test';
import { addon } from '../../../src/native/load.ts';
import { lookupUser, startPty } from '../../../src/pty/index.ts';
import { atExit } from '../../support/cleanup.ts';
import { assertNoLeaks, assertNothingHeld, childrenOf, holdings } from '../../support/leaks.ts';
import { HeldProgram } from '../../support/system/held-program.ts';
import { SilentFileSystem } from '../../support/system/silent-file-system.ts';
import { requireTool } from '../../support/system/tools.ts';
import { LOADER } from '../../support/typescript.ts';
import { nodeArguments, readAll } from '../support.ts';

const nobody = lookupUser('nobody');

/** As the user `nobody`: stops new children of a process as soon as they run as that user; prints "stopped" once. */
const STOPPER = `
import os, signal, sys, time
parent, once, known = int(sys.argv[1]), sys.argv[2] == "once", set(sys.argv[3:])
hit = set()
# Until it is delivered the child runs on in execve(), and might end that if the file were released meanwhile.
def is_pending(pid):
    fields = dict(line.split(":") for line in open(f"/proc/{pid}/status") if "Pnd" in line)
    return any(int(mask, 16) >> signal.SIGSTOP - 1 & 1 for mask in fields.values())
while True:
    for pid in os.listdir("/proc"):
        if not pid.isdigit() or pid in known or pid == str(os.getpid()): continue
        try:
            if int(open(f"/proc/{pid}/stat").read().rsplit(")", 1)[1].split()[1]) != parent: continue
            if once and pid in hit: continue
            os.kill(int(pid), signal.SIGSTOP)
            while is_pending(pid): time.sleep(0.001)
            if pid not in hit: print("stopped", flush=True)
            hit.add(pid)
        except OSError: pass
    time.sleep(0.002)
`;

class Stopper implements AsyncDisposable {
  readonly #process: ChildProcess;
  readonly #forget: () => void;
  readonly stopped: Promise<unknown>;

  /** @param parent the process whose children are stopped, except those that it has now. */
  constructor(parent: number, how: 'once' | 'always') {
    const known = childrenOf(parent).map(({ pid }) => String(pid));
    this.#process = spawn(requireTool('python3'), ['-c', STOPPER, String(parent), how, ...known], {
      uid: nobody.uid,
      gid: nobody.gid,
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    this.stopped = once(this.#process.stdout!, 'data');
    this.#forget = atExit(() => this.#process.kill('SIGKILL'));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#process.kill('SIGKILL');
    if (this.#process.exitCode === null && this.#process.signalCode === null) await once(this.#process, 'exit');
    this.#forget();
  }
}

const held = (script: string) => HeldProgram.create(script);

test('a child that is stopped again and again is killed, and others start meanwhile', async () => {
  // The resources that the first start creates stay.
  await readAll(await startPty('true'));
  const before = holdings(process.pid);
  {
    await using one = await held('');
    await using two = await held('');
    await using three = await held('');
    const programs = [one, two, three];
    await using stopper = new Stopper(process.pid, 'always');
    const killed = addon().starts().killed;
    const starts = programs.map(({ path }) => startPty(path, [], { user: nobody }));
    const results = Promise.allSettled(starts);
    await stopper.stopped;
    // As a user other than that of the stopper.
    const other = await startPty('sh', ['-c', 'echo served']);
    assert.equal((await readAll(other)).toString(), 'served\r\n');
    for (const [index, result] of (await results).entries()) {
      assert.equal(result.status, 'rejected');
      const { code, step, systemCode, message } = result.reason;
      assert.deepEqual([code, step, systemCode], ['ERR_PTY_SPAWN', 'exec', 'ETIMEDOUT']);
      assert.match(
        message,
        new RegExp(`^cannot start '${programs[index]!.path}': a process of the same user stopped it`),
      );
    }
    assert.equal(addon().starts().killed, killed + 3);
    assertNothingHeld();
  }
  await assertNoLeaks(process.pid, before);
});

test('a child that was stopped once is continued', async () => {
  await using program = await held('echo begun');
  await using stopper = new Stopper(process.pid, 'once');
  const reached = program.reached();
  const starting = startPty(program.path, [], { user: nobody });
  await reached;
  await stopper.stopped;
  await program.release();
  assert.equal((await readAll(await starting)).toString(), 'begun\r\n');
});

test('starts that wait for a file system fail, even if they are more than the threads, and others start', async () => {
  const before = holdings(process.pid);
  {
    await using silent = await SilentFileSystem.mount();
    const asked = silent.asked();
    const starts = Array.from({ length: 5 }, (_, i) =>
      i % 2 === 0 ? startPty(`${silent.path}/program`) : startPty('true', [], { cwd: silent.path, env: {} }),
    );
    const results = Promise.allSettled(starts);
    await asked;
    const other = await startPty('sh', ['-c', 'echo served']);
    assert.equal((await readAll(other)).toString(), 'served\r\n');
    assert.equal(addon().counts().starting, 5);
    for (const result of await results) {
      assert.equal(result.status, 'rejected');
      assert.equal(result.reason.systemCode, 'ETIMEDOUT');
      assert.match(result.reason.message, /it did not start within 5 s and was killed/);
    }
    // They cannot be killed, but nothing waits for them any more.
    assert.deepEqual([addon().counts().starting, addon().starts().stuck], [0, 5]);
    assert.equal((await readAll(await startPty('sh', ['-c', 'echo served']))).toString(), 'served\r\n');
  }
  await assertNoLeaks(process.pid, before);
});

/** Runs an ES module in another Node, whose output is passed on as it is printed. */
function node(body: string): ChildProcess {
  const child = spawn(process.execPath, nodeArguments(body), { stdio: ['pipe', 'pipe', 'inherit'] });
  const forget = atExit(() => child.kill('SIGKILL'));
  child.once('exit', forget);
  return child;
}

async function outputOf(child: ChildProcess): Promise<string> {
  let text = '';
  for await (const chunk of child.stdout!) text += chunk;
  return text;
}

test('spawnPty throws if the child is stopped, or if the file system does not answer', async () => {
  await using silent = await SilentFileSystem.mount();
  await using program = await held('');
  const body = `
    const report = (...given) => {
      try { pty.spawnPty(...given); } catch ({ systemCode, message }) { console.log(systemCode, message.replace(/.*': /, '').slice(0, 20)); }
    };
    process.stdin.once('data', () => {
      report(${JSON.stringify(program.path)}, [], { uid: ${nobody.uid}, gid: ${nobody.gid} });
      report(${JSON.stringify(silent.path)} + '/program');
      // The event loop continues.
      pty.startPty('true').then(p => p.exited).then(({ code }) => { console.log('then', code); process.exit(3); });
    });
    console.log('ready');`;
  const child = node(body);
  const exit = once(child, 'exit');
  await once(child.stdout!, 'data');
  await using _stopper = new Stopper(child.pid!, 'always');
  const output = outputOf(child);
  child.stdin!.end('go');
  assert.deepEqual((await output).split('\n'), [
    'ETIMEDOUT a process of the sam',
    'ETIMEDOUT it did not start wit',
    'then 0',
    '',
  ]);
  assert.deepEqual(await exit, [3, null]);
});

for (const [name, end] of [
  ['process.exit()', 'process.exit(4)'],
  ['an uncaught error', 'process.on("uncaughtException", () => process.exit(4)); throw new Error("x")'],
] as const) {
  test(`a process can end by ${name} while starts hang that cannot be killed`, async () => {
    await using silent = await SilentFileSystem.mount();
    const asked = silent.asked();
    const child = node(`
      process.stdin.once('data', () => { ${end} });
      for (let i = 0; i < 3; i++) pty.startPty(${JSON.stringify(silent.path)} + '/program').catch(() => {});`);
    const exit = once(child, 'exit');
    await asked;
    child.stdin!.end('go');
    // Before the file system is released.
    assert.deepEqual(await exit, [4, null]);
  });
}

test('a worker can be terminated while a start hangs that cannot be killed', async () => {
  await using silent = await SilentFileSystem.mount();
  const asked = silent.asked();
  const child = node(`
    import { Worker } from 'node:worker_threads';
    const code = ${JSON.stringify(`
      await import(${JSON.stringify(LOADER)});
      const { startPty } = await import(${JSON.stringify(new URL('../../../src/pty/index.ts', import.meta.url).href)});
      startPty(${JSON.stringify(`${silent.path}/program`)}).catch(() => {});`)};
    const worker = new Worker(new URL('data:text/javascript,' + encodeURIComponent(code)));
    process.stdin.once('data', () => worker.terminate().then(() => console.log('terminated')));`);
  const exit = once(child, 'exit');
  await asked;
  const said = once(child.stdout!, 'data');
  child.stdin!.write('go');
  assert.equal(String((await said)[0]).trim(), 'terminated');
  // Its thread returns when its environment is gone.
  await silent.end();
  child.stdin!.end();
  assert.deepEqual(await exit, [0, null]);
});
