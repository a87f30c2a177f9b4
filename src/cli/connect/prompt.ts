/** The prompt that the escape key opens, on a line of its own. */
import { type Controls, runCommand } from './commands.ts';

const PROMPT = 'telpty> ';
/** The longest line, in bytes. */
const LONGEST_LINE = 1_024;
const LF = 0x0a;
/** The Return key, if it was pressed before the terminal was set to edit lines. */
const CR = 0x0d;
/** Reports of the terminal that were in transit when the prompt was opened: a key release, mouse events, answers. */
const SEQUENCES = /\x1b\[[0-?]*[ -/]*[@-~]|\x1b[P\]_][^\x1b\x07]*(?:\x1b\\|\x07)|\x1bO.?/g;
const NOTHING: Buffer = Buffer.alloc(0);

/**
 * Reads lines, which the terminal edits, and runs them, until a line is a valid command or empty, or the prompt is
 * cancelled.
 */
export class Prompt {
  readonly #controls: Controls;
  readonly #endOfFile: () => number | null;
  readonly #escapeKey: () => number | undefined;
  readonly #changed: () => void;
  /** The line typed so far; `undefined` while the prompt is closed. */
  #line: Buffer | undefined;

  /** @param changed is called after the prompt was opened or closed. */
  constructor(
    controls: Controls,
    endOfFile: () => number | null,
    escapeKey: () => number | undefined,
    changed: () => void,
  ) {
    this.#controls = controls;
    this.#endOfFile = endOfFile;
    this.#escapeKey = escapeKey;
    this.#changed = changed;
  }

  get isOpen(): boolean {
    return this.#line !== undefined;
  }

  open(): void {
    this.#line = NOTHING;
    this.#changed();
    this.#controls.print('');
    this.show();
  }

  /** Shows the prompt; shows it again after another program has used the terminal. */
  show(): void {
    process.stderr.write(PROMPT);
  }

  /** Closes the prompt and discards the line. */
  cancel(): void {
    this.#controls.print('');
    this.close();
  }

  close(): void {
    this.#line = undefined;
    this.#changed();
  }

  /** Takes typed bytes. Returns the bytes after the one that closed the prompt. */
  type(chunk: Buffer): Buffer {
    let rest = chunk;
    while (this.#line !== undefined && rest.length > 0) {
      const endOfFile = this.#endOfFile();
      const escapeKey = this.#escapeKey();
      const end = rest.findIndex(byte => byte === LF || byte === CR || byte === endOfFile || byte === escapeKey);
      const part = end < 0 ? rest : rest.subarray(0, end);
      this.#line = Buffer.concat([this.#line, part]).subarray(0, LONGEST_LINE);
      if (end < 0) return NOTHING;
      const key = rest[end];
      rest = rest.subarray(end + 1);
      if (key === escapeKey) {
        // The key that opens the prompt also closes it.
        this.cancel();
        return rest;
      }
      // Unlike Return, this key does not move the cursor to a new line.
      if (key !== LF) this.#controls.print('');
      this.#run(this.#line.toString('utf8').replace(SEQUENCES, ''));
    }
    return rest;
  }

  #run(line: string): void {
    if (line.trim() === '' || runCommand(this.#controls, line)) {
      if (this.isOpen) this.close();
      return;
    }
    this.#line = NOTHING;
    this.show();
  }
}
