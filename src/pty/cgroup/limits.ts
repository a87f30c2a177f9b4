/** Limits of a cgroup: as options, and as texts for the kernel's files. */
import { TelptyError } from '../../errors.ts';

/**
 * Limits of a cgroup. Each needs its controller. Besides the four named limits, any file of a controller can be set by
 * its name: `{ 'memory.high': '200M', 'io.weight': '50' }`.
 */
export interface CgroupLimits {
  /** Memory, bytes (`memory.max`): beyond it the kernel kills processes. `Infinity`: unlimited. */
  readonly memory?: number | undefined;
  /** Swap, bytes (`memory.swap.max`). Without it, memory above `memory` can be swapped out. */
  readonly swap?: number | undefined;
  /** Processes and threads (`pids.max`): beyond it fork fails. */
  readonly pids?: number | undefined;
  /** Processors (`cpu.max`): 0.5 is half of one, 2 are two. */
  readonly cpu?: number | undefined;
  readonly [file: `${string}.${string}`]: string | undefined;
}

/** The period of `cpu.max`, and the smallest quota that the kernel accepts, in µs. */
const PERIOD = 100_000;
const LEAST = 1_000;

/** A controller's file. Files that begin with `cgroup.` do not set limits. */
const FILE_NAME = /^(?!cgroup\.)[a-z]+(?:\.[A-Za-z0-9_-]+)+$/;
/** A value for the kernel's files: one line. */
const FILE_VALUE = /^[\x20-\x7e]{1,256}$/;

function invalid(message: string): TelptyError {
  return new TelptyError('ERR_INVALID_ARGUMENT', message);
}

function count(name: string, value: unknown): string {
  if (value === Infinity) return 'max';
  if (Number.isSafeInteger(value) && (value as number) >= 0) return String(value);
  throw invalid(`cgroup limit '${name}' must be a whole number of at least 0, or Infinity`);
}

function processors(value: unknown): string {
  if (value === Infinity) return `max ${PERIOD}`;
  const quota = typeof value === 'number' ? Math.round(value * PERIOD) : 0;
  if (quota >= LEAST && Number.isSafeInteger(quota)) return `${quota} ${PERIOD}`;
  throw invalid("cgroup limit 'cpu' must be a number of processors of at least 0.01, or Infinity");
}

const named: Readonly<Record<string, readonly [file: string, text: (value: unknown) => string]>> = {
  memory: ['memory.max', value => count('memory', value)],
  swap: ['memory.swap.max', value => count('swap', value)],
  pids: ['pids.max', value => count('pids', value)],
  cpu: ['cpu.max', processors],
};

/**
 * The files to write, and their texts.
 *
 * @throws TelptyError `ERR_INVALID_ARGUMENT`.
 */
export function limitFiles(limits: CgroupLimits): (readonly [file: string, text: string])[] {
  return Object.entries(limits).flatMap(([name, value]): (readonly [string, string])[] => {
    if (value === undefined) return [];
    if (Object.hasOwn(named, name)) {
      const [file, text] = named[name]!;
      return [[file, text(value)]];
    }
    if (!FILE_NAME.test(name)) throw invalid(`unknown cgroup limit '${name}'`);
    if (typeof value !== 'string' || !FILE_VALUE.test(value))
      throw invalid(`${name} of a cgroup must be one line of text`);
    return [[name, value]];
  });
}

/** The controllers that the files belong to. */
export function controllersOf(files: readonly (readonly [file: string, text: string])[]): string[] {
  return [...new Set(files.map(([file]) => file.slice(0, file.indexOf('.'))))];
}
