import type { ExitStatus, Limits } from '../../pty/index.ts';
import type { Session } from '../../session/session.ts';

/** A program that is killed by a limit at its start runs for less than this, in milliseconds. */
const EARLY_MS = 1_000;

/**
 * The limits that the kernel enforces by each signal. SIGKILL, SIGSEGV and SIGBUS also occur if `execve` has too little
 * memory.
 */
const LIMITS_OF_SIGNALS: Readonly<Record<string, readonly (keyof Limits)[]>> = {
  SIGKILL: ['as', 'cpu', 'data', 'stack'],
  SIGSEGV: ['as', 'data', 'stack'],
  SIGBUS: ['as', 'data', 'stack'],
  SIGABRT: ['as', 'data', 'stack'],
  SIGXCPU: ['cpu'],
  SIGXFSZ: ['fsize'],
};

/** Signals that only a limit sends, however long the program has run. */
const SENT_BY_LIMITS: ReadonlySet<string> = new Set(['SIGXCPU', 'SIGXFSZ']);

/**
 * At the hard limit of CPU time the kernel sends SIGKILL, immediately if the soft limit is the same. SIGKILL has other
 * causes, too, so the limit is only named if the program has used this part of it. The part is less than 1. For the
 * limit Linux counts timer ticks, each as a whole, but it reports the time that the scheduler measured. On a busy
 * virtual machine 0.80 to 0.87 s were reported for programs that a limit of 1 s had killed.
 */
const CPU_PART = 0.5;

/**
 * A dynamic loader that cannot map or open a library prints one of these and exits with 127. A shell that does not find
 * a command also exits with 127, but prints a different message.
 */
const LOADER_STATUS = 127;
const LIMITS_OF_LOADER: readonly (keyof Limits)[] = ['as', 'data', 'nofile'];
const LOADER_ERROR =
  /error while loading shared libraries|cannot allocate TLS data structures|Error loading shared library/;

/** How much of a program's output {@link earlyDeath} examines, in bytes. */
export const LOOKED_AT = 512;

/** The facts about the end of a program. */
export interface EarlyEnd extends ExitStatus {
  /** How long the program has run, in milliseconds. */
  readonly age: number;
  /** After SIGKILL: the CPU time of the program without its children, in milliseconds; `undefined` if it is unknown. */
  readonly cpuTimeMs?: number | undefined;
  /** The start of its output. */
  readonly output: string;
}

/** The result of {@link earlyDeath} for the program of a session. */
export const earlyDeaths = new WeakMap<Session, string>();

/** Returns which limits may have ended a program, as a text that follows "was"; `undefined` if no limit can have. */
export function earlyDeath({ code, signal, age, cpuTimeMs, output }: EarlyEnd, limits: Limits): string | undefined {
  const isEarly = age < EARLY_MS;
  if (code === LOADER_STATUS && isEarly && LOADER_ERROR.test(output)) {
    const given = describe(LIMITS_OF_LOADER, limits);
    return given && `stopped by its loader (exit ${code}) for lack of memory or files; ${given} may be too small`;
  }
  if (signal === null) return undefined;
  if (signal === 'SIGKILL' && cpuTimeMs !== undefined && hasUsedItsTime(cpuTimeMs, limits)) {
    const seconds = (cpuTimeMs / 1_000).toFixed(1);
    return `killed by SIGKILL after ${seconds} s of CPU time; ${describe(['cpu'], limits)} may be reached`;
  }
  const given = describe(LIMITS_OF_SIGNALS[signal] ?? [], limits);
  if (given === undefined) return undefined;
  if (isEarly) return `killed by ${signal} within ${EARLY_MS / 1_000} s of its start; ${given} may be too small`;
  return SENT_BY_LIMITS.has(signal) ? `killed by ${signal}; ${given} is reached` : undefined;
}

function hasUsedItsTime(cpuTimeMs: number, { cpu }: Limits): boolean {
  const hard = [cpu ?? Infinity].flat().at(-1)!;
  return cpuTimeMs >= CPU_PART * hard * 1_000;
}

/** Those of these limits that are set, as options. */
function describe(names: readonly (keyof Limits)[], limits: Limits): string | undefined {
  const given = names.flatMap(name => {
    const limit = limits[name];
    if (limit === undefined) return [];
    return `--rlimit ${name}=${[...new Set([limit].flat())].join(':')}`;
  });
  return given.length === 0 ? undefined : given.join(', ');
}
