/**
 * Options of the library's functions, each declared once: an interface has the type and the documentation, a row of a
 * table has the check and the default.
 *
 *     export interface PagerOptions {
 *       readonly rows: number;
 *       readonly timeout?: number;
 *     }
 *     export const pagerOptions = {
 *       rows: required(whole({ min: 1, max: 65_535 })),
 *       timeout: duration({ default: 1_000 }),
 *     } satisfies OptionTable<PagerOptions>;
 *
 *     const { rows, timeout } = readOptions('pager', pagerOptions, options);
 *
 * `satisfies` makes the compiler compare the two: a missing row, a row too many, and a check for another type are type
 * errors. The options of the command line take their ranges and defaults from the same rows
 * (`src/cli/options/options.ts`).
 *
 * Options are read when a shell, a server or a connection is made, not for each session. A property that is `undefined`
 * counts as left out.
 *
 * Rejected: interfaces that are inferred from the tables. The documentation of an option would not reach the published
 * types.
 */
import { TelptyError } from './errors.ts';
import { nearest } from './suggestion.ts';

/** The longest delay that a Node.js timer takes, in milliseconds: 24 days. A longer one fires at once. */
export const LONGEST_TIMER = 2 ** 31 - 1;

/** The check and the default of one option. */
export interface OptionRule<T, Default = T | undefined> {
  /** The value of an option that is left out. */
  readonly default: Default;
  /** The allowed values, in the words of an error message: `a whole number from 0 to 5`. */
  readonly allowed: string;
  /**
   * The error message for an invalid value: one line that begins with the option's name. `undefined` for a valid value.
   */
  readonly problem: (value: unknown, name: string) => string | undefined;
  /** Never set. It makes `T` invariant: a rule for more or fewer values than the interface has is a type error. */
  readonly type?: (value: T) => T;
}

/** The rule of a number. */
export interface NumberRule<Default = number | undefined> extends OptionRule<number, Default> {
  readonly min: number;
  readonly max: number;
}

/** The rule of one of a few words or numbers. */
export interface ChoiceRule<Word, Default = Word | undefined> extends OptionRule<Word, Default> {
  readonly words: readonly Word[];
}

/** The rule of an option that cannot be left out. */
export interface RequiredRule<T> extends OptionRule<T, undefined> {
  readonly isRequired: true;
}

/** A row for each option of an interface. */
export type OptionTable<Options> = {
  readonly [Name in keyof Options]-?: Partial<Pick<Options, Name>> extends Pick<Options, Name>
    ? OptionRule<Exclude<Options[Name], undefined>>
    : RequiredRule<Exclude<Options[Name], undefined>>;
};

/** A rule of whatever type. */
export type AnyRule = Omit<OptionRule<unknown, unknown>, 'type'> & { readonly isRequired?: boolean };
/** A table of whatever interface. */
export type AnyTable = Readonly<Record<string, AnyRule>>;

type ValueOf<Rule> = Rule extends { readonly type?: (value: never) => infer T } ? T : never;

/** What {@link readOptions} makes of the options of a table: those with a default, or required, are always there. */
export type OptionsOf<Table> = {
  readonly [Name in keyof Table]: Table[Name] extends { readonly isRequired: true }
    ? ValueOf<Table[Name]>
    : Table[Name] extends { readonly default: infer Default }
      ? undefined extends Default
        ? ValueOf<Table[Name]> | undefined
        : ValueOf<Table[Name]>
      : never;
};

/**
 * Checks options and fills in the defaults.
 *
 * @param owner the function whose options they are, for errors.
 * @param prefix what errors put in front of an option's name: `tls.` for `tls.cert`.
 * @throws TelptyError `ERR_INVALID_ARGUMENT`
 */
export function readOptions<Table extends AnyTable>(
  owner: string,
  table: Table,
  options: object,
  prefix = '',
): OptionsOf<Table> {
  const problem = problemOfOptions(owner, table, options, prefix);
  if (problem !== undefined) throw new TelptyError('ERR_INVALID_ARGUMENT', problem);
  const values: Record<string, unknown> = {};
  const given = options as Readonly<Record<string, unknown>>;
  for (const name of Object.keys(table)) {
    const value = given[name];
    values[name] = value === undefined ? table[name]!.default : value;
  }
  return values as OptionsOf<Table>;
}

