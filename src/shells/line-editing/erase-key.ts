import type { Pty } from '../../pty/index.ts';

const BACKSPACE = 0x08;
const DELETE = 0x7f;

/** More than this at once, in bytes, was not typed: pasted text or a file says nothing about a key. */
const TYPED_BYTES = 32;

/** Terminals whose erase key sends BS: old ones, and those that consoles of DOS descent claim to be. */
const SENDS_BACKSPACE = /^(ansi|pcansi|scoansi|vtnt|vt52|vt100|vt102|cons25|cygwin|syncterm)$/;

/** The character that the erase key of a terminal of this type (lower case) sends, as far as the type tells. */
export function eraseCharacter(terminalType: string): number {
  return SENDS_BACKSPACE.test(terminalType) ? BACKSPACE : DELETE;
}

/**
 * Finds out which of the two characters the erase key of a client's terminal sends, by waiting for it to be pressed,
 * and sets the terminal's erase character to it: terminal types only hint at it (PuTTY has a switch for it).
 *
 * Only where the program has left the erase character as we set it; one that chose its own means it.
 */
export class EraseKey {
  readonly #pty: Pty;
  readonly #initial: number;
  #known = false;

  constructor(pty: Pty, initial: number) {
    this.#pty = pty;
    this.#initial = initial;
  }

  /** Whether input on its way to the program is to be shown to {@link observe}. */
  concerns(input: Uint8Array): boolean {
    return !this.#known && input.length <= TYPED_BYTES && firstErase(input) !== undefined;
  }

  /** Looks at input before it is written to the program. */
  observe(input: Uint8Array): void {
    const pressed = firstErase(input);
    if (pressed === undefined) return;
    // Without ICANON the program reads keys itself, and ^H may be a command of its own.
    if (!this.#pty.mode('icanon')) return;
    this.#known = true;
    if (pressed !== this.#initial && this.#pty.mode('verase') === this.#initial)
      this.#pty.setModes({ verase: pressed });
  }

  /** @returns a copy of `input` with DEL read as BS, or `input` itself when it holds no DEL. */
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
