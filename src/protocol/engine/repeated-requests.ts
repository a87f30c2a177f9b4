/** A repetition that comes sooner than this after the last word about its side is a reaction to that word, in milliseconds. */
const REACTION_MS = 20;
/** RepeatedRequests of one side that are answered until the side has been quiet for {@link FORGET_MS}. */
const MOST = 20;
const FORGET_MS = 10_000;

interface SideFacts {
  /** When the last word about this side was said, by us or by the peer. */
  time: number;
  /** How much else the peer had sent by then. */
  others: number;
  /** How many repetitions were answered. */
  answered: number;
}

/**
 * Which repetitions are answered: those of a peer that visibly waits (see negotiation.ts). Kept for tolerant engines only, by
 * sides of options (numbers that the caller makes).
 */
export class RepeatedRequests {
  readonly #now: () => number;
  readonly #reactionMs: number;
  readonly #sides = new Map<number, SideFacts>();
  /** How often the peer has sent data or a command. */
  #others = 0;

  /** @param now milliseconds; a caller without a clock says 0 for ever. */
  constructor(now: () => number, roundTripMs: number) {
    this.#now = now;
    this.#reactionMs = Math.max(REACTION_MS, 2 * roundTripMs);
  }

  /** The peer has sent something else than negotiation. */
  other(): void {
    this.#others++;
  }

  /** We have said something about a side. */
  said(side: number, positive: boolean): void {
    const facts = this.#touch(side);
    if (!positive) facts.answered = 0;
  }

  /** Whether the peer, which asks for what is on already, waits for an answer. */
  waits(side: number): boolean {
    const facts = this.#sides.get(side);
    if (facts === undefined) return true;
    const quiet = this.#now() - facts.time;
    if (quiet >= FORGET_MS) facts.answered = 0;
    return facts.answered < MOST && (quiet >= this.#reactionMs || facts.others !== this.#others);
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
