import type { Translation } from './translation.ts';

/** Limit of converting output without a break, in milliseconds; after that other sessions run. */
const TURN_MS = 1;

/** The receiver of converted output. */
export interface OutputTaker {
  /** Output for the client, which is borrowed. */
  send(bytes: Uint8Array): void;
  /** Output waits to be converted (`true`), so reading has to pause, or no output waits any more. */
  behind(isBehind: boolean): void;
}

/**
 * Converts output for a client with a different character set, in time slices. The server emulates the screen of a home
 * computer, and applying a flood of output to it takes time.
 */
export class TranslatedOutput {
  readonly #translation: Translation;
  readonly #taker: OutputTaker;
  #next: NodeJS.Immediate | undefined;

  constructor(translation: Translation, taker: OutputTaker) {
    this.#translation = translation;
    this.#taker = taker;
  }

  /** Accepts output of the program, which is borrowed. */
  show(bytes: Uint8Array): void {
    const { way } = this.#translation;
    if (way === undefined) {
      this.#taker.send(bytes);
      return;
    }
    way.take(bytes);
    if (this.#next === undefined) this.#turn();
  }

  /** Converts all output that waits, synchronously. */
  finish(): void {
    if (this.#next === undefined) return;
    clearImmediate(this.#next);
    this.#convert(Number.POSITIVE_INFINITY);
    this.#settled();
  }

  /** Discards output that waits to be converted. */
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
    // Immediates run after the I/O of sockets and terminals.
    if (isBehind) this.#next = setImmediate(() => this.#turn());
    if (isBehind !== wasBehind) this.#taker.behind(isBehind);
  }

  /** Returns whether all output has been converted. */
  #convert(until: number): boolean {
    const { way } = this.#translation;
    if (way === undefined) return true;
    this.#taker.send(way.output(until));
    return way.isDone;
  }
}
