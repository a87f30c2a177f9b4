import type { Readable } from 'node:stream';
import { ReceiveBlock, type ReceiveScheduler } from './receive-scheduler.ts';

/** Input buffered for a reader that does not read, in bytes: large enough that an interrupt after it is still seen. */
const LOOK_AHEAD = 128 * 1024;
/** Reading resumes when the buffer has shrunk to this size, in bytes, and not each time that a few bytes are taken. */
const LOOK_AHEAD_LEFT = LOOK_AHEAD / 2;

/**
 * Sizes of the allocations for buffered input, in bytes. Within these limits, a new block is as large as all that
 * waits: a paste goes to the terminal in few calls, and little input does not use much memory. Blocks of 64 KiB were
 * not faster.
 */
const SMALLEST_BLOCK = 4 * 1024;
const LARGEST_BLOCK = 32 * 1024;

const NOTHING = Buffer.alloc(0);

/** Receives input directly, without the stream. */
export interface InputConsumer {
  /**
   * Takes input, which is lent. Returns whether it takes more at once; otherwise it must call {@link InputBuffer.more}
   * later.
   */
  input(bytes: Uint8Array): boolean;
}

/**
 * Input that waits for its reader, in as few and as small pieces of memory as possible.
 *
 * A run of data is a view of what the transport read, and a kept view keeps all of that in memory. A peer that sends
 * one byte of data between two subnegotiations of 64 KiB would make us hold 64 KiB for it. So input that has to wait is
 * copied.
 */
class WaitingInput {
  readonly #blocks: Buffer[] = [];
  /** The used part of the last block, in bytes. */
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
    const size = Math.min(Math.max(SMALLEST_BLOCK, this.#length), LARGEST_BLOCK);
    const block = Buffer.allocUnsafeSlow(Math.max(size, rest.length));
    block.set(rest);
    this.#blocks.push(block);
    this.#used = rest.length;
  }

  /** The first waiting bytes, at least one; the caller owns them. `undefined` if nothing waits. */
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

/** Queues input for its reader, the session's stream or a consumer, if that does not take it at once. */
export class InputBuffer {
  readonly #stream: Readable;
  readonly #scheduler: ReceiveScheduler;
  /** Input that was not taken at once. */
  readonly #queue = new WaitingInput();
  /** Whether the reader or the consumer asked for input and has not received any yet. */
  #wanted = false;
  #consumer: InputConsumer | undefined;
  #ended = false;
  /** Bytes inserted so far. */
  #inserted = 0;
  /** Data that was read from a stream that has ended, and then put back. */
  #putBack: Buffer = NOTHING;

  constructor(stream: Readable, scheduler: ReceiveScheduler) {
    this.#stream = stream;
    this.#scheduler = scheduler;
  }

  /** Bytes not taken yet. */
  get length(): number {
    return this.#stream.readableLength + this.#queue.length + this.#putBack.length;
  }

  /** Bytes taken so far, without those that a reader has put back. */
  get position(): number {
    return this.#inserted - this.length;
  }

  /** Bytes received so far. */
  get arrived(): number {
    return this.#inserted;
  }

  /** Whether nothing waits, and the next input would be taken at once. */
  get isIdle(): boolean {
    return this.#wanted && this.length === 0;
  }

  /** Appends bytes, which are lent. */
  insert(bytes: Uint8Array): void {
    this.#inserted += bytes.length;
    if (this.#consumer !== undefined && this.#wanted && this.#queue.length === 0) {
      this.#wanted = this.#consumer.input(bytes);
    } else if (this.#consumer === undefined && this.#stream.readableFlowing === true && this.length === 0) {
      // A reader may keep the chunk.
      this.#stream.push(Buffer.from(bytes));
    } else {
      this.#queue.append(bytes);
      this.#feed();
    }
  }

  /** The reader or the consumer asks for input again. */
  more(): void {
    this.#wanted = true;
    this.#feed();
  }

  /** The remaining data of a stream that has ended. */
  takeRest(): Buffer | null {
    const first = this.#putBack;
    this.#putBack = NOTHING;
    return first.length > 0 ? first : (this.#queue.shift() ?? null);
  }

  /** Puts back the bytes that were read last. */
  putBack(bytes: Buffer): void {
    if (this.#stream.destroyed || this.#stream.readableEnded) this.#putBack = Buffer.concat([bytes, this.#putBack]);
    else this.#stream.unshift(bytes);
  }

  /** Discards waiting input. */
  discard(): void {
    this.#putBack = NOTHING;
    this.#queue.clear();
    if (this.#consumer === undefined) while (this.#stream.read() !== null);
    this.#scheduler.unblock(ReceiveBlock.FULL);
  }

  /** Passes all input to `consumer` or, if it is undefined, to the reader of the stream. */
  consume(consumer: InputConsumer | undefined): void {
    const before: Buffer[] = [];
    if (consumer !== undefined) {
      for (let chunk = this.#stream.read(); chunk !== null; chunk = this.#stream.read()) before.push(chunk);
    }
    this.#consumer = consumer;
    this.#wanted = true;
    // These chunks were counted before. All are subtracted first, so that the position is right for the chunk being
    // inserted.
    for (const chunk of before) this.#inserted -= chunk.length;
    for (const chunk of before) this.insert(chunk);
  }

  /** No more input follows. */
  end(): void {
    this.#ended = true;
    this.#feed();
  }

  /** Passes on input that was asked for, and resumes reading when there is room for more. */
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
