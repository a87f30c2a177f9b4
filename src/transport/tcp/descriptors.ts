/** The file descriptors of this process: how many are left, and how many of these are spoken for. */
import { readdirSync, readFileSync } from 'node:fs';
import { descriptorLimit } from '../../native/files.ts';

/**
 * What is kept back, in descriptors: for a look at /proc when programs are hung up, for certificates and lists that are read
 * again, for a worker that is started anew.
 */
export const RESERVED_DESCRIPTORS = 16;
/** What a session with a program takes: its connection, both sides of a terminal, and what tells of the program's end. */
export const SESSION_DESCRIPTORS = 4;

let expected = 0;

/**
 * Says that so many descriptors will be opened soon, for connections that were let in already.
 *
 * @returns what says that they are open, or never will be; a second call does nothing.
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
 * For how many more sessions there are descriptors, 0 or more. It asks the system each time: half a millisecond with a
 * thousand descriptors. Infinity where that cannot be known.
 */
export function sessionsThatFit(): number {
  const left = Math.min(freeHere(), freeInSystem()) - expected - RESERVED_DESCRIPTORS;
  return Math.max(0, Math.floor(left / SESSION_DESCRIPTORS));
}

function freeHere(): number {
  const limit = descriptorLimit();
  if (limit === Number.POSITIVE_INFINITY) return limit;
  try {
    // One is the directory's own.
    return limit - (readdirSync('/dev/fd').length - 1);
  } catch (error) {
    return isShortage(error) ? 0 : Number.POSITIVE_INFINITY;
  }
}

/** What all processes together may still open (fs.file-max); beyond it they get ENFILE. */
function freeInSystem(): number {
  try {
    const [used, , most] = readFileSync('/proc/sys/fs/file-nr', 'latin1').split('\t').map(Number);
    return most! - used!;
  } catch (error) {
    return isShortage(error) ? 0 : Number.POSITIVE_INFINITY;
  }
}

/** Whether an error says that there are no more descriptors, here or in the whole system. */
export function isShortage(error: unknown): boolean {
  const { code } = error as NodeJS.ErrnoException;
  return code === 'EMFILE' || code === 'ENFILE';
}
