/**
 * Parsers of values, as written on the command line and in a configuration file. Every parser takes the text as
 * written and throws `ERR_USAGE` with the problem. The caller knows the name of the option and puts it in front.
 */
import { availableParallelism } from 'node:os';
import { canonicalCharset } from '../../charset/index.ts';
import { LONGEST_TIMER } from '../../options.ts';
import { limitFiles } from '../../pty/cgroup/limits.ts';
import type { CgroupLimits, Limits } from '../../pty/index.ts';
import { problemOfRange, type UserIdRange } from '../../pty/user-range.ts';
import {
  isForbiddenName,
  isProgramEncoding,
  isTerminalName,
  variableName,
} from '../../shells/environment/environment.ts';
import { escapeText } from '../../shells/output/escape.ts';
import { AddressList } from '../../transport/pre-session/address-list.ts';
import { isBase, isHeaderName, isOrigin, USER_NAME } from '../../web/options.ts';
import { usage } from './usage.ts';

/** The text as error messages show it. */
const shown = (text: string) => `'${escapeText(text, 60)}'`;

/** Any text that is not empty and that system calls accept. */
export function text(value: string): string {
  if (value === '') throw usage('is empty');
  if (value.includes('\0')) throw usage('contains a NUL character');
  return value;
}

/** `true` or `false`. */
export function boolean(value: string): boolean {
  if (value !== 'true' && value !== 'false') throw usage(`${shown(value)} is neither true nor false`);
  return value === 'true';
}

/** An integer in a range. */
export function integer(min: number, max = Number.MAX_SAFE_INTEGER): (value: string) => number {
  return value => {
    const number = /^\d{1,16}$/.test(value) ? Number(value) : Number.NaN;
    if (number >= min && number <= max) return number;
    const range = max === Number.MAX_SAFE_INTEGER ? `from ${min} up` : `${min} to ${max}`;
    throw usage(`${shown(value)} is not a whole number (${range})`);
  };
}

/** A rate per second: `10`, `0.5`. */
export function rate(value: string): number {
  if (/^\d{1,6}(?:\.\d{1,4})?$/.test(value)) return Number(value);
  throw usage(`${shown(value)} is not a rate per second (write 10, or 0.5 for one every two seconds)`);
}

/** `192.0.2.1,10.0.0.0/8`, or `@FILE`: the name of a file with such entries, one on each line. */
export function addresses(value: string): readonly string[] {
  return value.startsWith('@') && value.length > 1 ? [text(value)] : ranges(value);
}

/** Addresses and CIDR ranges, separated by commas; may be empty. */
export function ranges(value: string): readonly string[] {
  if (value === '') return [];
  const entries = value.split(',').map(entry => entry.trim());
  for (const entry of entries) {
    try {
      AddressList.parse([entry]);
    } catch {
      throw usage(`${shown(entry)} is neither an IP address nor a range like 10.0.0.0/8`);
    }
  }
  return entries;
}

/** A TCP port; with 0 the system chooses one. */
export function port(value: string): number {
  const number = /^\d{1,5}$/.test(value) ? Number(value) : Number.NaN;
  if (number <= 65535) return number;
  throw usage(`${escapeText(value, 60) || "''"} is not a port (0 to 65535)`);
}

/** A TCP port to listen on, or `none`. */
export function listenPort(value: string): number | 'none' {
  return value === 'none' ? value : port(value);
}

/** The longest path of a UNIX socket on Linux, in bytes; macOS and the BSDs have 103. */
const LONGEST_SOCKET_PATH = process.platform === 'linux' ? 107 : 103;

/** The path of a UNIX socket, or `@name`. */
export function socketPath(value: string): string {
  const path = text(value);
  if (path === '@') throw usage('an abstract socket needs a name after @');
  if (Buffer.byteLength(path) <= LONGEST_SOCKET_PATH) return path;
  throw usage(`${shown(value)} is too long for a UNIX socket (at most ${LONGEST_SOCKET_PATH} bytes)`);
}

/** Writes addresses as {@link ranges} reads them. */
export function writtenRanges(entries: readonly string[]): string {
  return entries.join(',');
}

