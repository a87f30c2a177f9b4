/**
 * Peers that ask again for what is on. Those that visibly wait are answered by a tolerant end, each time; those that
 * react to each answer stop with any end, whatever their policy, and however slow they are.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { defineOption, type Side } from '../../src/protocol/index.ts';
import { Recorder } from './support/recorder.ts';

const CODE = 200;
const [WILL, WONT, DO, DONT] = [251, 252, 253, 254] as const;
const VERBS = [WILL, WONT, DO, DONT];
/** More of our commands than any exchange may have. */
const MOST_WORDS = 1_000;

/** All answers of up to two words. */
const ANSWERS = [[], ...VERBS.map(verb => [verb]), ...VERBS.flatMap(one => VERBS.map(other => [one, other]))];
const answer = fc.constantFrom(...ANSWERS);
const policy = fc.record({ [WILL]: answer, [WONT]: answer, [DO]: answer, [DONT]: answer });
type Policy = Readonly<Record<number, readonly number[]>>;

const sides = fc.constantFrom<Side>('local', 'remote');
/** How an exchange begins: words of the peer, and requests of ours. */
const start = fc.array(
  fc.oneof(
    fc.constantFrom(...VERBS).map(verb => ({ verb })),
    fc.tuple(sides, fc.boolean()).map(([side, on]) => ({ side, on })),
  ),
  { maxLength: 5 },
);
type Start = typeof start extends fc.Arbitrary<infer T> ? T : never;

interface Conditions {
  readonly compatibility: 'strict' | 'tolerant';
  readonly isDriven: boolean;
  /** How long the peer takes to react, in milliseconds. */
  readonly lag: number;
  /** Whether it prints something before each reaction. */
  readonly isTalkative: boolean;
  readonly agrees: boolean;
}

/** Plays an exchange to its end, by a clock of its own. Returns the number of commands sent by this end. */
function play(peer: Policy, steps: Start, conditions: Conditions): number {
  const { compatibility, isDriven, lag, isTalkative, agrees } = conditions;
  let now = 0;
  let isDeferred = false;
  const recorder = new Recorder(
    [defineOption(CODE, { local: agrees, remote: agrees })],
    'key',
    undefined,
    compatibility,
    isDriven
      ? () => {
          isDeferred = true;
        }
      : undefined,
    () => now,
  );
  const { telnet } = recorder;
  let words = 0;
  const settle = () => {
    for (;;) {
      const said = [...recorder.sent()].filter((_, at) => at % 3 === 1);
      recorder.take();
      if (said.length === 0) {
        if (!isDeferred) return;
        isDeferred = false;
        now += 250;
        telnet.sendDeferred();
        continue;
      }
      words += said.length;
      assert.ok(words < MOST_WORDS, `no end: ${JSON.stringify({ peer, steps, conditions })}`);
      now += lag;
      const text = isTalkative ? [65] : [];
      telnet.receive(
        Uint8Array.from([...text, ...said.flatMap(verb => peer[verb]!.flatMap(word => [255, word, CODE]))]),
      );
    }
  };
  for (const step of steps) {
    if ('verb' in step) telnet.receive(Uint8Array.of(255, step.verb, CODE));
    else if (!step.on || agrees) telnet.request(CODE, step.side, step.on);
    settle();
  }
  return words;
}

/**
 * Whether a peer changes its mind at an answer, or asks again for what was refused: it has to be followed as long as it
 * goes on.
 */
function changesItsMind(peer: Policy): boolean {
  // A reaction may only agree with the command: to be on with DO and WILL, off with DONT and WONT.
  return (
    [WILL, DO].some(verb => peer[verb]!.some(word => word === WONT || word === DONT)) ||
    [WONT, DONT].some(verb => peer[verb]!.some(word => word === WILL || word === DO))
  );
}

