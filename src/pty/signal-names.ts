/** The signals of this system, by name and by number. */
import { constants } from 'node:os';
import { TelptyError } from '../errors.ts';

const names = new Map<number, string>();
for (const [name, number] of Object.entries(constants.signals)) {
  // Some numbers have two names (SIGIOT is SIGABRT); the usual one comes first.
  if (!names.has(number)) names.set(number, name);
}

/** The name of a signal: `'SIGTERM'`, or `'SIG35'` for one without a name. */
export function signalName(number: number): string {
  return names.get(number) ?? `SIG${number}`;
}

/** @throws TelptyError `ERR_INVALID_ARGUMENT` for a signal that does not exist. */
export function signalNumber(name: NodeJS.Signals): number {
  const number = constants.signals[name];
  if (number === undefined) throw new TelptyError('ERR_INVALID_ARGUMENT', `unknown signal '${name}'`);
  return number;
}
