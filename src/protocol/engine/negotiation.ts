/**
 * Option negotiation: the Q method of RFC 1143, as one table.
 *
 * Theory of operation. An option has two sides, which are independent. If we perform the option, we send WILL and WONT,
 * and the peer sends DO and DONT. If the peer performs it, the roles are exchanged. Both sides obey the same rules. So
 * there is one table for one side of one option, with "positive" for WILL or DO and "negative" for WONT or DONT. RFC
 * 854's rules can loop because a request and its answer look the same. So a side stores whether it waits for an answer
 * (WANTYES, WANTNO), and a queue of one bit. The bit says whether the application has changed its mind in the meantime
 * (OPPOSITE). While an answer is outstanding, nothing more is sent. Hence at most one of our requests is in transit,
 * and the first message that arrives is its answer. An answer is never answered, which ends every loop, even with a
 * mirror at the other end.
 *
 *                          positive            positive        negative           ask on             ask off
 *                          (we agree)          (we refuse)
 *      NO                  YES, send +         send -          nothing            WANTYES, send +    nothing
 *      YES                 nothing             nothing         NO, send -         nothing            WANTNO, send -
 *      WANTNO              NO, error           NO, error       NO                 WANTNO/OPPOSITE    nothing
 *      WANTNO/OPPOSITE     YES, error          YES, error      WANTYES, send +    nothing            WANTNO
 *      WANTYES             YES                 YES             NO                 nothing            WANTYES/OPPOSITE
 *      WANTYES/OPPOSITE    WANTNO, send -      WANTNO, send -  NO                 WANTYES            nothing
 *
 * The column "we refuse" differs only in NO: in every other state we have agreed or asked before. A positive in YES and
 * a negative in NO need no answer (RFC 854 rule b). An error is an answer that contradicts the request (DONT answered
 * by WILL); RFC 1143 ends the wait in that case, too.
 *
 * `'tolerant'` differs in one cell: a positive in YES. RFC 1143 ignores it. But some peers ask again for an option that
 * is on, and wait for the answer. Games do so that restart while their connections stay open (copyover), and devices
 * that have lost track. Such a repetition is answered if the peer visibly waits:
 *
 *      YES, peer waits     YES, send +
 *      YES, else           nothing
 *
 * The difficulty is that other peers react to each answer with one more positive, or with two, and would do so forever.
 * Such a reaction comes soon, and the peer sends nothing in between. So a peer visibly waits if
 *
 *   1. neither end has sent a message about this side for 20 ms or two round trips (the longer of both), or the peer
 *      has sent data or a command since then; and
 *   2. fewer than 20 repetitions of this side were answered since it was off, or quiet for 10 s.
 *
 * Answering every second repetition was rejected. Every second restart would not be answered, and a peer that sends two
 * positives for each answer would still loop.
 *
 * Termination. Let a peer react to each of our messages with up to some fixed number of messages.
 *
 *   (a) A reaction that does not change the state gets no answer. The exceptions are a request in NO that we refuse,
 *       and the repetitions of the cell above. By 1, repetitions within the reaction time get no answer, so an exchange
 *       ends after one answer for each side. By 2, it ends after 20 answers, whatever the speed of the peer and the
 *       data in between.
 *   (b) A request that we refuse is answered each time, as RFC 854 requires. The number of chunks that the requests
 *       come in shows whether a peer asks again after each refusal (`Refusals`). Then refusals are late.
 *   (c) A reaction that changes the state must be answered, and a peer that changes its mind after each answer is
 *       followed. If that takes more answers than `TelnetLimits.optionChanges` in 250 ms, they are late, too.
 *   (d) Late answers: if several messages wait, only the last one is answered. Every answer is sent in the end. But if
 *       the peer sends little, and was silent until the answer came, it may react to answers. Then the time until the
 *       next answer is doubled (`LateAnswers`): 250 ms, 500 ms and so on. So within a time t such an exchange has at
 *       most a constant number of messages, plus some for each doubling up to t. For any practical purpose it has
 *       ended, and still no answer is wrong or missing.
 *
 * Two exchanges can continue. In the first, a peer asks again for a refused option at most four times per second. This
 * may well be its purpose: some peers poll in this manner. In the second, a peer really changes the state after each
 * answer, at a moderate pace.
 *
 * Late answers do not change this table. They change when a step is made. A step of a remote side is made at once,
 * because the peer's stream changes at its WILL or WONT. A step of a local side is made with the answer, because our
 * stream changes at our WILL or WONT.
 */

