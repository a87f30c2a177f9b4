/** The result of a start. */
import { readFileSync } from 'node:fs';
import { TelptyError } from '../errors.ts';
import type { SpawnRequest } from '../native/addon.ts';
import { addon } from '../native/load.ts';
import { systemError } from '../native/system-error.ts';
import type { PtyOptions } from './options.ts';

/** Called when the start has ended, without an error if the program runs. */
export type StartCallback = (error: TelptyError | undefined) => void;

/** Details of a failure besides its number. */
interface Failure {
  readonly options: PtyOptions;
  /** From native/process/explain.c or native/process/starter.c; all empty if they found nothing. */
  readonly kind: string;
  readonly path: string;
  readonly name: string;
}

type Meaning = string | ((failure: Failure) => string | undefined);

const onlyRoot = (what: string, capability: string) =>
  `operation not permitted; ${what} needs root (or ${capability}) in the server`;

/**
 * The texts for the errors of each step. They begin with the system's text if that is true, and then say what to do.
 * Other errors have the system's text.
 */
const MEANINGS: Readonly<Record<string, Readonly<Record<string, Meaning>>>> = {
  open: {
    ENOENT: '/dev/ptmx is missing; mount devpts on /dev/pts and link /dev/ptmx to pts/ptmx',
    ENOSPC:
      'no pseudo-terminal is left (kernel.pty.max); end programs that use terminals, or raise kernel.pty.max or the devpts mount option max=',
    EACCES: 'permission denied; /dev/ptmx must be readable and writable for the server (mode 0666)',
    EPERM: "operation not permitted; /dev/ptmx is not allowed here (the container's rules for devices)",
    ENODEV: 'no such device; /dev/ptmx needs devpts, mounted on /dev/pts',
    ENXIO: 'no such device; /dev/ptmx needs devpts, mounted on /dev/pts',
    ENOTTY: '/dev/ptmx is not a terminal device; mount devpts on /dev/pts and link /dev/ptmx to pts/ptmx',
    EINVAL: '/dev/ptmx is not a terminal device; mount devpts on /dev/pts and link /dev/ptmx to pts/ptmx',
    EIO: 'input/output error; /dev/ptmx does not belong to the devpts on /dev/pts',
    EMFILE: 'too many open files; raise the limit of the server (LimitNOFILE, ulimit -n)',
    ENFILE: 'too many open files in the system; raise fs.file-max',
    ENOMEM: 'out of memory',
  },
  winsize: { EIO: 'input/output error; the terminal was hung up by another process' },
  termios: { EIO: 'input/output error; the terminal was hung up by another process' },
  fork: {
    EAGAIN:
      "no more processes are allowed (the limit nproc, or pids of the cgroup); raise one of them, the server's TasksMax, or kernel.pid_max",
    ENOMEM: 'out of memory',
    EBUSY: 'too many earlier starts hang in the kernel; find out which file system does not answer',
  },
  cgroup: {
    ENOENT: 'its cgroup was removed by another process',
    ENODEV: 'its cgroup was removed by another process',
    EACCES: 'permission denied; the server may not move programs to this cgroup (Delegate=yes)',
    EPERM: 'operation not permitted; the server may not move programs to this cgroup (Delegate=yes)',
    EBUSY: 'its cgroup passes controllers on to cgroups below it, so it takes no processes',
    EOPNOTSUPP: 'its cgroup takes no processes; its type is not "domain" (cgroup.type)',
    EAGAIN: 'its cgroup allows no more processes (pids.max)',
  },
  setsid: { EPERM: 'operation not permitted; the process already leads a group' },
  ctty: { EPERM: 'operation not permitted; the terminal is the controlling terminal of another session' },
  rlimit: {
    EPERM: onlyRoot("a limit above the server's own", 'CAP_SYS_RESOURCE'),
    EINVAL: 'invalid argument; the system does not support this limit',
  },
  nice: {
    EACCES: onlyRoot("a priority above the server's own", 'CAP_SYS_NICE'),
    EPERM: onlyRoot("a priority above the server's own", 'CAP_SYS_NICE'),
  },
  keyring: {
    EDQUOT: 'the user has too many keyrings; raise kernel.keys.maxkeys and kernel.keys.maxbytes',
    ENOMEM: 'out of memory',
  },
  setgroups: {
    EPERM: onlyRoot('a change of groups', 'CAP_SETGID'),
    EINVAL: 'invalid argument; a group does not exist in this user namespace, or there are too many',
  },
  setgid: {
    EPERM: onlyRoot('a change of the group', 'CAP_SETGID'),
    EINVAL: 'invalid argument; the group does not exist in this user namespace',
  },
  setuid: {
    EPERM: onlyRoot('a change of the user', 'CAP_SETUID'),
    EINVAL: 'invalid argument; the user does not exist in this user namespace',
    EAGAIN: 'the user has too many processes (the limit nproc)',
  },
  capabilities: { EPERM: 'operation not permitted; the server may not drop the capabilities of its programs' },
  no_new_privs: { EINVAL: 'this kernel lacks no_new_privs; turn it off (--no-new-privs no)' },
  chdir: {
    EACCES: 'permission denied; the user of the program may not enter this directory',
    ELOOP: 'its symbolic links form a loop',
    ETIMEDOUT: timedOut,
    ESTALE: 'the file system was removed or replaced; mount it again',
    EIO: 'input/output error; the file system does not answer',
    ENOTCONN: 'the file system lost its server; mount it again',
  },
  exec: {
    ENOENT: missing,
    ENOTDIR: missing,
    EACCES: denied,
    ELOOP: ({ kind, path, name }) =>
      kind === 'script'
        ? `too many interpreters; ${path} asks for ${name}, which asks for another interpreter`
        : 'its symbolic links form a loop',
    E2BIG: ({ options }) =>
      options.limits?.stack === undefined ? undefined : "argument list too long for the limit 'stack'; raise it",
    EAGAIN: "the user has too many processes (the limit nproc); raise it, or end some of the user's processes",
    ENOMEM: 'no memory is left, or a limit (as, data, stack, memlock) leaves none',
    ENOEXEC: 'the file is a program for another processor or system; install the one for this machine',
    ETXTBSY: 'the file is being written; try again when that is done',
    EPERM: 'operation not permitted; a rule of the system forbids this program',
    EINVAL: 'the file is not a valid program of this system',
    ELIBBAD: ({ name }) => `the loader${name && ` ${name}`} is not a valid program of this system`,
    EMFILE: 'too many open files; raise the limit of the server (LimitNOFILE, ulimit -n)',
    ENFILE: 'too many open files in the system; raise fs.file-max',
    ENAMETOOLONG: ({ name }) => (name ? `the name of its interpreter is too long: ${name}` : undefined),
    ETIMEDOUT: timedOut,
    ESTALE: 'the file system was removed or replaced; mount it again',
    EIO: 'input/output error; the file system does not answer',
    ENOTCONN: 'the file system lost its server; mount it again',
  },
};

