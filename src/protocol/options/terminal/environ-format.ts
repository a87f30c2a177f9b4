import type { TelnetLimits } from '../../limits.ts';
import { decodeText, encodeText } from '../../text.ts';
import type { SubnegotiationWords } from '../option.ts';

// The messages of NEW-ENVIRON (39, RFC 1572) and ENVIRON (36, RFC 1408), which have the same layout:
//
//   IAC SB NEW-ENVIRON SEND { VAR | USERVAR <name> } IAC SE                             to the performer (WILL)
//   IAC SB NEW-ENVIRON IS   { VAR | USERVAR <name> [ VALUE <value> ] } IAC SE           its answer
//   IAC SB NEW-ENVIRON INFO { VAR | USERVAR <name> [ VALUE <value> ] } IAC SE           a change, unsolicited
//
// In a SEND, a VAR without a name requests all variables of its kind, and an empty SEND requests all variables of both
// kinds. In an answer, a missing VALUE means that the variable is not defined; an empty VALUE means that it is defined
// and empty. ESC removes the special meaning of VAR, VALUE, ESC or USERVAR inside a name or value; 255 is doubled by
// the framing.
//
// BSD implemented ENVIRON with VAR and VALUE exchanged (RFC 1571), hence the parameters named `swapped`. NEW-ENVIRON
// settled the question.

/** One variable of RFC 1572. */
export interface EnvironmentVariable {
  /** `'var'`: one of the well-known names; `'uservar'`: any other name. */
  readonly kind: 'var' | 'uservar';
  readonly name: string;
  /** `''`: the variable is defined and empty; `undefined`: it is not defined. */
  readonly value: string | undefined;
}

export const IS = 0;
export const SEND = 1;
export const INFO = 2;

const VAR = 0;
const VALUE = 1;
const ESC = 2;
const USERVAR = 3;

/** The names that RFC 1572 defines. They are requested and reported as VAR, all others as USERVAR. */
export const WELL_KNOWN: ReadonlySet<string> = new Set(['USER', 'JOB', 'ACCT', 'PRINTER', 'SYSTEMTYPE', 'DISPLAY']);

/** VAR, VALUE or USERVAR and the octets after it, without ESC. */
interface Field {
  readonly type: number;
  readonly text: Uint8Array;
}

/** One item of a SEND; an empty name stands for all variables of the kind. */
export interface Wanted {
  readonly kind: EnvironmentVariable['kind'];
  readonly name: string;
}

/** The content of a message, and what was omitted from it. */
export interface Parsed<T> {
  readonly items: T[];
  /** The message was truncated, or began with octets that do not belong to a name. */
  readonly malformed: boolean;
  readonly tooLong: number;
  readonly tooMany: boolean;
}

/** The fields of a message from its second octet on, at most `most`. */
function split(payload: Uint8Array, most: number): { fields: Field[]; malformed: boolean; tooMany: boolean } {
  const fields: Field[] = [];
  let malformed = false;
  let at = 1;
  if (at < payload.length && !isType(payload[at]!)) {
    malformed = true;
    while (at < payload.length && !isType(payload[at]!)) at += payload[at] === ESC ? 2 : 1;
  }
  while (at < payload.length && fields.length < most) {
    const type = payload[at++]!;
    const text = new Uint8Array(lengthOfText(payload, at));
    for (let size = 0; size < text.length; size++) {
      if (payload[at] === ESC) at++;
      text[size] = payload[at++]!;
    }
    // An ESC without an octet after it: the message was truncated.
    if (at < payload.length && payload[at] === ESC) {
      malformed = true;
      at++;
    }
    fields.push({ type, text });
  }
  return { fields, malformed, tooMany: at < payload.length };
}

/** Number of octets of text, without ESC, before the next type or the end. */
function lengthOfText(payload: Uint8Array, from: number): number {
  let length = 0;
  for (let at = from; at < payload.length && !isType(payload[at]!); at++) {
    if (payload[at] === ESC && ++at >= payload.length) break;
    length++;
  }
  return length;
}

function isType(octet: number): boolean {
  return octet === VAR || octet === VALUE || octet === USERVAR;
}

const exchange = (field: Field): Field =>
  field.type === USERVAR ? field : { type: field.type === VAR ? VALUE : VAR, text: field.text };

/**
 * Whether the sender of an IS or INFO has exchanged VAR and VALUE: the rules of RFC 1571, section 3, in their order.
 * The first rule that can decide does. If none can, the sender is assumed to follow RFC 1408.
 */
