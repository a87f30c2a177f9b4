/** Starts on a thread of the addon: the results are the same, and nothing waits for them. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync, readFileSync } from 'node:fs';
import { open } from 'node:fs/promises';
import { test } from 'node:test';
import { addon } from '../../../src/native/load.ts';
import { spawnPty, startPty } from '../../../src/pty/index.ts';
import { assertNoLeaks, assertNothingHeld, holdings, processes, untilTrue } from '../../support/leaks.ts';
import { PATIENCE_MS } from '../../support/patience.ts';
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

test('the errors are those of spawnPty', async () => {
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

test('a hundred starts at once succeed or fail as expected', async () => {
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

test('the event loop and other starts continue while a program is being started', async () => {
  await using held = await HeldProgram.create('echo begun; exit 4');
  const reached = held.reached();
  let isThere = false;
  const starting = startPty(held.path).then(pty => {
    isThere = true;
    return pty;
  });
  // The messages of the holder are the proof: the start cannot end before the holder releases it.
  await reached;
  const other = await startPty('sh', ['-c', 'echo other']);
  assert.equal((await readAll(other)).toString(), 'other\r\n');
  assert.deepEqual([isThere, addon().counts().starting], [false, 1]);
  await held.release();
  const pty = await starting;
  assert.equal((await readAll(pty)).toString(), 'begun\r\n');
  assert.equal((await pty.exited).code, 4);
});

test('a start keeps the event loop alive exactly until its end', async () => {
  const { output, code } = await inNode(
    '',
    `pty.startPty('sh', ['-c', 'echo done; exit 3']).then(p => p.pipe(process.stdout));`,
  );
  assert.deepEqual([output.trim(), code], ['done', 0]);
  const failed = await inNode('', `pty.startPty('none').catch(error => console.log(error.systemCode));`);
  assert.deepEqual([failed.output.trim(), failed.code], ['ENOENT', 0]);
});

/** The processes that run the script `path`: its shell and the children of that. */
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
 * Waits until no process runs the script. The addon reaps the shell, but not the children of the shell that have not
 * yet become `sleep`: they are killed, too, and disappear when the kernel runs them next.
 */
const untilNothingRuns = (path: string) =>
  untilTrue(
    () => startedFrom(path).length === 0,
    PATIENCE_MS,
    () => `still there: ${startedFrom(path).join(' ')}`,
  );

const STUBBORN = 'trap "" HUP; while :; do sleep 1; done';
/** Begins the held start, and more starts than there are threads, which wait in the queue. */
const manyStarts = (path: string) =>
  `for (const file of [${JSON.stringify(path)}, ...Array(20).fill('/bin/cat')]) void startPty(file);`;

test('a process that exits during a start ends the program, too', async () => {
  await using held = await HeldProgram.create(STUBBORN);
  const reached = held.reached();
  const node = spawn(
    process.execPath,
    nodeArguments(`
      import { writeSync } from 'node:fs';
      const { startPty } = pty;
      // Runs before the handler of the addon, which then waits for the start.
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

test('a worker that is terminated during a start ends the program, too', async () => {
  await using held = await HeldProgram.create(STUBBORN);
  const before = holdings(process.pid);
  const reached = held.reached();
  const worker = startWorker(`${manyStarts(held.path)}`);
  await reached;
  const terminated = worker.terminate();
  await held.release();
  await terminated;
  await untilNothingRuns(held.path);
  // Node itself leaves a child of the worker, the loader's compiler, so only terminals are counted.
  const terminals = (fds: Map<number, string>) => [...fds.values()].filter(name => /pts|ptmx/.test(name)).length;
  assert.equal(terminals(holdings(process.pid).fds), terminals(before.fds));
});

test('several threads of JavaScript can start programs at once', async () => {
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

test('a terminal that is destroyed as soon as it is returned leaves nothing behind', async () => {
  const before = holdings(process.pid);
  const ptys = await Promise.all(Array.from({ length: 20 }, () => startPty('sleep', ['1000'])));
  for (const pty of ptys) pty.destroy();
  await Promise.all(ptys.map(pty => pty.exited));
  await Promise.all(ptys.map(closed));
  assertNothingHeld();
  await assertNoLeaks(process.pid, before);
});

/** The size of a program's descriptor table, and its open descriptors. */
async function tableOfProgram(): Promise<string[]> {
  const pty = await startPty('sh', [
    '-c',
    'while read -r key value; do [ "$key" = FDSize: ] && echo $value; done </proc/$$/status; ls /proc/$$/fd',
  ]);
  return (await readAll(pty)).toString().trim().split(/\s+/);
}

/**
 * Opens more files than fit in a small table, but starts a program first: the first start takes low descriptors for
 * all.
 */
async function openFiles(): Promise<AsyncDisposable> {
  await readAll(await startPty('true'));
  const files = await Promise.all(Array.from({ length: 300 }, () => open('/dev/null')));
  return {
    async [Symbol.asyncDispose]() {
      await Promise.all(files.map(file => file.close()));
    },
  };
}

// A kernel before 5.9 always copies the whole table.
const SMALL_TABLE = ['64', '0', '1', '2'];

test('the descriptor table of a program is small, however many descriptors the server has open', async () => {
  await using _ = await openFiles();
  assert.deepEqual(await tableOfProgram(), SMALL_TABLE);
});

test('the descriptor table is also small after a start that took long, on any thread', async () => {
  await using _ = await openFiles();
  {
    await using held = await HeldProgram.create('');
    const reached = held.reached();
    const threads = readdirSync('/proc/self/task').length;
    const starting = startPty(held.path);
    await reached;
    // Another thread replaces the one that is blocked.
    while (readdirSync('/proc/self/task').length <= threads)
      await Promise.all(Array.from({ length: 10 }, async () => readAll(await startPty('true'))));
    await held.release();
    await readAll(await starting);
  }
  for (let start = 0; start < 10; start++) assert.deepEqual(await tableOfProgram(), SMALL_TABLE);
});
