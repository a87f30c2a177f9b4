/** The header of the PROXY protocol: the specification's examples, and headers that a receiver must reject. */
import assert from 'node:assert/strict';
import { isIP, SocketAddress } from 'node:net';
import { test } from 'node:test';
import fc from 'fast-check';
import { normalAddress } from '../../src/transport/pre-session/address-list.ts';
import { crc32c } from '../../src/transport/proxy/crc32c.ts';
import { LONGEST_PROXY_HEADER, parseProxyHeader } from '../../src/transport/proxy/header.ts';
import { ipv4Addresses, ipv6Addresses, proxyV2 } from '../support/format/proxy-header.ts';

const ascii = (text: string) => Buffer.from(text, 'latin1');
const whole = (length: number, address?: string, port?: number) =>
  address === undefined ? { state: 'whole', length } : { state: 'whole', length, address, port };

const LONG_IPV6 = 'ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff';

test("version 1: the specification's examples", () => {
  const examples: [string, ReturnType<typeof whole>][] = [
    // Section 2.1: the worst cases with their lengths, and the header that a proxy before a web server sends.
    ['PROXY TCP4 255.255.255.255 255.255.255.255 65535 65535\r\n', whole(56, '255.255.255.255', 65_535)],
    [`PROXY TCP6 ${LONG_IPV6} ${LONG_IPV6} 65535 65535\r\n`, whole(104, LONG_IPV6, 65_535)],
    ['PROXY UNKNOWN\r\n', whole(15)],
    [`PROXY UNKNOWN ${LONG_IPV6} ${LONG_IPV6} 65535 65535\r\n`, whole(107)],
    [
      'PROXY TCP4 192.168.0.1 192.168.0.11 56324 443\r\nGET / HTTP/1.1\r\nHost: 192.168.0.11\r\n\r\n',
      whole(47, '192.168.0.1', 56_324),
    ],
  ];
  for (const [text, expected] of examples) assert.deepEqual(parseProxyHeader(ascii(text)), expected, text);
});

test('version 1: one source address, in its normal form', () => {
  assert.deepEqual(parseProxyHeader(ascii('PROXY TCP6 2001:DB8:0::1 ::1 1 2\r\n')), whole(34, '2001:db8::1', 1));
  assert.deepEqual(parseProxyHeader(ascii('PROXY TCP6 ::ffff:192.0.2.1 ::1 0 0\r\n')), whole(37, '192.0.2.1', 0));
});

test('version 1: a header that is not exactly as specified is malformed', () => {
  for (const text of [
    'PROXY TCP4 192.0.2.1 192.0.2.2 1 2\n',
    'PROXY TCP4 192.0.2.1 192.0.2.2 1 2\rx',
    'PROXY TCP4  192.0.2.1 192.0.2.2 1 2\r\n',
    'PROXY TCP4 192.0.2.1 192.0.2.2 1 2 \r\n',
    'PROXY TCP4 192.0.2.1 192.0.2.2 1 2 3\r\n',
    'PROXY TCP4 192.0.2.1 192.0.2.2 1\r\n',
    'PROXY TCP4 192.0.2.01 192.0.2.2 1 2\r\n',
    'PROXY TCP4 192.0.2 192.0.2.2 1 2\r\n',
    'PROXY TCP4 256.0.2.1 192.0.2.2 1 2\r\n',
    'PROXY TCP4 ::1 ::2 1 2\r\n',
    'PROXY TCP6 192.0.2.1 192.0.2.2 1 2\r\n',
    'PROXY TCP6 fe80::1%eth0 ::2 1 2\r\n',
    'PROXY TCP4 192.0.2.1 192.0.2.2 01 2\r\n',
    'PROXY TCP4 192.0.2.1 192.0.2.2 65536 2\r\n',
    'PROXY TCP4 192.0.2.1 192.0.2.2 1 -2\r\n',
    'PROXY TCP4 192.0.2.1 192.0.2.2 0x1 2\r\n',
    'PROXY UDP4 192.0.2.1 192.0.2.2 1 2\r\n',
    'PROXY tcp4 192.0.2.1 192.0.2.2 1 2\r\n',
    'PROXY TCP4\t192.0.2.1 192.0.2.2 1 2\r\n',
    'PROXY TCP4 192.0.2.1\0 192.0.2.2 1 2\r\n',
    'PROXY \r\n',
    `PROXY UNKNOWN ${'x'.repeat(92)}\r\n`,
    `PROXY UNKNOWN ${'x'.repeat(200)}`,
    'proxy TCP4 192.0.2.1 192.0.2.2 1 2\r\n',
    'PROXYTCP4',
    ' PROXY TCP4 192.0.2.1 192.0.2.2 1 2\r\n',
    'GET / HTTP/1.1\r\n',
    '\x16\x03\x01',
  ]) {
    assert.equal(parseProxyHeader(ascii(text)).state, 'malformed', JSON.stringify(text));
  }
});

