/**
 * Programs that nobody waits for any more: they were killed and did not die, or ended and cannot be reaped. A file system that does
 * not answer is to blame, or another process of the program's user, which traces it (ptrace).
 */

/** Is called with the process id of such a program. */
export type AbandonedListener = (pid: number) => void;

const listeners = new Set<AbandonedListener>();

/** Calls `listener` for each such program of this thread from now on. */
export function onAbandoned(listener: AbandonedListener): void {
  listeners.add(listener);
}

export function reportAbandoned(pid: number): void {
  for (const listener of listeners) listener(pid);
}
