/**
 * The options of `spawnPty`, and their conversion to the request of the addon. All invalid values are found here,
 * before a terminal is opened.
 *
 * `spawnPty` and `startPty` check them by the table. `ptyShell` checks its own options when it is created.
 */
import { TelptyError } from '../errors.ts';
import type { SpawnRequest } from '../native/addon.ts';
import { addon } from '../native/load.ts';
import { boolean, checkValue, list, nested, type OptionTable, object, record, text, where, whole } from '../options.ts';
import { applyModes, blankModes, type Modes, type RawModes, saneModes } from './modes.ts';
import { lookupUser, type User } from './users.ts';

/** A limit of a resource: one number for both, or the soft and the hard limit. `Infinity`: unlimited. */
export type Limit = number | readonly [soft: number, hard: number];

/** Limits by the names of `setrlimit(2)`, in its units: bytes, seconds of processor time, counts. */
export interface Limits {
  /** Address space, bytes. */
  readonly as?: Limit | undefined;
  /** Size of a core file, bytes. */
  readonly core?: Limit | undefined;
  /** Processor time, seconds. */
  readonly cpu?: Limit | undefined;
  /** Data segment, bytes. */
  readonly data?: Limit | undefined;
  /** Size of a written file, bytes. */
  readonly fsize?: Limit | undefined;
  /** Locked memory, bytes. */
  readonly memlock?: Limit | undefined;
  /** One more than the highest file descriptor. */
  readonly nofile?: Limit | undefined;
  /** Processes of the user. */
  readonly nproc?: Limit | undefined;
  /** Stack, bytes. */
  readonly stack?: Limit | undefined;
}

/** How a program is started. Everything is optional, and `undefined` is the same as absent. */
export interface PtyOptions {
  /** The directory of the program, entered as its user. Default: the server's own. */
  readonly cwd?: string | undefined;
  /** The whole environment of the program; nothing is added. `file` is looked up in its PATH. Default: empty. */
  readonly env?: Readonly<Record<string, string | undefined>> | undefined;
  /** Columns, 1–65535. Default: 80. */
  readonly columns?: number | undefined;
  /** Rows, 1–65535. Default: 24. */
  readonly rows?: number | undefined;
  /** Changes to {@link saneModes}, in force before the program's first instruction. */
  readonly modes?: Modes | undefined;
  /** `argv[0]` of the program; `'-bash'` makes a login shell. Default: `file`. */
  readonly argv0?: string | undefined;
  /**
   * Run as this user: sets `uid`, `gid` and `groups` together. A name (or number) is looked up in the user database,
   * which may access files or the network. A server should look it up once, with `lookupUser`, and pass the result.
   */
  readonly user?: string | number | User | undefined;
  /** Run with this user id. Without `gid` the primary and supplementary groups come from the user database. */
  readonly uid?: number | undefined;
  /** Run with this group id. */
  readonly gid?: number | undefined;
  /** The supplementary groups. Default where `gid` is given: only `gid`. */
  readonly groups?: readonly number[] | undefined;
  /**
   * Resource limits, set before the identity changes. Without `nofile` the soft limit is at most 1,024: Node.js raises
   * its own soft limit to the hard limit, and programs that use `select()` crash with such a limit.
   */
  readonly limits?: Limits | undefined;
  /** File mode creation mask (umask) of the program, 0–0o777. Default: the server's. */
  readonly umask?: number | undefined;
  /**
   * Niceness, -20 (highest priority) to 19. Raising the priority above the server's needs privileges. Default: the
   * server's.
   */
  readonly nice?: number | undefined;
  /**
   * Whether set-user-ID programs and file capabilities have no effect for the program and its children (`no_new_privs`,
   * Linux): `sudo` and `su` do not work, and on some systems neither does `ping`. Default: if the options name a user,
   * on Linux.
   */
  readonly noNewPrivs?: boolean | undefined;
  /** The directory of the program's cgroup (version 2, Linux). Default: the server's cgroup. */
  readonly cgroup?: string | undefined;
}

/** The highest value means "no change" to set*id: accepted, it would leave the program with the server's identity. */
const id = whole({ max: 0xffff_fffe });
const isId = (value: unknown) => id.problem(value, '') === undefined;
/** The result of a lookup. */
export const resolvedUser = object<User>(
  "what lookupUser() of 'telpty/pty' returns",
  ({ uid, gid, groups }) => isId(uid) && isId(gid) && (groups === undefined || Array.isArray(groups)),
);
const side = (usual: number) => whole({ min: 1, max: 65_535, default: usual });
/** C strings end at a NUL: the program would see something other than what was checked. */
const systemText = text({ allowed: 'a string without NUL', holds: value => !value.includes('\0') });

