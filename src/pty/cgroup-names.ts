/**
 * The names of sessions' cgroups: `telpty-PID.START-SESSION`. START is when the server's process began, in the kernel's
 * ticks, so that a number that was given to somebody else since (in a container the server always has the same) is not
 * taken for the server that left a cgroup behind.
 */
import { readFileSync } from 'node:fs';

const pattern = /^telpty-(\d+)\.(\d+)-/;

function startOf(pid: number | string): string | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'latin1');
    // What follows the name in parentheses begins with field 3; the start is field 22.
    return stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19];
  } catch {
    return undefined;
  }
}

let prefix: string | undefined;

/** The name for a session of this process. */
export function leafName(session: string | number): string {
  prefix ??= `telpty-${process.pid}.${startOf('self')}-`;
  return `${prefix}${session}`;
}

/** Whether a cgroup of this name was left behind by a server that is no more. */
export function isOrphan(name: string): boolean {
  const [, pid, start] = pattern.exec(name) ?? [];
  return pid !== undefined && startOf(pid) !== start;
}
