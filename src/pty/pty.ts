/**
 * A program on a pseudo-terminal, as a stream: what is written is typed at the terminal, what is read is what the program
 * prints.
 *
 * The work is the addon's. On the way out it drains the terminal into a slab that all terminals of the thread share and
 * makes one call a drain, and the stream hands on views of the slab: nothing is copied here, and no place is used twice,
 * unless whoever has the terminal for themselves ({@link Pty.attach}) was only lent what was in it.
 * When the reader stops, the addon stops polling and the program blocks, as on a slow real terminal. On the way in there is
 * one `write(2)`; what the terminal does not take waits in the addon, and the stream is busy until it is gone.
 */
import { markAsUntransferable } from 'node:worker_threads';
import { addon } from '../native/load.ts';
import { PtyControl } from './control.ts';
import { type PtyOptions, recycleDetail, spawnRequest } from './options.ts';
import { type StartCallback, startError } from './start-result.ts';

/**
 * Big enough that a slab lasts for several full drains, small enough that a slow reader, whose view keeps a whole slab
 * alive, does not keep much.
 */
const SLAB_BYTES = 256 * 1024;

/** Up to this many bytes a copy is cheaper than what it saves. */
const SMALL_PIECE_BYTES = 2 * 1024;

/** What waits in a stream's own queue, each way. The kernel has its own; more here would only be more to lose. */
const HIGH_WATER_MARK = 16 * 1024;

/**
 * Who has a terminal for themselves, past its streams: see {@link Pty.attach}.
 *
 * @internal
 */
export interface PtyUser {
  /** The program's output. It is lent: valid until this returns. */
  output(bytes: Buffer): void;
  /** After `type()` returned false: the terminal has taken everything. */
  drained(): void;
  /**
   * The terminal has dropped the output that nobody had read, as it does at its interrupt key; what was read before is stale
   * as well. Told before whatever is printed next, also while output is on {@link Pty.hold}.
   */
  flushed(): void;
  /**
   * The terminal's modes were set, while EXTPROC was on before or after; or ^S and ^Q have become, or ceased to be, what
   * stops and restarts its output. Also while output is on {@link Pty.hold}.
   */
  modesSet(): void;
  /** There is no more output: it was all read, or the terminal was closed. */
  ended(): void;
}

/** Set by the class's static block, which alone can reach the private parts that the addon's callbacks need. */
let setup: () => void;

/**
 * The terminal and its program, until both are gone.
 *
 * Besides the events of every Duplex there is no other: the end of the program is the promise {@link Pty.exited}, the end
 * of its output is `'end'`, which comes only after the last byte and after the exit. Output that is never read delays
 * `'end'`, not `exited`.
 *
 * `end()` on the writing side closes nothing: a terminal's input has no end but the VEOF character, which is the caller's to
 * write. Once the program has ended, what is written is discarded without an error.
 */
export class Pty extends PtyControl {
  /** Whether the addon is told not to read. */
  #paused = false;
  /** Waits for the end of the start. */
  #started: ((result: number, step: number) => void) | undefined;
  /** Is called when the addon has no rest of a write any more. */
  #writing: ((error?: Error | null) => void) | undefined;
  #writingLength = 0;
  /** Bytes in the stream's queue that `flushInput` has condemned. */
  #condemned = 0;
  #user: PtyUser | undefined;