const isAmount = (value: unknown) => value === Infinity || (Number.isSafeInteger(value) && (value as number) >= 0);
const limit = where<Limit>('a whole number of at least 0, Infinity, or two of them, the lower one first', value =>
  Array.isArray(value) ? value.length === 2 && value.every(isAmount) && value[0] <= value[1] : isAmount(value),
);
const limitTable: OptionTable<Limits> = {
  ...{ as: limit, core: limit, cpu: limit, data: limit, fsize: limit },
  ...{ memlock: limit, nofile: limit, nproc: limit, stack: limit },
};

export const ptyOptions = {
  cwd: systemText,
  env: record(where<string | undefined>('a string', value => value === undefined || typeof value === 'string')),
  columns: side(80),
  rows: side(24),
  modes: object(),
  argv0: systemText,
  user: where("a name, a user id, or what lookupUser() of 'telpty/pty' returns", value =>
    [text(), whole(), resolvedUser].some(rule => rule.problem(value, '') === undefined),
  ),
  uid: id,
  gid: id,
  groups: list(id),
  limits: nested(limitTable),
  umask: whole({ max: 0o777, allowed: 'a file mode creation mask from 0 to 0o777' }),
  nice: whole({ min: -20, max: 19 }),
  noNewPrivs: boolean(),
  cgroup: text({ allowed: 'an absolute path', holds: path => path.startsWith('/') && !path.includes('\0') }),
} satisfies OptionTable<PtyOptions>;

/** As in native/telpty.h. */
const DETAIL_SIZE = 512;
/**
 * Buffers of earlier, successful starts, all zeros: memory outside of the heap is expensive to allocate and to
 * collect.
 */
const details: Buffer[] = [];
const MOST_DETAILS = 16;

/** The start has succeeded: nothing more is written to its `detail`. */
export function recycleDetail({ detail }: SpawnRequest): void {
  if (details.length < MOST_DETAILS && detail[0] === 0) details.push(detail);
}

/** The PATH that `execvp` uses if there is none (confstr(_CS_PATH) of glibc). */
const DEFAULT_PATH = '/bin:/usr/bin';

function invalid(message: string): TelptyError {
  return new TelptyError('ERR_INVALID_ARGUMENT', message);
}

/** C strings end at a NUL, so one inside would let the program see something other than what was checked. */
function withoutNul(what: string, value: unknown): string {
  if (typeof value !== 'string') throw invalid(`${what} must be a string`);
  if (value.includes('\0')) throw invalid(`${what} contains a NUL byte`);
  return value;
}

function pack(strings: readonly string[]): Buffer {
  return Buffer.from(strings.length === 0 ? '' : `${strings.join('\0')}\0`);
}

function candidates(file: string, path: string | undefined): string[] {
  if (file.includes('/')) return [file];
  return (path ?? DEFAULT_PATH).split(':').map(directory => (directory === '' ? file : `${directory}/${file}`));
}

/**
 * Checks one side of a terminal's size.
 *
 * @throws TelptyError `ERR_INVALID_ARGUMENT` unless it is an integer 1–65535.
 */
export function checkSize(what: string, value: number): number {
  checkValue(what, ptyOptions.columns, value);
  return value;
}

function checkId(what: string, value: number): number {
  checkValue(what, id, value);
  return value;
}

function environment(env: Readonly<Record<string, string | undefined>>): string[] {
  const strings: string[] = [];
  for (const [name, value] of Object.entries(env)) {
    if (value === undefined) continue;
    if (name === '' || name.includes('=')) throw invalid(`'${name}' is not a valid name of an environment variable`);
    strings.push(
      `${withoutNul('the name of an environment variable', name)}=${withoutNul(`environment variable ${name}`, value)}`,
    );
  }
  return strings;
}

function isUs(uid: number, gid: number): boolean {
  return (
    uid !== 0 &&
    process.getuid!() === uid &&
    process.geteuid!() === uid &&
    process.getgid!() === gid &&
    process.getegid!() === gid
  );
}

