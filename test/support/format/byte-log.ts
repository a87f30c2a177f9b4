/** Everything received so far, in one growing buffer, with a cursor for `expect`. */
export class ByteLog {
  #buffer = Buffer.allocUnsafe(4096);
  #length = 0;
  /** Where the next search begins: the end of the last match. */
  cursor = 0;

  get length(): number {
    return this.#length;
  }

  /** All bytes: a view, valid until the next `append`. */
  get bytes(): Buffer {
    return this.#buffer.subarray(0, this.#length);
  }

  /** What no `expect` has consumed. */
  get rest(): Buffer {
    return this.#buffer.subarray(this.cursor, this.#length);
  }

  append(chunk: Uint8Array): void {
    const length = this.#length + chunk.length;
    if (length > this.#buffer.length) {
      const larger = Buffer.allocUnsafe(Math.max(length, this.#buffer.length * 2));
      this.bytes.copy(larger);
      this.#buffer = larger;
    }
    this.#buffer.set(chunk, this.#length);
    this.#length = length;
  }
}