/** Writes permissions as {@link fileMode} reads them. */
export function writtenMode(mode: number): string {
  return mode.toString(8).padStart(4, '0');
}

/** The permissions of a file, in octal. */
export function fileMode(value: string): number {
  if (/^0?[0-7]{3}$/.test(value)) return Number.parseInt(value, 8);
  throw usage(`${shown(value)} is not a file mode (octal: 0600, 0660, 0666)`);
}

/** A higher number of processes has no CPUs to run on. */
const MOST_WORKERS = 256;

/** A number of processes; `auto` is the number of CPUs that this process may use. */
export function workers(value: string): number {
  if (value === 'auto') return Math.min(availableParallelism(), MOST_WORKERS);
  const number = /^\d{1,4}$/.test(value) ? Number(value) : 0;
  if (number >= 1 && number <= MOST_WORKERS) return number;
  throw usage(`${shown(value)} is neither a number of processes (1 to ${MOST_WORKERS}) nor auto`);
}

/** A parser that accepts one of a few words. */
export interface Choice<Word extends string> {
  (value: string): Word;
  readonly words: readonly Word[];
}

/** Creates a parser that accepts one of a few words. */
export function choice<const Word extends string>(...words: Word[]): Choice<Word> {
  const parse = (value: string) => {
    const word = words.find(candidate => candidate === value);
    if (word !== undefined) return word;
    throw usage(`${shown(value)} is not one of ${words.join(', ')}`);
  };
  return Object.assign(parse, { words });
}

const TIME_UNITS: ReadonlyMap<string, number> = new Map([
  ['ms', 1],
  ['s', 1_000],
  ['m', 60_000],
  ['h', 3_600_000],
]);

/** `500ms`, `30s`, `10m`, `2h`, or `0`, in milliseconds. The default of `max` is the longest time of a single timer. */
export function duration(max = LONGEST_TIMER): (value: string) => number {
  return value => {
    if (value === '0') return 0;
    const match = /^(\d{1,12}(?:\.\d{1,3})?)(ms|s|m|h)$/.exec(value);
    if (match === null) {
      const hint = /^\d+$/.test(value) ? 'has no unit' : 'is not a duration';
      throw usage(`${shown(value)} ${hint} (write 500ms, 30s, 10m, 2h, or 0)`);
    }
    const milliseconds = Math.round(Number(match[1]) * (TIME_UNITS.get(match[2] ?? '') ?? Number.NaN));
    if (milliseconds > max) throw usage(`${shown(value)} is too long (at most ${Math.floor(max / 3_600_000)}h)`);
    return milliseconds;
  };
}

const DAY_MS = 86_400_000;

/** The age of a file: a duration, or days (`30d`), in milliseconds. */
export function age(value: string): number {
  const [, days] = /^(\d{1,6})d$/.exec(value) ?? [];
  if (days !== undefined) return Number(days) * DAY_MS;
  try {
    return duration(Number.MAX_SAFE_INTEGER)(value);
  } catch {
    throw usage(`${shown(value)} is not an age (write 30d, 12h, or 0)`);
  }
}

/** Writes a time in milliseconds as {@link duration} reads it, in the largest unit that gives an integer. */
export function writtenDuration(milliseconds: number): string {
  if (milliseconds === 0) return '0';
  const [unit, size] = [...TIME_UNITS].findLast(([, one]) => milliseconds % one === 0) ?? ['ms', 1];
  return `${milliseconds / size}${unit}`;
}

const SIZE_UNITS = ['', 'K', 'M', 'G', 'T'];

/** `4096`, `64K`, `1M`: bytes, with units of 1024. */
export function size(value: string): number {
  const match = /^(\d{1,16})([KMGT]?)$/i.exec(value);
  const bytes = match ? Number(match[1]) * 1024 ** SIZE_UNITS.indexOf((match[2] ?? '').toUpperCase()) : Number.NaN;
  if (Number.isSafeInteger(bytes)) return bytes;
  throw usage(`${shown(value)} is not a size (write 4096, 64K, 1M, 2G)`);
}

