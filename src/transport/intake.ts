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
export const Hold = {
  /** The turn was long. */
  TURN: 1,
  /** The reader of the input does not read. */
  FULL: 2,
  /** The peer does not take the answers to what it asks. */
  ANSWERS: 4,
} as const;

/** Up to this many bytes are no long turn, whatever they are, and are not worth a look at the clock. */
const SHORT_BYTES = 64;

/** Who takes what was read. */
export interface Reader {
  /** Is given what was read, in order. It is lent: valid until this returns. `stale`: see `TransportUser.arrived`. */
  receive(bytes: Buffer, stale: boolean): void;
  /** Everything has been taken and no more will come. */
  exhausted(): void;
}

/** One of {@link Hold}. */
export type HoldReason = (typeof Hold)[keyof typeof Hold];

/**
 * Reads a transport, in turns, and as long as nobody objects.
 *
 * Plain data costs next to nothing to pass on, but 64 KiB can also be 30,000 commands, each of which does something; and
 * libuv reads a busy socket up to 32 times before it looks at another. So a turn is measured: after a long one the
 * transport is paused, and queues up with all others of which the same is true. Together these get one turn in each round
 * of the loop; whoever costs nothing never queues.
 */
export class Intake {
  /** Those whose last turn was long, in the order in which they get the next. */
  static readonly #waiting: Intake[] = [];
  static #scheduled = false;

  readonly #transport: Transport;
  readonly #reader: Reader;
  #holds = 0;
  #slice = SMALLEST_SLICE;
  #rest: Buffer | undefined;
  /** How much of what is not taken yet stands before the mark of a Synch. */
  #stale = 0;
  #ended = false;

  constructor(transport: Transport, reader: Reader) {
    this.#transport = transport;
    this.#reader = reader;
  }

  /** Whether nothing waits and nothing stands in the way. */
  get isIdle(): boolean {
    return this.#holds === 0 && this.#rest === undefined && !this.#ended;
  }

  /** Stops reading for a reason, until that is released. What was read already is still taken. */
  hold(reason: HoldReason): void {
    if (this.#holds === 0) this.#transport.pause();
    this.#holds |= reason;
  }

  /** Goes on reading if this was the last reason not to. */
  release(reason: HoldReason): void {
    if ((this.#holds & reason) === 0) return;
    this.#holds &= ~reason;
    if (this.#holds === 0) this.#transport.resume();
  }

  /** The transport has read something. It is lent. */
  arrived(chunk: Buffer, stale = false): void {
    const turnIsOver = (this.#holds & Hold.TURN) !== 0;
    if (turnIsOver || this.#rest !== undefined) {
      this.#rest = this.#rest === undefined ? Buffer.from(chunk) : Buffer.concat([this.#rest, chunk]);
      if (stale) this.#stale = this.#rest.length;
      if (!turnIsOver) this.#resume();
    } else if (chunk.length <= SHORT_BYTES) {
      this.#reader.receive(chunk, stale);
    } else {
      if (stale) this.#stale = chunk.length;
      this.#work(chunk);
    }
  }

  /** The mark of a Synch stands behind all that has arrived. */
  urgent(): void {
    this.#stale = this.#rest?.length ?? 0;
  }

  /** The transport will read no more. */
  ended(): void {
    this.#ended = true;
    // After a long turn the next one, which is to come, sees to it.
    if ((this.#holds & Hold.TURN) === 0) this.#reader.exhausted();
  }

  /** Takes a chunk, slice by slice, until the turn has become a long one. What is left then is kept. */
  #work(chunk: Buffer): void {
    let rest = chunk;
    try {
      while (rest.length > 0) {
        const stale = this.#stale > 0;
        const size = stale ? Math.min(this.#stale, this.#slice) : this.#slice;
        const slice = rest.length > size ? rest.subarray(0, size) : rest;
        rest = rest.subarray(slice.length);
        if (stale) this.#stale -= slice.length;
        const began = performance.now();
        this.#reader.receive(slice, stale);
        if (performance.now() - began > TURN_MS) {
          this.#slice = SMALLEST_SLICE;
          this.hold(Hold.TURN);
          Intake.#queueUp(this);
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
    if (this.#ended && (this.#holds & Hold.TURN) === 0) this.#reader.exhausted();
  }

  static #queueUp(intake: Intake): void {
    Intake.#waiting.push(intake);
    Intake.#schedule();
  }

  static #schedule(): void {
    if (Intake.#scheduled) return;
    Intake.#scheduled = true;
    setImmediate(Intake.#serveWaiting);
  }

  /** One turn for all who wait; whoever is not done, or not reached, goes on in the next round of the loop. */
  static #serveWaiting(this: void): void {
    Intake.#scheduled = false;
    const began = performance.now();
    const round = Intake.#waiting.splice(0);
    try {
      while (round.length > 0 && performance.now() - began <= TURN_MS) round.shift()!.#nextTurn();
    } finally {
      Intake.#waiting.unshift(...round);
      if (Intake.#waiting.length > 0) Intake.#schedule();
    }
  }

  #nextTurn(): void {
    if (this.#transport.destroyed) return;
    this.release(Hold.TURN);
    this.#resume();
  }
}
