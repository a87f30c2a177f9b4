import { Command } from '../../protocol/index.ts';
import type { Pty } from '../../pty/index.ts';
import type { Session } from '../../session/session.ts';
import { interrupt, keyOf } from './interrupts.ts';
import { onTerminal } from './on-terminal.ts';

/** The same signal again within this time and without input in between is the same key press. In milliseconds. */
const SAME_SIGNAL_MS = 10;

/** Input that has not reached the terminal. */
export interface TypedAhead {
  /** The character that a client would type for a control character of the program's terminal. */
  keyFor(character: number): number;
  /** Discards the input. */
  forget(): void;
}

/** Applies a client's commands to a program: IP, BRK, ABORT, SUSP, EOF, EC, EL and AO (RFC 854, RFC 1184). */
export class Commands {
  readonly #session: Session;
  readonly #pty: Pty;
  readonly #typedAhead: TypedAhead;
  /** The signal of the last command; reset by input. */
  #lastSignal: NodeJS.Signals | undefined;
  #lastSignalAt = 0;
  #isDiscarding = false;
  #isAborting = false;

  constructor(session: Session, pty: Pty, typedAhead: TypedAhead) {
    this.#session = session;
    this.#pty = pty;
    this.#typedAhead = typedAhead;
  }

  /** Whether {@link keyTyped} has to be called for the next input. */
  get waitsForKey(): boolean {
    return this.#lastSignal !== undefined;
  }

  /** True while input is being discarded: no more input may be accepted then. */
  get isDiscarding(): boolean {
    return this.#isDiscarding;
  }

  /** The user has typed. */
  keyTyped(): void {
    this.#lastSignal = undefined;
  }

  /** The terminal has discarded its output. Returns whether the client had requested that. */
  flushed(): boolean {
    const asked = this.#isAborting;
    this.#isAborting = false;
    return asked;
  }

  /** Applies a command. Commands without a meaning for a terminal are ignored. */
  take(command: number): void {
    if (command === Command.AO) {
      // The output that the terminal discards, and the output already read from it, is stale only once the terminal
      // reports the flush.
      this.#isAborting = this.#pty.flushOutput();
      return;
    }
    const key = keyOf(command);
    if (key === undefined || (key.signal !== undefined && this.#isRepeated(key.signal))) return;
    this.#isDiscarding = true;
    const typed = onTerminal(() => interrupt(this.#pty, key)) ?? key.usual;
    this.#isDiscarding = false;
    if (typeof typed === 'number') {
      this.#session.insertInput(Buffer.of(this.#typedAhead.keyFor(typed)));
      return;
    }
    this.#lastSignal = key.signal;
    this.#lastSignalAt = performance.now();
    // Like a terminal at its interrupt key: the input typed before it is discarded.
    if (typed === 'flushed and signalled') {
      this.#typedAhead.forget();
      this.#session.discardInput();
    }
    this.#session.link.resumeInput();
  }

  /** A key that is held down repeats. A program that sends the same command faster means one press. */
  #isRepeated(signal: NodeJS.Signals): boolean {
    return (
      signal === this.#lastSignal &&
      performance.now() - this.#lastSignalAt < SAME_SIGNAL_MS &&
      this.#session.inputLength === 0
    );
  }
}
