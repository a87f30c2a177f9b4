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
import { Duplex } from 'node:stream';
import { markAsUntransferable } from 'node:worker_threads';
import { TelptyError } from '../errors.ts';
import { addon, type NativePty, systemError } from './binding.ts';
import { Hangup } from './hangup.ts';
import {
  applyModes,
  blankModes,
  type ControlCharacter,
  checkModes,
  type ModeFlag,
  type Modes,
  nameMode,
  nameModes,
  type RawModes,
} from './modes.ts';
import { checkSize, type PtyOptions, spawnRequest } from './options.ts';
import { signalName, signalNumber } from './signals.ts';
import { type StartCallback, startError } from './start-result.ts';

/** How a program ended: exactly one of the two is set (neither where somebody else reaped it). */
export interface ExitStatus {
  /** The exit code 0–255, `null` when a signal ended the program. */
  readonly code: number | null;
  /** The name of the signal that ended the program (`'SIGKILL'`), `null` when it exited. */
  readonly signal: string | null;
}

export interface HangupOptions {
  /** Milliseconds between SIGHUP and SIGKILL, 0–2147483647. Default: 1000. */
  readonly timeout?: number | undefined;
}

/**
 * Big enough that a slab lasts for several full drains, small enough that a slow reader, whose view keeps a whole slab
 * alive, does not keep much.
 */
const slabSize = 256 * 1024;

/** Up to this many bytes a copy is cheaper than what it saves. */
const smallPiece = 2 * 1024;

/** What waits in a stream's own queue, each way. The kernel has its own; more here would only be more to lose. */
const highWaterMark = 16 * 1024;

const longestTimeout = 0x7fff_ffff;

function ioError(action: string, result: number): TelptyError {
  const { name, text } = systemError(-result);
  return new TelptyError('ERR_PTY_IO', `cannot ${action}: ${text}`, { errno: name });
}

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
export class Pty extends Duplex {
  /**
   * Resolves once the program has ended and was reaped; never rejects. The terminal may still hold output then: `'end'`
   * is the sign that it has all been read.
   */
  readonly exited: Promise<ExitStatus>;

  readonly #native: NativePty;
  #pid: number;
  #cols: number;
  #rows: number;
  /** Whether the addon is told not to read. */
  #paused = false;
  /** Waits for the end of the start. */
  #started: StartCallback | undefined;
  #closed = false;
  #gone = false;
  #resolveExited!: (status: ExitStatus) => void;
  /** Is called when the addon has no rest of a write any more. */
  #writing: ((error?: Error | null) => void) | undefined;
  #writingLength = 0;
  /** Bytes in the stream's queue that `flushInput` has condemned. */
  #condemned = 0;
  #hangup: Hangup | undefined;
  #user: PtyUser | undefined;

  /** As {@link spawnPty}. */
  constructor(file: string, args?: readonly string[], options?: PtyOptions);
  /** @internal With `started`, as {@link startPty}: for use only once that was called, and never if it got an error. */
  constructor(file: string, args: readonly string[], options: PtyOptions, started: StartCallback);
  constructor(file: string, args: readonly string[] = [], options: PtyOptions = {}, started?: StartCallback) {
    const request = spawnRequest(file, args, options);
    // Not half-open: the end of the output is the end of the terminal, so nothing is left to write to.
    super({ allowHalfOpen: false, highWaterMark });
    setup();
    const native = started === undefined ? addon().spawn(this, request) : addon().start(this, request);
    if (native === undefined) throw startError(file, options.cwd, request.result[0]!, request.result[1]!);
    this.#native = native;
    this.#started = started;
    this.#pid = request.result[0]!;
    this.#cols = request.terminal[0]!;
    this.#rows = request.terminal[1]!;
    this.exited = new Promise(resolve => {
      this.#resolveExited = resolve;
    });
  }

  /** The process id of the program, which is also that of its session and of its first process group. */
  get pid(): number {
    return this.#pid;
  }

  /** The terminal's width as last set here. */
  get cols(): number {
    return this.#cols;
  }

  /** The terminal's height as last set here. */
  get rows(): number {
    return this.#rows;
  }

