import type { Deflate } from 'node:zlib';
import type { SendKind } from '../../protocol/index.ts';
import { UnsentQueue } from './unsent-queue.ts';

/**
 * A window of 8 KiB and tables to match: 96 KiB per session. zlib's default takes 256 KiB and compresses scrolling text
 * hardly better.
 */
const SETTINGS = { windowBits: 13, memLevel: 7, chunkSize: 8 * 1024 } as const;

/** An empty zlib stream. */
const EMPTY = Uint8Array.of(0x78, 0x9c, 3, 0, 0, 0, 0, 1);

/** The callbacks of a {@link Deflation}. */
export interface DeflationUser {
  /** Bytes for the transport. */
  deflated(bytes: Uint8Array, kind: SendKind): void;
  /** Whether the transport takes more; otherwise output is queued here, not in the transport. */
  mayDeflate(): boolean;
  /** The output that was sent has been passed on. */
  settled(): void;
  /** zlib failed, e.g. because memory is exhausted. */
  failed(error: Error): void;
}

/** A part of the output that is either compressed or not. */
interface Part {
  readonly compressed: boolean;
  readonly queue: UnsentQueue;
}

/**
 * Output that is compressed (MCCP2, MCCP3) from one point of it to another. Each batch ends in a flush, so that an echo
 * does not wait in the compressor. While zlib works on one batch in another thread, new output is collected for the
 * next.
 */
export class Deflation {
  readonly #user: DeflationUser;
  /** In order. Output is added to the last one; if there is none, it goes to the transport. */
  readonly #parts: Part[] = [];
  #zlib: Deflate | undefined;
  /** Bytes that zlib is working on. */
  #working = 0;
  #finishing = false;
  #lastTaken = 0;
  #done: (() => void) | undefined;
  #destroyed = false;

  constructor(user: DeflationUser) {
    this.#user = user;
  }

  /** Bytes that were sent and not passed on yet, counted before compression. */
  get unsent(): number {
    return this.#parts.reduce((sum, { queue }) => sum + queue.length, this.#working);
  }

  /** Output is compressed, or not, from here on. */
  compress(on: boolean): void {
    if ((this.#parts.at(-1)?.compressed ?? false) === on || this.#done !== undefined) return;
    this.#parts.push({ compressed: on, queue: new UnsentQueue() });
    this.#next();
  }

  /** Sends bytes; they are lent. */
  send(bytes: Uint8Array, kind: SendKind): void {
    if (this.#done !== undefined || this.#destroyed) return;
    const last = this.#parts.at(-1);
    if (last === undefined) {
      this.#user.deflated(bytes, kind);
      return;
    }
    last.queue.push(bytes, 0, kind);
    this.#next();
  }

  /** Discards data that zlib has not received yet. Returns how many bytes. */
  discardData(): number {
    let last = this.#lastTaken;
    return this.#parts.reduce((sum, { queue, compressed }) => {
      const count = queue.discardData(compressed ? last : 0);
      last = 0;
      return sum + count;
    }, 0);
  }

  /** The transport takes more. */
  room(): void {
    this.#next();
  }

  /** Ends the compressed stream, if there is one, after everything that was sent; then calls `done`. */
  end(done: () => void): void {
    this.#done = done;
    this.#next();
  }

  destroy(): void {
    this.#destroyed = true;
    this.#zlib?.destroy();
    this.#zlib = undefined;
  }

  /** Processes the next part, unless zlib is working or the transport takes no more. */
  #next(): void {
    let hasPassed = false;
    while (!this.#destroyed && this.#working === 0 && !this.#finishing && this.#user.mayDeflate()) {
      const part = this.#parts[0];
      if (part === undefined) {
        this.#complete();
        break;
      }
      const isLast = this.#parts.length === 1 && this.#done === undefined;
      if (!part.queue.isEmpty) this.#pass(part);
      else if (!part.compressed) this.#parts.shift();
      else if (isLast) break;
      else if (this.#zlib !== undefined) this.#finish(this.#zlib);
      else {
        // The peer expects a stream. Without zlib, a peer that requests and withdraws compression over and over costs
        // little.
        this.#user.deflated(EMPTY, 'control');
        this.#parts.shift();
        hasPassed = true;
      }
    }
    if (hasPassed && this.#working === 0 && !this.#destroyed) this.#user.settled();
  }

  #complete(): void {
    if (this.#done === undefined) return;
    this.#destroyed = true;
    this.#done();
  }

  #pass({ queue, compressed }: Part): void {
    const batch: Uint8Array[] = [];
    for (let next = queue.next(); next !== undefined; next = queue.next()) {
      if (compressed) batch.push(next.bytes);
      else this.#user.deflated(next.bytes, next.kind);
      queue.advance(next.bytes.length);
    }
    if (!compressed) return;
    const bytes = batch.length === 1 ? batch[0]! : Buffer.concat(batch);
    this.#lastTaken = bytes.at(-1)!;
    this.#working = bytes.length;
    this.#zlib ??= this.#create();
    this.#zlib.write(bytes, () => this.#worked());
  }

  #worked(): void {
    this.#working = 0;
    this.#next();
    if (this.#working === 0 && !this.#destroyed) this.#user.settled();
  }

  /** Ends the stream. */
  #finish(zlib: Deflate): void {
    this.#finishing = true;
    zlib.end();
  }

  #finished(): void {
    this.#finishing = false;
    this.#zlib = undefined;
    this.#parts.shift();
    this.#next();
    if (!this.#destroyed) this.#user.settled();
  }

  #create(): Deflate {
    // Loaded when compression is used: loading takes 2 ms of a server's start.
    const { constants, createDeflate } = process.getBuiltinModule('node:zlib');
    return createDeflate({ ...SETTINGS, flush: constants.Z_SYNC_FLUSH })
      .on('data', (bytes: Buffer) => this.#user.deflated(bytes, 'control'))
      .on('end', () => this.#finished())
      .on('error', error => this.#user.failed(error));
  }
}
