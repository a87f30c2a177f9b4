import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { type OptionDefinition, type Side, Telnet } from '../../src/protocol/index.ts';
import { cuts, Recorder } from './support/recorder.ts';
import { CLIENT_WORDS, definitionOf, SERVER_WORDS, TIGHT } from './support/tables.ts';

const SERVER = SERVER_WORDS.map(definitionOf);
const CLIENT = CLIENT_WORDS.map(definitionOf);
const MUD = [69, 70, 86, 87, 90, 91, 93, 102, 200, 201];
const CODES = [0, 1, 3, 5, 6, 18, 23, 24, 25, 31, 32, 33, 34, 35, 36, 39, 42, 44, 85, ...MUD, 99, 255];

/** Octets with a meaning are frequent: uniformly random octets hardly ever make a subnegotiation. */
const telling = fc.oneof(
  { weight: 3, arbitrary: fc.constantFrom(255, 13, 10, 0) },
  { weight: 3, arbitrary: fc.integer({ min: 240, max: 254 }) },
  { weight: 3, arbitrary: fc.constantFrom(...CODES) },
  { weight: 2, arbitrary: fc.integer({ min: 0, max: 255 }) },
);
const octet = fc.oneof(telling, fc.integer({ min: 0, max: 7 }));
const negotiation = fc.tuple(fc.constant(255), fc.integer({ min: 251, max: 254 }), fc.constantFrom(...CODES));
const subnegotiation = fc
  .tuple(fc.constantFrom(...CODES), fc.array(octet, { maxLength: 12 }))
  .map(([code, payload]) => [255, 250, code, ...payload, 255, 240]);
const stream = fc
  .array(fc.oneof(negotiation, subnegotiation, fc.array(octet, { maxLength: 6 })), { maxLength: 40 })
  .map(parts => Uint8Array.from(parts.flat()));
const sizes = fc.array(fc.integer({ min: 1, max: 9 }), { minLength: 1, maxLength: 400 });
const tables = fc.constantFrom<readonly OptionDefinition[]>(SERVER, CLIENT, []);
const ends = fc.constantFrom('key' as const, 'text' as const);

function feed(recorder: Recorder, bytes: Uint8Array, pieces: Iterable<number>): string[] {
  for (const piece of cuts(bytes, pieces)) {
    recorder.telnet.receive(piece);
    piece.fill(0xee);
  }
  return recorder.take();
}

test('any octets in any cut: the same events and the same output, and no error is thrown', () => {
  fc.assert(
    fc.property(tables, ends, stream, sizes, (table, end, bytes, pieces) => {
      const whole = feed(new Recorder(table, end, TIGHT), bytes, []);
      assert.deepEqual(feed(new Recorder(table, end, TIGHT), bytes, Array(bytes.length).fill(1)), whole);
      assert.deepEqual(feed(new Recorder(table, end, TIGHT), bytes, pieces), whole);
    }),
    { numRuns: 1500 },
  );
});

test('written data arrives: any data, any cut, both treatments of line endings, with and without BINARY', () => {
  const data = fc
    .uint8Array({ maxLength: 200 })
    .chain(random =>
      fc.array(fc.constantFrom(13, 10, 0, 255, 65), { maxLength: 60 }).map(few => Uint8Array.from([...random, ...few])),
    );
  fc.assert(
    fc.property(data, sizes, sizes, ends, fc.boolean(), (bytes, writes, reads, end, isBinary) => {
      const table = [definitionOf('binary')];
      const sender = new Recorder(table);
      const receiver = new Recorder(table, end);
      if (isBinary) {
        sender.telnet.receive(Uint8Array.of(255, 253, 0));
        receiver.telnet.receive(Uint8Array.of(255, 251, 0));
        sender.take();
        receiver.take();
      }
      for (const piece of cuts(bytes, writes)) sender.telnet.write(piece);
      sender.telnet.flush();
      const wire = sender.sent();
      const whole = new Recorder(table);
      if (!isBinary) {
        whole.telnet.write(bytes);
        whole.telnet.flush();
        assert.deepEqual(whole.sent(), wire, 'the output does not depend on the cut of the writes');
        const text = String.fromCharCode(...wire);
        assert.doesNotMatch(text, /\r(?![\n\0])/, 'CR is followed by LF or NUL');
      }
      for (const piece of cuts(wire, reads)) receiver.telnet.receive(piece);
      const latin1 = String.fromCharCode(...bytes);
      const expected = end === 'text' || isBinary ? latin1 : latin1.replaceAll('\r\n', '\r');
      assert.equal(String.fromCharCode(...receiver.data()), expected);
    }),
    { numRuns: 1000 },
  );
});

