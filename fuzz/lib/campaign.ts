/** Fuzzes one target: builds it with counters, runs it in a thread, and reports an input that does not end. */
import { mkdirSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { Worker } from 'node:worker_threads';
import { build } from 'esbuild';
import type { Bounds } from './fuzzer.ts';
import { nameOf } from './fuzzer.ts';
import { bundle } from './instrument.ts';
import type { FuzzMessage, FuzzReport, FuzzWork } from './report.ts';

/** An input that takes longer than this hangs, in milliseconds; they take less than one as a rule. */
const HANG_MS = 20_000;
const LONGEST_INPUT = 64 * 1024;

/** The targets, by the names of their files in targets/. */
export const TARGETS = ['engine', 'session', 'text'] as const;

export interface Campaign {
  readonly target: (typeof TARGETS)[number];
  readonly seed: number;
  readonly bounds: Bounds;
  /** Inputs of earlier runs. */
  readonly corpus?: readonly Uint8Array[];
  readonly progress?: (report: FuzzReport) => void;
}

/** @returns how it went, and the inputs that are worth beginning with the next time. */
export async function campaign(work: Campaign): Promise<{ report: FuzzReport; corpus: readonly Uint8Array[] }> {
  const directory = fileURLToPath(new URL('../../.cache/fuzz/build/', import.meta.url));
  mkdirSync(directory, { recursive: true });
  const { target, seed, bounds, corpus = [] } = work;
  // Of this process: several may run at a time.
  const module = await bundle(source(`targets/${target}.ts`), `${directory}${target}-${process.pid}.mjs`);
  const main = `${directory}worker-${process.pid}.mjs`;
  await build({
    entryPoints: [source('worker.ts')],
    outfile: main,
    bundle: true,
    format: 'esm',
    platform: 'node',
    packages: 'external',
    logLevel: 'error',
  });
  const state = new Int32Array(new SharedArrayBuffer(8));
  const current = new Uint8Array(new SharedArrayBuffer(LONGEST_INPUT));
  const workerData: FuzzWork = { module, seed, bounds, corpus, state, current };
  const worker = new Worker(main, { workerData, execArgv: [] });
  return new Promise((resolve, reject) => {
    let last: FuzzReport = { runs: 0, corpus: 0, reached: 0, failures: [] };
    let seen = -1;
    const watch = setInterval(() => {
      const runs = Atomics.load(state, 0);
      if (runs === seen && runs > 0) hang();
      seen = runs;
    }, HANG_MS);
    const over = () => clearInterval(watch);
    const hang = () => {
      over();
      const input = Uint8Array.from(current.subarray(0, Atomics.load(state, 1)));
      const failure = { name: nameOf(input), input, stack: `it hangs: more than ${HANG_MS} ms` };
      void worker.terminate();
      resolve({ report: { ...last, failures: [...last.failures, failure] }, corpus: [] });
    };
    worker.on('error', error => {
      over();
      reject(error);
    });
    worker.on('message', (message: FuzzMessage) => {
      last = message.report;
      if (message.type === 'progress') work.progress?.(last);
      else {
        over();
        void worker.terminate();
        resolve({ report: last, corpus: message.corpus });
      }
    });
  });
}

const source = (path: string) => fileURLToPath(new URL(`../${path}`, import.meta.url));
