import type { LateRequests } from '../protocol/engine/late-requests.ts';

/**
 * From one time that late answers are sent to the next, in milliseconds, at first. Within it a peer has
 * `TelnetLimits.optionChanges` answers about each side of an option at once, and one late.
 */
const WINDOW_MS = 250;
/** The longest window. */
const MOST_WINDOW_MS = 3_600_000;
/**
 * A peer that waits for each answer before it switches an option again needs a chunk for each: for that many chunks it may
 * have another `optionChanges` answers at once. It costs a round trip for each of its words, so the budget is larger.
 */
const CHUNKS = 64;
/** Such grants in a window. A peer that has used all of them has half as many in the next one, down to one: it may be a loop. */
const MOST_GRANTS = 16;

/**
 * Sends the engine's late answers to a peer that switches options too often: the engine itself has no clock. While an answer is
 * late, a peer that obeys RFC 1143 holds its next request back. That slows it down; so a server that hides hundreds of passwords a
 * second must not get here.
 *
 * Each answer is sent in the end, so a peer that reacts to each one would go on for ever. Such a peer sends few words that wait, about
 * sides that had late answers before, and is silent until the next answers arrive. Then the next window is twice as long, so
 * after a minute the exchange has nearly stopped. A peer that floods and does not wait gets its late answer every 250 ms, since the
 * last word of a flood must not wait long.
 */
export class LateAnswers {
  readonly #send: () => void;
  readonly #received: () => number;
  readonly #words: () => LateRequests | undefined;
  /** When late answers were sent last, by the monotonic clock. */
  #since: number;
  #windowMs = WINDOW_MS;
  /** How many chunks had been received when answers were granted last. */
  #chunks = 0;
  /** How often they were granted in this window. */
  #grants = 0;
  /** How often they may be in this window. */
  #most = MOST_GRANTS;
  #timer: NodeJS.Timeout | undefined;
  #isStopped = false;

  /**
   * @param send calls `Telnet.sendDeferred()`.
   * @param received how many chunks the peer has sent so far.
   * @param words its words whose answers are late.
   * @param since when the engine began to count, by the monotonic clock.
   */
  constructor(send: () => void, received: () => number, words: () => LateRequests | undefined, since: number) {
    this.#send = send;
    this.#received = received;
    this.#words = words;
    this.#since = since;
  }

  /** The peer has had too many answers: sends the next ones when it is time. */
  defer(): void {
    if (this.#isStopped || this.#timer !== undefined) return;
    const wait = this.#since + this.#windowMs - performance.now();
    const hasWaited = this.#received() - this.#chunks >= CHUNKS && this.#grants < this.#most;
    if (wait <= 0) {
      // A whole window has passed in which no answer was late.
      this.#windowMs = WINDOW_MS;
      this.#most = MOST_GRANTS;
      this.#words()?.pause();
      this.#begin();
    } else if (hasWaited) {
      this.#grant();
    } else {
      this.#wait(wait / 2, half => {
        const count = this.#words()?.count;
        this.#wait(half, () => {
          const words = this.#words();
          const isReaction = words?.count === count && words?.mayBeReaction === true;
          this.#windowMs = isReaction ? Math.min(2 * this.#windowMs, MOST_WINDOW_MS) : WINDOW_MS;
          if (isReaction || this.#grants >= this.#most) this.#most = Math.max(1, this.#most >> 1);
          this.#begin();
        });
      });
    }
  }

  stop(): void {
    this.#isStopped = true;
    clearTimeout(this.#timer);
  }

  #wait(ms: number, then: (ms: number) => void): void {
    this.#timer = setTimeout(() => {
      this.#timer = undefined;
      then(ms);
    }, ms);
  }

  #begin(): void {
    this.#since = performance.now();
    this.#grants = 0;
    this.#grant();
  }

  #grant(): void {
    this.#grants++;
    this.#chunks = this.#received();
    this.#send();
  }
}
