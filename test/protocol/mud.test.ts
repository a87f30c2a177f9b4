import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import {
  aardwolf,
  atcp,
  defaultLimits,
  formatMsdp,
  gmcp,
  type MsdpValue,
  mccp2,
  mccp3,
  msdp,
  mssp,
  mxp,
  Option,
  type OptionDefinition,
  type OptionHandler,
  parseMsdp,
  type TelnetEvent,
  zmp,
} from '../../src/protocol/index.ts';
import { enabled, framed, pair } from './support/pair.ts';

// The bytes on the wire are tested in test/vectors/options/mud/.

const local = { local: true };
const remote = { remote: true };
const invalid = (call: () => unknown) => assert.throws(call, { code: 'ERR_INVALID_ARGUMENT' });

/** A server that performs the option and a client that has agreed to it, with the events of both. */
function talk<H extends OptionHandler>(atServer: OptionDefinition<H>, atClient: OptionDefinition<H>) {
  const { server, client } = pair([atServer], [atClient]);
  server.telnet.request(atServer.code, 'local', true);
  const told = (fromServer: boolean, say: (handler: H) => void): TelnetEvent[] => {
    for (const end of [server, client]) end.take();
    const [by, to] = fromServer ? [server, client] : [client, server];
    say(by.telnet.handler(fromServer ? atServer : atClient));
    return to.events();
  };
  return { server, client, told };
}

const name = fc.stringMatching(/^[!-~]{1,20}$/);
/** Text without NUL and without the marks of MSDP, in any script. */
const text = fc.string({ unit: 'grapheme' }).filter(value => !/[\x00-\x06]/.test(value));
const label = fc.oneof(
  text.filter(value => value !== ''),
  fc.constantFrom('__proto__', 'constructor', '0'),
);
const { value: msdpValue } = fc.letrec<{ value: MsdpValue }>(tie => ({
  value: fc.oneof(
    { maxDepth: 4, withCrossShrink: true },
    text,
    fc.array(tie('value'), { maxLength: 4 }),
    fc.dictionary(label, tie('value'), { maxKeys: 4, noNullPrototype: true }),
  ),
}));
const table = fc.dictionary(label, msdpValue, { minKeys: 1, maxKeys: 5, noNullPrototype: true });

test('GMCP: JSON and text arrive unchanged, in both directions', () => {
  const { told } = talk(gmcp(local), gmcp(remote));
  fc.assert(
    fc.property(name, fc.jsonValue({ maxDepth: 5 }), fc.boolean(), (message, data, fromServer) => {
      const json = JSON.stringify(data);
      const expected = [{ type: 'gmcp', name: message, text: json, data: JSON.parse(json) }];
      assert.deepEqual(
        told(fromServer, handler => handler.send(message, data)),
        expected,
      );
    }),
  );
  fc.assert(
    fc.property(name, fc.string({ unit: 'grapheme' }), (message, plain) => {
      const [event] = told(true, handler => handler.sendText(message, plain));
      assert(event?.type === 'gmcp' && event.name === message && event.text === plain);
    }),
  );
});

test('GMCP: JSON nested as deep as a subnegotiation is long is not parsed, and does no harm', () => {
  const recorder = enabled(gmcp(remote));
  const deep = `a ${'['.repeat(30_000)}${']'.repeat(30_000)}`;
  recorder.telnet.receive(framed(Option.GMCP, Buffer.from(deep)));
  recorder.telnet.receive(framed(Option.GMCP, Buffer.from(`a "${'['.repeat(60)}\\"["`)));
  assert.deepEqual(
    recorder.events().map(event => (event.type === 'gmcp' ? typeof event.data : event.type)),
    ['warning', 'undefined', 'string'],
  );
});

test('MSDP: variables arrive unchanged, in both directions', () => {
  const { told } = talk(msdp(local), msdp(remote));
  fc.assert(
    fc.property(table, fc.boolean(), (variables, fromServer) => {
      const events = told(fromServer, handler => handler.send(variables));
      const expected = Object.entries(variables).map(([name, value]) => ({ name, value }));
      assert.deepEqual(events, [{ type: 'msdp', variables: expected }]);
    }),
    { numRuns: 500 },
  );
});

function measure(value: MsdpValue): { depth: number; count: number } {
  if (typeof value === 'string') return { depth: 0, count: 1 };
  const parts = Object.values(value).map(measure);
  return {
    depth: 1 + Math.max(0, ...parts.map(part => part.depth)),
    count: parts.reduce((sum, part) => sum + part.count, 1),
  };
}

