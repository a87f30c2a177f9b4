import type { ExitStatus, Limits } from '../pty/index.ts';

/** A program that is killed by a limit as soon as it starts has not lived longer than this, in milliseconds. */
const EARLY_MS = 1_000;

/** Which limits the kernel enforces by each signal; by SIGKILL, SIGSEGV and SIGBUS also what leaves `execve` no memory. */
const LIMITS_OF_SIGNALS: Readonly<Record<string, readonly (keyof Limits)[]>> = {
  SIGKILL: ['as', 'cpu', 'data', 'stack'],
  SIGSEGV: ['as', 'data', 'stack'],
  SIGBUS: ['as', 'data', 'stack'],
  SIGABRT: ['as', 'data', 'stack'],
  SIGXCPU: ['cpu'],
  SIGXFSZ: ['fsize'],
};

/**
 * Says which limits may have killed a program at its start, in words; `undefined` where none can.
 *
 * @param age how long the program has run, in milliseconds.
 */
export function earlyDeath({ signal }: ExitStatus, limits: Limits, age: number): string | undefined {
  if (signal === null || age >= EARLY_MS) return undefined;
  const names = (LIMITS_OF_SIGNALS[signal] ?? []).filter(name => limits[name] !== undefined);
  if (names.length === 0) return undefined;
  const given = names.map(name => `--rlimit ${name}=${[limits[name]].flat().join(':')}`).join(', ');
  return `killed by ${signal} within ${EARLY_MS / 1_000} s of its start; ${given} may be too small`;
}
