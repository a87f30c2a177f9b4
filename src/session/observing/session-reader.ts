/**
 * What `Session.observe()` returns: the bytes of a session for a reader that takes them when it can, such as a
 * recording on a disk, or a worker.
 *
 * Node's streams count objects, not bytes, so the events wait here until the stream asks for the next one.
 */
import { Readable } from 'node:stream';
import { boolean, type OptionTable, oneOf, readOptions, whole } from '../../options.ts';
import { Direction, type DirectionBit } from '../../transport/stream/passed-bytes.ts';
import type { ByteObserver, Observers } from './observers.ts';

/** Options of `Session.observe()`. */
export interface ObserveOptions {
  /**
   * Whether input is observed, too. It contains what the program does not show, such as passwords. Default false.
   */
  readonly input?: boolean | undefined;
  /**
   * How much may wait for the reader, in bytes, 1,024 or more; default 262,144 (256 KiB). Each event counts as 64 bytes
   * more than its data.
   */
  readonly highWaterMark?: number | undefined;
  /**
   * What happens when that much waits. `'pause'`: the program has to wait, and nothing is lost. `'drop'`: what does not
   * fit is dropped, until half of what waited was read, and an event says how much. Default `'pause'`.
   */
  readonly whenFull?: 'pause' | 'drop' | undefined;
}

export const observeOptions = {
  input: boolean({ default: false }),
  highWaterMark: whole({ min: 1024, default: 256 * 1024 }),
  whenFull: oneOf(['pause', 'drop'], { default: 'pause' }),
} satisfies OptionTable<ObserveOptions>;

/** Something that happened in a session. `time` is in milliseconds since the session began, as `Session.age`. */
export type ObservedEvent =
  /**
   * Bytes from or to the client, without Telnet. The reader owns them. `encoding` is their character set: the one that
   * the session had when the input arrived, or when the output was written.
   */
  | { readonly type: 'input' | 'output'; readonly time: number; readonly data: Buffer; readonly encoding: string }
  /** The size of the client's window has changed. Of sizes that follow each other, only the last may be reported. */
  | { readonly type: 'resize'; readonly time: number; readonly columns: number; readonly rows: number }
  /** This number of bytes was dropped here, because the reader was too slow. */
  | { readonly type: 'dropped'; readonly time: number; readonly bytes: number };

/** A stream of {@link ObservedEvent}: see `Session.observe`. */
export interface ObservedEvents extends Readable {
  read(size?: number): ObservedEvent | null;
  /** The events in their order. Leaving the loop ends the observation. */
  [Symbol.asyncIterator](): NodeJS.AsyncIterator<ObservedEvent>;
}

/** What an event counts in addition to its data: about the memory of its objects. */
const EVENT_BYTES = 64;

const sizeOf = (event: ObservedEvent): number => EVENT_BYTES + ('data' in event ? event.data.length : 0);

/** See the top of this file. */
export class SessionReader extends Readable implements ByteObserver {
  readonly directions: number;
  readonly #observers: Observers;
  readonly #highWaterMark: number;
  readonly #drops: boolean;
  /** When the session began, by `performance.now()`. */
  readonly #began: number;
  readonly #remove: () => void;
  /** Events that wait for the stream. */
  #events: ObservedEvent[] = [];
  /** Their size in bytes. */
  #size = 0;
  /** Whether the stream has asked for an event and has not got one. */
  #isWanted = false;
  #isOver = false;
  /** Set while data is dropped: what was dropped so far, and the last size of the window since then. */
  #dropped: { readonly time: number; bytes: number; resize?: ObservedEvent } | undefined;

  constructor(observers: Observers, began: number, options: ObserveOptions) {
    super({ objectMode: true, highWaterMark: 1 });
    const { input, highWaterMark, whenFull } = readOptions('observe', observeOptions, options);
    this.directions = input ? Direction.INPUT | Direction.OUTPUT : Direction.OUTPUT;
    this.#observers = observers;
    this.#highWaterMark = highWaterMark;
    this.#drops = whenFull === 'drop';
    this.#began = began;
    this.#remove = observers.add(this);
  }

  passed(direction: DirectionBit, bytes: Uint8Array, now: number, encoding = this.#observers.encoding): void {
    const time = now - this.#began;
    const room = this.#drops ? Math.max(this.#highWaterMark - this.#size - EVENT_BYTES, 0) : bytes.length;
    const taken = this.#dropped === undefined ? bytes.subarray(0, room) : bytes.subarray(0, 0);
    if (taken.length > 0) {
      const type = direction === Direction.INPUT ? 'input' : 'output';
      this.#add({ type, time, data: Buffer.from(taken), encoding });
    }
    if (taken.length === bytes.length) return;
    this.#dropped ??= { time, bytes: 0 };
    this.#dropped.bytes += bytes.length - taken.length;
    this.#feed();
  }

  resized(columns: number, rows: number, now: number): void {
    // A client may send any number of sizes, also while nothing is read.
    const resize: ObservedEvent = { type: 'resize', time: now - this.#began, columns, rows };
    if (this.#dropped !== undefined) {
      this.#dropped.resize = resize;
      return;
    }
    if (this.#events.at(-1)?.type === 'resize') this.#size -= sizeOf(this.#events.pop()!);
    this.#add(resize);
  }

  ended(): void {
    this.#isOver = true;
    this.#endDrop();
    this.#feed();
  }

  #add(event: ObservedEvent): void {
    this.#events.push(event);
    this.#size += sizeOf(event);
    this.#feed();
    if (!this.#drops && this.#size >= this.#highWaterMark) this.#observers.hold(this, true);
  }

  /** Marks the place of the data that was dropped. Later data is observed again if it fits. */
  #endDrop(): void {
    const dropped = this.#dropped;
    if (dropped === undefined) return;
    const { time, bytes, resize } = dropped;
    this.#dropped = undefined;
    this.#add({ type: 'dropped', time, bytes });
    if (resize !== undefined) this.#add(resize);
  }

  /** Passes the next event to the stream. */
  #feed(): void {
    while (this.#isWanted && this.#events.length > 0) {
      const event = this.#events.shift()!;
      this.#size -= sizeOf(event);
      this.#isWanted = this.push(event);
    }
    if (this.#size <= this.#highWaterMark / 2) {
      this.#endDrop();
      this.#observers.hold(this, false);
    }
    if (this.#isOver && this.#events.length === 0) this.push(null);
  }

  /** @internal */
  override _read(): void {
    this.#isWanted = true;
    this.#feed();
  }

  /** @internal */
  override _destroy(error: Error | null, callback: (error?: Error | null) => void): void {
    this.#remove();
    this.#events = [];
    callback(error);
  }
}
