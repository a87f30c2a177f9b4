/**
 * Text that grows in small pieces. A string that is alternately appended to and read is copied at each read. Here, text
 * that is no longer read is set aside, so that only the end is copied.
 */

/** The maximum length of {@link GrowingText.end}, in characters. */
export const END = 1024;
/** The minimum that is set aside at a time, in characters. */
const PIECE = 2 * 1024;

export class GrowingText {
  readonly #aside: string[] = [];
  /** The start of the text that is still kept. */
  #begin = 0;
  /** The start of the tail. */
  #tailAt = 0;
  #tail = '';

  /** The length in characters, forgotten text included: positions count from the beginning of the whole text. */
  get length(): number {
    return this.#tailAt + this.#tail.length;
  }

  /** The last characters, at most 1,024. */
  get end(): string {
    return this.#tail.slice(-END);
  }

  add(text: string): void {
    this.#tail += text;
  }

  /** The text from a position on. Fast for text that was not {@link release}d. */
  from(place: number): string {
    if (place < this.#tailAt && this.#tailAt > this.#begin) {
      // (Joined to one flat string: the result of `+` would be copied once more when it is read.)
      this.#tail = [...this.#aside, this.#tail].join('');
      this.#aside.length = 0;
      this.#tailAt = this.#begin;
    }
    return this.#tail.slice(Math.max(0, place - this.#tailAt));
  }

  /** {@link from} will not be called for a position before this, except at the end. */
  release(place: number): void {
    const count = Math.min(place - this.#tailAt, this.#tail.length - END);
    if (count < PIECE) return;
    this.#aside.push(this.#tail.slice(0, count));
    this.#tail = this.#tail.slice(count);
    this.#tailAt += count;
  }

  /** Drops all text before a position. */
  forget(place: number): void {
    this.#tail = this.from(place);
    this.#aside.length = 0;
    this.#begin = Math.max(place, this.#begin);
    this.#tailAt = this.#begin;
  }

  /** The whole text, except what was forgotten. */
  toString(): string {
    return this.from(this.#begin);
  }
}