function timedOut({ kind }: Failure): string {
  if (kind === 'stopped') return 'a process of the same user stopped it repeatedly before it began; it was killed';
  return 'it did not start within 5 s and was killed; the file system of the program or of its directory may hang';
}

/** ENOENT and ENOTDIR of a file that exists concern its interpreter or loader. */
function missing({ kind, path, name }: Failure): string | undefined {
  if (kind === 'script') {
    const hint = name.endsWith('\\r') ? '; the line ends in CR LF, so \\r is part of the name' : '';
    return `${path} is there, but its interpreter ${name} is missing${hint || '; install it or correct the first line'}`;
  }
  if (kind === 'loader') return `${path} is there, but its loader ${name} is missing; it was built for another system`;
  if (kind === 'file') return `${path} has no #! line, and /bin/sh, which would run it, is missing`;
  return undefined;
}

function denied({ kind, path, name }: Failure): string | undefined {
  if (kind === 'directory') return `permission denied; ${path} is a directory`;
  if (kind === 'special') return `permission denied; ${path} is not a regular file`;
  if (kind === 'script') return `permission denied; the interpreter ${name} of ${path} is not executable for the user`;
  return undefined;
}

/**
 * The number of terminals that exist. The kernel counts them for the whole system, so the numbers are not part of the
 * message, which a client may read.
 */
function terminalsInUse(): Error | undefined {
  const [used, max] = ['nr', 'max'].map(name => {
    try {
      return Number(readFileSync(`/proc/sys/kernel/pty/${name}`, 'latin1'));
    } catch {
      return Number.NaN;
    }
  }) as [number, number];
  return Number.isNaN(used) || Number.isNaN(max) ? undefined : new Error(`${used} of ${max} terminals are in use`);
}

/** The names of files come from the first line of a script or the header of a program. */
function printable(text: string): string {
  const escaped = text.replace(/[\x00-\x1f\x7f-\x9f]/g, character =>
    character === '\r' ? '\\r' : `\\x${character.charCodeAt(0).toString(16).padStart(2, '0')}`,
  );
  return escaped;
}

/** Why no pseudo-terminal can be opened, for a code such as `'ENOENT'`; undefined if the code says enough. */
export function openProblem(code: string): string | undefined {
  const meaning = MEANINGS.open?.[code];
  return typeof meaning === 'string' ? meaning : undefined;
}

/** The error for the step of a start that failed: `error` is its errno, `stepIndex` the index of the step. */
export function startError(
  file: string,
  options: PtyOptions,
  request: SpawnRequest,
  error: number,
  stepIndex: number,
): TelptyError {
  const { name: systemCode, text } = systemError(error);
  const step = addon().steps[stepIndex]!;
  const { detail } = request;
  const [kind = '', path = '', name = ''] = detail.toString('utf8', 0, detail.indexOf(0)).split('\n').map(printable);
  const meaning = MEANINGS[step]?.[systemCode];
  const words = (typeof meaning === 'function' ? meaning({ options, kind, path, name }) : meaning) ?? text;
  // Two steps have a name that identifies the error; the others are identified by the step.
  const where = step === 'exec' ? '' : step === 'chdir' ? `${options.cwd}: ` : `${step}: `;
  return new TelptyError('ERR_PTY_SPAWN', `cannot start '${file}': ${where}${words}`, {
    step,
    systemCode,
    errno: -error,
    file,
    cause: step === 'open' && systemCode === 'ENOSPC' ? terminalsInUse() : undefined,
  });
}
