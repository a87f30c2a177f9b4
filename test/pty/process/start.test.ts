/** Starts that are made by a thread of the addon: as good as the others, and nothing waits for them. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync, readFileSync } from 'node:fs';
import { open } from 'node:fs/promises';
import { test } from 'node:test';
import { addon } from '../../../src/native/load.ts';
import { spawnPty, startPty } from '../../../src/pty/index.ts';
import { assertNoLeaks, assertNothingHeld, holdings, processes, untilTrue } from '../../support/leaks.ts';
import { HeldProgram } from '../../support/system/held-program.ts';
import { closed, inNode, nodeArguments, readAll, startWorker } from '../support.ts';

test('the program, its terminal and its output are those of spawnPty', async () => {
  const look = 'cut -d" " -f1,6 /proc/$$/stat; stty size; echo "$TERM $0 $1"; exit 3';
  const options = { env: { PATH: '/usr/bin:/bin', TERM: 'vt220' }, columns: 90, rows: 30, argv0: '-sh' };
  const pty = await startPty('sh', ['-c', look, 'x', 'y'], options);
  assert.deepEqual([pty.columns, pty.rows], [90, 30]);
  const [numbers, ...rest] = (await readAll(pty)).toString().split('\r\n');
  assert.equal(numbers, `${pty.pid} ${pty.pid}`);
  assert.deepEqual(rest, ['30 90', 'vt220 x y', '']);
  assert.deepEqual(await pty.exited, { code: 3, signal: null });
});

test('what fails, fails as with spawnPty', async () => {
  const cases: Parameters<typeof spawnPty>[] = [
    ['does-not-exist'],
    ['/etc/passwd'],
    ['/etc/passwd/x'],
    ['sh', ['x'.repeat(4 << 20)]],
    ['sh', [], { cwd: '/nonexistent' }],
    ['sh', [], { env: { PATH: '/nonexistent' } }],
    // Refused before anything is opened.
    ['', []],
    ['sh', ['a\0b']],
    ['sh', [], { columns: 0 }],
    ['sh', [], { user: 'no such user' }],
  ];
  for (const given of cases) {
    let expected: unknown;
    assert.throws(
      () => spawnPty(...given),
      error => {
        expected = error;
        return true;
      },
    );
    const { message, ...fields } = expected as Error;
    await assert.rejects(startPty(...given), { message, ...fields }, String(given[0]));
  }
  assertNothingHeld();
});

test('a hundred at once, some of which cannot be started', async () => {
  const before = holdings(process.pid);
  const starts = Array.from({ length: 100 }, async (_, i) => {
    if (i % 10 === 9) {
      await assert.rejects(startPty(`does-not-exist-${i}`), { systemCode: 'ENOENT', file: `does-not-exist-${i}` });
      return 0;
    }
    const pty = await startPty('sh', ['-c', `echo ${i}; exit ${i}`]);
    assert.equal((await readAll(pty)).toString(), `${i}\r\n`);
    assert.equal((await pty.exited).code, i);
    return pty.pid;
  });
  assert.equal(addon().counts().starting, 100);
  const pids = (await Promise.all(starts)).filter(pid => pid !== 0);
  assert.equal(new Set(pids).size, 90);
  assertNothingHeld();
  await assertNoLeaks(process.pid, before);
});

test('the loop goes on while a program is being started, and so do other starts', async () => {
  await using held = await HeldProgram.create('echo begun; exit 4');
  const reached = held.reached();
  let isThere = false;
  const starting = startPty(held.path).then(pty => {
    isThere = true;
    return pty;
  });
  // That the holder can be heard here is the proof: the start cannot end before it lets go.
  await reached;
  const other = await startPty('sh', ['-c', 'echo other']);
  assert.equal((await readAll(other)).toString(), 'other\r\n');
  assert.deepEqual([isThere, addon().counts().starting], [false, 1]);
  await held.release();
  const pty = await starting;
  assert.equal((await readAll(pty)).toString(), 'begun\r\n');
  assert.equal((await pty.exited).code, 4);
});

test('the loop lives as long as a start, and not a moment longer', async () => {
  const { output, code } = await inNode(
    '',
    `pty.startPty('sh', ['-c', 'echo done; exit 3']).then(p => p.pipe(process.stdout));`,
  );
  assert.deepEqual([output.trim(), code], ['done', 0]);
  const failed = await inNode('', `pty.startPty('none').catch(error => console.log(error.systemCode));`);
  assert.deepEqual([failed.output.trim(), failed.code], ['ENOENT', 0]);
});

/** The processes that run the script `path`: its shell, and what that forks. */
function startedFrom(path: string): number[] {
  return processes()
    .map(({ pid }) => pid)
    .filter(pid => {
      try {
        return readFileSync(`/proc/${pid}/cmdline`, 'latin1').startsWith(`/bin/sh\0${path}\0`);
      } catch {
        return false;
      }
    });
}

/**
 * Waits until no process runs the script. The addon reaps the shell, but not what the shell has forked and what has not yet
 * become `sleep`: it is killed too, and disappears when the kernel next runs it.
 */
