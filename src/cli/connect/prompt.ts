/** The prompt that the escape key opens, on a line of its own. */
import { type Controls, runCommand } from './commands.ts';

const PROMPT = 'telpty> ';
/** The longest line, in bytes. */
const LONGEST_LINE = 1_024;
const LF = 0x0a;
/** Return where the keys were pressed before the terminal came to edit lines. */
const CR = 0x0d;
/** Reports of the terminal that were on their way when the prompt was opened: a key that is released, the mouse, answers. */
const SEQUENCES = /\x1b\[[0-?]*[ -/]*[@-~]|\x1b[P\]_][^\x1b\x07]*(?:\x1b\\|\x07)|\x1bO.?/g;
const NOTHING: Buffer = Buffer.alloc(0);

/** Reads lines, which the terminal edits, and runs them, until one is understood, empty, or taken back. */
export class Prompt {
  readonly #controls: Controls;
  readonly #endOfFile: () => number | null;
  readonly #escapeKey: () => number | undefined;
  readonly #changed: () => void;
  /** What was typed so far; `undefined` while it is not open. */
  #line: Buffer | undefined;

  /** @param changed is called when it has been opened or closed. */
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
    this.#controls.say('');
    this.show();
  }

  /** Shows the prompt, again where somebody else has had the terminal. */
  show(): void {
    process.stderr.write(PROMPT);
  }

  /** Closes it; what was typed is forgotten. */
  cancel(): void {
    this.#controls.say('');
    this.close();
  }

  close(): void {
    this.#line = undefined;
    this.#changed();
  }

  /** Takes what was typed. Returns what is not the prompt's any more, because it was closed before. */
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
        // The key that leads here leads back.
        this.cancel();
        return rest;
      }
      // Unlike Return, that key moves the cursor to no new line.
      if (key !== LF) this.#controls.say('');
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
