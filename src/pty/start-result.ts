/** What comes of a start. */
import { TelptyError } from '../errors.ts';
import { addon, systemError } from './binding.ts';

/** Is told the process id, or a negative error number and the index of the step that failed. */
export type StartCallback = (result: number, step: number) => void;

/** What the system says of these is true of other things, too: here it means this. */
const MEANINGS: Readonly<Record<string, string>> = {
  'open ENOSPC': 'no pseudo-terminal is left (kernel.pty.max)',
  'fork EAGAIN': 'no more processes are allowed (the limit nproc, or pids of the cgroup)',
};

/** The error for the step of a start that failed: `error` is its errno, `stepIndex` stands for its name. */
export function startError(file: string, cwd: string | undefined, error: number, stepIndex: number): TelptyError {
  const { name, text } = systemError(error);
  const step = addon().steps[stepIndex]!;
  // For the two steps that are about a name, the name says where; for the others the step must.
  const where = step === 'exec' ? '' : step === 'chdir' ? `${cwd}: ` : `${step}: `;
  const meaning = MEANINGS[`${step} ${name}`] ?? text;
  return new TelptyError('ERR_PTY_SPAWN', `cannot start '${file}': ${where}${meaning}`, { step, errno: name, file });
}
