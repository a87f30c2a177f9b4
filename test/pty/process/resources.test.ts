import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync, readlinkSync } from 'node:fs';
import { test } from 'node:test';
import { setImmediate as turn } from 'node:timers/promises';
import { addon } from '../../../src/native/load.ts';
import { type Pty, spawnPty } from '../../../src/pty/index.ts';
import { assertNothingHeld } from '../../support/leaks.ts';
import { closed, held, inNode, isAlive, readAll, run, startWorker, until, zombies } from '../support.ts';

/** The targets of our descriptors. */
function openFiles(): string[] {
  return readdirSync('/proc/self/fd').flatMap(fd => {
    try {
      return [readlinkSync(`/proc/self/fd/${fd}`)];
    } catch {
      // The descriptor of the directory itself, which is closed again.
      return [];
    }
  });
}

/** The resources held while nothing is in progress: the thread pool may have a file of /proc open. */
async function heldAtRest(): Promise<ReturnType<typeof held>> {
  while (openFiles().some(path => path.startsWith('/proc/'))) await turn();
  return held();
}

async function spawnMany(count: number): Promise<void> {
  for (let i = 0; i < count; i++) {
    const pty = spawnPty('true');
    pty.resume();
    await closed(pty);
    await pty.exited;
    if (i % 10 === 0) assert.throws(() => spawnPty('does-not-exist'));
  }
}

test('200 programs leave no descriptor, thread or zombie', async () => {
  // Resources that the first program creates (for example the pool that reads /proc for a hangup) do not count.
  await spawnMany(2);
  const first = spawnPty('cat').resume();
  await Promise.all([first.hangup(), closed(first)]);
  const before = await heldAtRest();
  await spawnMany(200);
  assert.deepEqual(await heldAtRest(), before);
  assert.deepEqual(zombies(), []);
  assertNothingHeld();
});

test('a session holds three descriptors and no thread', async () => {
  const before = await heldAtRest();
  const ptys = Array.from({ length: 100 }, () => spawnPty('cat'));
  assert.deepEqual(await heldAtRest(), { fds: before.fds + 300, threads: before.threads });
  await Promise.all(ptys.map(pty => pty.hangup({ timeout: 0 })));
  await Promise.all(ptys.map(pty => closed(pty.resume())));
});

test('without pidfds the ends of programs are noticed as well', async () => {
  addon().usePidfd(false);
  try {
    const ended: Promise<unknown>[] = [];
    for (let i = 0; i < 50; i++) {
      const pty = spawnPty('sh', ['-c', `echo ${i}; exit ${i}`]);
      ended.push(
        readAll(pty).then(async text => assert.deepEqual([text.toString(), (await pty.exited).code], [`${i}\r\n`, i])),
      );
      // Node's own children are left to Node.
      if (i % 10 === 0)
        ended.push(once(spawn('sh', ['-c', `exit ${i}`]), 'exit').then(([code]) => assert.equal(code, i)));
    }
    await Promise.all(ended);
    const stubborn = spawnPty('sh', ['-c', 'trap "" HUP; (trap "" HUP; sleep 1000) & echo ready; sleep 1000']);
    await until(stubborn, /ready/);
    await stubborn.hangup({ timeout: 30 });
    assert.equal((await stubborn.exited).signal, 'SIGKILL');
    const mixed: Pty[] = [];
    for (const on of [true, false, true, false]) {
      addon().usePidfd(on);
      mixed.push(spawnPty('true').resume());
    }
    for (const pty of mixed) assert.equal((await pty.exited).code, 0);
    assert.deepEqual(zombies(), []);
  } finally {
    addon().usePidfd(true);
  }
});

test('a program keeps the event loop alive exactly until its end', async () => {
  const { output, code } = await inNode(
    '',
    `const p = pty.spawnPty('sh', ['-c', 'sleep 0.2; echo done']); p.on('data', d => process.stdout.write(d));`,
  );
  assert.equal(output.trim(), 'done');
  assert.equal(code, 0);
  // The terminal is not polled without a reader, but the program keeps the loop alive.
  assert.equal(
    (await inNode('', `pty.spawnPty('sleep', ['0.2']).exited.then(e => console.log(e.code))`)).output,
    '0\n',
  );
  // Neither a write that had to wait nor a failed start keeps it alive.
  const late = `const p = pty.spawnPty('sh', ['-c', 'sleep 0.1; head -c 100000 >/dev/null'], { modes: { icanon: false } }); p.resume(); p.write(Buffer.alloc(100000), () => console.log('written'));
    try { pty.spawnPty('none') } catch {}`;
  assert.equal((await inNode('', late)).output, 'written\n');
});

test('a server that exits ends its programs', async () => {
  const { output } = await inNode(
    '',
    `const p = pty.spawnPty('cat'); console.log(p.pid); setTimeout(() => process.exit(3), 50)`,
  );
  const pid = Number(output);
  assert.ok(pid > 0);
  while (isAlive(pid)) await new Promise(setImmediate);
});

test('several threads can be used at once', async () => {
  const body = `
    let out = '';
    for (let i = 0; i < 20; i++) {
      const p = spawnPty('sh', ['-c', 'echo $((6 * 7)); exit 5']);
      for await (const chunk of p) out += chunk;
      out += (await p.exited).code;
    }
    parentPort.postMessage(out);`;
  const workers = Array.from({ length: 4 }, () => startWorker(body));
  const answers = await Promise.all(workers.map(async worker => (await once(worker, 'message'))[0]));
  for (const answer of answers) assert.equal(answer, '42\r\n5'.repeat(20));
  assert.equal((await run('echo $((6 * 7))')).output, '42\n');
  await Promise.all(workers.map(worker => worker.terminate()));
});

test('a worker can be terminated with programs in every state', async () => {
  const before = held().fds;
  for (let round = 0; round < 5; round++) {
    const worker = startWorker(`
      const ptys = [
        spawnPty('cat'),
        spawnPty('yes').on('data', () => {}),
        spawnPty('yes'),
        spawnPty('sh', ['-c', 'trap "" HUP; while :; do sleep 1; done']),
        spawnPty('true'),
        spawnPty('sleep', ['1000']),
        spawnPty('sh', ['-c', 'trap "" HUP; (trap "" HUP; sleep 5) & sleep 1000']),
        spawnPty('cat'),
      ];
      ptys[5].write(Buffer.alloc(100_000));
      ptys[6].hangup({ timeout: 100_000 });
      ptys[7].destroy();
      await new Promise(resolve => setTimeout(resolve, 50));
      parentPort.postMessage(ptys.map(p => p.pid));
    `);
    const [pids] = (await once(worker, 'message')) as [number[]];
    await worker.terminate();
    assert.deepEqual(pids.filter(isAlive), []);
    // Only our children are counted: Node itself leaves a child of the worker, the loader's compiler.
    assert.deepEqual(
      zombies().filter(pid => pids.includes(Number(pid))),
      [],
    );
  }
  assert.ok(held().fds <= before + 2, `${held().fds} descriptors, ${before} before`);
});
