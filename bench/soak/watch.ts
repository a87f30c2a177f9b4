/** What a server holds, seen from outside. */
import { readFileSync } from 'node:fs';
import { childrenOf, openFds, residentBytes } from '../../test/support/leaks.ts';

/** A server at one moment; sizes in bytes, of all its processes together. */
export interface Sample {
  readonly resident: number;
  /**
   * PSS without pages of files. Each process with the same binary, which other tests start and end, changes the share
   * of those pages.
   */
  readonly proportional: number;
  readonly descriptors: number;
  readonly terminals: number;
  readonly programs: number;
}

/** The processes of a server: itself, and its workers. */
export function processesOf(pid: number, workers: number): number[] {
  return workers === 1 ? [pid] : [pid, ...childrenOf(pid).map(child => child.pid)];
}

export function sample(pid: number, workers: number): Sample {
  const pids = processesOf(pid, workers);
  const sum = (value: (pid: number) => number) => pids.reduce((total, each) => total + value(each), 0);
  const serving = workers === 1 ? pids : pids.slice(1);
  return {
    resident: sum(residentBytes),
    proportional: sum(proportionalBytes),
    descriptors: sum(each => openFds(each).size),
    terminals: sum(each => [...openFds(each).values()].filter(target => target.endsWith('/ptmx')).length),
    programs: serving.reduce((total, each) => total + childrenOf(each).length, 0),
  };
}

function proportionalBytes(pid: number): number {
  const lines = readFileSync(`/proc/${pid}/smaps_rollup`, 'latin1').matchAll(/^Pss_(?:Anon|Shmem):\s+(\d+)/gm);
  return [...lines].reduce((sum, [, kilobytes]) => sum + Number(kilobytes), 0) * 1024;
}

const mega = (bytes: number) => `${(bytes / 2 ** 20).toFixed(1)} MB`;

export function describeSample({ resident, proportional, descriptors, terminals, programs }: Sample): string {
  return `RSS ${mega(resident)}, PSS ${mega(proportional)}, ${descriptors} descriptors, ${terminals} terminals, ${programs} programs`;
}

/** Memory that a server may keep after a soak beyond what it had when it was warm: V8 returns memory late. */
const FREE = 16 * 2 ** 20;
const PART = 0.1;

/** The faults of an idle server after load; `warm` was taken when it was idle before, after some load. */
export function verdict(warm: Sample, now: Sample, processes: number): string[] {
  const wrong: string[] = [];
  if (now.programs > 0) wrong.push(`${now.programs} programs are left`);
  if (now.terminals > 0) wrong.push(`${now.terminals} terminals are left`);
  if (now.descriptors > warm.descriptors) wrong.push(`${now.descriptors} descriptors, ${warm.descriptors} when warm`);
  const allowed = warm.proportional * (1 + PART) + FREE * processes;
  if (now.proportional > allowed)
    wrong.push(`PSS is ${mega(now.proportional)}, was ${mega(warm.proportional)} when warm`);
  return wrong;
}
