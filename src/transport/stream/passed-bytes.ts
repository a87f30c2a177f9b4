/**
 * Copies of the bytes that have passed through the fast path, for observers. The addon collects them
 * (`native/socket/tee.c`, which also has the theory), and JavaScript takes them in batches.
 */

/** The directions of a session's bytes, as bits. */
export const Direction = {
  /** From the connection to the terminal. */
  INPUT: 1,
  /** From the terminal to the connection. */
  OUTPUT: 2,
} as const;

/** One of {@link Direction}. */
export type DirectionBit = (typeof Direction)[keyof typeof Direction];

/** A record is a header, the length of the bytes with their direction and the time, and then the bytes. */
const HEADER_BYTES = 8;
const OUTPUT_BIT = 2 ** 31;

/** What has passed since the last batch, record by record. */
export class PassedBatch {
  /** The memory of the records. */
  readonly memory: Buffer;
  #length = 0;
  #next = 0;
  /** The time of the first record. */
  #began = 0;
  /** The current record: its direction, its time on the clock of `performance.now()`, and its bytes, which are lent. */
  direction: DirectionBit = Direction.OUTPUT;
  time = 0;
  bytes: Uint8Array;

  /** @param size the most that the addon returns at once, in bytes. */
  constructor(size: number) {
    this.memory = Buffer.allocUnsafeSlow(size);
    this.bytes = this.memory.subarray(0, 0);
  }

  /** Begins with the records in the first `length` bytes of `memory`. */
  begin(length: number, began: number): void {
    this.#length = length;
    this.#began = began;
    this.#next = 0;
  }

  /** Moves to the next record. Returns whether there is one. */
  next(): boolean {
    const at = this.#next;
    if (at >= this.#length) return false;
    const word = this.memory.readUInt32LE(at);
    const length = word % OUTPUT_BIT;
    const begin = at + HEADER_BYTES;
    this.direction = word >= OUTPUT_BIT ? Direction.OUTPUT : Direction.INPUT;
    this.time = this.#began + this.memory.readUInt32LE(at + 4) / 1_000;
    this.bytes = this.memory.subarray(begin, begin + length);
    this.#next = begin + length;
    return true;
  }
}
