/**
 * The cost of the start of a session, as counts: CPU time depends on the machine, so a test would not detect its
 * growth.
 */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { test } from 'node:test';
import { hostScript, XTERM } from '../../support/servers/host.ts';

/** The functions of src/ that armed a timer during the block, as lines of stack traces. */
async function timersOf(block: () => Promise<void>): Promise<string[]> {
  const armed: string[] = [];
  const { setTimeout, setInterval } = globalThis;
  const counting = <F extends (...args: never[]) => NodeJS.Timeout>(arm: F): F =>
    ((...args: Parameters<F>) => {
      const [, , caller = ''] = new Error('armed').stack!.split('\n');
      if (caller.includes('/src/')) armed.push(caller.trim());
      return arm(...args);
    }) as F;
  globalThis.setTimeout = counting(setTimeout as never) as never;
  globalThis.setInterval = counting(setInterval as never) as never;
  try {
    await block();
  } finally {
    globalThis.setTimeout = setTimeout;
    globalThis.setInterval = setInterval;
  }
  return armed;
}

test('a session arms four timers from its start to its end', async () => {
  await using host = await hostScript('echo ok');
  const session = async (): Promise<void> => {
    const ended = once(host.server, 'session-end');
    await using wire = await host.connect(XTERM);
    await wire.expect('ok');
    await wire.untilEnd();
    await ended;
  };
  await session();
  // The waits for answers, before WILL ECHO, for the client to close its side, and for a reader of the remaining input.
  // An answer that arrives in pieces takes one more, so the minimum of several sessions counts.
  let least = await timersOf(session);
  for (let count = 0; count < 10 && least.length > 4; count++) least = await timersOf(session);
  assert.ok(least.length <= 4, `${least.length} timers:\n${least.join('\n')}`);
});
