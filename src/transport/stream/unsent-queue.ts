import type { SendKind } from '../../protocol/index.ts';

const NUL = 0;
const LF = 10;
const CR = 13;
const IAC = 255;

/** The part of one `send()` that the kernel has not taken. */
interface Entry {
  readonly bytes: Buffer;
  readonly kind: SendKind;
  /** The number of `bytes` that have been taken. */
  taken: number;
  /** Whether `bytes` begins with the second half of an IAC IAC pair. */
  readonly splitsPair: boolean;
}

/** Replaces an entry that was sent, so that its memory can be freed. */
const SENT: Entry = { bytes: Buffer.alloc(0), kind: 'control', taken: 0, splitsPair: false };

/**
 * Output that waits for the kernel, as copies, from which data can still be removed (RFC 854, "Synch"). Commands,
 * negotiations and subnegotiations stay, whole and in order. So does the second half of a pair that has begun to be
 * sent: IAC IAC or CR NUL.
 */
export class UnsentQueue {
  /** Entries before `#first` were sent. Shifting each one off an array of 100,000 would move all others each time. */
  #entries: Entry[] = [];
  #first = 0;
  #length = 0;

  /** Bytes waiting. */
  get length(): number {
    return this.#length;
  }

  get isEmpty(): boolean {
    return this.#first === this.#entries.length;
  }

  /** Takes a copy of `bytes` without the first `taken` ones, which were already sent. */
  push(bytes: Uint8Array, taken: number, kind: SendKind): void {
    const splitsPair = kind === 'data' && pairSplitAt(bytes, taken);
    // For a mark it matters whether it has begun to be sent.
    const from = kind === 'urgent' ? 0 : taken;
    this.#entries.push({ bytes: Buffer.from(bytes.subarray(from)), kind, taken: taken - from, splitsPair });
    this.#length += bytes.length - taken;
  }

  /** The next bytes to send, and their kind. Lent. */
  next(): { readonly bytes: Uint8Array; readonly kind: SendKind } | undefined {
    const first = this.#entries[this.#first];
    return first && { bytes: first.bytes.subarray(first.taken), kind: first.kind };
  }

  /** The first `count` bytes of {@link next} were sent. */
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
   * Discards all data, and a mark that has not begun to be sent, because another one follows.
   *
   * @param lastSent the last byte that was sent before the queue.
   * @returns how many bytes of data were discarded.
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
        // If a CR precedes this entry, the entry begins with its NUL.
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

/**
 * Whether the offset `at` splits a pair of IACs, in data that begins with whole pairs, or with the second half of one.
 */
function pairSplitAt(bytes: Uint8Array, at: number, splitsFirst = false): boolean {
  let from = at;
  while (from > 0 && bytes[from - 1] === IAC) from--;
  const odd = (at - from) % 2 === 1;
  return from === 0 && splitsFirst ? !odd : odd;
}

/** Whether a byte after a CR belongs to it and is not a key of its own: LF or NUL (RFC 854). */
function endsReturn(byte: number): boolean {
  return byte === LF || byte === NUL;
}
