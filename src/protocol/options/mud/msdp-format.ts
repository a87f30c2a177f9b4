import { check } from '../../check.ts';
import type { TelnetLimits } from '../../limits.ts';
import { decodeText, encodeText } from '../../text.ts';
import { checkVariableName, Mark, type MudScalar, scalarText } from './marked-values.ts';

// The layout of MSDP, https://tintin.mudhalla.net/protocols/msdp/.
//
//   message := { VAR <name> { VAL value } }
//   value   := <text> | TABLE_OPEN { VAR <name> VAL value } TABLE_CLOSE | ARRAY_OPEN { VAL value } ARRAY_CLOSE
//
// Text does not contain NUL or a mark. Several values for one name are an array. Some peers omit the VAL before a
// TABLE_OPEN, or the closing marks at the end of a message. Both are accepted, the latter with a warning.

/** A value of MSDP in JavaScript: text, an array, or a table (a plain object). MSDP has no numbers. */
export type MsdpValue = string | readonly MsdpValue[] | { readonly [name: string]: MsdpValue };

/** One variable of MSDP. */
export interface MsdpVariable {
  readonly name: string;
  /** Several values for one name are an array, as if ARRAY_OPEN and ARRAY_CLOSE enclosed them. */
  readonly value: MsdpValue;
}

/** A value that {@link formatMsdp} accepts: numbers and flags are converted to text. */
export type MsdpInput = MudScalar | readonly MsdpInput[] | { readonly [name: string]: MsdpInput };

/** The content of a message, and its defects. */
export interface ParsedMsdp {
  readonly variables: readonly MsdpVariable[];
  readonly malformed: boolean;
  readonly tooMany: boolean;
  readonly tooDeep: boolean;
}

const MARKS: ReadonlySet<string> = new Set(Object.values(Mark));
const TOKENS = /[\x01-\x06]|[^\x01-\x06]+/g;

/** An array or table that is open, or the message itself, which is a table. */
class Level {
  /** The mark that closes it. */
  readonly close: string | undefined;
  readonly entries: { readonly name: string; values: MsdpValue[]; broken: boolean }[] = [];

  constructor(close: string | undefined) {
    this.close = close;
    // An array is stored as the values of one entry.
    if (close === Mark.ARRAY_CLOSE) this.begin('');
  }

  get isTable(): boolean {
    return this.close !== Mark.ARRAY_CLOSE;
  }

  begin(name: string): void {
    this.entries.push({ name, values: [], broken: false });
  }

  /** Returns false if there is no name for the value. */
  add(value: MsdpValue): boolean {
    this.entries.at(-1)?.values.push(value);
    return this.entries.length > 0;
  }

  get value(): MsdpValue {
    if (!this.isTable) return this.entries[0]!.values;
    // `fromEntries` creates an own property even for a name such as `__proto__`.
    return Object.fromEntries(this.entries.map(entry => [entry.name, single(entry.values)]));
  }
}

function single(values: readonly MsdpValue[]): MsdpValue {
  return values.length === 1 ? values[0]! : values.length === 0 ? '' : values;
}

const CLOSES: ReadonlyMap<string, string> = new Map([
  [Mark.TABLE_OPEN, Mark.TABLE_CLOSE],
  [Mark.ARRAY_OPEN, Mark.ARRAY_CLOSE],
]);

/** Parses one message. It uses an explicit stack, because the peer controls the depth of nesting. */
class Reader {
  readonly #limits: TelnetLimits;
  readonly #root = new Level(undefined);
  readonly #open: Level[] = [this.#root];
  /** Open levels beyond the limit; their content is skipped. */
  #skipped = 0;
  #count = 0;
  malformed = false;
  tooDeep = false;
  tooMany = false;

  constructor(limits: TelnetLimits) {
    this.#limits = limits;
  }

