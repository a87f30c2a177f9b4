/**
 * Text that grows by small pieces. A string that is added to and looked at in turns is copied at each look; here what nobody
 * looks at any more is set aside, so that only the end is.
 */

/** How much of the end {@link GrowingText.end} has, in characters. */
export const END = 1024;
/** So much is set aside at a time, in characters. */
const PIECE = 2 * 1024;

export class GrowingText {
  readonly #aside: string[] = [];
  /** Where the text begins that is still here. */
  #begin = 0;
  /** Where the tail begins. */
  #tailAt = 0;
  #tail = '';

  /** In characters, those that were forgotten included: places count from the beginning of it all. */
  get length(): number {
    return this.#tailAt + this.#tail.length;
  }

  /** The last characters, 1,024 at most. */
  get end(): string {
    return this.#tail.slice(-END);
  }

  add(text: string): void {
    this.#tail += text;
  }

  /** The text from a place on. Fast for what was not {@link release}d. */
  from(place: number): string {
    if (place < this.#tailAt && this.#tailAt > this.#begin) {
      // (One string: what `+` makes would be copied once more when it is looked at.)
      this.#tail = [...this.#aside, this.#tail].join('');
      this.#aside.length = 0;
      this.#tailAt = this.#begin;
    }
    return this.#tail.slice(Math.max(0, place - this.#tailAt));
  }

  /** {@link from} will not be called for a place before this, but at the end. */
  release(place: number): void {
    const count = Math.min(place - this.#tailAt, this.#tail.length - END);
    if (count < PIECE) return;
    this.#aside.push(this.#tail.slice(0, count));
    this.#tail = this.#tail.slice(count);
    this.#tailAt += count;
  }

  /** Drops all before a place. */
  forget(place: number): void {
    this.#tail = this.from(place);
    this.#aside.length = 0;
    this.#begin = Math.max(place, this.#begin);
    this.#tailAt = this.#begin;
  }

  /** All of it, but for what was forgotten. */
  toString(): string {
    return this.from(this.#begin);
  }
}
