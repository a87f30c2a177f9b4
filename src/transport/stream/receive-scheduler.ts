import type { CompressedFormat } from './compressed-format.ts';
import { Inflation, type InflationUser } from './inflation.ts';
import type { Transport } from './transport.ts';

/** A turn that lasts longer than this ends; the rest waits until all other connections had theirs. In milliseconds. */
const TURN_MS = 2;
/**
 * Bytes processed at once: few at first and after a long turn. The largest slice is small, too, because the clock is
 * read only between slices. A slice that consists only of commands must not make the turn far too long.
 */
const SMALLEST_SLICE = 2 * 1024;
const LARGEST_SLICE = 8 * 1024;

/** Why nothing is read at the moment. */
export const ReceiveBlock = {
  /** The last turn was too long. */
  TURN: 1,
  /** The input is not read. */
  FULL: 2,
  /** The peer does not take the answers to its requests. */
  ANSWERS: 4,
  /** Received data is compressed, and is still being inflated. */
  INFLATING: 8,
  /** Compression was started too often. */
  RESTARTED: 16,
  /** An observer that must not miss anything is full. */
  OBSERVER: 32,
} as const;

const NOTHING = Buffer.alloc(0);

/** Up to this many bytes never make a long turn, so the clock is not read for them. */
const SHORT_BYTES = 64;

/** Compressed input to read ahead of the inflated part, in bytes. */
const INFLATE_AHEAD = 16 * 1024;
/**
 * A peer may begin and end compression at will; each start creates a zlib stream, which takes 0.2 ms, and costs the
 * peer 13 bytes. After `FREE_STARTS` starts in a session each further one is delayed by `RESTART_MS` milliseconds.
 */
const FREE_STARTS = 16;
const RESTART_MS = 100;

/** The callbacks of a {@link ReceiveScheduler}. */
export interface ReceiveUser {
  /** Receives what was read, in order. It is lent: valid until this returns. `stale`: see `TransportUser.arrived`. */
  receive(bytes: Buffer, stale: boolean): void;
  /** Everything has been taken and no more follows. */
  exhausted(): void;
  /** The input is compressed and cannot be inflated. No further input follows. */
  spoiled(reason: string): void;
}

/** One of {@link ReceiveBlock}. */
export type ReceiveBlockReason = (typeof ReceiveBlock)[keyof typeof ReceiveBlock];

/**
 * Reads a transport, in turns, while no {@link ReceiveBlock} is set.
 *
 * Plain data is cheap to pass on, but 64 KiB can also be 30,000 commands, and each of them causes work. Also, libuv
 * reads a busy socket up to 32 times before it polls the others. So each turn is measured: after a long one the
 * transport is paused and added to a queue of such transports. Together these get one turn in each iteration of the
 * event loop; cheap connections never queue.
 *
 * Compressed input is inflated first, a piece at a time.
 */
export class ReceiveScheduler implements InflationUser {
  /** The connections whose last turn was long, in the order of their next turns. */
  static readonly #waiting: ReceiveScheduler[] = [];
  static #scheduled = false;

  /** Bytes received. */
  received = 0;
  readonly #transport: Transport;
  readonly #user: ReceiveUser;
  #blocks = 0;
  #slice = SMALLEST_SLICE;
  #rest: Buffer | undefined;
  /** Bytes that are not taken yet and precede the mark of a Synch. */
  #stale = 0;
  #ended = false;
  #inflation: Inflation | undefined;
  #stopped = false;
  #starts = 0;
  #restart: NodeJS.Timeout | undefined;

  constructor(transport: Transport, user: ReceiveUser) {
    this.#transport = transport;
    this.#user = user;
  }

  /** Whether nothing waits and nothing blocks reading. */
  get isIdle(): boolean {
    return this.#blocks === 0 && this.#rest === undefined && !this.#ended && this.#inflation === undefined;
  }

  /** Whether nothing more will be received, though some of the input may not have been taken yet. */
  get hasEnded(): boolean {
    return this.#ended;
  }

  /** Whether some received input has not been passed to the reader yet. */
  get hasRest(): boolean {
    return this.#rest !== undefined || (this.#inflation?.waiting ?? 0) > 0;
  }

  /** Whether the input is compressed. */
  get isInflating(): boolean {
    return this.#inflation !== undefined;
  }

