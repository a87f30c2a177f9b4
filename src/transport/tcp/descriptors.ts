/** The file descriptors of this process: how many are left, and how many of these are reserved. */
import { readdirSync, readFileSync } from 'node:fs';
import { descriptorLimit } from '../../native/files.ts';

/**
 * Descriptors kept in reserve: to read /proc when programs are hung up, to reload certificates and lists, and to
 * restart a worker.
 */
export const RESERVED_DESCRIPTORS = 16;
/**
 * Descriptors of a session with a program: its connection, both sides of a terminal, and the one that signals the
 * program's end.
 */
export const SESSION_DESCRIPTORS = 4;

let expected = 0;

/**
 * Announces that `count` descriptors will soon be opened, for connections that were already accepted.
 *
 * @returns a function to call when they are open, or will never be; a second call does nothing.
 */
export function expectDescriptors(count: number): () => void {
  let counted = true;
  expected += count;
  return () => {
    if (counted) expected -= count;
    counted = false;
  };
}

/**
 * The number of further sessions for which there are descriptors, 0 or more. It queries the system each time: half a
 * millisecond with a thousand descriptors. Infinity where the number cannot be determined.
 */
export function sessionsThatFit(): number {
  const left = Math.min(freeHere(), freeInSystem()) - expected - RESERVED_DESCRIPTORS;
  return Math.max(0, Math.floor(left / SESSION_DESCRIPTORS));
}

function freeHere(): number {
  const limit = descriptorLimit();
  if (limit === Number.POSITIVE_INFINITY) return limit;
  try {
    // One descriptor is that of the directory itself.
    return limit - (readdirSync('/dev/fd').length - 1);
  } catch (error) {
    return isShortage(error) ? 0 : Number.POSITIVE_INFINITY;
  }
}

/** The descriptors that all processes together can still open (fs.file-max); beyond it they get ENFILE. */
function freeInSystem(): number {
  try {
    const [used, , most] = readFileSync('/proc/sys/fs/file-nr', 'latin1').split('\t').map(Number);
    return most! - used!;
  } catch (error) {
    return isShortage(error) ? 0 : Number.POSITIVE_INFINITY;
  }
}

/** Whether an error means that descriptors are exhausted, in this process or in the whole system. */
export function isShortage(error: unknown): boolean {
  const { code } = error as NodeJS.ErrnoException;
  return code === 'EMFILE' || code === 'ENFILE';
}
