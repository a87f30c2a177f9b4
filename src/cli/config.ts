/**
 * The configuration file: the options of `serve` by their long names, in YAML or JSON (which is YAML).
 *
 * It is read with YAML's failsafe schema, in which every scalar is the text as written. So each value goes through the
 * very parser that reads it on the command line, and nothing is lost on the way: `env: { VERSION: 1.10 }` stays 1.10,
 * and a port that is `0o17` is refused like `--port 0o17`.
 */
import { TelptyError } from '../errors.ts';
import { requireOwn } from '../package.ts';
import { escapeText } from '../shells/escape.ts';
import type { Given } from './arguments.ts';
import type { OptionSpec, OptionTable } from './options.ts';
import { nearest } from './suggest.ts';
import { usage } from './values.ts';

/** What a configuration file gives. */
export interface Config {
  readonly given: readonly Given[];
  /** The program and its arguments, where the file has a `program`. */
  readonly program: readonly string[] | undefined;
}

/** Reads the file of `--config`. */
export function readConfig(file: string, table: OptionTable, readFile: (file: string) => string): Config {
  let text: string;
  try {
    text = readFile(file);
  } catch (error) {
    const errno = (error as NodeJS.ErrnoException).code ?? 'unknown error';
    throw new TelptyError('ERR_RUNTIME', `--config: cannot read ${escapeText(file)}: ${errno}`, { cause: error, file });
  }
  return parseConfig(text, table, escapeText(file));
}

/** Reads the text of a configuration file; `name` is how errors call the file. */
export function parseConfig(text: string, table: OptionTable, name: string): Config {
  const root = parseText(text, name);
  if (root === '' || root === null) return { given: [], program: undefined };
  if (!(root instanceof Map)) throw usage(`${name}: is not a mapping of options to values`);

  const given: Given[] = [];
  let program: string[] | undefined;
  for (const [key, value] of root as Map<unknown, unknown>) {
    const where = `${name}: ${escapeText(String(key), 60)}`;
    const spec = typeof key === 'string' && Object.hasOwn(table, key) ? table[key] : undefined;
    if (key === 'program') program = words(value, where);
    else if (typeof key !== 'string' || spec === undefined) {
      const similar = nearest(String(key), [...Object.keys(table), 'program']);
      throw usage(`${where}: unknown option${similar === undefined ? '' : ` (did you mean ${similar}?)`}`);
    } else if (spec.commandLineOnly) throw usage(`${where}: belongs on the command line`);
    else for (const text of texts(value, spec, where)) given.push({ name: key, text, where });
  }
  return { given, program };
}

function parseText(text: string, name: string): unknown {
  // Loaded only where there is a file to read: it costs 3 MB.
  const { parseDocument } = requireOwn('yaml') as typeof import('yaml');
  const document = parseDocument(text, { schema: 'failsafe', uniqueKeys: true, prettyErrors: true });
  const [error] = document.errors;
  // Its own words for this are for programmers.
  if (error?.code === 'MULTIPLE_DOCS') throw usage(`${name}: has two documents in it: take out the second ---`);
  // The rest of the message is a picture of the place, over several lines.
  if (error) throw usage(`${name}: ${escapeText(error.message.split('\n')[0]?.replace(/:$/, '') ?? '', 200)}`);
  try {
    // A Map, because a key may be `__proto__`.
    return document.toJS({ mapAsMap: true, maxAliasCount: 100 });
  } catch (error) {
    throw usage(`${name}: ${escapeText((error as Error).message, 200)}`);
  }
}

/** The texts of one option: one, or as many as a list or a mapping has where the option is repeatable. */
function texts(value: unknown, spec: OptionSpec, where: string): string[] {
  if (typeof value === 'string') return [value];
  if (!spec.repeatable) throw usage(`${where}: takes one value`);
  if (Array.isArray(value)) return value.map(item => scalar(item, where));
  if (value instanceof Map && spec.pairs) {
    return [...value].map(([key, item]) => `${scalar(key, where)}=${scalar(item, where)}`);
  }
  throw usage(`${where}: takes a list${spec.pairs ? ' or a mapping' : ''}`);
}

function words(value: unknown, where: string): string[] {
  const list = Array.isArray(value) ? value.map(item => scalar(item, where)) : [scalar(value, where)];
  if (list.length === 0 || list[0] === '') throw usage(`${where}: names no program`);
  return list;
}

function scalar(value: unknown, where: string): string {
  if (typeof value === 'string') return value;
  throw usage(`${where}: has something other than plain values in it`);
}
