/** Changes of the character set that are remembered: a peer that makes more of them loses the first. */
const MOST_CHANGES = 256;

/** Bytes in one character set. */
export interface EncodingRun<B extends Uint8Array = Buffer> {
  readonly bytes: B;
  /** Canonical. */
  readonly encoding: string;
}

/**
 * Where in the input of a session the character set has changed. Input waits for its reader, so the set may be another one when
 * it is read than when it arrived.
 */
export class EncodingHistory {
  /** The set that the peer had named before (or none), and up to which byte. */
  #changes: readonly { readonly named: string | undefined; readonly until: number }[] = [];

  /** The input up to the byte `until` is in the set that the peer had `named`; what follows is in another. */
  add(named: string | undefined, until: number): void {
    if (until === (this.#changes.at(-1)?.until ?? 0)) return;
    // (Those before the position of the reader stay, too: it may put back what it has read.)
    this.#changes = [...this.#changes, { named, until }].slice(-MOST_CHANGES);
  }

  /**
   * The parts of a chunk of the input, each with the character set that was in force when it arrived.
   *
   * @param end where in the input the chunk ends. @param encoding the set at this moment. @param fallback the set where the
   *   peer has named none.
   */
  runs<B extends Uint8Array>(chunk: B, end: number, encoding: string, fallback: string): readonly EncodingRun<B>[] {
    const start = end - chunk.length;
    if ((this.#changes.at(-1)?.until ?? 0) <= start) return [{ bytes: chunk, encoding }];
    const runs: EncodingRun<B>[] = [];
    let at = start;
    for (const { named = fallback, until } of this.#changes) {
      if (until <= at || at >= end) continue;
      const stop = Math.min(until, end);
      runs.push({ bytes: chunk.subarray(at - start, stop - start) as B, encoding: named });
      at = stop;
    }
    if (at < end) runs.push({ bytes: chunk.subarray(at - start) as B, encoding });
    return runs;
  }
}
