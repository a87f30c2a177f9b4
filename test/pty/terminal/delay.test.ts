/** How long keys wait for output: what the addon counts. */
import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { setImmediate as turn } from 'node:timers/promises';
import { ptyShell, type Session } from '../../../src/index.ts';
import { addon } from '../../../src/native/load.ts';
import { spawnPty } from '../../../src/pty/index.ts';
import { assertNothingHeld } from '../../support/leaks.ts';
import { Host, XTERM } from '../../support/servers/host.ts';
import { readAll, until } from '../support.ts';

/** Starts to count from 0. */
function measure() {
  const counts = new Float64Array(4);
  addon().measureDelays(Float64Array.of(0.03, 3_600), counts);
  const keys = async () => {
    // The addon counts a key when the callback that gets the output has returned.
    await turn();
    return counts.subarray(0, 3).reduce((sum, count) => sum + count, 0);
  };
  return { counts, keys };
}

/** Answers each key after 30 ms at least. */
const SLOW =
  'stty raw -echo; echo ready; while c=$(dd bs=1 count=1 2>/dev/null) && [ "$c" ]; do sleep 0.03; echo "[$c]"; done';

/** A program on a terminal, which the test does not leave behind when it fails: the program would wait for a key for ever. */
function startProgram(context: TestContext, script: string) {
  const pty = spawnPty('sh', ['-c', script]);
  context.after(async () => {
    pty.destroy();
    await pty.exited;
  });
  return pty;
}

test('keys written to a terminal, until its output is passed on', async context => {
  const { counts, keys } = measure();
  const pty = startProgram(context, SLOW);
  await until(pty, /ready/);
  for (const key of 'abc') {
    pty.write(key);
    // The whole line: what is left of it would answer the next key.
    await until(pty, new RegExp(`\\[${key}\\]\n`));
  }
  assert.equal(await keys(), 3);
  assert.equal(counts[0], 0, 'none was answered sooner than it can have been');
  assert.ok(counts[3]! >= 0.09, `three keys were answered in ${counts[3]} s`);
  // What is pasted is not measured.
  pty.write('d'.repeat(65));
  await until(pty, /\[d\]/);
  assert.equal(await keys(), 3);
});

test('output that follows no key is not measured, nor is a key without output', async context => {
  const { keys } = measure();
  const pty = startProgram(context, 'stty raw -echo; echo ready; dd bs=1 count=1 2>/dev/null >/dev/null');
  await until(pty, /ready/);
  pty.write('x');
  await readAll(pty);
  assert.equal(await keys(), 0);
});

for (const way of ['by the fast path', 'by JavaScript'] as const) {
  test(`keys of a session, ${way}, one each`, async () => {
    let session: Session | undefined;
    const shell = ptyShell('/bin/sh', ['-c', 'stty raw -echo; echo ready; exec cat']);
    await using host = await Host.start({ shell });
    host.server.on('session', begun => {
      session = begun;
      if (way === 'by JavaScript') begun.tap({});
    });
    await using wire = await host.connect(XTERM);
    await wire.expect('ready');
    const { counts, keys } = measure();
    for (const key of 'abcdefghij') {
      wire.type(key);
      await wire.expect(key);
    }
    assert.ok(session);
    assert.equal(await keys(), 10);
    assert.ok(counts[3]! > 0);
    await wire.close();
    await host.outcome();
  });
}

test('arrays that do not fit are refused, and what was counted before stays', () => {
  const { counts } = measure();
  for (const length of [0, 2, 3, 5])
    assert.throws(() => addon().measureDelays(Float64Array.of(1, 2), new Float64Array(length)), /two more counts/);
  const wrong = new Float32Array(4) as unknown as Float64Array;
  assert.throws(() => addon().measureDelays(Float64Array.of(1, 2), wrong), TypeError);
  assert.equal(counts.length, 4);
  assertNothingHeld();
});