test('version 2: TCP over IPv4 and IPv6', () => {
  assert.deepEqual(parseProxyHeader(proxyV2()), whole(28, '192.0.2.1', 56_324));
  const source = Buffer.from('20010db8000000000000000000000001', 'hex');
  assert.deepEqual(
    parseProxyHeader(proxyV2({ family: 0x21, addresses: ipv6Addresses(source) })),
    whole(52, '2001:db8::1', 56_324),
  );
  const mapped = Buffer.from('00000000000000000000ffffc0000201', 'hex');
  assert.deepEqual(
    parseProxyHeader(proxyV2({ family: 0x21, addresses: ipv6Addresses(mapped) })),
    whole(52, '192.0.2.1', 56_324),
  );
});

test('version 2: without an internet address the peer itself is the client', () => {
  assert.deepEqual(parseProxyHeader(proxyV2({ family: 0x31, addresses: Buffer.alloc(216, 'x') })), whole(232));
  assert.deepEqual(parseProxyHeader(proxyV2({ family: 0x00, addresses: Buffer.alloc(0) })), whole(16));
  // LOCAL: a health check. All bytes covered by the length are skipped unread.
  assert.deepEqual(parseProxyHeader(proxyV2({ command: 0x20, family: 0x00, addresses: Buffer.alloc(0) })), whole(16));
  assert.deepEqual(parseProxyHeader(proxyV2({ command: 0x20, family: 0x11 })), whole(28));
  assert.deepEqual(
    parseProxyHeader(proxyV2({ command: 0x20, family: 0xff, addresses: Buffer.alloc(5, 0xff) })),
    whole(21),
  );
});

test('version 2: TLVs are skipped, and a checksum is verified', () => {
  const tlvs = [
    [4, Buffer.alloc(7)],
    [0xea, Buffer.from('vpc')],
    [0x20, Buffer.alloc(300, 1)],
  ] as const;
  assert.deepEqual(parseProxyHeader(proxyV2({ tlvs })), whole(28 + 10 + 6 + 303, '192.0.2.1', 56_324));
  const good = proxyV2({ tlvs, checksum: true });
  assert.deepEqual(parseProxyHeader(good), whole(good.length, '192.0.2.1', 56_324));
  // In addresses, in the values of the TLVs, and in the checksum itself.
  const places = [...[...good.keys()].slice(16, 28), 31, 37, 41, 50, good.length - 4, good.length - 1];
  for (const place of places) {
    const bad = Buffer.from(good);
    bad[place]! ^= 1;
    assert.equal(parseProxyHeader(bad).state, 'malformed', `byte ${place}`);
  }
  assert.equal(parseProxyHeader(proxyV2({ tlvs: [[3, Buffer.alloc(4)]], checksum: true })).state, 'malformed');
});

test('CRC-32C of the test vectors of RFC 3720', () => {
  const ascending = Uint8Array.from({ length: 32 }, (_, index) => index);
  assert.equal(crc32c(new Uint8Array(32)), 0x8a9136aa);
  assert.equal(crc32c(new Uint8Array(32).fill(255)), 0x62a8ab43);
  assert.equal(crc32c(ascending), 0x46dd794e);
  assert.equal(crc32c(ascii('123456789')), 0xe3069283);
});

