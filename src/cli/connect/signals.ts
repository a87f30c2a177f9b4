/** Signals of a program that has changed its terminal. */
import { readFileSync } from 'node:fs';

/** What ends us, with its exit status. */
const LAST: readonly (readonly [NodeJS.Signals, number])[] = [
  ['SIGHUP', 129],
  ['SIGTERM', 143],
];

/**
 * Handles the signals that are named, and those that end the process. Returns what ends this.
 *
 * @param quit ends the process, with this exit status.
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
 * Stops this process as ^Z would have, and with it those that started it and wait for it (npx). Returns when it goes on, or
 * at once where nobody could continue it, since the kernel then does not stop it.
 */
export function stopSelf(): void {
  // Only a signal that nobody handles stops.
  const handlers = process.listeners('SIGTSTP');
  process.removeAllListeners('SIGTSTP');
  process.kill(0, 'SIGTSTP');
  for (const handler of handlers) process.on('SIGTSTP', handler);
}

/**
 * Whether the terminal is this job's. One in the background must not set its modes: the kernel stops it then (SIGTTOU), and a
 * signal that was to end it is not handled any more. `undefined` where the system does not tell: only Linux does.
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
