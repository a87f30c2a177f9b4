import type { LateRequests } from '../protocol/engine/late-requests.ts';

/**
 * The first interval between two times at which late answers are sent, in milliseconds. Within it, a peer gets up to
 * `TelnetLimits.optionChanges` immediate answers about each side of an option, and one late answer.
 */
const WINDOW_MS = 250;
/** The longest window. */
const MAX_WINDOW_MS = 3_600_000;
/**
 * A peer that waits for each answer before it switches an option again sends each request in its own chunk. After
 * this many chunks, it may get another `optionChanges` answers immediately. Each of its requests costs it a round trip,
 * so it gets a larger budget.
 */
const CHUNKS = 64;
/**
 * The number of such grants per window. A peer that uses all of them gets half as many in the next window, down to one:
 * it may be in a loop.
 */
const MAX_GRANTS = 16;

/**
 * Sends the engine's late answers to a peer that switches options too often, because the engine itself has no clock.
 * While an answer is late, a peer that obeys RFC 1143 holds its next request back. That slows the peer down, so a
 * server that hides hundreds of passwords per second must stay below this limit.
 *
 * Each answer is sent in the end, so a peer that reacts to each one would continue forever. Such a peer has few
 * outstanding requests, about sides that had late answers before, and is silent until the next answers arrive. In this
 * case the next window is twice as long, so that the exchange has nearly stopped after a minute. A peer that floods
 * without waiting gets its late answer every 250 ms, because the last request of a flood must not wait long.
 */
export class LateAnswers {
  readonly #send: () => void;
  readonly #received: () => number;
  readonly #requests: () => LateRequests | undefined;
  /** When late answers were last sent, by the monotonic clock. */
  #since: number;
  #windowMs = WINDOW_MS;
  /** Number of chunks that had been received at the last grant. */
  #chunks = 0;
  /** The number of grants in this window. */
  #grants = 0;
  /** The limit of grants in this window. */
  #most = MAX_GRANTS;
  #timer: NodeJS.Timeout | undefined;
  #isStopped = false;

  /**
   * @param send calls `Telnet.sendDeferred()`.
   * @param received returns how many chunks the peer has sent so far.
   * @param requests returns its requests whose answers are late.
   * @param since when the engine began to count, by the monotonic clock.
   */
  constructor(send: () => void, received: () => number, requests: () => LateRequests | undefined, since: number) {
    this.#send = send;
    this.#received = received;
    this.#requests = requests;
    this.#since = since;
  }

  /** Called when the peer has had too many answers: sends the next ones when they are due. */
  defer(): void {
    if (this.#isStopped || this.#timer !== undefined) return;
    const wait = this.#since + this.#windowMs - performance.now();
    const hasWaited = this.#received() - this.#chunks >= CHUNKS && this.#grants < this.#most;
    if (wait <= 0) {
      // No answer was late for a whole window.
      this.#windowMs = WINDOW_MS;
      this.#most = MAX_GRANTS;
      this.#requests()?.pause();
      this.#begin();
    } else if (hasWaited) {
      this.#grant();
    } else {
      this.#wait(wait / 2, half => {
        const count = this.#requests()?.count;
        this.#wait(half, () => {
          const requests = this.#requests();
          const isReaction = requests?.count === count && requests?.mayBeReaction === true;
          this.#windowMs = isReaction ? Math.min(2 * this.#windowMs, MAX_WINDOW_MS) : WINDOW_MS;
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
