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
 * `'tolerant'` differs in one thing: a positive in YES. The RFC has it ignored, but there are peers that ask again for what
 * is on, and wait: games that restart under their connections (copyover) and devices that lost track. They are answered,
 * and it is remembered that they were, for others answer every answer, and would do so for ever:
 *
 *      YES                 YES/ANSWERED, say + (for a positive)
 *      YES/ANSWERED        YES (for a positive); else as YES
 */

/**
 * The states of RFC 1143 for one side of one option; the queue is EMPTY where it is not named. `'YES/ANSWERED'` is YES, and
 * occurs where compatibility is `'tolerant'`.
 */
export type NegotiationState =
  | 'NO'
  | 'YES'
  | 'YES/ANSWERED'
  | 'WANTNO'
  | 'WANTNO/OPPOSITE'
  | 'WANTYES'
  | 'WANTYES/OPPOSITE';

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
  'YES/ANSWERED': YES,
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

const ANSWERED: Transition = { next: 'YES/ANSWERED', say: true };

/** How a peer is treated that asks for what is so already: ignored, as RFC 1143 has it, or answered once more. */
export type Compatibility = 'strict' | 'tolerant';

const TABLES: Readonly<Record<Compatibility, typeof STRICT>> = {
  strict: STRICT,
  tolerant: { ...STRICT, YES: { ...YES, agreed: ANSWERED, unwanted: ANSWERED } },
};

/** Whether a value is the name of a {@link Compatibility}. */
export function isCompatibility(name: unknown): name is Compatibility {
  return name === 'strict' || name === 'tolerant';
}

/** The step that `input` makes from `state` (RFC 1143, section 7). A pure look-up: the caller keeps the state. */
export function transition(
  state: NegotiationState,
  input: NegotiationInput,
  compatibility: Compatibility = 'strict',
): Transition {
  return TABLES[compatibility][state][input];
}
