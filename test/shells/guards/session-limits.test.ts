import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { type Addresses, type Place, Places, type RefusalReason } from '../../../src/shells/guards/session-limits.ts';
import { AddressList } from '../../../src/transport/pre-session/address-list.ts';

test('places: so many and no more, and each is given back once', () => {
  const places = new Places({ maxSessions: 2 });
  const [one, two] = [places.admit({ id: 1 }), places.admit({ id: 2 })];
  assert.ok(typeof one === 'object' && typeof two === 'object');
  assert.equal(places.admit({ id: 3 }), 'too-many-sessions');
  one.leave();
  one.leave();
  assert.equal(places.taken, 1);
  assert.equal(typeof places.admit({ id: 4 }), 'object');
  assert.equal(places.admit({ id: 5 }), 'too-many-sessions');
});

test('places: 0 is any number', () => {
  const places = new Places({ maxSessions: 0 });
  for (let id = 1; id <= 5_000; id++) assert.equal(typeof places.admit({ id }), 'object');
  assert.throws(() => new Places({ maxSessions: -1 }), { code: 'ERR_INVALID_ARGUMENT' });
});

/** A place, or the test fails. */
function placeOf(verdict: Place | RefusalReason): Place {
  assert.ok(typeof verdict === 'object', String(verdict));
  return verdict;
}

test('places: so many for one address, one IPv4 address however it is written, one IPv6 network', () => {
  const places = new Places({ maxPerAddress: 2 });
  const admit = (remoteAddress: string | undefined) => places.admit({ id: 1, remoteAddress });
  const one = placeOf(admit('192.0.2.1'));
  placeOf(admit('::ffff:192.0.2.1'));
  assert.equal(admit('192.0.2.1'), 'too-many-from-address');
  placeOf(admit('192.0.2.2'));
  one.leave();
  one.leave();
  placeOf(admit('192.0.2.1'));
  assert.equal(admit('::ffff:c000:201'), 'too-many-from-address');
  placeOf(admit('2001:db8::1'));
  placeOf(admit('2001:DB8:0:0:ffff::9'));
  assert.equal(admit('2001:db8::77:1'), 'too-many-from-address');
  placeOf(admit('2001:db8:0:1::1'));
  for (let count = 0; count < 5; count++) placeOf(admit(undefined));
});

test('places: so many that have not started', () => {
  const places = new Places({ maxNegotiating: 2 });
  const [one, two] = [placeOf(places.admit({ id: 1 })), placeOf(places.admit({ id: 2 }))];
  assert.equal(places.admit({ id: 3 }), 'too-many-negotiating');
  one.started?.();
  one.started?.();
  assert.equal(places.negotiating, 1);
  const three = placeOf(places.admit({ id: 4 }));
  assert.equal(places.admit({ id: 5 }), 'too-many-negotiating');
  two.leave();
  two.started?.();
  one.leave();
  assert.deepEqual([places.negotiating, places.taken], [1, 1]);
  three.leave();
  assert.deepEqual([places.negotiating, places.taken], [0, 0]);
});

test('places: who may come, and the denied may not though they are allowed', () => {
  const places = new Places({
    allow: AddressList.parse(['127.0.0.0/8', '2001:db8::/32']),
    deny: new Set(['127.0.0.2']),
  });
  const admit = (remoteAddress: string | undefined) => places.admit({ id: 1, remoteAddress });
  const one = placeOf(admit('127.0.0.1'));
  placeOf(admit('::ffff:127.0.0.9'));
  placeOf(admit('2001:db8::5'));
  placeOf(admit(undefined));
  assert.equal(admit('127.0.0.2'), 'denied');
  assert.equal(admit('::ffff:127.0.0.2'), 'denied');
  assert.equal(admit('192.0.2.1'), 'denied');
  places.setAddresses({ deny: AddressList.parse(['127.0.0.1']) });
  assert.equal(admit('127.0.0.1'), 'denied');
  placeOf(admit('192.0.2.1'));
  assert.equal(places.taken, 5);
  one.leave();
  assert.equal(places.taken, 4);
});

test('places: however they come and go, the numbers are those of who is there', () => {
  const action = fc.record({ does: fc.constantFrom('come', 'start', 'leave'), who: fc.nat(7) });
  fc.assert(
    fc.property(fc.array(action, { maxLength: 200 }), actions => {
      const places = new Places({ maxSessions: 6, maxPerAddress: 2, maxNegotiating: 3 });
      const here: { address: string; place: Place; started: boolean }[] = [];
      for (const { does, who } of actions) {
        const address = `192.0.2.${who % 4}`;
        const found = here[who];
        if (does === 'come') {
          const verdict = places.admit({ id: 1, remoteAddress: address });
          const negotiating = here.filter(({ started }) => !started).length;
          const expected =
            here.length >= 6
              ? 'too-many-sessions'
              : here.filter(other => other.address === address).length >= 2
                ? 'too-many-from-address'
                : negotiating >= 3
                  ? 'too-many-negotiating'
                  : undefined;
          assert.equal(typeof verdict === 'string' ? verdict : undefined, expected);
          if (typeof verdict === 'object') here.push({ address, place: verdict, started: false });
        } else if (found !== undefined && does === 'start') {
          found.place.started?.();
          found.started = true;
        } else if (found !== undefined) {
          found.place.leave();
          here.splice(who, 1);
        }
        assert.equal(places.taken, here.length);
        assert.equal(places.negotiating, here.filter(({ started }) => !started).length);
      }
    }),
  );
});

test('places: a rate counts who knocks, whether there is a place or not, and a second look for a place does not', () => {
  const places = new Places({ connectRate: 1 / 1_000_000, maxPerAddress: 1 });
  const one = { id: 1, remoteAddress: '192.0.2.1' };
  placeOf(places.admit(one));
  assert.equal(places.admit(one), 'too-many-from-address');
  assert.equal(places.knock(one), undefined);
  for (let look = 0; look < 10; look++) assert.equal(places.enter(one), 'too-many-from-address');
  assert.equal(places.knock(one), undefined);
  assert.equal(places.admit(one), 'too-many-from-address');
  assert.equal(places.knock(one), 'connect-rate');
  assert.equal(places.admit(one), 'connect-rate');
  placeOf(places.admit({ id: 2, remoteAddress: '192.0.2.2' }));
  placeOf(places.admit({ id: 3 }));
});

test('places: limits that cannot be meant', () => {
  const wrong = [{ maxPerAddress: 1.5 }, { maxNegotiating: -1 }, { connectRate: -1 }, { connectRate: Number.NaN }];
  for (const options of wrong) assert.throws(() => new Places(options), { code: 'ERR_INVALID_ARGUMENT' });
  const list = ['127.0.0.1'] as unknown as Addresses;
  assert.throws(() => new Places({ deny: list }), { code: 'ERR_INVALID_ARGUMENT' });
});
