/**
 * Big5 as used by Taiwanese bulletin boards: with the "Unicode At On" extensions of 2.50 (lead bytes 81 to FE), whose
 * table is in the package uao-js.
 *
 * Their pictures colour the two halves of a character differently, by a control sequence between its two bytes. Unicode
 * cannot express that; so the character precedes the sequence, in its first colour.
 */
import { requireOwn } from '../package.ts';
import { maySeparate, separates } from './halves.ts';

/** The tables' keys and values are bytes, represented as characters of Latin-1. */
type Table = Readonly<Record<string, string>>;

// Half a megabyte, so it is loaded when it is first needed.
let decodeTable: ReadonlyMap<number, string> | undefined;
let encodeTable: ReadonlyMap<number, readonly [lead: number, trail: number]> | undefined;

function loadDecodeTable(): ReadonlyMap<number, string> {
  const table = requireOwn('uao-js/table/b2u.json') as Table;
  return new Map(Object.entries(table).map(([pair, text]) => [codeOf(pair), text]));
}

function loadEncodeTable(): ReadonlyMap<number, readonly [lead: number, trail: number]> {
  const table = requireOwn('uao-js/table/u2b.json') as Table;
  decodeTable ??= loadDecodeTable();
  const pairs = new Map<number, readonly [number, number]>();
  for (const [text, pair] of Object.entries(table)) {
    // The table also maps characters that are only similar to the result; those are found elsewhere, by width.
    if (pair.length !== 2 || decodeTable.get(codeOf(pair)) !== text) continue;
    pairs.set(text.codePointAt(0)!, [pair.charCodeAt(0), pair.charCodeAt(1)]);
  }
  return pairs;
}

const codeOf = (pair: string): number => pair.charCodeAt(0) * 256 + pair.charCodeAt(1);

/** The bytes of a character, or `undefined` if the set lacks it. */
export function big5UaoBytes(codePoint: number): readonly number[] | undefined {
  if (codePoint < 0x80) return [codePoint];
  encodeTable ??= loadEncodeTable();
  return encodeTable.get(codePoint);
}

const REPLACEMENT = '\ufffd';

/** The streaming decoder. */
export class Big5UaoDecoder {
  readonly #halvesMayBeApart: boolean;
  /** The first half of a character, or 0. */
  #lead = 0;
  /** The bytes after it that are not a second half: control sequences. */
  #between = '';

  constructor(halvesMayBeApart: boolean) {
    this.#halvesMayBeApart = halvesMayBeApart;
  }

  write(bytes: Uint8Array): string {
    decodeTable ??= loadDecodeTable();
    const table = decodeTable;
    let text = '';
    for (const byte of bytes) text += this.#lead === 0 ? this.#first(byte) : this.#second(byte, table);
    return text;
  }

  end(): string {
    return this.#lead === 0 ? '' : this.#giveUp();
  }

  #first(byte: number): string {
    if (byte < 0x80) return String.fromCharCode(byte);
    if (byte === 0x80 || byte === 0xff) return REPLACEMENT;
    this.#lead = byte;
    return '';
  }

  #second(byte: number, table: ReadonlyMap<number, string>): string {
    const inSequence = this.#between !== '' && !separates(this.#between);
    const character = inSequence ? undefined : table.get(this.#lead * 256 + byte);
    if (character !== undefined) {
      const between = this.#between;
      this.#lead = 0;
      this.#between = '';
      return character + between;
    }
    const between = this.#between + String.fromCharCode(byte);
    if (this.#halvesMayBeApart && byte < 0x80 && maySeparate(between)) {
      this.#between = between;
      return '';
    }
    return this.#giveUp() + this.#first(byte);
  }

  /** The half without its second half, and the waiting bytes after it. */
  #giveUp(): string {
    const text = REPLACEMENT + this.#between;
    this.#lead = 0;
    this.#between = '';
    return text;
  }
}
