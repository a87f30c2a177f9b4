import { TelptyError } from '../errors.ts';
import { optionName } from './constants.ts';
import type { Side } from './events.ts';
import { defaultLimits, type TelnetLimits } from './limits.ts';

// Checks for errors of the caller. They throw `ERR_INVALID_ARGUMENT` unless documented otherwise, and are never applied
// to the input from the peer.

export function check(condition: boolean, message: string): asserts condition {
  if (!condition) throw new TelptyError('ERR_INVALID_ARGUMENT', message);
}

/** By its brand, not by `instanceof`: a Uint8Array from another realm (a worker's, jsdom's) is also accepted. */
export function checkBytes(bytes: unknown): asserts bytes is Uint8Array {
  check(
    bytes instanceof Uint8Array || Object.prototype.toString.call(bytes) === '[object Uint8Array]',
    'bytes must be a Uint8Array',
  );
}

export function checkOctet(code: unknown, what: string): asserts code is number {
  check(
    Number.isInteger(code) && (code as number) >= 0 && (code as number) <= 255,
    `${what} must be a number from 0 to 255`,
  );
}

/**
 * A method of an option requires that the option is enabled on one side. Throws `ERR_OPTION` before any state changes.
 */
export function checkEnabled(telnet: { isEnabled(code: number, side: Side): boolean }, code: number, side: Side): void {
  if (!telnet.isEnabled(code, side))
    throw new TelptyError('ERR_OPTION', `${optionName(code)} is not enabled (${side})`);
}

/** Tables of options that were validated. Frozen tables stay valid. */
const goodTables = new WeakSet<object>();

/** @returns the table itself if it is frozen, so that any number of connections share it; else a copy */
export function checkOptions<T extends { readonly code: number }>(options: readonly T[] | undefined): readonly T[] {
  check(Array.isArray(options), 'options must be a list of definitions');
  const table = (options ?? []) as readonly T[];
  if (goodTables.has(table)) return table;
  const codes = new Set<number>();
  for (const definition of table) {
    checkOctet(definition?.code, 'the code of an option');
    check(!codes.has(definition.code), `option ${definition.code} is defined twice`);
    codes.add(definition.code);
  }
  if (!Object.isFrozen(table)) return table.slice();
  goodTables.add(table);
  return table;
}

export function checkLimits(limits: TelnetLimits): TelnetLimits {
  for (const [name, value] of Object.entries(limits)) {
    check(Object.hasOwn(defaultLimits, name), `unknown limit ${name}`);
    check(Number.isSafeInteger(value) && value >= 0, `limits.${name} must be a whole number, 0 or greater`);
  }
  return Object.freeze(limits);
}
