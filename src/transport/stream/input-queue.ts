/** Each allocation, in bytes. */
const BLOCK = 4 * 1024;

/**
 * Input that waits for its reader, in as few and small pieces of memory as it needs.
 *
 * A run of data is a view of what the transport read, and to keep the view is to keep all of that: a peer that sends one
 * byte of data between two subnegotiations of 64 KiB would have us hold 64 KiB for it. So what has to wait is copied.
 */
export class InputQueue {
  readonly #blocks: Buffer[] = [];
  /** How much of the last block is in use. */
  #used = 0;
  #length = 0;

  /** Bytes waiting. */
  get length(): number {
    return this.#length;
  }

  /** Takes a copy of `bytes`. */
  append(bytes: Uint8Array): void {
    this.#length += bytes.length;
    let rest = bytes;
    const last = this.#blocks.at(-1);
    if (last !== undefined) {
      const fits = rest.subarray(0, last.length - this.#used);
      last.set(fits, this.#used);
      this.#used += fits.length;
      rest = rest.subarray(fits.length);
    }
    if (rest.length === 0) return;
    const block = Buffer.allocUnsafeSlow(Math.max(BLOCK, rest.length));
    block.set(rest);
    this.#blocks.push(block);
    this.#used = rest.length;
  }

  /** The first bytes that wait, at least one; they are the caller's. `undefined` when nothing waits. */
  shift(): Buffer | undefined {
    const block = this.#blocks.shift();
    if (block === undefined) return undefined;
    const bytes = this.#blocks.length === 0 ? block.subarray(0, this.#used) : block;
    this.#length -= bytes.length;
    return bytes;
  }

  clear(): void {
    this.#blocks.length = 0;
    this.#length = 0;
  }
}
