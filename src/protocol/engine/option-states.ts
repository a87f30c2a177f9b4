import type { Side } from '../events.ts';
import type { NegotiationState } from './negotiation.ts';

/** In the order of their codes below. */
const STATES: readonly NegotiationState[] = [
  ...(['NO', 'YES', 'WANTNO', 'WANTNO/OPPOSITE', 'WANTYES', 'WANTYES/OPPOSITE'] as const),
];

/** In an entry the remote side stands above the local one. */
const REMOTE_SHIFT = 12;
const SIDE_BITS = 0xfff;
/** Set in a side once the peer has said anything about that side. */
const HEARD = 0x80;
/** Set in a side while the application, which asked for that side last, wants it on. */
const WANTED = 0x40;
/** The bits of a side that hold its state; all others are flags. */
const STATE_BITS = 0x07;

/** What waits on a side of which an answer is late: see negotiation.ts. */
export const Late = {
  /** The peer waits for an answer. */
  OWED: 0x08,
  /** Remote: the handler of the option does not know yet that the side is on. Local: the peer's last word was DO. */
  ON: 0x10,
  /** Local: the peer has said DONT meanwhile. */
  OFF: 0x20,
  /** The application has asked for the side to be switched; its last wish counts. */
  ASKED: 0x100,
  /** Remote: the side has changed, and nobody knows yet. */
  CHANGED: 0x200,
  /** Remote: the side was on when the application last heard of it. */
  KNOWN_ON: 0x400,
} as const;

const LATE_BITS = Object.values(Late).reduce<number>((bits, bit) => bits | bit, 0);

/** Set in a count of answers once there was a warning about that side. */
const WARNED = 0x8000;
const COUNT_BITS = 0x7fff;

/**
 * The negotiation states of all options of one connection, one number for both sides of each option: a server holds
 * thousands of these, most of them with most options never touched. Entries go by the option's place in the table. (A
 * Uint8Array of this length is three objects, and twice as large.)
 */
export class OptionStates {
  readonly #entries: number[];
  /** Answers that the peer has had about each side since the last {@link resetAnswers}; made at the first one. */
  #answers: Uint16Array | undefined;

  constructor(options: number) {
    this.#entries = new Array<number>(options).fill(0);
  }

  get(index: number, side: Side): NegotiationState {
    return STATES[this.#bits(index, side) & STATE_BITS]!;
  }

  set(index: number, side: Side, state: NegotiationState): void {
    this.#change(index, side, STATE_BITS, STATES.indexOf(state));
  }

  /** Whether the peer has ever sent a WILL, WONT (remote), DO or DONT (local). */
  heard(index: number, side: Side): boolean {
    return (this.#bits(index, side) & HEARD) !== 0;
  }

  hear(index: number, side: Side): void {
    this.#change(index, side, HEARD, HEARD);
  }

  /** Whether the application's last request about that side was to enable it. */
  wanted(index: number, side: Side): boolean {
    return (this.#bits(index, side) & WANTED) !== 0;
  }

  want(index: number, side: Side, on: boolean): void {
    this.#change(index, side, WANTED, on ? WANTED : 0);
  }

  /** What waits for a late answer: bits of {@link Late}. */
  late(index: number, side: Side): number {
    return this.#bits(index, side) & LATE_BITS;
  }

  setLate(index: number, side: Side, bits: number): void {
    this.#change(index, side, LATE_BITS, bits);
  }

  /** Counts one more answer about a side; returns how many there are. */
  countAnswer(index: number, side: Side): number {
    this.#answers ??= new Uint16Array(2 * this.#entries.length);
    const entry = entryOf(index, side);
    const count = Math.min((this.#answers[entry]! & COUNT_BITS) + 1, COUNT_BITS);
    this.#answers[entry] = (this.#answers[entry]! & WARNED) | count;
    return count;
  }

  /** All counts begin anew. */
  resetAnswers(): void {
    const answers = this.#answers;
    answers?.forEach((count, entry) => {
      answers[entry] = count & WARNED;
    });
  }

  /** Returns whether there was no warning about this side before. */
  firstWarning(index: number, side: Side): boolean {
    const entry = entryOf(index, side);
    const answers = this.#answers!;
    const isFirst = (answers[entry]! & WARNED) === 0;
    answers[entry] = answers[entry]! | WARNED;
    return isFirst;
  }

  #bits(index: number, side: Side): number {
    return (this.#entries[index]! >> shiftOf(side)) & SIDE_BITS;
  }

  /** Replaces the bits of one side that are in `mask`. */
  #change(index: number, side: Side, mask: number, bits: number): void {
    const shift = shiftOf(side);
    this.#entries[index] = (this.#entries[index]! & ~(mask << shift)) | (bits << shift);
  }
}

function shiftOf(side: Side): number {
  return side === 'local' ? 0 : REMOTE_SHIFT;
}

function entryOf(index: number, side: Side): number {
  return 2 * index + (side === 'local' ? 0 : 1);
}
