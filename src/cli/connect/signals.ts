/** Signal handling of a program that has changed the modes of its terminal. */
import { readFileSync } from 'node:fs';

/** Signals that end this process, with their exit statuses. */
const LAST: readonly (readonly [NodeJS.Signals, number])[] = [
  ['SIGHUP', 129],
  ['SIGTERM', 143],
];

/**
 * Handles the given signals, and those that end the process. Returns a function that removes the handlers.
 *
 * @param quit ends the process with this exit status.
 */
export function handleSignals(
  handlers: Readonly<Partial<Record<NodeJS.Signals, () => void>>>,
  quit: (status: number) => void,
): () => void {
  const last = LAST.map(([signal, status]) => [signal, () => quit(status)] as const);
  const all = [...(Object.entries(handlers) as [NodeJS.Signals, () => void][]), ...last];
  for (const [signal, handler] of all) process.on(signal, handler);
  return () => {
    for (const [signal, handler] of all) process.off(signal, handler);
  };
}

/**
 * Stops this process as ^Z would have, and with it the processes that started it and wait for it (npx). Returns when
 * it is continued, or at once if no process could continue it, because the kernel does not stop an orphaned process
 * group.
 */
export function stopSelf(): void {
  // SIGTSTP stops the process only if it has no handler.
  const handlers = process.listeners('SIGTSTP');
  process.removeAllListeners('SIGTSTP');
  process.kill(0, 'SIGTSTP');
  for (const handler of handlers) process.on('SIGTSTP', handler);
}

/**
 * Whether this job is in the foreground of the terminal. A background job must not set the modes of the terminal: the
 * kernel stops it (SIGTTOU), and then a signal that was to end it is not handled any more. Returns `undefined` on
 * systems other than Linux, which do not report this.
 */
export function isForeground(): boolean | undefined {
  try {
    const text = readFileSync('/proc/self/stat', 'latin1');
    const [, , group, , , foreground] = text.slice(text.lastIndexOf(')') + 2).split(' ');
    return group === foreground;
  } catch {
    return undefined;
  }
}
