import type { Duplex } from 'node:stream';

/** A turn that has lasted longer than this ends; the rest waits until everybody else had theirs. In milliseconds. */
const TURN_MS = 2;
/** What is taken at once, in bytes: all there is, until a turn proves long. */
const LARGEST_SLICE = 64 * 1024;
const SMALLEST_SLICE = 2 * 1024;

/** Why nothing is read at the moment. */
export const Hold = {
  /** The turn was long. */
  TURN: 1,
  /** The reader of the input does not read. */
  FULL: 2,
  /** The peer does not take the answers to what it asks. */
  ANSWERS: 4,
} as const;

/** One of {@link Hold}. */
export type HoldReason = (typeof Hold)[keyof typeof Hold];

/**
 * Reads a transport, in turns, and as long as nobody objects.
 *
 * Plain data costs next to nothing to pass on, but 64 KiB can also be 30,000 commands, each of which does something; and
 * libuv reads a busy socket up to 32 times before it looks at another. So a turn is measured: after a long one the
 * transport is paused until the loop has been around, and what is taken at once becomes small.
 */
export class Intake {
  readonly #transport: Duplex;
  readonly #take: (bytes: Buffer) => void;
  readonly #end: () => void;
  #holds = 0;
  #slice = LARGEST_SLICE;
  #rest: Buffer | undefined;
  #ended = false;

  /**
   * @param take is given what was read, in order; the memory is its own.
   * @param end is called when everything has been taken and no more will come.
   */
  constructor(transport: Duplex, take: (bytes: Buffer) => void, end: () => void) {
    this.#transport = transport;
    this.#take = take;
    this.#end = end;
    transport.on('data', (chunk: Buffer) => this.#arrived(chunk));
    transport.on('end', () => {
      this.#ended = true;
      if (this.#rest === undefined) end();
    });
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

  #arrived(chunk: Buffer): void {
    this.#rest = this.#rest === undefined ? chunk : Buffer.concat([this.#rest, chunk]);
    if ((this.#holds & Hold.TURN) === 0) this.#work();
  }

  #work(): void {
    while (this.#rest !== undefined) {
      const rest: Buffer = this.#rest;
      const slice = rest.length > this.#slice ? rest.subarray(0, this.#slice) : rest;
      this.#rest = slice.length < rest.length ? rest.subarray(slice.length) : undefined;
      const began = performance.now();
      this.#take(slice);
      if (performance.now() - began > TURN_MS) {
        this.#slice = SMALLEST_SLICE;
        this.hold(Hold.TURN);
        setImmediate(() => this.#nextTurn());
        return;
      }
      this.#slice = Math.min(2 * this.#slice, LARGEST_SLICE);
    }
    if (this.#ended) this.#end();
  }

  #nextTurn(): void {
    if (this.#transport.destroyed) return;
    this.release(Hold.TURN);
    this.#work();
  }
}
