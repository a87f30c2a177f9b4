/** Text in any character set that has a name here, as strings. */
import iconv from 'iconv-lite';
import { check } from '../check.ts';
import { canonicalCharset, localeCodeset } from './names.ts';

/** Makes text of bytes as they arrive; a character may be cut between two pieces. */
export interface StreamDecoder {
  /** The characters that are complete. What is none in the set becomes U+FFFD. */
  write(bytes: Uint8Array): string;
}

/** Makes bytes of text. */
export interface Encoder {
  /** Whole characters; one that the set lacks becomes `?`. */
  write(text: string): Buffer;
}

/** A decoder that has seen nothing yet. @throws TelptyError `ERR_INVALID_ARGUMENT` for a set that is not known */
export function decoder(charset: string): StreamDecoder {
  // A terminal knows no byte order mark.
  const stream = iconv.getDecoder(codecOf(charset), { stripBOM: false });
  return { write: bytes => stream.write(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)) };
}

/** The encoder of a set. @throws as {@link decoder} */
export function encoder(charset: string): Encoder {
  const codec = codecOf(charset);
  return { write: text => iconv.encode(text, codec) };
}

/** Bytes of one set to bytes of another. */
export class Converter {
  readonly #decoder: StreamDecoder;
  readonly #encoder: Encoder;

  /** @throws as {@link decoder} */
  constructor(from: string, to: string) {
    this.#decoder = decoder(from);
    this.#encoder = encoder(to);
  }

  write(bytes: Uint8Array): Uint8Array {
    return this.#encoder.write(this.#decoder.write(bytes));
  }
}

function codecOf(charset: string): string {
  const name = canonicalCharset(charset);
  check(name !== undefined, `there is no character set '${charset}'`);
  // What iconv-lite does not call by IANA's name it calls by that of the C library.
  return iconv.encodingExists(name!) ? name! : localeCodeset(name!)!;
}
