/** More words than this about one side, of which none had an answer at once, are a flood and no reactions to single answers. */
const FLOOD = 256;

/**
 * The words of a peer whose answers are late, by sides of options (numbers that the caller makes). They show what the peer does:
 * whether it floods, or reacts to each late answer. The pace of late answers goes by that.
 */
export class LateRequests {
  /** How many there were so far. */
  count = 0;
  /** Since late answers were sent last: words about each side. */
  readonly #now = new Map<number, number>();
  /** Sides that had a late answer since the last pause. */
  readonly #before = new Set<number>();

  add(side: number): void {
    this.count++;
    this.#now.set(side, (this.#now.get(side) ?? 0) + 1);
  }

  /** Whether a side has few words that wait, and had a late answer since the last pause: they may be a reaction to it. */
  get mayBeReaction(): boolean {
    for (const [side, words] of this.#now) if (words < FLOOD && this.#before.has(side)) return true;
    return false;
  }

  /** The late answers have been sent. */
  answered(): void {
    for (const side of this.#now.keys()) this.#before.add(side);
    this.#now.clear();
  }

  /** For some time no answer was late. */
  pause(): void {
    this.#before.clear();
  }
}
