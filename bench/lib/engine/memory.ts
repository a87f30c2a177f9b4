/**
 * How much memory: what a negotiated connection keeps, and what is allocated for each megabyte that passes.
 *
 * Allocation can be seen only while nothing is collected, so this is a process of its own with a young generation large
 * enough for the whole measurement; it prints JSON. Started by {@link measureMemory}.
 */
import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { median } from '../statistics.ts';
import { makeInputs } from './inputs.ts';
import { negotiate, newBinaryEngine, newEngine, produced } from './protocol.ts';

export interface Memory {
  /** Bytes of heap and buffers that one negotiated connection keeps. */
  readonly perConnection: number;
  /** Bytes allocated for each megabyte, by input, then by what is done. */
  readonly perMegabyte: Readonly<Record<string, Readonly<Record<string, number>>>>;
}

const FLAGS = ['--expose-gc', '--min-semi-space-size=256', '--max-semi-space-size=256'];
const CONNECTIONS = 5000;
const REPEATS = 9;
const SAMPLE = 512 * 1024;

export function measureMemory(): Memory | undefined {
  const args = [...process.execArgv, ...FLAGS, fileURLToPath(import.meta.url)];
  const { status, stdout } = spawnSync(process.execPath, args, {
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  return status === 0 ? (JSON.parse(stdout) as Memory) : undefined;
}

function used(): number {
  const { heapUsed, arrayBuffers } = process.memoryUsage();
  return heapUsed + arrayBuffers;
}

/** How much `work` makes the heap grow, as the median of several runs: the compiler sometimes allocates too. */
function growth(work: () => void): number {
  const found = Array.from({ length: REPEATS }, () => {
    globalThis.gc!();
    const before = used();
    work();
    return used() - before;
  });
  return median(found);
}

function connection(): number {
  const perConnection = growth(() => {
    const kept = Array.from({ length: CONNECTIONS }, negotiate);
    globalThis.gc!();
    produced.bytes += kept.length;
  });
  return perConnection / CONNECTIONS;
}

function allocated(chunks: readonly Buffer[], work: (chunk: Buffer) => void): number {
  const size = chunks.reduce((sum, chunk) => sum + chunk.length, 0);
  for (let i = 0; i < REPEATS; i++) chunks.forEach(work);
  return (growth(() => chunks.forEach(work)) * 1e6) / size;
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const perMegabyte: Record<string, Record<string, number>> = {};
  for (const { name, plain, wire } of makeInputs(SAMPLE)) {
    const [server, client, binary] = [newEngine('client'), newEngine('server'), newBinaryEngine()];
    perMegabyte[name] = {
      'parse, client': allocated(wire, chunk => client.receive(chunk)),
      'parse, server': allocated(wire, chunk => server.receive(chunk)),
      escape: allocated(plain, chunk => server.write(chunk)),
      'escape, BINARY': allocated(plain, chunk => binary.write(chunk)),
    };
  }
  process.stdout.write(JSON.stringify({ perConnection: connection(), perMegabyte } satisfies Memory));
}
