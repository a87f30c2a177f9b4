/** Numbers that a seed decides, so that a run can be had again. The generator is xorshift32 (Marsaglia). */
export class Random {
  #state: number;

  constructor(seed: number) {
    // Adjacent seeds must not give similar runs; and from 0 all numbers would be 0.
    this.#state = Math.imul(seed ^ 0x9e37_79b9, 0x85eb_ca6b) | 1;
    for (let turns = 0; turns < 8; turns++) this.below(1);
  }

  /** A whole number from 0 to `limit - 1`. */
  below(limit: number): number {
    let state = this.#state;
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    this.#state = state;
    return (state >>> 0) % limit;
  }

  /** One of several. */
  of<T>(values: ArrayLike<T>): T {
    return values[this.below(values.length)]!;
  }
}
