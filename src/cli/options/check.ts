/**
 * `telpty check FILE` checks everything that `telpty serve --config FILE` checks before it listens. It reports all
 * problems of the text at once. If the text has no problem, it also reports what the file names and this machine does
 * not have.
 */
import { readFileSync } from 'node:fs';
import { TelptyError } from '../../errors.ts';
import { escapeText } from '../../shells/output/escape.ts';
import { readCertificates } from '../serve/certificates.ts';
import { readLists } from '../serve/guards.ts';
import { refuseRootProgram } from '../serve/security-warnings.ts';
import { conflictsOf, parseServe, programOf, type ServeSettings } from '../serve/settings.ts';
import { findNamed } from '../serve/startup-checks.ts';
import { evaluate, splitArguments } from './arguments.ts';
import { collect, inspectConfig, readConfigFile } from './config.ts';
import { helpOnly } from './options.ts';
import { serveOptions } from './serve/index.ts';
import { usage } from './usage.ts';

/** Reads the arguments of `telpty check`: the file. Returns `'help'` if help was requested. */
export function parseCheck(argv: readonly string[]): { readonly file: string } | 'help' {
  const { operands, help } = splitArguments(helpOnly, argv);
  if (help) return 'help';
  const [file, ...more] = operands;
  if (file === undefined || file === '') throw usage('check: no FILE given (telpty check FILE)');
  if (more.length > 0) throw usage('check: too many arguments (telpty check FILE)');
  return { file };
}

/** The result of a check: lines `FILE:LINE:COLUMN: problem`, and the exit status. */
export interface Report {
  readonly problems: readonly string[];
  /** 0: valid; 1: names something that this machine does not have; 2: invalid configuration. */
  readonly status: 0 | 1 | 2;
}

/** @throws TelptyError `ERR_RUNTIME` if the file cannot be read. */
export function check(file: string): Report {
  const text = readConfigFile(file, name => readFileSync(name, 'utf8'), '');
  const wrong = checkText(text, escapeText(file));
  if (wrong.length > 0) return { problems: wrong, status: 2 };
  const missing = checkMachine(file, text);
  return {
    problems: missing.map(({ line }) => line),
    status: missing.some(({ isUsage }) => isUsage) ? 2 : missing.length > 0 ? 1 : 0,
  };
}

/** Checks keys, values, and options that exclude or require each other. */
export function checkText(text: string, name: string): readonly string[] {
  const config = inspectConfig(text, serveOptions, name);
  const problems = [...config.problems];
  for (const given of config.given) collect(problems, () => void evaluate(serveOptions, [given]));
  if (problems.length > 0) return inOrder(problems, name);
  const conflicts = conflictsOf(evaluate(serveOptions, config.given), programOf(config.program ?? []));
  return inOrder(
    [...conflicts].map(line => located(line, config)),
    name,
  );
}

interface Missing {
  readonly line: string;
  readonly isUsage: boolean;
}

/** Checks the files, users and programs that the configuration names. */
function checkMachine(file: string, text: string): readonly Missing[] {
  const settings = parseServe(['--config', file], { readFile: () => text }) as ServeSettings;
  const config = inspectConfig(text, serveOptions, escapeText(file));
  const missing: Missing[] = [];
  const attempts = [
    () => refuseRootProgram(settings.host, settings, findNamed(settings)),
    () => void (settings.tlsCert !== undefined && readCertificates(settings)),
    () => void readLists(settings),
  ];
  for (const attempt of attempts) {
    try {
      attempt();
    } catch (error) {
      if (!(error instanceof TelptyError)) throw error;
      missing.push({ line: located(error.message, config), isUsage: error.code === 'ERR_USAGE' });
    }
  }
  return missing;
}

/** Puts the position in the file in front of a message about `--option` or about the program. */
function located(message: string, { placeOf }: { placeOf(key: string): string }): string {
  const [, option = 'program'] = /^--([a-z-]+)/.exec(message) ?? [];
  return `${placeOf(option)}: ${message}`;
}

/** Sorts by line and column. */
function inOrder(problems: readonly string[], name: string): readonly string[] {
  const place = (problem: string) =>
    problem
      .slice(name.length + 1)
      .split(':', 2)
      .map(Number) as [number, number];
  return problems.toSorted((one, other) => {
    const [[line, column], [otherLine, otherColumn]] = [place(one), place(other)];
    return line - otherLine || column - otherColumn;
  });
}
