/** What the system lets thousands of sessions have, and room for them where that can be made. */
import { readFileSync, writeFileSync } from 'node:fs';

const PTY_MAX = '/proc/sys/kernel/pty/max';
/** Terminals beyond those of the sessions: other people's. */
const SPARE = 64;

function number(file: string, column = 0): number {
  try {
    const text = readFileSync(file, 'latin1').trim().split(/\s+/)[column] ?? '';
    return text === 'max' ? Number.POSITIVE_INFINITY : Number(text);
  } catch {
    return Number.NaN;
  }
}

/** Limits by name; those that are absent here or unlimited are left out. */
export type Limits = Readonly<Record<string, number>>;

export function limits(): Limits {
  const own = readFileSync('/proc/self/limits', 'latin1');
  const hard = (name: string) => Number(new RegExp(`^Max ${name} +\\S+ +(\\d+)`, 'm').exec(own)?.[1] ?? Number.NaN);
  const ports = '/proc/sys/net/ipv4/ip_local_port_range';
  const found = {
    'terminals (kernel.pty.max)': number(PTY_MAX),
    'of them for the first namespace alone (kernel.pty.reserve)': number('/proc/sys/kernel/pty/reserve'),
    'terminals in use': number('/proc/sys/kernel/pty/nr'),
    'file descriptors of a process (ulimit -Hn)': hard('open files'),
    'processes (kernel.pid_max)': number('/proc/sys/kernel/pid_max'),
    'processes of a user (ulimit -u)': hard('processes'),
    'processes (pids.max of the cgroup)': number(cgroup('pids.max')),
    'client ports to one address': number(ports, 1) - number(ports) + 1,
  };
  return Object.fromEntries(Object.entries(found).filter(([, value]) => Number.isFinite(value)));
}

/** A file of this process's control group, version 2 or 1. */
function cgroup(file: string): string {
  try {
    const lines = readFileSync('/proc/self/cgroup', 'latin1').split('\n');
    const [, path] = /^0::(.*)$/m.exec(lines.join('\n')) ?? [];
    const old = lines.find(line => line.split(':')[1]?.split(',').includes('pids'))?.split(':')[2];
    return old === undefined ? `/sys/fs/cgroup${path ?? ''}/${file}` : `/sys/fs/cgroup/pids${old}/${file}`;
  } catch {
    return '';
  }
}

/**
 * Raises kernel.pty.max for this number of sessions, if that is necessary and permitted; it is restored when this
 * process ends, unless that is by SIGKILL. Returns the notice to print.
 */
export function makeRoom(sessions: number): string[] {
  const before = number(PTY_MAX);
  const needed = sessions + number('/proc/sys/kernel/pty/nr') + number('/proc/sys/kernel/pty/reserve') + SPARE;
  if (before >= needed) return [];
  try {
    writeFileSync(PTY_MAX, String(needed));
  } catch {
    return [`warning: kernel.pty.max is ${before} and cannot be raised: sysctl kernel.pty.max=${needed} would do`];
  }
  process.on('exit', () => {
    // A change that another process made meanwhile is kept.
    if (number(PTY_MAX) === needed) writeFileSync(PTY_MAX, String(before));
  });
  return [`kernel.pty.max is raised from ${before} to ${needed} until the end`];
}
