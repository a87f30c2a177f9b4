/** Text in any character set that has a name here, as strings. */
import iconv from 'iconv-lite';
import { check } from '../check.ts';
import { canonicalCharset, localeCodeset } from './names.ts';

/** Makes text of bytes as they arrive; a character may be cut between two pieces. */
export interface TextDecoder {
  /** The characters that are complete. What is none in the set becomes U+FFFD. */
  write(bytes: Uint8Array): string;
}

/** A decoder that has seen nothing yet. @throws TelptyError `ERR_INVALID_ARGUMENT` for a set that is not known */
export function textDecoder(charset: string): TextDecoder {
  // A terminal knows no byte order mark.
  const decoder = iconv.getDecoder(codecOf(charset), { stripBOM: false });
  return { write: bytes => decoder.write(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)) };
}

/** The bytes of a whole text; a character that the set lacks becomes `?`. @throws as {@link textDecoder} */
export function encodeText(text: string, charset: string): Buffer {
  return iconv.encode(text, codecOf(charset));
}

function codecOf(charset: string): string {
  const name = canonicalCharset(charset);
  check(name !== undefined, `there is no character set '${charset}'`);
  // What iconv-lite does not call by IANA's name it calls by that of the C library.
  return iconv.encodingExists(name!) ? name! : localeCodeset(name!)!;
}
