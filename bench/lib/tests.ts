/** The work that is measured: which program is hosted, what the load client does, and which numbers become rows. */
import { setTimeout as sleep } from 'node:timers/promises';
import { load, type Sample } from './load.ts';
import { data } from './paths.ts';
import { cpuTime, proportionalMemory } from './processes.ts';
import type { Path, RunningServer } from './servers.ts';

/** How much of everything. */
export interface Sizes {
  readonly megabytes: number;
  readonly keys: number;
  readonly starts: number;
  readonly startsAlone: number;
  readonly pasteMegabytes: number;
  readonly tails: number;
  readonly stallSeconds: number;
  /** Sessions before those whose memory is measured, and those. */
  readonly idleBefore: number;
  readonly idleSessions: number;
}

export const fullSizes: Sizes = {
  megabytes: 32,
  keys: 300,
  starts: 300,
  startsAlone: 60,
  pasteMegabytes: 16,
  tails: 40,
  stallSeconds: 2,
  idleBefore: 400,
  idleSessions: 200,
};

export const quickSizes: Sizes = {
  megabytes: 8,
  keys: 100,
  starts: 120,
  startsAlone: 30,
  pasteMegabytes: 16,
  tails: 16,
  stallSeconds: 1,
  idleBefore: 100,
  idleSessions: 100,
};

/** A row of the table: a number of the samples. */
export interface Row {
  readonly key: string;
  readonly label: string;
  /** How it is compared with the floor; a number that should be 0, or is a difference of two, has no ratio. */
  readonly ratio: boolean;
}

export interface Test {
  readonly name: string;
  readonly rows: readonly Row[];
  /** More rounds than this show nothing new. */
  readonly rounds: number;
  /**
   * Whether a round goes before that does not count. Servers run for weeks, and compilers at run time need some hundred
   * sessions or keys to be done; memory on the other hand is looked at from the start.
   */
  readonly warm: boolean;
  /** Whether every run has a server of its own. */
  readonly fresh?: boolean;
  /** How long such a server has been up when the run begins, in seconds. */
  readonly uptime?: number;
  /** How the client comes to the server; `plain` if undefined. */
  readonly path?: Path;
  /** Number of servers at once, each on its own core; the result is the sum. */
  readonly copies?: number;
  /** The hosted program; see native/hosted.c. */
  program(sizes: Sizes): string;
  /** Its output is not text. */
  readonly binary?: boolean;
  run(server: RunningServer, sizes: Sizes): Promise<Sample>;
}

export const row = (key: string, label: string): Row => ({ key, label, ratio: true });
export const plain = (key: string, label: string): Row => ({ key, label, ratio: false });

const TAIL_BYTES = 256 * 1024;

export function throughput(kind: 'ascii' | 'ansi' | 'bin', label: string): Test {
  const binary = kind === 'bin';
  return {
    name: { ascii: 'ascii', ansi: 'ansi', bin: 'binary' }[kind],
    rows: [
      row('mb_s', `${label}, MB/s`),
      row('cpu_s_per_gb', 'the same, server CPU s per GB'),
      plain('wire_percent', 'bytes on the wire besides the output, %'),
    ],
    rounds: 99,
    warm: true,
    binary,
    program: ({ megabytes }) => `h-${binary ? 'catraw' : 'cat'}-${kind}${megabytes}`,
    async run(server, { megabytes }) {
      const before = cpuTime(server.processes());
      let cpu = 0;
      const options = { expect: data(`${kind}${megabytes}`), onlcr: binary ? 0 : 1, limit: 20 };
      const sample = await load(server, 'throughput', options, () => {
        cpu = cpuTime(server.processes()) - before;
      });
      return sample.error ? sample : { ...sample, cpu_s_per_gb: cpu / Math.max(1, Number(sample.bytes)) };
    },
  };
}

export function latency(floods: number, name: string, label: string, limit = 5): Test {
  const rows = [row('p50_us', `${label}, p50, µs`), row('p99_us', 'the same, p99, µs')];
  if (floods > 0) rows.push(row('flood_mb_s', 'the floods meanwhile, MB/s'));
  return {
    name,
    rows,
    rounds: 99,
    warm: true,
    program: () => (floods > 0 ? 'h-multi' : 'h-echo'),
    run: (server, { keys }) => load(server, 'latency', { keys, floods, limit }),
  };
}

export const starts: Test = {
  name: 'starts',
  rows: [row('per_s', 'sessions started, 8 at a time, a second')],
  rounds: 99,
  warm: true,
  program: () => 'h-hello',
  run: (server, sizes) => load(server, 'connect', { total: sizes.starts, 'at-once': 8, limit: 4 }),
};

const firstByte: Test = {
  name: 'first-byte',
  rows: [row('first_p50_ms', 'one at a time, to the first byte, p50, ms')],
  rounds: 99,
  warm: true,
  program: () => 'h-hello',
  run: (server, sizes) => load(server, 'connect', { total: sizes.startsAlone, 'at-once': 1, limit: 5 }),
};

