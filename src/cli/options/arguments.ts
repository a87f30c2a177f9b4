/**
 * Turns arguments into values, by a table of options. parseArgs of `node:util` splits the arguments. Its strict mode
 * is not used because options must end at the first argument that is not an option (`telpty serve bash -l`: the -l
 * belongs to bash), and strict mode does not offer that.
 */
import { parseArgs } from 'node:util';
import { TelptyError } from '../../errors.ts';
import { escapeText } from '../../shells/output/escape.ts';
import { nearest } from '../../suggestion.ts';
import type { OptionTable, OptionValues } from './options.ts';
import { usage } from './values.ts';

/** An option as given, not yet parsed. */
export interface Given {
  readonly name: string;
  readonly text: string;
  /** How an error message refers to it: `--port`, or the file and the key. */
  readonly where: string;
}

/** Splits the arguments of a command into its options and the operands after them. */
export function splitArguments(
  table: OptionTable,
  argv: readonly string[],
): { given: Given[]; operands: string[]; help: boolean } {
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
  for (const token of tokens) {
    if (token.kind === 'positional') return { given, operands: argv.slice(token.index), help: false };
    if (token.kind === 'option-terminator') return { given, operands: argv.slice(token.index + 1), help: false };
    const name = nameOf(table, token);
    if (name === undefined) throw unknownOption(table, token, argv[token.index] ?? '');
    if (name === 'help') return { given, operands: [], help: true };
    given.push({ name, text: textOf(table, token), where: token.rawName });
  }
  return { given, operands: [], help: false };
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
