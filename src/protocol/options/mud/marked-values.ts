import { check } from '../../check.ts';

// What MSDP and MSSP have in common: text between octets that are marks. All marks are ASCII, so that a message may be
// decoded whole, and then be taken apart as text: a UTF-8 sequence holds none of them.

/** The octets that divide messages of MSDP; MSSP has the first two of them. */
export const Mark = {
  VAR: '\x01',
  VAL: '\x02',
  TABLE_OPEN: '\x03',
  TABLE_CLOSE: '\x04',
  ARRAY_OPEN: '\x05',
  ARRAY_CLOSE: '\x06',
} as const;

/** A value as a caller gives it: numbers in decimal, `true` as 1 and `false` as 0, as both protocols want flags. */
export type MudScalar = string | number | boolean;

/** The text of a value. @throws TelptyError `ERR_INVALID_ARGUMENT` for what has none, or for text with NUL or marks */
export function scalarText(value: unknown): string {
  check(typeof value !== 'number' || Number.isFinite(value), 'a number must be finite');
  const text = typeof value === 'boolean' ? `${Number(value)}` : typeof value === 'number' ? `${value}` : value;
  check(typeof text === 'string', 'a value must be a string, a number or a boolean');
  checkMarks(text);
  return text;
}

/** @throws TelptyError `ERR_INVALID_ARGUMENT` for what is no name */
export function checkVariableName(name: unknown): asserts name is string {
  check(typeof name === 'string' && name !== '', 'the name of a variable must not be empty');
  checkMarks(name);
}

function checkMarks(text: string): void {
  check(!/[\x00-\x06]/.test(text), 'names and values must not contain NUL or the control codes 1 to 6');
}
