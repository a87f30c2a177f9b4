import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { defineOption, type NegotiationInput, type NegotiationState, transition } from '../../src/protocol/index.ts';
import { Recorder } from './support/recorder.ts';

/**
 * RFC 1143, section 7, implemented again from its prose, state by state, with its two variables kept separate: the
 * state and the queue bit. It shares no code with the table under test.
 */
type Basic = 'NO' | 'YES' | 'WANTNO' | 'WANTYES';
interface Model {
  state: Basic;
  queue: 'EMPTY' | 'OPPOSITE';
}
interface Step {
  send: 'positive' | 'negative' | undefined;
  error: boolean;
}

const nothing: Step = { send: undefined, error: false };

/** "Upon receipt of WILL", with our decision on it. */
function uponPositive(him: Model, agree: boolean): Step {
  if (him.state === 'NO') {
    if (!agree) return { send: 'negative', error: false };
    him.state = 'YES';
    return { send: 'positive', error: false };
  }
  if (him.state === 'WANTNO') {
    // "Error: DONT answered by WILL."
    him.state = him.queue === 'EMPTY' ? 'NO' : 'YES';
    him.queue = 'EMPTY';
    return { send: undefined, error: true };
  }
  if (him.state === 'WANTYES') {
    if (him.queue === 'EMPTY') {
      him.state = 'YES';
      return nothing;
    }
    him.state = 'WANTNO';
    him.queue = 'EMPTY';
    return { send: 'negative', error: false };
  }
  return nothing;
}

/** "Upon receipt of WONT". */
function uponNegative(him: Model): Step {
  if (him.state === 'YES') {
    him.state = 'NO';
    return { send: 'negative', error: false };
  }
  if (him.state === 'WANTNO' && him.queue === 'OPPOSITE') {
    him.state = 'WANTYES';
    him.queue = 'EMPTY';
    return { send: 'positive', error: false };
  }
  him.state = 'NO';
  him.queue = 'EMPTY';
  return nothing;
}

/** "If we decide to ask him to enable", and to disable: the same with YES and NO exchanged. */
function uponAsk(him: Model, on: boolean): Step {
  const [there, back, here, away]: Basic[] = on
    ? ['YES', 'NO', 'WANTYES', 'WANTNO']
    : ['NO', 'YES', 'WANTNO', 'WANTYES'];
  if (him.state === there) return nothing;
  if (him.state === back) {
    him.state = here!;
    him.queue = 'EMPTY';
    return { send: on ? 'positive' : 'negative', error: false };
  }
  if (him.state === away) him.queue = 'OPPOSITE';
  else him.queue = 'EMPTY';
  return nothing;
}

const MODEL: Readonly<Record<NegotiationInput, (him: Model) => Step>> = {
  agreed: him => uponPositive(him, true),
  unwanted: him => uponPositive(him, false),
  negative: uponNegative,
  'ask-on': him => uponAsk(him, true),
  'ask-off': him => uponAsk(him, false),
};

/** The states of the RFC. */
type RfcState = NegotiationState;

const STATES: Readonly<Record<RfcState, Model>> = {
  NO: { state: 'NO', queue: 'EMPTY' },
  YES: { state: 'YES', queue: 'EMPTY' },
  WANTNO: { state: 'WANTNO', queue: 'EMPTY' },
  'WANTNO/OPPOSITE': { state: 'WANTNO', queue: 'OPPOSITE' },
  WANTYES: { state: 'WANTYES', queue: 'EMPTY' },
  'WANTYES/OPPOSITE': { state: 'WANTYES', queue: 'OPPOSITE' },
};

const nameOf = ({ state, queue }: Model) => (queue === 'OPPOSITE' ? `${state}/OPPOSITE` : state);

/** The event for an observer, derived only from the two states. */
function effectOf(from: NegotiationState, to: string, input: NegotiationInput): string | undefined {
  if (input === 'ask-on' || input === 'ask-off' || from === to) return undefined;
  if (to === 'YES') return 'enabled';
  if (to === 'NO') return from.startsWith('WANTYES') ? 'refused' : 'disabled';
  return from === 'WANTNO/OPPOSITE' ? 'disabled' : undefined;
}

for (const from of Object.keys(STATES) as RfcState[]) {
  for (const input of Object.keys(MODEL) as NegotiationInput[]) {
    test(`${from}: ${input}`, () => {
      const him = { ...STATES[from] };
      const { send, error } = MODEL[input](him);
      const actual = transition(from, input);
      assert.equal(actual.next, nameOf(him), 'next state');
      assert.equal(actual.send, send === undefined ? undefined : send === 'positive', 'message sent');
      assert.equal(actual.error ?? false, error, 'error');
      assert.equal(actual.effect, effectOf(from, nameOf(him), input), 'effect');
    });
  }
}

// The same table drives both sides of an engine. Here each state is reached by messages, and each message of the peer
// is sent.

const CODE = 200;
const [WILL, WONT, DO, DONT] = [251, 252, 253, 254] as const;
type Action = (r: Recorder, side: 'local' | 'remote') => void;
const hear =
  (positive: boolean): Action =>
  (r, side) =>
    r.telnet.receive(Uint8Array.of(255, side === 'remote' ? (positive ? WILL : WONT) : positive ? DO : DONT, CODE));
