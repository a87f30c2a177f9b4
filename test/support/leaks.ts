import assert from 'node:assert/strict';
import { existsSync, readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { connect } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import { addon } from '../../src/native/load.ts';
import { PATIENCE_MS } from './patience.ts';

/** One process, as read from /proc. */
export interface ProcessInfo {
  pid: number;
  ppid: number;
  /** `Z` is a zombie. */
  state: string;
  /** The kernel's short name (15 characters). */
  name: string;
  session: number;
}

/** All processes. A process that ends meanwhile is left out. */
export function processes(): ProcessInfo[] {
  const list: ProcessInfo[] = [];
  for (const entry of readdirSync('/proc')) {
    if (!/^\d+$/.test(entry)) continue;
    const info = processInfo(Number(entry));
    if (info) list.push(info);
  }
  return list;
}

/** One process, zombies too; undefined when it is gone. */
export function processInfo(pid: number): ProcessInfo | undefined {
  let stat: string;
  try {
    stat = readFileSync(`/proc/${pid}/stat`, 'latin1');
  } catch {
    return undefined;
  }
  // pid (name) state ppid pgrp session …; the name may contain anything, so look for the last parenthesis.
  const open = stat.indexOf('(');
  const close = stat.lastIndexOf(')');
  const [state = '?', ppid, , session] = stat.slice(close + 2).split(' ');
  return { pid, ppid: Number(ppid), state, name: stat.slice(open + 1, close), session: Number(session) };
}

/** Whether the kernel lists children. To find them among all processes costs forty times as much. */
const listsChildren = existsSync('/proc/thread-self/children');

/** Direct children of `pid`, zombies too. */
export function childrenOf(pid: number): ProcessInfo[] {
  if (!listsChildren) return processes().filter(info => info.ppid === pid);
  // While a child ends, a list may lack another one: two that are equal are complete.
  let list = readChildren(pid);
  for (let before: string | undefined; list !== before; ) [before, list] = [list, readChildren(pid)];
  const ids = list.split(' ').filter(Boolean).map(Number);
  ids.sort((one, other) => one - other);
  // An id may belong to another process by now.
  return ids.map(processInfo).filter((info): info is ProcessInfo => info?.ppid === pid);
}

/** The ids of the children of all threads, in the words of the kernel. */
function readChildren(pid: number): string {
  let list = '';
  try {
    for (const thread of readdirSync(`/proc/${pid}/task`)) {
      list += readFileSync(`/proc/${pid}/task/${thread}/children`, 'latin1');
    }
  } catch {
    // A thread has ended. Another one, if there is one, has its children the next time.
  }
  return list;
}

/** Children, their children and so on. */
export function descendantsOf(pid: number): ProcessInfo[] {
  const found: ProcessInfo[] = [];
  const queue = [pid];
  for (let parent = queue.pop(); parent !== undefined; parent = queue.pop()) {
    for (const info of childrenOf(parent)) {
      found.push(info);
      queue.push(info.pid);
    }
  }
  return found;
}

/** True while the process exists and is not a zombie. */
export function isAlive(pid: number): boolean {
  const info = processInfo(pid);
  return info !== undefined && info.state !== 'Z';
}

/**
 * What the open descriptors of a process are: number → `socket:[123]`, `/dev/pts/ptmx`, … Right after exec they include
 * the dynamic loader's: first wait for output of the program, or with `untilReading`.
 */
export function openFds(pid: number): Map<number, string> {
  const fds = new Map<number, string>();
  for (const entry of readdirSync(`/proc/${pid}/fd`)) {
    try {
      fds.set(Number(entry), readlinkSync(`/proc/${pid}/fd/${entry}`));
    } catch {
      // closed between the two calls; for our own process: the directory handle itself
    }
  }
  return fds;
}

/** What a server holds: compared before and after. */
export interface Holdings {
  fds: Map<number, string>;
  children: ProcessInfo[];
  threads: number;
}

export function holdings(pid: number): Holdings {
  return { fds: openFds(pid), children: childrenOf(pid), threads: readdirSync(`/proc/${pid}/task`).length };
}

/** Resident memory in bytes. */
export function residentBytes(pid: number): number {
  const pages = readFileSync(`/proc/${pid}/statm`, 'latin1').split(' ')[1];
  return Number(pages) * 4096;
}

/** `socket:[123]` is a socket, whichever. */
const kindOf = (target: string) => target.replace(/\d+/g, 'N');

function countKinds(fds: Holdings['fds']): Map<string, number> {
  const counts = new Map<string, number>();
  for (const target of fds.values()) counts.set(kindOf(target), (counts.get(kindOf(target)) ?? 0) + 1);
  return counts;
}

/** What `now` has beyond `before`, one line each; empty when nothing leaked. */
export function leaked(before: Holdings, now: Holdings): string[] {
  const lines: string[] = [];
  const known = new Set(before.children.map(child => child.pid));
  for (const child of now.children) {
    if (!known.has(child.pid)) lines.push(`child ${child.pid} (${child.name}, state ${child.state})`);
  }
  // By kind: a server may hold files when it begins to listen, and closes them (the terminfo directories). A socket
  // that is left later must not count as one of them.
  const allowed = countKinds(before.fds);
  for (const [kind, count] of countKinds(now.fds)) {
    if (count <= (allowed.get(kind) ?? 0)) continue;
    for (const [fd, target] of now.fds) {
      if (kindOf(target) === kind && before.fds.get(fd) !== target) lines.push(`fd ${fd} -> ${target}`);
    }
  }
  // libuv's own pool of four, and of Node's signal and inspector threads, may start late; a thread a child may not.
  if (now.threads > before.threads + 8) lines.push(`threads: ${before.threads} -> ${now.threads}`);
  return lines;
}

/**
 * Waits until process `pid` holds no more than `before`: what closing takes is up to the server, so this is a poll of
 * the kernel's tables. Fails with a list of what is left.
 */
export async function assertNoLeaks(pid: number, before: Holdings, timeout = PATIENCE_MS): Promise<void> {
  const deadline = Date.now() + timeout;
  for (;;) {
    const lines = leaked(before, holdings(pid));
    if (lines.length === 0) return;
    if (Date.now() > deadline)
      throw new Error(`process ${pid} still holds after ${timeout} ms:\n  ${lines.join('\n  ')}`);
    await delay(20);
  }
}

/** Waits until none of `pids` exists, not even as a zombie. */
export async function assertGone(pids: number | readonly number[], timeout = PATIENCE_MS): Promise<void> {
  const list = typeof pids === 'number' ? [pids] : pids;
  await untilTrue(
    () => list.every(pid => processInfo(pid) === undefined),
    timeout,
    () => `still there: ${list.map(pid => JSON.stringify(processInfo(pid))).join(' ')}`,
  );
}

/** Waits until no socket listens on the port of 127.0.0.1. */
export function assertPortFree(port: number): Promise<void> {
  return new Promise((resolve, reject) => {
    const socket = connect(port, '127.0.0.1');
    socket.once('error', () => resolve());
    socket.once('connect', () => {
      socket.destroy();
      reject(new Error(`port ${port} is still open`));
    });
  });
}

/** Polls something outside this process (where no event can be had) every 20 ms until it is true. */
export async function untilTrue(
  condition: () => boolean,
  timeout = PATIENCE_MS,
  describe?: () => string,
): Promise<void> {
  const deadline = Date.now() + timeout;
  while (!condition()) {
    if (Date.now() > deadline) throw new Error(`${timeout} ms passed: ${describe ? describe() : condition}`);
    await delay(20);
  }
}

/**
 * Waits until a process that never rests by itself is blocked indefinitely: seen asleep ten times in a row. Stops
 * waiting when `isOver` returns true.
 */
export async function untilBlocked(find: () => ProcessInfo | undefined, isOver = () => false): Promise<void> {
  let asleep = 0;
  await untilTrue(() => {
    if (isOver()) return true;
    asleep = find()?.state === 'S' ? asleep + 1 : 0;
    return asleep === 10;
  }, 4 * PATIENCE_MS);
}

/** The number of the system call read(2). */
const READ: Partial<Record<string, string>> = { x64: '0', arm64: '63' };

/**
 * Waits until a program sleeps in a read of its standard input. Only then is what /proc shows of it its own: before,
 * its memory may still be empty, and its dynamic loader may have a library open, also after a moment without one.
 */
export async function untilReading(pid: number): Promise<void> {
  await untilTrue(
    () => {
      const info = processInfo(pid);
      if (info === undefined || info.state === 'Z') throw new Error(`process ${pid} ended before it read its input`);
      if (info.state !== 'S') return false;
      const read = READ[process.arch];
      if (read === undefined) return true;
      try {
        return readFileSync(`/proc/${pid}/syscall`, 'latin1').startsWith(`${read} 0x0 `);
      } catch {
        // Not every kernel shows system calls, nor to every user. To sleep in anything is then the best sign.
        return true;
      }
    },
    PATIENCE_MS,
    () => `process ${pid} does not read its input: ${JSON.stringify(processInfo(pid))}`,
  );
}

/** Fails if this thread's addon holds a terminal, a program, a connection or anything else that comes and goes. */
export function assertNothingHeld(): void {
  // A total, not a number of things.
  const { sentByThread: _, ...counts } = addon().counts();
  assert.deepEqual(
    Object.entries(counts).filter(([, count]) => count !== 0),
    [],
  );
}