  /** As {@link spawnPty}. */
  constructor(file: string, args?: readonly string[], options?: PtyOptions);
  /** @internal With `started`, as {@link startPty}: for use only once that was called, and never if it got an error. */
  constructor(file: string, args: readonly string[], options: PtyOptions, started: StartCallback);
  constructor(file: string, args: readonly string[] = [], options: PtyOptions = {}, started?: StartCallback) {
    const request = spawnRequest(file, args, options);
    setup();
    // Not half-open: the end of the output is the end of the terminal, so nothing is left to write to.
    super({ allowHalfOpen: false, highWaterMark: HIGH_WATER_MARK }, request, owner => {
      const native = started === undefined ? addon().spawn(owner, request) : addon().start(owner, request);
      if (native === undefined) throw startError(file, options, request, request.result[0]!, request.result[1]!);
      return native;
    });
    if (started !== undefined) {
      this.#started = (result, step) => {
        if (result > 0) recycleDetail(request);
        started(result > 0 ? undefined : startError(file, options, request, -result, step));
      };
    }
  }

  /**
   * Drops all input that the program has not read: what waits in this stream and what waits in the terminal. Callbacks of
   * dropped writes are called without an error.
   */
  flushInput(): void {
    if (this.isClosed) return;
    this.#condemned = this.writableLength - this.#writingLength;
    addon().flushInput(this.native);
    this.#written();
  }

  /**
   * Has the terminal drop the output that nobody has read, as it does at its interrupt key; what was read from it here
   * already stays.
   *
   * @returns whether it did.
   */
  flushOutput(): boolean {
    return !this.isClosed && addon().flushOutput(this.native) === 0;
  }

  /** Input that was written here and that the terminal has not taken yet, in bytes. */
  get unwritten(): number {
    return this.writableLength - this.#writingLength + addon().unwritten(this.native);
  }

  /**
   * Gives all output to `user`, past the stream, which nobody may read from meanwhile but for its `'end'`; `undefined` ends
   * this. For a key and its echo: the machinery of the streams would cost more than all the rest.
   *
   * @internal
   */
  attach(user: PtyUser | undefined): void {
    this.#user = user;
    // Where there is no packet mode (not all systems have it), there are no notices.
    if (!this.isClosed) addon().setPacketMode(this.native, user !== undefined);
    if (user !== undefined) this.resume();
  }

  /** @internal For the user: no output for now. */
  hold(): void {
    if (this.#paused || this.isClosed) return;
    this.#paused = true;
    addon().pause(this.native);
  }

  /** @internal For the user: output again. */
  release(): void {
    if (!this.#paused || this.isClosed) return;
    this.#paused = false;
    addon().resume(this.native);
  }

  /**
   * As `write()`, past the stream, for the user. The bytes are lent.
   *
   * @returns whether the terminal has taken everything; else the user's `drained()` will be called.
   * @internal
   */
  type(bytes: Uint8Array): boolean {
    if (this.isGone || this.isClosed) return true;
    if (this.#writing !== undefined || this.writableLength > 0) {
      this.write(Buffer.from(bytes), () => this.#user?.drained());
      return false;
    }
    const taken = addon().write(this.native, bytes);
    if (taken < 0 || taken === bytes.length) return true;
    this.#writing = () => this.#user?.drained();
    return false;
  }

  /** @internal */
  override _read(): void {
    if (this.#user === undefined) this.release();
  }

  /** @internal */
  override _write(chunk: Buffer, encoding: BufferEncoding, callback: (error?: Error | null) => void): void {
    if (this.#condemned > 0) {
      this.#condemned -= chunk.length;
    } else if (this.#writing !== undefined) {
      // Behind what was typed past the stream.
      const typed = this.#writing;
      this.#writing = () => {
        this._write(chunk, encoding, callback);
        typed();
      };
      return;
    } else if (!this.isGone && !this.isClosed) {
      // A negative number is a terminal that takes nothing any more; its program is about to be seen ending.
      const taken = addon().write(this.native, chunk);
      if (taken >= 0 && taken < chunk.length) {
        this.#writing = callback;
        this.#writingLength = chunk.length;
        return;
      }
    }
    callback();
  }

  /**
   * Closes the terminal at once, whatever is unread; the kernel then sends SIGHUP to the program and its foreground group.
   * If the program ignores that, it is killed after a second, as by `hangup()`: no program outlives its Pty.
   *
   * @internal
   */
  override _destroy(error: Error | null, callback: (error?: Error | null) => void): void {
    if (!this.isGone) this.hangup();
    this.#close();
    callback(error);
  }

  #close(): void {
    if (this.isClosed) return;
    this.isClosed = true;
    addon().close(this.native);
    this.#written();
    this.#user?.ended();
  }

  #written(): void {
    const callback = this.#writing;
    this.#writing = undefined;
    this.#writingLength = 0;
    callback?.();
  }

  /** @internal See `preparePty`. */
  static prepare(): void {
    setup();
  }

  static #slab: Buffer | undefined;

  static #newSlab(): Buffer {
    // Not from the pool and not zeroed: every byte handed on has been written by the kernel first.
    const slab = Buffer.allocUnsafeSlow(SLAB_BYTES);
    // A reader that transfers a chunk to a worker would take the memory away from under everybody else's.
    markAsUntransferable(slab.buffer);
    addon().useSlab(slab);
    return slab;
  }

  /** Tells the addon, once a thread, what to call. */
  static {
    setup = () => {
      if (Pty.#slab !== undefined) return;
      const { drainLimit, notices } = addon();
      // An end by process.exit() or an uncaught error waits for nobody, and nobody would be there to kill those who do not
      // heed the SIGHUP that the kernel sends: no program outlives its server.
      process.once('exit', () => addon().killAll());
      addon().setup<Pty>({
        started(pty, result, step) {
          const started = pty.#started!;
          pty.#started = undefined;
          if (result > 0) pty.started(result);
          started(result, step);
        },
        read(pty, offset, length) {
          const view = Pty.#slab!.subarray(offset, offset + length);
          if (pty.#user !== undefined) {
            // The view stays good when there is a new slab.
            if (offset + length >= SLAB_BYTES - drainLimit) Pty.#slab = Pty.#newSlab();
            pty.#user.output(view);
            return true;
          }
          // A small piece is copied: it may wait for a slow client, and would keep the whole slab for a few bytes.
          const piece = length <= SMALL_PIECE_BYTES ? Buffer.from(view) : view;
          // Before the push: what it sets off may make the addon read again.
          if (offset + length >= SLAB_BYTES - drainLimit) Pty.#slab = Pty.#newSlab();
          if (!pty.push(piece) && !pty.isClosed) {
            pty.#paused = true;
            addon().pause(pty.native);
          }
          return false;
        },
        notice(pty, bits) {
          if ((bits & notices.stopped) !== 0 && pty.isHungUp) pty.restartOutput();
          if ((bits & notices.flushed) !== 0) pty.#user?.flushed();
          if ((bits & (notices.flow | notices.modes)) !== 0) pty.#user?.modesSet();
        },
        written(pty) {
          pty.#written();
        },
        left(pty) {
          pty.left();
        },
        exit(pty, code, signal, abandoned) {
          pty.ended(code, signal, abandoned === 1);
          pty.#written();
        },
        end(pty) {
          pty.isClosed = true;
          pty.push(null);
          pty.#user?.ended();
        },
      });
      Pty.#slab = Pty.#newSlab();
    };
  }
}
