import type { Side } from '../events.ts';
import type { NegotiationState } from './negotiation.ts';

/** In the order of their numeric codes. */
const STATES: readonly NegotiationState[] = [
  ...(['NO', 'YES', 'WANTNO', 'WANTNO/OPPOSITE', 'WANTYES', 'WANTYES/OPPOSITE'] as const),
];

/** In an entry the remote side has the higher bits. */
const REMOTE_SHIFT = 12;
const SIDE_BITS = 0xfff;
/** Set in a side after the peer has sent any request or answer about that side. */
const RECEIVED = 0x80;
/** Set in a side if the application's last request about that side was to enable it. */
const WANTED = 0x40;
/** The bits of a side that hold its state; the other bits are flags. */
const STATE_BITS = 0x07;

/** Flags of a side whose answer is late: see negotiation.ts. */
export const Late = {
  /** The peer waits for an answer. */
  UNANSWERED: 0x08,
  /** Remote: the handler of the option has not been notified yet that the side is on. Local: the peer sent DO last. */
  ON: 0x10,
  /** Local: the peer has sent DONT in the meantime. */
  OFF: 0x20,
  /** The application has requested a change of the side; only its last request counts. */
  ASKED: 0x100,
  /** Remote: the side has changed, and the application has not been notified yet. */
  CHANGED: 0x200,
  /** Remote: the side was on when the application was last notified. */
  KNOWN_ON: 0x400,
} as const;

const LATE_BITS = Object.values(Late).reduce<number>((bits, bit) => bits | bit, 0);

/** Set in a count of answers after a warning about that side. */
const WARNED = 0x8000;
const COUNT_BITS = 0x7fff;

/**
 * The negotiation states of all options of one connection, with one number for both sides of each option. A server
 * holds thousands of these objects, and in most of them most options are never used. An entry has the index of its
 * option in the option table. (A Uint8Array of this length is three objects, and twice as large.)
 */
export class OptionStates {
  readonly #entries: number[];
  /** Answers sent to the peer about each side since the last {@link resetAnswers}. Allocated with the first one. */
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

  /** Whether the peer has ever sent a WILL or WONT (remote side), a DO or DONT (local side). */
  hasReceived(index: number, side: Side): boolean {
    return (this.#bits(index, side) & RECEIVED) !== 0;
  }

  setReceived(index: number, side: Side): void {
    this.#change(index, side, RECEIVED, RECEIVED);
  }

  /** Whether the application's last request about that side was to enable it. */
  wanted(index: number, side: Side): boolean {
    return (this.#bits(index, side) & WANTED) !== 0;
  }

  want(index: number, side: Side, on: boolean): void {
    this.#change(index, side, WANTED, on ? WANTED : 0);
  }

  /** The flags of a side whose answer is late: bits of {@link Late}. */
  late(index: number, side: Side): number {
    return this.#bits(index, side) & LATE_BITS;
  }

  setLate(index: number, side: Side, bits: number): void {
    this.#change(index, side, LATE_BITS, bits);
  }

  /** Counts one more answer about a side and returns the count. */
  countAnswer(index: number, side: Side): number {
    this.#answers ??= new Uint16Array(2 * this.#entries.length);
    const entry = entryOf(index, side);
    const count = Math.min((this.#answers[entry]! & COUNT_BITS) + 1, COUNT_BITS);
    this.#answers[entry] = (this.#answers[entry]! & WARNED) | count;
    return count;
  }

  /** Sets all counts to 0. */
  resetAnswers(): void {
    const answers = this.#answers;
    answers?.forEach((count, entry) => {
      answers[entry] = count & WARNED;
    });
  }

  /** Returns whether this is the first warning about this side. */
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
