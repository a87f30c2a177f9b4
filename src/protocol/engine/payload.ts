const NOTHING = new Uint8Array(0);
const FIRST_SIZE = 64;

/**
 * Collects the payload of a subnegotiation that is not in one piece in a chunk. The buffer grows by doubling, and is
 * released at the end of the subnegotiation. A payload that gets longer than the limit is dropped as a whole, because
 * half a value is worse than no value.
 */
export class Payload {
  readonly #limit: number;
  #buffer = NOTHING;
  #size = 0;
  #dropped = false;

  /** @param limit in bytes, after undoing IAC IAC */
  constructor(limit: number) {
    this.#limit = limit;
  }

  get size(): number {
    return this.#size;
  }

  /** Memory held, in bytes: never more than the limit. */
  get held(): number {
    return this.#buffer.length;
  }

  /** Whether the payload was too long. If so, no byte of it is kept until {@link take}. */
  get dropped(): boolean {
    return this.#dropped;
  }

  /** Adds a run. Returns false once, when this run makes the payload too long. */
  append(run: Uint8Array): boolean {
    if (this.#dropped) return true;
    const size = this.#size + run.length;
    if (size > this.#limit) {
      this.take();
      this.#dropped = true;
      return false;
    }
    if (size > this.#buffer.length) {
      const roomy = Math.min(this.#limit, Math.max(2 * this.#buffer.length, FIRST_SIZE, size));
      const buffer = new Uint8Array(roomy);
      buffer.set(this.#buffer.subarray(0, this.#size));
      this.#buffer = buffer;
    }
    this.#buffer.set(run, this.#size);
    this.#size = size;
    return true;
  }

  /** Returns the collected payload and starts an empty one. */
  take(): Uint8Array {
    const payload = this.#buffer.subarray(0, this.#size);
    this.#buffer = NOTHING;
    this.#size = 0;
    this.#dropped = false;
    return payload;
  }
}