/** The states of RFC 1143 for one side of one option; the queue is EMPTY where it is not named. */
export type NegotiationState = 'NO' | 'YES' | 'WANTNO' | 'WANTNO/OPPOSITE' | 'WANTYES' | 'WANTYES/OPPOSITE';

/** An event for one side of one option. */
export type NegotiationInput =
  /** The peer's WILL or DO, and policy allows it. */
  | 'agreed'
  /** The peer's WILL or DO, and policy forbids it. */
  | 'unwanted'
  /** The peer's WONT or DONT. */
  | 'negative'
  /** The application asks to enable. */
  | 'ask-on'
  /** The application asks to disable. */
  | 'ask-off';

/** The effect of one step in the table. */
export interface Transition {
  readonly next: NegotiationState;
  /** Send WILL or DO (true), WONT or DONT (false), or nothing (absent). */
  readonly send?: boolean;
  /** The result that is now certain: the side is on, it is off, or it stays off because the peer refused. */
  readonly effect?: 'enabled' | 'disabled' | 'refused';
  /** The peer answered with the opposite of the answers that RFC 854 allows. */
  readonly error?: true;
}

const stay = (next: NegotiationState): Transition => ({ next });

type Row = Readonly<Record<NegotiationInput, Transition>>;

const YES: Row = {
  agreed: stay('YES'),
  unwanted: stay('YES'),
  negative: { next: 'NO', send: false, effect: 'disabled' },
  'ask-on': stay('YES'),
  'ask-off': { next: 'WANTNO', send: false },
};

const STRICT: Readonly<Record<NegotiationState, Row>> = {
  NO: {
    agreed: { next: 'YES', send: true, effect: 'enabled' },
    unwanted: { next: 'NO', send: false },
    negative: stay('NO'),
    'ask-on': { next: 'WANTYES', send: true },
    'ask-off': stay('NO'),
  },
  YES,
  WANTNO: {
    agreed: { next: 'NO', effect: 'disabled', error: true },
    unwanted: { next: 'NO', effect: 'disabled', error: true },
    negative: { next: 'NO', effect: 'disabled' },
    'ask-on': stay('WANTNO/OPPOSITE'),
    'ask-off': stay('WANTNO'),
  },
  'WANTNO/OPPOSITE': {
    agreed: { next: 'YES', effect: 'enabled', error: true },
    unwanted: { next: 'YES', effect: 'enabled', error: true },
    negative: { next: 'WANTYES', send: true, effect: 'disabled' },
    'ask-on': stay('WANTNO/OPPOSITE'),
    'ask-off': stay('WANTNO'),
  },
  WANTYES: {
    agreed: { next: 'YES', effect: 'enabled' },
    unwanted: { next: 'YES', effect: 'enabled' },
    negative: { next: 'NO', effect: 'refused' },
    'ask-on': stay('WANTYES'),
    'ask-off': stay('WANTYES/OPPOSITE'),
  },
  'WANTYES/OPPOSITE': {
    agreed: { next: 'WANTNO', send: false },
    unwanted: { next: 'WANTNO', send: false },
    negative: { next: 'NO', effect: 'refused' },
    'ask-on': stay('WANTYES'),
    'ask-off': stay('WANTYES/OPPOSITE'),
  },
};

const ANSWERED: Transition = { next: 'YES', send: true };

/**
 * How a request for an option that is already on is treated: ignored (RFC 1143), or answered if the peer visibly waits.
 */
export type Compatibility = 'strict' | 'tolerant';

const TABLES: Readonly<Record<Compatibility, typeof STRICT>> = {
  strict: STRICT,
  tolerant: { ...STRICT, YES: { ...YES, agreed: ANSWERED, unwanted: ANSWERED } },
};

/** Whether a value is the name of a {@link Compatibility}. */
export function isCompatibility(name: unknown): name is Compatibility {
  return name === 'strict' || name === 'tolerant';
}

/**
 * The step for `input` in `state` (RFC 1143, section 7). A pure look-up: the caller keeps the state. The caller also
 * decides whether the peer visibly waits; only then does a tolerant engine use the table for `'tolerant'`.
 */
export function transition(
  state: NegotiationState,
  input: NegotiationInput,
  compatibility: Compatibility = 'strict',
): Transition {
  return TABLES[compatibility][state][input];
}
