import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { limit } from '../../../src/shells/guards/limit.ts';
import {
  type Addresses,
  type RefusalReason,
  SessionLimits,
  type Slot,
} from '../../../src/shells/guards/session-limits.ts';
import { AddressList } from '../../../src/transport/pre-session/address-list.ts';
import { Host } from '../../support/servers/host.ts';

test('session limits: no more than maxSessions, and each slot is released once', () => {
  const limits = new SessionLimits({ maxSessions: 2 });
  const [one, two] = [limits.admit({ id: 1 }), limits.admit({ id: 2 })];
  assert.ok(typeof one === 'object' && typeof two === 'object');
  assert.equal(limits.admit({ id: 3 }), 'too-many-sessions');
  one.release();
  one.release();
  assert.equal(limits.taken, 1);
  assert.equal(typeof limits.admit({ id: 4 }), 'object');
  assert.equal(limits.admit({ id: 5 }), 'too-many-sessions');
});

test('session limits: 0 does not limit', () => {
  const limits = new SessionLimits({ maxSessions: 0 });
  for (let id = 1; id <= 5_000; id++) assert.equal(typeof limits.admit({ id }), 'object');
  assert.throws(() => new SessionLimits({ maxSessions: -1 }), { code: 'ERR_INVALID_ARGUMENT' });
});

/** The slot; fails if there is none. */
function slotOf(verdict: Slot | RefusalReason): Slot {
  assert.ok(typeof verdict === 'object', String(verdict));
  return verdict;
}

test('session limits: no more than maxPerAddress for one IPv4 address, in any notation, and one IPv6 network', () => {
  const limits = new SessionLimits({ maxPerAddress: 2 });
  const admit = (remoteAddress: string | undefined) => limits.admit({ id: 1, remoteAddress });
  const one = slotOf(admit('192.0.2.1'));
  slotOf(admit('::ffff:192.0.2.1'));
  assert.equal(admit('192.0.2.1'), 'too-many-from-address');
  slotOf(admit('192.0.2.2'));
  one.release();
  one.release();
  slotOf(admit('192.0.2.1'));
  assert.equal(admit('::ffff:c000:201'), 'too-many-from-address');
  slotOf(admit('2001:db8::1'));
  slotOf(admit('2001:DB8:0:0:ffff::9'));
  assert.equal(admit('2001:db8::77:1'), 'too-many-from-address');
  slotOf(admit('2001:db8:0:1::1'));
  for (let count = 0; count < 5; count++) slotOf(admit(undefined));
});

test('session limits: no more than maxNegotiating that have not started', () => {
  const limits = new SessionLimits({ maxNegotiating: 2 });
  const [one, two] = [slotOf(limits.admit({ id: 1 })), slotOf(limits.admit({ id: 2 }))];
  assert.equal(limits.admit({ id: 3 }), 'too-many-negotiating');
  one.started?.();
  one.started?.();
  assert.equal(limits.negotiating, 1);
  const three = slotOf(limits.admit({ id: 4 }));
  assert.equal(limits.admit({ id: 5 }), 'too-many-negotiating');
  two.release();
  two.started?.();
  one.release();
  assert.deepEqual([limits.negotiating, limits.taken], [1, 1]);
  three.release();
  assert.deepEqual([limits.negotiating, limits.taken], [0, 0]);
});

test('session limits: allowed addresses, and denied ones even if they are allowed', () => {
  const limits = new SessionLimits({
    allow: AddressList.parse(['127.0.0.0/8', '2001:db8::/32']),
    deny: new Set(['127.0.0.2']),
  });
  const admit = (remoteAddress: string | undefined) => limits.admit({ id: 1, remoteAddress });
  const one = slotOf(admit('127.0.0.1'));
  slotOf(admit('::ffff:127.0.0.9'));
  slotOf(admit('2001:db8::5'));
  slotOf(admit(undefined));
  assert.equal(admit('127.0.0.2'), 'denied');
  assert.equal(admit('::ffff:127.0.0.2'), 'denied');
  assert.equal(admit('192.0.2.1'), 'denied');
  limits.setAddresses({ deny: AddressList.parse(['127.0.0.1']) });
  assert.equal(admit('127.0.0.1'), 'denied');
  slotOf(admit('192.0.2.1'));
  assert.equal(limits.taken, 5);
  one.release();
  assert.equal(limits.taken, 4);
});

