/** bench/lib/statistics.ts: the interval that says how sure a median is. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { median, medianInterval } from '../../bench/lib/statistics.ts';

/** 1, 2, … count, not in this order. */
const ranks = (count: number): number[] => Array.from({ length: count }, (_, index) => ((index * 7) % count) + 1);

test('the interval has the ranks of the tables of the sign test', () => {
  // The binomial distribution with p = 1/2; printed in tables of nonparametric statistics.
  for (const [count, low, high] of [
    [6, 1, 6],
    [8, 1, 8],
    [9, 2, 8],
    [16, 4, 13],
    [20, 6, 15],
    [25, 8, 18],
  ] as const) {
    assert.deepEqual(medianInterval(ranks(count)), [low, high], `${count} values`);
  }
});

test('with fewer than six values there is no such interval', () => {
  for (let count = 0; count < 6; count++) assert.equal(medianInterval(ranks(count)), undefined);
});

test('the interval holds the median, and is independent of the order of the values', () => {
  fc.assert(
    fc.property(fc.array(fc.double({ noNaN: true, min: -1e6, max: 1e6 }), { minLength: 6, maxLength: 60 }), values => {
      const [low, high] = medianInterval(values)!;
      const middle = median(values);
      assert.ok(low <= middle && middle <= high);
      assert.deepEqual(medianInterval([...values].reverse()), [low, high]);
    }),
  );
});