function isSwapped(fields: readonly Field[]): boolean {
  const [first] = fields;
  if (first === undefined) return false;
  if (first.type !== USERVAR) return first.type === VALUE;
  for (const [index, field] of fields.entries()) {
    const before = fields[index - 1];
    // A name may follow a name, but a value must not follow a value.
    if (before?.type === field.type && field.type !== USERVAR) return field.type === VALUE;
    // A value may be empty, but a name must not.
    if (field.text.length === 0 && field.type !== USERVAR) return field.type === VAR;
  }
  const count = (type: number) => fields.filter(field => field.type === type).length;
  if (count(USERVAR) + count(VAR) === count(VALUE)) return false;
  if (count(USERVAR) + count(VALUE) === count(VAR)) return true;
  const known = (type: number) => fields.some(f => f.type === type && WELL_KNOWN.has(decodeText(f.text)));
  return !known(VAR) && known(VALUE);
}

/** Parses an IS or INFO. `guess`: VAR and VALUE may be exchanged, as in the old ENVIRON. Never throws. */
export function parseVariables(payload: Uint8Array, limits: TelnetLimits, guess: boolean): Parsed<EnvironmentVariable> {
  const parts = split(payload, 2 * limits.variables);
  const fields = guess && isSwapped(parts.fields) ? parts.fields.map(exchange) : parts.fields;
  const items: EnvironmentVariable[] = [];
  let { malformed, tooMany } = parts;
  let tooLong = 0;
  for (let index = 0; index < fields.length; index++) {
    const { type, text } = fields[index]!;
    if (type === VALUE) {
      malformed = true; // a value without a name
      continue;
    }
    const next = fields[index + 1];
    const value = next?.type === VALUE ? next.text : undefined;
    if (value !== undefined) index++;
    if (text.length === 0) continue; // the answer of a peer without variables to a request for all of them
    if (text.length > limits.variableNameBytes || (value?.length ?? 0) > limits.variableValueBytes) tooLong++;
    else if (items.length >= limits.variables) tooMany = true;
    else items.push({ kind: kindOf(type), name: decodeText(text), value: value && decodeText(value) });
  }
  return { items, malformed, tooLong, tooMany };
}

/** Parses a SEND. A VALUE in it can only be the VAR of a peer that exchanges the two (RFC 1571, section 2). */
export function parseWanted(
  payload: Uint8Array,
  limits: TelnetLimits,
  guess: boolean,
): Parsed<Wanted> & { readonly swapped: boolean } {
  const { fields, malformed, ...parts } = split(payload, limits.variables);
  const swapped = guess && fields.some(field => field.type === VALUE);
  const items: Wanted[] = [];
  let tooLong = 0;
  let stray = false;
  for (const field of swapped ? fields.map(exchange) : fields) {
    if (field.type === VALUE) stray = true;
    else if (field.text.length > limits.variableNameBytes) tooLong++;
    else items.push({ kind: kindOf(field.type), name: decodeText(field.text) });
  }
  return { items, malformed: malformed || stray, tooLong, tooMany: parts.tooMany, swapped };
}

function kindOf(type: number): EnvironmentVariable['kind'] {
  return type === VAR ? 'var' : 'uservar';
}

/** Maximum number of names and values that are logged. */
const MOST_FIELDS_IN_WORDS = 40;

/** A message for logs, as its sender wrote it: `IS VAR "USER" = "guest"`. VAR and VALUE are not exchanged. */
export function environWords(payload: Uint8Array): SubnegotiationWords {
  const verb = ['IS', 'SEND', 'INFO'][payload[0] ?? -1];
  if (verb === undefined) return undefined;
  const { fields, tooMany } = split(payload, MOST_FIELDS_IN_WORDS);
  const words = fields.flatMap(({ type, text }) => {
    if (type === VALUE) return ['=', text];
    const kind = type === VAR ? 'VAR' : 'USERVAR';
    return text.length > 0 ? [kind, text] : [kind];
  });
  return [verb, ...words, ...(tooMany ? ['…'] : [])];
}

/** VAR or USERVAR and the name, then VALUE and the value if it is defined, as octets of a message. */
export function formatVariable(variable: EnvironmentVariable, swapped: boolean): number[] {
  const octets = [variable.kind === 'uservar' ? USERVAR : swapped ? VALUE : VAR, ...escaped(variable.name)];
  if (variable.value !== undefined) octets.push(swapped ? VAR : VALUE, ...escaped(variable.value));
  return octets;
}

function escaped(text: string): number[] {
  const octets: number[] = [];
  for (const octet of encodeText(text, 'a variable')) {
    if (isType(octet) || octet === ESC) octets.push(ESC);
    octets.push(octet);
  }
  return octets;
}
