/** What is done to a terminal and its program beside reading and writing. */
import { Duplex, type DuplexOptions } from 'node:stream';
import { TelptyError } from '../errors.ts';
import type { NativePty, SpawnRequest } from '../native/addon.ts';
import { addon } from '../native/load.ts';
import { systemError } from '../native/system-error.ts';
import { reportAbandoned } from './abandoned.ts';
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
import { checkSize } from './options.ts';
import { signalName, signalNumber } from './signals.ts';

/** How a program ended: exactly one of the two is set (neither where somebody else reaped it). */
export interface ExitStatus {
  /** The exit code 0–255, `null` when a signal ended the program. */
  readonly code: number | null;
  /** The name of the signal that ended the program (`'SIGKILL'`), `null` when it exited. */
  readonly signal: string | null;
}

/** Options of {@link PtyControl.hangup}. */
export interface HangupOptions {
  /** Milliseconds between SIGHUP and SIGKILL, 0–2147483647. Default: 1000. */
  readonly timeout?: number | undefined;
}

const LONGEST_TIMEOUT_MS = 0x7fff_ffff;

function ioError(action: string, result: number): TelptyError {
  const { name, text } = systemError(-result);
  return new TelptyError('ERR_PTY_IO', `cannot ${action}: ${text}`, { errno: name });
}

/** The part of a {@link Pty} that is no stream: sizes, modes, signals and the end of the program. */
export abstract class PtyControl extends Duplex {
  /**
   * Resolves once the program has ended and was reaped; never rejects. The terminal may still hold output then: `'end'`
   * is the sign that it has all been read.
   *
   * A program may not die of SIGKILL: it waits for a file system that does not answer, or another process of its user traces it.
   * Two seconds after the SIGKILL of {@link hangup} this resolves with `signal: 'SIGKILL'` all the same, and the terminal is closed.
   * The program is reaped when it dies.
   */
  readonly exited: Promise<ExitStatus>;

  /** @internal */
  readonly native: NativePty;
  #pid: number;
  #cols: number;
  #rows: number;
  #resolveExited!: (status: ExitStatus) => void;
  #hangup: Hangup | undefined;
  /** @internal Whether the terminal is closed. */
  protected isClosed = false;
  /** @internal Whether the program has ended. */
  protected isGone = false;

  /** @internal `start` begins the program; what it returns is filled in, or comes with {@link started}. */
  protected constructor(streams: DuplexOptions, request: SpawnRequest, start: (owner: object) => NativePty) {
    super(streams);
    this.native = start(this);
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
    if (this.isClosed) return;
    const result = addon().resize(this.native, cols, rows);
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
    if (this.isClosed) return;
    const raw = this.#rawModes();
    applyModes(raw, modes);
    const result = addon().setModes(this.native, raw.words, raw.cc);
    if (result < 0) throw ioError('set the modes of the terminal', result);
  }

  /**
   * Whether whoever has attached to the terminal is told by `modesSet()` when, at a time of output, its flags are others than
   * {@link modes} or {@link mode} returned last: where EXTPROC is off, the system does not tell.
   *
   * @internal
   */
  followModes(on: boolean): void {
    if (!this.isClosed) addon().followModes(this.native, on);
  }

  /** @internal Sets or clears EXTPROC alone: the client does what the terminal does with input, or it does not. */
  setExternalProcessing(on: boolean): void {
    if (!this.isClosed) addon().setExtproc(this.native, on);
  }

  /** @internal Input that the program has not read, in bytes. Without ICANON, or with EXTPROC; else of whole lines. */
  get inputWaiting(): number {
    return this.isClosed ? 0 : addon().inputWaiting(this.native);
  }

  #rawModes(): RawModes {
    const raw = blankModes();
    const result = addon().getModes(this.native, raw.words, raw.cc);
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
    return addon().signalForeground(this.native, signalNumber(signal)) === 0;
  }

  /**
   * Sends a signal to the program (to it alone, not to its group).
   *
   * @returns whether it was sent; false once the program has ended.
   * @throws TelptyError `ERR_INVALID_ARGUMENT` for a signal that does not exist.
   */
  kill(signal: NodeJS.Signals = 'SIGTERM'): boolean {
    return addon().kill(this.native, signalNumber(signal)) === 0;
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
    if (!(timeout >= 0 && timeout <= LONGEST_TIMEOUT_MS)) {
      throw new TelptyError(
        'ERR_INVALID_ARGUMENT',
        `timeout must be 0–${LONGEST_TIMEOUT_MS} milliseconds, not ${timeout}`,
      );
    }
    if (this.#hangup === undefined) {
      if (this.isGone) return Promise.resolve();
      this.#hangup = new Hangup(this.pid, this.native, this.exited, this.restartOutput());
    }
    return this.#hangup.within(timeout);
  }

  /** @internal Whether the program was asked to end. */
  protected get isHungUp(): boolean {
    return this.#hangup !== undefined;
  }

  /**
   * Restarts output that was stopped by ^S: a program that is hung up would block in its first write, and be killed before it
   * has saved anything.
   *
   * @returns whether the program may have been waiting to write.
   * @internal
   */
  protected restartOutput(): boolean {
    return !this.isClosed && addon().restartOutput(this.native) > 0;
  }

  /** @internal The program runs. */
  protected started(pid: number): void {
    this.#pid = pid;
  }

  /** @internal The program is held until nothing is left of its session, and has ended. */
  protected left(): void {
    this.#hangup!.left();
  }

  /** @internal The program was reaped, or is not waited for any more; as `AddonCallbacks.exit`. */
  protected ended(code: number, signal: number, isAbandoned: boolean): void {
    this.isGone = true;
    if (isAbandoned) reportAbandoned(this.pid);
    this.#resolveExited({
      code: code < 0 ? null : code,
      signal: signal === 0 ? null : signalName(signal),
    });
  }
}
