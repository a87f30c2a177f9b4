/** A repetition that comes sooner than this after the last message about its side is a reaction to that message. */
const REACTION_MS = 20;
/** Repetitions of one side that are answered until the side has been quiet for {@link FORGET_MS}. */
const MAX_ANSWERED = 20;
const FORGET_MS = 10_000;

interface SideFacts {
  /** When the last message about this side was sent, by us or by the peer. */
  time: number;
  /** Value of `#others` at that time. */
  others: number;
  /** Number of repetitions that were answered. */
  answered: number;
}

/**
 * Decides which repetitions are answered: those of a peer that visibly waits (see negotiation.ts). Used by tolerant
 * engines only. Sides of options are numbers that the caller makes.
 */
export class RepeatedRequests {
  readonly #now: () => number;
  readonly #reactionMs: number;
  readonly #sides = new Map<number, SideFacts>();
  /** Number of times that the peer has sent data or a command. */
  #others = 0;

  /** @param now the time in milliseconds; a caller without a clock always returns 0 */
  constructor(now: () => number, roundTripMs: number) {
    this.#now = now;
    this.#reactionMs = Math.max(REACTION_MS, 2 * roundTripMs);
  }

  /** The peer has sent something other than negotiation. */
  otherInput(): void {
    this.#others++;
  }

  /** We have sent a request or an answer about a side. */
  sent(side: number, positive: boolean): void {
    const facts = this.#touch(side);
    if (!positive) facts.answered = 0;
  }

  /** Whether the peer, which asks for an option that is already on, waits for an answer. */
  waits(side: number): boolean {
    const facts = this.#sides.get(side);
    if (facts === undefined) return true;
    const quiet = this.#now() - facts.time;
    if (quiet >= FORGET_MS) facts.answered = 0;
    return facts.answered < MAX_ANSWERED && (quiet >= this.#reactionMs || facts.others !== this.#others);
  }

  answered(side: number): void {
    this.#touch(side).answered++;
  }

  ignored(side: number): void {
    this.#touch(side);
  }

  #touch(side: number): SideFacts {
    let facts = this.#sides.get(side);
    if (facts === undefined) {
      facts = { time: 0, others: 0, answered: 0 };
      this.#sides.set(side, facts);
    }
    facts.time = this.#now();
    facts.others = this.#others;
    return facts;
  }
}