  /**
   * Sets the terminal's size. The kernel sends SIGWINCH to the foreground process group if it differs. After the end of
   * the terminal this does nothing.
   *
   * @param cols columns, 1–65535.
   * @param rows rows, 1–65535.
   * @throws TelptyError `ERR_INVALID_ARGUMENT` out of these ranges, `ERR_PTY_IO` when the system refuses.
   */
  resize(cols: number, rows: number): void {
    checkSize('cols', cols);
    checkSize('rows', rows);
    if (this.#closed) return;
    const result = addon().resize(this.#native, cols, rows);
    if (result < 0) throw ioError('resize the terminal', result);
    this.#cols = cols;
    this.#rows = rows;
  }

  /**
   * The terminal's modes as they are now, whoever set them.
   *
   * @throws TelptyError `ERR_PTY_IO` when the terminal is closed.
   */
  modes(): Modes {
    return nameModes(this.#rawModes());
  }

  /**
   * One of the terminal's modes as it is now; cheaper than {@link modes}.
   *
   * @returns `undefined` for a name that this system lacks.
   * @throws TelptyError `ERR_PTY_IO` when the terminal is closed.
   */
  mode(name: ModeFlag): boolean | undefined;
  mode(name: ControlCharacter): number | null | undefined;
  mode(name: ModeFlag | ControlCharacter): boolean | number | null | undefined {
    return nameMode(this.#rawModes(), name);
  }

  /**
   * Changes the modes that are named, and leaves the others. After the end of the terminal this does nothing.
   *
   * @throws TelptyError `ERR_INVALID_ARGUMENT` for unknown names and values out of range, `ERR_PTY_IO` when the system refuses.
   */
  setModes(modes: Modes): void {
    checkModes(modes);
    if (this.#closed) return;
    const raw = this.#rawModes();
    applyModes(raw, modes);
    const result = addon().setModes(this.#native, raw.words, raw.cc);
    if (result < 0) throw ioError('set the modes of the terminal', result);
  }

  #rawModes(): RawModes {
    const raw = blankModes();
    const result = addon().getModes(this.#native, raw.words, raw.cc);
    if (result < 0) throw ioError('read the modes of the terminal', result);
    return raw;
  }

  /**
   * Sends a signal to the foreground process group, as if its key had been typed: but at once, not behind unread input, and
   * whatever key it has.
   *
   * @returns whether there was a group to send it to.
   * @throws TelptyError `ERR_INVALID_ARGUMENT` for a signal that does not exist.
   */
  signalForeground(signal: NodeJS.Signals): boolean {
    return addon().signalForeground(this.#native, signalNumber(signal)) === 0;
  }

  /**
   * Drops all input that the program has not read: what waits in this stream and what waits in the terminal. Callbacks of
   * dropped writes are called without an error.
   */
  flushInput(): void {
    if (this.#closed) return;
    this.#condemned = this.writableLength - this.#writingLength;
    addon().flushInput(this.#native);
    this.#written();
  }

  /** Input that was written here and that the terminal has not taken yet, in bytes. */
  get unwritten(): number {
    return this.writableLength - this.#writingLength + addon().unwritten(this.#native);
  }

  /**
   * Sends a signal to the program (to it alone, not to its group).
   *
   * @returns whether it was sent; false once the program has ended.
   * @throws TelptyError `ERR_INVALID_ARGUMENT` for a signal that does not exist.
   */
  kill(signal: NodeJS.Signals = 'SIGTERM'): boolean {
    return addon().kill(this.#native, signalNumber(signal)) === 0;
  }

  /**
   * Hangs up: SIGHUP and SIGCONT now, to the program's process group and the foreground group; after `timeout`
   * SIGKILL to these and to every process left in the session (found through /proc, so on Linux only; elsewhere
   * background groups are left to the SIGHUP of their shell). A process that has left the session with `setsid` is out of
   * reach. Output goes on flowing until the end. May be called again: then the earlier of the times holds.
   *
   * A program that ended by itself may have left processes behind on purpose (`nohup`): those are not touched.
   *
   * @returns a promise that resolves when the program has been reaped and nothing is left of its session, or, should the
   *   kernel not let go of a killed process, two seconds after SIGKILL. Never rejects.
   * @throws TelptyError `ERR_INVALID_ARGUMENT` for a timeout out of range.
   */
  hangup({ timeout = 1000 }: HangupOptions = {}): Promise<void> {
    if (!(timeout >= 0 && timeout <= longestTimeout)) {
      throw new TelptyError('ERR_INVALID_ARGUMENT', `timeout must be 0–${longestTimeout} milliseconds, not ${timeout}`);
    }
    if (this.#hangup === undefined) {
      if (this.#gone) return Promise.resolve();
      this.#hangup = new Hangup(this.pid, this.#native, this.exited);
    }
    return this.#hangup.within(timeout);
  }

  /**
   * Gives all output to `user`, past the stream, which nobody may read from meanwhile but for its `'end'`; `undefined` ends
   * this. For a key and its echo: the machinery of the streams would cost more than all the rest.
   *
   * @internal
   */
  attach(user: PtyUser | undefined): void {
    this.#user = user;
    if (user !== undefined) this.resume();
  }

  /** @internal For the transport that is joined to it. */
  get native(): NativePty {
    return this.#native;
  }

  /** @internal For the user: no output for now. */
  hold(): void {
    if (this.#paused || this.#closed) return;
    this.#paused = true;
    addon().pause(this.#native);
  }

  /** @internal For the user: output again. */
  release(): void {
    if (!this.#paused || this.#closed) return;
    this.#paused = false;
    addon().resume(this.#native);
  }

  /**
   * As `write()`, past the stream, for the user. The bytes are lent.
   *
   * @returns whether the terminal has taken everything; else the user's `drained()` will be called.
   * @internal
   */
  type(bytes: Uint8Array): boolean {
    if (this.#gone || this.#closed) return true;
    if (this.#writing !== undefined || this.writableLength > 0) {
      this.write(Buffer.from(bytes), () => this.#user?.drained());
      return false;
    }
    const taken = addon().write(this.#native, bytes);
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
    } else if (!this.#gone && !this.#closed) {
      // A negative number is a terminal that takes nothing any more; its program is about to be seen ending.
      const taken = addon().write(this.#native, chunk);
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
    if (!this.#gone) this.hangup();
    this.#close();
    callback(error);
  }

  #close(): void {
    if (this.#closed) return;
    this.#closed = true;
    addon().close(this.#native);
    this.#written();
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
    const slab = Buffer.allocUnsafeSlow(slabSize);
    // A reader that transfers a chunk to a worker would take the memory away from under everybody else's.
    markAsUntransferable(slab.buffer);
    addon().useSlab(slab);
    return slab;
  }

  /** Tells the addon, once a thread, what to call. */
  static {
    setup = () => {
      if (Pty.#slab !== undefined) return;
      const { drainLimit } = addon();
      // An end by process.exit() or an uncaught error waits for nobody, and nobody would be there to kill those who do not
      // heed the SIGHUP that the kernel sends: no program outlives its server.
      process.once('exit', () => addon().killAll());
      addon().setup<Pty>({
        started(pty, result, step) {
          const started = pty.#started!;
          pty.#started = undefined;
          if (result > 0) pty.#pid = result;
          started(result, step);
        },
        read(pty, offset, length) {
          const view = Pty.#slab!.subarray(offset, offset + length);
          if (pty.#user !== undefined) {
            // The view stays good when there is a new slab.
            if (offset + length > slabSize - drainLimit) Pty.#slab = Pty.#newSlab();
            pty.#user.output(view);
            return true;
          }
          // A small piece is copied: it may wait for a slow client, and would keep the whole slab for a few bytes.
          const piece = length <= smallPiece ? Buffer.from(view) : view;
          // Before the push: what it sets off may make the addon read again.
          if (offset + length > slabSize - drainLimit) Pty.#slab = Pty.#newSlab();
          if (!pty.push(piece) && !pty.#closed) {
            pty.#paused = true;
            addon().pause(pty.#native);
          }
          return false;
        },
        written(pty) {
          pty.#written();
        },
        left(pty) {
          pty.#hangup!.left();
        },
        exit(pty, code, signal) {
          pty.#gone = true;
          pty.#resolveExited({
            code: code < 0 ? null : code,
            signal: signal === 0 ? null : signalName(signal),
          });
          pty.#written();
        },
        end(pty) {
          pty.#closed = true;
          pty.push(null);
        },
      });
      Pty.#slab = Pty.#newSlab();
    };
  }
}
