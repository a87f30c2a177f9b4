import { check } from '../../options.ts';

/** Addresses that are remembered at a time: some 3 MB, however many there are that try. */
const MOST_ADDRESSES = 16_384;
/** So many at once are always let through: a person opens a few windows, a client tries again. */
const LEAST_BURST = 5;
/** Old entries that are looked at with each new connection, so that what a flood has left goes away again. */
const SWEPT = 2;

interface Bucket {
  /** Connections that it still lets through. */
  tokens: number;
  /** When that was so, in milliseconds. */
  at: number;
}

/**
 * So many connections a second from each address: a token bucket for each, which fills at that rate, and is full at the
 * start.
 *
 * The memory is bounded. A bucket that is full again says no more than none, and is dropped; when there are too many, the
 * one that was not used for the longest time goes. Whoever has more addresses than are remembered may so get a full bucket
 * early, but has as many full ones anyway.
 */
export class ConnectRate {
  readonly #rate: number;
  readonly #burst: number;
  readonly #now: () => number;
  /** The one that was not used for the longest time first. */
  readonly #buckets = new Map<string, Bucket>();

  /**
   * @param rate connections a second from one address, more than 0; twice a minute is 1/30.
   * @param now a clock, in milliseconds, that never goes back.
   * @throws `ERR_INVALID_ARGUMENT`
   */
  constructor(rate: number, now: () => number = () => performance.now()) {
    check(Number.isFinite(rate) && rate > 0, `a rate must be a number above 0, not ${rate}`);
    this.#rate = rate / 1_000;
    this.#burst = Math.max(Math.ceil(rate), LEAST_BURST);
    this.#now = now;
  }

  /** How many addresses are remembered. */
  get size(): number {
    return this.#buckets.size;
  }

  /** Whether one more connection from this address is within the rate. If it is, it is counted. */
  take(address: string): boolean {
    const now = this.#now();
    const bucket = this.#buckets.get(address) ?? { tokens: this.#burst, at: now };
    bucket.tokens = this.#tokens(bucket, now);
    bucket.at = now;
    this.#buckets.delete(address);
    this.#sweep(now);
    this.#buckets.set(address, bucket);
    // (A little less than one is one that a sum of fractions has missed.)
    if (bucket.tokens < 1 - 1e-9) return false;
    bucket.tokens -= 1;
    return true;
  }

  #tokens({ tokens, at }: Bucket, now: number): number {
    return Math.min(this.#burst, tokens + (now - at) * this.#rate);
  }

  /** Makes room for one more. */
  #sweep(now: number): void {
    let looked = 0;
    for (const [address, bucket] of this.#buckets) {
      const full = this.#buckets.size >= MOST_ADDRESSES;
      if (!full && (looked++ >= SWEPT || this.#tokens(bucket, now) < this.#burst)) return;
      this.#buckets.delete(address);
    }
  }
}
