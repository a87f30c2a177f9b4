/** From samples to the table. */
import type { Curve } from './curves.ts';
import type { Sample } from './load.ts';
import { FLOOR } from './servers.ts';
import { figure, markdownTable, median, medianInterval } from './statistics.ts';
import { type Row, remark, type Test } from './tests.ts';

/** The result of one test: the samples of each server, one per round. */
export interface TestResult {
  readonly test: Test;
  readonly runs: ReadonlyMap<string, readonly Sample[]>;
  /** CPU time that the hypervisor took meanwhile, in percent. */
  readonly steal: number;
  readonly seconds: number;
}

const value = (sample: Sample | undefined, key: string): number | undefined => {
  const found = sample?.error === undefined ? sample?.[key] : undefined;
  return typeof found === 'number' && found >= 0 ? found : undefined;
};

/** What counts: no errors, and not the round that warmed up. */
const counted = (result: TestResult, server: string): Sample[] =>
  (result.runs.get(server) ?? []).filter(({ error, round }) => error === undefined && round !== 0);

/** The ratio to the base in each round in which both have the number. */
function ratios(result: TestResult, server: string, key: string, base: string): number[] {
  const others = result.runs.get(base) ?? [];
  return counted(result, server).flatMap(sample => {
    // By number: a server that failed has fewer rounds than the base.
    const same = others.find(({ round }) => round === sample.round);
    const [a, b] = [value(sample, key), value(same, key)];
    return a === undefined || !b ? [] : [a / b];
  });
}

/** What one cell says. */
export interface Cell {
  readonly median: number;
  /** The median of the rounds' ratios to the base, and the smallest and greatest of them. */
  readonly ratio?: number;
  readonly ratios?: readonly [number, number];
  /** The 95 % interval of the median ratio; absent with fewer than six rounds. */
  readonly interval?: readonly [number, number] | undefined;
  readonly rounds: number;
}

export function cell(result: TestResult, server: string, row: Row, base: string): Cell | undefined {
  const values = counted(result, server)
    .map(sample => sample[row.key])
    .filter(found => typeof found === 'number');
  if (values.length === 0) return undefined;
  const found = { median: median(values), rounds: values.length };
  const all = row.ratio ? ratios(result, server, row.key, base) : [];
  if (all.length === 0) return found;
  return {
    ...found,
    ratio: median(all),
    ratios: [Math.min(...all), Math.max(...all)],
    interval: medianInterval(all),
  };
}

function show(result: TestResult, server: string, row: Row, marks: ReadonlyMap<string, number>, base: string): string {
  // A variant that is not in this test.
  if (!result.runs.has(server)) return '–';
  const found = cell(result, server, row, base);
  const mark = marks.get(`${result.test.name} ${server}`);
  const note = mark === undefined ? '' : ` [${mark}]`;
  if (found === undefined) return `failed${note}`;
  const ratio = found.ratio === undefined || server === base ? '' : ` (${figure(found.ratio)}×)`;
  return `${figure(found.median)}${ratio}${note}`;
}

/** How sure telpty's ratio is: its 95 % interval, or with too few rounds for one the range of all of them. */
function interval(result: TestResult, row: Row): string {
  const ours = cell(result, 'telpty', row, FLOOR);
  const [low, high] = ours?.interval ?? ours?.ratios ?? [];
  if (low === undefined || high === undefined) return '';
  return `${figure(low)}–${figure(high)}×${ours?.interval === undefined ? ' (range)' : ''}`;
}

/** Remarks on runs: a mark for each test and server, and what the marks mean. */
function remarks(results: readonly TestResult[]): { marks: Map<string, number>; notes: string[] } {
  const marks = new Map<string, number>();
  const notes: string[] = [];
  for (const { test, runs } of results) {
    for (const [server, samples] of runs) {
      const found = samples.map(remark).filter(words => words !== undefined);
      if (found.length === 0) continue;
      notes.push(
        `${test.name}, ${server}: ${[...new Set(found)].join('; ')} (${found.length} of ${samples.length} runs)`,
      );
      marks.set(`${test.name} ${server}`, notes.length);
    }
  }
  return { marks, notes };
}

const withNotes = (lines: readonly (readonly string[])[], notes: readonly string[]): string =>
  [markdownTable(lines), ...(notes.length > 0 ? ['', ...notes.map((note, i) => `- [${i + 1}] ${note}`)] : [])].join(
    '\n',
  );

/** The table and, under it, what its marks mean. */
export function report(results: readonly TestResult[], servers: readonly string[], base: string): string {
  const { marks, notes } = remarks(results);
  const withInterval = servers.includes('telpty') && servers.includes(FLOOR) && base === FLOOR;
  const lines = [['work', ...servers, ...(withInterval ? ['telpty, 95 % interval'] : [])]];
  for (const result of results) {
    for (const row of result.test.rows) {
      const cells = servers.map(server => show(result, server, row, marks, base));
      lines.push([row.label, ...cells, ...(withInterval ? [interval(result, row)] : [])]);
    }
  }
  return withNotes(lines, notes);
}

/** The table of a curve: a line for each number and server. */
export function curveReport(
  curve: Curve,
  numbers: readonly number[],
  results: readonly TestResult[],
  servers: readonly string[],
  base: string,
): string {
  const { marks, notes } = remarks(results);
  const lines: string[][] = [];
  for (const number of numbers) {
    const names = curve.tests(number).map(({ name }) => name);
    const here = results.filter(({ test }) => names.includes(test.name));
    if (lines.length === 0)
      lines.push([curve.axis, 'server', ...here.flatMap(({ test }) => test.rows.map(({ label }) => label))]);
    servers.forEach((server, i) => {
      const cells = here.flatMap(result => result.test.rows.map(row => show(result, server, row, marks, base)));
      lines.push([i === 0 ? number.toLocaleString('en-US') : '', server, ...cells]);
    });
  }
  return withNotes(lines, notes);
}

/** The same for machines. */
export function toJson(results: readonly TestResult[], base: string): unknown {
  return results.map(({ test, runs, steal, seconds }) => ({
    test: test.name,
    steal,
    seconds,
    rows: test.rows.map(row => ({
      ...row,
      servers: Object.fromEntries(
        [...runs.keys()].map(server => [server, cell({ test, runs, steal, seconds }, server, row, base)]),
      ),
    })),
    runs: Object.fromEntries(runs),
  }));
}
