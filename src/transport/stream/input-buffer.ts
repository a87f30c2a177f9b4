import type { Readable } from 'node:stream';
import { ReceiveBlock, type ReceiveScheduler } from './receive-scheduler.ts';

/** Input kept for a reader that does not read, in bytes: far enough to still see an interrupt behind it. */
const LOOK_AHEAD = 128 * 1024;
/** Reading goes on when so little of it is left, in bytes: not at every few bytes that are taken. */
const LOOK_AHEAD_LEFT = LOOK_AHEAD / 2;

/** Each allocation for input that waits, in bytes. */
const BLOCK = 4 * 1024;

const NOTHING = Buffer.alloc(0);

/** Takes input past the stream. */
export interface InputConsumer {
  /** Takes input, which is lent. Returns whether it takes more at once; else {@link InputBuffer.more} has to be called. */
  input(bytes: Uint8Array): boolean;
}

/**
 * Input that waits for its reader, in as few and small pieces of memory as it needs.
 *
 * A run of data is a view of what the transport read, and to keep the view is to keep all of that: a peer that sends one
 * byte of data between two subnegotiations of 64 KiB would have us hold 64 KiB for it. So what has to wait is copied.
 */
class WaitingInput {
  readonly #blocks: Buffer[] = [];
  /** How much of the last block is in use. */
  #used = 0;
  #length = 0;

  /** Bytes waiting. */
  get length(): number {
    return this.#length;
  }

  /** Takes a copy of `bytes`. */
  append(bytes: Uint8Array): void {
    this.#length += bytes.length;
    let rest = bytes;
    const last = this.#blocks.at(-1);
    if (last !== undefined) {
      const fits = rest.subarray(0, last.length - this.#used);
      last.set(fits, this.#used);
      this.#used += fits.length;
      rest = rest.subarray(fits.length);
    }
    if (rest.length === 0) return;
    const block = Buffer.allocUnsafeSlow(Math.max(BLOCK, rest.length));
    block.set(rest);
    this.#blocks.push(block);
    this.#used = rest.length;
  }

  /** The first bytes that wait, at least one; they are the caller's. `undefined` when nothing waits. */
  shift(): Buffer | undefined {
    const block = this.#blocks.shift();
    if (block === undefined) return undefined;
    const bytes = this.#blocks.length === 0 ? block.subarray(0, this.#used) : block;
    this.#length -= bytes.length;
    return bytes;
  }

  clear(): void {
    this.#blocks.length = 0;
    this.#length = 0;
  }
}

/** Input on its way to its reader: that of the session's stream, or a consumer. What is not taken yet waits here. */
export class InputBuffer {
  readonly #stream: Readable;
  readonly #scheduler: ReceiveScheduler;
  /** Input that was not taken at once. */
  readonly #queue = new WaitingInput();
  /** Whether the reader, or the consumer, asked for input and got none yet. */
  #wanted = false;
  #consumer: InputConsumer | undefined;
  #ended = false;
  /** Bytes that were put in so far. */
  #inserted = 0;
  /** What was read of a stream that is over, and put back. */
  #putBack: Buffer = NOTHING;

  constructor(stream: Readable, scheduler: ReceiveScheduler) {
    this.#stream = stream;
    this.#scheduler = scheduler;
  }

  /** Bytes that were not taken yet. */
  get length(): number {
    return this.#stream.readableLength + this.#queue.length + this.#putBack.length;
  }

  /** Bytes that were taken so far; what a reader has put back was not. */
  get position(): number {
    return this.#inserted - this.length;
  }

  /** Bytes that have arrived so far. */
  get arrived(): number {
    return this.#inserted;
  }

  /** Whether nothing waits and the next input would be taken at once. */
  get isIdle(): boolean {
    return this.#wanted && this.length === 0;
  }

  /** Puts bytes, which are lent, behind all others. */
  insert(bytes: Uint8Array): void {
    this.#inserted += bytes.length;
    if (this.#consumer !== undefined && this.#wanted && this.#queue.length === 0) {
      this.#wanted = this.#consumer.input(bytes);
    } else if (this.#consumer === undefined && this.#stream.readableFlowing === true && this.length === 0) {
      // A reader may keep what it is given.
      this.#stream.push(Buffer.from(bytes));
    } else {
      this.#queue.append(bytes);
      this.#feed();
    }
  }

  /** The reader, or the consumer, takes input again. */
  more(): void {
    this.#wanted = true;
    this.#feed();
  }

  /** Of a stream that is over: what it has not given yet. */
  takeRest(): Buffer | null {
    const first = this.#putBack;
    this.#putBack = NOTHING;
    return first.length > 0 ? first : (this.#queue.shift() ?? null);
  }

  /** Puts back what was read last. */
  putBack(bytes: Buffer): void {
    if (this.#stream.destroyed || this.#stream.readableEnded) this.#putBack = Buffer.concat([bytes, this.#putBack]);
    else this.#stream.unshift(bytes);
  }

  /** Drops what waits. */
  discard(): void {
    this.#putBack = NOTHING;
    this.#queue.clear();
    if (this.#consumer === undefined) while (this.#stream.read() !== null);
    this.#scheduler.unblock(ReceiveBlock.FULL);
  }

  /** Gives all input to `consumer`, or, if there is none, to the stream's reader. */
  consume(consumer: InputConsumer | undefined): void {
    const before: Buffer[] = [];
    if (consumer !== undefined) {
      for (let chunk = this.#stream.read(); chunk !== null; chunk = this.#stream.read()) before.push(chunk);
    }
    this.#consumer = consumer;
    this.#wanted = true;
    // It has arrived once. (All first: the position is that of the chunk that is being given.)
    for (const chunk of before) this.#inserted -= chunk.length;
    for (const chunk of before) this.insert(chunk);
  }

  /** No more will come. */
  end(): void {
    this.#ended = true;
    this.#feed();
  }

  /** Gives the reader what it asked for, and reads on when there is room for more. */
  #feed(): void {
    while (this.#wanted && this.#queue.length > 0) {
      const bytes = this.#queue.shift()!;
      this.#wanted = this.#consumer === undefined ? this.#stream.push(bytes) : this.#consumer.input(bytes);
    }
    if (this.#queue.length >= LOOK_AHEAD) this.#scheduler.block(ReceiveBlock.FULL);
    else if (this.#queue.length <= LOOK_AHEAD_LEFT) this.#scheduler.unblock(ReceiveBlock.FULL);
    if (this.#ended && this.#queue.length === 0) this.#stream.push(null);
  }
}
