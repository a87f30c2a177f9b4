import type { Modes, Pty } from '../../pty/index.ts';
import { endsLine } from './line-input.ts';

/** How long, in milliseconds, ICANON has to last, with nothing typed or unread, before the program is taken to wait for a line. */
const REST_MS = 100;
/**
 * The same for a program that has left ICANON before, until a line has been typed: nearly always it is a shell with an editor
 * of its own, in which some command runs that reads nothing. Commands that took longer than this to no avail double it.
 */
const PATIENCE_MS = 1_000;
const MOST_PATIENCE_MS = 3_600_000;

/**
 * How long a program has to wait for a line before a client that sends keys is told to edit.
 *
 * A shell with an editor of its own (readline) leaves and enters ICANON around each command. Nothing tells whether that
 * command reads lines, and a switch of ECHO, BINARY and MODE to and fro for each that does not is of no use. So a program that
 * comes back to ICANON is waited for until it has read a line, which the terminal has edited, or for longer than its commands
 * took so far that were typed no line. A program that has not read what was typed ahead is not waiting for a line, however
 * long it takes.
 */
export class LineWait {
  /** Whether ICANON was on when last looked. */
  isCanonical = true;
  /** A line was begun that the client does not edit. */
  inLine = false;
  /** Whether the program has ever left ICANON. */
  #leaves = false;
  /** Whether a line was typed since the program came to ICANON. */
  #hasLine = false;
  /** When it came to ICANON, by the monotonic clock. */
  #since = performance.now();
  #patience = PATIENCE_MS;

  /** How long the program has to wait from now on, in milliseconds. */
  get ms(): number {
    return this.isCanonical && this.#leaves && !this.#hasLine ? this.#patience : REST_MS;
  }

  /** Takes note of ICANON. Returns whether the program has come to it. */
  look(isCanonical: boolean, pty: Pty): boolean {
    if (isCanonical === this.isCanonical) return false;
    this.isCanonical = isCanonical;
    if (!isCanonical) {
      this.#leaves = true;
      const lasted = performance.now() - this.#since;
      // (What was typed ahead is for the shell.)
      if (this.#hasLine && pty.master.inputWaiting === 0) this.#patience = PATIENCE_MS;
      else this.#patience = Math.min(Math.max(this.#patience, 2 * lasted), MOST_PATIENCE_MS);
    }
    this.#since = performance.now();
    this.#hasLine = false;
    return isCanonical;
  }

  /** Takes note of input on its way to the terminal. */
  typed(bytes: Uint8Array, modes: Modes, isEdited: boolean): void {
    const isWhole = endsLine(bytes, modes);
    if (isWhole && modes.icanon) this.#hasLine = true;
    if (!isEdited) this.inLine = !isWhole;
  }
}
