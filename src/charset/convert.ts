import { isAscii } from 'node:buffer';
import { type Codec, codecOf, type DecoderOptions } from './codec.ts';
import { lookAlike } from './look-alikes.ts';
import type { StreamDecoder } from './stream-decoder.ts';

/** The longest character, in bytes: GB18030 has some of four, other sets have shorter ones. */
const LONGEST = 4;
/** The number of characters in a page of the table. */
const PAGE = 256;

/** The encoded characters: their bytes, the first one in the lowest byte, and their number. */
interface Page {
  readonly bytes: Uint32Array;
  readonly lengths: Uint8Array;
}

/** The length of an entry that has not been looked up yet. */
const UNKNOWN = 0xff;

/** Text to bytes. Stateless, so all users of a set share one. */
export interface Encoder {
  /** Whole characters only: surrogate pairs must not be split. */
  write(text: string): Buffer;
}

const encoders = new Map<string, Encoder>();

/**
 * The encoder of a character set. A character that the set lacks becomes the most similar one, in as many columns of a
 * terminal; characters without width are left out.
 *
 * @throws TelptyError `ERR_INVALID_ARGUMENT` for an unknown set.
 */
export function encoder(charset: string): Encoder {
  const codec = codecOf(charset);
  let found = encoders.get(codec.name);
  if (found === undefined) {
    found = codec.name === 'UTF-8' ? { write: text => Buffer.from(text) } : new TableEncoder(codec);
    encoders.set(codec.name, found);
  }
  return found;
}

/**
 * A decoder of a character set, with the state of one stream.
 *
 * @throws TelptyError `ERR_INVALID_ARGUMENT` for an unknown set.
 */
export function decoder(charset: string, options: DecoderOptions = {}): StreamDecoder {
  return codecOf(charset).createDecoder(options);
}

/** Each character is looked up once for all sessions. A page costs 1.3 KB; all possible pages together 6 MB. */
class TableEncoder implements Encoder {
  readonly #codec: Codec;
  readonly #pages: (Page | undefined)[] = [];

  constructor(codec: Codec) {
    this.#codec = codec;
  }

  write(text: string): Buffer {
    const out = Buffer.allocUnsafe(text.length * LONGEST);
    let length = 0;
    for (let at = 0; at < text.length; at++) {
      let codePoint = text.charCodeAt(at);
      if (codePoint >= 0xd800 && codePoint < 0xdc00) {
        codePoint = text.codePointAt(at)!;
        if (codePoint > 0xffff) at++;
      }
      const page = this.#pages[codePoint >> 8] ?? this.#newPage(codePoint >> 8);
      const place = codePoint & (PAGE - 1);
      if (page.lengths[place] === UNKNOWN) this.#lookUp(codePoint, page);
      let bytes = page.bytes[place]!;
      for (let left = page.lengths[place]!; left > 0; left--) {
        out[length++] = bytes & 0xff;
        bytes >>>= 8;
      }
    }
    return out.subarray(0, length);
  }

  #newPage(index: number): Page {
    const page = { bytes: new Uint32Array(PAGE), lengths: new Uint8Array(PAGE).fill(UNKNOWN) };
    this.#pages[index] = page;
    return page;
  }

  #lookUp(codePoint: number, page: Page): void {
    const bytes = this.#convert(codePoint);
    const place = codePoint & (PAGE - 1);
    page.lengths[place] = bytes.length;
    page.bytes[place] = bytes.reduce((word, byte, at) => word + byte * 2 ** (8 * at), 0);
  }

  #convert(codePoint: number): number[] {
    const exact = this.#codec.encode(codePoint);
    if (exact !== undefined) return [...Buffer.from(exact)];
    // A C1 control character is the same as ESC and a letter (ECMA-48, 5.3).
    if (codePoint >= 0x80 && codePoint < 0xa0) return [0x1b, codePoint - 0x40];
    const composed = this.#compose(codePoint);
    if (composed !== undefined) return composed;
    const text = lookAlike(codePoint, other => this.#codec.encode(other) !== undefined);
    return [...text].flatMap(character => [...Buffer.from(this.#codec.encode(character.codePointAt(0)!)!)]);
  }

  /** Vietnamese letters, if a set has them as a letter and a mark (windows-1258). */
  #compose(codePoint: number): number[] | undefined {
    const [base, first, second, ...more] = String.fromCodePoint(codePoint).normalize('NFD');
    if (base === undefined || first === undefined || more.length > 0) return undefined;
    const ways =
      second === undefined
        ? [[base, first]]
        : [
            [base + first, second],
            [base + second, first],
          ];
    for (const way of ways) {
      const bytes = way.map(part => this.#codec.encode(part.normalize().codePointAt(0)!));
      const whole = way.every(part => [...part.normalize()].length === 1);
      if (whole && bytes.every(part => part !== undefined)) return bytes.flatMap(part => [...Buffer.from(part!)]);
    }
    return undefined;
  }
}

/**
 * The lowest last byte of an unfinished character. In GB18030 a digit is the second byte of a character. In Big5-UAO a
 * control sequence may be within one; it begins with ESC and may contain any character from the space on.
 */
const LOWEST_WITHIN = 0x1b;

/**
 * Converts bytes of one set to bytes of another. The result does not depend on where the input is cut, except that the
 * bytes of a character may wait for its last byte. Never throws.
 */
export class Converter {
  readonly #decoder: StreamDecoder;
  readonly #encoder: Encoder;
  /** Whether ASCII is the same in both sets. */
  readonly #sharesAscii: boolean;
  /** Whether part of a character may wait in the decoder. */
  #mayWait = false;

  /** @throws TelptyError `ERR_INVALID_ARGUMENT` for an unknown set. */
  constructor(from: string, to: string, options: DecoderOptions = {}) {
    this.#decoder = decoder(from, options);
    this.#encoder = encoder(to);
    this.#sharesAscii = codecOf(from).isAsciiSuperset && codecOf(to).isAsciiSuperset;
  }

  /** @param bytes lent. @returns the same bytes if nothing changes, or a new buffer. */
  write(bytes: Uint8Array): Uint8Array {
    // ASCII: most input and output, in every language.
    if (this.#sharesAscii && !this.#mayWait && isAscii(bytes)) return bytes;
    if (bytes.length > 0) this.#mayWait = bytes[bytes.length - 1]! >= LOWEST_WITHIN;
    return this.#encoder.write(this.#decoder.write(bytes));
  }

  /** Returns the rest and resets the state. */
  end(): Buffer {
    this.#mayWait = false;
    return this.#encoder.write(this.#decoder.end());
  }
}
