/** Facts about the machine, and whether it is quiet enough to measure on. */
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { availableParallelism, cpus, loadavg, release, totalmem } from 'node:os';
import { setTimeout as sleep } from 'node:timers/promises';
import { Failure } from './failure.ts';

/** Of a machine; no names, so that results can be shown. */
export interface Machine {
  readonly cores: number;
  readonly cpu: string;
  readonly memoryGiB: number;
  readonly kernel: string;
  readonly node: string;
  /** The load average of the last minute. */
  readonly load: number;
  /** What all processes together used of the CPUs during one second before the start, in percent. */
  readonly busy: number;
}

/** The counters of the first line of /proc/stat, in ticks. */
export interface Ticks {
  readonly total: number;
  readonly idle: number;
  readonly steal: number;
}

export function ticks(): Ticks {
  const fields = readFileSync('/proc/stat', 'latin1').split('\n', 1)[0]!.split(/\s+/).slice(1, 9).map(Number);
  const [, , , idle = 0, waiting = 0, , , steal = 0] = fields;
  return { total: fields.reduce((sum, value) => sum + value, 0), idle: idle + waiting, steal };
}

/** The share of all CPU time since `before` that the hypervisor gave to other machines, in percent. */
export function stealSince(before: Ticks): number {
  const after = ticks();
  return (100 * (after.steal - before.steal)) / Math.max(1, after.total - before.total);
}

/**
 * Memory of the kernel for processes, terminals and sockets, in KiB: slabs, page tables, and vmalloc (stacks, and the
 * buffers of a terminal's two ends). The whole machine's, so rough.
 */
export function kernelMemory(): number {
  const text = readFileSync('/proc/meminfo', 'latin1');
  const field = (name: string) => Number(new RegExp(`^${name}:\\s+(\\d+)`, 'm').exec(text)?.[1] ?? 0);
  const [stacks, virtual] = [field('KernelStack'), field('VmallocUsed')];
  // Where stacks are got by vmalloc, as is usual, they are counted there.
  return field('Slab') + field('PageTables') + field('Percpu') + (virtual < stacks ? virtual + stacks : virtual);
}

/** The same when it has stood still for half a second, or ten have gone by: what ended has to be cleared away. */
export async function settledKernelMemory(): Promise<number> {
  let last = kernelMemory();
  for (let i = 0; i < 20; i++) {
    await sleep(500);
    const next = kernelMemory();
    if (Math.abs(next - last) < 512) return next;
    last = next;
  }
  return last;
}

/** Restricts this process, and all that it starts from now on, to the first processors that it may use. */
export function restrict(cores: number): void {
  const mine = /^Cpus_allowed_list:\s*(\S+)/m.exec(readFileSync('/proc/self/status', 'latin1'))?.[1] ?? '';
  const all = mine.split(',').flatMap(range => {
    const [first = 0, last = first] = range.split('-').map(Number);
    return Array.from({ length: last - first + 1 }, (_, index) => first + index);
  });
  const list = all.slice(0, cores).join();
  const { error, status, stderr } = spawnSync('taskset', ['-a', '-p', '-c', list, String(process.pid)], {
    encoding: 'utf8',
  });
  if (error) throw new Failure('--cores: needs taskset (Debian: apt-get install util-linux)', 1);
  if (status !== 0) throw new Failure(`--cores: ${stderr.trim().split('\n')[0]}`, 1);
}

export async function examine(): Promise<Machine> {
  const before = ticks();
  await sleep(1000);
  const after = ticks();
  return {
    cores: availableParallelism(),
    cpu: cpus()[0]?.model ?? 'unknown',
    memoryGiB: Math.round(totalmem() / 2 ** 30),
    kernel: release().replace(/^(\d+\.\d+).*$/, '$1'),
    node: process.version,
    load: loadavg()[0]!,
    busy: 100 * (1 - (after.idle - before.idle) / Math.max(1, after.total - before.total)),
  };
}

export function describe(machine: Machine): string {
  const { cores, cpu, memoryGiB, kernel, node, load, busy } = machine;
  return `${cores} cores (${cpu}), ${memoryGiB} GiB, Linux ${kernel}, Node.js ${node}; before the start: load ${load.toFixed(2)}, CPU ${busy.toFixed(0)} % busy`;
}

/** What makes numbers of this machine doubtful. */
export function doubts(machine: Machine): string[] {
  const found: string[] = [];
  if (machine.busy > 10)
    found.push(`the machine is busy (${machine.busy.toFixed(0)} % of its CPU time): numbers will be worse and noisier`);
  if (machine.load > machine.cores / 2)
    found.push(
      `the load is ${machine.load.toFixed(1)} on ${machine.cores} cores: something else was running a moment ago`,
    );
  if (machine.cores < 2)
    found.push('one core: client, program, kernel worker and server take turns, and latencies mean little');
  return found;
}
