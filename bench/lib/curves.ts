/**
 * The curves: one kind of work against a number. `npm run bench -- --curve NAME`; docs/performance.md explains them.
 */
import { availableParallelism } from 'node:os';
import { setTimeout as sleep } from 'node:timers/promises';
import { load, type Sample } from './load.ts';
import { settledKernelMemory, ticks } from './machine.ts';
import { cpuTime, descriptors, proportionalMemory } from './processes.ts';
import type { RunningServer } from './servers.ts';
import { latency, plain, type Row, row, starts, type Test, throughput } from './tests.ts';

export interface Curve {
  readonly name: string;
  /** What the number counts. */
  readonly axis: string;
  readonly numbers: readonly number[];
  readonly quickNumbers: readonly number[];
  /** The servers that are measured unless others are asked for. */
  readonly servers: readonly string[];
  readonly rounds: number;
  /** What is measured at a number; the rows of all are the columns of the table. */
  tests(number: number): readonly Test[];
}

const fairness: Curve = {
  name: 'fairness',
  axis: 'floods',
  numbers: [0, 1, 8, 64, 512],
  quickNumbers: [0, 8, 64],
  servers: ['floor', 'telpty', 'telpty-2', 'inetutils', 'busybox', 'socat', 'ttyd', 'node-pty'],
  rounds: 3,
  tests: floods => [
    {
      ...latency(floods, `latency-${floods}`, 'echo', floods > 64 ? 40 : floods > 8 ? 20 : 5),
      rows: [row('p50_us', 'echo p50, µs'), row('p99_us', 'echo p99, µs'), row('flood_mb_s', 'the floods, MB/s')],
    },
  ],
};

/** One session in this many is active, */
const ACTIVE_SHARE = 100;
/** and types a key at this interval, in microseconds, */
const KEY_EVERY_US = 100_000;
/** for this number of seconds. */
const TYPING_S = 5;
/** Idle CPU is measured over this number of milliseconds. */
const IDLE_MS = 3000;
/** Hosted programs are all alike: the memory of this many is read. */
const PROGRAMS_ASKED = 50;

const sessions: Curve = {
  name: 'sessions',
  axis: 'sessions',
  numbers: [500, 1000, 2000, 5000, 10_000],
  quickNumbers: [250, 500],
  servers: ['floor', 'telpty', 'telpty-2', 'telpty-4'],
  rounds: 1,
  tests: number => [
    {
      name: `sessions-${number}`,
      rows: [
        plain('started', 'started'),
        row('per_s', 'a second'),
        plain('server_kb', 'server, KB each'),
        plain('kernel_kb', 'kernel, KB each'),
        plain('program_kb', 'program, KB'),
        plain('descriptors', 'descriptors each'),
        plain('idle_cpu', 'CPU idle, %'),
        row('p50_us', 'echo p50, µs'),
        row('p99_us', 'echo p99, µs'),
        row('key_cpu_us', 'server CPU a key, µs'),
        plain('key_all_us', 'all CPU a key, µs'),
      ],
      rounds: 99,
      warm: false,
      fresh: true,
      program: () => 'h-tiny',
      run: server => manySessions(server, number),
    },
  ],
};

/** CPU time of the whole machine in nanoseconds. */
function machineTime(): number {
  const { total, idle } = ticks();
  return (total - idle) * 1e7;
}

async function manySessions(server: RunningServer, number: number): Promise<Sample> {
  const own = server.processes();
  const before = { kernel: await settledKernelMemory(), server: proportionalMemory(own), open: descriptors(own) };
  const found: Record<string, number> = {};
  let [typing, machine] = [0, 0];
  const options = {
    conns: number,
    'at-once': 32,
    active: Math.ceil(number / ACTIVE_SHARE),
    'interval-us': KEY_EVERY_US,
    limit: TYPING_S,
    hold: 60,
  };
  const sample = await load(server, 'scale', options, async event => {
    const pids = server.processes();
    if (event === 'open') {
      const kernel = await settledKernelMemory();
      const programs = server.hosted();
      const asked = programs.slice(0, PROGRAMS_ASKED);
      const each = (value: number) => value / Math.max(1, programs.length);
      found.server_kb = each(proportionalMemory(pids) - before.server);
      found.kernel_kb = each(kernel - before.kernel);
      found.program_kb = proportionalMemory(asked) / Math.max(1, asked.length);
      // The greatest process holds its share of the sessions.
      found.descriptors = each(descriptors(pids) - before.open) * (server.kind.workers ?? 1);
      found.base_mb = before.server / 1024;
      const cpu = cpuTime(pids);
      await sleep(IDLE_MS);
      found.idle_cpu = (cpuTime(pids) - cpu) / 1e4 / IDLE_MS;
    } else if (event === 'active') {
      [typing, machine] = [cpuTime(pids), machineTime()];
    } else {
      [typing, machine] = [cpuTime(pids) - typing, machineTime() - machine];
    }
  });
  if (sample.error) return sample;
  const keys = Math.max(1, Number(sample.typed));
  const others = machine - Number(sample.client_cpu_s) * 1e9;
  return { ...sample, ...found, key_cpu_us: typing / 1e3 / keys, key_all_us: others / 1e3 / keys };
}

/** Doubling, up to what there is. */
const cores = [1, 2, 4, 8, 16, 32, 64, 128].filter(count => count <= availableParallelism());

/**
 * Several servers at once, each with its client and its programs on a core of its own, and the sum of what they do. If
 * they shared nothing it would be that number times the result of one; a lower sum shows what they share: locks of the
 * kernel, its workers (which go where there is room), memory and caches.
 */
const copies: Curve = {
  name: 'copies',
  axis: 'servers, a core each',
  numbers: cores,
  quickNumbers: cores,
  servers: ['floor', 'telpty'],
  rounds: 5,
  tests: count =>
    [starts, throughput('ansi', 'ANSI flood')].map(test => ({
      ...test,
      name: `${test.name}-x${count}`,
      copies: count,
      rows: test.rows.filter(({ key }) => key === 'per_s' || key === 'mb_s').map(sum),
    })),
};

function sum({ key }: Row): Row {
  return row(key, key === 'per_s' ? 'sessions started a second, all' : 'ANSI floods, MB/s, all');
}

export const curves: readonly Curve[] = [fairness, sessions, copies];
