/** The command line of `npm run bench`. */
import { availableParallelism } from 'node:os';
import { parseArgs } from 'node:util';
import { Failure } from './failure.ts';
import { FLOOR } from './servers.ts';

export interface Arguments {
  /** Names; all of them if undefined. */
  readonly tests: readonly string[] | undefined;
  readonly servers: readonly string[] | undefined;
  /** The server that ratios are against. */
  readonly base: string;
  /** Instead of the tests: the name of a curve, and at which numbers, if not at its own. */
  readonly curve: string | undefined;
  readonly at: readonly number[] | undefined;
  /** If undefined, chosen by how many servers there are. */
  readonly rounds: number | undefined;
  /** If undefined, all processors are used. */
  readonly cores: number | undefined;
  readonly quick: boolean;
  readonly json: string | undefined;
  readonly help: boolean;
}

export const usage = `Usage: npm run bench [-- OPTIONS]

  --tests A,B     only these tests
  --servers A,B   only these servers
  --base NAME     the server that ratios are against; default floor
  --curve NAME    one kind of work against a number, instead of the tests
  --at N,N        at which numbers
  --rounds N      default 5, or 3 with more than four servers; 2 with --quick
  --cores N       everything on the first N processors
  --quick         less of everything: a minute, and numbers for orientation only
  --json FILE     where the runs go (default bench/build/bench.json, or NAME.json of a curve)
`;

export function parseArguments(
  argv: readonly string[],
  known: { tests: readonly string[]; servers: readonly string[]; curves: readonly string[] },
): Arguments {
  const { values } = parse(argv);
  const rounds = values.rounds === undefined ? undefined : Number(values.rounds);
  if (rounds !== undefined && !(Number.isInteger(rounds) && rounds >= 1 && rounds <= 1000)) {
    throw new Failure(`--rounds: '${values.rounds}' is not a number from 1 to 1000`, 2);
  }
  const cores = values.cores === undefined ? undefined : Number(values.cores);
  if (cores !== undefined && !(Number.isInteger(cores) && cores >= 1 && cores <= availableParallelism())) {
    throw new Failure(`--cores: '${values.cores}' is not a number from 1 to ${availableParallelism()}`, 2);
  }
  const { curve } = values;
  if (curve !== undefined) {
    names('--curve', curve, known.curves);
    if (values.tests !== undefined) throw new Failure('--tests: not together with --curve', 2);
  } else if (values.at !== undefined) {
    throw new Failure('--at: only with --curve', 2);
  }
  if (values.json === '') throw new Failure('--json: needs a file', 2);
  return {
    tests: names('--tests', values.tests, known.tests),
    servers: names('--servers', values.servers, known.servers),
    base: names('--base', values.base, known.servers)?.[0] ?? FLOOR,
    curve,
    at: numbers('--at', values.at),
    rounds,
    cores,
    quick: values.quick ?? false,
    json: values.json,
    help: values.help ?? false,
  };
}

function parse(argv: readonly string[]) {
  try {
    return parseArgs({
      args: [...argv],
      options: {
        tests: { type: 'string' },
        servers: { type: 'string' },
        base: { type: 'string' },
        curve: { type: 'string' },
        at: { type: 'string' },
        rounds: { type: 'string' },
        cores: { type: 'string' },
        quick: { type: 'boolean' },
        json: { type: 'string' },
        help: { type: 'boolean', short: 'h' },
      },
    });
  } catch (error) {
    throw new Failure((error as Error).message.split(/[\n.] ?/)[0]!, 2);
  }
}

function names(option: string, text: string | undefined, known: readonly string[]): string[] | undefined {
  if (text === undefined) return undefined;
  const wanted = text.split(',').map(name => name.trim());
  const unknown = wanted.find(name => !known.includes(name));
  if (unknown !== undefined) throw new Failure(`${option}: '${unknown}' is none of ${known.join(', ')}`, 2);
  return [...new Set(wanted)];
}

function numbers(option: string, text: string | undefined): number[] | undefined {
  const found = text?.split(',').map(Number);
  if (found?.every(number => Number.isInteger(number) && number >= 0 && number <= 100_000) === false) {
    throw new Failure(`${option}: '${text}' is not numbers from 0 to 100,000 with commas`, 2);
  }
  return found;
}
