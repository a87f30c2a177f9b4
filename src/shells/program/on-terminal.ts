import { TelptyError } from '../../errors.ts';

/**
 * Runs an action on a program's terminal that something other than the program requested. The program may end at any
 * time, and its terminal with it. Then the event for the end is already pending, and the action has no purpose any
 * more.
 */
export function onTerminal<T>(action: () => T): T | undefined {
  try {
    return action();
  } catch (error) {
    if (error instanceof TelptyError && error.code === 'ERR_PTY_IO') return undefined;
    throw error;
  }
}
