import { TelptyError } from '../../errors.ts';

/**
 * Does something to a program's terminal that somebody else wishes. The program may end at any time and its terminal with it;
 * the end is then already on its way here, and the wish has become void.
 */
export function onTerminal<T>(action: () => T): T | undefined {
  try {
    return action();
  } catch (error) {
    if (error instanceof TelptyError && error.code === 'ERR_PTY_IO') return undefined;
    throw error;
  }
}
