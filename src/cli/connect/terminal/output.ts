/** The output on the user's terminal, and the state in which it leaves the terminal. */
import type { Writable } from 'node:stream';
import { DEFAULT_COLUMNS, DEFAULT_ROWS } from '../../../session/terminal.ts';
import { ControlParser } from './control-functions.ts';
import { type Size, TerminalState } from './state.ts';

/**
 * For whom the terminal is set: for the program at the other end; for that program, but with keys that the local
 * terminal can edit a line with; for the prompt of telpty; or for the user's shell.
 */
export type Audience = 'program' | 'line' | 'prompt' | 'shell';

/** How long a terminal may take for an answer, in milliseconds. */
const ANSWER_MS = 2_000;

/** Ends an unfinished control function: CAN for terminals that follow DEC, ST for screen(1). */
const END = '\x18\x1b\\';

/**
 * Creates the output to standard output.
 *
 * @param local the character set of the user's terminal.
 */
export function openOutput(local: string): TerminalOutput {
  return new TerminalOutput(process.stdout, terminalSize, local === 'UTF-8');
}

/** The size of the terminal that standard output is. */
export function terminalSize(): Size {
  const { columns, rows } = process.stdout;
  return { columns: columns || DEFAULT_COLUMNS, rows: rows || DEFAULT_ROWS };
}

export class TerminalOutput {
  readonly #stdout: Writable;
  readonly #parser: ControlParser;
  /** The state that the program has set. */
  readonly #wanted: TerminalState;
  /** The actual state; the same object while that is the state that the program has set. */
  #actual: TerminalState;
  #audience: Audience = 'program';
  #requests = 0;
  #lastRequest = Number.NEGATIVE_INFINITY;

  /** @param isUtf8 whether the terminal takes UTF-8. */
  constructor(stdout: Writable, size: () => Size, isUtf8: boolean) {
    this.#stdout = stdout;
    this.#wanted = new TerminalState(size, isUtf8);
    this.#actual = this.#wanted;
    const each = (tell: (state: TerminalState) => void) => {
      tell(this.#wanted);
      if (this.#actual !== this.#wanted) tell(this.#actual);
    };
    this.#parser = new ControlParser(
      {
        control: (...seen) => each(state => state.control(...seen)),
        escape: (...seen) => each(state => state.escape(...seen)),
        sequence: (...seen) => each(state => state.sequence(...seen)),
        string: (...seen) => each(state => state.string(...seen)),
      },
      isUtf8,
    );
  }

  /** Shows the server's output. Returns whether more may be written, as `write` of a stream does. */
  write(bytes: Uint8Array): boolean {
    this.#parser.write(bytes);
    if (this.#wanted.requests !== this.#requests) {
      this.#requests = this.#wanted.requests;
      this.#lastRequest = performance.now();
    }
    const isFree = this.#stdout.write(bytes);
    // A sequence that is split here continues with the next bytes.
    if (this.#audience === 'line' && this.#parser.isIdle) this.#lead();
    return isFree;
  }

  get needsDrain(): boolean {
    return this.#stdout.writableNeedDrain;
  }

  onDrain(listener: () => void): () => void {
    this.#stdout.on('drain', listener);
    return () => void this.#stdout.off('drain', listener);
  }

  /** Sets the terminal for another audience. */
  set audience(audience: Audience) {
    if (audience === this.#audience) return;
    this.#audience = audience;
    if (audience !== 'line' || this.#parser.isIdle) this.#lead();
  }

  /** Resets what was set, at the end of the session. */
  reset(): void {
    this.#audience = 'shell';
    this.#lead(this.#wanted.atRest().withoutTitles());
  }

  /** Whether the terminal sends keys in another form than in its initial state. */
  get hasKeyboardProtocol(): boolean {
    return this.#actual.hasKeyboardProtocol;
  }

  /** Whether the terminal may still send answers or reports. */
  get isAnswering(): boolean {
    return this.#wanted.isReporting || performance.now() - this.#lastRequest < ANSWER_MS;
  }

  /**
   * Asks the terminal to identify itself: its answer follows all others. Returns how many such requests were sent, by
   * the server or here.
   */
  askIdentity(): number {
    this.#stdout.write('\x1b[c');
    return ++this.#wanted.identityRequests;
  }

  #lead(target = this.#target()): void {
    if (target === this.#actual) return;
    let text = '';
    if (!this.#parser.isIdle) {
      this.#parser.abandon();
      text = END;
    }
    text += this.#actual.leadTo(target);
    this.#actual = target;
    if (text !== '' && !this.#stdout.destroyed) this.#stdout.write(text);
  }

  #target(): TerminalState {
    switch (this.#audience) {
      case 'program':
        return this.#wanted;
      case 'line':
        return this.#wanted.hasKeyboardProtocol ? this.#wanted.withPlainKeys() : this.#wanted;
      case 'prompt':
        return this.#wanted.forPrompt();
      case 'shell':
        return this.#wanted.atRest();
    }
  }
}