/** uid, gid, groups…, or nothing if the program runs as the server's user. */
function identity(options: PtyOptions): Uint32Array {
  let { uid, gid, groups } = options;
  if (options.user !== undefined) {
    if (uid !== undefined || gid !== undefined) throw invalid("'user' excludes 'uid' and 'gid'");
    const user = typeof options.user === 'object' ? options.user : lookupUser(options.user);
    uid = user.uid;
    gid = user.gid;
    groups ??= user.groups;
  } else if (uid !== undefined && gid === undefined) {
    // With the uid alone the program would keep the server's groups, usually root's.
    const user = lookupUser(checkId('uid', uid));
    gid = user.gid;
    groups ??= user.groups;
  }
  if (uid === undefined && gid === undefined && groups === undefined) return NO_IDS;
  const ids = [checkId('uid', uid ?? process.geteuid!()), checkId('gid', gid ?? process.getegid!())] as const;
  // An unprivileged server may name its own user: there is nothing to change, and it could not change its groups.
  if (isUs(...ids) && (options.groups === undefined || options.user !== undefined)) return NO_IDS;
  return Uint32Array.from([...ids, ...(groups ?? [ids[1]]).map(group => checkId('groups', group))]);
}

function limits(given: Limits): Float64Array {
  const { rlimits } = addon();
  const triples: number[] = [];
  for (const [name, limit] of Object.entries(given) as [string, Limit | undefined][]) {
    if (limit === undefined) continue;
    const resource = Object.hasOwn(rlimits, name) ? rlimits[name] : undefined;
    if (resource === undefined) throw invalid(`this system does not have the limit '${name}'`);
    const [soft, hard] = typeof limit === 'number' ? [limit, limit] : limit;
    triples.push(resource, soft, hard);
  }
  return Float64Array.from(triples);
}

/**
 * umask, niceness and no_new_privs in the layout of the addon.
 *
 * @throws TelptyError `ERR_INVALID_ARGUMENT` for what this system does not have.
 */
export function programAttributes(
  options: Pick<PtyOptions, 'umask' | 'nice' | 'noNewPrivs' | 'user' | 'uid' | 'gid' | 'groups'>,
): Int32Array {
  const { umask, nice, noNewPrivs, user, uid, gid, groups } = options;
  const isLinux = process.platform === 'linux';
  if (noNewPrivs && !isLinux) throw invalid('noNewPrivs is supported on Linux only');
  const named = [user, uid, gid, groups].some(id => id !== undefined);
  return Int32Array.of(umask ?? -1, nice === undefined ? 0 : 1, nice ?? 0, (noNewPrivs ?? (named && isLinux)) ? 1 : 0);
}

function cgroupFile(directory: string | undefined): Buffer {
  if (directory === undefined) return NO_BYTES;
  if (process.platform !== 'linux') throw invalid('cgroups are supported on Linux only');
  return pack([`${directory}/cgroup.procs`]);
}

/** Empty values, shared by most requests. */
const NO_BYTES = Buffer.alloc(0);
const NO_IDS = new Uint32Array(0);
const NO_LIMITS = new Float64Array(0);

let sane: RawModes | undefined;

/** {@link saneModes} in the system's numbers, computed once: every session starts with them. */
function startingModes(): RawModes {
  if (sane === undefined) {
    sane = blankModes();
    applyModes(sane, saneModes);
  }
  return { words: sane.words.slice(), cc: sane.cc.slice() };
}

/**
 * Converts the arguments of `spawnPty` for the addon.
 *
 * @param options checked by {@link ptyOptions}.
 *
 * @throws TelptyError `ERR_INVALID_ARGUMENT`, `ERR_UNKNOWN_USER`, `ERR_PTY_UNSUPPORTED`.
 */
export function spawnRequest(file: string, args: readonly string[], options: PtyOptions): SpawnRequest {
  addon();
  if (withoutNul('file', file) === '') throw invalid('file is empty');
  if (!Array.isArray(args)) throw invalid('args must be an array of strings');
  const env = options.env ?? {};
  const argv = [
    withoutNul('argv0', options.argv0 ?? file),
    ...args.map((arg, index) => withoutNul(`argument ${index + 1}`, arg)),
  ];
  const modes = startingModes();
  if (options.modes !== undefined) applyModes(modes, options.modes);
  return {
    argv: pack(argv),
    envp: pack(environment(env)),
    candidates: pack(candidates(file, env.PATH)),
    cwd: options.cwd === undefined ? NO_BYTES : pack([withoutNul('cwd', options.cwd)]),
    terminal: Uint32Array.of(
      checkSize('columns', options.columns ?? ptyOptions.columns.default),
      checkSize('rows', options.rows ?? ptyOptions.rows.default),
      ...modes.words,
    ),
    cc: modes.cc,
    identity: identity(options),
    limits: options.limits === undefined ? NO_LIMITS : limits(options.limits),
    cgroup: cgroupFile(options.cgroup),
    attributes: programAttributes(options),
    result: new Int32Array(2),
    detail: details.pop() ?? Buffer.alloc(DETAIL_SIZE),
  };
}
