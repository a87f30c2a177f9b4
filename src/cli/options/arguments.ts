/**
 * From words to values, by a table of options. `node:util`'s parseArgs cuts the words; it is used without its strict
 * mode because options have to end at the first word that is none (`telpty serve bash -l`: the -l is bash's), which it
 * does not offer.
 */
import { parseArgs } from 'node:util';
import { TelptyError } from '../../errors.ts';
import { escapeText } from '../../shells/output/escape.ts';
import { nearest } from '../../suggestion.ts';
import type { OptionTable, OptionValues } from './options.ts';
import { usage } from './values.ts';

/** An option that was given, not looked at yet. */
export interface Given {
  readonly name: string;
  readonly text: string;
  /** How an error names it: `--port`, or the file and key. */
  readonly where: string;
}

/** Cuts a command's words into its options and what follows them. */
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

/** The name of the option in its table: of `--help`, and of `-h`. */
function nameOf(table: OptionTable, { name, rawName }: OptionToken): string | undefined {
  if (rawName.startsWith('--')) return Object.hasOwn(table, name) ? name : undefined;
  return Object.keys(table).find(key => table[key]?.short === name);
}

function unknownOption(table: OptionTable, { name, rawName }: OptionToken, word: string): TelptyError {
  // parseArgs takes `-port` for -p, -o, -r and -t.
  const meant = rawName.startsWith('--') ? name : word.replace(/^-|=.*$/gs, '');
  const similar = nearest(meant, Object.keys(table));
  const advice = similar === undefined ? '--help lists the options' : `did you mean --${similar}?`;
  return usage(`unknown option ${escapeText(rawName, 60)} (${advice})`);
}

/** What parseArgs tells about one option; it does not export the type. */
interface OptionToken {
  readonly name: string;
  readonly rawName: string;
  readonly value?: string | undefined;
  readonly inlineValue?: boolean | undefined;
}

function textOf(table: OptionTable, token: OptionToken): string {
  const { rawName, value } = token;
  // `--size-env=false` is how the command line wins over a configuration file that switched a flag on.
  if (table[token.name]?.argument === undefined) return value ?? 'true';
  if (value === undefined) throw usage(`${rawName}: needs a value`);
  // `--user --port 0` is a forgotten value and not a user named "--port".
  if (!token.inlineValue && value.startsWith('-') && value !== '-') {
    throw usage(`${rawName}: needs a value (one that begins with '-' is written ${rawName}=${escapeText(value, 60)})`);
  }
  return value;
}

/** Makes values of what was given, in this order: of an option that is not repeatable the last one wins. */
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
