import type { Translation } from './translation.ts';

/** So long, in milliseconds, output is converted in one go: then everybody else has a turn. */
const TURN_MS = 1;

/** What becomes of converted output. */
export interface OutputTaker {
  /** Output for the client, which is lent. */
  send(bytes: Uint8Array): void;
  /** Output waits to be converted (`true`), so no more is to come, or does so no longer. */
  behind(isBehind: boolean): void;
}

/**
 * Output on its way to a client of another character set, in turns: a home computer's screen is kept here, and what a flood
 * does to that takes its time.
 */
export class TranslatedOutput {
  readonly #translation: Translation;
  readonly #taker: OutputTaker;
  #next: NodeJS.Immediate | undefined;

  constructor(translation: Translation, taker: OutputTaker) {
    this.#translation = translation;
    this.#taker = taker;
  }

  /** Takes output of the program, which is lent. */
  show(bytes: Uint8Array): void {
    const { way } = this.#translation;
    if (way === undefined) {
      this.#taker.send(bytes);
      return;
    }
    way.take(bytes);
    if (this.#next === undefined) this.#turn();
  }

  /** Converts all that waits, at once. */
  finish(): void {
    if (this.#next === undefined) return;
    clearImmediate(this.#next);
    this.#convert(Number.POSITIVE_INFINITY);
    this.#settled();
  }

  /** Forgets what waits to be converted. */
  discard(): void {
    if (this.#next === undefined) return;
    clearImmediate(this.#next);
    this.#translation.way?.discardOutput();
    this.#settled();
  }

  #settled(): void {
    this.#next = undefined;
    this.#taker.behind(false);
  }

  #turn(): void {
    const wasBehind = this.#next !== undefined;
    this.#next = undefined;
    const isBehind = !this.#convert(performance.now() + TURN_MS);
    // Immediates come behind what the network and the terminals have.
    if (isBehind) this.#next = setImmediate(() => this.#turn());
    if (isBehind !== wasBehind) this.#taker.behind(isBehind);
  }

  /** Returns whether nothing waits any more. */
  #convert(until: number): boolean {
    const { way } = this.#translation;
    if (way === undefined) return true;
    this.#taker.send(way.output(until));
    return way.isDone;
  }
}
