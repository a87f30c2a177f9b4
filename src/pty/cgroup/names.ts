/**
 * The names of sessions' cgroups: `telpty-PID.START.NAMESPACE-SESSION`. A process id alone is not enough: it is reused
 * (in a container the server always has the same), and in another pid namespace it is another process. START is the
 * start time of the server's process, in the kernel's ticks; NAMESPACE is the inode of its pid namespace. Containers
 * can share the directory of their cgroups, so only a name of our own namespace can be looked up in our `/proc`.
 *
 * It is unknown whether a server in another namespace runs. When a namespace ends, the kernel kills its processes, so
 * the cgroups of such a server are empty. An empty cgroup is removed if it is old enough that its program must have
 * been started. The same applies to names without a namespace, which older versions used.
 */
import { readFileSync, readlinkSync, statSync } from 'node:fs';
import { join } from 'node:path';

const CGROUP_NAME = /^telpty-(\d+)\.(\d+)(?:\.(\d+))?-/;

/** A cgroup of this age without a process has lost its program, and does not wait for it any more; in milliseconds. */
const SETTLED_MS = 60_000;

function startOf(pid: number | string): string | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'latin1');
    // Field 3 follows the name in parentheses; the start is field 22.
    return stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19];
  } catch {
    return undefined;
  }
}

/** The inode of our pid namespace; undefined where `/proc` is missing or shows another one. */
function ownNamespace(): string | undefined {
  try {
    if (readlinkSync('/proc/self') !== String(process.pid)) return undefined;
    return /^pid:\[(\d+)\]$/.exec(readlinkSync('/proc/self/ns/pid'))?.[1];
  } catch {
    return undefined;
  }
}

let prefix: string | undefined;

/** The name for a session of this process. */
export function leafName(session: string | number): string {
  prefix ??= `telpty-${process.pid}.${startOf('self')}.${ownNamespace() ?? 0}-`;
  return `${prefix}${session}`;
}

/** Whether the cgroup of this name in `directory` was left behind by a server that has ended. */
export function isOrphan(directory: string, name: string): boolean {
  const [, pid, start, namespace] = CGROUP_NAME.exec(name) ?? [];
  if (pid === undefined) return false;
  if (namespace !== undefined && namespace === ownNamespace()) return startOf(pid) !== start;
  return isDeserted(join(directory, name));
}

function isDeserted(path: string): boolean {
  try {
    if (!/^populated 0$/m.test(readFileSync(join(path, 'cgroup.events'), 'utf8'))) return false;
    return Date.now() - statSync(path).ctimeMs >= SETTLED_MS;
  } catch {
    return false;
  }
}
