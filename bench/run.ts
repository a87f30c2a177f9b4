/**
 * `npm run bench`: telpty, the floor and every other server that is found, on the same work, in interleaved rounds
 * (A B C A B C …). docs/performance.md explains method and rows.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type Arguments, parseArguments, usage } from './lib/arguments.ts';
import { type Curve, curves } from './lib/curves.ts';
import { command, Failure } from './lib/failure.ts';
import { limits, makeRoom } from './lib/limits.ts';
import { describe, doubts, examine, restrict } from './lib/machine.ts';
import { measure } from './lib/measure.ts';
import { build, root } from './lib/paths.ts';
import { prepare } from './lib/prepare.ts';
import { installCleanup } from './lib/processes.ts';
import { curveReport, report, type TestResult, toJson } from './lib/report.ts';
import { kinds, pathMissing, type ServerKind } from './lib/servers.ts';
import { figure } from './lib/statistics.ts';
import { fullSizes, quickSizes, type Test, tests } from './lib/tests.ts';

const say = (line: string): void => void process.stdout.write(`${line}\n`);

/** After this number of failures of a server in a test, that test is not repeated with it. */
const FAILURES = { quick: 1, full: 2 };

async function main(): Promise<void> {
  const names = {
    tests: tests.map(({ name }) => name),
    servers: kinds.map(({ name }) => name),
    curves: curves.map(({ name }) => name),
  };
  const args = parseArguments(process.argv.slice(2), names);
  if (args.help) {
    say(`${usage}\nTests: ${names.tests.join(', ')}\nCurves: ${names.curves.join(', ')}`);
    say(`Servers: ${names.servers.join(', ')}`);
    return;
  }
  installCleanup();
  if (args.cores !== undefined) restrict(args.cores);
  const began = Date.now();
  const sizes = args.quick ? quickSizes : fullSizes;
  const curve = curves.find(({ name }) => name === args.curve);
  const numbers = curve === undefined ? [] : (args.at ?? (args.quick ? curve.quickNumbers : curve.numbers));
  prepare(sizes.megabytes);
  const { present, absent } = find(args, curve);
  const rounds = args.rounds ?? (args.quick ? 2 : (curve?.rounds ?? (present.length > 4 ? 3 : 5)));
  const machine = await examine();

  say(describe(machine));
  for (const { name, why } of absent) say(`without ${name}: ${why}`);
  for (const warning of doubts(machine)) say(`warning: ${warning}`);
  const found = limits();
  if (curve?.name === 'sessions') for (const [name, limit] of Object.entries(found)) say(`${name}: ${limit}`);
  const room = curve === undefined ? [] : makeRoom(Math.max(...numbers));
  for (const line of room) say(line);

  const todo: readonly Test[] =
    curve === undefined
      ? tests.filter(({ name }) => args.tests?.includes(name) ?? true)
      : numbers.flatMap(number => curve.tests(number));
  const results: TestResult[] = [];
  for (const test of todo) {
    const failures = args.quick ? FAILURES.quick : FAILURES.full;
    const plan = { rounds: Math.min(rounds, test.rounds), warm: test.warm && !args.quick, failures, sizes };
    // A variant is in the tests it was made for, or where it is requested.
    const asked = args.servers !== undefined || curve !== undefined;
    const servers = present.filter(
      kind =>
        (asked || (kind.tests?.includes(test.name) ?? true)) &&
        (test.path === undefined || (kind.paths?.includes(test.path) ?? false)),
    );
    const why = pathMissing(test.path ?? 'plain');
    if (why !== undefined) {
      say(`without ${test.name}: ${why}`);
      continue;
    }
    results.push(await measure(test, servers, plan));
  }

  const servers = present.map(({ name }) => name);
  say(
    `\nMedians of ${rounds} interleaved rounds, and in parentheses the median of the rounds' ratios to ${args.base}.\n`,
  );
  say(
    curve === undefined
      ? report(results, servers, args.base)
      : curveReport(curve, numbers, results, servers, args.base),
  );
  const steal = Math.max(...results.map(result => result.steal));
  if (steal > 2) say(`warning: up to ${figure(steal)} % of the CPU time was taken by the hypervisor during a test`);
  const json = args.json ?? join(build, `${curve?.name ?? 'bench'}.json`);
  const { version } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as { version: string };
  const document = {
    when: new Date().toISOString(),
    telpty: version,
    ...(curve === undefined ? {} : { curve: curve.name, numbers, limits: found, room }),
    machine,
    rounds,
    sizes,
    absent,
    tests: toJson(results, args.base),
  };
  try {
    writeFileSync(json, `${JSON.stringify(document, undefined, 1)}\n`);
  } catch (error) {
    throw new Failure(`--json: ${(error as Error).message}`, 1);
  }
  say(`\n${Math.round((Date.now() - began) / 1000)} s; all runs are in ${json}`);
}

/** The servers to measure, and those that cannot be. */
function find(
  args: Arguments,
  curve: Curve | undefined,
): { present: ServerKind[]; absent: { name: string; why: string }[] } {
  const present: ServerKind[] = [];
  const absent: { name: string; why: string }[] = [];
  const wanted =
    args.servers ?? curve?.servers ?? kinds.filter(kind => kind.tests?.length !== 0).map(kind => kind.name);
  for (const kind of kinds) {
    if (!wanted.includes(kind.name)) continue;
    const why = kind.missing();
    if (why === undefined) present.push(kind);
    else absent.push({ name: kind.name, why });
  }
  if (present.length === 0) throw new Failure('none of these servers is here', 1);
  return { present, absent };
}

await command('bench', main);