function problemOfOptions(owner: string, table: AnyTable, options: unknown, prefix: string): string | undefined {
  if (typeof options !== 'object' || options === null) {
    return `the options of ${owner} must be an object, not ${shown(options)}`;
  }
  // A misspelt option would be an option without effect.
  for (const name of Object.keys(options)) {
    if (Object.hasOwn(table, name)) continue;
    const similar = nearest(name, Object.keys(table));
    const advice = similar === undefined ? '' : `; did you mean '${similar}'?`;
    return `the options of ${owner} have no option ${shown(name)}${advice}`;
  }
  const given = options as Readonly<Record<string, unknown>>;
  for (const [name, rule] of Object.entries(table)) {
    const value = given[name];
    if (value === undefined && !rule.isRequired) continue;
    const problem = rule.problem(value, `${prefix}${name}`);
    if (problem !== undefined) return problem;
  }
  return undefined;
}

/** Checks one value by the rule of an option. @throws TelptyError `ERR_INVALID_ARGUMENT` */
export function checkValue(name: string, rule: AnyRule, value: unknown): void {
  const problem = rule.problem(value, name);
  if (problem !== undefined) throw new TelptyError('ERR_INVALID_ARGUMENT', problem);
}

/**
 * Checks what no rule of one option can: an argument, or options together. @throws TelptyError `ERR_INVALID_ARGUMENT`
 */
export function check(holds: boolean, message: string): void {
  if (!holds) throw new TelptyError('ERR_INVALID_ARGUMENT', message);
}

/** Checks an argument that is going to be called. */
export function checkFunction(name: string, value: unknown): void {
  checkValue(name, callback(), value);
}

/** The properties of an option besides its check. */
interface Default<T> {
  readonly default?: T;
}

/** A rule from a condition. */
export function where<T, Value extends T | undefined = undefined>(
  allowed: string,
  holds: (value: unknown) => boolean,
  spec: Default<Value> = {},
): OptionRule<T, Value> {
  return {
    allowed,
    default: spec.default as Value,
    problem: (value, name) => (holds(value) ? undefined : `${name} must be ${allowed}, not ${shown(value)}`),
  };
}

/** The same option, but required. */
export function required<T>(rule: OptionRule<T>): RequiredRule<T> {
  return { ...rule, default: undefined, isRequired: true };
}

/** A whole number. */
export function whole<Value extends number | undefined = undefined>(
  spec: Default<Value> & { readonly min?: number; readonly max?: number; readonly allowed?: string } = {},
): NumberRule<Value> {
  const { min = 0, max = Number.MAX_SAFE_INTEGER } = spec;
  const range = max === Number.MAX_SAFE_INTEGER ? `of at least ${min}` : `from ${min} to ${max}`;
  const { allowed = `a whole number ${range}` } = spec;
  return numeric(allowed, value => Number.isInteger(value) && value >= min && value <= max, { ...spec, min, max });
}

/** A time in milliseconds, for one timer. */
export function duration<Value extends number | undefined = undefined>(spec: Default<Value> = {}): NumberRule<Value> {
  return whole({ ...spec, max: LONGEST_TIMER });
}

/** A number, 0 or greater. */
export function quantity<Value extends number | undefined = undefined>(spec: Default<Value> = {}): NumberRule<Value> {
  const bounds = { min: 0, max: Number.MAX_VALUE };
  return numeric('a number of at least 0', value => value >= 0 && value <= bounds.max, { ...spec, ...bounds });
}

/** Numbers often come from the environment, as text. */
function numeric<Value extends number | undefined>(
  allowed: string,
  holds: (value: number) => boolean,
  { min, max, default: value }: Default<Value> & { readonly min: number; readonly max: number },
): NumberRule<Value> {
  return {
    ...{ allowed, min, max },
    default: value as Value,
    problem: (given, name) => {
      if (typeof given === 'number' && holds(given)) return undefined;
      const text = typeof given === 'string';
      return `${name} must be ${allowed}, not ${text ? `the text ${shown(given)}; use Number()` : shown(given)}`;
    },
  };
}

/** `true` or `false`. */
export function boolean<Value extends boolean | undefined = undefined>(
  spec: Default<Value> = {},
): OptionRule<boolean, Value> {
  return where('a boolean', value => typeof value === 'boolean', spec);
}

