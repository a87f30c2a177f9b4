import assert from 'node:assert/strict';
import { mock, test } from 'node:test';
import { dimension, MAX_CELLS } from '../../../src/session/terminal.ts';
import { ResizeThrottle } from '../../../src/shells/program/resize.ts';

test('a dimension that the client does not know is not changed, and all dimensions are bounded', () => {
  assert.equal(dimension(undefined, 80), 80);
  assert.equal(dimension(0, 24), 24);
  assert.equal(dimension(132, 80), 132);
  assert.equal(dimension(65_535, 80), MAX_CELLS);
});

test('a series of sizes: the first is applied at once, few in between, and always the last', () => {
  mock.timers.enable({ apis: ['setTimeout'] });
  try {
    const applied: string[] = [];
    const throttle = new ResizeThrottle((columns, rows) => applied.push(`${columns}x${rows}`));
    throttle.push(81, 24);
    assert.deepEqual(applied, ['81x24']);
    for (let i = 0; i < 50; i++) {
      throttle.push(100 + i, 30);
      mock.timers.tick(5);
    }
    for (let i = 0; i < 3; i++) mock.timers.tick(100);
    assert.equal(applied.at(-1), '149x30');
    assert.ok(applied.length <= 5, `${applied.length} sizes applied`);
    throttle.push(90, 25);
    assert.equal(applied.at(-1), '90x25', 'the first change after a pause is immediate');
    throttle.push(91, 25);
    throttle.stop();
    mock.timers.tick(500);
    assert.equal(applied.at(-1), '90x25');
  } finally {
    mock.timers.reset();
  }
});
