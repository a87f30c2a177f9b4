/**
 * The configuration file: the options of `serve` by their long names, in YAML or JSON (which is YAML).
 *
 * It is read with YAML's failsafe schema, in which every scalar is the text as written. Each value therefore goes
 * through the same parser as on the command line. No conversion loses information: `env: { VERSION: 1.10 }` stays 1.10,
 * and a port that is `0o17` is rejected like `--port 0o17`.
 */
import type { Document, Node, Pair } from 'yaml';
import { TelptyError } from '../../errors.ts';
import { errorText } from '../../native/system-error.ts';
import { requireOwn } from '../../package.ts';
import { escapeText } from '../../shells/output/escape.ts';
import { nearest } from '../../suggestion.ts';
import type { Given } from './arguments.ts';
import type { OptionSpec, OptionTable } from './options.ts';
import { usage } from './usage.ts';

/** The contents of a configuration file. */
export interface Config {
  readonly given: readonly Given[];
  /** The program and its arguments, if the file has a `program`. */
  readonly program: readonly string[] | undefined;
}

/** A {@link Config} with all problems of its file, and the positions for problems that are found later. */
export interface Inspection extends Config {
  /** Lines `FILE:LINE:COLUMN: problem`, in the order of the file. */
  readonly problems: readonly string[];
  /** `FILE:LINE:COLUMN` of an option or of `program`; the beginning of the file if the file does not have it. */
  placeOf(key: string): string;
}

/** Reads the file of `--config`. */
export function readConfig(file: string, table: OptionTable, readFile: (file: string) => string): Config {
  return parseConfig(readConfigFile(file, readFile), table, escapeText(file));
}

/** @throws TelptyError `ERR_RUNTIME` */
export function readConfigFile(file: string, readFile: (file: string) => string, option = '--config: '): string {
  try {
    return readFile(file);
  } catch (error) {
    const words = `${option}cannot read ${escapeText(file)}: ${errorText(error)}`;
    throw new TelptyError('ERR_RUNTIME', words, { cause: error, file });
  }
}

/** Parses the text of a configuration file; `name` is how error messages refer to the file. */
export function parseConfig(text: string, table: OptionTable, name: string): Config {
  const config = inspectConfig(text, table, name);
  const [problem] = config.problems;
  if (problem !== undefined) throw usage(problem);
  return config;
}

/** Parses the text of a configuration file to its end and collects all problems. */
export function inspectConfig(text: string, table: OptionTable, name: string): Inspection {
  // Loaded only if there is a file to read: it costs 3 MB.
  const { isAlias, isMap, isScalar, isSeq, LineCounter, parseDocument } = requireOwn('yaml') as typeof import('yaml');
  const lines = new LineCounter();
  const document: Document = parseDocument(text, {
    schema: 'failsafe',
    uniqueKeys: true,
    prettyErrors: false,
    lineCounter: lines,
  });
  const given: Given[] = [];
  const problems: string[] = [];
  const offsets = new Map<string, number>();
  let program: string[] | undefined;

  const place = (offset = 0) => {
    const { line, col } = lines.linePos(offset);
    return `${name}:${Math.max(line, 1)}:${Math.max(col, 1)}`;
  };
  /** The node that an alias refers to. */
  const resolved = (node: unknown) => (isAlias(node) ? node.resolve(document) : (node as Node | null | undefined));
  const scalar = (node: unknown, where: string): string => {
    const target = resolved(node);
    if (target === null || (isScalar(target) && target.value === null)) return '';
    if (isScalar(target) && typeof target.value === 'string') return target.value;
    if (isAlias(node) && target === undefined) throw usage(`${where}: *${escapeText(node.source, 60)} is not defined`);
    throw usage(`${where}: must contain plain values only`);
  };
  /** The texts of one option: one, or for a repeatable option one for each entry of a list or a mapping. */
  const texts = (value: unknown, spec: OptionSpec, where: string): string[] => {
    const target = resolved(value);
    if (target === null || isScalar(target) || target === undefined) return [scalar(value, where)];
    if (!spec.repeatable) throw usage(`${where}: takes a single value`);
    if (isSeq(target)) return target.items.map(item => scalar(item, where));
    if (isMap(target) && spec.pairs) {
      return target.items.map(item => `${scalar(item.key, where)}=${scalar(item.value, where)}`);
    }
    throw usage(`${where}: takes a list${spec.pairs ? ' or a mapping' : ''}`);
  };
  const words = (value: unknown, where: string): string[] => {
    const target = resolved(value);
    const list = isSeq(target) ? target.items.map(item => scalar(item, where)) : [scalar(value, where)];
    if (list.length === 0 || list[0] === '') throw usage(`${where}: does not name a program`);
    return list;
  };
  const take = ({ key: node, value }: Pair): void => {
    const key = isScalar(node) && typeof node.value === 'string' ? node.value : undefined;
    const offset = (node as Node | null)?.range?.[0];
    const where = `${place(offset)}: ${escapeText(key ?? String(node), 60)}`;
    const spec = key !== undefined && Object.hasOwn(table, key) ? table[key] : undefined;
    if (key !== undefined && offset !== undefined) offsets.set(key, offset);
    if (key === 'program') program = words(value, where);
    else if (key === undefined || spec === undefined) {
      const similar = key === undefined ? undefined : nearest(key, [...Object.keys(table), 'program']);
      throw usage(`${where}: unknown option${similar === undefined ? '' : ` (did you mean ${similar}?)`}`);
    } else if (spec.commandLineOnly) throw usage(`${where}: is only allowed on the command line`);
    else for (const text of texts(value, spec, where)) given.push({ name: key, text, where });
  };

  for (const { code, message, pos } of document.errors) {
    // The message of the package is written for programmers.
    const what = code === 'MULTIPLE_DOCS' ? 'has two documents in it: take out the second ---' : message;
    problems.push(`${place(pos[0])}: ${escapeText(what, 200)}`);
  }
  const root = resolved(document.contents);
  if (problems.length === 0 && isMap(root)) {
    for (const pair of root.items) collect(problems, () => take(pair));
  } else if (
    problems.length === 0 &&
    root !== null &&
    !(isScalar(root) && (root.value === '' || root.value === null))
  ) {
    problems.push(`${place(root?.range?.[0])}: is not a mapping of options to values`);
  }
  return { given, program, problems, placeOf: key => place(offsets.get(key)) };
}

/** Runs `attempt`; adds a usage error to the problems. */
export function collect(problems: string[], attempt: () => void): void {
  try {
    attempt();
  } catch (error) {
    if (!(error instanceof TelptyError) || error.code !== 'ERR_USAGE') throw error;
    problems.push(error.message);
  }
}
