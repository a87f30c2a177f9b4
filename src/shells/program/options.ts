/** The options of `ptyShell`. */
import {
  boolean,
  callback,
  check,
  duration,
  instance,
  type OptionsOf,
  type OptionTable,
  oneOf,
  readOptions,
} from '../../options.ts';
import { Cgroups } from '../../pty/cgroup/cgroup.ts';
import { type Limits, programAttributes, ptyOptions, resolvedUser } from '../../pty/options.ts';
import { UserRange } from '../../pty/user-range.ts';
import type { User } from '../../pty/users.ts';
import type { Session } from '../../session/session.ts';
import { type EnvironmentPolicy, environmentOptions, type RejectedVariable } from '../environment/environment.ts';
import { type ModeName, SHELL_MODES } from './modes.ts';

/** The argument of {@link PtyShellOptions.onStart}. */
export interface StartedProgram {
  readonly pid: number;
  readonly file: string;
  readonly args: readonly string[];
  /** TERM in the environment of the program. */
  readonly term: string;
  readonly columns: number;
  readonly rows: number;
  /** With `userRange`: the user id of the session. */
  readonly uid?: number;
  /** From the connection until the program was started, in milliseconds. */
  readonly negotiationTime: number;
  /** Duration of the start after that, in milliseconds: until the program was executed. */
  readonly startTime: number;
}

/**
 * Options of `ptyShell`. All times are in milliseconds; 0 means without limit. `acceptEnv` accepts variables from
 * clients. Clients send the variables that they are asked for, so name them in `requestEnviron` of `createServer()`,
 * too.
 */
export interface PtyShellOptions extends EnvironmentPolicy {
  /** The initial modes of the terminal and the matching negotiation with the client; default `'character'`. */
  readonly mode?: ModeName;
  /**
   * In mode `'character'`: whether clients that support LINEMODE (RFC 1184) edit lines themselves while the program
   * reads lines, or `'never'`; default `'auto'`.
   */
  readonly linemode?: 'auto' | 'never';
  /**
   * Longest wait for terminal type and window size before the program starts; default 2,000. Further answers that a
   * client has agreed to give may each take an eighth of it, or 250 ms if that is longer.
   */
  readonly negotiationTimeout?: number;
  /** Never send IAC GA, not even to clients that refuse SGA. */
  readonly neverSendGa?: boolean;
  /** Working directory of the program; default the server's. */
  readonly cwd?: string | undefined;
  /** Run the program as this user (needs root): `lookupUser(name)` of `telpty/pty`. Default: the server's own. */
  readonly user?: User | undefined;
  /**
   * Run each session's program as a separate user id (needs root, Linux): `openUserRange(from, to)` of `telpty/pty`. At
   * the end of the session all processes of that user are killed, including daemons. If all ids are in use, the client
   * gets one line of text, and the result is `{ refused: 'no-user-id' }`. Excludes `user`.
   */
  readonly userRange?: UserRange | undefined;
  /** Limits on the program's use of resources. */
  readonly limits?: Limits;
  /** File mode creation mask (umask) of the program, 0–0o777; default the server's. */
  readonly umask?: number | undefined;
  /** Niceness of the program, -20 (highest priority) to 19; raising the priority needs root. Default the server's. */
  readonly nice?: number | undefined;
  /**
   * Whether set-user-ID programs and file capabilities give the program no privileges (`no_new_privs`, Linux). Default:
   * with `user` or `userRange`, on Linux. Users who log in need it off, for `su`, `sudo` and `passwd`.
   */
  readonly noNewPrivs?: boolean | undefined;
  /**
   * Each program gets its own cgroup below this one (Linux): `openCgroups(path, limits)` of `telpty/pty`. At the end of
   * the session all processes in it are killed, including daemons.
   */
  readonly cgroup?: Cgroups | undefined;
  /** `argv[0]` of the program; `-bash` makes a login shell. */
  readonly argv0?: string | undefined;
  /** Time between SIGHUP and SIGKILL; default 1,000. */
  readonly killTimeout?: number;
  /** How long the program may continue after the client closed its sending half; default 500. */
  readonly linger?: number;
  /** Called when a program has started. */
  readonly onStart?: (session: Session, program: StartedProgram) => void;
  /** Called with the variables of the client's environment that were not passed on, safe to print; once per session. */
  readonly onReject?: (session: Session, rejected: readonly RejectedVariable[]) => void;
}

export const ptyShellOptions = {
  ...environmentOptions,
  mode: oneOf(Object.keys(SHELL_MODES) as ModeName[], { default: 'character' }),
  linemode: oneOf(['auto', 'never'], { default: 'auto' }),
  negotiationTimeout: duration({ default: 2_000 }),
  neverSendGa: boolean({ default: false }),
  cwd: ptyOptions.cwd,
  user: resolvedUser,
  userRange: instance(UserRange, "what openUserRange() of 'telpty/pty' returns"),
  limits: ptyOptions.limits,
  umask: ptyOptions.umask,
  nice: ptyOptions.nice,
  noNewPrivs: ptyOptions.noNewPrivs,
  cgroup: instance(Cgroups, "what openCgroups() of 'telpty/pty' returns"),
  argv0: ptyOptions.argv0,
  killTimeout: duration({ default: 1_000 }),
  linger: duration({ default: 500 }),
  onStart: callback(),
  onReject: callback(),
} satisfies OptionTable<PtyShellOptions>;

/** The options with their defaults. */
export type PtyShellSettings = OptionsOf<typeof ptyShellOptions>;

/** @throws TelptyError `ERR_INVALID_ARGUMENT` */
export function readPtyShellOptions(options: PtyShellOptions): PtyShellSettings {
  const settings = readOptions('ptyShell', ptyShellOptions, options);
  const { user, userRange } = settings;
  check(userRange === undefined || user === undefined, "'userRange' excludes 'user'");
  // Some are available on Linux only.
  programAttributes(settings);
  return settings;
}
