/**
 * The type of the option tables. Each command has one table. The command line and the configuration file are parsed by
 * it, and the help is generated from it. An option that is not in its table is unknown.
 */
import type { AnyRule } from '../../options.ts';
import * as values from './values.ts';

/** One option. Its name is its key in the table. */
export interface OptionSpec<T = unknown> {
  /** The letter of the option on the command line. Only flags have one. */
  readonly short?: string;
  /** The name of the value in the help. A flag has none. */
  readonly argument?: string;
  /** Converts the text to a value, or throws `ERR_USAGE`. */
  readonly parse: (text: string) => T;
  /** The default, written as a user would write it. */
  readonly default?: string;
  /** The default that the help shows if `default` cannot express it. */
  readonly defaultWords?: string;
  /** The option of the library that this option sets: see `library.ts`. */
  readonly library?: AnyRule;
  /** Whether all occurrences count; of any other option the last one wins. */
  readonly repeatable?: boolean;
  /** Whether a value is `NAME=SOMETHING`, so that a configuration file can use a mapping. */
  readonly pairs?: boolean;
  /** Whether the option is not allowed in a configuration file. */
  readonly commandLineOnly?: boolean;
  /** A phrase for the help; backticks mark code. */
  readonly help: string;
  /** The document with more about the option, as a path in the repository. */
  readonly see?: string;
}

/** The options of a command by their long names. */
export type OptionTable = Readonly<Record<string, OptionSpec>>;

/** Options under one heading of the help. */
export interface OptionSection {
  readonly title: string;
  readonly options: OptionTable;
}

/** The parsed values of a table's options, by their names. */
export type OptionValues<Table extends OptionTable> = {
  readonly [Name in keyof Table]: Table[Name] extends OptionSpec<infer T>
    ? Table[Name] extends { readonly repeatable: true }
      ? readonly T[]
      : Table[Name] extends { readonly default: string }
        ? T
        : T | undefined
    : never;
};

/** The part that all options without a value have in common. */
export const flag = { parse: values.boolean, default: 'false' } as const;

/** The option of every command. */
export const helpOption = { ...flag, commandLineOnly: true, short: 'h', help: 'print this help' } as const;

/** The table of a command without other options. */
export const helpOnly = { help: helpOption } as const satisfies OptionTable;

/** The fixed words among the values of an option: all words of a choice, else `client` in `client|NAME`. */
export function wordsOf({ argument = '', parse }: OptionSpec): readonly string[] {
  const { words } = parse as { readonly words?: readonly string[] };
  return words ?? argument.split('|').filter(part => /^[a-z-]+$/.test(part));
}