/** The same with a server that has had no session yet: code that is compiled at run time is not compiled. */
const fresh = (test: Test, label: string): Test => ({
  ...test,
  name: `${test.name}-fresh`,
  rows: test.rows.map(of => ({ ...of, label })),
  warm: false,
  fresh: true,
  uptime: 3,
});

/** The same on another path. */
const onPath = (path: Path, name: string, test: Test): Test => ({
  ...test,
  name: `${path}-${test.name}`,
  rows: test.rows.map(of => ({ ...of, label: `${name}: ${of.label}` })),
  path,
});

const paste: Test = {
  name: 'paste',
  rows: [row('mb_s', 'paste of 16 MB to a raw echo, MB/s'), plain('lost', 'bytes of it lost')],
  rounds: 99,
  warm: true,
  program: () => 'h-echo',
  run: (server, sizes) => load(server, 'paste', { bytes: sizes.pasteMegabytes * 2 ** 20, limit: 10, silence: 2 }),
};

const tail: Test = {
  name: 'tail',
  rows: [plain('lost_avg', 'bytes lost of 256 KiB at a prompt exit')],
  rounds: 3,
  warm: false,
  program: () => 'h-tail',
  async run(server, sizes) {
    const options = { total: sizes.tails, 'at-once': 4, records: 1, limit: 5 };
    const sample = await load(server, 'connect', options);
    if (sample.error) return sample;
    return { ...sample, lost_avg: sample.ok === 0 ? TAIL_BYTES : TAIL_BYTES - Number(sample.bytes_avg) };
  },
};

const slow: Test = {
  name: 'slow-reader',
  rows: [plain('growth_mb', 'growth while a client does not read (PSS), MB')],
  rounds: 3,
  warm: false,
  program: () => 'h-flood',
  async run(server, { stallSeconds }) {
    const before = proportionalMemory(server.processes());
    let most = before;
    const sample = await load(server, 'slow', { hold: stallSeconds + 10 }, async () => {
      for (const end = Date.now() + stallSeconds * 1000; Date.now() < end; await sleep(100)) {
        most = Math.max(most, proportionalMemory(server.processes()));
      }
    });
    return sample.error ? sample : { ...sample, growth_mb: (most - before) / 1024, stalled_s: stallSeconds };
  },
};

const idle: Test = {
  name: 'idle',
  rows: [plain('kb_per_session', 'memory of one more idle session (PSS), KB')],
  rounds: 3,
  warm: false,
  program: () => 'h-echo',
  async run(server, { idleBefore: warm, idleSessions }) {
    // The first sessions also pay for what all have in common; the difference of two states is what one more costs.
    const seen: number[] = [proportionalMemory(server.processes())];
    const sample = await load(server, 'idle', { conns: idleSessions, warm, hold: 20 }, async () => {
      await sleep(500);
      seen.push(proportionalMemory(server.processes()));
    });
    if (sample.error) return sample;
    const [cold = 0, warmed = 0, full = 0] = seen;
    return {
      ...sample,
      kb_per_session: (full - warmed) / idleSessions,
      kb_per_session_cold: (full - cold) / (idleSessions + warm),
      base_mb: cold / 1024,
    };
  },
};

const text = throughput('ascii', 'text flood');
const echo = latency(0, 'latency', 'keystroke to echo');

export const tests: readonly Test[] = [
  text,
  throughput('ansi', 'ANSI and UTF-8 flood'),
  throughput('bin', 'random binary flood'),
  echo,
  latency(1, 'latency-1', 'keystroke to echo beside 1 flood'),
  latency(8, 'latency-8', 'keystroke to echo beside 8 floods'),
  starts,
  firstByte,
  fresh(starts, 'the first sessions of a server, 8 at a time, a second'),
  fresh(firstByte, 'its first sessions one at a time, to the first byte, p50, ms'),
  paste,
  tail,
  slow,
  idle,
  onPath('tls', 'TLS', text),
  onPath('tls', 'TLS', echo),
  onPath('tls', 'TLS', starts),
  onPath('proxy', 'PROXY', starts),
];

/** What has to be known about a run beside its numbers, or nothing. */
export function remark(sample: Sample): string | undefined {
  if (sample.error !== undefined) return sample.error;
  const is = (key: string, value: boolean) => sample[key] === value;
  if (is('still', true)) return 'the floods stood still';
  if (Number(sample.failed) > 0) return `${sample.failed} sessions did not start`;
  if (is('complete', false) && Number(sample.unfinished) > 0) return 'sessions hung or never begun';
  if (is('complete', false)) return 'not complete in time';
  if (Number(sample.empty) > 0) return 'sessions closed without any output';
  if (is('intact', false) && !is('decoded_intact', true)) return 'bytes differ';
  if (is('right', false)) return 'bytes wrong after the stall';
  if (is('closed', true)) return 'closed the stalled session';
  return undefined;
}
