/** Two functions that start a program: one blocks the event loop, the other does not. */
import { readOptions } from '../options.ts';
import { Master } from './master.ts';
import { type PtyOptions, ptyOptions } from './options.ts';
import { Pty } from './pty.ts';

/**
 * Creates the resources that all terminals of this thread share (the addon, its memory, a thread), which otherwise the
 * first terminal creates: so a server has the same resources before and after its first session. A second call does
 * nothing.
 *
 * @throws TelptyError `ERR_PTY_UNSUPPORTED` without the addon.
 */
export function preparePty(): void {
  Master.prepare();
}

/**
 * Starts a program on a new pseudo-terminal. It is the leader of its own session, has the terminal as its standard
 * input, output and error and no other open descriptors; all signals are unblocked and at their defaults.
 *
 * Returns just before the program's first instruction, so every error of the start is thrown. This blocks the event
 * loop during the start: usually a quarter of a millisecond, at most about 6 s. {@link startPty} does not block.
 *
 * A start is killed and fails with `ETIMEDOUT` if it takes longer than 5 s (the file system does not answer), or if
 * another process of the program's user stops it again and again.
 *
 * @param file the program: a path if it contains a slash, otherwise looked up in the PATH of `options.env`.
 * @param args its arguments, without `argv[0]`.
 * @throws TelptyError `ERR_PTY_SPAWN` with `step` (open, winsize, termios, fork, cgroup, setsid, ctty, rlimit, nice,
 *   keyring, setgroups, setgid, setuid, capabilities, no_new_privs, chdir, exec), `systemCode` and `file`;
 *   `ERR_INVALID_ARGUMENT`; `ERR_UNKNOWN_USER`; `ERR_PTY_UNSUPPORTED` without the addon.
 */
export function spawnPty(file: string, args: readonly string[] = [], options: PtyOptions = {}): Pty {
  return new Pty(file, args, readOptions('spawnPty', ptyOptions, options));
}

/**
 * The same without blocking the event loop: a thread of the addon starts the program. For servers, whose other clients
 * would have to wait.
 *
 * A start cannot be cancelled; destroy the {@link Pty} after the promise has resolved. A start that is in progress when
 * the process or the worker ends leaves neither a program nor a terminal.
 *
 * @returns a promise of the terminal, which resolves when its program runs. Its output can be read from then on;
 *   earlier output is not lost.
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
