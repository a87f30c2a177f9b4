/** Two functions that start a program: one blocks the event loop, the other does not. */
import { readOptions } from '../options.ts';
import { Master } from './master.ts';
import { type PtyOptions, ptyOptions } from './options.ts';
import { Pty } from './pty.ts';

/**
 * Makes what all terminals of this thread share (the addon, its memory, a thread), which else the first of them makes:
 * so that a server holds after its first session what it held before. Does nothing the second time.
 *
 * @throws TelptyError `ERR_PTY_UNSUPPORTED` without an addon.
 */
export function preparePty(): void {
  Master.prepare();
}

/**
 * Starts a program on a new pseudo-terminal: as the leader of its own session, with the terminal as its standard input,
 * output and error and nothing else open, all signals at their defaults and none blocked.
 *
 * Returns when the program's first instruction is due: what can fail has failed by then. This blocks the event loop for
 * the time of the start, a quarter of a millisecond as a rule, at most about 6 s; {@link startPty} does not.
 *
 * A start that takes longer than 5 s (the file system does not answer), or that another process of the program's user
 * stops again and again, is killed and fails with `ETIMEDOUT`.
 *
 * @param file the program: a path if it contains a slash, else looked for in the PATH of `options.env`.
 * @param args its arguments, without `argv[0]`.
 * @throws TelptyError `ERR_PTY_SPAWN` with `step` (open, winsize, termios, fork, cgroup, setsid, ctty, rlimit, nice,
 *   keyring, setgroups, setgid, setuid, capabilities, no_new_privs, chdir, exec), `systemCode` and `file`;
 *   `ERR_INVALID_ARGUMENT`; `ERR_UNKNOWN_USER`; `ERR_PTY_UNSUPPORTED` without an addon.
 */
export function spawnPty(file: string, args: readonly string[] = [], options: PtyOptions = {}): Pty {
  return new Pty(file, args, readOptions('spawnPty', ptyOptions, options));
}

/**
 * The same without blocking the event loop: a thread of the addon makes the start. For servers, where others would
 * wait.
 *
 * A start cannot be cancelled; destroy the {@link Pty} when the promise has resolved. One that is under way when the
 * process or the worker ends leaves nothing behind.
 *
 * @returns a promise of the terminal, from the moment its program runs. Its output may be read from then on, and none
 *   is lost before.
 * @throws (rejects) as {@link spawnPty} throws.
 */
export function startPty(file: string, args: readonly string[] = [], options: PtyOptions = {}): Promise<Pty> {
  return new Promise(resolve => {
    resolve(startChecked(file, args, readOptions('startPty', ptyOptions, options)));
  });
}

/** {@link startPty} with options whose values were checked before. */
export function startChecked(file: string, args: readonly string[], options: PtyOptions): Promise<Pty> {
  return new Promise((resolve, reject) => {
    const pty = new Pty(file, args, options, error => {
      if (error === undefined) resolve(pty);
      else reject(error);
    });
  });
}
