/** Maximum number of changes of the character set that are kept. If a peer makes more, the first ones are dropped. */
const MOST_CHANGES = 256;

/** Bytes in one character set. */
export interface EncodingRun<B extends Uint8Array = Buffer> {
  readonly bytes: B;
  /** The canonical name. */
  readonly encoding: string;
}

/**
 * Positions in one direction of a session at which the character set changed. Input waits for its reader, and output
 * for the client, so the set may have changed between its arrival and its reading.
 */
export class EncodingHistory {
  /**
   * The set that the peer had named before the change (`undefined` if it had not named any), and the byte up to which
   * it applies.
   */
  #changes: readonly { readonly named: string | undefined; readonly until: number }[] = [];

  /** The input up to the byte `until` is in the set that the peer had `named`; the input after it is in another set. */
  add(named: string | undefined, until: number): void {
    if (until === (this.#changes.at(-1)?.until ?? 0)) return;
    // (Changes before the reader's position are kept, too: the reader may put back what it has read.)
    this.#changes = [...this.#changes, { named, until }].slice(-MOST_CHANGES);
  }

  /**
   * The parts of a chunk of the input, each with the character set that was in force when it arrived.
   *
   * @param end position in the input at which the chunk ends. @param encoding the current set. @param fallback the set
   *   if the peer has not named one.
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