test('session limits: after any sequence of starts and ends the numbers equal those of the present sessions', () => {
  const action = fc.record({ does: fc.constantFrom('come', 'start', 'leave'), who: fc.nat(7) });
  fc.assert(
    fc.property(fc.array(action, { maxLength: 200 }), actions => {
      const limits = new SessionLimits({ maxSessions: 6, maxPerAddress: 2, maxNegotiating: 3 });
      const here: { address: string; slot: Slot; started: boolean }[] = [];
      for (const { does, who } of actions) {
        const address = `192.0.2.${who % 4}`;
        const found = here[who];
        if (does === 'come') {
          const verdict = limits.admit({ id: 1, remoteAddress: address });
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
          if (typeof verdict === 'object') here.push({ address, slot: verdict, started: false });
        } else if (found !== undefined && does === 'start') {
          found.slot.started?.();
          found.started = true;
        } else if (found !== undefined) {
          found.slot.release();
          here.splice(who, 1);
        }
        assert.equal(limits.taken, here.length);
        assert.equal(limits.negotiating, here.filter(({ started }) => !started).length);
      }
    }),
  );
});

test('session limits: the rate counts each ticket once, with or without a slot', () => {
  const limits = new SessionLimits({ connectRate: 1 / 1_000_000, maxPerAddress: 1 });
  const one = { id: 1, remoteAddress: '192.0.2.1' };
  slotOf(limits.admit(one));
  assert.equal(limits.admit(one), 'too-many-from-address');
  const ticket = limits.ticket(one);
  assert.ok(typeof ticket === 'object', String(ticket));
  for (let attempt = 0; attempt < 10; attempt++) assert.equal(ticket.enter(), 'too-many-from-address');
  for (let attempt = 0; attempt < 10; attempt++)
    assert.equal(limits.admit({ ...one, ticket }), 'too-many-from-address');
  assert.equal(typeof limits.ticket(one), 'object');
  assert.equal(limits.admit(one), 'too-many-from-address');
  assert.equal(limits.ticket(one), 'connect-rate');
  assert.equal(limits.admit(one), 'connect-rate');
  slotOf(limits.admit({ id: 2, remoteAddress: '192.0.2.2' }));
  slotOf(limits.admit({ id: 3 }));
});

test('session limits: a ticket takes one slot at a time, and may enter again after its release', () => {
  const limits = new SessionLimits({ maxSessions: 2, maxPerAddress: 2 });
  const ticket = limits.ticket({ remoteAddress: '192.0.2.1' });
  assert.ok(typeof ticket === 'object', String(ticket));
  ticket.release();
  assert.equal(limits.taken, 0);
  assert.deepEqual([ticket.enter(), ticket.enter()], [undefined, undefined]);
  assert.equal(limits.taken, 1);
  ticket.started();
  ticket.release();
  ticket.release();
  assert.deepEqual([limits.taken, limits.negotiating], [0, 0]);
  assert.equal(ticket.enter(), undefined);
  assert.deepEqual([limits.taken, limits.negotiating], [1, 1]);
});

test('session limits: a ticket in use, or of different limits, is not used for another slot', () => {
  const limits = new SessionLimits({ maxSessions: 2 });
  const ticket = limits.ticket({});
  assert.ok(typeof ticket === 'object', String(ticket));
  const one = slotOf(limits.admit({ id: 1, ticket }));
  assert.equal(one, ticket);
  const two = slotOf(limits.admit({ id: 1, ticket }));
  assert.notEqual(two, ticket);
  assert.equal(limits.taken, 2);
  slotOf(new SessionLimits({ maxSessions: 1 }).admit({ id: 1, ticket }));
});

test('session limits: a connection that the listener has checked is counted once, and its ticket becomes the slot', async () => {
  const limits = new SessionLimits({ connectRate: 1 / 1_000_000 });
  const shell = limit({ admission: limits })(session => void session.write(`${limits.taken} taken`));
  await using host = await Host.start({ shell }, { checkAddress: client => limits.ticket(client) });
  const refused: string[] = [];
  host.server.on('refused', ({ reason }) => refused.push(reason));
  // A burst of five is allowed.
  for (let count = 1; count <= 6; count++) {
    await using client = await host.connect();
    await client.untilEnd();
    assert.equal(client.text().includes('1 taken'), count <= 5, `connection ${count}: ${client.text()}`);
  }
  assert.deepEqual(refused, ['connect-rate']);
  assert.equal(limits.taken, 0);
});

test('session limits: invalid limits', () => {
  const wrong = [{ maxPerAddress: 1.5 }, { maxNegotiating: -1 }, { connectRate: -1 }, { connectRate: Number.NaN }];
  for (const options of wrong) assert.throws(() => new SessionLimits(options), { code: 'ERR_INVALID_ARGUMENT' });
  const list = ['127.0.0.1'] as unknown as Addresses;
  assert.throws(() => new SessionLimits({ deny: list }), { code: 'ERR_INVALID_ARGUMENT' });
});