  read(text: string): readonly MsdpVariable[] {
    /** A VAR or VAL whose text has not been read yet. */
    let pending: string | undefined;
    for (const [token] of text.matchAll(TOKENS)) {
      if (this.tooMany) break;
      const opens = CLOSES.has(token);
      // The text after a VAR or VAL is empty if another mark follows. Exception: a VAL before an opening mark has no
      // text.
      if (pending !== undefined) {
        const isText = !MARKS.has(token);
        if (!(opens && pending === Mark.VAL)) this.#text(pending, isText ? token : '');
        pending = undefined;
        if (isText) continue;
      }
      if (token === Mark.VAR || token === Mark.VAL) pending = token;
      else if (opens) this.#enter(token);
      else if (token === Mark.TABLE_CLOSE || token === Mark.ARRAY_CLOSE) this.#leave(token);
      else this.malformed = true;
    }
    if (pending !== undefined && !this.tooMany) this.#text(pending, '');
    if ((this.#open.length > 1 || this.#skipped > 0) && !this.tooMany) this.malformed = true;
    while (this.#open.length > 1) this.#close();
    this.#finish(this.#root);
    const whole = this.#root.entries.filter(entry => !entry.broken);
    return whole.map(entry => ({ name: entry.name, value: single(entry.values) }));
  }

  #text(mark: string, text: string): void {
    if (this.#skipped > 0) return;
    const level = this.#open.at(-1)!;
    if (!this.#counted()) {
      // If the limit is reached at a new variable of the message, the variable before it is still complete.
      if (mark === Mark.VAL || level !== this.#root) this.#break();
    } else if (mark === Mark.VAL) {
      if (!level.add(text)) this.malformed = true;
    } else {
      if (level.isTable) level.begin(text);
      if (!level.isTable || text === '') this.malformed = true;
    }
  }

  #enter(mark: string): void {
    if (this.#skipped > 0 || this.#open.length > this.#limits.mudDepth) {
      this.#skipped++;
      this.tooDeep = true;
      this.#break();
    } else if (this.#counted()) this.#open.push(new Level(CLOSES.get(mark)));
    else this.#break();
  }

  /** Drops the variable that is being read as a whole: half a value is worse than no value. */
  #break(): void {
    const entry = this.#root.entries.at(-1);
    if (entry !== undefined) entry.broken = true;
  }

  #leave(mark: string): void {
    if (this.#skipped > 0) this.#skipped--;
    else if (this.#open.at(-1)!.close === mark) this.#close();
    else this.malformed = true;
  }

  #close(): void {
    const level = this.#open.pop()!;
    this.#finish(level);
    if (!this.#open.at(-1)!.add(level.value)) this.malformed = true;
  }

  /** A name without a value is an error, unless a limit has excluded the value. */
  #finish(level: Level): void {
    if (this.tooDeep || this.tooMany || !level.isTable) return;
    if (level.entries.some(entry => entry.values.length === 0)) this.malformed = true;
  }

  #counted(): boolean {
    this.tooMany = ++this.#count > this.#limits.mudValues;
    return !this.tooMany;
  }
}

/**
 * Parses a message of MSDP. Never throws. Variables that exceed the limits of depth or number are omitted as a whole.
 */
export function parseMsdp(payload: Uint8Array, limits: TelnetLimits): ParsedMsdp {
  const reader = new Reader(limits);
  const variables = reader.read(decodeText(payload));
  const { malformed, tooMany, tooDeep } = reader;
  return { variables, malformed, tooMany, tooDeep };
}

/**
 * The payload with these variables, in their order.
 *
 * @throws TelptyError `ERR_INVALID_ARGUMENT` for an empty name, for names or values with NUL or the octets 1 to 6, for
 *   values that are not text, numbers, flags, arrays or plain objects, or for values nested deeper than `depth`
 */
export function formatMsdp(variables: { readonly [name: string]: MsdpInput }, depth: number): Uint8Array {
  check(isTable(variables), 'variables must be an object');
  return encodeText(formatEntries(variables, depth), 'a message');
}

function formatEntries(table: { readonly [name: string]: unknown }, depth: number): string {
  return Object.entries(table)
    .map(([name, value]) => {
      checkVariableName(name);
      return Mark.VAR + name + formatValue(value, depth);
    })
    .join('');
}

function formatValue(value: unknown, depth: number): string {
  if (typeof value !== 'object') return Mark.VAL + scalarText(value);
  check(depth > 0, 'the value is nested too deeply');
  if (Array.isArray(value)) {
    const items = value.map(item => formatValue(item, depth - 1)).join('');
    return Mark.VAL + Mark.ARRAY_OPEN + items + Mark.ARRAY_CLOSE;
  }
  check(isTable(value), 'a value must be a string, a number, a boolean, an array or a plain object');
  return Mark.VAL + Mark.TABLE_OPEN + formatEntries(value, depth - 1) + Mark.TABLE_CLOSE;
}

function isTable(value: unknown): value is { readonly [name: string]: unknown } {
  if (typeof value !== 'object' || value === null) return false;
  const prototype: unknown = Object.getPrototypeOf(value);
  return prototype === null || Object.getPrototypeOf(prototype) === null;
}
