/**
 * Characters of two bytes with control sequences between them: boards of Taiwan and China colour the two halves of a character
 * differently. There is no such thing in Unicode, so the character comes first, whole, and the sequences behind it.
 */
import type { StreamDecoder } from './stream-decoder.ts';

const ESC = 0x1b;
/** Between two halves there is a sequence or two for colours; what is longer was not meant so. In characters. */
const MAX_BETWEEN = 64;
/** A control sequence as far as it has come (ECMA-48): with its final byte, or as a beginning of one. */
const WHOLE = /^(?:\x1b\[[0-?]*[ -/]*[@-~])+$/;
const BEGINNING = /^(?:\x1b\[[0-?]*[ -/]*[@-~])*\x1b(?:\[[0-?]*[ -/]*)?$/;

/** Whether this may stand between two halves, as far as it has come. */
export function maySeparate(between: string): boolean {
  if (between.length > MAX_BETWEEN || between.charCodeAt(0) !== ESC) return false;
  return BEGINNING.test(between) || WHOLE.test(between);
}

/** Whether this stands between two halves, if the second one follows. */
export function separates(between: string): boolean {
  return WHOLE.test(between);
}

/** Puts the halves together before another decoder reads them. For sets in which bytes from 81 to FE begin a character of two. */
export class HalvesDecoder implements StreamDecoder {
  readonly #decoder: StreamDecoder;
  readonly #isPair: (lead: number, trail: number) => boolean;
  /** The first half of a character, or 0. */
  #lead = 0;
  /** The sequences behind it. */
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

  /** What was held back, as it came. */
  #giveUp(joined: number[]): void {
    if (this.#lead !== 0) joined.push(this.#lead);
    for (let at = 0; at < this.#between.length; at++) joined.push(this.#between.charCodeAt(at));
    this.#lead = 0;
    this.#between = '';
  }
}
