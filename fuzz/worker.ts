/** One run of one target, in a thread of its own, so that an input that never ends can be detected and stopped. */
import { parentPort, workerData } from 'node:worker_threads';
import { Fuzzer, nameOf } from './lib/fuzzer.ts';
import type { FuzzReport, FuzzWork } from './lib/report.ts';
import type { Target } from './lib/target.ts';

const { module, seed, bounds, corpus, state, current } = workerData as FuzzWork;
const { target } = (await import(module)) as { target: Target };

const fuzzer = new Fuzzer(target, seed, input => {
  current.set(input.subarray(0, current.length));
  Atomics.store(state, 1, Math.min(input.length, current.length));
  Atomics.add(state, 0, 1);
});
const report = (): FuzzReport => ({
  runs: fuzzer.runs,
  corpus: fuzzer.corpus.length,
  reached: fuzzer.reached,
  failures: fuzzer.failures.map(({ input, error }) => ({
    name: nameOf(input),
    input,
    stack: error.stack ?? String(error),
  })),
});
const timer = setInterval(() => parentPort!.postMessage({ type: 'progress', report: report() }), 5_000);
await fuzzer.run([...target.seeds(), ...corpus], bounds);
clearInterval(timer);
parentPort!.postMessage({ type: 'done', report: report(), corpus: fuzzer.corpus });
