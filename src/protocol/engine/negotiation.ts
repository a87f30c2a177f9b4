/**
 * Option negotiation: the Q method of RFC 1143, as one table.
 *
 * Theory of operation. An option has two sides that know nothing of each other: we perform it (we say WILL and WONT, the
 * peer says DO and DONT) or the peer performs it (the other way round). Both obey the same rules, so there is one table,
 * for one side of one option, that speaks of "positive" (WILL or DO) and "negative" (WONT or DONT). What makes RFC 854's
 * rules loop is that a request and its answer look the same. So a side remembers whether it waits for an answer
 * (WANTYES, WANTNO), and one bit of a queue: whether the application has changed its mind meanwhile (OPPOSITE). While an
 * answer is outstanding nothing more is sent, hence at most one of our requests is on its way, and whatever comes first
 * is its answer. An answer is never answered: that is what ends every loop, also with a mirror at the other end.
 *
 *                          positive            positive        negative           ask on             ask off
 *                          (we agree)          (we refuse)
 *      NO                  YES, say +          say -           nothing            WANTYES, say +     nothing
 *      YES                 nothing             nothing         NO, say -          nothing            WANTNO, say -
 *      WANTNO              NO, error           NO, error       NO                 WANTNO/OPPOSITE    nothing
 *      WANTNO/OPPOSITE     YES, error          YES, error      WANTYES, say +     nothing            WANTNO
 *      WANTYES             YES                 YES             NO                 nothing            WANTYES/OPPOSITE
 *      WANTYES/OPPOSITE    WANTNO, say -       WANTNO, say -   NO                 WANTYES            nothing
 *
 * The column "we refuse" differs in NO alone: in every other state we have agreed or asked before. In YES a positive, in
 * NO a negative needs no answer (RFC 854 rule b). The errors are an answer that contradicts (DONT answered by WILL); the
 * RFC has it taken as the end of the wait all the same.
 *
 * `'tolerant'` differs in one cell: a positive in YES. The RFC has it ignored. But games that restart under their connections
 * (copyover), and devices that have lost track, ask again for what is on, and wait. Such a repetition is answered, where the
 * peer visibly waits:
 *
 *      YES, peer waits     YES, say +
 *      YES, else           nothing
 *
 * What makes this hard is that other peers react to each answer with one more positive, or with two, and would do so for
 * ever. Such a reaction comes soon, and nothing in between. So a peer visibly waits if
 *
 *   1. nothing was said about this side, by either end, for 20 ms or two round trips, whichever is longer; or the peer has
 *      sent data or a command since then; and
 *   2. fewer than 20 repetitions of this side were answered since it was off, or quiet for 10 s.
 *
 * To alternate, answering every second one, was rejected: it leaves every second restart without an answer, and a peer that gives two
 * positives to each answer without an end.
 *
 * Termination. Let a peer react to each of our words with up to some fixed number of words.
 *
 *   (a) A reaction that leaves the state as it is gets no answer, but for a request in NO that we refuse, and for the repetitions of
 *       the cell above. By 1, repetitions within the time of a reaction get none, so an exchange ends after one answer
 *       for each side; by 2, however slow the peer and whatever data is in between, it ends after 20.
 *   (b) A request that we refuse is answered each time, as RFC 854 has it. A peer that asks again at each refusal shows by the
 *       number of chunks that its requests come in (`Refusals`). Then refusals are late.
 *   (c) A reaction that changes the state must be answered, and a peer that changes its mind at each answer is followed. If that
 *       takes more answers than `TelnetLimits.optionChanges` in 250 ms, they are late, too.
 *   (d) Late answers: of many words only the last is answered. Each answer is sent, but a peer that says little and was silent until
 *       it came, as one that reacts is, has the next one after twice the time (`LateAnswers`): 250 ms, 500 ms, … So within a time t such an
 *       exchange has no more than a constant number of words and some for each doubling up to t. For any
 *       practical purpose it has ended, and still no answer is wrong or missing.
 *
 * What goes on is a peer that asks for what was refused four times a second or less often, which may well be its purpose (some
 * poll so), and one that truly changes the state at each answer at a moderate pace.
 *
 * Late answers do not change this table. They change when a step is made: of a remote side at once, for the peer's stream
 * changes at its WILL or WONT; of a local side with the answer, for ours changes at our WILL or WONT.
 */

/** The states of RFC 1143 for one side of one option; the queue is EMPTY where it is not named. */
export type NegotiationState = 'NO' | 'YES' | 'WANTNO' | 'WANTNO/OPPOSITE' | 'WANTYES' | 'WANTYES/OPPOSITE';

/** What can happen to one side of one option. */
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

/** What a step of the table does. */
export interface Transition {
  readonly next: NegotiationState;
  /** Send WILL or DO (true), WONT or DONT (false), or nothing (absent). */
  readonly say?: boolean;
  /** What has become certain: the side is on; it is off; it stays off because the peer refused. */
  readonly effect?: 'enabled' | 'disabled' | 'refused';
  /** The peer answered with the opposite of what RFC 854 lets it answer. */
  readonly error?: true;
}

const stay = (next: NegotiationState): Transition => ({ next });

type Row = Readonly<Record<NegotiationInput, Transition>>;

const YES: Row = {
  agreed: stay('YES'),
  unwanted: stay('YES'),
  negative: { next: 'NO', say: false, effect: 'disabled' },
  'ask-on': stay('YES'),
  'ask-off': { next: 'WANTNO', say: false },
};

const STRICT: Readonly<Record<NegotiationState, Row>> = {
  NO: {
    agreed: { next: 'YES', say: true, effect: 'enabled' },
    unwanted: { next: 'NO', say: false },
    negative: stay('NO'),
    'ask-on': { next: 'WANTYES', say: true },
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
    negative: { next: 'WANTYES', say: true, effect: 'disabled' },
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
    agreed: { next: 'WANTNO', say: false },
    unwanted: { next: 'WANTNO', say: false },
    negative: { next: 'NO', effect: 'refused' },
    'ask-on': stay('WANTYES'),
    'ask-off': stay('WANTYES/OPPOSITE'),
  },
};

const ANSWERED: Transition = { next: 'YES', say: true };

/** How a peer is treated that asks for what is on already: ignored, as RFC 1143 has it, or answered where it visibly waits. */
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
 * The step that `input` makes from `state` (RFC 1143, section 7). A pure look-up: the caller keeps the state, and knows whether
 * the peer visibly waits, which is when a tolerant end goes by the table for `'tolerant'`.
 */
export function transition(
  state: NegotiationState,
  input: NegotiationInput,
  compatibility: Compatibility = 'strict',
): Transition {
  return TABLES[compatibility][state][input];
}
