import type { SendKind } from '../../protocol/index.ts';

const NUL = 0;
const LF = 10;
const CR = 13;
const IAC = 255;

/** What the kernel has not taken of one `send()`. */
interface Entry {
  readonly bytes: Buffer;
  readonly kind: SendKind;
  /** How much of `bytes` has been taken. */
  taken: number;
  /** Whether `bytes` begins with the second half of a pair of IACs. */
  readonly splitsPair: boolean;
}

/** In place of an entry that has gone out, for its memory to be freed. */
const SENT: Entry = { bytes: Buffer.alloc(0), kind: 'control', taken: 0, splitsPair: false };

/**
 * Output that waits for the kernel, as copies, and in such a way that data can still be taken back (RFC 854, "Synch"):
 * commands, negotiations and subnegotiations stay, whole and in order, and so does the second half of what data has begun
 * with, be it IAC IAC or CR NUL.
 */
export class UnsentQueue {
  /** Those before `#first` have gone out. To shift each off an array of 100,000 would move all others each time. */
  #entries: Entry[] = [];
  #first = 0;
  #length = 0;

  /** Bytes that wait. */
  get length(): number {
    return this.#length;
  }

  get isEmpty(): boolean {
    return this.#first === this.#entries.length;
  }

  /** Takes a copy of what is left of `bytes` behind the `taken` first ones, which have gone out. */
  push(bytes: Uint8Array, taken: number, kind: SendKind): void {
    const splitsPair = kind === 'data' && pairSplitAt(bytes, taken);
    // Of a mark it matters whether it has begun to go out.
    const from = kind === 'urgent' ? 0 : taken;
    this.#entries.push({ bytes: Buffer.from(bytes.subarray(from)), kind, taken: taken - from, splitsPair });
    this.#length += bytes.length - taken;
  }

  /** What is to go next, and of what kind. Lent. */
  next(): { readonly bytes: Uint8Array; readonly kind: SendKind } | undefined {
    const first = this.#entries[this.#first];
    return first && { bytes: first.bytes.subarray(first.taken), kind: first.kind };
  }

  /** Of {@link next}, `count` bytes have gone out. */
  advance(count: number): void {
    const first = this.#entries[this.#first]!;
    first.taken += count;
    this.#length -= count;
    if (first.taken < first.bytes.length) return;
    this.#entries[this.#first++] = SENT;
    if (2 * this.#first < this.#entries.length) return;
    this.#entries.splice(0, this.#first);
    this.#first = 0;
  }

  /**
   * Takes back all data, and a mark that has not begun to go out: another follows.
   *
   * @param lastSent the last byte that went out before all that waits.
   * @returns how many bytes of data were taken back.
   */
  discardData(lastSent: number): number {
    const before = this.#length;
    let last = lastSent;
    const kept: Entry[] = [];
    for (const entry of this.#entries.slice(this.#first)) {
      const { bytes, kind, taken } = entry;
      if (kind === 'data') {
        if (taken > 0) last = bytes[taken - 1]!;
        const half = pairSplitAt(bytes, taken, entry.splitsPair) || (last === CR && endsReturn(bytes[taken]!));
        if (half) kept.push({ bytes: Buffer.of(bytes[taken]!), kind: 'control', taken: 0, splitsPair: false });
      } else if (kind === 'control' || taken > 0) {
        // (One that follows a CR has the NUL with it.)
        kept.push(entry);
      }
      last = NUL;
    }
    this.#entries = kept;
    this.#first = 0;
    this.#length = kept.reduce((sum, { bytes, taken }) => sum + bytes.length - taken, 0);
    return before - this.#length;
  }
}

/** Whether the place `at` divides a pair of IACs, in data that begins with whole pairs, or with the second half of one. */
function pairSplitAt(bytes: Uint8Array, at: number, splitsFirst = false): boolean {
  let from = at;
  while (from > 0 && bytes[from - 1] === IAC) from--;
  const odd = (at - from) % 2 === 1;
  return from === 0 && splitsFirst ? !odd : odd;
}

/** What stands behind a CR that is no key of its own: LF or NUL (RFC 854). */
function endsReturn(byte: number): boolean {
  return byte === LF || byte === NUL;
}
