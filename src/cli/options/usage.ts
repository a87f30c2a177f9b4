import { TelptyError } from '../../errors.ts';

/**
 * Creates an error about the command line or a configuration file. It has a module of its own, because the command
 * needs it before it knows which options it has to read.
 */
export function usage(message: string): TelptyError {
  return new TelptyError('ERR_USAGE', message);
}
