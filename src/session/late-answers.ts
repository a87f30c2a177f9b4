/**
 * From one time that late answers are sent to the next, in milliseconds. Within it a peer has `TelnetLimits.optionChanges`
 * answers about each side of an option at once, and one late.
 */
const WINDOW_MS = 250;
/**
 * A peer that waits for each answer before it switches an option again needs a chunk for each: for that many chunks it may
 * have another `optionChanges` answers at once. It costs a round trip for each of its words, so the budget is larger.
 */
const CHUNKS = 64;
/** Such grants in a window. A peer that has used all of them has half as many in the next one, down to one: it may be a loop. */
const MOST_GRANTS = 16;

/**
 * Sends the engine's late answers to a peer that switches options too often: the engine itself has no clock. While an answer is
 * late, a peer that obeys RFC 1143 holds its next request back. That is what slows it down; so a server that hides
 * hundreds of passwords a second must not get here.
 */
export class LateAnswers {
  readonly #send: () => void;
  readonly #received: () => number;
  /** When late answers were sent last, by the monotonic clock. */
  #since: number;
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
   * @param since when the engine began to count, by the monotonic clock.
   */
  constructor(send: () => void, received: () => number, since: number) {
    this.#send = send;
    this.#received = received;
    this.#since = since;
  }

  /** The peer has had too many answers: sends the next ones when it is time. */
  defer(): void {
    if (this.#isStopped || this.#timer !== undefined) return;
    const wait = this.#since + WINDOW_MS - performance.now();
    const hasWaited = this.#received() - this.#chunks >= CHUNKS && this.#grants < this.#most;
    if (wait <= 0) this.#begin(false);
    else if (hasWaited) this.#grant();
    else this.#timer = setTimeout(() => this.#begin(true), wait);
  }

  stop(): void {
    this.#isStopped = true;
    clearTimeout(this.#timer);
  }

  /** @param hasWaited whether the peer had to wait for the end of the window. */
  #begin(hasWaited: boolean): void {
    this.#timer = undefined;
    this.#since = performance.now();
    this.#most = hasWaited && this.#grants >= this.#most ? Math.max(1, this.#most >> 1) : MOST_GRANTS;
    this.#grants = 0;
    this.#grant();
  }

  #grant(): void {
    this.#grants++;
    this.#chunks = this.#received();
    this.#send();
  }
}
