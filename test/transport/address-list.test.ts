import assert from 'node:assert/strict';
import { isIP } from 'node:net';
import { test } from 'node:test';
import fc from 'fast-check';
import { TelptyError } from '../../src/errors.ts';
import { AddressList, normalAddress } from '../../src/transport/pre-session/address-list.ts';

test('normalAddress() returns the same form for all notations of an address', () => {
  assert.equal(normalAddress('192.0.2.1'), '192.0.2.1');
  assert.equal(normalAddress('::ffff:192.0.2.1'), '192.0.2.1');
  assert.equal(normalAddress('::FFFF:c000:201'), '192.0.2.1');
  assert.equal(normalAddress('2001:DB8:0:0::1'), '2001:db8::1');
  assert.equal(normalAddress('fe80::1%eth0'), 'fe80::1');
  assert.equal(normalAddress('not an address'), 'not an address');
});

test('a list contains the addresses that its entries cover, and no others', () => {
  const list = AddressList.parse(['10.0.0.0/8', '192.0.2.7', '2001:db8::/32', '::1']);
  assert.equal(list.size, 4);
  for (const inside of ['10.0.0.0', '10.255.255.255', '192.0.2.7', '2001:db8:ffff::1', '::1', '::ffff:10.1.2.3']) {
    assert.equal(list.has(inside), true, inside);
  }
  for (const outside of ['9.255.255.255', '11.0.0.0', '192.0.2.8', '2001:db9::', '::2', '::ffff:11.0.0.1', '', 'x']) {
    assert.equal(list.has(outside), false, outside);
  }
  assert.equal(list.has(undefined), false);
  assert.equal(AddressList.parse([]).has('10.0.0.1'), false);
});

test('each family has its own ranges, in whichever notation an IPv4 address is written', () => {
  const ipv6 = AddressList.parse(['::/0']);
  assert.deepEqual(
    ['::1', '10.0.0.1', '::ffff:10.0.0.1'].map(address => ipv6.has(address)),
    [true, false, false],
  );
  const ipv4 = AddressList.parse(['0.0.0.0/0']);
  assert.deepEqual(
    ['::1', '10.0.0.1', '::ffff:10.0.0.1'].map(address => ipv4.has(address)),
    [false, true, true],
  );
  const mapped = AddressList.parse(['::ffff:10.0.0.0/104', '::ffff:192.0.2.1']);
  assert.deepEqual(
    ['10.9.9.9', '11.0.0.0', '192.0.2.1', '192.0.2.2'].map(address => mapped.has(address)),
    [true, false, true, false],
  );
});

test('bits after the prefix are ignored', () => {
  assert.equal(AddressList.parse(['10.1.2.3/8']).has('10.200.0.1'), true);
  assert.equal(AddressList.parse(['2001:db8:ffff::1/33']).has('2001:db8:8000::'), true);
  assert.equal(AddressList.parse(['2001:db8:ffff::1/33']).has('2001:db8:7fff::'), false);
});

test('the error names an entry that is not an address', () => {
  for (const bad of [
    '',
    '10.0.0.0/33',
    '::/129',
    '10.0.0/8',
    '10.0.0.0/',
    '10.0.0.0/-1',
    '010.0.0.1',
    'localhost',
    '10.0.0.0/8 ',
    'fe80::1%lo',
  ]) {
    assert.throws(
      () => AddressList.parse(['::1', bad]),
      (error: TelptyError) => error.code === 'ERR_INVALID_ARGUMENT' && error.message.startsWith(`'${bad}' `),
      bad,
    );
  }
});

test('a range contains exactly the addresses that share its prefix', () => {
  const bytes = fc.uint8Array({ minLength: 4, maxLength: 4 });
  fc.assert(
    fc.property(bytes, bytes, fc.integer({ min: 0, max: 32 }), (one, other, bits) => {
      const shared = BigInt.asUintN(32, (number(one) ^ number(other)) >> BigInt(32 - bits)) === 0n;
      assert.equal(AddressList.parse([`${one.join('.')}/${bits}`]).has(other.join('.')), shared);
    }),
  );
});

test('only texts that the system accepts as an address are accepted', () => {
  fc.assert(
    fc.property(fc.oneof(fc.string(), fc.ipV4Extended(), fc.ipV6()), text => {
      try {
        AddressList.parse([text]);
      } catch (error) {
        assert.ok(error instanceof TelptyError);
        return;
      }
      assert.notEqual(isIP(text.split('/')[0]!), 0);
    }),
  );
});

const number = (bytes: Uint8Array) => BigInt(`0x${Buffer.from(bytes).toString('hex')}`);
