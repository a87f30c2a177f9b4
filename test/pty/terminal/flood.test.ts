/** Floods of output, which another thread reads on Linux: complete, bounded, and returned to the event loop. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { readdirSync, readFileSync } from 'node:fs';
import { test } from 'node:test';
import { setImmediate as turn } from 'node:timers/promises';
import fc from 'fast-check';
import { addon } from '../../../src/native/load.ts';
import { type Pty, spawnPty } from '../../../src/pty/index.ts';
import { untilTrue } from '../../support/leaks.ts';
import { closed, readAll, until } from '../support.ts';

const countFloods = () => addon().counts().floods;

/** The output of `seq` on a terminal. */
const numbers = (last: number) => Array.from({ length: last }, (_, n) => `${n + 1}\r\n`).join('');

async function quiet(): Promise<void> {
  while (countFloods() > 0) await turn();
}

/**
 * Stops reading a flood when the thread reads it and the program is blocked; `read` gets the part that was read before.
 * If the kernel does not run the program for some milliseconds, it is quiet, and its terminal is returned to the loop;
 * in that case reading continues.
 */
async function stopInFlood(pty: Pty, read: (piece: Buffer) => void = () => {}): Promise<void> {
  const program = () => readFileSync(`/proc/${pty.pid}/status`, 'latin1');
  do {
    await new Promise<void>(resolve => {
      const look = (piece: Buffer) => {
        read(piece);
        if (countFloods() === 0) return;
        pty.off('data', look).pause();
        resolve();
      };
      pty.on('data', look).resume();
    });
    // It sleeps, and has not run between two checks.
    let now = '';
    await untilTrue(() => {
      const before = now;
      now = program();
      return /^State:\tS/m.test(now) && now === before;
    });
  } while (countFloods() === 0);
}

test('a flood is read by the thread, and by the event loop again when it has ended', async () => {
  const pty = spawnPty('sh', ['-c', 'seq 200000; read line; echo "[$line]"; seq 200000; echo done; read line']);
  let seen = 0;
  pty.on('data', () => {
    seen = Math.max(seen, countFloods());
  });
  await until(pty, /\n200000\r\n/);
  assert.equal(seen, 1);
  await quiet();
  // Once more, to show that the first flood left nothing behind.
  seen = 0;
  pty.write('again\n');
  await until(pty, /\[again\]\r\n/);
  await until(pty, /done\r\n/);
  assert.equal(seen, 1);
  await quiet();
  await pty.hangup({ timeout: 0 });
});

test('a screen or two of output is not passed to the thread', async () => {
  const pty = spawnPty('sh', ['-c', 'while read n; do seq $n; echo end; done'], { modes: { echo: false } });
  for (let i = 0; i < 50; i++) {
    const answer = until(pty, /end\r\n/);
    pty.write('400\n');
    await answer;
    assert.equal(countFloods(), 0);
  }
  await pty.hangup({ timeout: 0 });
});

test('property: nothing is lost, added or reordered, whenever readers stop and continue', async () => {
  const expected = numbers(60_000);
  const consumer = fc.record({
    /** The chunks after which the consumer stops, and for how many turns of the event loop. */
    stops: fc.array(fc.tuple(fc.nat({ max: 12 }), fc.nat({ max: 6 })), { maxLength: 10 }),
  });
  await fc.assert(
    fc.asyncProperty(fc.array(consumer, { minLength: 1, maxLength: 6 }), async consumers => {
      const outputs = consumers.map(async ({ stops }) => {
        const pty = spawnPty('seq', ['60000']);
        const chunks: Buffer[] = [];
        pty.on('data', async (chunk: Buffer) => {
          chunks.push(chunk);
          const [every, turns] = stops[chunks.length % (stops.length + 1)] ?? [1, 0];
          if (turns === 0 || chunks.length % (every + 1) !== 0) return;
          pty.pause();
          for (let i = 0; i < turns; i++) await turn();
          pty.resume();
        });
        await closed(pty);
        return Buffer.concat(chunks).toString();
      });
      for (const output of await Promise.all(outputs)) assert.ok(output === expected);
    }),
    { numRuns: 25 },
  );
  await quiet();
});

test('if a reader stops in a flood, a bounded amount is read ahead, and all of it is received', async () => {
  const pty = spawnPty('seq', ['400000']);
  let text = '';
  await stopInFlood(pty, piece => {
    text += piece;
  });
  // A second flood starts and ends; for the first one, which is not read, nothing happens.
  await readAll(spawnPty('seq', ['200000']));
  const kept = pty.readableLength;
  await readAll(spawnPty('seq', ['200000']));
  assert.equal(pty.readableLength, kept);
  assert.ok(kept <= addon().drainLimit + pty.readableHighWaterMark, `${kept} bytes`);
  assert.ok(pty.readable);
  assert.equal(countFloods(), 1);
  // The program still runs: it is blocked, because not even a tenth of its output has been taken.
  assert.equal(pty.kill('SIGCONT'), true);
  for await (const piece of pty) text += piece;
  assert.ok(text === numbers(400_000));
  assert.equal(countFloods(), 0);
});

test('while the output of the floods is paused, the thread sleeps', async () => {
  const pty = spawnPty('yes');
  await stopInFlood(pty);
  const tasks = readdirSync('/proc/self/task').map(task => `/proc/self/task/${task}`);
  const thread = tasks.find(task => readFileSync(`${task}/comm`, 'latin1') === 'telpty-flood\n');
  assert.ok(thread);
  const wakings = () => /^voluntary_ctxt_switches:.*$/m.exec(readFileSync(`${thread}/status`, 'latin1'))![0];
  // The count of a thread that polls every few milliseconds would never be unchanged.
  let now = '';
  await untilTrue(() => {
    const before = now;
    now = wakings();
    return now === before;
  });
  assert.equal(countFloods(), 1);
  pty.destroy();
  await pty.exited;
  await quiet();
});

test('an echo in the middle of its own flood, and an interrupt of it, work', async () => {
  const pty = spawnPty('sh', ['-c', 'trap "echo caught; exit 3" INT; yes & wait']);
  await until(pty, /y\r\n/);
  // One key at a time: the terminal may put output between the echoes of two.
  for (const key of 'ABCDEFGHIJKLMNOPQRST') {
    const answer = until(pty, new RegExp(key));
    pty.write(key);
    await answer;
  }
  const caught = until(pty, /caught\r\n/);
  pty.signalForeground('SIGINT');
  await caught;
  await closed(pty);
});

test('64 floods make progress, can be closed at any time, and the thread keeps no terminal', async () => {
  const floods = Array.from({ length: 64 }, () => spawnPty('yes'));
  await Promise.all(floods.map(pty => once(pty, 'data').then(() => pty.resume())));
  await Promise.all(floods.map(pty => until(pty, /y\r\n/)));
  const closing: Promise<void>[] = [];
  for (const [index, pty] of floods.entries()) {
    if (index % 3 === 0) pty.pause();
    if (index % 2 === 0) pty.destroy();
    closing.push(end(pty));
  }
  await Promise.all(closing);
  assert.equal(countFloods(), 0);
});

async function end(pty: Pty): Promise<void> {
  await pty.hangup({ timeout: 0 });
  pty.resume();
  await closed(pty);
}