test('a client that prints nothing after a NUL: IAC NOP follows each NUL of a CR, in any cut of the writes', () => {
  const table = ['binary', 'sga', 'naws-receive', 'ttype-collect'].map(definitionOf);
  const open = (): Recorder => {
    const recorder = new Recorder(table);
    recorder.telnet.request(31, 'remote', true);
    recorder.telnet.receive(Uint8Array.of(255, 252, 31, 255, 251, 24));
    recorder.take();
    return recorder;
  };
  const some = fc.array(fc.constantFrom(13, 13, 10, 255, 65), { maxLength: 300 });
  const many = fc.integer({ min: 1, max: 20_000 }).map(length => new Array<number>(length).fill(13));
  fc.assert(
    fc.property(fc.oneof({ weight: 9, arbitrary: some }, { weight: 1, arbitrary: many }), sizes, (data, writes) => {
      const sender = open();
      for (const piece of cuts(Uint8Array.from(data), writes)) sender.telnet.write(piece);
      sender.telnet.flush();
      const wire = sender.sent();
      const whole = open();
      whole.telnet.write(Uint8Array.from(data));
      whole.telnet.flush();
      assert.deepEqual(whole.sent(), wire, 'the output does not depend on the cut of the writes');
      assert.doesNotMatch(String.fromCharCode(...wire), /\0(?!\xff\xf1)/, 'IAC NOP follows each NUL');
      const receiver = new Recorder([], 'text');
      receiver.telnet.receive(wire);
      assert.deepEqual(receiver.data(), Uint8Array.from(data));
    }),
    { numRuns: 300 },
  );
});

test('data without escapes is sent as the same buffer that was written', () => {
  const sent: Uint8Array[] = [];
  const handlers = { send: (bytes: Uint8Array) => void sent.push(bytes), data() {}, event() {} };
  const telnet = new Telnet(handlers, { options: [] });
  const text = new TextEncoder().encode('one\r\ntwo\r\n\x1b[2Jthree');
  telnet.write(text);
  assert.equal(sent[0], text);
});

test('data is delivered as views of the chunk', () => {
  const views: Uint8Array[] = [];
  const handlers = { send() {}, data: (view: Uint8Array) => void views.push(view), event() {} };
  const telnet = new Telnet(handlers, { options: [] });
  const chunk = Uint8Array.from([65, 66, 255, 241, 67]);
  telnet.receive(chunk);
  assert.deepEqual(
    views.map(view => [view.buffer === chunk.buffer, view.byteOffset, view.length]),
    [
      [true, 0, 2],
      [true, 4, 1],
    ],
  );
});

const request = fc.record({
  end: fc.boolean(),
  code: fc.constantFrom(...CODES),
  side: fc.constantFrom<Side>('local', 'remote'),
  on: fc.boolean(),
  /** Number of octets that are delivered to each end after the request. */
  toServer: fc.integer({ min: 0, max: 12 }),
  toClient: fc.integer({ min: 0, max: 12 }),
});

function ask(telnet: Telnet, code: number, side: Side, on: boolean): void {
  try {
    telnet.request(code, side, on);
  } catch (error) {
    assert.equal((error as { code?: string }).code, 'ERR_OPTION');
  }
}

test('two engines, any requests in any interleaving: the negotiation ends, and they agree', () => {
  fc.assert(
    fc.property(fc.array(request, { maxLength: 30 }), requests => {
      const [server, client] = [new Recorder(SERVER, 'key'), new Recorder(CLIENT, 'text')];
      const [toServer, toClient]: number[][] = [[], []];
      server.wire = bytes => void toClient!.push(...bytes);
      client.wire = bytes => void toServer!.push(...bytes);
      for (const step of requests) {
        ask((step.end ? server : client).telnet, step.code, step.side, step.on);
        server.telnet.receive(Uint8Array.from(toServer!.splice(0, step.toServer)));
        client.telnet.receive(Uint8Array.from(toClient!.splice(0, step.toClient)));
      }
      for (let turns = 0; toServer!.length + toClient!.length > 0; turns++) {
        assert(turns < 200, 'the negotiation does not end');
        server.telnet.receive(Uint8Array.from(toServer!.splice(0)));
        client.telnet.receive(Uint8Array.from(toClient!.splice(0)));
      }
      for (const code of CODES) {
        for (const [side, other] of [
          ['local', 'remote'],
          ['remote', 'local'],
        ] as const) {
          const state = server.telnet.stateOf(code, side);
          assert.equal(client.telnet.stateOf(code, other), state, `option ${code}, the server's ${side} side`);
          assert(state === 'YES' || state === 'NO', 'no answer is outstanding');
        }
      }
      const warnings = [...server.events(), ...client.events()].filter(
        event => event.type === 'warning' && !['unexpected-subnegotiation', 'too-many-changes'].includes(event.code),
      );
      assert.deepEqual(warnings, [], 'neither warns about the other');
    }),
    { numRuns: 1500 },
  );
});

