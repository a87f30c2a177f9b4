import type { CompressedFormat } from './compressed-format.ts';
import { Inflation, type InflationUser } from './inflation.ts';
import type { Transport } from './transport.ts';

/** A turn that has lasted longer than this ends; the rest waits until everybody else had theirs. In milliseconds. */
const TURN_MS = 2;
/**
 * What is taken at once, in bytes: little at first and after a long turn, and never so much that it could be a long turn by
 * far if it were all commands, for the clock is looked at only in between.
 */
const SMALLEST_SLICE = 2 * 1024;
const LARGEST_SLICE = 8 * 1024;

/** Why nothing is read at the moment. */
export const ReceiveBlock = {
  /** The turn was long. */
  TURN: 1,
  /** The reader of the input does not read. */
  FULL: 2,
  /** The peer does not take the answers to what it asks. */
  ANSWERS: 4,
  /** What has arrived is compressed, and is still being inflated. */
  INFLATING: 8,
  /** Compression has begun very often. */
  RESTARTED: 16,
} as const;

const NOTHING = Buffer.alloc(0);

/** Up to this many bytes are no long turn, whatever they are, and are not worth a look at the clock. */
const SHORT_BYTES = 64;

/** Compressed input that is read ahead of what has been inflated, in bytes. */
const INFLATE_AHEAD = 16 * 1024;
/**
 * A peer may begin and end compression as it likes; each time takes a stream of zlib, 0.2 ms and 13 bytes of the peer. After so many
 * times in a session each further one waits, in milliseconds.
 */
const FREE_STARTS = 16;
const RESTART_MS = 100;

/** Takes what was read. */
export interface ReceiveUser {
  /** Is given what was read, in order. It is lent: valid until this returns. `stale`: see `TransportUser.arrived`. */
  receive(bytes: Buffer, stale: boolean): void;
  /** Everything has been taken and no more will come. */
  exhausted(): void;
  /** What arrives is compressed, and cannot be inflated. Nothing more comes of it. */
  spoiled(reason: string): void;
}

/** One of {@link ReceiveBlock}. */
export type ReceiveBlockReason = (typeof ReceiveBlock)[keyof typeof ReceiveBlock];

/**
 * Reads a transport, in turns, while no {@link ReceiveBlock} is set.
 *
 * Plain data costs next to nothing to pass on, but 64 KiB can also be 30,000 commands, each of which does something; and
 * libuv reads a busy socket up to 32 times before it looks at another. So a turn is measured: after a long one the
 * transport is paused, and queues up with all others of which the same is true. Together these get one turn in each round
 * of the loop; whoever costs nothing never queues.
 *
 * Input that is compressed is inflated on the way, a piece at a time.
 */
export class ReceiveScheduler implements InflationUser {
  /** Those whose last turn was long, in the order in which they get the next. */
  static readonly #waiting: ReceiveScheduler[] = [];
  static #scheduled = false;

  /** Bytes that have arrived. */
  received = 0;
  readonly #transport: Transport;
  readonly #user: ReceiveUser;
  #blocks = 0;
  #slice = SMALLEST_SLICE;
  #rest: Buffer | undefined;
  /** How much of what is not taken yet stands before the mark of a Synch. */
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

  /** Whether nothing waits and nothing stands in the way. */
  get isIdle(): boolean {
    return this.#blocks === 0 && this.#rest === undefined && !this.#ended && this.#inflation === undefined;
  }

  /** Whether nothing more arrives, though not all may have been taken. */
  get hasEnded(): boolean {
    return this.#ended;
  }

  /** Whether something has arrived that the reader was not given yet. */
  get hasRest(): boolean {
    return this.#rest !== undefined || (this.#inflation?.waiting ?? 0) > 0;
  }

  /** Whether what arrives is compressed. */
  get isInflating(): boolean {
    return this.#inflation !== undefined;
  }

  /** Stops reading for a reason, until that is released. What was read already is still taken. */
  block(reason: ReceiveBlockReason): void {
    if (this.#blocks === 0) this.#transport.pause();
    this.#blocks |= reason;
    if (reason !== ReceiveBlock.INFLATING) this.#inflation?.pause();
  }

  /** Goes on reading if this was the last reason not to. */
  unblock(reason: ReceiveBlockReason): void {
    if ((this.#blocks & reason) === 0) return;
    this.#blocks &= ~reason;
    if (this.#blocks === 0) this.#transport.resume();
    if ((this.#blocks & ~ReceiveBlock.INFLATING) === 0) this.#inflation?.resume();
  }

  /** The transport has read something. It is lent. */
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

  /** The mark of a Synch stands behind all that has arrived. */
  urgent(): void {
    this.#stale = this.#rest?.length ?? 0;
    this.#inflation?.markStale();
  }

  /** All that arrives behind what was taken so far is compressed: `unread`, which is lent, and what follows. */
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
    // Undefined after these bytes if they end the stream: the trailer of gzip came in a packet of its own.
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

  /** Nobody takes anything any more. */
  stop(): void {
    this.#stopped = true;
    clearTimeout(this.#restart);
    this.#inflation?.destroy();
  }

  /** The transport will read no more. */
  ended(): void {
    this.#ended = true;
    this.#exhaust();
  }

  /** Says so when all has been taken. After a long turn the next one, which is to come, sees to it. */
  #exhaust(): void {
    const isTaken = (this.#blocks & ReceiveBlock.TURN) === 0 && (this.#inflation?.waiting ?? 0) === 0;
    if (this.#ended && isTaken) this.#user.exhausted();
  }

  /** Takes a chunk, slice by slice, until the turn has become a long one. What is left then is kept. */
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

  /** Goes on with what was kept. */
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

  /** One turn for all who wait; whoever is not done, or not reached, goes on in the next round of the loop. */
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
