/**
 * Turns arguments into values, by a table of options. parseArgs of `node:util` splits the arguments. Its strict mode is
 * not used. Options must end at the first argument that is not an option (`telpty serve bash -l`: the -l belongs to
 * bash). Strict mode does not offer that.
 */
import { parseArgs } from 'node:util';
import { TelptyError } from '../../errors.ts';
import { escapeText } from '../../shells/output/escape.ts';
import { nearest } from '../../suggestion.ts';
import type { OptionTable, OptionValues } from './options.ts';
import { usage } from './usage.ts';

/** An option as given, not yet parsed. */
export interface Given {
  readonly name: string;
  readonly text: string;
  /** How an error message refers to it: `--port`, or the file and the key. */
  readonly where: string;
}

/** The arguments of a command. */
export interface Arguments {
  readonly given: readonly Given[];
  readonly operands: readonly string[];
  /** The options of the command that were written after the first operand, without `--` before it. */
  readonly misplaced: readonly string[];
  readonly help: boolean;
}

/** Splits the arguments of a command into its options and the operands after them. */
export function splitArguments(table: OptionTable, argv: readonly string[]): Arguments {
  const options = Object.entries(table).map(([name, spec]) => {
    const type: 'string' | 'boolean' = spec.argument === undefined ? 'boolean' : 'string';
    return [name, { type, multiple: true }] as const;
  });
  const { tokens } = parseArgs({
    args: [...argv],
    options: Object.fromEntries(options),
    strict: false,
    allowPositionals: true,
    tokens: true,
  });
  const given: Given[] = [];
  const rest = { given, operands: [], misplaced: [], help: false };
  for (const token of tokens) {
    if (token.kind === 'positional') {
      const operands = argv.slice(token.index);
      return { ...rest, operands, misplaced: misplacedIn(table, operands) };
    }
    if (token.kind === 'option-terminator') return { ...rest, operands: argv.slice(token.index + 1) };
    const name = nameOf(table, token);
    if (name === undefined) throw unknownOption(table, token, argv[token.index] ?? '');
    if (name === 'help') return { ...rest, help: true };
    given.push({ name, text: textOf(table, token), where: token.rawName });
  }
  return rest;
}

/** A user who writes `--` among the operands knows what it does, so the words after it are not examined. */
function misplacedIn(table: OptionTable, operands: readonly string[]): readonly string[] {
  const end = operands.indexOf('--');
  const names = operands
    .slice(0, end === -1 ? undefined : end)
    .flatMap(word => /^--([a-z0-9-]+)(?:=|$)/.exec(word)?.[1] ?? [])
    .filter(name => Object.hasOwn(table, name));
  return [...new Set(names)].map(name => `--${name}`);
}

/** The name in the table of an option given by its long name or by its letter: `help` for `--help` and `-h`. */
function nameOf(table: OptionTable, { name, rawName }: OptionToken): string | undefined {
  if (rawName.startsWith('--')) return Object.hasOwn(table, name) ? name : undefined;
  return Object.keys(table).find(key => table[key]?.short === name);
}

function unknownOption(table: OptionTable, { name, rawName }: OptionToken, word: string): TelptyError {
  // parseArgs reads `-port` as -p, -o, -r and -t.
  const meant = rawName.startsWith('--') ? name : word.replace(/^-|=.*$/gs, '');
  const similar = nearest(meant, Object.keys(table));
  const advice = similar === undefined ? '--help lists the options' : `did you mean --${similar}?`;
  return usage(`unknown option ${escapeText(rawName, 60)} (${advice})`);
}

/** The fields of an option token of parseArgs, which does not export the type. */
interface OptionToken {
  readonly name: string;
  readonly rawName: string;
  readonly value?: string | undefined;
  readonly inlineValue?: boolean | undefined;
}

function textOf(table: OptionTable, token: OptionToken): string {
  const { rawName, value } = token;
  // `--size-env=false` lets the command line override a configuration file that switched a flag on.
  if (table[token.name]?.argument === undefined) return value ?? 'true';
  if (value === undefined) throw usage(`${rawName}: needs a value`);
  // In `--user --port 0` the value is missing; the user is not named "--port".
  if (!token.inlineValue && value.startsWith('-') && value !== '-') {
    throw usage(`${rawName}: needs a value (one that begins with '-' is written ${rawName}=${escapeText(value, 60)})`);
  }
  return value;
}

/**
 * Parses the given options, in this order. If an option that is not repeatable is given more than once, the last one
 * wins.
 */
export function evaluate<Table extends OptionTable>(table: Table, given: readonly Given[]): OptionValues<Table> {
  const values = new Map<string, unknown>();
  for (const [name, spec] of Object.entries(table)) {
    if (spec.repeatable) values.set(name, []);
    else values.set(name, spec.default === undefined ? undefined : spec.parse(spec.default));
  }
  for (const { name, text, where } of given) {
    const spec = table[name];
    if (spec === undefined) throw usage(`${where}: unknown option`);
    const value = parse(where, () => spec.parse(text));
    if (spec.repeatable) (values.get(name) as unknown[]).push(value);
    else values.set(name, value);
  }
  return Object.fromEntries(values) as OptionValues<Table>;
}

function parse<T>(where: string, parser: () => T): T {
  try {
    return parser();
  } catch (error) {
    if (error instanceof TelptyError && error.code === 'ERR_USAGE') throw usage(`${where}: ${error.message}`);
    throw error;
  }
}
