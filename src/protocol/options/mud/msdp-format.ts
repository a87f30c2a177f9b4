import { check } from '../../check.ts';
import type { TelnetLimits } from '../../limits.ts';
import { decodeText, encodeText } from '../../text.ts';
import { checkVariableName, Mark, type MudScalar, scalarText } from './marked-values.ts';

// The layout of MSDP, https://tintin.mudhalla.net/protocols/msdp/.
//
//   message := { VAR <name> { VAL value } }
//   value   := <text> | TABLE_OPEN { VAR <name> VAL value } TABLE_CLOSE | ARRAY_OPEN { VAL value } ARRAY_CLOSE
//
// No text holds NUL or one of the marks. Several values for one name are an array. Peers leave out the VAL in front of a
// TABLE_OPEN and the closing marks at the end of a message; both are understood, the latter with a warning.

/** A value of MSDP as JavaScript has it: text, an array, or a table (a plain object). MSDP has no numbers. */
export type MsdpValue = string | readonly MsdpValue[] | { readonly [name: string]: MsdpValue };

/** One variable of MSDP. */
export interface MsdpVariable {
  readonly name: string;
  /** Several values for one name are an array, as ARRAY_OPEN and ARRAY_CLOSE around them would make it. */
  readonly value: MsdpValue;
}

/** What {@link formatMsdp} takes for a value: numbers and flags become text. */
export type MsdpInput = MudScalar | readonly MsdpInput[] | { readonly [name: string]: MsdpInput };

/** What a message holds, and what is wrong with it. */
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
  /** The mark that ends it. */
  readonly close: string | undefined;
  readonly entries: { readonly name: string; values: MsdpValue[]; broken: boolean }[] = [];

  constructor(close: string | undefined) {
    this.close = close;
    // An array is the values of one entry.
    if (close === Mark.ARRAY_CLOSE) this.begin('');
  }

  get isTable(): boolean {
    return this.close !== Mark.ARRAY_CLOSE;
  }

  begin(name: string): void {
    this.entries.push({ name, values: [], broken: false });
  }

  /** Returns false if there is no name to give it to. */
  add(value: MsdpValue): boolean {
    this.entries.at(-1)?.values.push(value);
    return this.entries.length > 0;
  }

  get value(): MsdpValue {
    if (!this.isTable) return this.entries[0]!.values;
    // `fromEntries` makes a property of its own also of a name such as `__proto__`.
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

/** Reads one message, with a stack of its own, for the peer decides how deep it goes. */
class Reader {
  readonly #limits: TelnetLimits;
  readonly #root = new Level(undefined);
  readonly #open: Level[] = [this.#root];
  /** Levels that are open beyond the limit; what is in them is skipped. */
  #skipped = 0;
  #count = 0;
  malformed = false;
  tooDeep = false;
  tooMany = false;

  constructor(limits: TelnetLimits) {
    this.#limits = limits;
  }

  read(text: string): readonly MsdpVariable[] {
    /** A VAR or VAL whose text has not come yet. */
    let pending: string | undefined;
    for (const [token] of text.matchAll(TOKENS)) {
      if (this.tooMany) break;
      const opens = CLOSES.has(token);
      // The text after a VAR or VAL is empty where another mark follows, but for a VAL in front of an opening one.
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
      // A new variable of the message leaves the one before it whole.
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

  /** Drops the variable that is being read, whole: half a value is worse than none. */
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

  /** Names without a value are an error, unless it is one that a limit has kept out. */
  #finish(level: Level): void {
    if (this.tooDeep || this.tooMany || !level.isTable) return;
    if (level.entries.some(entry => entry.values.length === 0)) this.malformed = true;
  }

  #counted(): boolean {
    this.tooMany = ++this.#count > this.#limits.mudValues;
    return !this.tooMany;
  }
}

/** Reads a message of MSDP. Never throws; what is too deep or too much is left out, by whole variables. */
export function parseMsdp(payload: Uint8Array, limits: TelnetLimits): ParsedMsdp {
  const reader = new Reader(limits);
  const variables = reader.read(decodeText(payload));
  const { malformed, tooMany, tooDeep } = reader;
  return { variables, malformed, tooMany, tooDeep };
}

/**
 * The payload that tells these variables, in their order.
 *
 * @throws TelptyError `ERR_INVALID_ARGUMENT` for an empty name, for names or values with NUL or the octets 1 to 6, for
 *   values that are neither text, numbers, flags, arrays nor plain objects, or nested deeper than `depth`
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
