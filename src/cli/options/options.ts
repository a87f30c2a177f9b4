/**
 * What the tables of options are made of. Each command has one. The command line, the configuration file and the help are
 * all read or made from it. An option that is not in its table is unknown.
 */
import type { AnyRule } from '../../options.ts';
import * as values from './values.ts';

/** One option. Its name is its key in the table. */
export interface OptionSpec<T = unknown> {
  /** A letter that stands for it on the command line. Only flags have one. */
  readonly short?: string;
  /** What the help calls its value. A flag has none. */
  readonly argument?: string;
  /** Makes a value of the text, or throws `ERR_USAGE`. */
  readonly parse: (text: string) => T;
  /** The default, written as a user would write it. */
  readonly default?: string;
  /** What the help gives as the default where `default` cannot say it. */
  readonly defaultWords?: string;
  /** The option of the library that it sets: see `library.ts`. */
  readonly library?: AnyRule;
  /** Whether it may be given several times and each counts; of any other the last one wins. */
  readonly repeatable?: boolean;
  /** Whether a value is `NAME=SOMETHING`, so that a configuration file may have a mapping. */
  readonly pairs?: boolean;
  /** Whether it has no place in a configuration file. */
  readonly commandLineOnly?: boolean;
  /** A phrase for the help; code is between backticks. */
  readonly help: string;
  /** The document that says more, with its path in the repository. */
  readonly see?: string;
}

/** The options of a command by their long names. */
export type OptionTable = Readonly<Record<string, OptionSpec>>;

/** Options under one heading of the help. */
export interface OptionSection {
  readonly title: string;
  readonly options: OptionTable;
}

/** What a table's options come to, by their names. */
export type OptionValues<Table extends OptionTable> = {
  readonly [Name in keyof Table]: Table[Name] extends OptionSpec<infer T>
    ? Table[Name] extends { readonly repeatable: true }
      ? readonly T[]
      : Table[Name] extends { readonly default: string }
        ? T
        : T | undefined
    : never;
};

/** What all options without a value have in common. */
export const flag = { parse: values.boolean, default: 'false' } as const;

/** Of every command. */
export const helpOption = { ...flag, commandLineOnly: true, short: 'h', help: 'print this help' } as const;

/** The table of a command without other options. */
export const helpOnly = { help: helpOption } as const satisfies OptionTable;

/** The fixed words among the values of an option: all of a choice, else those in `client|NAME`. */
export function wordsOf({ argument = '', parse }: OptionSpec): readonly string[] {
  const { words } = parse as { readonly words?: readonly string[] };
  return words ?? argument.split('|').filter(part => /^[a-z-]+$/.test(part));
}
