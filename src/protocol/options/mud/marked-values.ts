import { check } from '../../check.ts';

// The common part of MSDP and MSSP: text separated by marks, which are single octets. All marks are ASCII, and no UTF-8
// sequence contains one. So a message can be decoded as a whole, and then be split as text.

/** The octets that separate the parts of MSDP messages; MSSP has the first two of them. */
export const Mark = {
  VAR: '\x01',
  VAL: '\x02',
  TABLE_OPEN: '\x03',
  TABLE_CLOSE: '\x04',
  ARRAY_OPEN: '\x05',
  ARRAY_CLOSE: '\x06',
} as const;

/**
 * A value from a caller: numbers are sent in decimal, `true` as 1 and `false` as 0. This is the form of flags in both
 * protocols.
 */
export type MudScalar = string | number | boolean;

/** The text of a value. @throws TelptyError `ERR_INVALID_ARGUMENT` for another type, or for text with NUL or marks */
export function scalarText(value: unknown): string {
  check(typeof value !== 'number' || Number.isFinite(value), 'a number must be finite');
  const text = typeof value === 'boolean' ? `${Number(value)}` : typeof value === 'number' ? `${value}` : value;
  check(typeof text === 'string', 'a value must be a string, a number or a boolean');
  checkMarks(text);
  return text;
}

/** @throws TelptyError `ERR_INVALID_ARGUMENT` if it is not a valid name */
export function checkVariableName(name: unknown): asserts name is string {
  check(typeof name === 'string' && name !== '', 'the name of a variable must not be empty');
  checkMarks(name);
}

function checkMarks(text: string): void {
  check(!/[\x00-\x06]/.test(text), 'names and values must not contain NUL or the control codes 1 to 6');
}
