import assert from 'node:assert/strict';
import { isIPv6 } from 'node:net';
import { test } from 'node:test';
import fc from 'fast-check';
import { addressKey } from '../../../src/shells/guards/addresses.ts';
import { ConnectRate } from '../../../src/shells/guards/connection-rates.ts';

/** A clock that the test advances. */
class Clock {
  time = 0;
  readonly now = () => this.time;
}

test('a rate: allows a burst first, then connections at the rate', () => {
  const clock = new Clock();
  const rate = new ConnectRate(2, clock.now);
  for (let count = 0; count < 5; count++) assert.equal(rate.take('a'), true);
  assert.equal(rate.take('a'), false);
  clock.time += 499;
  assert.equal(rate.take('a'), false);
  clock.time += 1;
  assert.equal(rate.take('a'), true);
  assert.equal(rate.take('a'), false);
  assert.equal(rate.take('b'), true, 'each address has its own bucket');
  clock.time += 1_000_000;
  for (let count = 0; count < 5; count++) assert.equal(rate.take('a'), true);
  assert.equal(rate.take('a'), false, 'a bucket contains at most the burst, however long it is refilled');
});

test('a rate: the burst is the connections of one second, if these are more', () => {
  const rate = new ConnectRate(20.5, new Clock().now);
  let through = 0;
  while (rate.take('a')) through++;
  assert.equal(through, 21);
});

test('a rate: in any period at most burst plus rate are allowed, and a client below the rate is never refused', () => {
  const steps = fc.array(fc.record({ wait: fc.nat(3_000), address: fc.constantFrom('a', 'b') }), { maxLength: 200 });
  fc.assert(
    fc.property(fc.double({ min: 0.01, max: 50, noNaN: true }), steps, (perSecond, list) => {
      const clock = new Clock();
      const rate = new ConnectRate(perSecond, clock.now);
      const burst = Math.max(5, Math.ceil(perSecond));
      const taken: number[] = [];
      for (const { wait, address } of list) {
        clock.time += wait;
        if (rate.take(address) && address === 'a') taken.push(clock.time);
      }
      taken.forEach((from, at) => {
        const until = taken.at(-1)!;
        assert.ok(taken.length - at <= burst + ((until - from) / 1_000) * perSecond + 1e-6);
      });
      for (let count = 0; count < 50; count++) {
        assert.equal(rate.take('patient'), true);
        clock.time += Math.ceil(1_000 / perSecond);
      }
    }),
  );
});

test('a rate: the memory for a hundred thousand addresses is bounded', () => {
  const clock = new Clock();
  const rate = new ConnectRate(1, clock.now);
  for (let count = 0; count < 5; count++) rate.take('victim');
  for (let address = 0; address < 100_000; address++) {
    // An active address is remembered: a flood of others does not give it a new bucket.
    if (address % 1_000 === 0) assert.equal(rate.take('victim'), false);
    assert.equal(rate.take(`2001:db8:${address >> 16}:${address & 0xffff}::/64`), true);
    assert.ok(rate.size <= 16_384);
  }
  assert.equal(rate.size, 16_384);
  clock.time += 10_000;
  for (let count = 0; count < 10_000; count++) rate.take('a');
  assert.ok(rate.size <= 2, 'the entries of a flood are removed by later connections');
});

test('a rate is a number above 0', () => {
  for (const perSecond of [0, -1, Number.NaN, Number.POSITIVE_INFINITY]) {
    assert.throws(() => new ConnectRate(perSecond), { code: 'ERR_INVALID_ARGUMENT' });
  }
});

test('addresses: the key of an address', () => {
  const cases = [
    ['192.0.2.1', '192.0.2.1'],
    ['::ffff:192.0.2.1', '192.0.2.1'],
    ['::FFFF:C000:0201', '192.0.2.1'],
    ['::1', '0:0:0:0::/64'],
    ['::', '0:0:0:0::/64'],
    ['2001:db8::1', '2001:db8:0:0::/64'],
    ['2001:db8:0:0:1::', '2001:db8:0:0::/64'],
    ['2001:db8:1:2:3:4:5:6', '2001:db8:1:2::/64'],
    ['2001:0DB8:0001:0002::', '2001:db8:1:2::/64'],
    ['1::5:6:7:8', '1:0:0:0::/64'],
    ['fe80::1%eth0', 'fe80:0:0:0::/64'],
    ['64:ff9b::192.0.2.33', '64:ff9b:0:0::/64'],
    ['nonsense', 'nonsense'],
    ['', undefined],
    [undefined, undefined],
  ] as const;
  for (const [address, key] of cases) assert.equal(addressKey(address), key, address);
});

test('addresses: two of one network have the same key, two of different networks do not', () => {
  const words = fc.array(fc.integer({ min: 0, max: 0xffff }), { minLength: 4, maxLength: 4 });
  const written = (groups: number[]) => groups.map(group => group.toString(16)).join(':');
  fc.assert(
    fc.property(words, words, words, words, (net, other, one, two) => {
      const key = addressKey(`${written(net)}:${written(one)}`);
      // ::ffff:a.b.c.d is an IPv4 address.
      fc.pre(key?.endsWith('/64') === true && isIPv6(`${written(net)}:${written(two)}`));
      fc.pre(net.some(group => group !== 0));
      assert.equal(addressKey(`${written(net)}:${written(two)}`), key);
      if (written(other) !== written(net)) assert.notEqual(addressKey(`${written(other)}:${written(one)}`), key);
    }),
  );
});