function hasEmptyName(value: MsdpValue): boolean {
  if (typeof value === 'string') return false;
  return (!Array.isArray(value) && Object.hasOwn(value, '')) || Object.values(value).some(hasEmptyName);
}

test('MSDP: the variables from any octets are within the limits, and can be sent again', () => {
  const octet = fc.oneof(
    { weight: 4, arbitrary: fc.integer({ min: 1, max: 7 }) },
    fc.constantFrom(65, 66, 195, 169, 255),
  );
  const limits = { ...defaultLimits, mudValues: 12, mudDepth: 3 };
  fc.assert(
    fc.property(fc.array(octet, { maxLength: 60 }), octets => {
      const { variables } = parseMsdp(Uint8Array.from(octets), limits);
      for (const { name, value } of variables) {
        const { depth, count } = measure(value);
        // Several values of one name are an array without marks, which is one level more.
        assert(depth <= 2 * limits.mudDepth + 1 && count <= 2 * limits.mudValues);
        if (name === '' || hasEmptyName(value)) continue;
        const again = parseMsdp(formatMsdp({ [name]: value }, depth), defaultLimits);
        assert.deepEqual(again, { variables: [{ name, value }], malformed: false, tooMany: false, tooDeep: false });
      }
    }),
    { numRuns: 3000 },
  );
});

test('MSDP: a message of maximum length that has only marks is parsed quickly and without recursion', () => {
  const limits = { ...defaultLimits, mudValues: Number.MAX_SAFE_INTEGER, mudDepth: Number.MAX_SAFE_INTEGER };
  const opens = Uint8Array.from([1, 65, ...Array(65_000).fill(5)]);
  assert.equal(parseMsdp(opens, limits).variables.length, 1);
  const { variables, tooMany } = parseMsdp(opens, defaultLimits);
  assert.deepEqual([variables, tooMany], [[], false]);
  assert.equal(parseMsdp(Uint8Array.from(Array(65_000).fill(1)), defaultLimits).tooMany, true);
});

test('MSSP: the variables of a server arrive each time a client requests them', () => {
  let players = 0;
  const variables = () => ({ NAME: 'Test', PLAYERS: ++players, PORT: [80, '23'], ANSI: true });
  const { server, client } = pair([mssp({ provide: variables })], [mssp({ receive: true })]);
  for (const on of [true, false, true]) client.telnet.request(Option.MSSP, 'remote', on);
  const told = client.events().flatMap(event => (event.type === 'mssp' ? [Object.fromEntries(event.variables)] : []));
  const expected = { NAME: ['Test'], PORT: ['80', '23'], ANSI: ['1'] };
  assert.deepEqual(told, [
    { ...expected, PLAYERS: ['1'] },
    { ...expected, PLAYERS: ['2'] },
  ]);
  assert(server.telnet.isEnabled(Option.MSSP, 'local'));
});

test('ZMP, ATCP and Aardwolf: messages arrive unchanged', () => {
  const zenith = talk(zmp(local), zmp(remote));
  const arg = fc.string({ unit: 'grapheme' }).filter(value => !value.includes('\0'));
  fc.assert(
    fc.property(name, fc.array(arg, { maxLength: 5 }), fc.boolean(), (command, args, fromServer) => {
      const events = zenith.told(fromServer, handler => handler.send(command, ...args));
      assert.deepEqual(events, [{ type: 'zmp', command, args }]);
    }),
  );
  const achaea = talk(atcp(local), atcp(remote));
  fc.assert(
    fc.property(name, fc.string({ unit: 'grapheme' }), fc.boolean(), (message, plain, fromServer) => {
      const events = achaea.told(fromServer, handler => handler.send(message, plain));
      assert.deepEqual(events, [{ type: 'atcp', name: message, text: plain }]);
    }),
  );
  const wolf = talk(aardwolf(local), aardwolf(remote));
  for (const [channel, value] of [
    [100, 3],
    [255, 255],
    [0, 0],
  ] as const) {
    const events = wolf.told(true, handler => handler.send(channel, value));
    assert.deepEqual(events, [{ type: 'aardwolf', channel, value }]);
  }
});

