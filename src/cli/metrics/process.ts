/**
 * The metrics that every process reports about itself, whatever its task. The set of prom-client, which has similar
 * names, was rejected: it samples the event loop a hundred times per second, and counts its own sampling as delay.
 */
import { readFileSync } from 'node:fs';
import { readdir } from 'node:fs/promises';
import { type IntervalHistogram, monitorEventLoopDelay } from 'node:perf_hooks';
import { Counter, Gauge, type Registry } from 'prom-client';
import { ownPackage } from '../../package.ts';

/** The sampling interval of the event loop, in milliseconds. Each sample wakes the process. */
const LOOK_MS = 20;

/** The metrics of this process that do not count what it serves. */
export class ProcessMetrics {
  readonly #cpu: Counter<'mode'>;
  readonly #memory: Gauge;
  readonly #heap: Gauge;
  readonly #descriptors: Gauge;
  readonly #delay: Gauge<'stat'>;
  readonly #loop: IntervalHistogram = monitorEventLoopDelay({ resolution: LOOK_MS });

  constructor(registry: Registry) {
    const registers = [registry];
    this.#cpu = new Counter({
      name: 'telpty_process_cpu_seconds_total',
      help: 'CPU time spent, in user mode and in the kernel',
      labelNames: ['mode'],
      registers,
    });
    this.#memory = new Gauge({
      name: 'telpty_process_resident_memory_bytes',
      help: 'Resident memory of the server without its programs',
      registers,
    });
    this.#heap = new Gauge({
      name: 'telpty_process_heap_bytes',
      help: 'Memory in use on the heap of JavaScript',
      registers,
    });
    this.#descriptors = new Gauge({
      name: 'telpty_process_open_fds',
      help: 'Open file descriptors; with workers, of the process with the most',
      aggregator: 'max',
      registers,
    });
    this.#delay = new Gauge({
      name: 'telpty_event_loop_delay_seconds',
      help: 'Event loop delay since the last scrape; with workers, of the slowest process',
      labelNames: ['stat'],
      aggregator: 'max',
      registers,
    });
    const limit = new Gauge({
      name: 'telpty_process_max_fds',
      help: 'Limit on open file descriptors of one process',
      aggregator: 'min',
      registers,
    });
    const start = new Gauge({
      name: 'telpty_process_start_time_seconds',
      help: 'Start time of the process in seconds since 1970; with workers, of the first',
      aggregator: 'min',
      registers,
    });
    const build = new Gauge({
      name: 'telpty_build_info',
      help: 'Always 1; labels hold the versions',
      labelNames: ['version', 'node'],
      aggregator: 'first',
      registers,
    });
    build.set({ version: ownPackage()?.version ?? '', node: process.versions.node }, 1);
    limit.set(descriptorLimit());
    start.set(performance.timeOrigin / 1_000);
    this.#loop.enable();
  }

  /** Updates all values. */
  async refresh(): Promise<void> {
    const { user, system } = process.cpuUsage();
    this.#cpu.reset();
    this.#cpu.inc({ mode: 'user' }, user / 1e6);
    this.#cpu.inc({ mode: 'system' }, system / 1e6);
    const { rss, heapUsed } = process.memoryUsage();
    this.#memory.set(rss);
    this.#heap.set(heapUsed);
    const loop = this.#loop;
    // The recorded values are the times between two samples.
    const late = (nanoseconds: number) => Math.max(0, nanoseconds / 1e9 - LOOK_MS / 1e3);
    const seen = loop.max > 0;
    this.#delay.set({ stat: 'p50' }, seen ? late(loop.percentile(50)) : 0);
    this.#delay.set({ stat: 'p99' }, seen ? late(loop.percentile(99)) : 0);
    this.#delay.set({ stat: 'max' }, seen ? late(loop.max) : 0);
    loop.reset();
    this.#descriptors.set(await openDescriptors());
  }
}

async function openDescriptors(): Promise<number> {
  try {
    // Reading the directory takes one descriptor.
    return (await readdir('/dev/fd')).length - 1;
  } catch {
    return Number.NaN;
  }
}

function descriptorLimit(): number {
  try {
    const [, soft = ''] = /^Max open files\s+(\S+)/m.exec(readFileSync('/proc/self/limits', 'latin1')) ?? [];
    return soft === 'unlimited' ? Number.POSITIVE_INFINITY : Number.parseInt(soft, 10);
  } catch {
    return Number.NaN;
  }
}
