/**
 * A peer that switches options too often gets late answers, but never wrong ones. For any messages and any cut of
 * the stream, its changes are followed, and in the end both ends agree. Tested for every option of a server and of a
 * client.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { type OptionDefinition, optionName, type Side, Telnet, type TelnetEvent } from '../../src/protocol/index.ts';
import { cuts, Recorder } from './support/recorder.ts';
import { CLIENT_WORDS, definitionOf, SERVER_WORDS } from './support/tables.ts';

const [WILL, WONT, DO, DONT] = [251, 252, 253, 254] as const;
const TIMING_MARK = 6;
const TABLES = { server: SERVER_WORDS.map(definitionOf), client: CLIENT_WORDS.map(definitionOf) };
const sides = fc.constantFrom<Side>('local', 'remote');
const sizes = fc.array(fc.integer({ min: 1, max: 9 }), { minLength: 1, maxLength: 400 });

/** The peer's message about a side of ours. */
const word = (side: Side, on: boolean, code: number) => [
  255,
  side === 'remote' ? (on ? WILL : WONT) : on ? DO : DONT,
  code,
];

/** Our messages about one side in the output, without subnegotiations. */
function answers(sent: Uint8Array, side: Side, code: number): boolean[] {
  const [yes, no] = side === 'remote' ? [DO, DONT] : [WILL, WONT];
  const found: boolean[] = [];
  for (let at = 0; at < sent.length; at++) {
    if (sent[at] !== 255) continue;
    const verb = sent[++at]!;
    if (verb === 250) {
      while (!(sent[at] === 255 && sent[at + 1] === 240)) at += sent[at] === 255 ? 2 : 1;
      at++;
    } else if (verb >= WILL && sent[++at] === code && (verb === yes || verb === no)) found.push(verb === yes);
  }
  return found;
}

/** The state of a side for an application that uses only events. */
function known(events: readonly TelnetEvent[], side: Side, code: number): boolean {
  const last = events.filter(event => event.type === 'option' && event.option === code && event.side === side).at(-1);
  return last?.type === 'option' && last.enabled;
}

for (const [end, table] of Object.entries(TABLES)) {
  for (const { code } of table) {
    if (code === TIMING_MARK) continue;
    test(`${end}, ${optionName(code)}: both ends agree after any messages, in any cut, with or without a driver`, () => {
      fc.assert(
        fc.property(
          fc.array(fc.tuple(sides, fc.boolean()), { minLength: 1, maxLength: 40 }),
          sizes,
          fc.integer({ min: 0, max: 3 }),
          fc.array(fc.nat(39), { maxLength: 3 }),
          fc.boolean(),
          (words, pieces, optionChanges, pauses, isDriven) => {
            const recorder = new Recorder(
              table,
              end === 'server' ? 'key' : 'text',
              { optionChanges, warnings: 1_000 },
              'strict',
              isDriven ? () => {} : undefined,
            );
            const { telnet } = recorder;
            words.forEach(([side, on], at) => {
              for (const piece of cuts(Uint8Array.from(word(side, on, code)), pieces)) telnet.receive(piece);
              if (pauses.includes(at)) telnet.sendDeferred();
            });
            if (isDriven) telnet.sendDeferred();
            for (const side of ['local', 'remote'] as const) {
              const last = words.findLast(([which]) => which === side)?.[1];
              const said = answers(recorder.sent(), side, code);
              const isOn = telnet.isEnabled(code, side);
              assert.equal(known(recorder.events(), side, code), isOn, 'the events agree');
              if (last === undefined) assert.deepEqual(said, []);
              // A side is on if the peer requested it and we agreed; our last message is the current state.
              else assert.equal(isOn, last && said.at(-1) === true, `${side}: ${JSON.stringify(words)}`);
              if (last === false) assert.equal(isOn, false);
              if (said.length > 0 && last !== undefined) assert.equal(said.at(-1), isOn, 'the last answer is right');
            }
          },
        ),
        { numRuns: 60 },
      );
    });
  }

  test(`${end}: a flood of changes of every option causes few answers, and the state follows at once`, () => {
    const many = 20_000;
    const most = 64;
    for (const { code } of table.filter(option => option.code !== TIMING_MARK)) {
      for (const side of ['local', 'remote'] as const) {
        for (const last of [true, false]) {
          const recorder = new Recorder(table, 'key', undefined, 'strict', () => {});
          const { telnet } = recorder;
          const flips = [...word(side, true, code), ...word(side, false, code)];
          telnet.receive(Uint8Array.from({ length: many * 6 }, (_, at) => flips[at % 6]!));
          telnet.receive(Uint8Array.from(word(side, last, code)));
          const before = answers(recorder.sent(), side, code).length;
          assert.ok(before <= most, `${optionName(code)}: ${before} answers`);
          if (side === 'remote' && before > 0)
            assert.equal(telnet.isEnabled(code, side), last && agrees(table, code, side));
          telnet.sendDeferred();
          const said = answers(recorder.sent(), side, code);
          assert.ok(said.length <= most + 1);
          assert.equal(telnet.isEnabled(code, side), said.at(-1), optionName(code));
          assert.equal(said.at(-1), last && agrees(table, code, side));
          assert.ok(recorder.entries.length < 20 * most, 'few events');
        }
      }
    }
  });
}

/** Whether an option may be enabled on that side. */
function agrees(table: readonly OptionDefinition[], code: number, side: Side): boolean {
  return table.find(option => option.code === code)?.[side] === true;
}

test('an option that is not in the table: each request is refused; a peer that switches it is refused late', () => {
  const recorder = new Recorder([], 'key', undefined, 'strict', () => {});
  const all = (on: boolean) =>
    Uint8Array.from(
      Array.from({ length: 256 }, (_, code) => word(code % 2 === 0 ? 'local' : 'remote', on, code)).flat(),
    );
  for (let round = 0; round < 100; round++) recorder.telnet.receive(all(true));
  assert.equal(recorder.sent().length, 100 * 256 * 3);
  recorder.take();
  for (let round = 0; round < 100; round++) {
    recorder.telnet.receive(all(true));
    recorder.telnet.receive(all(false));
  }
  const before = recorder.sent().length / 3;
  assert.ok(before < 10 * 256, `${before} refusals`);
  recorder.take();
  recorder.telnet.sendDeferred();
  const late = recorder.sent();
  const refused = new Set(Array.from({ length: late.length / 3 }, (_, at) => late[3 * at + 2]));
  assert.equal(refused.size, 256, 'each option is refused once more');
  assert.equal(late.length, 256 * 3);
});

test('if a handler throws while late answers are sent, the others are still sent', () => {
  let isFirst = true;
  const sent: number[] = [];
  const engine = new Telnet(
    {
      send: bytes => void sent.push(...bytes),
      data: () => {},
      event: event => {
        if (event.type !== 'option' || !isFirst) return;
        isFirst = false;
        throw new Error('application error');
      },
      deferred: () => {},
    },
    { options: TABLES.client },
    { optionChanges: 0 },
  );
  engine.receive(Uint8Array.from([...word('local', true, 0), ...word('local', true, 24), ...word('local', true, 31)]));
  assert.deepEqual(sent, []);
  assert.throws(() => engine.sendDeferred(), /application error/);
  engine.sendDeferred();
  for (const code of [0, 24, 31]) assert.deepEqual(answers(Uint8Array.from(sent), 'local', code), [true]);
});
