/**
 * A program on a pseudo-terminal, as a stream: written data is typed at the terminal, and read data is the program's
 * output. The terminal is in `master.ts`, the program in `program.ts`.
 */
import { Duplex } from 'node:stream';
import { addon } from '../native/load.ts';
import { Master } from './master.ts';
import type { ControlCharacter, ModeFlag, Modes } from './modes.ts';
import { type PtyOptions, recycleDetail, spawnRequest } from './options.ts';
import type { ExitStatus, Program } from './program.ts';
import { type StartCallback, startError } from './start-result.ts';

/**
 * The size of the stream's own queue, in bytes, for each direction. The kernel has its own; more here would only be
 * more to lose.
 */
const HIGH_WATER_MARK = 16 * 1024;

/** Options of {@link Pty.hangup}. */
export interface HangupOptions {
  /** Milliseconds between SIGHUP and SIGKILL, 0–2147483647. Default: 1000. */
  readonly timeout?: number | undefined;
}

/**
 * The terminal and its program, until both have ended.
 *
 * It has only the events of a Duplex. The end of the program is the promise {@link Pty.exited}; the end of its output
 * is `'end'`, which is emitted only after the last byte and after the exit. Output that is never read delays `'end'`,
 * not `exited`.
 *
 * `end()` does not close the terminal: its input has no end except the VEOF character, which the caller can write.
 * After the program has ended, written data is discarded without an error.
 */
export class Pty extends Duplex {
  /** @internal The terminal, for callers that bypass the streams. */
  readonly master: Master;
  readonly #program: Program;

  /** As {@link spawnPty}. */
  constructor(file: string, args?: readonly string[], options?: PtyOptions);
  /** @internal With `started`, as {@link startPty}: it may be used only after that was called without an error. */
  constructor(file: string, args: readonly string[], options: PtyOptions, started: StartCallback);
  constructor(file: string, args: readonly string[] = [], options: PtyOptions = {}, started?: StartCallback) {
    const request = spawnRequest(file, args, options);
    Master.prepare();
    // Not half-open: the end of the output is the end of the terminal, so there is nothing left to write to.
    super({ allowHalfOpen: false, highWaterMark: HIGH_WATER_MARK });
    const start = (owner: Master) => {
      const native = started === undefined ? addon().spawn(owner, request) : addon().start(owner, request);
      if (native === undefined) throw startError(file, options, request, request.result[0]!, request.result[1]!);
      return native;
    };
    this.master = new Master(
      this,
      request,
      start,
      started &&
        ((result, step) => {
          if (result > 0) recycleDetail(request);
          started(result > 0 ? undefined : startError(file, options, request, -result, step));
        }),
    );
    this.#program = this.master.program;
  }

  /** The process id of the program, which is also the id of its session and of its first process group. */
  get pid(): number {
    return this.#program.pid;
  }

  /**
   * Resolves when the program has ended and was reaped; never rejects. The terminal may still hold output then: `'end'`
   * reports that all of it has been read.
   *
   * A program may survive SIGKILL for a while: it waits for a file system that does not answer, or another process of
   * its user traces it. Two seconds after the SIGKILL of {@link hangup} this resolves with `signal: 'SIGKILL'`
   * nevertheless, and the terminal is closed. The program is reaped when it dies.
   */
  get exited(): Promise<ExitStatus> {
    return this.#program.exited;
  }

  /** The terminal's width in columns, as last set here. */
  get columns(): number {
    return this.master.columns;
  }

  /** The terminal's height in rows, as last set here. */
  get rows(): number {
    return this.master.rows;
  }

  /**
   * Sets the terminal's size. If it differs, the kernel sends SIGWINCH to the foreground process group. After the end
   * of the terminal this does nothing.
   *
   * @param columns 1–65535.
   * @param rows 1–65535.
   * @throws TelptyError `ERR_INVALID_ARGUMENT` out of these ranges, `ERR_PTY_IO` if the system refuses.
   */
  resize(columns: number, rows: number): void {
    this.master.resize(columns, rows);
  }

  /**
   * The current modes of the terminal, whether set here or by a program.
   *
   * @throws TelptyError `ERR_PTY_IO` if the terminal is closed.
   */
  modes(): Modes {
    return this.master.modes();
  }

