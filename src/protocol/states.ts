import type { Side } from './events.ts';
import type { NegotiationState } from './negotiation.ts';

/** In the order of their codes below. */
const STATES: readonly NegotiationState[] = ['NO', 'YES', 'WANTNO', 'WANTNO/OPPOSITE', 'WANTYES', 'WANTYES/OPPOSITE'];

/** Set in an entry once the peer has said anything about that side. */
const HEARD = 0x80;
/** Set in an entry while the application, which asked for that side last, wants it on. */
const WANTED = 0x40;
const FLAGS = HEARD | WANTED;

/**
 * The negotiation states of all options of one connection, one octet for each side of each option: a server holds
 * thousands of these, most of them with most options never touched. Entries go by the option's place in the table.
 */
export class OptionStates {
  readonly #entries: Uint8Array;
  /** How often the peer switched a side on, counted only from the first time that one does. */
  #changes: Uint16Array | undefined;

  constructor(options: number) {
    this.#entries = new Uint8Array(2 * options);
  }

  get(index: number, side: Side): NegotiationState {
    return STATES[this.#entries[at(index, side)]! & ~FLAGS]!;
  }

  set(index: number, side: Side, state: NegotiationState): void {
    const entry = at(index, side);
    this.#entries[entry] = (this.#entries[entry]! & FLAGS) | STATES.indexOf(state);
  }

  /** Whether the peer has ever sent a WILL, WONT (remote), DO or DONT (local). */
  heard(index: number, side: Side): boolean {
    return (this.#entries[at(index, side)]! & HEARD) !== 0;
  }

  hear(index: number, side: Side): void {
    this.#entries[at(index, side)]! |= HEARD;
  }

  /** Whether the application's last request about that side was to enable it. */
  wanted(index: number, side: Side): boolean {
    return (this.#entries[at(index, side)]! & WANTED) !== 0;
  }

  want(index: number, side: Side, on: boolean): void {
    if (on) this.#entries[at(index, side)]! |= WANTED;
    else this.#entries[at(index, side)]! &= ~WANTED;
  }

  /** Counts one more change by the peer; returns how many there were. Stops counting at 65,535. */
  change(index: number, side: Side): number {
    this.#changes ??= new Uint16Array(this.#entries.length);
    const entry = at(index, side);
    const count = Math.min(this.#changes[entry]! + 1, 0xffff);
    this.#changes[entry] = count;
    return count;
  }
}

function at(index: number, side: Side): number {
  return 2 * index + (side === 'local' ? 0 : 1);
}