  /** Stops reading for a reason, until {@link unblock}. Data that was read before is still passed on. */
  block(reason: ReceiveBlockReason): void {
    if (this.#blocks === 0) this.#transport.pause();
    this.#blocks |= reason;
    if (reason !== ReceiveBlock.INFLATING) this.#inflation?.pause();
  }

  /** Reads again if this was the last reason not to. */
  unblock(reason: ReceiveBlockReason): void {
    if ((this.#blocks & reason) === 0) return;
    this.#blocks &= ~reason;
    if (this.#blocks === 0) this.#transport.resume();
    if ((this.#blocks & ~ReceiveBlock.INFLATING) === 0) this.#inflation?.resume();
  }

  /** The transport has read bytes, which are lent. */
  arrived(chunk: Buffer, stale = false): void {
    this.received += chunk.length;
    if (this.#inflation === undefined) this.#take(chunk, stale);
    else this.#inflate(chunk, stale);
  }

  #take(chunk: Buffer, stale: boolean): void {
    const turnIsOver = (this.#blocks & ReceiveBlock.TURN) !== 0;
    if (turnIsOver || this.#rest !== undefined) {
      this.#rest = this.#rest === undefined ? Buffer.from(chunk) : Buffer.concat([this.#rest, chunk]);
      if (stale) this.#stale = this.#rest.length;
      if (!turnIsOver) this.#resume();
    } else if (chunk.length <= SHORT_BYTES) {
      this.#user.receive(chunk, stale);
    } else {
      if (stale) this.#stale = chunk.length;
      this.#work(chunk);
    }
  }

  /** The mark of a Synch comes after everything that was received. */
  urgent(): void {
    this.#stale = this.#rest?.length ?? 0;
    this.#inflation?.markStale();
  }

  /** All input after what was taken so far is compressed: `unread`, which is lent, and what follows. */
  inflate(unread: Uint8Array, format: CompressedFormat): void {
    this.#inflation = new Inflation(this, format);
    this.#starts++;
    if (this.#starts > FREE_STARTS) {
      this.block(ReceiveBlock.RESTARTED);
      this.#restart = setTimeout(() => this.unblock(ReceiveBlock.RESTARTED), RESTART_MS);
    }
    if ((this.#blocks & ~ReceiveBlock.INFLATING) !== 0) this.#inflation.pause();
    this.#inflate(unread, this.#stale > 0);
  }

  #inflate(bytes: Uint8Array, stale: boolean): void {
    this.#inflation?.push(bytes, stale);
    // It is undefined here if these bytes end the stream: the trailer of gzip came in a separate packet.
    if (this.#inflation !== undefined && this.#inflation.waiting > INFLATE_AHEAD) this.block(ReceiveBlock.INFLATING);
  }

  inflated(bytes: Buffer, stale: boolean): void {
    this.#take(bytes, stale);
  }

  drained(): void {
    this.unblock(ReceiveBlock.INFLATING);
    this.#exhaust();
  }

  finished(rest: Buffer, stale: boolean): void {
    this.#inflation = undefined;
    this.unblock(ReceiveBlock.INFLATING);
    if (rest.length > 0) this.#take(rest, stale);
    this.#exhaust();
  }

  failed(reason: string): void {
    this.unblock(ReceiveBlock.INFLATING);
    this.#user.spoiled(reason);
    this.#exhaust();
  }

  /** The session has ended: nothing takes input any more. */
  stop(): void {
    this.#stopped = true;
    clearTimeout(this.#restart);
    this.#inflation?.destroy();
  }

  /** The transport reads no more. */
  ended(): void {
    this.#ended = true;
    this.#exhaust();
  }

  /** Reports the end when everything has been taken. After a long turn, the next turn does that. */
  #exhaust(): void {
    const isTaken = (this.#blocks & ReceiveBlock.TURN) === 0 && (this.#inflation?.waiting ?? 0) === 0;
    if (this.#ended && isTaken) this.#user.exhausted();
  }

  /** Processes a chunk, slice by slice, until the turn becomes a long one. The rest is kept. */
  #work(chunk: Buffer): void {
    const { isInflating } = this;
    let rest = chunk;
    try {
      while (rest.length > 0) {
        const stale = this.#stale > 0;
        const size = stale ? Math.min(this.#stale, this.#slice) : this.#slice;
        const slice = rest.length > size ? rest.subarray(0, size) : rest;
        rest = rest.subarray(slice.length);
        if (stale) this.#stale -= slice.length;
        const began = performance.now();
        this.#user.receive(slice, stale);
        if (this.#inflation !== undefined && !isInflating) {
          this.#inflate(rest, this.#stale > 0);
          rest = NOTHING;
        }
        if (performance.now() - began > TURN_MS) {
          this.#slice = SMALLEST_SLICE;
          this.block(ReceiveBlock.TURN);
          ReceiveScheduler.#queueUp(this);
          return;
        }
        this.#slice = Math.min(2 * this.#slice, LARGEST_SLICE);
      }
    } finally {
      if (rest.length > 0) this.#rest = Buffer.from(rest);
    }
  }

  /** Continues with the kept rest. */
  #resume(): void {
    const rest = this.#rest;
    this.#rest = undefined;
    if (rest !== undefined) this.#work(rest);
    this.#exhaust();
  }

  static #queueUp(scheduler: ReceiveScheduler): void {
    ReceiveScheduler.#waiting.push(scheduler);
    ReceiveScheduler.#schedule();
  }

  static #schedule(): void {
    if (ReceiveScheduler.#scheduled) return;
    ReceiveScheduler.#scheduled = true;
    setImmediate(ReceiveScheduler.#serveWaiting);
  }

  /**
   * One turn for all queued connections; those that do not finish, or are not reached, continue in the next iteration
   * of the loop.
   */
  static #serveWaiting(this: void): void {
    ReceiveScheduler.#scheduled = false;
    const began = performance.now();
    const round = ReceiveScheduler.#waiting.splice(0);
    try {
      while (round.length > 0 && performance.now() - began <= TURN_MS) round.shift()!.#nextTurn();
    } finally {
      ReceiveScheduler.#waiting.unshift(...round);
      if (ReceiveScheduler.#waiting.length > 0) ReceiveScheduler.#schedule();
    }
  }

  #nextTurn(): void {
    if (this.#stopped) return;
    this.unblock(ReceiveBlock.TURN);
    this.#resume();
  }
}
