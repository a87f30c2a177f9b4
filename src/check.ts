import { TelptyError } from './errors.ts';

/** The longest delay a Node.js timer takes, in milliseconds: 24 days. A longer one fires at once. */
export const LONGEST_TIMER = 2 ** 31 - 1;

/** @throws TelptyError `ERR_INVALID_ARGUMENT` with what is wrong about an option. */
export function check(holds: boolean, message: string): void {
  if (!holds) throw new TelptyError('ERR_INVALID_ARGUMENT', message);
}

/** Checks an option that is a whole number from 0 to `highest`, where it is given at all. */
export function checkWhole(name: string, value: number | undefined, highest: number): void {
  const good = value === undefined || (Number.isInteger(value) && value >= 0 && value <= highest);
  const given = typeof value === 'string' ? `the text '${value}'; use Number()` : String(value);
  check(good, `${name} must be a whole number from 0 to ${highest}, not ${given}`);
}

/** Checks an option that is the port of a server. Ports often come from the environment, as text. */
export function checkPort(value: unknown): void {
  check(typeof value !== 'string', `port must be a number, not the text '${value}'; use Number()`);
  checkWhole('port', value as number | undefined, 65_535);
}

/** Checks an option that is a time in milliseconds. */
export function checkTime(name: string, value: number | undefined): void {
  checkWhole(name, value, LONGEST_TIMER);
}

/** Checks something that is going to be called. */
export function checkFunction(name: string, value: unknown): void {
  check(typeof value === 'function', `${name} must be a function`);
}

/** Checks that an object has no property but these: a misspelt option would be an option without effect. */
export function checkKeys(what: string, value: object, known: readonly string[]): void {
  check(typeof value === 'object' && value !== null, `${what} must be an object`);
  for (const key of Object.keys(value)) check(known.includes(key), `${what} have no option '${key}'`);
}
