import { Command } from '../../protocol/index.ts';
import type { Pty } from '../../pty/index.ts';

/** A key of the terminal that corresponds to a Telnet command. */
export interface CommandKey {
  /** The control character that the key types. */
  readonly name: 'vintr' | 'vquit' | 'vsusp' | 'veof' | 'verase' | 'vkill';
  /** The character to type if the program has disabled the function of the key. */
  readonly usual: number;
  /** The signal that the key generates, unless the program has switched signals off (ISIG). */
  readonly signal?: NodeJS.Signals;
}

/**
 * The keys for the commands of RFC 854 and RFC 1184: a command has the same effect on the program as the terminal's own
 * key.
 */
const KEYS: Readonly<Record<number, CommandKey>> = {
  [Command.IP]: { name: 'vintr', usual: 0x03, signal: 'SIGINT' },
  // A break on a serial line is SIGINT, too, with the initial modes of a terminal (BRKINT).
  [Command.BRK]: { name: 'vintr', usual: 0x03, signal: 'SIGINT' },
  [Command.ABORT]: { name: 'vquit', usual: 0x1c, signal: 'SIGQUIT' },
  [Command.SUSP]: { name: 'vsusp', usual: 0x1a, signal: 'SIGTSTP' },
  [Command.EOF]: { name: 'veof', usual: 0x04 },
  [Command.EC]: { name: 'verase', usual: 0x7f },
  [Command.EL]: { name: 'vkill', usual: 0x15 },
};

/** The key that corresponds to a command; `undefined` for commands without a meaning for a terminal. */
export function keyOf(command: number): CommandKey | undefined {
  return KEYS[command];
}

/**
 * Applies a key. If it generates a signal, the signal is sent immediately, ahead of all unread input. The terminal's
 * input and output queues are flushed, as the terminal itself would do (unless the program has set NOFLSH).
 *
 * @returns what was done, or the character to type after the queued input.
 */
export function interrupt(pty: Pty, key: CommandKey): 'signalled' | 'flushed and signalled' | number {
  if (key.signal === undefined || !pty.mode('isig')) return pty.mode(key.name) ?? key.usual;
  const flushes = !pty.mode('noflsh');
  if (flushes) {
    pty.flushInput();
    // Before the signal: the output of the program's signal handler has to be displayed.
    pty.flushOutput();
  }
  pty.signalForeground(key.signal);
  return flushes ? 'flushed and signalled' : 'signalled';
}
