import { Command } from '../protocol/index.ts';
import type { Pty } from '../pty/index.ts';

/**
 * What a Telnet command does to the program: what the terminal's own key would do. A key that makes a signal does so at
 * once, past everything that is still unread, and empties the queue of input; where the program has switched signals
 * off (ISIG), or the command stands for no signal, the key's character is typed.
 */
const KEYS: Readonly<
  Record<number, { readonly key: ControlKey; readonly usual: number; readonly signal?: NodeJS.Signals }>
> = {
  [Command.IP]: { key: 'vintr', usual: 0x03, signal: 'SIGINT' },
  // A break on a serial line is SIGINT too, with the terminal settings programs start with (BRKINT).
  [Command.BRK]: { key: 'vintr', usual: 0x03, signal: 'SIGINT' },
  [Command.ABORT]: { key: 'vquit', usual: 0x1c, signal: 'SIGQUIT' },
  [Command.SUSP]: { key: 'vsusp', usual: 0x1a, signal: 'SIGTSTP' },
  [Command.EOF]: { key: 'veof', usual: 0x04 },
  [Command.EC]: { key: 'verase', usual: 0x7f },
  [Command.EL]: { key: 'vkill', usual: 0x15 },
};

type ControlKey = 'vintr' | 'vquit' | 'vsusp' | 'veof' | 'verase' | 'vkill';

/** What {@link interrupt} did. */
export type InterruptEffect =
  /** Nothing: the command means nothing to a terminal. */
  | 'none'
  /** A character was typed behind the input that waits. */
  | 'typed'
  /** A signal was sent, and the input that waited is gone. */
  | 'signalled';

/** Does to the program on `pty` what the Telnet command asks for. */
export function interrupt(pty: Pty, command: number): InterruptEffect {
  const meaning = KEYS[command];
  if (meaning === undefined) return 'none';
  const modes = pty.modes();
  if (meaning.signal !== undefined && modes.isig) {
    pty.flushInput();
    pty.signalForeground(meaning.signal);
    return 'signalled';
  }
  pty.write(Buffer.of(modes[meaning.key] ?? meaning.usual));
  return 'typed';
}