test('version 2: a header that is not exactly as specified is malformed', () => {
  const bad: Record<string, Buffer> = {
    'version 1 in it': proxyV2({ command: 0x11 }),
    'version 3': proxyV2({ command: 0x31 }),
    'another command': proxyV2({ command: 0x22 }),
    'another family': proxyV2({ family: 0x41, addresses: Buffer.alloc(300) }),
    'another protocol': proxyV2({ family: 0x13 }),
    datagrams: proxyV2({ family: 0x12 }),
    'a family without a protocol': proxyV2({ family: 0x10 }),
    'too short for IPv4': proxyV2({ addresses: Buffer.alloc(11) }),
    'too short for IPv6': proxyV2({ family: 0x21, addresses: Buffer.alloc(35) }),
    'too short for UNIX': proxyV2({ family: 0x31, addresses: Buffer.alloc(215) }),
    'a TLV without a length': proxyV2({ addresses: Buffer.concat([ipv4Addresses(), Buffer.of(4, 0)]) }),
    'a TLV beyond the end': proxyV2({ addresses: Buffer.concat([ipv4Addresses(), Buffer.of(4, 0, 2, 0)]) }),
    'a checksum of three bytes': proxyV2({ tlvs: [[3, Buffer.alloc(3)]] }),
    'too long': proxyV2({ tlvs: [[4, Buffer.alloc(LONGEST_PROXY_HEADER)]] }).subarray(0, 16),
  };
  for (const [name, bytes] of Object.entries(bad)) assert.equal(parseProxyHeader(bytes).state, 'malformed', name);
});

/** Headers of all kinds. */
const headers = fc.oneof(
  fc
    .record({ from: fc.ipV4(), to: fc.ipV4(), port: fc.nat(65_535) })
    .map(({ from, to, port }) => ascii(`PROXY TCP4 ${from} ${to} ${port} 23\r\n`)),
  fc
    .record({ from: fc.ipV6(), port: fc.nat(65_535) })
    .filter(({ from }) => isIP(from) === 6)
    .map(({ from, port }) => ascii(`PROXY TCP6 ${from} ::1 ${port} 23\r\n`)),
  fc.constant(ascii('PROXY UNKNOWN\r\n')),
  fc
    .record({
      command: fc.constantFrom(0x20, 0x21),
      family: fc.constantFrom(0x11, 0x21, 0x31),
      checksum: fc.boolean(),
      tlvs: fc.array(fc.tuple(fc.integer({ min: 4, max: 255 }), fc.uint8Array({ maxLength: 40 })), { maxLength: 4 }),
      bytes: fc.uint8Array({ minLength: 216, maxLength: 216 }),
    })
    .map(({ bytes, ...rest }) => {
      const size = { 17: 12, 33: 36, 49: 216 }[rest.family as 17 | 33 | 49];
      return proxyV2({ ...rest, addresses: bytes.subarray(0, size) });
    }),
);

test('a header is partial until its last byte, and bytes after it are not part of it', () => {
  fc.assert(
    fc.property(headers, fc.uint8Array({ maxLength: 20 }), (header, rest) => {
      const result = parseProxyHeader(header);
      assert.equal(result.state, 'whole');
      assert.equal(result.length, header.length);
      for (let cut = 0; cut < header.length; cut++) {
        assert.deepEqual(parseProxyHeader(header.subarray(0, cut)), { state: 'partial' }, `cut at ${cut}`);
      }
      assert.deepEqual(parseProxyHeader(Buffer.concat([header, rest])), result);
      if (result.address !== undefined) {
        assert.notEqual(isIP(result.address), 0);
        assert.equal(result.address, normalAddress(result.address));
        assert.ok(result.port! >= 0 && result.port! <= 65_535);
      }
    }),
  );
});

test('version 2 yields the same text for an address as the system', () => {
  fc.assert(
    fc.property(fc.uint8Array({ minLength: 16, maxLength: 16 }), bytes => {
      const header = parseProxyHeader(proxyV2({ family: 0x21, addresses: ipv6Addresses(bytes) }));
      const groups = Buffer.from(bytes).toString('hex').match(/.{4}/g)!.join(':');
      const expected = normalAddress(new SocketAddress({ address: groups, family: 'ipv6' }).address);
      assert.equal(header.state === 'whole' && header.address, expected);
    }),
  );
});

test('property: any bytes yield a result, and further bytes change only a partial one', () => {
  const noise = fc.oneof(
    fc.uint8Array({ maxLength: 300 }),
    fc.tuple(headers, fc.nat(), fc.nat(255)).map(([header, at, byte]) => {
      const copy = Buffer.from(header);
      copy[at % copy.length] = byte;
      return copy;
    }),
  );
  fc.assert(
    fc.property(noise, bytes => {
      const final = parseProxyHeader(bytes);
      for (let cut = bytes.length; cut >= 0; cut--) {
        const earlier = parseProxyHeader(bytes.subarray(0, cut));
        if (earlier.state !== 'partial') assert.deepEqual(earlier.state, final.state);
      }
    }),
    { numRuns: 500 },
  );
});