const untilNothingRuns = (path: string) =>
  untilTrue(
    () => startedFrom(path).length === 0,
    10_000,
    () => `still there: ${startedFrom(path).join(' ')}`,
  );

const STUBBORN = 'trap "" HUP; while :; do sleep 1; done';
/** Begins the held start, and more than there are threads, which wait for their turn. */
const manyStarts = (path: string) =>
  `for (const file of [${JSON.stringify(path)}, ...Array(20).fill('/bin/cat')]) void startPty(file);`;

test('a process that exits during a start takes the program with it', async () => {
  await using held = await HeldProgram.create(STUBBORN);
  const reached = held.reached();
  const node = spawn(
    process.execPath,
    nodeArguments(`
      import { writeSync } from 'node:fs';
      const { startPty } = pty;
      // Runs before the one of the addon, which then waits for the start.
      process.on('exit', () => writeSync(1, 'leaving'));
      process.stdin.once('data', () => process.exit(5));
      ${manyStarts(held.path)}`),
    { stdio: ['pipe', 'pipe', 'inherit'] },
  );
  const exit = once(node, 'exit');
  await reached;
  node.stdin.write('go');
  await once(node.stdout, 'data');
  await held.release();
  assert.deepEqual(await exit, [5, null]);
  await untilNothingRuns(held.path);
});

test('a worker that is terminated during a start takes the program with it', async () => {
  await using held = await HeldProgram.create(STUBBORN);
  const before = holdings(process.pid);
  const reached = held.reached();
  const worker = startWorker(`${manyStarts(held.path)}`);
  await reached;
  const terminated = worker.terminate();
  await held.release();
  await terminated;
  await untilNothingRuns(held.path);
  // The loader's compiler, a child of the worker, is left behind by Node itself: only terminals are looked for.
  const terminals = (fds: Map<number, string>) => [...fds.values()].filter(name => /pts|ptmx/.test(name)).length;
  assert.equal(terminals(holdings(process.pid).fds), terminals(before.fds));
});

test('several threads of JavaScript at once', async () => {
  const body = `
    const texts = await Promise.all(Array.from({ length: 20 }, async () => {
      const p = await startPty('sh', ['-c', 'echo $((6 * 7)); exit 5']);
      let out = '';
      for await (const chunk of p) out += chunk;
      return out + (await p.exited).code;
    }));
    parentPort.postMessage(texts.join(''));`;
  const workers = Array.from({ length: 4 }, () => startWorker(body));
  const answers = await Promise.all(workers.map(async worker => (await once(worker, 'message'))[0]));
  for (const answer of answers) assert.equal(answer, '42\r\n5'.repeat(20));
  await Promise.all(workers.map(worker => worker.terminate()));
});

test('destroyed as soon as it is there: nothing is left', async () => {
  const before = holdings(process.pid);
  const ptys = await Promise.all(Array.from({ length: 20 }, () => startPty('sleep', ['1000'])));
  for (const pty of ptys) pty.destroy();
  await Promise.all(ptys.map(pty => pty.exited));
  await Promise.all(ptys.map(closed));
  assertNothingHeld();
  await assertNoLeaks(process.pid, before);
});

/** How many descriptors there is room for in the table of a program, and which it has. */
async function tableOfProgram(): Promise<string[]> {
  const pty = await startPty('sh', [
    '-c',
    'while read -r key value; do [ "$key" = FDSize: ] && echo $value; done </proc/$$/status; ls /proc/$$/fd',
  ]);
  return (await readAll(pty)).toString().trim().split(/\s+/);
}

/** Opens files behind which no small table ends, but first starts a program: the first one takes low descriptors for all. */
async function openFiles(): Promise<AsyncDisposable> {
  await readAll(await startPty('true'));
  const files = await Promise.all(Array.from({ length: 300 }, () => open('/dev/null')));
  return {
    async [Symbol.asyncDispose]() {
      await Promise.all(files.map(file => file.close()));
    },
  };
}

// (A kernel before 5.9 cannot leave the table without a copy of all of it.)
const SMALL_TABLE = ['64', '0', '1', '2'];

test('a program has a small table of descriptors, however many the server has open', async () => {
  await using _ = await openFiles();
  assert.deepEqual(await tableOfProgram(), SMALL_TABLE);
});

test('it has one after a start that took long, too, whichever thread starts it', async () => {
  await using _ = await openFiles();
  {
    await using held = await HeldProgram.create('');
    const reached = held.reached();
    const threads = readdirSync('/proc/self/task').length;
    const starting = startPty(held.path);
    await reached;
    // One more thread takes the place of the one that is detained.
    while (readdirSync('/proc/self/task').length <= threads)
      await Promise.all(Array.from({ length: 10 }, async () => readAll(await startPty('true'))));
    await held.release();
    await readAll(await starting);
  }
  for (let start = 0; start < 10; start++) assert.deepEqual(await tableOfProgram(), SMALL_TABLE);
});
