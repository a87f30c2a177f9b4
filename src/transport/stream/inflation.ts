import type { Inflate, InflateRaw } from 'node:zlib';
import { type CompressedFormat, headerOf } from './compressed-format.ts';

/** Output of zlib at a time, in bytes: processing it takes no longer than what a transport reads in one turn. */
const PIECE = 8 * 1024;
/**
 * Output up to this many bytes is always allowed; beyond it, only `RATIO` times the input. Text compresses to a tenth.
 */
const FREE = 1024 * 1024;
const RATIO = 100;

/** An error in compressed input: it is not a valid stream, or it expands too much. */
export type InflationError = 'corrupt-compressed-input' | 'compression-bomb';

/** The callbacks of an {@link Inflation}. */
export interface InflationUser {
  /** A piece of the decompressed stream. `stale`: as given to `push`. */
  inflated(bytes: Buffer, stale: boolean): void;
  /** Everything that was pushed has been inflated. */
  drained(): void;
  /** The compressed stream has ended; `rest` is the input after it. */
  finished(rest: Buffer, stale: boolean): void;
  /** Inflation failed; no further output follows. */
  failed(reason: InflationError): void;
}

/** The longest gzip header that is accepted, including the name of the file, in bytes. */
const LONGEST_HEADER = 64 * 1024;
const CORRUPT: InflationError = 'corrupt-compressed-input';
const NOTHING: Buffer = Buffer.alloc(0);

interface Piece {
  readonly bytes: Buffer;
  stale: boolean;
}

/** Input that is compressed (MCCP2, MCCP3) from one point of it to the end of its zlib stream. */
export class Inflation {
  readonly #user: InflationUser;
  /** Undefined until the format is known from the beginning of the stream. */
  #zlib: Inflate | InflateRaw | undefined;
  readonly #format: CompressedFormat;
  #header: Buffer = NOTHING;
  /** Bytes of the trailer, which zlib does not read, that are not received yet. */
  #trailer = 0;
  /** zlib's stream has ended; only the trailer follows. */
  #isEnding = false;
  #queue: Piece[] = [];
  /** Length of the queue, in bytes. */
  #queued = 0;
  /** The piece that zlib works on in another thread, until all of its output has been passed on. */
  #current: Piece | undefined;
  /** Whether zlib has finished it. */
  #worked = false;
  /** Input that zlib had taken before this piece, in bytes. */
  #takenBefore = 0;
  #produced = 0;
  #paused = false;
  #over = false;

  constructor(user: InflationUser, format: CompressedFormat) {
    this.#user = user;
    this.#format = format;
    if (format === 'zlib') this.#create(false);
  }

  #create(isRaw: boolean): void {
    // Loaded when compression is used: loading takes 2 ms of a server's start.
    const { constants, createInflate, createInflateRaw } = process.getBuiltinModule('node:zlib');
    const settings = { flush: constants.Z_SYNC_FLUSH, chunkSize: PIECE };
    this.#zlib = (isRaw ? createInflateRaw(settings) : createInflate(settings))
      .on('data', (bytes: Buffer) => this.#inflated(bytes))
      .on('end', () => this.#ended())
      .on('error', () => this.#fail(CORRUPT));
    if (this.#paused) this.#zlib.pause();
  }

  /** Bytes that were pushed and are not inflated yet. */
  get waiting(): number {
    return this.#queued + (this.#current?.bytes.length ?? 0);
  }

  /** Takes a copy of received bytes. */
  push(bytes: Uint8Array, stale: boolean): void {
    if (this.#over || bytes.length === 0) return;
    if (this.#isEnding) {
      this.#skipTrailer(bytes, stale);
      return;
    }
    const known = this.#zlib === undefined ? this.#readHeader(bytes) : bytes;
    if (known === undefined || known.length === 0) return;
    this.#queue.push({ bytes: Buffer.from(known), stale });
    this.#queued += known.length;
    this.#next();
  }

  /** Returns the bytes after the header, once the header is complete. */
  #readHeader(bytes: Uint8Array): Buffer | undefined {
    const read = Buffer.concat([this.#header, bytes]);
    const header = headerOf(read, this.#format);
    if (header === undefined) {
      this.#header = read;
      if (read.length > LONGEST_HEADER) this.#fail(CORRUPT);
      return undefined;
    }
    this.#header = NOTHING;
    this.#trailer = header.trailer;
    this.#create(header.isRaw);
    return read.subarray(header.length);
  }

  #skipTrailer(bytes: Uint8Array, stale: boolean): void {
    const skipped = Math.min(this.#trailer, bytes.length);
    this.#trailer -= skipped;
    if (this.#trailer > 0) return;
    this.destroy();
    this.#user.finished(Buffer.from(bytes.subarray(skipped)), stale);
  }

  /** Marks everything that was pushed as data before the mark of a Synch. */
  markStale(): void {
    for (const piece of this.#queue) piece.stale = true;
    if (this.#current !== undefined) this.#current.stale = true;
  }

  /** Stops the output until {@link resume}. */
  pause(): void {
    this.#paused = true;
    this.#zlib?.pause();
  }

  resume(): void {
    if (!this.#paused || this.#over) return;
    this.#paused = false;
    this.#zlib?.resume();
    this.#next();
  }

  destroy(): void {
    this.#over = true;
    this.#queue = [];
    this.#queued = 0;
    this.#current = undefined;
    this.#zlib?.destroy();
  }

  #next(): void {
    const zlib = this.#zlib;
    if (zlib === undefined || this.#current !== undefined || this.#paused || this.#over) return;
    const piece = this.#queue.shift();
    if (piece === undefined) {
      this.#user.drained();
      return;
    }
    this.#queued -= piece.bytes.length;
    this.#current = piece;
    this.#worked = false;
    this.#takenBefore = zlib.bytesWritten;
    zlib.write(piece.bytes, error => {
      if (error || this.#current !== piece) return;
      this.#worked = true;
      this.#complete();
    });
  }

  /** While paused, zlib's stream keeps its output: the piece is complete only when that has been taken. */
  #complete(): void {
    if (this.#current === undefined || !this.#worked || this.#zlib!.readableLength > 0) return;
    // The part that zlib has not taken comes after the end of its stream, which it is about to report.
    if (this.#taken < this.#current.bytes.length) return;
    this.#current = undefined;
    this.#next();
  }

  /** The part of the current piece that zlib has taken, in bytes. */
  get #taken(): number {
    return this.#zlib!.bytesWritten - this.#takenBefore;
  }

  #inflated(bytes: Buffer): void {
    if (this.#over) return;
    this.#produced += bytes.length;
    if (this.#produced > FREE && this.#produced > RATIO * this.#zlib!.bytesWritten) {
      this.#fail('compression-bomb');
      return;
    }
    this.#user.inflated(bytes, this.#current?.stale ?? false);
    this.#complete();
  }

  #ended(): void {
    if (this.#over) return;
    const { bytes, stale } = this.#current ?? { bytes: Buffer.alloc(0), stale: false };
    const rest = [bytes.subarray(this.#taken), ...this.#queue.map(piece => piece.bytes)];
    this.#queue = [];
    this.#queued = 0;
    this.#current = undefined;
    this.#isEnding = true;
    this.#skipTrailer(Buffer.concat(rest), stale);
  }

  #fail(reason: InflationError): void {
    if (this.#over) return;
    this.destroy();
    this.#user.failed(reason);
  }
}
