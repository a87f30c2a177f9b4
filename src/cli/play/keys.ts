/** The keys of a full-screen command, from the bytes that a terminal sends for them. */
import type { Key } from '../../recording/player/key.ts';

const FINALS: Readonly<Record<string, Key>> = {
  A: 'up',
  B: 'down',
  C: 'right',
  D: 'left',
  H: 'home',
  F: 'end',
};
const NUMBERS: Readonly<Record<string, Key>> = {
  1: 'home',
  4: 'end',
  5: 'page-up',
  6: 'page-down',
  7: 'home',
  8: 'end',
};
const CONTROLS: Readonly<Record<number, Key>> = {
  3: 'interrupt',
  8: 'backspace',
  10: 'enter',
  13: 'enter',
  26: 'suspend',
  127: 'backspace',
};

const ESC = 0x1b;

export class KeyDecoder {
  #state: 'ground' | 'escape' | 'sequence' = 'ground';
  #parameters = '';

  /** Keys that are not named are left out. A sequence may be split between two calls. */
  decode(bytes: Uint8Array): Key[] {
    const keys: Key[] = [];
    for (const byte of bytes) {
      const key = this.#byte(byte);
      if (key !== undefined) keys.push(key);
    }
    return keys;
  }

  #byte(byte: number): Key | undefined {
    const letter = String.fromCharCode(byte);
    if (byte === ESC) {
      this.#state = 'escape';
      return undefined;
    }
    if (this.#state === 'ground') return byte >= 0x20 && byte < 0x7f ? { character: letter } : CONTROLS[byte];
    if (this.#state === 'escape') {
      this.#state = letter === '[' || letter === 'O' ? 'sequence' : 'ground';
      this.#parameters = '';
      // The Escape key, and a key after it.
      return this.#state === 'ground' ? this.#byte(byte) : undefined;
    }
    if (byte >= 0x40 && byte < 0x7f) {
      this.#state = 'ground';
      return letter === '~' ? NUMBERS[this.#parameters] : FINALS[letter];
    }
    if (byte < 0x20) {
      this.#state = 'ground';
      return this.#byte(byte);
    }
    if (this.#parameters.length < 16) this.#parameters += letter;
    return undefined;
  }
}
