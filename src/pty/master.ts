/**
 * The master side of a pseudo-terminal: its bytes, size and modes.
 *
 * The addon does the work. For output, it drains the terminal into a slab that all terminals of the thread share, with
 * one call per drain. The stream gets views of the slab: nothing is copied here, and no part of the slab is used twice,
 * unless the view was only lent to a {@link PtyUser}. When the reader stops, the addon stops polling and the program
 * blocks, as on a slow real terminal. For input, there is one `write(2)`; the part that the terminal does not take
 * waits in the addon, and the stream is busy until it is written.
 */
import type { Duplex } from 'node:stream';
import { markAsUntransferable } from 'node:worker_threads';
import { TelptyError } from '../errors.ts';
import type { NativePty, SpawnRequest } from '../native/addon.ts';
import { addon } from '../native/load.ts';
import { systemError } from '../native/system-error.ts';
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
import { checkSize } from './options.ts';
import { Program } from './program.ts';

/**
 * Large enough that a slab lasts for several full drains. Small enough for slow readers: a view that waits for its
 * reader keeps the whole slab in memory.
 */
const SLAB_BYTES = 256 * 1024;

/** Up to this size, in bytes, copying a piece costs less than it saves. */
const SMALL_PIECE_BYTES = 2 * 1024;

/** Takes the output of a terminal without its stream, and its other events: see {@link Master.attach}. */
export interface PtyUser {
  /** The program's output. It is lent: valid until this returns. */
  output(bytes: Buffer): void;
  /** After `type()` returned false: the terminal has taken everything. */
  drained(): void;
  /**
   * The terminal has discarded its unread output, as its interrupt key does; output that was read before is stale as
   * well. Called before the next output, and also while output is paused.
   */
  flushed(): void;
  /**
   * The terminal's modes were set while EXTPROC was on, before or after; or ^S and ^Q now stop and restart its output,
   * or no longer do. Called also while output is paused.
   */
  modesSet(): void;
  /** No more output follows: all of it was read, or the terminal was closed. */
  ended(): void;
}

type WriteCallback = (error?: Error | null) => void;

/** Called at the end of a start: the process id, or a negative error number and the index of the step. */
export type StartedListener = (result: number, step: number) => void;

function ioError(action: string, result: number): TelptyError {
  const { name, text } = systemError(-result);
  return new TelptyError('ERR_PTY_IO', `cannot ${action}: ${text}`, { systemCode: name, errno: result });
}

/** The part of a {@link Pty} that is its terminal. */
export class Master {
  readonly native: NativePty;
  readonly program: Program;
  columns: number;
  rows: number;
  /** Whether the terminal is closed. */
  isClosed = false;
  readonly #stream: Duplex;
  /** Whether the addon has stopped reading. */
  #paused = false;
  /** Called at the end of the start. */
  #onStarted: StartedListener | undefined;
  /** Called when the addon has written the rest of a write. */
  #writing: WriteCallback | undefined;
  #writingLength = 0;
  /** Bytes in the stream's queue that `flushInput` discards. */
  #condemned = 0;
  #user: PtyUser | undefined;

  /**
   * @param stream gets the output while there is no {@link PtyUser}.
   * @param start starts the program for this object.
   * @param onStarted for a start by a thread of the addon.
   */
  constructor(
    stream: Duplex,
    request: SpawnRequest,
    start: (owner: Master) => NativePty,
    onStarted: StartedListener | undefined,
  ) {
    this.#stream = stream;
    this.#onStarted = onStarted;
    this.native = start(this);
    this.program = new Program(this.native, request.result[0]!);
    this.columns = request.terminal[0]!;
    this.rows = request.terminal[1]!;
  }

  /** As `Pty.resize`. */
  resize(columns: number, rows: number): void {
    checkSize('columns', columns);
    checkSize('rows', rows);
    if (this.isClosed) return;
    const result = addon().resize(this.native, columns, rows);
    if (result < 0) throw ioError('resize the terminal', result);
    this.columns = columns;
    this.rows = rows;
  }

