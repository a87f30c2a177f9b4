import { check, checkOctet } from '../../check.ts';
import {
  FUNCTION_NAMES,
  type SpecialCharacter,
  type SpecialCharacterLevel,
  type SpecialCharacterSetting,
  type SpecialCharacterSettings,
  SpecialFunction,
  type SpecialFunctionName,
} from './slc.ts';

// Special characters as numbers of the wire format (RFC 1184, 2.4), converted from and to the names that applications
// use.

/** The bits of the second octet of a triplet. */
export const LEVEL_BITS = 3;
export const NOSUPPORT = 0;
export const CANTCHANGE = 1;
export const VALUE = 2;
export const DEFAULT = 3;
export const ACK = 128;
export const FLUSHIN = 64;
export const FLUSHOUT = 32;
export const FLUSH_BITS = FLUSHIN | FLUSHOUT;

/** The name of level n is at index n. */
export const LEVEL_NAMES: readonly SpecialCharacterLevel[] = ['NOSUPPORT', 'CANTCHANGE', 'VALUE', 'DEFAULT'];

/** One setting in numbers: the level, the flush bits, and the octet or `NONE`. */
export interface Setting {
  readonly level: number;
  readonly flush: number;
  readonly value: number;
}

export const NONE = -1;
export const UNSUPPORTED: Setting = Object.freeze({ level: NOSUPPORT, flush: 0, value: NONE });
export const LEFT_TO_PEER: Setting = Object.freeze({ level: DEFAULT, flush: 0, value: NONE });

/**
 * The flush bits if the application does not specify them. As in BSD, an interrupt overtakes the input typed before it.
 */
const USUAL_FLUSH: Partial<Record<SpecialFunctionName, number>> = {
  IP: FLUSH_BITS,
  ABORT: FLUSH_BITS,
  SUSP: FLUSHIN,
};

/**
 * The settings of an application in numbers, by function.
 *
 * @throws TelptyError `ERR_INVALID_ARGUMENT` for an unknown name or level, or a value that is not an octet
 */
export function readSettings(settings: SpecialCharacterSettings): Map<number, Setting> {
  check(typeof settings === 'object' && settings !== null, 'special characters must be an object');
  const read = new Map<number, Setting>();
  for (const [key, setting] of Object.entries(settings) as [
    SpecialFunctionName,
    SpecialCharacterSetting | undefined,
  ][]) {
    check(Object.hasOwn(SpecialFunction, key), `unknown special function ${key}`);
    if (setting !== undefined) read.set(SpecialFunction[key], readSetting(key, setting));
  }
  return read;
}

function readSetting(name: SpecialFunctionName, setting: SpecialCharacterSetting): Setting {
  const usual = USUAL_FLUSH[name] ?? 0;
  const whole = typeof setting === 'number' || setting === null ? { level: 'VALUE' as const, value: setting } : setting;
  const level = LEVEL_NAMES.indexOf(whole.level);
  check(level >= 0, 'a level must be NOSUPPORT, CANTCHANGE, VALUE or DEFAULT');
  const { value = null, flushIn = (usual & FLUSHIN) !== 0, flushOut = (usual & FLUSHOUT) !== 0 } = whole;
  if (value !== null) checkOctet(value, `the character of ${name}`);
  if (level === NOSUPPORT) return UNSUPPORTED;
  if (level === DEFAULT) return LEFT_TO_PEER;
  return Object.freeze({ level, flush: (flushIn ? FLUSHIN : 0) | (flushOut ? FLUSHOUT : 0), value: value ?? NONE });
}

/** A setting for the application. */
export function describeSetting(code: number, { level, flush, value }: Setting): SpecialCharacter {
  return {
    name: FUNCTION_NAMES[code]!,
    level: LEVEL_NAMES[level]!,
    value: value === NONE ? null : value,
    flushIn: (flush & FLUSHIN) !== 0,
    flushOut: (flush & FLUSHOUT) !== 0,
  };
}
