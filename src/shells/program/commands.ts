import { Command } from '../../protocol/index.ts';
import type { Pty } from '../../pty/index.ts';
import type { Session } from '../../session/session.ts';
import { interrupt, keyOf } from './interrupts.ts';
import { onTerminal } from './on-terminal.ts';

/** The same signal again, within this time and with no input in between, is the same press of the key. In ms. */
const SAME_SIGNAL_MS = 10;

/** What was typed and has not reached the terminal. */
export interface TypedAhead {
  /** What a client would have to type for a control character of the program's terminal. */
  keyFor(character: number): number;
  /** Forgets it. */
  forget(): void;
}

/** Does to a program what a client's commands say: IP, BRK, ABORT, SUSP, EOF, EC, EL and AO (RFC 854, RFC 1184). */
export class Commands {
  readonly #session: Session;
  readonly #pty: Pty;
  readonly #typedAhead: TypedAhead;
  /** The last signal that a command was, and when, if no input came since. */
  #lastSignal: NodeJS.Signals | undefined;
  #lastSignalAt = 0;
  #isDiscarding = false;
  #isAborting = false;

  constructor(session: Session, pty: Pty, typedAhead: TypedAhead) {
    this.#session = session;
    this.#pty = pty;
    this.#typedAhead = typedAhead;
  }

  /** Whether the next key is to be told here, by {@link keyTyped}. */
  get waitsForKey(): boolean {
    return this.#lastSignal !== undefined;
  }

  /** True while what was typed is thrown away: nothing more of it is to be taken then. */
  get isDiscarding(): boolean {
    return this.#isDiscarding;
  }

  /** Something was typed. */
  keyTyped(): void {
    this.#lastSignal = undefined;
  }

  /** The terminal has dropped its output. Returns whether the client had asked for that. */
  flushed(): boolean {
    const asked = this.#isAborting;
    this.#isAborting = false;
    return asked;
  }

  /** Does what a command says; those that mean nothing to a terminal are none. */
  take(command: number): void {
    if (command === Command.AO) {
      // What the terminal drops, and what was read of it, is stale only once it says so.
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
    // As a terminal does at its interrupt key: what was typed ahead of it is forgotten.
    if (typed === 'flushed and signalled') {
      this.#typedAhead.forget();
      this.#session.discardInput();
    }
    this.#session.link.resumeInput();
  }

  /** Held down, a key repeats; a machine repeats faster, and means no more by it. */
  #isRepeated(signal: NodeJS.Signals): boolean {
    return (
      signal === this.#lastSignal &&
      performance.now() - this.#lastSignalAt < SAME_SIGNAL_MS &&
      this.#session.inputLength === 0
    );
  }
}
