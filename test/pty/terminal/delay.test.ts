/** The delay between keys and output, as counted by the addon. */
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

/** Answers each key after at least 30 ms. */
const SLOW =
  'stty raw -echo; echo ready; while c=$(dd bs=1 count=1 2>/dev/null) && [ "$c" ]; do sleep 0.03; echo "[$c]"; done';

/** A program on a terminal. It is ended even if the test fails: otherwise it would wait for a key forever. */
function startProgram(context: TestContext, script: string) {
  const pty = spawnPty('sh', ['-c', script]);
  context.after(async () => {
    pty.destroy();
    await pty.exited;
  });
  return pty;
}

test('the delay is measured from a key written to a terminal until its output is passed on', async context => {
  const { counts, keys } = measure();
  const pty = startProgram(context, SLOW);
  await until(pty, /ready/);
  for (const key of 'abc') {
    pty.write(key);
    // The whole line: the rest of it would count as the answer to the next key.
    await until(pty, new RegExp(`\\[${key}\\]\n`));
  }
  assert.equal(await keys(), 3);
  assert.equal(counts[0], 0, 'no key was answered before its answer was printed');
  assert.ok(counts[3]! >= 0.09, `three keys were answered in ${counts[3]} s`);
  // Pasted text is not measured.
  pty.write('d'.repeat(65));
  await until(pty, /\[d\]/);
  assert.equal(await keys(), 3);
});

test('neither output that does not follow a key nor a key without output is measured', async context => {
  const { keys } = measure();
  const pty = startProgram(context, 'stty raw -echo; echo ready; dd bs=1 count=1 2>/dev/null >/dev/null');
  await until(pty, /ready/);
  pty.write('x');
  await readAll(pty);
  assert.equal(await keys(), 0);
});

for (const way of ['by the fast path', 'by JavaScript'] as const) {
  test(`each key of a session is measured once, ${way}`, async () => {
    let session: Session | undefined;
    const shell = ptyShell('/bin/sh', ['-c', 'stty raw -echo; echo ready; exec cat']);
    await using host = await Host.start({ shell });
    host.server.on('session', begun => {
      session = begun;
      if (way === 'by JavaScript') begun.trace = {};
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

test('arrays of the wrong size are refused, and the previous counts are kept', () => {
  const { counts } = measure();
  for (const length of [0, 2, 3, 5])
    assert.throws(() => addon().measureDelays(Float64Array.of(1, 2), new Float64Array(length)), /two more counts/);
  const wrong = new Float32Array(4) as unknown as Float64Array;
  assert.throws(() => addon().measureDelays(Float64Array.of(1, 2), wrong), TypeError);
  assert.equal(counts.length, 4);
  assertNothingHeld();
});
