import type { Pty } from '../../pty/index.ts';

const BACKSPACE = 0x08;
const DELETE = 0x7f;

/** Input of more bytes than this was not typed: pasted text or a file does not indicate a key. */
const TYPED_BYTES = 32;

/** Terminals whose erase key sends BS: old ones, and those that consoles derived from DOS report. */
const SENDS_BACKSPACE = /^(ansi|pcansi|scoansi|vtnt|vt52|vt100|vt102|cons25|cygwin|syncterm)$/;

/** The character that the erase key of a terminal of this type (lower case) sends, as far as the type indicates it. */
export function eraseCharacter(terminalType: string): number {
  return SENDS_BACKSPACE.test(terminalType) ? BACKSPACE : DELETE;
}

/**
 * When the erase key of a client's terminal is first pressed, detects which of the two characters it sends. Sets it as
 * the terminal's erase character. Terminal types are only a hint (PuTTY has a setting for it).
 *
 * This only applies while the program has not changed the initial erase character: a program that sets one intends it.
 */
export class EraseKey {
  readonly #pty: Pty;
  readonly #initial: number;
  #known = false;

  constructor(pty: Pty, initial: number) {
    this.#pty = pty;
    this.#initial = initial;
  }

  /** Whether this input has to be passed to {@link observe} before it is written. */
  concerns(input: Uint8Array): boolean {
    return !this.#known && input.length <= TYPED_BYTES && firstErase(input) !== undefined;
  }

  /** Examines input before it is written to the program. */
  observe(input: Uint8Array): void {
    const pressed = firstErase(input);
    if (pressed === undefined) return;
    // Without ICANON the program reads keys itself, and ^H may be a separate command.
    if (!this.#pty.mode('icanon')) return;
    this.#known = true;
    if (pressed !== this.#initial && this.#pty.mode('verase') === this.#initial)
      this.#pty.setModes({ verase: pressed });
  }

  /** @returns a copy of `input` with DEL replaced by BS, or `input` itself if it contains no DEL. */
  static deleteAsBackspace(input: Uint8Array): Uint8Array {
    if (!input.includes(DELETE)) return input;
    const translated = Buffer.from(input);
    for (let at = translated.indexOf(DELETE); at >= 0; at = translated.indexOf(DELETE, at + 1))
      translated[at] = BACKSPACE;
    return translated;
  }
}

function firstErase(input: Uint8Array): number | undefined {
  for (const byte of input) if (byte === BACKSPACE || byte === DELETE) return byte;
  return undefined;
}
