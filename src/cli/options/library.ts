/**
 * Rows for options that set an option of the library. Range and default come from the library's own row, which each
 * row names. `optionsFor()` of `serve/settings.ts` passes the values to the library.
 */
import type { ChoiceRule, NumberRule, OptionRule } from '../../options.ts';
import * as values from './values.ts';

/** A row for an option of any kind. It has no default: the option is omitted unless it is given. */
export function sets<T>(rule: OptionRule<T>, parse: (text: string) => T) {
  return { library: rule, parse };
}

/**
 * The same for an option with a default.
 *
 * @param write writes a value as a user would write it.
 */
export function setsWithDefault<T>(rule: OptionRule<T, T>, parse: (text: string) => T, write: (value: T) => string) {
  return { library: rule, parse, default: write(rule.default) };
}

export function text(rule: OptionRule<string, string>, parse: (text: string) => string) {
  return setsWithDefault(rule, parse, value => value);
}

export function duration(rule: NumberRule<number>) {
  return { argument: 'T', ...setsWithDefault(rule, values.duration(rule.max), values.writtenDuration) };
}

export function count(rule: NumberRule<number>) {
  return { argument: 'N', ...setsWithDefault(rule, values.integer(rule.min, rule.max), String) };
}

export function choice<const Word extends string>(rule: ChoiceRule<Word, NoInfer<Word>>) {
  const parse = values.choice(...rule.words);
  return { argument: rule.words.join('|'), library: rule, parse, default: rule.default as string };
}

/** A flag. */
export function flag(rule: OptionRule<boolean, boolean>) {
  return setsWithDefault(rule, values.boolean, String);
}

/** A flag without a default of its own: if it is not given, the library decides. */
export function optionalFlag(rule: OptionRule<boolean>) {
  return sets(rule, values.boolean);
}
