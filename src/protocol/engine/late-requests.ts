/**
 * More requests than this about one side, none of which was answered at once, are a flood and not reactions to single
 * answers.
 */
const FLOOD = 256;

/**
 * The requests of a peer that are answered late, by sides of options (numbers that the caller makes). They show what
 * the peer does: whether it floods, or reacts to each late answer. The pace of the late answers depends on that.
 */
export class LateRequests {
  /** Number of requests so far. */
  count = 0;
  /** Requests about each side since the last late answers were sent. */
  readonly #waiting = new Map<number, number>();
  /** Sides that were answered late since the last pause. */
  readonly #answeredLate = new Set<number>();

  add(side: number): void {
    this.count++;
    this.#waiting.set(side, (this.#waiting.get(side) ?? 0) + 1);
  }

  /**
   * Whether a side has few waiting requests and was answered late since the last pause: they may be a reaction to that
   * answer.
   */
  get mayBeReaction(): boolean {
    for (const [side, requests] of this.#waiting) if (requests < FLOOD && this.#answeredLate.has(side)) return true;
    return false;
  }

  /** The late answers have been sent. */
  answered(): void {
    for (const side of this.#waiting.keys()) this.#answeredLate.add(side);
    this.#waiting.clear();
  }

  /** No answer was late for some time. */
  pause(): void {
    this.#answeredLate.clear();
  }
}