/** A string; of some kind, with `allowed` and `holds`. */
export function text<Value extends string | undefined = undefined>(
  spec: Default<Value> & { readonly allowed?: string; readonly holds?: (text: string) => boolean } = {},
): OptionRule<string, Value> {
  const { allowed = 'a string', holds = () => true } = spec;
  return where(allowed, value => typeof value === 'string' && holds(value), spec);
}

/** A string that errors do not repeat. */
export function secret(): OptionRule<string, undefined> {
  const allowed = 'a string';
  return {
    allowed,
    default: undefined,
    problem: (value, name) => (typeof value === 'string' ? undefined : `${name} must be ${allowed}`),
  };
}

/** One of a few words or numbers. */
export function oneOf<const Word extends string | number, Value extends NoInfer<Word> | undefined = undefined>(
  words: readonly Word[],
  spec: Default<Value> = {},
): ChoiceRule<Word, Value> {
  return { ...where<Word, Value>(alternatives(words.map(shown)), value => words.includes(value as Word), spec), words };
}

/** A function. */
export function callback<T>(): OptionRule<T, undefined> {
  return where('a function', value => typeof value === 'function');
}

/** An object; of some kind, with `holds`. */
export function object<T>(
  allowed = 'an object',
  holds: (value: Readonly<Record<string, unknown>>) => boolean = () => true,
): OptionRule<T, undefined> {
  return where(
    allowed,
    value => typeof value === 'object' && value !== null && holds(value as Readonly<Record<string, unknown>>),
  );
}

/** An object of a class. */
export function instance<T>(type: abstract new (...args: never) => T, allowed: string): OptionRule<T, undefined> {
  return where(allowed, value => value instanceof type);
}

/** An array whose elements pass the same check. */
export function list<T, Value extends readonly T[] | undefined = undefined>(
  element: OptionRule<T>,
  spec: Default<Value> & { readonly min?: number } = {},
): OptionRule<readonly T[], Value> {
  const { min = 0 } = spec;
  return {
    allowed: 'an array',
    default: spec.default as Value,
    problem: (value, name) => {
      if (!Array.isArray(value)) return `${name} must be an array, not ${shown(value)}`;
      if (value.length < min) return `${name} must not be empty`;
      return firstProblem(value.map((one, index) => element.problem(one, `${name}[${index}]`)));
    },
  };
}

/** An object whose properties have any names, and values that pass the same check. */
export function record<T, Value extends Readonly<Record<string, T>> | undefined = undefined>(
  property: OptionRule<T>,
  spec: Default<Value> = {},
): OptionRule<Readonly<Record<string, T>>, Value> {
  return {
    allowed: 'an object',
    default: spec.default as Value,
    problem: (value, name) => {
      if (typeof value !== 'object' || value === null) return `${name} must be an object, not ${shown(value)}`;
      if (Object.hasOwn(value, '')) return `${name} has a property without a name`;
      return firstProblem(Object.entries(value).map(([key, one]) => property.problem(one, `${name}.${key}`)));
    },
  };
}

/** An object with options of its own. */
export function nested<T extends object>(table: OptionTable<T>): OptionRule<T, undefined> {
  return {
    allowed: 'an object',
    default: undefined,
    problem: (value, name) => problemOfOptions(name, table as unknown as AnyTable, value, `${name}.`),
  };
}

/** What passes one of two checks. */
export function either<A, B, Value extends A | B | undefined = undefined>(
  first: OptionRule<A>,
  second: OptionRule<B>,
  spec: Default<Value> = {},
): OptionRule<A | B, Value> {
  const passes = (value: unknown) => [first, second].some(rule => rule.problem(value, '') === undefined);
  return where(`${first.allowed} or ${second.allowed}`, passes, spec);
}

const firstProblem = (problems: readonly (string | undefined)[]) => problems.find(problem => problem !== undefined);

function alternatives(words: readonly string[]): string {
  return words.length < 2 ? words.join('') : `${words.slice(0, -1).join(', ')} or ${words.at(-1)}`;
}

/** A value as an error shows it, in one line. */
function shown(value: unknown): string {
  if (typeof value === 'string') {
    const start = value.slice(0, 60);
    return /^[^\p{C}']*$/u.test(start) ? `'${start}'` : JSON.stringify(start);
  }
  if (typeof value === 'function') return 'a function';
  if (Array.isArray(value)) return 'an array';
  return typeof value === 'object' && value !== null ? 'an object' : String(value);
}
