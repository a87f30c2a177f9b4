/**
 * One character set: the characters that it has, and its streaming decoder. The data of a set is created when it is
 * first needed, and shared by all sessions.
 */
import { isAscii } from 'node:buffer';
import iconv from 'iconv-lite';
import { TelptyError } from '../errors.ts';
import { Big5UaoDecoder, big5UaoBytes } from './big5-uao.ts';
import { HalvesDecoder } from './halves.ts';
import { canonicalCharset, codecName } from './names.ts';
import type { StreamDecoder } from './stream-decoder.ts';
import { ATARI_ST, ATASCII, codesOf, PETSCII } from './tables.ts';

/** A character set. */
export interface Codec {
  /** The canonical name. */
  readonly name: string;
  /** Whether its bytes below 80, by themselves, are ASCII. */
  readonly isAsciiSuperset: boolean;
  /** The bytes of a character, or `undefined` if the set does not have it. */
  encode(codePoint: number): ArrayLike<number> | undefined;
  createDecoder(options: DecoderOptions): StreamDecoder;
}

/** How bytes are decoded. */
export interface DecoderOptions {
  /**
   * Whether to accept a control sequence between the two bytes of a character: programs of Taiwanese BBSs colour the
   * halves of one differently. Only the sets of Chinese use this.
   */
  readonly halvesMayBeApart?: boolean;
}

const REPLACEMENT = 0xfffd;
const QUESTION_MARK = 0x3f;

const codecs = new Map<string, Codec>();

/**
 * The character set with this name, which may be any of its names.
 *
 * @throws TelptyError `ERR_INVALID_ARGUMENT` for an unknown name.
 */
export function codecOf(charset: string): Codec {
  const name = canonicalCharset(charset);
  if (name === undefined) throw new TelptyError('ERR_INVALID_ARGUMENT', `unknown character set '${charset}'`);
  let codec = codecs.get(name);
  if (codec === undefined) {
    codec = createCodec(name);
    codecs.set(name, codec);
  }
  return codec;
}

function createCodec(name: string): Codec {
  switch (name) {
    case 'UTF-8':
      return utf8;
    case 'ATARI-ST':
      return tableCodec(name, ATARI_ST);
    case 'PETSCII':
      return tableCodec(name, PETSCII);
    case 'ATASCII':
      return tableCodec(name, ATASCII);
    case 'Big5-UAO':
      return big5Uao(name);
    default:
      return iconvCodec(name, codecName(name));
  }
}

const utf8: Codec = {
  name: 'UTF-8',
  isAsciiSuperset: true,
  encode: codePoint => Buffer.from(String.fromCodePoint(codePoint)),
  createDecoder() {
    const decoder = new TextDecoder('utf-8', { ignoreBOM: true });
    /** Whether part of a character may wait in the decoder. */
    let mayWait = false;
    return {
      write(bytes) {
        // Takes a tenth of the decoder's time, and halves the size of the strings.
        if (!mayWait && isAscii(bytes))
          return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('latin1');
        if (bytes.length > 0) mayWait = bytes[bytes.length - 1]! >= 0x80;
        return decoder.decode(bytes, { stream: true });
      },
      end() {
        mayWait = false;
        return decoder.decode();
      },
    };
  },
};

/** A set of 256 characters, by their codes; U+FFFD for codes without a character. */
function tableCodec(name: string, table: string): Codec {
  const characters = [...table];
  const codes = new Map([...codesOf(table)].map(([codePoint, code]) => [codePoint, [code] as const]));
  return {
    name,
    isAsciiSuperset: name === 'ATARI-ST',
    encode: codePoint => codes.get(codePoint),
    createDecoder: () => ({
      write(bytes) {
        let text = '';
        for (const byte of bytes) text += characters[byte];
        return text;
      },
      end: () => '',
    }),
  };
}

function big5Uao(name: string): Codec {
  return {
    name,
    isAsciiSuperset: true,
    encode: big5UaoBytes,
    createDecoder: ({ halvesMayBeApart = false }) => new Big5UaoDecoder(halvesMayBeApart),
  };
}

/** Sets other than Big5-UAO that are used by boards which colour the halves of characters. */
const WITH_HALVES = new Set(['Big5', 'Big5-HKSCS', 'CP950', 'GB2312', 'GBK', 'GB18030']);

/** A set of iconv-lite. */
function iconvCodec(name: string, codec: string): Codec {
  const encode = (codePoint: number): Buffer | undefined => {
    const character = String.fromCodePoint(codePoint);
    const bytes = iconv.encode(character, codec);
    // It converts unknown characters to a question mark, and U+FFFD to a meaningless code.
    if (codePoint === REPLACEMENT || (codePoint !== QUESTION_MARK && bytes.length === 1 && bytes[0] === QUESTION_MARK))
      return undefined;
    return bytes.length > 0 && iconv.decode(bytes, codec) === character ? bytes : undefined;
  };
  const ascii = Array.from({ length: 128 }, (_, code) => code);
  return {
    name,
    isAsciiSuperset: ascii.every(code => encode(code)?.[0] === code && encode(code)?.length === 1),
    encode,
    createDecoder({ halvesMayBeApart = false }) {
      const decoder = new IconvDecoder(codec);
      if (!halvesMayBeApart || !WITH_HALVES.has(name)) return decoder;
      return new HalvesDecoder(decoder, (...pair) => !iconv.decode(Buffer.from(pair), codec).includes('\ufffd'));
    },
  };
}

/** The waiting bytes of a multibyte decoder: a private property of iconv-lite, absent in other decoders. */
interface Waiting {
  readonly prevBytes?: readonly number[];
}

/**
 * A streaming decoder of iconv-lite. Its buffer has room for as many characters as the chunk has bytes, so it loses one
 * if waiting bytes turn out to be invalid. To avoid that, the waiting bytes are prepended to the chunk.
 */
class IconvDecoder implements StreamDecoder {
  readonly #codec: string;
  #decoder: iconv.DecoderStream & Waiting;

  constructor(codec: string) {
    this.#codec = codec;
    this.#decoder = iconv.getDecoder(codec);
  }

  write(bytes: Uint8Array): string {
    const waiting = this.#decoder.prevBytes ?? [];
    if (waiting.length === 0) return this.#decoder.write(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength));
    this.#decoder = iconv.getDecoder(this.#codec);
    return this.#decoder.write(Buffer.concat([Uint8Array.from(waiting), bytes]));
  }

  end(): string {
    return this.#decoder.end() ?? '';
  }
}
