/**
 * A program on a pseudo-terminal, as a stream: what is written is typed at the terminal, what is read is what the program
 * prints. The terminal is in `master.ts`, the program in `program.ts`.
 */
import { Duplex } from 'node:stream';
import { addon } from '../native/load.ts';
import { Master } from './master.ts';
import type { ControlCharacter, ModeFlag, Modes } from './modes.ts';
import { type PtyOptions, recycleDetail, spawnRequest } from './options.ts';
import type { ExitStatus, Program } from './program.ts';
import { type StartCallback, startError } from './start-result.ts';

/** What waits in a stream's own queue, each way. The kernel has its own; more here would only be more to lose. */
const HIGH_WATER_MARK = 16 * 1024;

/** Options of {@link Pty.hangup}. */
export interface HangupOptions {
  /** Milliseconds between SIGHUP and SIGKILL, 0–2147483647. Default: 1000. */
  readonly timeout?: number | undefined;
}

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
  /** @internal The terminal, for those who use it past the streams. */
  readonly master: Master;
  readonly #program: Program;

  /** As {@link spawnPty}. */
  constructor(file: string, args?: readonly string[], options?: PtyOptions);
  /** @internal With `started`, as {@link startPty}: for use only once that was called, and never if it got an error. */
  constructor(file: string, args: readonly string[], options: PtyOptions, started: StartCallback);
  constructor(file: string, args: readonly string[] = [], options: PtyOptions = {}, started?: StartCallback) {
    const request = spawnRequest(file, args, options);
    Master.prepare();
    // Not half-open: the end of the output is the end of the terminal, so nothing is left to write to.
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

  /** The process id of the program, which is also that of its session and of its first process group. */
  get pid(): number {
    return this.#program.pid;
  }

  /**
   * Resolves once the program has ended and was reaped; never rejects. The terminal may still hold output then: `'end'`
   * is the sign that it has all been read.
   *
   * A program may not die of SIGKILL: it waits for a file system that does not answer, or another process of its user traces it.
   * Two seconds after the SIGKILL of {@link hangup} this resolves with `signal: 'SIGKILL'` all the same, and the terminal is closed.
   * The program is reaped when it dies.
   */
  get exited(): Promise<ExitStatus> {
    return this.#program.exited;
  }

  /** The terminal's width as last set here. */
  get columns(): number {
    return this.master.columns;
  }

  /** The terminal's height as last set here. */
  get rows(): number {
    return this.master.rows;
  }

  /**
   * Sets the terminal's size. The kernel sends SIGWINCH to the foreground process group if it differs. After the end of
   * the terminal this does nothing.
   *
   * @param columns 1–65535.
   * @param rows 1–65535.
   * @throws TelptyError `ERR_INVALID_ARGUMENT` out of these ranges, `ERR_PTY_IO` when the system refuses.
   */
  resize(columns: number, rows: number): void {
    this.master.resize(columns, rows);
  }

  /**
   * The terminal's modes as they are now, whoever set them.
   *
   * @throws TelptyError `ERR_PTY_IO` when the terminal is closed.
   */
  modes(): Modes {
    return this.master.modes();
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
    return this.master.mode(name);
  }

  /**
   * Changes the modes that are named, and leaves the others. After the end of the terminal this does nothing.
   *
   * @throws TelptyError `ERR_INVALID_ARGUMENT` for unknown names and values out of range, `ERR_PTY_IO` when the system refuses.
   */
  setModes(modes: Modes): void {
    this.master.setModes(modes);
  }

  /**
   * Drops all input that the program has not read: what waits in this stream and what waits in the terminal. Callbacks of
   * dropped writes are called without an error.
   */
  flushInput(): void {
    this.master.flushInput();
  }

  /**
   * Has the terminal drop the output that nobody has read, as it does at its interrupt key; what was read from it here
   * already stays.
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
   * Sends a signal to the foreground process group, as if its key had been typed: but at once, not behind unread input, and
   * whatever key it has.
   *
   * @returns whether there was a group to send it to.
   * @throws TelptyError `ERR_INVALID_ARGUMENT` for a signal that does not exist.
   */
  signalForeground(signal: NodeJS.Signals): boolean {
    return this.#program.signalForeground(signal);
  }

  /**
   * Sends a signal to the program (to it alone, not to its group).
   *
   * @returns whether it was sent; false once the program has ended.
   * @throws TelptyError `ERR_INVALID_ARGUMENT` for a signal that does not exist.
   */
  kill(signal: NodeJS.Signals = 'SIGTERM'): boolean {
    return this.#program.kill(signal);
  }

  /**
   * Hangs up: SIGHUP and SIGCONT now, to the program's process group and the foreground group; after `timeout`
   * SIGKILL to these and to every process left in the session (found through /proc, so on Linux only; elsewhere
   * background groups are left to the SIGHUP of their shell). A process that has left the session with `setsid` is out of
   * reach. Output goes on flowing until the end: output that was stopped by ^S is restarted, and cannot be stopped again. May be
   * called again: then the earlier of the times holds.
   *
   * A program that ended by itself may have left processes behind on purpose (`nohup`): those are not touched.
   *
   * @returns a promise that resolves when the program has been reaped and nothing is left of its session, or, should the
   *   kernel not let go of a killed process, two seconds after SIGKILL. Never rejects.
   * @throws TelptyError `ERR_INVALID_ARGUMENT` for a timeout out of range.
   */
  hangup({ timeout = 1000 }: HangupOptions = {}): Promise<void> {
    return this.#program.hangup(timeout, () => this.master.restartOutput());
  }

  /** {@link hangup} with its default time, then closes the terminal: for `await using`. Output that was not read is dropped. */
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
   * Closes the terminal at once, whatever is unread; the kernel then sends SIGHUP to the program and its foreground group.
   * If the program ignores that, it is killed after a second, as by `hangup()`: no program outlives its Pty.
   *
   * @internal
   */
  override _destroy(error: Error | null, callback: (error?: Error | null) => void): void {
    if (!this.#program.isGone) this.hangup();
    this.master.close();
    callback(error);
  }
}