test('MXP, MCCP2 and MCCP3: only one end may start, and the other end is notified', () => {
  const tags = talk(mxp(local), mxp(remote));
  assert.deepEqual(
    tags.told(true, handler => handler.start()),
    [{ type: 'mxp' }],
  );
  assert.throws(() => tags.told(false, handler => handler.start()), { code: 'ERR_OPTION' });
  for (const [define, byServer] of [
    [mccp2, true],
    [mccp3, false],
  ] as const) {
    const { told } = talk(define(local), define(remote));
    const option = define(local).code;
    const received = [{ type: 'compression', option, direction: 'received' }];
    assert.deepEqual(
      told(byServer, handler => handler.start()),
      received,
    );
    assert.throws(() => told(!byServer, handler => handler.start()), { code: 'ERR_OPTION' });
  }
});

const RECEIVERS: readonly (() => OptionDefinition)[] = [
  () => gmcp(remote),
  () => msdp(remote),
  () => mssp({ receive: true }),
  () => zmp(remote),
  () => atcp(remote),
  () => aardwolf(remote),
  () => mxp(remote),
  () => mccp2(remote),
  () => mccp3(local),
];

test('any payload for any of the options: no error is thrown, and at most one event besides warnings is emitted', () => {
  const octet = fc.oneof(fc.integer({ min: 0, max: 6 }), fc.constantFrom(32, 34, 91, 123, 93, 125, 65), fc.nat(255));
  fc.assert(
    fc.property(fc.array(octet, { maxLength: 24 }), octets => {
      for (const make of RECEIVERS) {
        const definition = make();
        const recorder = enabled(definition);
        recorder.telnet.receive(framed(definition.code, octets));
        const others = recorder.events().filter(event => event.type !== 'warning');
        assert(others.length <= 1 && recorder.sent().length === 0);
      }
    }),
    { numRuns: 500 },
  );
});

test('invalid arguments and calls are rejected', () => {
  const g = gmcp(remote);
  const json = enabled(g).telnet.handler(g);
  for (const bad of ['', 'a b', 'é', 'a\n', 1]) invalid(() => json.send(bad as string));
  for (const bad of [1n, () => 1, Symbol('x')]) invalid(() => json.send('a', bad));
  const circle: unknown[] = [];
  circle.push(circle);
  invalid(() => json.send('a', circle));
  invalid(() => json.sendText('a', 1 as never));

  const m = msdp(remote);
  const variables = enabled(m).telnet.handler(m);
  const values = [
    undefined,
    null,
    () => 1,
    1n,
    Number.NaN,
    Number.POSITIVE_INFINITY,
    'a\x01',
    'a\0',
    new Map(),
    circle,
  ];
  for (const bad of values) invalid(() => variables.send({ a: bad as never }));
  for (const bad of [null, 'x', undefined]) invalid(() => variables.send(bad as never));
  invalid(() => variables.send({ '': '1' }));
  invalid(() => variables.send({ 'a\x02': '1' }));
  invalid(() => formatMsdp({ a: [[['1']]] }, 2));
  formatMsdp({ a: [['1']] }, 2);

  invalid(() => mssp({ provide: {} as never }));
  const s = mssp({ provide: () => ({}) });
  const status = enabled(s).telnet.handler(s);
  invalid(() => status.send({ '': 1 }));
  invalid(() => status.send({ A: [['x']] as never }));
  invalid(() => status.send(undefined as never));

  const z = zmp(remote);
  const commands = enabled(z).telnet.handler(z);
  for (const bad of ['', 'a b', 'é', undefined]) invalid(() => commands.send(bad as string));
  invalid(() => commands.send('a', 'b\0c'));
  invalid(() => commands.send('a', 1 as never));
  const a = atcp(remote);
  invalid(() => enabled(a).telnet.handler(a).send(''));
  invalid(() =>
    enabled(a)
      .telnet.handler(a)
      .send('a', 1 as never),
  );
  const w = aardwolf(remote);
  invalid(() => enabled(w).telnet.handler(w).send(256, 0));
  invalid(() => enabled(w).telnet.handler(w).send(0, 1.5));
});

test('send() fails while the option is off', () => {
  for (const definition of [gmcp(local), zmp(local), atcp(local)]) {
    const recorder = enabled(definition as OptionDefinition);
    const handler = recorder.telnet.handler<OptionHandler>(definition) as unknown as { send(name: string): void };
    handler.send('a.b');
    recorder.telnet.receive(Uint8Array.of(255, 254, definition.code));
    assert.throws(() => handler.send('a.b'), { code: 'ERR_OPTION' });
  }
});