  /** As `Pty.modes`. */
  modes(): Modes {
    return nameModes(this.#rawModes());
  }

  /** As `Pty.mode`. */
  mode(name: ModeFlag | ControlCharacter): boolean | number | null | undefined {
    return nameMode(this.#rawModes(), name);
  }

  /** As `Pty.setModes`. */
  setModes(modes: Modes): void {
    checkModes(modes);
    if (this.isClosed) return;
    const raw = this.#rawModes();
    applyModes(raw, modes);
    const result = addon().setModes(this.native, raw.words, raw.cc);
    if (result < 0) throw ioError('set the modes of the terminal', result);
  }

  #rawModes(): RawModes {
    const raw = blankModes();
    const result = addon().getModes(this.native, raw.words, raw.cc);
    if (result < 0) throw ioError('read the modes of the terminal', result);
    return raw;
  }

  /**
   * Whether to call the user's `modesSet()` if the terminal's flags, when output is read, differ from those that
   * {@link modes} or {@link mode} returned last. While EXTPROC is off, the system does not report changes.
   */
  followModes(on: boolean): void {
    if (!this.isClosed) addon().followModes(this.native, on);
  }

  /** Sets or clears EXTPROC only: whether the client, instead of the terminal, processes input. */
  setExternalProcessing(on: boolean): void {
    if (!this.isClosed) addon().setExtproc(this.native, on);
  }

  /** Input that the program has not read, in bytes. Counts only whole lines with ICANON, unless EXTPROC is on. */
  get inputWaiting(): number {
    return this.isClosed ? 0 : addon().inputWaiting(this.native);
  }

  /** As `Pty.unwritten`. */
  get unwritten(): number {
    return this.#stream.writableLength - this.#writingLength + addon().unwritten(this.native);
  }

  /** As `Pty.flushInput`. */
  flushInput(): void {
    if (this.isClosed) return;
    this.#condemned = this.#stream.writableLength - this.#writingLength;
    addon().flushInput(this.native);
    this.#written();
  }

  /** As `Pty.flushOutput`. */
  flushOutput(): boolean {
    return !this.isClosed && addon().flushOutput(this.native) === 0;
  }

  /**
   * Restarts output that was stopped by ^S. Otherwise a program that is hung up would block in its first write, and
   * would be killed before it has saved anything.
   *
   * @returns whether the program may have been waiting to write.
   */
  restartOutput(): boolean {
    return !this.isClosed && addon().restartOutput(this.native) > 0;
  }

  /**
   * Passes all output to `user` and not to the stream, of which only `'end'` may be used meanwhile; `undefined` ends
   * this. For a key and its echo, the streams would cost more than everything else.
   */
  attach(user: PtyUser | undefined): void {
    this.#user = user;
    // Systems without packet mode do not send notices.
    if (!this.isClosed) addon().setPacketMode(this.native, user !== undefined);
    if (user !== undefined) this.#stream.resume();
  }

  /** Stops reading output. */
  pauseOutput(): void {
    if (this.#paused || this.isClosed) return;
    this.#paused = true;
    addon().pauseOutput(this.native);
  }

  /** Reads output again. */
  resumeOutput(): void {
    if (!this.#paused || this.isClosed) return;
    this.#paused = false;
    addon().resumeOutput(this.native);
  }

  /**
   * Writes to the terminal directly, for the user. The bytes are lent.
   *
   * @returns whether the terminal has taken everything; otherwise the user's `drained()` will be called.
   */
  type(bytes: Uint8Array): boolean {
    if (this.program.isGone || this.isClosed) return true;
    if (this.#writing !== undefined || this.#stream.writableLength > 0) {
      this.#stream.write(Buffer.from(bytes), () => this.#user?.drained());
      return false;
    }
    const taken = addon().write(this.native, bytes);
    if (taken < 0 || taken === bytes.length) return true;
    this.#writing = () => this.#user?.drained();
    return false;
  }

  /** The reader of the stream takes output again. */
  read(): void {
    if (this.#user === undefined) this.resumeOutput();
  }

  /** Writes a chunk of the stream. */
  write(chunk: Buffer, callback: WriteCallback): void {
    if (this.#condemned > 0) {
      this.#condemned -= chunk.length;
    } else if (this.#writing !== undefined) {
      // After the input that was written with type().
      const typed = this.#writing;
      this.#writing = () => {
        this.write(chunk, callback);
        typed();
      };
      return;
    } else if (!this.program.isGone && !this.isClosed) {
      // A negative number means that the terminal takes no more input; the end of its program is about to be reported.
      const taken = addon().write(this.native, chunk);
      if (taken >= 0 && taken < chunk.length) {
        this.#writing = callback;
        this.#writingLength = chunk.length;
        return;
      }
    }
    callback();
  }

  /** Closes the terminal at once, even with unread output. */
  close(): void {
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

  static #slab: Buffer | undefined;

  static #newSlab(): Buffer {
    // Not from the pool and not zeroed: the kernel has written every byte before it is passed on.
    const slab = Buffer.allocUnsafeSlow(SLAB_BYTES);
    // A reader that transferred a chunk to a worker would detach the memory of all other views of the slab.
    markAsUntransferable(slab.buffer);
    addon().useSlab(slab);
    return slab;
  }

  /** Sets the addon's callbacks, once per thread: see `preparePty`. */
  static prepare(): void {
    if (Master.#slab !== undefined) return;
    const { drainLimit, notices } = addon();
    // process.exit() and an uncaught error end the process at once. Programs that ignore the kernel's SIGHUP must be
    // killed first: no program outlives its server.
    process.once('exit', () => addon().killAll());
    addon().setup<Master>({
      started(master, result, step) {
        const onStarted = master.#onStarted!;
        master.#onStarted = undefined;
        if (result > 0) master.program.pid = result;
        onStarted(result, step);
      },
      read(master, offset, length) {
        const view = Master.#slab!.subarray(offset, offset + length);
        if (master.#user !== undefined) {
          // The view stays valid when there is a new slab.
          if (offset + length >= SLAB_BYTES - drainLimit) Master.#slab = Master.#newSlab();
          master.#user.output(view);
          return true;
        }
        // A small piece is copied: while it waits for a slow client, it would keep the whole slab in memory.
        const piece = length <= SMALL_PIECE_BYTES ? Buffer.from(view) : view;
        // Before the push, because the push may make the addon read again.
        if (offset + length >= SLAB_BYTES - drainLimit) Master.#slab = Master.#newSlab();
        if (!master.#stream.push(piece)) master.pauseOutput();
        return false;
      },
      notice(master, bits) {
        if ((bits & notices.stopped) !== 0 && master.program.isHungUp) master.restartOutput();
        if ((bits & notices.flushed) !== 0) master.#user?.flushed();
        if ((bits & (notices.flow | notices.modes)) !== 0) master.#user?.modesSet();
      },
      written(master) {
        master.#written();
      },
      left(master) {
        master.program.onLeft();
      },
      exit(master, code, signal, abandoned, cpuTimeMs) {
        master.program.onExit(code, signal, abandoned === 1, cpuTimeMs);
        master.#written();
      },
      end(master) {
        master.isClosed = true;
        master.#stream.push(null);
        master.#user?.ended();
      },
    });
    Master.#slab = Master.#newSlab();
  }
}
