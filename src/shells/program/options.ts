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

/** What {@link PtyShellOptions.onStart} is told. */
export interface StartedProgram {
  readonly pid: number;
  readonly file: string;
  readonly args: readonly string[];
  /** TERM as the program has it. */
  readonly term: string;
  readonly columns: number;
  readonly rows: number;
  /** With `userRange`: the user id that the session has. */
  readonly uid?: number;
  /** From the connection until the program was started, in milliseconds. */
  readonly negotiationTime: number;
  /** What the start took from there, in milliseconds: until the program was executed. */
  readonly startTime: number;
}

/**
 * Options of `ptyShell`. All times are in milliseconds; 0 is for ever. `acceptEnv` takes what a client sends; clients
 * send what they are asked for, so name it in `requestEnviron` of `createServer()`, too.
 */
export interface PtyShellOptions extends EnvironmentPolicy {
  /** How the terminal starts and what is asked of the client; default `'character'`. */
  readonly mode?: ModeName;
  /**
   * In mode `'character'`: whether clients that can (LINEMODE, RFC 1184) edit lines themselves while the program wants lines,
   * or `'never'`; default `'auto'`.
   */
  readonly linemode?: 'auto' | 'never';
  /** Longest wait for terminal type and window size before the program starts; default 2,000. */
  readonly negotiationTimeout?: number;
  /** Never send IAC GA, not even to clients that refuse to do without. */
  readonly neverSendGa?: boolean;
  /** The program's working directory; default the server's. */
  readonly cwd?: string | undefined;
  /** Run the program as this user (needs root): `lookupUser(name)` of `telpty/pty`. Default: the server's own. */
  readonly user?: User | undefined;
  /**
   * Run each session's program as a user id of its own (needs root, Linux): `openUserRange(from, to)` of `telpty/pty`. At the
   * end of the session all processes of that user are killed, daemons too. When all ids are taken, the client reads that in one
   * line, and the result is `{ refused: 'no-user-id' }`. Excludes `user`.
   */
  readonly userRange?: UserRange | undefined;
  /** Limits on the program's use of resources. */
  readonly limits?: Limits;
  /** The permissions that files of the program are made without, 0–0o777; default the server's. */
  readonly umask?: number | undefined;
  /** Niceness, -20 to 19; less than the server's own needs a privilege. Default the server's. */
  readonly nice?: number | undefined;
  /**
   * Whether set-user-ID programs and file capabilities give the program nothing (`no_new_privs`, Linux). Default: with `user`
   * or `userRange`, on Linux. People who log in want it off, for `su`, `sudo` and `passwd`.
   */
  readonly noNewPrivs?: boolean | undefined;
  /**
   * Each program gets a cgroup of its own below this one (Linux): `openCgroups(path, limits)` of `telpty/pty`. At the end of
   * the session all that is in it is killed, daemons too.
   */
  readonly cgroup?: Cgroups | undefined;
  /** What the program finds in `argv[0]`; `-bash` makes a login shell. */
  readonly argv0?: string | undefined;
  /** Between SIGHUP and SIGKILL; default 1,000. */
  readonly killTimeout?: number;
  /** How long the program may go on once the client closed its sending half; default 500. */
  readonly linger?: number;
  /** Called when a program has started. */
  readonly onStart?: (session: Session, program: StartedProgram) => void;
  /** Called with the variables of the client's environment that were not passed on, safe to print; once a session. */
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
  // Some only Linux has.
  programAttributes(settings);
  return settings;
}
