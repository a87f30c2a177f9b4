/** The program: the user that it runs as, its environment and limits, and how it ends. */
import { ptyShellOptions } from '../../../shells/program/options.ts';
import * as library from '../library.ts';
import { flag, type OptionTable } from '../options.ts';
import * as values from '../values.ts';

export const programOptions = {
  cwd: { argument: 'DIR', parse: values.text, defaultWords: 'current', help: 'working directory of the program' },
  env: {
    argument: 'NAME=VALUE',
    parse: values.envAssignment,
    repeatable: true,
    pairs: true,
    help: 'set a variable in the environment of the program',
  },
  'pass-env': {
    argument: 'NAME',
    parse: values.envName,
    repeatable: true,
    help: "pass on a variable of the server's own environment",
  },
  'accept-env': {
    argument: 'NAME',
    library: ptyShellOptions.acceptEnv,
    parse: values.acceptableEnvName,
    repeatable: true,
    help: 'accept this variable from clients, in addition to the built-in list',
  },
  user: {
    argument: 'NAME',
    parse: values.text,
    defaultWords: "the server's user",
    help: 'run the program as this user; needs root',
  },
  'user-range': {
    argument: 'FROM-TO',
    parse: values.userRange,
    defaultWords: 'off',
    help: 'run the program of each session with a user ID of its own from this range, for example 70000-70999; needs root (Linux)',
    see: 'docs/sandbox.md#a-user-id-for-each-session',
  },
  'allow-root-program': {
    ...flag,
    help: 'run programs as root even if other machines can connect, and without a warning on loopback; `login` needs it',
  },
  'size-env': {
    ...library.flag(ptyShellOptions.sizeEnv),
    help: 'also set LINES and COLUMNS, which pin curses programs to the first window size',
  },
} as const satisfies OptionTable;

export const resourceOptions = {
  rlimit: {
    argument: 'NAME=SOFT[:HARD]',
    parse: values.resourceLimit,
    repeatable: true,
    pairs: true,
    help: 'limit a resource: `cpu=60`, `as=512M`, `nproc=64`, `nofile=256`, `core=0`, `as=unlimited`',
  },
  umask: {
    argument: 'OCTAL',
    ...library.sets(ptyShellOptions.umask, values.umask),
    defaultWords: "the server's",
    help: 'file mode creation mask (umask) of the program, for example 077',
  },
  nice: {
    argument: 'N',
    ...library.sets(ptyShellOptions.nice, values.signed(ptyShellOptions.nice.min, ptyShellOptions.nice.max)),
    defaultWords: "the server's",
    help: '-20 (highest priority) to 19; raising the priority needs root',
  },
  'no-new-privs': {
    ...library.optionalFlag(ptyShellOptions.noNewPrivs),
    defaultWords: 'on with --user and --user-range',
    help: 'set-user-ID programs gain no privileges: no `sudo`, no `su` (Linux)',
  },
  cgroup: {
    argument: 'PATH',
    parse: values.text,
    defaultWords: 'off',
    help: "cgroup (v2) in which each program gets a cgroup of its own, killed as a whole at the end; `self`: the server's cgroup",
  },
  'cgroup-limit': {
    argument: 'NAME=VALUE',
    parse: values.cgroupLimit,
    repeatable: true,
    pairs: true,
    help: 'limit of each of these cgroups: `memory=256M`, `swap=0`, `pids=64`, `cpu=50%` (of one CPU), or a file: `memory.high=200M`',
  },
} as const satisfies OptionTable;

export const endOptions = {
  'kill-timeout': {
    ...library.duration(ptyShellOptions.killTimeout),
    help: 'time between SIGHUP and SIGKILL for a program that does not end',
  },
  'drain-timeout': {
    argument: 'T',
    parse: values.duration(),
    default: '0',
    help: 'time that sessions have to end by themselves after SIGTERM, before the server hangs them up',
  },
  'drain-quietly': { ...flag, help: 'do not announce the drain timeout in the sessions' },
  linger: {
    ...library.duration(ptyShellOptions.linger),
    help: 'time that the program has to end by itself after the client closed its sending side',
  },
} as const satisfies OptionTable;
