import type { Modes, Pty } from '../../pty/index.ts';

const LF = 0x0a;
const CR = 0x0d;

/** Between two looks whether a line was read, in milliseconds: soon at first, since most programs are waiting for it. */
const FIRST_LOOK_MS = 1;
const SLOWEST_LOOK_MS = 100;

/**
 * Lines that a client has edited, on their way to a terminal with EXTPROC.
 *
 * Such a terminal takes input as it comes: it makes no lines of it. A program that reads would get two lines at once where
 * both have arrived, a shell a line that was meant for the command before it, and an end of file (VEOF) only if that is all
 * there is to be read: else the character itself. So lines, and ends of files, are typed one at a time, the next when the
 * program has read the last. Nothing signals the read, so we poll; but only input that was typed ahead waits.
 */
export class LineInput {
  readonly #pty: Pty;
  readonly #done: () => void;
  #lines: Uint8Array[] = [];
  /** The first of these that was not typed. (To shift a long array takes time that is linear in its length.) */
  #next = 0;
  #timer: NodeJS.Timeout | undefined;
  #wait = FIRST_LOOK_MS;
  /** Whether the terminal has not taken all that it was given. */
  #full = false;

  /** @param done is called when everything has been typed that could not be typed at once. */
  constructor(pty: Pty, done: () => void) {
    this.#pty = pty;
    this.#done = done;
  }

  /**
   * Types input, which is lent.
   *
   * @param modes those of the terminal, for what ends a line.
   * @returns whether more may come at once.
   */
  type(bytes: Uint8Array, modes: Modes): boolean {
    for (const piece of this.#split(convert(bytes, modes), modes)) this.#lines.push(piece);
    return this.#proceed();
  }

  /** The terminal has taken what it was given. Returns whether more may come. */
  drained(): boolean {
    this.#full = false;
    return this.#proceed();
  }

  /** Forgets what was not typed yet. */
  discard(): void {
    this.#lines = [];
    this.#next = 0;
    this.#stop();
  }

  /** What was not typed yet, of which this then knows nothing. */
  take(): Uint8Array {
    const rest = Buffer.concat(this.#lines.slice(this.#next));
    this.discard();
    return rest;
  }

  /**
   * Lines with what ends them, and ends of files by themselves; also behind the beginning of a line. For the key that only
   * has such a beginning read, clients send what was typed and no end of file.
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

  /** Whether everything has been typed, and more may come. */
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

/** What a terminal makes of CR and LF where it does it itself: a copy. */
function convert(bytes: Uint8Array, { icrnl, igncr, inlcr }: Modes): Uint8Array {
  const converted = Buffer.from(bytes);
  for (let at = 0; at < converted.length; at++) {
    if (converted[at] === CR && icrnl && !igncr) converted[at] = LF;
    else if (converted[at] === LF && inlcr) converted[at] = CR;
  }
  return igncr ? converted.filter(byte => byte !== CR) : converted;
}

/** Input whose lines were edited by the client, for a program that reads keys: the Return key is CR. A copy. */
export function keysOfLines(bytes: Uint8Array): Uint8Array {
  const keys = Buffer.from(bytes);
  for (let at = keys.indexOf(LF); at >= 0; at = keys.indexOf(LF, at + 1)) keys[at] = CR;
  return keys;
}

/** Whether behind this input a new line begins, as far as keys tell. */
export function endsLine(bytes: Uint8Array, { veof, vkill, vintr, vquit, vsusp }: Modes): boolean {
  const last = bytes[bytes.length - 1];
  return last === CR || last === LF || [veof, vkill, vintr, vquit, vsusp].includes(last);
}
