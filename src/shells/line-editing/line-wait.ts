import type { Modes, Pty } from '../../pty/index.ts';
import { endsLine } from './line-input.ts';

/**
 * How long ICANON has to last without typed or unread input, in milliseconds, before the program is assumed to wait for
 * a line.
 */
const REST_MS = 100;
/**
 * The same for a program that has left ICANON before, until a line has been typed. Such a program is nearly always a
 * shell with its own editor that runs a command which reads nothing. A command that runs longer than this and reads no
 * line doubles the time.
 */
const COMMAND_WAIT_MS = 1_000;
const MAX_WAIT_MS = 3_600_000;

/**
 * How long a program has to wait for a line before a client that sends keys is switched to EDIT.
 *
 * A shell with its own editor (readline) leaves and enters ICANON around each command. Nothing indicates whether that
 * command reads lines, and switching ECHO, BINARY and MODE back and forth for each command that does not would be
 * useless. So after a program has returned to ICANON, EDIT waits until the program has read a line that the terminal
 * edited. Or it waits for longer than its previous commands without typed lines took. A program that has not read the
 * input that was typed ahead is not waiting for a line, however long it takes.
 */
export class LineWait {
  /** Whether ICANON was on at the last look. */
  isCanonical = true;
  /** The user has started a line that the client does not edit. */
  inLine = false;
  /** Whether the program has ever left ICANON. */
  #leaves = false;
  /** Whether a line was typed since the program entered ICANON. */
  #hasLine = false;
  /** When it entered ICANON, by the monotonic clock. */
  #since = performance.now();
  #commandWaitMs = COMMAND_WAIT_MS;

  /** How long the program has to wait from now on, in milliseconds. */
  get ms(): number {
    return this.isCanonical && this.#leaves && !this.#hasLine ? this.#commandWaitMs : REST_MS;
  }

  /** Records ICANON. Returns whether the program has entered it. */
  look(isCanonical: boolean, pty: Pty): boolean {
    if (isCanonical === this.isCanonical) return false;
    this.isCanonical = isCanonical;
    if (!isCanonical) {
      this.#leaves = true;
      const lasted = performance.now() - this.#since;
      // Input that was typed ahead is for the shell.
      if (this.#hasLine && pty.master.inputWaiting === 0) this.#commandWaitMs = COMMAND_WAIT_MS;
      else this.#commandWaitMs = Math.min(Math.max(this.#commandWaitMs, 2 * lasted), MAX_WAIT_MS);
    }
    this.#since = performance.now();
    this.#hasLine = false;
    return isCanonical;
  }

  /** Records input before it is written to the terminal. */
  typed(bytes: Uint8Array, modes: Modes, isEdited: boolean): void {
    const isWhole = endsLine(bytes, modes);
    if (isWhole && modes.icanon) this.#hasLine = true;
    if (!isEdited) this.inLine = !isWhole;
  }
}
