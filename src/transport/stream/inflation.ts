import type { Inflate, InflateRaw } from 'node:zlib';
import { type CompressedFormat, headerOf } from './compressed-format.ts';

/** What is inflated at a time, in bytes: no longer a turn than what a transport reads is. */
const PIECE = 8 * 1024;
/** So much may come of anything, in bytes; beyond it, only so many times what was received. Text shrinks to a tenth. */
const FREE = 1024 * 1024;
const RATIO = 100;

/** What is wrong with compressed input: it is not such a stream, or it expands to too much. */
export type InflationError = 'corrupt-compressed-input' | 'compression-bomb';

/** Who has something inflated. */
export interface InflationUser {
  /** What a piece of the stream was before it was compressed. `stale`: as it was pushed. */
  inflated(bytes: Buffer, stale: boolean): void;
  /** Everything that was pushed has been inflated. */
  drained(): void;
  /** The compressed stream has ended; `rest` stands behind it. */
  finished(rest: Buffer, stale: boolean): void;
  /** Nothing more comes of the stream. */
  failed(reason: InflationError): void;
}

/** The longest header of gzip that is read, with the name of its file, in bytes. */
const LONGEST_HEADER = 64 * 1024;
const CORRUPT: InflationError = 'corrupt-compressed-input';
const NOTHING: Buffer = Buffer.alloc(0);

interface Piece {
  readonly bytes: Buffer;
  stale: boolean;
}

/** Input that is compressed (MCCP2, MCCP3), from one point of it to the end of its zlib stream. */
export class Inflation {
  readonly #user: InflationUser;
  /** Undefined while the beginning of the stream does not tell yet what it is. */
  #zlib: Inflate | InflateRaw | undefined;
  readonly #format: CompressedFormat;
  #header: Buffer = NOTHING;
  /** How much of the end of the stream is still to come that zlib does not know of, in bytes. */
  #trailer = 0;
  /** zlib's stream has ended, and only that is to come. */
  #isEnding = false;
  #queue: Piece[] = [];
  /** How much is in the queue, in bytes. */
  #queued = 0;
  /** What zlib, which works in another thread, is at, until all that came of it was given out. */
  #current: Piece | undefined;
  /** Whether zlib has done with that. */
  #worked = false;
  /** How much it had taken before that, in bytes. */
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
    // Loaded by those who compress: it takes 2 ms of a server's start.
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

  /** Takes a copy of what has arrived. */
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

  /** Gives what stands behind the header, once that is complete. */
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

  /** All that was pushed stands before the mark of a Synch. */
  markStale(): void {
    for (const piece of this.#queue) piece.stale = true;
    if (this.#current !== undefined) this.#current.stale = true;
  }

  /** Gives nothing out until {@link resume}. */
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

  /** While paused, zlib's stream keeps what it has made: the piece is not over before that is taken. */
  #complete(): void {
    if (this.#current === undefined || !this.#worked || this.#zlib!.readableLength > 0) return;
    // What zlib has left of the piece stands behind the end of its stream, which it is about to report.
    if (this.#taken < this.#current.bytes.length) return;
    this.#current = undefined;
    this.#next();
  }

  /** How much of the current piece zlib has taken, in bytes. */
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
