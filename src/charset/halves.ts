/**
 * Characters of two bytes with control sequences between them: boards of Taiwan and China colour the two halves of a
 * character differently. Unicode cannot express that, so the complete character comes first, and then the sequences.
 */
import type { StreamDecoder } from './stream-decoder.ts';

const ESC = 0x1b;
/**
 * The most characters between two halves: one or two sequences for colours. A longer text is not treated as part of a
 * character.
 */
const MAX_BETWEEN = 64;
/** A control sequence (ECMA-48) or the beginning of one. */
const WHOLE = /^(?:\x1b\[[0-?]*[ -/]*[@-~])+$/;
const BEGINNING = /^(?:\x1b\[[0-?]*[ -/]*[@-~])*\x1b(?:\[[0-?]*[ -/]*)?$/;

/** Whether this can be between two halves; it may be incomplete. */
export function maySeparate(between: string): boolean {
  if (between.length > MAX_BETWEEN || between.charCodeAt(0) !== ESC) return false;
  return BEGINNING.test(between) || WHOLE.test(between);
}

/** Whether this is between two halves, if the second one follows. */
export function separates(between: string): boolean {
  return WHOLE.test(between);
}

/**
 * Puts the halves together before another decoder reads them. For sets in which bytes from 81 to FE begin a character
 * of two.
 */
export class HalvesDecoder implements StreamDecoder {
  readonly #decoder: StreamDecoder;
  readonly #isPair: (lead: number, trail: number) => boolean;
  /** The first half of a character, or 0. */
  #lead = 0;
  /** The sequences after it. */
  #between = '';

  constructor(decoder: StreamDecoder, isPair: (lead: number, trail: number) => boolean) {
    this.#decoder = decoder;
    this.#isPair = isPair;
  }

  write(bytes: Uint8Array): string {
    const joined: number[] = [];
    for (const byte of bytes) this.#take(byte, joined);
    return this.#decoder.write(Uint8Array.from(joined));
  }

  end(): string {
    const rest: number[] = [];
    this.#giveUp(rest);
    return this.#decoder.write(Uint8Array.from(rest)) + this.#decoder.end();
  }

  #take(byte: number, joined: number[]): void {
    if (this.#lead !== 0 && byte < 0x80) {
      const between = this.#between + String.fromCharCode(byte);
      const isInside = this.#between !== '' && !separates(this.#between);
      if ((isInside || byte === ESC) && maySeparate(between)) {
        this.#between = between;
        return;
      }
    }
    if (this.#lead !== 0) {
      const isWhole = this.#between === '' || (separates(this.#between) && this.#isPair(this.#lead, byte));
      if (isWhole && byte >= 0x30) {
        joined.push(this.#lead, byte);
        this.#lead = 0;
        this.#giveUp(joined);
        return;
      }
      this.#giveUp(joined);
    }
    if (byte > 0x80 && byte < 0xff) this.#lead = byte;
    else joined.push(byte);
  }

  /** The waiting bytes, unchanged. */
  #giveUp(joined: number[]): void {
    if (this.#lead !== 0) joined.push(this.#lead);
    for (let at = 0; at < this.#between.length; at++) joined.push(this.#between.charCodeAt(at));
    this.#lead = 0;
    this.#between = '';
  }
}