/** A character set, under its canonical name. */
export function charset(value: string): string {
  const name = canonicalCharset(value);
  if (name === undefined) throw usage(`${shown(value)} is not a known character set (utf-8, latin1, cp437 …)`);
  return name;
}

/** `client`, or a character set that a program can run in, under its canonical name. */
export function programEncoding(value: string): string {
  const name = value === 'client' ? value : charset(value);
  if (isProgramEncoding(name)) return name;
  throw usage(`programs cannot use ${name}, which has no control sequences; use utf-8`);
}

/** A terminal type. */
export function terminalName(value: string): string {
  if (isTerminalName(value)) return value;
  throw usage(`${shown(value)} is not a terminal type (letters, digits and . _ + : @ -, at most 64)`);
}

/** An address or host name to listen on; the brackets that an IPv6 address has in a URL are removed. */
export function host(value: string): string {
  const name = text(value).replace(/^\[(.+)\]$/, '$1');
  if (/^[A-Za-z0-9._:%-]+$/.test(name)) return name;
  throw usage(`${shown(value)} is not an address or a host name`);
}

/** `[ADDR:]PORT`: where to listen; ADDR defaults to loopback. An IPv6 address needs its brackets. */
export function endpoint(value: string): { host: string; port: number } {
  const [, address, number = ''] = /^(?:(\[[^\]]+\]|[^:]+):)?([^:]*)$/.exec(value) ?? [];
  if (/^\d/.test(number)) return { host: address === undefined ? '127.0.0.1' : host(address), port: port(number) };
  throw usage(`${shown(value)} is not [ADDR:]PORT (9100, 192.0.2.1:9100, [::1]:9100)`);
}

/** The path of the page for browsers; the slash at its end may be left out. */
export function webBase(value: string): string {
  const path = value.endsWith('/') ? value : `${value}/`;
  if (isBase(path)) return path;
  throw usage(`${shown(value)} is not the path of a page (/, /terminal; letters, digits and . _ ~ -)`);
}

/** Origins as browsers write them, separated by commas; may be empty. */
export function origins(value: string): readonly string[] {
  if (value === '') return [];
  return value.split(',').map(entry => {
    const origin = entry.trim().replace(/\/$/, '').toLowerCase();
    if (isOrigin(origin)) return origin;
    throw usage(`${shown(entry)} is not an origin (https://play.example.org, http://192.0.2.1:8080)`);
  });
}

/** Names of users of the gateway, separated by commas; may be empty. */
export function userNames(value: string): readonly string[] {
  if (value === '') return [];
  return value.split(',').map(entry => {
    const name = entry.trim();
    if (USER_NAME.test(name)) return name;
    throw usage(`${shown(entry)} is not the name of a user (letters, digits and . _ @ + -)`);
  });
}

/** The name of an HTTP header. */
export function headerName(value: string): string {
  if (isHeaderName(value)) return value;
  throw usage(`${shown(value)} is not the name of a header (X-Remote-User)`);
}

/** The name of an environment variable. */
export function envName(value: string): string {
  if (variableName.test(value)) return value;
  throw usage(`${shown(value)} is not the name of an environment variable`);
}

/** The name of a variable that a client may set. */
export function acceptableEnvName(value: string): string {
  const name = envName(value);
  if (isForbiddenName(name)) {
    throw usage(`${name} controls a loader, a shell or a runtime and is never taken from a client; set it with --env`);
  }
  return name;
}

/** `NAME=VALUE`; the value may be empty and may contain equals signs. */
export function envAssignment(value: string): [name: string, value: string] {
  const equals = value.indexOf('=');
  if (equals < 0) throw usage(`${shown(value)} is not NAME=VALUE`);
  const content = value.slice(equals + 1);
  if (content.includes('\0')) throw usage('contains a NUL character');
  return [envName(value.slice(0, equals)), content];
}

/**
 * `70000-70999`: user ids, both ends included. Whether the system uses them already is checked when the server starts.
 */
