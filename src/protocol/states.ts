import type { Side } from './events.ts';
import type { NegotiationState } from './negotiation.ts';

/** In the order of their codes below. */
const STATES: readonly NegotiationState[] = [
  ...(['NO', 'YES', 'YES/ANSWERED', 'WANTNO', 'WANTNO/OPPOSITE', 'WANTYES', 'WANTYES/OPPOSITE'] as const),
];

/** In an entry the remote side stands above the local one. */
const REMOTE_SHIFT = 8;
/** Set in a side once the peer has said anything about that side. */
const HEARD = 0x80;
/** Set in a side while the application, which asked for that side last, wants it on. */
const WANTED = 0x40;
const FLAGS = HEARD | WANTED;

/**
 * The negotiation states of all options of one connection, one number for both sides of each option: a server holds
 * thousands of these, most of them with most options never touched. Entries go by the option's place in the table. (A
 * Uint8Array of this length is three objects, and twice as large.)
 */
export class OptionStates {
  readonly #entries: number[];
  /** How often the peer switched a side on, counted only from the first time that one does. */
  #changes: Uint16Array | undefined;

  constructor(options: number) {
    this.#entries = new Array<number>(options).fill(0);
  }

  get(index: number, side: Side): NegotiationState {
    return STATES[this.#octet(index, side) & ~FLAGS]!;
  }

  set(index: number, side: Side, state: NegotiationState): void {
    this.#change(index, side, ~FLAGS, STATES.indexOf(state));
  }

  /** Whether the peer has ever sent a WILL, WONT (remote), DO or DONT (local). */
  heard(index: number, side: Side): boolean {
    return (this.#octet(index, side) & HEARD) !== 0;
  }

  hear(index: number, side: Side): void {
    this.#change(index, side, HEARD, HEARD);
  }

  /** Whether the application's last request about that side was to enable it. */
  wanted(index: number, side: Side): boolean {
    return (this.#octet(index, side) & WANTED) !== 0;
  }

  want(index: number, side: Side, on: boolean): void {
    this.#change(index, side, WANTED, on ? WANTED : 0);
  }

  /** Counts one more change by the peer; returns how many there were. Stops counting at 65,535. */
  change(index: number, side: Side): number {
    this.#changes ??= new Uint16Array(2 * this.#entries.length);
    const entry = 2 * index + (side === 'local' ? 0 : 1);
    const count = Math.min(this.#changes[entry]! + 1, 0xffff);
    this.#changes[entry] = count;
    return count;
  }

  #octet(index: number, side: Side): number {
    return (this.#entries[index]! >> shiftOf(side)) & 0xff;
  }

  /** Replaces the bits of one side's octet that are in `mask`. */
  #change(index: number, side: Side, mask: number, bits: number): void {
    const shift = shiftOf(side);
    this.#entries[index] = (this.#entries[index]! & ~((mask & 0xff) << shift)) | (bits << shift);
  }
}

function shiftOf(side: Side): number {
  return side === 'local' ? 0 : REMOTE_SHIFT;
}
