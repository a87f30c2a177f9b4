/** Middleware that has to do something when the shell has settled. */
import type { Session } from '../../session/session.ts';

/**
 * Runs a shell, and calls a function when it has settled, before its result is known to others.
 *
 * Not an async function: it would retain twice as much memory until the shell settles, which may take days.
 */
export function runShell<T>(
  shell: (session: Session) => T | Promise<T>,
  session: Session,
  settled: () => void,
): Promise<T> {
  let running: T | Promise<T>;
  try {
    running = shell(session);
  } catch (error) {
    running = Promise.reject(error);
  }
  return Promise.resolve(running).then(
    result => {
      settled();
      return result;
    },
    error => {
      settled();
      throw error;
    },
  );
}