export function userRange(value: string): UserIdRange {
  const [, from, to] = /^(\d{1,10})-(\d{1,10})$/.exec(value) ?? [];
  if (from === undefined) throw usage(`${shown(value)} is not FROM-TO, two user ids (example: 70000-70999)`);
  const range = { from: Number(from), to: Number(to) };
  const problem = problemOfRange(range);
  if (problem !== undefined) throw usage(`${shown(value)}: ${problem}`);
  return range;
}

/** Permissions in octal. */
export function umask(value: string): number {
  if (/^0?[0-7]{1,3}$/.test(value)) return Number.parseInt(value, 8);
  throw usage(`${shown(value)} is not a umask (octal: 077, 022, 0)`);
}

/** An integer in a range, with an optional sign. */
export function signed(min: number, max: number): (value: string) => number {
  return value => {
    const number = /^[-+]?\d{1,15}$/.test(value) ? Number(value) : Number.NaN;
    if (number >= min && number <= max) return number;
    throw usage(`${shown(value)} is not a whole number (${min} to ${max})`);
  };
}

const percent = (value: string) =>
  /^\d{1,6}(?:\.\d{1,3})?%$/.test(value) ? Number.parseFloat(value) / 100 : Number.NaN;
const cgroupUnits: ReadonlyMap<string, (value: string) => number> = new Map([
  ['memory', size],
  ['swap', size],
  ['pids', integer(1)],
  ['cpu', percent],
]);

/** `NAME=VALUE`: one of four limits of a cgroup, or a file of a controller, whose text only the kernel checks. */
export function cgroupLimit(value: string): [name: string, limit: number | string] {
  const [, name = '', text = ''] = /^([^=]+)=(.+)$/s.exec(value) ?? [];
  if (name === '') throw usage(`${shown(value)} is not NAME=VALUE (examples: memory=256M, pids=64, cpu=50%)`);
  const unit = cgroupUnits.get(name);
  if (!unit && !name.includes('.')) {
    throw usage(`${shown(name)} is not a limit (${[...cgroupUnits.keys()].join(', ')}, or a file like memory.high)`);
  }
  const limit = unit === undefined ? text : text === 'unlimited' ? Number.POSITIVE_INFINITY : unit(text);
  try {
    limitFiles({ [name]: limit } as CgroupLimits);
  } catch {
    throw usage(`${shown(value)} is not a valid limit (examples: memory=256M, pids=64, cpu=50%, memory.high=200M)`);
  }
  return [name, limit];
}

/** The name of a limit, as in `setrlimit(2)` without RLIMIT_. */
export type LimitName = keyof Limits;

const seconds = (value: string) => (/^\d+$/.test(value) ? integer(0)(value) : Math.ceil(duration()(value) / 1000));
const limitUnits: ReadonlyMap<string, (value: string) => number> = new Map<LimitName, (value: string) => number>([
  ['as', size],
  ['core', size],
  ['cpu', seconds],
  ['data', size],
  ['fsize', size],
  ['memlock', size],
  ['nofile', integer(0)],
  ['nproc', integer(0)],
  ['stack', size],
]);

/**
 * `NAME=SOFT[:HARD]`. A soft limit alone sets the hard limit as well: otherwise a program could raise it again. 0 is
 * the number 0 (`core=0`: no core files); `unlimited` removes a limit.
 */
export function resourceLimit(value: string): [name: LimitName, limit: readonly [soft: number, hard: number]] {
  const [, name = '', soft = '', hard = soft] = /^([a-z]+)=([^:]+)(?::([^:]+))?$/.exec(value) ?? [];
  if (name === '') throw usage(`${shown(value)} is not NAME=SOFT[:HARD] (examples: nofile=256, as=512M:1G)`);
  const unit = limitUnits.get(name);
  if (!unit) throw usage(`'${escapeText(name, 20)}' is not a limit (${[...limitUnits.keys()].join(', ')})`);
  const amount = (part: string) => (part === 'unlimited' ? Number.POSITIVE_INFINITY : unit(part));
  const limit = [amount(soft), amount(hard)] as const;
  if (limit[0] > limit[1]) throw usage(`${shown(value)} has a soft limit above its hard limit`);
  return [name as LimitName, limit];
}
