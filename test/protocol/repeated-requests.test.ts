/**
 * Peers that ask again for an option that is on. A tolerant engine answers peers that visibly wait, each time. With
 * peers that react to each answer, the exchange ends at any engine, whatever the policy of the peer, and however slow
 * it is.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { defineOption, type Side } from '../../src/protocol/index.ts';
import { Recorder } from './support/recorder.ts';

const CODE = 200;
const [WILL, WONT, DO, DONT] = [251, 252, 253, 254] as const;
const VERBS = [WILL, WONT, DO, DONT];
/** More messages of ours than any exchange may have. */
const MOST_WORDS = 1_000;

/** All answers of up to two messages. */
const ANSWERS = [[], ...VERBS.map(verb => [verb]), ...VERBS.flatMap(one => VERBS.map(other => [one, other]))];
const answer = fc.constantFrom(...ANSWERS);
const policy = fc.record({ [WILL]: answer, [WONT]: answer, [DO]: answer, [DONT]: answer });
type Policy = Readonly<Record<number, readonly number[]>>;

const sides = fc.constantFrom<Side>('local', 'remote');
/** The start of an exchange: messages of the peer, and requests of ours. */
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
  /** Reaction time of the peer, in milliseconds. */
  readonly lag: number;
  /** Whether it sends data before each reaction. */
  readonly isTalkative: boolean;
  readonly agrees: boolean;
}

/** Plays an exchange to its end, with a simulated clock. Returns the number of our messages. */
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
 * Whether a peer changes its mind after an answer, or asks again after a refusal: it must be followed as long as it
 * continues.
 */
function changesItsMind(peer: Policy): boolean {
  // A reaction may only agree with our message: on with DO and WILL, off with DONT and WONT.
  return (
    [WILL, DO].some(verb => peer[verb]!.some(word => word === WONT || word === DONT)) ||
    [WONT, DONT].some(verb => peer[verb]!.some(word => word === WILL || word === DO))
  );
}

for (const compatibility of ['strict', 'tolerant'] as const) {
  test(`${compatibility}: the exchange ends with every peer that has positive reactions of up to two messages`, () => {
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
    assert.ok(most <= 8, `${most} messages`);
  });

  test(`${compatibility}: the exchange ends with peers of any policy, including slow ones and those that send data in between`, () => {
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

  test(`${compatibility}: without a driver, the exchange ends with every policy of up to two messages`, () => {
    fc.assert(
      fc.property(policy, start, fc.boolean(), fc.boolean(), (peer, steps, isTalkative, agrees) => {
        play(peer, steps, { compatibility, isDriven: false, lag: 1, isTalkative, agrees });
      }),
      { numRuns: 1_000 },
    );
  });
}

/** A message of the peer that requests a side. */
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

  test(`tolerant, ${side}: a peer that restarts is answered at every restart, after a pause or after text`, () => {
    for (const how of ['after a pause', 'after text', 'after a command']) {
      const { recorder, clock } = make('tolerant');
      for (let restart = 1; restart <= 15; restart++) {
        if (how === 'after a pause') clock.now += 40;
        else if (how === 'after text') recorder.telnet.receive(Uint8Array.of(65));
        else recorder.telnet.receive(Uint8Array.of(255, 249));
        recorder.take();
        again(recorder);
        assert.deepEqual([...recorder.sent()], [255, yes, CODE], `${how}, ${restart}`);
      }
    }
  });

  test(`tolerant, ${side}: a peer that restarts every minute is answered 1,000 times`, () => {
    const { recorder, clock } = make('tolerant');
    for (let restart = 1; restart <= 1_000; restart++) {
      clock.now += 60_000;
      recorder.take();
      again(recorder);
      assert.equal(recorder.sent().length, 3);
    }
  });

  test(`tolerant, ${side}: a repetition directly after our answer is not from a peer that waits`, () => {
    const { recorder } = make('tolerant');
    for (let time = 0; time < 10; time++) again(recorder);
    assert.equal(recorder.sent().length, 0);
  });

  test(`strict, ${side}: no repetition is answered; neither policy answers a repetition for an option that is off`, () => {
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
