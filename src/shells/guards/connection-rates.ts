import { check } from '../../options.ts';

/** Limit of remembered addresses: about 3 MB, however many addresses connect. */
const MOST_ADDRESSES = 16_384;
/** Smallest burst that is allowed: a user opens several windows, a client reconnects. */
const LEAST_BURST = 5;
/** Old entries that are checked at each new connection, so that the entries of a flood are removed again. */
const SWEPT = 2;

interface Bucket {
  /** Connections that the bucket still allows. */
  tokens: number;
  /** The time of `tokens`, in milliseconds. */
  at: number;
}

/**
 * Limits the rate of connections per second from each address. Each address has a token bucket, which is refilled at
 * that rate and starts full.
 *
 * The memory is bounded. A full bucket has the same effect as a missing one, so it is deleted. If there are too many
 * buckets, the least recently used one is deleted. A client with more addresses than the limit can get a full bucket
 * early this way, but it has as many full ones anyway.
 */
export class ConnectRate {
  readonly #rate: number;
  readonly #burst: number;
  readonly #now: () => number;
  /** In order of use, the least recently used first. */
  readonly #buckets = new Map<string, Bucket>();

  /**
   * @param rate connections per second from one address, greater than 0; two per minute are 1/30.
   * @param now a monotonic clock, in milliseconds.
   * @throws `ERR_INVALID_ARGUMENT`
   */
  constructor(rate: number, now: () => number = () => performance.now()) {
    check(Number.isFinite(rate) && rate > 0, `a rate must be a number above 0, not ${rate}`);
    this.#rate = rate / 1_000;
    this.#burst = Math.max(Math.ceil(rate), LEAST_BURST);
    this.#now = now;
  }

  /** The number of remembered addresses. */
  get size(): number {
    return this.#buckets.size;
  }

  /** Whether one more connection from this address is within the rate. If so, it is counted. */
  take(address: string): boolean {
    const now = this.#now();
    const bucket = this.#buckets.get(address) ?? { tokens: this.#burst, at: now };
    bucket.tokens = this.#tokens(bucket, now);
    bucket.at = now;
    this.#buckets.delete(address);
    this.#sweep(now);
    this.#buckets.set(address, bucket);
    // The tolerance is for rounding: a sum of fractions can be slightly less than 1.
    if (bucket.tokens < 1 - 1e-9) return false;
    bucket.tokens -= 1;
    return true;
  }

  #tokens({ tokens, at }: Bucket, now: number): number {
    return Math.min(this.#burst, tokens + (now - at) * this.#rate);
  }

  /** Makes room for one more bucket. */
  #sweep(now: number): void {
    let looked = 0;
    for (const [address, bucket] of this.#buckets) {
      const full = this.#buckets.size >= MOST_ADDRESSES;
      if (!full && (looked++ >= SWEPT || this.#tokens(bucket, now) < this.#burst)) return;
      this.#buckets.delete(address);
    }
  }
}