  /**
   * The current value of one of the terminal's modes; cheaper than {@link modes}.
   *
   * @returns `undefined` for a name that this system lacks.
   * @throws TelptyError `ERR_PTY_IO` if the terminal is closed.
   */
  mode(name: ModeFlag): boolean | undefined;
  mode(name: ControlCharacter): number | null | undefined;
  mode(name: ModeFlag | ControlCharacter): boolean | number | null | undefined {
    return this.master.mode(name);
  }

  /**
   * Changes the given modes and leaves the others. After the end of the terminal this does nothing.
   *
   * @throws TelptyError `ERR_INVALID_ARGUMENT` for unknown names and values out of range, `ERR_PTY_IO` if the system
   *   refuses.
   */
  setModes(modes: Modes): void {
    this.master.setModes(modes);
  }

  /**
   * Discards all input that the program has not read, both in this stream and in the terminal. Callbacks of discarded
   * writes are called without an error.
   */
  flushInput(): void {
    this.master.flushInput();
  }

  /**
   * Makes the terminal discard its unread output, as its interrupt key does. Output that was already read from it here
   * is kept.
   *
   * @returns whether it did.
   */
  flushOutput(): boolean {
    return this.master.flushOutput();
  }

  /** Input that was written here and that the terminal has not taken yet, in bytes. */
  get unwritten(): number {
    return this.master.unwritten;
  }

  /**
   * Sends a signal to the foreground process group, as if its key had been typed, but at once and not after unread
   * input, and whatever key it is set to.
   *
   * @returns whether there was a group to send it to.
   * @throws TelptyError `ERR_INVALID_ARGUMENT` for a signal that does not exist.
   */
  signalForeground(signal: NodeJS.Signals): boolean {
    return this.#program.signalForeground(signal);
  }

  /**
   * Sends a signal to the program only, not to its group.
   *
   * @returns whether it was sent; false after the program has ended.
   * @throws TelptyError `ERR_INVALID_ARGUMENT` for a signal that does not exist.
   */
  kill(signal: NodeJS.Signals = 'SIGTERM'): boolean {
    return this.#program.kill(signal);
  }

  /**
   * Hangs up. SIGHUP and SIGCONT are sent at once, to the program's process group and the foreground group. After
   * `timeout`, SIGKILL is sent to these and to every process left in the session. These are found through /proc, so
   * only on Linux; elsewhere background groups get only the SIGHUP of their shell. A process that has left the session
   * with `setsid` is not reached. Output can be read until the end: output that was stopped by ^S is restarted, and
   * cannot be stopped again. This may be called again: then the earlier of the times applies.
   *
   * A program that ended by itself may have left processes behind on purpose (`nohup`); those are not affected.
   *
   * @returns a promise that resolves when the program has been reaped and no process of its session is left; or, if a
   *   killed process is stuck in the kernel, two seconds after SIGKILL. Never rejects.
   * @throws TelptyError `ERR_INVALID_ARGUMENT` for a timeout out of range.
   */
  hangup({ timeout = 1000 }: HangupOptions = {}): Promise<void> {
    return this.#program.hangup(timeout, () => this.master.restartOutput());
  }

  /**
   * {@link hangup} with its default timeout, then closes the terminal: for `await using`. Unread output is discarded.
   */
  override async [Symbol.asyncDispose](): Promise<void> {
    await this.hangup();
    if (this.closed) return;
    const closed = new Promise(resolve => this.once('close', resolve));
    this.destroy();
    await closed;
  }

  /** @internal */
  override _read(): void {
    this.master.read();
  }

  /** @internal */
  override _write(chunk: Buffer, _encoding: BufferEncoding, callback: (error?: Error | null) => void): void {
    this.master.write(chunk, callback);
  }

  /**
   * Closes the terminal at once, even with unread output; the kernel then sends SIGHUP to the program and its
   * foreground group. If the program ignores that, it is killed after a second, as by `hangup()`: no program outlives
   * its Pty.
   *
   * @internal
   */
  override _destroy(error: Error | null, callback: (error?: Error | null) => void): void {
    if (!this.#program.isGone) this.hangup();
    this.master.close();
    callback(error);
  }
}
