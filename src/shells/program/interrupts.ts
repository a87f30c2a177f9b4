import { Command } from '../../protocol/index.ts';
import type { Pty } from '../../pty/index.ts';

/** A key of the terminal that a Telnet command stands for. */
export interface CommandKey {
  /** The control character whose key it is. */
  readonly name: 'vintr' | 'vquit' | 'vsusp' | 'veof' | 'verase' | 'vkill';
  /** The character that the key types where the program has disabled its function. */
  readonly usual: number;
  /** The signal it makes, unless the program has switched signals off (ISIG). */
  readonly signal?: NodeJS.Signals;
}

/** What the commands of RFC 854 and RFC 1184 stand for: they do to the program what the terminal's own key would. */
const KEYS: Readonly<Record<number, CommandKey>> = {
  [Command.IP]: { name: 'vintr', usual: 0x03, signal: 'SIGINT' },
  // A break on a serial line is SIGINT too, with the terminal settings programs start with (BRKINT).
  [Command.BRK]: { name: 'vintr', usual: 0x03, signal: 'SIGINT' },
  [Command.ABORT]: { name: 'vquit', usual: 0x1c, signal: 'SIGQUIT' },
  [Command.SUSP]: { name: 'vsusp', usual: 0x1a, signal: 'SIGTSTP' },
  [Command.EOF]: { name: 'veof', usual: 0x04 },
  [Command.EC]: { name: 'verase', usual: 0x7f },
  [Command.EL]: { name: 'vkill', usual: 0x15 },
};

/** The key that a command stands for; `undefined` for commands that mean nothing to a terminal. */
export function keyOf(command: number): CommandKey | undefined {
  return KEYS[command];
}

/**
 * Presses a key. One that makes a signal does so at once, past everything that is unread, and empties the terminal's queues
 * of input and output, as the terminal itself would (unless the program has set NOFLSH).
 *
 * @returns what was done, or the character that is to be typed, behind the input that waits.
 */
export function interrupt(pty: Pty, key: CommandKey): 'signalled' | 'flushed and signalled' | number {
  if (key.signal === undefined || !pty.mode('isig')) return pty.mode(key.name) ?? key.usual;
  const flushes = !pty.mode('noflsh');
  if (flushes) {
    pty.flushInput();
    // Before the signal: what the program prints at it has to be seen.
    pty.flushOutput();
  }
  pty.signalForeground(key.signal);
  return flushes ? 'flushed and signalled' : 'signalled';
}
