/**
 * `npm run fuzz`: gives all that reads a peer's bytes inputs that it has not seen, made of those that showed something
 * new. What fails is made small, and written to test/vectors/fuzz/, where a test runs it from then on.
 */
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { campaign, TARGETS } from './lib/campaign.ts';
import { writeFound } from './lib/found.ts';
import { nameOf } from './lib/fuzzer.ts';
import type { FuzzReport } from './lib/report.ts';

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    minutes: { type: 'string', default: '1' },
    seed: { type: 'string' },
    fresh: { type: 'boolean', default: false },
  },
});
const minutes = Number(values.minutes);
const seed = values.seed === undefined ? Date.now() % 1_000_000 : Number(values.seed);
const targets = TARGETS.filter(name => positionals.length === 0 || positionals.includes(name));
if (!(minutes > 0) || !Number.isInteger(seed) || targets.length === 0) {
  process.stderr.write(`usage: npm run fuzz -- [--minutes N] [--seed N] [--fresh] [${TARGETS.join('|')}]...\n`);
  process.exit(2);
}

const line = (target: string, { runs, corpus, reached, failures }: FuzzReport) =>
  `${target.padEnd(8)} ${runs} inputs, ${corpus} kept, ${reached} counters reached, ${failures.length} failures\n`;

/** Inputs of earlier runs are kept beside what else is made, one file each. */
const corpusOf = (target: string) => fileURLToPath(new URL(`../.cache/fuzz/${target}/`, import.meta.url));
const read = (target: string) => {
  const directory = corpusOf(target);
  mkdirSync(directory, { recursive: true });
  return values.fresh ? [] : readdirSync(directory).map(name => Uint8Array.from(readFileSync(directory + name)));
};

process.stdout.write(`seed ${seed}, ${minutes} min for ${targets.join(', ')}\n`);
let found = 0;
// All at a time: each is one thread.
await Promise.all(
  targets.map(async target => {
    const progress = (report: FuzzReport) => process.stdout.write(line(target, report));
    const { report, corpus } = await campaign({
      target,
      seed,
      bounds: { seconds: minutes * 60 },
      corpus: read(target),
      progress,
    });
    for (const input of corpus) writeFileSync(corpusOf(target) + nameOf(input), input);
    process.stdout.write(`${target.padEnd(8)} done: ${line(target, report)}`);
    for (const { input, stack } of report.failures) {
      found++;
      process.stdout.write(`${target} failed: ${writeFound(target, input, stack)}\n${stack}\n`);
    }
  }),
);
process.exit(found === 0 ? 0 : 1);
