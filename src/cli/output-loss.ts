/** Errors of standard output, for the commands that write their result to it. */
import { TelptyError } from '../errors.ts';
import { errorText } from '../native/system-error.ts';

/**
 * The error of a command whose output is lost, as on a full disk. `undefined` if the reader has left, which is not an
 * error: a pipe that is closed (`| head -1`), or a terminal that is hung up.
 */
export function outputLoss(error: NodeJS.ErrnoException): TelptyError | undefined {
  const { code: systemCode = 'unknown' } = error;
  if (systemCode === 'EPIPE' || systemCode === 'ECONNRESET') return undefined;
  if (systemCode === 'EIO' && process.stdout.isTTY) return undefined;
  const words = `cannot write to standard output: ${errorText(error)}`;
  return new TelptyError('ERR_RUNTIME', words, { systemCode, cause: error });
}
