import type { Modes, Pty } from '../../pty/index.ts';

const LF = 0x0a;
const CR = 0x0d;

/**
 * Interval between checks whether a line was read, in milliseconds: short at first, since most programs are waiting for
 * the line.
 */
const FIRST_LOOK_MS = 1;
const SLOWEST_LOOK_MS = 100;

/**
 * Writes lines that a client has edited to a terminal with EXTPROC.
 *
 * Such a terminal does not split its input into lines. If two lines have arrived, a program would get both with one
 * read. A shell would get a line that was meant for the command before it. An end of file (VEOF) only has an effect if
 * it is all the unread input; otherwise the program reads the character itself. So lines and ends of files are written
 * one at a time, each after the program has read the one before. Nothing signals the read, so we poll; but only input
 * that was typed ahead waits.
 */
export class LineInput {
  readonly #pty: Pty;
  readonly #done: () => void;
  #lines: Uint8Array[] = [];
  /** Index of the first line that was not written. Shifting a long array would take time linear in its length. */
  #next = 0;
  #timer: NodeJS.Timeout | undefined;
  #wait = FIRST_LOOK_MS;
  /** Whether the terminal has not accepted all that was written. */
  #full = false;

  /** @param done is called when all input has been written that could not be written immediately. */
  constructor(pty: Pty, done: () => void) {
    this.#pty = pty;
    this.#done = done;
  }

  /**
   * Writes input, which is borrowed.
   *
   * @param modes of the terminal, which define the ends of lines.
   * @returns whether more is accepted immediately.
   */
  type(bytes: Uint8Array, modes: Modes): boolean {
    for (const piece of this.#split(convert(bytes, modes), modes)) this.#lines.push(piece);
    return this.#proceed();
  }

  /** The terminal has accepted what was written. Returns whether more is accepted. */
  drained(): boolean {
    this.#full = false;
    return this.#proceed();
  }

  /** Discards input that was not written yet. */
  discard(): void {
    this.#lines = [];
    this.#next = 0;
    this.#stop();
  }

  /** Removes and returns the input that was not written yet. */
  take(): Uint8Array {
    const rest = Buffer.concat(this.#lines.slice(this.#next));
    this.discard();
    return rest;
  }

  /**
   * Splits input into lines with their terminators, and ends of files, each on its own, even after the start of a line.
   * For VEOF at the end of a partial line, which only makes the program read that part, clients send the partial line
   * and no VEOF.
   */
  #split(bytes: Uint8Array, { veof, veol, veol2 }: Modes): Uint8Array[] {
    const pieces: Uint8Array[] = [];
    let begin = 0;
    bytes.forEach((byte, at) => {
      if (byte === veof) {
        if (at > begin) pieces.push(bytes.subarray(begin, at));
        pieces.push(bytes.subarray(at, at + 1));
      } else if (byte === LF || byte === veol || byte === veol2) {
        pieces.push(bytes.subarray(begin, at + 1));
      } else {
        return;
      }
      begin = at + 1;
    });
    if (begin < bytes.length) pieces.push(bytes.subarray(begin));
    return pieces;
  }

  /** Whether all input has been written, and more is accepted. */
  get isIdle(): boolean {
    return this.#lines.length === 0 && !this.#full;
  }

  #proceed(): boolean {
    while (this.#lines.length > 0 && !this.#full && this.#timer === undefined) {
      if (this.#pty.master.inputWaiting > 0) {
        this.#timer = setTimeout(() => this.#look(), this.#wait);
        this.#wait = Math.min(2 * this.#wait, SLOWEST_LOOK_MS);
        return false;
      }
      this.#wait = FIRST_LOOK_MS;
      const line = this.#lines[this.#next++]!;
      if (this.#next === this.#lines.length) {
        this.#lines = [];
        this.#next = 0;
      }
      this.#full = !this.#pty.master.type(line);
    }
    return this.isIdle;
  }

  #look(): void {
    this.#timer = undefined;
    if (this.#proceed()) this.#done();
  }

  #stop(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#wait = FIRST_LOOK_MS;
  }
}

/** The conversion of CR and LF that a terminal without EXTPROC does itself. Returns a copy. */
function convert(bytes: Uint8Array, { icrnl, igncr, inlcr }: Modes): Uint8Array {
  const converted = Buffer.from(bytes);
  for (let at = 0; at < converted.length; at++) {
    if (converted[at] === CR && icrnl && !igncr) converted[at] = LF;
    else if (converted[at] === LF && inlcr) converted[at] = CR;
  }
  return igncr ? converted.filter(byte => byte !== CR) : converted;
}

/**
 * Converts input that the client edited into keys, for a program that reads keys: the Return key is CR. Returns a copy.
 */
export function keysOfLines(bytes: Uint8Array): Uint8Array {
  const keys = Buffer.from(bytes);
  for (let at = keys.indexOf(LF); at >= 0; at = keys.indexOf(LF, at + 1)) keys[at] = CR;
  return keys;
}

/** Whether a new line starts after this input, as far as keys indicate it. */
export function endsLine(bytes: Uint8Array, { veof, vkill, vintr, vquit, vsusp }: Modes): boolean {
  const last = bytes[bytes.length - 1];
  return last === CR || last === LF || [veof, vkill, vintr, vquit, vsusp].includes(last);
}
