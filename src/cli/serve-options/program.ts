/** What surrounds the program. */
import { flag, type OptionTable } from '../options.ts';
import * as values from '../values.ts';

export const programOptions = {
  cwd: { argument: 'DIR', parse: values.text, defaultWords: 'current', help: "the program's working directory" },
  env: {
    argument: 'NAME=VALUE',
    parse: values.envAssignment,
    repeatable: true,
    pairs: true,
    help: 'set for the program',
  },
  'pass-env': {
    argument: 'NAME',
    parse: values.envName,
    repeatable: true,
    help: "pass on from the server's own environment",
  },
  'accept-env': {
    argument: 'NAME',
    parse: values.acceptableEnvName,
    repeatable: true,
    help: 'accept from the client, beside the built-in list',
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
    help: 'run the program of each session as a user id of its own from this range (like 70000-70999); needs root (Linux)',
  },
  'allow-root-program': {
    ...flag,
    help: 'run programs as root also where others than this machine can connect; login needs it',
  },
  rlimit: {
    argument: 'NAME=SOFT[:HARD]',
    parse: values.resourceLimit,
    repeatable: true,
    pairs: true,
    help: 'limit a resource: cpu=60, as=512M, nproc=64, nofile=256, core=0, as=unlimited',
  },
  umask: {
    argument: 'OCTAL',
    parse: values.umask,
    defaultWords: "the server's",
    help: 'the permissions that files of the program are made without: 077',
  },
  nice: {
    argument: 'N',
    parse: values.niceness,
    defaultWords: "the server's",
    help: '-20 (first) to 19 (last); less than the server has needs root',
  },
  'no-new-privs': {
    parse: values.boolean,
    defaultWords: 'on with --user and --user-range',
    help: 'set-user-ID programs give the program nothing: no sudo, no su (Linux)',
  },
  cgroup: {
    argument: 'PATH',
    parse: values.text,
    defaultWords: 'off',
    help: "a cgroup (v2) to give each program one of its own in, killed as a whole at the end; self: the server's",
  },
  'cgroup-limit': {
    argument: 'NAME=VALUE',
    parse: values.cgroupLimit,
    repeatable: true,
    pairs: true,
    help: 'what each may use: memory=256M, swap=0, pids=64, cpu=50% (of one), or a file: memory.high=200M',
  },
  'size-env': { ...flag, help: 'also export LINES and COLUMNS (they pin curses programs to the first size)' },
  'kill-timeout': { argument: 'T', parse: values.duration(), default: '1s', help: 'between SIGHUP and SIGKILL' },
  'drain-timeout': {
    argument: 'T',
    parse: values.duration(),
    default: '0',
    help: 'how long SIGTERM waits for sessions to end by themselves before they are hung up',
  },
  'drain-quietly': { ...flag, help: 'do not tell sessions in a line of text that this wait has begun' },
  linger: {
    argument: 'T',
    parse: values.duration(),
    default: '500ms',
    help: 'after the client closed its sending half: how long the program may go on',
  },
} as const satisfies OptionTable;
