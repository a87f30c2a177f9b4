/**
 * `npm run bench`: telpty, the floor and every other server that is found, on the same work, in interleaved rounds
 * (A B C A B C …). docs/performance.md explains method and rows.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseArguments, usage } from './lib/arguments.ts';
import { command, Failure } from './lib/failure.ts';
import type { Sample } from './lib/load.ts';
import { describe, doubts, examine, stealSince, ticks } from './lib/machine.ts';
import { build, root } from './lib/paths.ts';
import { prepare } from './lib/prepare.ts';
import { installCleanup } from './lib/processes.ts';
import { report, type TestResult, toJson } from './lib/report.ts';
import { kinds, type RunningServer, type ServerKind, startServer } from './lib/servers.ts';
import { figure } from './lib/statistics.ts';
import { fullSizes, quickSizes, remark, type Sizes, type Test, tests } from './lib/tests.ts';

const say = (line: string): void => void process.stdout.write(`${line}\n`);
const progress = (line: string): void => void process.stderr.write(`${line}\n`);

/**
 * A server that fails this often in one test is not tried again: every further failure would take its whole time limit.
 */
const FAILURES = { quick: 1, full: 2 };

async function main(): Promise<void> {
  const names = { tests: tests.map(({ name }) => name), servers: kinds.map(({ name }) => name) };
  const args = parseArguments(process.argv.slice(2), names.tests, names.servers);
  if (args.help) {
    say(`${usage}\nTests: ${names.tests.join(', ')}\nServers: ${names.servers.join(', ')}`);
    return;
  }
  installCleanup();
  const began = Date.now();
  const sizes = args.quick ? quickSizes : fullSizes;
  const warnings = prepare(sizes.megabytes);
  const { present, absent } = find(args.servers);
  const rounds = args.rounds ?? (args.quick ? 2 : present.length > 4 ? 3 : 5);
  const machine = await examine();

  say(describe(machine));
  for (const { name, why } of absent) say(`without ${name}: ${why}`);
  for (const warning of [...warnings, ...doubts(machine)]) say(`warning: ${warning}`);

  const results: TestResult[] = [];
  for (const test of tests.filter(({ name }) => args.tests?.includes(name) ?? true)) {
    const failures = args.quick ? FAILURES.quick : FAILURES.full;
    const plan = { rounds: Math.min(rounds, test.rounds), warm: test.warm && !args.quick, failures, sizes };
    results.push(await measure(test, present, plan));
  }

  const servers = present.map(({ name }) => name);
  const table = report(results, servers);
  say(`\nMedians of ${rounds} interleaved rounds, and in parentheses the median of the rounds' ratios to the floor.\n`);
  say(table);
  const steal = Math.max(...results.map(result => result.steal));
  if (steal > 2) say(`warning: up to ${figure(steal)} % of the CPU time was taken by the hypervisor during a test`);
  const json = args.json ?? join(build, 'bench.json');
  const { version } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as { version: string };
  const document = {
    when: new Date().toISOString(),
    telpty: version,
    machine,
    rounds,
    sizes,
    absent,
    warnings,
    tests: toJson(results),
  };
  try {
    writeFileSync(json, `${JSON.stringify(document, undefined, 1)}\n`);
  } catch (error) {
    throw new Failure(`--json: ${(error as Error).message}`, 1);
  }
  say(`\n${Math.round((Date.now() - began) / 1000)} s; all runs are in ${json}`);
}

/** The servers to measure, and those that cannot be. Somebody who names an absent one made a mistake. */
function find(wanted: readonly string[] | undefined): {
  present: ServerKind[];
  absent: { name: string; why: string }[];
} {
  const present: ServerKind[] = [];
  const absent: { name: string; why: string }[] = [];
  for (const kind of kinds) {
    if (wanted?.includes(kind.name) === false) continue;
    const why = kind.missing();
    if (why === undefined) present.push(kind);
    else absent.push({ name: kind.name, why });
  }
  if (present.length === 0) throw new Failure('none of these servers is here', 1);
  return { present, absent };
}

interface Plan {
  readonly rounds: number;
  /** Whether a round that does not count comes first. */
  readonly warm: boolean;
  readonly failures: number;
  readonly sizes: Sizes;
}

async function measure(test: Test, present: readonly ServerKind[], plan: Plan): Promise<TestResult> {
  const { rounds, warm, failures, sizes } = plan;
  const began = Date.now();
  const before = ticks();
  const runs = new Map<string, Sample[]>(present.map(({ name }) => [name, []]));
  const running: RunningServer[] = [];
  try {
    for (const kind of present) {
      try {
        running.push(await startServer(kind, test.program(sizes), test.binary ?? false));
      } catch (error) {
        runs.get(kind.name)!.push({ error: (error as Error).message });
      }
    }
    for (let round = warm ? 0 : 1; round <= rounds; round++) {
      for (const server of running) {
        const samples = runs.get(server.kind.name)!;
        if (samples.filter(isFailure).length >= failures) continue;
        const sample = server.alive() ? await test.run(server, sizes) : { error: 'the server has died' };
        // A failure while warming up is kept for its remark; round 0 is in no median.
        if (round > 0 || isFailure(sample)) samples.push({ ...sample, round });
        progress(`${test.name} ${round}/${rounds} ${server.kind.name}: ${summary(test, sample)}`);
      }
    }
  } finally {
    await Promise.all(running.map(server => server.stop()));
  }
  return { test, runs, steal: stealSince(before), seconds: (Date.now() - began) / 1000 };
}

const isFailure = (sample: Sample): boolean => sample.error !== undefined || sample.complete === false;

function summary(test: Test, sample: Sample): string {
  const numbers = test.rows.map(({ key }) => `${key} ${typeof sample[key] === 'number' ? figure(sample[key]) : '–'}`);
  return [...(sample.error === undefined ? numbers : []), remark(sample)].filter(Boolean).join(', ');
}

await command('bench', main);
