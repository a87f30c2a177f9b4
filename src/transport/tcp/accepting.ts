/**
 * A server that has no descriptors left does not accept: clients wait in the kernel's queue, and are served as soon as there
 * are some.
 */
import { sessionsThatFit } from './descriptors.ts';

/** How often it is looked whether there are descriptors again, in milliseconds. */
const LOOK_MS = 100;

/** Why a listener does not accept. */
export const Closed = {
  /** There are too few descriptors left. */
  SHORTAGE: 1,
  /** The owner of the listener wants it so. */
  OWNER: 2,
} as const;
export type ClosedReason = (typeof Closed)[keyof typeof Closed];

/** A listener, as far as it can stop accepting. */
export interface Acceptor {
  readonly isListening: boolean;
  /** Stops accepting for a reason, until {@link continueAccepting}. */
  stopAccepting(reason: ClosedReason): void;
  /** Goes on accepting if this was the last reason not to. */
  continueAccepting(reason: ClosedReason): void;
}

/**
 * Sees to it that a listener accepts only those for whom there are descriptors.
 *
 * To ask the system for each connection would be much. So it is asked how many fit, and again when so many have come,
 * wherever they have gone meanwhile.
 */
export class ShortageGuard {
  readonly #listener: Acceptor;
  readonly #onChange: (isShort: boolean) => void;
  #fitting: number;
  #timer: NodeJS.Timeout | undefined;

  /** @param onChange is told when the listener stops accepting (true), and when it goes on (false). */
  constructor(listener: Acceptor, onChange: (isShort: boolean) => void = () => {}) {
    this.#listener = listener;
    this.#onChange = onChange;
    this.#fitting = sessionsThatFit();
  }

  /** A connection was accepted, and what it needs at once has been opened. */
  accepted(): void {
    if (--this.#fitting >= 1) return;
    this.#fitting = sessionsThatFit();
    if (this.#fitting >= 1 || this.#timer !== undefined || !this.#listener.isListening) return;
    this.#listener.stopAccepting(Closed.SHORTAGE);
    this.#timer = setInterval(() => this.#look(), LOOK_MS).unref();
    this.#onChange(true);
  }

  #look(): void {
    if (!this.#listener.isListening) {
      this.stop();
      return;
    }
    this.#fitting = sessionsThatFit();
    if (this.#fitting < 1) return;
    this.stop();
    this.#listener.continueAccepting(Closed.SHORTAGE);
    this.#onChange(false);
  }

  /** The listener is closed. */
  stop(): void {
    clearInterval(this.#timer);
    this.#timer = undefined;
  }
}
