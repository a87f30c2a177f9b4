import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createLog } from '../../../src/cli/log/log.ts';
import { RefusalLog } from '../../../src/cli/log/refusal-log.ts';
import type { RefusalReason } from '../../../src/shells/guards/session-limits.ts';

/** A log, and its output. */
function logged() {
  const lines: { msg: string; refused?: string; count?: number }[] = [];
  const log = createLog({ level: 'info' }, line => void lines.push(JSON.parse(line)));
  const refusals = new RefusalLog(log);
  const refuse = (count: number, refused: RefusalReason) => {
    for (let session = 1; session <= count; session++) refusals.refused({ session, remote: '192.0.2.1:5', refused });
  };
  return { lines, refusals, refuse, messages: () => lines.splice(0).map(({ msg }) => msg) };
}

test('refusals: one line each, then a sum for each reason, then single lines again', context => {
  context.mock.timers.enable({ apis: ['setTimeout'] });
  const { refuse, messages, lines } = logged();
  refuse(3, 'denied');
  assert.deepEqual(messages()[2], 'session 3 refused: 192.0.2.1:5, denied');
  context.mock.timers.tick(10_000);
  assert.deepEqual(messages(), [], 'nothing was left out');
  refuse(1_254, 'connect-rate');
  refuse(2, 'robot');
  assert.equal(messages().length, 20);
  context.mock.timers.tick(9_999);
  assert.equal(lines.length, 0);
  context.mock.timers.tick(1);
  assert.deepEqual(
    lines.map(({ refused, count }) => [refused, count]),
    [
      ['connect-rate', 1_234],
      ['robot', 2],
    ],
  );
  assert.deepEqual(messages(), [
    '… and 1,234 more refused (connect-rate) in the last 10s',
    '… and 2 more refused (robot) in the last 10s',
  ]);
  refuse(1, 'denied');
  assert.equal(messages().length, 1);
});

test('refusals: the sums are logged when the process ends, once', context => {
  context.mock.timers.enable({ apis: ['setTimeout'] });
  const { refuse, messages } = logged();
  const before = process.listenerCount('exit');
  refuse(21, 'denied');
  refuse(21, 'denied');
  assert.equal(process.listenerCount('exit'), before + 1);
  messages();
  for (const listener of process.listeners('exit').slice(before)) listener.call(process, 0);
  assert.deepEqual(messages(), ['… and 22 more refused (denied) in the last 10s']);
  assert.equal(process.listenerCount('exit'), before);
  context.mock.timers.tick(20_000);
  assert.deepEqual(messages(), []);
});