const ask =
  (on: boolean): Action =>
  (r, side) =>
    r.telnet.request(CODE, side, on);
const WAYS: Readonly<Record<RfcState, Action[]>> = {
  NO: [],
  YES: [hear(true)],
  WANTNO: [hear(true), ask(false)],
  'WANTNO/OPPOSITE': [hear(true), ask(false), ask(true)],
  WANTYES: [ask(true)],
  'WANTYES/OPPOSITE': [ask(true), ask(false)],
};
const ACTIONS: Partial<Record<NegotiationInput, Action>> = {
  agreed: hear(true),
  negative: hear(false),
  'ask-on': ask(true),
  'ask-off': ask(false),
};

for (const side of ['local', 'remote'] as const) {
  test(`the ${side} side of an engine passes through all states`, () => {
    for (const [from, way] of Object.entries(WAYS) as [RfcState, Action[]][]) {
      for (const [input, action] of Object.entries(ACTIONS) as [NegotiationInput, Action][]) {
        const recorder = new Recorder([defineOption(CODE, { local: true, remote: true })]);
        for (const step of way) step(recorder, side);
        const { telnet } = recorder;
        assert.equal(telnet.stateOf(CODE, side), from);
        assert.equal(telnet.isPending(CODE, side), from.startsWith('WANT'));
        recorder.take();
        action(recorder, side);
        const expected = transition(from, input);
        assert.equal(telnet.stateOf(CODE, side), expected.next, `${from}: ${input}`);
        assert.equal(telnet.stateOf(CODE, side === 'local' ? 'remote' : 'local'), 'NO');
        const verb = side === 'local' ? (expected.send ? WILL : WONT) : expected.send ? DO : DONT;
        assert.deepEqual([...recorder.sent()], expected.send === undefined ? [] : [255, verb, CODE]);
        const events = recorder.events().filter(event => event.type === 'option');
        const enabled = expected.effect === 'enabled';
        assert.deepEqual(
          events,
          expected.effect === undefined ? [] : [{ type: 'option', option: CODE, side, enabled }],
          `${from}: ${input}`,
        );
      }
    }
  });
}

test('a side is settled once the peer has sent a message about it and no answer is outstanding', () => {
  const { telnet } = new Recorder([defineOption(CODE, { local: true, remote: true })]);
  assert.equal(telnet.isSettled(CODE, 'remote'), false);
  telnet.request(CODE, 'remote', true);
  assert.equal(telnet.isSettled(CODE, 'remote'), false);
  telnet.receive(Uint8Array.of(255, WONT, CODE));
  assert.equal(telnet.isSettled(CODE, 'remote'), true);
  assert.equal(telnet.isEnabled(CODE, 'remote'), false);
  assert.equal(telnet.isSettled(CODE, 'local'), false);
  telnet.request(CODE, 'remote', true);
  assert.equal(telnet.isSettled(CODE, 'remote'), false);
  telnet.receive(Uint8Array.of(255, WILL, CODE));
  assert.equal(telnet.isSettled(CODE, 'remote') && telnet.isEnabled(CODE, 'remote'), true);
});

test('tolerant differs from RFC 1143 in one place: a request for an option that is on is answered if the peer waits', () => {
  for (const from of Object.keys(STATES) as RfcState[]) {
    for (const input of Object.keys(MODEL) as NegotiationInput[]) {
      const isRepeat = from === 'YES' && (input === 'agreed' || input === 'unwanted');
      const expected = isRepeat ? { next: 'YES', send: true } : transition(from, input);
      assert.deepEqual(transition(from, input, 'tolerant'), expected, `${from}: ${input}`);
    }
  }
});

test('tolerant: negotiation ends with any peer, even with mirrors and peers that answer every message', () => {
  const peers: Readonly<Record<string, (verb: number) => number>> = {
    mirror: verb => verb,
    // WILL and DO, WONT and DONT.
    parrot: verb => (verb === WILL ? DO : verb === DO ? WILL : verb === WONT ? DONT : WONT),
  };
  const VERBS = new Map<string, number>(Object.entries({ WILL, WONT, DO, DONT }));
  const words = fc.array(fc.constantFrom('WILL', 'WONT', 'DO', 'DONT', 'on', 'off', 'on there', 'off there'), {
    maxLength: 12,
  });
  for (const [name, answer] of Object.entries(peers)) {
    fc.assert(
      fc.property(words, steps => {
        const recorder = new Recorder(
          [defineOption(CODE, { local: true, remote: true })],
          'key',
          undefined,
          'tolerant',
        );
        for (const step of steps) {
          const verb = VERBS.get(step);
          if (verb !== undefined) recorder.telnet.receive(Uint8Array.of(255, verb, CODE));
          else recorder.telnet.request(CODE, step.endsWith('there') ? 'remote' : 'local', step.startsWith('on'));
          // Each message is answered until no more are sent.
          for (let rounds = 0; ; rounds++) {
            const said = [...recorder.sent()];
            recorder.take();
            if (said.length === 0) break;
            assert.ok(rounds < 10, `${name}: no end`);
            recorder.telnet.receive(Uint8Array.from(said, (byte, at) => (at % 3 === 1 ? answer(byte) : byte)));
          }
        }
      }),
    );
  }
});
