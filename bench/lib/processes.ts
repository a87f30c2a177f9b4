/**
 * Children, and what the kernel knows about processes. Linux only, as is the whole bench: it reads /proc.
 *
 * Nothing is left behind: what was started is killed with all its descendants when this process exits, and by a leash
 * (see native/leash.c) should it be killed itself.
 */
import { type ChildProcess, type SpawnOptions, spawn } from 'node:child_process';
import { readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { binary } from './paths.ts';

const children = new Set<ChildProcess>();

/** Makes sure that every end of this process is an `exit`, and that children do not outlive it. */
export function installCleanup(): void {
  process.on('exit', () => {
    for (const child of children) if (child.pid !== undefined) signalAll(descendants(child.pid), 'SIGKILL');
  });
  const status = { SIGHUP: 129, SIGINT: 130, SIGTERM: 143 } as const;
  for (const [signal, code] of Object.entries(status)) process.on(signal, () => process.exit(code));
}

/** Starts a program that dies when this process does. */
export function start(command: readonly string[], options: SpawnOptions): ChildProcess {
  const child = spawn(binary('leash'), command, options);
  children.add(child);
  child.on('exit', () => children.delete(child));
  child.on('error', () => children.delete(child));
  return child;
}

/** Ends a child and everything below it: SIGTERM, and SIGKILL for what is left after a moment. */
export async function stop(child: ChildProcess): Promise<void> {
  // Once it has been reaped, its number may be that of another process.
  if (child.pid === undefined || child.exitCode !== null || child.signalCode !== null) return;
  const pids = descendants(child.pid);
  const gone = new Promise<void>(resolve => {
    child.once('exit', () => resolve());
  });
  signalAll(pids, 'SIGTERM');
  await Promise.race([gone, sleep(500)]);
  signalAll(pids, 'SIGKILL');
  await gone;
}

function signalAll(pids: readonly number[], signal: NodeJS.Signals): void {
  for (const pid of pids) {
    try {
      process.kill(pid, signal);
    } catch {
      // It has ended by itself.
    }
  }
}

/** The contents of a file in /proc, or '' once the process is gone. */
function proc(path: string): string {
  try {
    return readFileSync(`/proc/${path}`, 'latin1');
  } catch {
    return '';
  }
}

function numbers(directory: string): number[] {
  try {
    return readdirSync(`/proc/${directory}`)
      .filter(name => /^\d+$/.test(name))
      .map(Number);
  } catch {
    return [];
  }
}

/** A process and all below it, the process itself first. */
export function descendants(root: number): number[] {
  const childrenOf = new Map<number, number[]>();
  for (const pid of numbers('')) {
    const stat = proc(`${pid}/stat`);
    // The name, in parentheses, may contain anything; the state and the parent follow it.
    const parent = Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[1]);
    const siblings = childrenOf.get(parent);
    if (siblings === undefined) childrenOf.set(parent, [pid]);
    else siblings.push(pid);
  }
  const found = [root];
  for (const pid of found) found.push(...(childrenOf.get(pid) ?? []));
  return found;
}

/** All processes of a server's tree: its own, and the programs it hosts. */
export function serverTree(root: number): { server: number[]; hosted: number[] } {
  const programs = new Set(['hosted', 'tiny'].map(binary));
  const tree = { server: [] as number[], hosted: [] as number[] };
  for (const pid of descendants(root)) {
    try {
      tree[programs.has(readlinkSync(`/proc/${pid}/exe`)) ? 'hosted' : 'server'].push(pid);
    } catch {
      // It has ended.
    }
  }
  return tree;
}

/** CPU time used so far by these processes, in nanoseconds, all threads together. */
export function cpuTime(pids: readonly number[]): number {
  let total = 0;
  for (const pid of pids) {
    for (const task of numbers(`${pid}/task`)) total += Number(proc(`${pid}/task/${task}/schedstat`).split(' ')[0]);
  }
  return total;
}

/**
 * Memory of these processes in KiB, with shared pages divided among those who share them (PSS). Pages of files are left
 * out where the kernel tells them apart: another process that runs the same binary begins or ends, and these change.
 */
export function proportionalMemory(pids: readonly number[]): number {
  let total = 0;
  for (const pid of pids) {
    const rollup = proc(`${pid}/smaps_rollup`);
    const field = (name: string) => Number(new RegExp(`^${name}:\\s+(\\d+)`, 'm').exec(rollup)?.[1] ?? Number.NaN);
    const anonymous = field('Pss_Anon') + field('Pss_Shmem');
    total += Number.isNaN(anonymous) ? field('Pss') || 0 : anonymous;
  }
  return total;
}

/** How many file descriptors these processes have open, the greatest number that one of them has. */
export const descriptors = (pids: readonly number[]): number =>
  Math.max(0, ...pids.map(pid => numbers(`${pid}/fd`).length));

/** Whether some process listens on a TCP port. Asked without connecting, which would be a session to some servers. */
export function isListening(port: number): boolean {
  const local = new RegExp(`^\\s*\\d+: [0-9A-F]+:${port.toString(16).toUpperCase().padStart(4, '0')} \\S+ 0A `, 'm');
  return local.test(proc('net/tcp')) || local.test(proc('net/tcp6'));
}
