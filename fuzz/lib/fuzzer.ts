/** Runs a target with one input after the other, and keeps those that show something new. */
import { createHash } from 'node:crypto';
import { setImmediate as turn } from 'node:timers/promises';
import { COUNTERS, counters } from './instrument.ts';
import { minimize, mutate } from './mutate.ts';
import { Random } from './random.ts';
import type { Target } from './target.ts';

/** An input for which the target failed, as small as it could be made. */
export interface Failure {
  readonly input: Uint8Array;
  readonly error: Error;
}

/** When a run ends: at the first of these. */
export interface Bounds {
  readonly seconds?: number | undefined;
  readonly runs?: number | undefined;
}

/** After this number of inputs others have a turn. */
const TURN_RUNS = 500;
/** How many of a kind of failure are reported; the rest is likely the same. */
const MOST_FAILURES = 10;

/** A failure that takes longer than this is not made smaller, in milliseconds. */
const SLOW_MS = 500;

/**
 * Counts by size, as AFL does: a loop that ran five times instead of four is not new behaviour, one that ran hundreds
 * of times is.
 */
const BUCKETS = [1, 2, 3, 4, 8, 16, 32, 128];
const bucketOf = (count: number) => BUCKETS.reduce((mask, from, at) => (count >= from ? 1 << at : mask), 0);

export class Fuzzer {
  readonly corpus: Uint8Array[] = [];
  readonly failures: Failure[] = [];
  runs = 0;
  /** Counters that were ever reached. */
  reached = 0;
  readonly #target: Target;
  readonly #random: Random;
  readonly #seen = new Uint8Array(COUNTERS);
  readonly #before: (input: Uint8Array) => void;

  /** @param before called with each input before it runs, to detect hangs. */
  constructor(target: Target, seed: number, before: (input: Uint8Array) => void = () => {}) {
    this.#target = target;
    this.#random = new Random(seed);
    this.#before = before;
  }

  async run(
    seeds: readonly Uint8Array[],
    { seconds = Number.POSITIVE_INFINITY, runs = Number.POSITIVE_INFINITY }: Bounds,
  ): Promise<void> {
    const end = performance.now() + seconds * 1_000;
    for (const seed of seeds) await this.#try(seed);
    if (this.corpus.length === 0) this.corpus.push(new Uint8Array(4));
    while (this.runs < runs && performance.now() < end && this.failures.length < MOST_FAILURES) {
      // Else a target that never waits would let nothing else happen in this thread, not even a report.
      if (this.runs % TURN_RUNS === 0) await turn();
      await this.#try(mutate(this.#parent(), this.corpus, this.#random, this.#target.longest));
    }
  }

  /** The newest inputs are the most likely to lead to new ones. */
  #parent(): Uint8Array {
    const { length } = this.corpus;
    const recent = this.#random.below(3) === 0;
    return this.corpus[recent ? length - 1 - this.#random.below(Math.min(length, 32)) : this.#random.below(length)]!;
  }

  async #try(input: Uint8Array): Promise<void> {
    this.runs++;
    counters.fill(0);
    const error = await this.#fails(input);
    if (error !== undefined) await this.#failed(input, error);
    else if (this.#isNews()) this.corpus.push(input);
  }

  async #fails(input: Uint8Array): Promise<Error | undefined> {
    this.#before(input);
    try {
      const running = this.#target.run(input.slice());
      // Most targets are done now, and a microtask for each would be much of all.
      if (running !== undefined) await running;
      return undefined;
    } catch (error) {
      return error instanceof Error ? error : new Error(String(error));
    }
  }

  async #failed(input: Uint8Array, error: Error): Promise<void> {
    if (this.failures.some(known => kind(known.error) === kind(error))) return;
    const began = performance.now();
    const same = async (smaller: Uint8Array) => {
      const other = await this.#fails(smaller);
      return other !== undefined && kind(other) === kind(error);
    };
    // An input that does not fail each time, or fails only after a long wait, is not made smaller.
    const comesAgain = (await same(input)) && performance.now() - began < SLOW_MS;
    this.failures.push({ input: comesAgain ? await minimize(input, same) : input, error });
  }

  #isNews(): boolean {
    let news = false;
    for (let at = 0; at < COUNTERS; at++) {
      const count = counters[at]!;
      if (count === 0) continue;
      const bucket = bucketOf(count);
      const seen = this.#seen[at]!;
      if ((seen & bucket) !== 0) continue;
      if (seen === 0) this.reached++;
      this.#seen[at] = seen | bucket;
      news = true;
    }
    return news;
  }
}

/** What makes two failures the same: where they were thrown, or what they say, without its numbers. */
function kind(error: Error): string {
  const [, place = ''] = /\n\s+at (.*)/.exec(error.stack ?? '') ?? [];
  return `${error.message.split('\n')[0]!.replace(/\d+/g, '#')} ${place}`;
}

/** The name under which an input is kept. */
export const nameOf = (input: Uint8Array) => createHash('sha256').update(input).digest('hex').slice(0, 12);
