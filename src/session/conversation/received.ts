/** The text that was read from a session, with its bytes. */
import { decoder, type StreamDecoder } from '../../charset/index.ts';
import { GrowingText } from './growing-text.ts';

const LF = 10;

/** Chunks smaller than this are copied into blocks: a chunk occupies at least 4 KiB, and a packet may have one byte. */
const SMALL = 2 * 1024;
/** The size of a block, in bytes. */
const BLOCK = 16 * 1024;

interface Chunk {
  bytes: Buffer;
  readonly encoding: string;
  /** The length of the text before that of this chunk, in characters. */
  readonly start: number;
}

/** The text that was read, with its bytes. */
export class Received {
  readonly text = new GrowingText();
  /** The length in bytes. */
  length = 0;
  /** The number of consumed characters. */
  used = 0;
  readonly #chunks: Chunk[] = [];
  #kept = 0;
  /** The block that contains the last chunk, at its beginning; `undefined` if the chunk is not in a block. */
  #block: Buffer | undefined;
  #decoder: { readonly encoding: string; readonly decoder: StreamDecoder } | undefined;

  add(bytes: Buffer, encoding: string): void {
    if (bytes.length === 0) return;
    if (this.#decoder?.encoding !== encoding) {
      // An incomplete character at the change of the sets is invalid.
      this.text.add(this.#decoder?.decoder.end() ?? '');
      this.#decoder = { encoding, decoder: decoder(encoding) };
    }
    this.#keep(bytes, encoding);
    this.length += bytes.length;
    this.#kept += bytes.length;
    this.text.add(this.#decoder.decoder.write(bytes));
  }

  #keep(bytes: Buffer, encoding: string): void {
    const last = this.#chunks.at(-1);
    const isSmall = bytes.length < SMALL && last?.encoding === encoding;
    if (isSmall && this.#block === undefined && last.bytes.length < SMALL) {
      this.#block = Buffer.allocUnsafeSlow(BLOCK);
      this.#block.set(last.bytes);
    }
    if (!isSmall || this.#block === undefined || last.bytes.length + bytes.length > BLOCK) {
      this.#block = undefined;
      this.#chunks.push({ bytes, encoding, start: this.text.length });
      return;
    }
    this.#block.set(bytes, last.bytes.length);
    last.bytes = this.#block.subarray(0, last.bytes.length + bytes.length);
  }

  /**
   * Drops all but about the last `bytes` bytes, and their text. {@link unused} returns the rest, if nothing is
   * consumed.
   */
  keepLast(bytes: number): void {
    if (this.#kept < 2 * bytes) return;
    let count = 0;
    for (; this.#kept > bytes && count < this.#chunks.length - 1; count++)
      this.#kept -= this.#chunks[count]!.bytes.length;
    this.#chunks.splice(0, count);
    this.text.forget(this.#chunks[0]!.start);
  }

  /** Marks the first characters as consumed. */
  consume(characters: number): void {
    this.used = characters;
  }

  /**
   * The bytes that are not consumed; may be called once. Only a decoder knows where in a chunk a character ends, and it
   * does not report that. So the chunk is decoded again, half of what is missing at a time. A byte can be at most two
   * code units of a string.
   */
  unused(): Buffer {
    if (this.used === 0) return Buffer.concat(this.#chunks.map(chunk => chunk.bytes));
    if (this.used === this.text.length && (this.#decoder?.decoder.end() ?? '') === '') return Buffer.alloc(0);
    // The chunk that ended the last consumed character. (Later ones may not have completed a character yet.)
    let index = this.#chunks.length - 1;
    while (index > 0 && this.#chunks[index]!.start >= this.used) index--;
    const { bytes, encoding, start } = this.#chunks[index]!;
    const again = this.#decoderBefore(index, encoding);
    let at = 0;
    for (let missing = this.used - start; missing > 0 && at < bytes.length; ) {
      const step = Math.max(1, missing >> 1);
      missing -= again.write(bytes.subarray(at, at + step)).length;
      at += step;
    }
    return Buffer.concat([bytes.subarray(at), ...this.#chunks.slice(index + 1).map(chunk => chunk.bytes)]);
  }

  /** A decoder in its state before a chunk. In all character sets for terminals, a line feed resets the state. */
  #decoderBefore(index: number, encoding: string): StreamDecoder {
    const again = decoder(encoding);
    const before: Buffer[] = [];
    for (let at = index - 1; at >= 0 && this.#chunks[at]!.encoding === encoding; at--) {
      const { bytes } = this.#chunks[at]!;
      const lineFeed = bytes.lastIndexOf(LF);
      before.push(bytes.subarray(lineFeed + 1));
      if (lineFeed >= 0) break;
    }
    for (const bytes of before.reverse()) again.write(bytes);
    return again;
  }
}
