/** The program of a pseudo-terminal: its process id, signals to it, its end. */
import { TelptyError } from '../errors.ts';
import type { NativePty } from '../native/addon.ts';
import { addon } from '../native/load.ts';
import { Hangup } from './hangup.ts';
import { signalName, signalNumber } from './signal-names.ts';

/** How a program ended: exactly one of the two is set, or neither if another part of the process reaped it. */
export interface ExitStatus {
  /** The exit code 0–255; `null` if a signal ended the program. */
  readonly code: number | null;
  /** The name of the signal that ended the program (`'SIGKILL'`); `null` if it exited. */
  readonly signal: string | null;
}

const LONGEST_TIMEOUT_MS = 0x7fff_ffff;

/** Called with the process id of a program that is no longer waited for. */
export type AbandonedListener = (pid: number) => void;

const abandonedListeners = new Set<AbandonedListener>();

/**
 * Calls `listener` from now on for each program of this thread that is no longer waited for: it was killed and did not
 * die, or it ended and cannot be reaped. Causes: a file system that does not answer, or another process of the
 * program's user that traces it (ptrace).
 */
export function onAbandoned(listener: AbandonedListener): void {
  abandonedListeners.add(listener);
}

/** The part of a {@link Pty} that is its program. */
export class Program {
  readonly exited: Promise<ExitStatus>;
  /** 0 until a program that is started by a thread of the addon runs. */
  pid: number;
  /** Whether the program has ended. */
  isGone = false;
  /**
   * CPU time of a program that was killed by SIGKILL, without that of its children; `undefined` if it is not known.
   */
  cpuTimeMs: number | undefined;
  readonly #native: NativePty;
  #resolveExited!: (status: ExitStatus) => void;
  #hangup: Hangup | undefined;

  constructor(native: NativePty, pid: number) {
    this.#native = native;
    this.pid = pid;
    this.exited = new Promise(resolve => {
      this.#resolveExited = resolve;
    });
  }

  /** As `Pty.kill`. */
  kill(signal: NodeJS.Signals): boolean {
    return addon().kill(this.#native, signalNumber(signal)) === 0;
  }

  /** As `Pty.signalForeground`. */
  signalForeground(signal: NodeJS.Signals): boolean {
    return addon().signalForeground(this.#native, signalNumber(signal)) === 0;
  }

  /**
   * As `Pty.hangup`.
   *
   * @param restartOutput restarts output that was stopped, and returns whether the program may have been waiting to
   *   write.
   */
  hangup(timeout: number, restartOutput: () => boolean): Promise<void> {
    if (!(timeout >= 0 && timeout <= LONGEST_TIMEOUT_MS)) {
      throw new TelptyError(
        'ERR_INVALID_ARGUMENT',
        `timeout must be 0–${LONGEST_TIMEOUT_MS} milliseconds, not ${timeout}`,
      );
    }
    if (this.#hangup === undefined) {
      if (this.isGone) return Promise.resolve();
      this.#hangup = new Hangup(this.pid, this.#native, this.exited, restartOutput());
    }
    return this.#hangup.within(timeout);
  }

  /** Whether the program was asked to end. */
  get isHungUp(): boolean {
    return this.#hangup !== undefined;
  }

  /** The program has ended, and stays a zombie until its session has no other process. */
  onLeft(): void {
    this.#hangup!.left();
  }

  /** The program was reaped, or is no longer waited for; as `AddonCallbacks.exit`. */
  onExit(code: number, signal: number, isAbandoned: boolean, cpuTimeMs: number): void {
    this.isGone = true;
    if (cpuTimeMs >= 0) this.cpuTimeMs = cpuTimeMs;
    if (isAbandoned) for (const listener of abandonedListeners) listener(this.pid);
    this.#resolveExited({
      code: code < 0 ? null : code,
      signal: signal === 0 ? null : signalName(signal),
    });
  }
}
