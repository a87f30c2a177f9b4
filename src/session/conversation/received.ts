/** What was read of a session, as bytes and as text. */
import { decoder, type StreamDecoder } from '../../charset/index.ts';
import { GrowingText } from './growing-text.ts';

const LF = 10;

/** Smaller chunks are copied into blocks: the memory of a chunk is 4 KiB at least, and a packet may have one byte. */
const SMALL = 2 * 1024;
/** A block, in bytes. */
const BLOCK = 16 * 1024;

interface Chunk {
  bytes: Buffer;
  readonly encoding: string;
  /** How much text there was before what it gave, in characters. */
  readonly start: number;
}

/** What was read, as bytes and as text. */
export class Received {
  readonly text = new GrowingText();
  /** In bytes. */
  length = 0;
  /** Characters that are used up. */
  used = 0;
  readonly #chunks: Chunk[] = [];
  #kept = 0;
  /** The block that the last chunk is in, if it is in one: at its beginning. */
  #block: Buffer | undefined;
  #decoder: { readonly encoding: string; readonly decoder: StreamDecoder } | undefined;

  add(bytes: Buffer, encoding: string): void {
    if (bytes.length === 0) return;
    if (this.#decoder?.encoding !== encoding) {
      // A character that the sets' change has cut is none.
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

  /** Drops all but the last bytes, about so many, and their text. What is left is for {@link unused}, if nothing is used up. */
  keepLast(bytes: number): void {
    if (this.#kept < 2 * bytes) return;
    let count = 0;
    for (; this.#kept > bytes && count < this.#chunks.length - 1; count++)
      this.#kept -= this.#chunks[count]!.bytes.length;
    this.#chunks.splice(0, count);
    this.text.forget(this.#chunks[0]!.start);
  }

  /** From now on the first characters are used up. */
  consume(characters: number): void {
    this.used = characters;
  }

  /**
   * The bytes of what is not used up; may be called once. Where in a chunk a character ends only a decoder knows, and it does
   * not say; so the chunk is decoded once more: half of what is missing at a time, since a byte can be two units of a string
   * but never more.
   */
  unused(): Buffer {
    if (this.used === 0) return Buffer.concat(this.#chunks.map(chunk => chunk.bytes));
    if (this.used === this.text.length && (this.#decoder?.decoder.end() ?? '') === '') return Buffer.alloc(0);
    // The chunk that ended the last character which is used up. (Those behind may have given nothing yet.)
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

  /** A decoder as it was before a chunk. In no character set that a terminal can speak does a line feed leave anything undone. */
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
