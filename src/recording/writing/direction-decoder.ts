/**
 * Decodes one direction of a session for a recording. UTF-8 is not decoded: the addon encodes it as JSON (see
 * `recording-writer.ts`), and only characters that are split between two pieces wait here.
 */
import { canonicalCharset, type StreamDecoder } from '../../charset/index.ts';

const NONE_WAITING = { text: '', length: 0 };
/** The most bytes of a character of UTF-8 that wait for the next one. */
const MOST_WAITING = 3;

const isContinuation = (byte: number | undefined): boolean => byte !== undefined && byte >= 0x80 && byte < 0xc0;

/** Decodes one direction of a session, whose character set may change. */
export class DirectionDecoder {
  readonly #create: (encoding: string) => StreamDecoder;
  #encoding: string | undefined;
  #decoder: StreamDecoder | undefined;
  #isUtf8 = false;
  /** Whether part of a character may wait in the decoder. */
  #mayWait = false;

  constructor(create: (encoding: string) => StreamDecoder) {
    this.#create = create;
  }

  get isUtf8(): boolean {
    return this.#isUtf8;
  }

  /** Sets the character set of what follows. Returns a character that this cuts, as invalid. */
  change(encoding: string): string {
    if (this.#encoding === encoding) return '';
    const text = this.end();
    this.#decoder = this.#create(encoding);
    this.#encoding = encoding;
    this.#isUtf8 = canonicalCharset(encoding) === 'UTF-8';
    return text;
  }

  write(bytes: Uint8Array): string {
    return this.#decoder!.write(bytes);
  }

  end(): string {
    this.#mayWait = false;
    return this.#decoder?.end() ?? '';
  }

  /** In UTF-8: decodes only the end of the character that waits. Returns its text and its length in these bytes. */
  endWaiting(bytes: Uint8Array): { readonly text: string; readonly length: number } {
    if (!this.#mayWait) return NONE_WAITING;
    let length = 0;
    while (length < MOST_WAITING && isContinuation(bytes[length])) length++;
    let text = this.write(bytes.subarray(0, length));
    if (length < bytes.length) text += this.end();
    return { text, length };
  }

  /** In UTF-8: these bytes wait for the end of the character. Returns the text of those that turn out to be invalid. */
  wait(bytes: Uint8Array): string {
    if (bytes.length === 0) return '';
    this.#mayWait = true;
    return this.write(bytes);
  }
}

/** How many bytes at the end of UTF-8 may be the beginning of a character whose end has not come. */
export function unfinished(bytes: Uint8Array): number {
  for (let count = 1; count <= Math.min(MOST_WAITING, bytes.length); count++) {
    const byte = bytes[bytes.length - count]!;
    if (byte < 0x80) return 0;
    if (isContinuation(byte)) continue;
    const length = byte < 0xe0 ? 2 : byte < 0xf0 ? 3 : 4;
    return length > count ? count : 0;
  }
  return 0;
}
