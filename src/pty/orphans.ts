/**
 * Programs of a server that was killed. The kernel hangs up their terminals, but a program that ignores SIGHUP
 * continues without one. Another process that has a list of all starts can kill these.
 *
 * The numbers of these sessions may have been reused, so each is checked first. The kernel reuses a number only after
 * the whole session has ended, so the new process began after the program in the list.
 */
import { readFile } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { KillPatience, listSessions, living, signalMembers } from './hangup.ts';
import { signalNumber } from './signal-names.ts';

/** A program that leads a session, whose number is its process id. */
export interface Leader {
  readonly pid: number;
  /** A time after its start, by `performance.now()`. */
  readonly seen: number;
}

/** Units of the times in `/proc` per second; the same on every Linux. */
const TICKS = 100;
/** Differences between the clocks, and the time that Node.js took to start ours, in seconds. */
const SLACK = 1;
/** Interval between two checks of killed processes, in milliseconds. */
const PAUSE = 20;

/**
 * Kills all processes of these sessions, repeatedly, because a process may fork between list and signal. On systems
 * without `/proc` it does nothing: there only the kernel's SIGHUP ends programs.
 */
export async function killOrphans(leaders: readonly Leader[]): Promise<void> {
  let left = await trustworthy(leaders);
  const patience = new KillPatience();
  while (left.length > 0 && !patience.isOver) {
    const sessions = await listSessions();
    const found = await Promise.all(left.map(pid => living(sessions.get(pid) ?? [])));
    for (const [index, members] of found.entries())
      await signalMembers(left[index]!, 0, members, [signalNumber('SIGKILL')]);
    patience.remain(found.flat().length);
    left = left.filter((_, index) => found[index]!.length > 0);
    if (left.length > 0) await sleep(PAUSE);
  }
}

/** The numbers that have not been reused since. */
async function trustworthy(leaders: readonly Leader[]): Promise<number[]> {
  if (leaders.length === 0) return [];
  const ours = (await startOf('self')) ?? 0;
  const starts = await Promise.all(leaders.map(({ pid }) => startOf(pid)));
  const pids: number[] = [];
  for (const [index, { pid, seen }] of leaders.entries()) {
    const start = starts[index];
    // A session without its leader that still exists is the same one.
    if (start === undefined || (start - ours) / TICKS <= seen / 1_000 + SLACK) pids.push(pid);
  }
  return pids;
}

/** The start time of a process, in ticks since the boot; undefined if it does not exist. */
async function startOf(pid: number | 'self'): Promise<number | undefined> {
  const stat = await readFile(`/proc/${pid}/stat`, 'latin1').catch(() => undefined);
  // The text after the name in parentheses begins with field 3; the start time is field 22.
  return stat === undefined ? undefined : Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19]);
}