for (const compatibility of ['strict', 'tolerant'] as const) {
  test(`${compatibility}: the exchange with every peer with positive reactions of up to two commands ends`, () => {
    const positive = ANSWERS.filter(words => words.every(word => word === WILL || word === DO));
    const negative = ANSWERS.filter(words => words.every(word => word === WONT || word === DONT));
    const begins: Start[] = [
      ...[WILL, DO].map(verb => [{ verb }]),
      [{ verb: WILL }, { verb: DO }],
      ...(['local', 'remote'] as const).map(side => [{ side, on: true }]),
      [
        { side: 'local', on: true },
        { side: 'local', on: false },
      ],
    ];
    let most = 0;
    for (const toWill of positive) {
      for (const toDo of positive) {
        for (const [at, toWont] of negative.entries()) {
          const peer = { [WILL]: toWill, [DO]: toDo, [WONT]: toWont, [DONT]: negative.at(-1 - at)! };
          for (const steps of begins) {
            for (const isTalkative of [false, true]) {
              const conditions = { compatibility, isDriven: true, lag: 1, isTalkative, agrees: true };
              const words = play(peer, steps, conditions);
              if (!isTalkative) most = Math.max(most, words);
            }
          }
        }
      }
    }
    assert.ok(most <= 8, `${most} words`);
  });

  test(`${compatibility}: exchanges end with peers of any policy, also slow ones and those that send data in between`, () => {
    fc.assert(
      fc.property(
        policy.filter(peer => !changesItsMind(peer)),
        start,
        fc.constantFrom(0, 1, 30, 300, 3_000),
        fc.boolean(),
        fc.boolean(),
        fc.boolean(),
        (peer, steps, lag, isTalkative, isDriven, agrees) => {
          play(peer, steps, { compatibility, isDriven, lag, isTalkative, agrees });
        },
      ),
      { numRuns: 1_000 },
    );
  });

  test(`${compatibility}: without a driver the exchange with every policy of up to two commands ends`, () => {
    fc.assert(
      fc.property(policy, start, fc.boolean(), fc.boolean(), (peer, steps, isTalkative, agrees) => {
        play(peer, steps, { compatibility, isDriven: false, lag: 1, isTalkative, agrees });
      }),
      { numRuns: 1_000 },
    );
  });
}

/** A word of the peer that asks for a side. */
const asks = (side: Side) => Uint8Array.of(255, side === 'remote' ? WILL : DO, CODE);

for (const side of ['local', 'remote'] as const) {
  const make = (compatibility: 'strict' | 'tolerant') => {
    const clock = { now: 0 };
    const recorder: Recorder = new Recorder(
      [defineOption(CODE, { local: true, remote: true })],
      'key',
      undefined,
      compatibility,
      () => recorder.telnet.sendDeferred(),
      () => clock.now,
    );
    recorder.telnet.receive(asks(side));
    recorder.take();
    return { recorder, clock };
  };
  const again = ({ telnet }: Recorder) => telnet.receive(asks(side));
  const yes = side === 'remote' ? DO : WILL;

  test(`tolerant, ${side}: a peer that restarts is answered at every restart, after a while or after text`, () => {
    for (const how of ['after a while', 'behind text', 'behind a command']) {
      const { recorder, clock } = make('tolerant');
      for (let restart = 1; restart <= 15; restart++) {
        if (how === 'after a while') clock.now += 40;
        else if (how === 'behind text') recorder.telnet.receive(Uint8Array.of(65));
        else recorder.telnet.receive(Uint8Array.of(255, 249));
        recorder.take();
        again(recorder);
        assert.deepEqual([...recorder.sent()], [255, yes, CODE], `${how}, ${restart}`);
      }
    }
  });

  test(`tolerant, ${side}: for days on end`, () => {
    const { recorder, clock } = make('tolerant');
    for (let restart = 1; restart <= 1_000; restart++) {
      clock.now += 60_000;
      recorder.take();
      again(recorder);
      assert.equal(recorder.sent().length, 3);
    }
  });

  test(`tolerant, ${side}: a request that comes at once, directly after our answer, is not that of a waiting peer`, () => {
    const { recorder } = make('tolerant');
    for (let time = 0; time < 10; time++) again(recorder);
    assert.equal(recorder.sent().length, 0);
  });

  test(`strict, ${side}: no repetition is answered, and no end answers one for an option that is off`, () => {
    const { recorder, clock } = make('strict');
    clock.now += 60_000;
    again(recorder);
    assert.equal(recorder.sent().length, 0);
    for (const compatibility of ['strict', 'tolerant'] as const) {
      const other = make(compatibility);
      const off = Uint8Array.of(255, side === 'remote' ? WONT : DONT, CODE);
      other.recorder.telnet.receive(off);
      other.recorder.take();
      other.clock.now += 60_000;
      other.recorder.telnet.receive(off);
      assert.equal(other.recorder.sent().length, 0);
    }
  });
}