test('two engines that are connected synchronously, each called by the other, agree on their options', () => {
  const [server, client] = [new Recorder(SERVER, 'key'), new Recorder(CLIENT, 'text')];
  server.wire = bytes => client.telnet.receive(bytes);
  client.wire = bytes => server.telnet.receive(bytes);
  for (const code of [24, 31, 39, 36, 0, 42]) server.telnet.request(code, code === 42 ? 'local' : 'remote', true);
  for (const code of [0, 1, 3]) server.telnet.request(code, 'local', true);
  for (const code of [24, 31, 39, 0]) assert.equal(server.telnet.isEnabled(code, 'remote'), true);
  assert.equal(server.telnet.isEnabled(36, 'remote'), false, 'ENVIRON is refused next to NEW-ENVIRON');
  const events = server.events();
  assert(events.some(event => event.type === 'terminal-type' && event.complete));
  assert(events.some(event => event.type === 'charset' && event.charset === 'UTF-8'));
  const told = events.flatMap(event => (event.type === 'environment' ? event.variables : []));
  assert(told.some(variable => variable.name === 'USER' && variable.value === 'joe'));
});

test('negotiation with a mirror ends, whatever is requested', () => {
  for (const table of [SERVER, CLIENT]) {
    fc.assert(
      fc.property(fc.array(request, { maxLength: 20 }), requests => {
        const recorder = new Recorder(table);
        const mirrored: number[] = [];
        recorder.wire = bytes => void mirrored.push(...bytes);
        // Requesting echo at both ends is up to the application, but a mirror alone must not cause it.
        for (const { code, side, on } of requests) ask(recorder.telnet, code, code === 1 ? 'local' : side, on);
        let total = 0;
        while (mirrored.length > 0) {
          const bytes = Uint8Array.from(mirrored.splice(0));
          total += bytes.length;
          assert(total < 20_000, 'the negotiation with the mirror does not end');
          recorder.telnet.receive(bytes);
        }
        assert(!(recorder.telnet.isEnabled(1, 'local') && recorder.telnet.isEnabled(1, 'remote')), 'echo at both ends');
      }),
      { numRuns: 300 },
    );
  }
});

test('negotiation never sends more bytes than it receives, except for a constant', () => {
  const words = fc.array(negotiation, { maxLength: 400 }).map(parts => Uint8Array.from(parts.flat()));
  // The requests of an option when it is enabled, as often as the limit allows.
  const limits = { optionChanges: 2 };
  const constant = 2 * (2 * 250 + 4 * 64);
  fc.assert(
    fc.property(tables, words, (table, bytes) => {
      const recorder = new Recorder(table, 'key', limits);
      recorder.telnet.receive(bytes);
      assert(recorder.sent().length <= bytes.length + constant, 'amplification');
    }),
    { numRuns: 500 },
  );
});

test('100,000 repetitions of one message, and 100,000 changes, cause few answers', () => {
  const flood = (verbs: number[], code: number) =>
    Uint8Array.from({ length: 300_000 }, (_, i) => [255, verbs[Math.floor(i / 3) % verbs.length]!, code][i % 3]!);
  const answers = (bytes: Uint8Array) => {
    const recorder = new Recorder(SERVER);
    recorder.telnet.receive(bytes);
    return recorder;
  };
  assert.equal(answers(flood([251], 99)).sent().length, 300_000, 'an unknown option: one DONT for each WILL');
  assert.equal(answers(flood([252], 99)).sent().length, 0, 'a WONT for an option that is off needs no answer');
  assert.deepEqual([...answers(flood([251], 3)).sent()], [255, 253, 3], 'a wanted option: one DO');
  const flips = answers(flood([251, 252], 3));
  assert.equal(flips.sent().length, (64 + 64 + 1) * 3, '128 answers at once, and one at the end');
  assert.deepEqual([...flips.sent().subarray(-3)], [255, 254, 3], 'the answer to the last message');
  assert.equal(flips.events().filter(event => event.type === 'warning').length, 1);
});
