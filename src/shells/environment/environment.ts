/**
 * The environment of a program that a stranger's client talks to: pure policy, no I/O.
 *
 * It is built up from nothing. The server's own environment does not leak into it, and a client's variable gets in only
 * through a check of its own kind below. Three sources, each over the one before: what follows from the session and
 * the user the program runs as; what the client may say; what the operator says.
 */
import { isIP } from 'node:net';
import { canonicalCharset, charsetOfLocale } from '../../charset/index.ts';
import { encodingOption } from '../../charset/option.ts';
import { boolean, list, type OptionTable, record, text } from '../../options.ts';
import { machineOf } from '../../screen/machines/index.ts';
import { USUAL_VARIABLES } from '../../session/terminal.ts';
import { escapeText } from '../output/escape.ts';
import { isForbiddenName, variableName } from './forbidden-variables.ts';
import {
  C_LOCALE,
  defaultLocale,
  firstCharset,
  type HostLocales,
  installedForm,
  installedLocale,
  localeIn,
} from './locale-names.ts';
import { firstKnownTerminal, isUnspecific, likelyTerminfoName, terminalNameRefusal } from './terminal-names.ts';

export { isForbiddenName, variableName } from './forbidden-variables.ts';
export { defaultLocale } from './locale-names.ts';

/** What is known of a session and of the user its program runs as. */
export interface EnvironmentFacts {
  readonly user: { readonly name: string; readonly home: string; readonly shell: string; readonly uid: number };
  /** The terminal type that the client likes best, as it named it: what counts where terminfo cannot be asked. */
  readonly terminalType?: string | undefined;
  /** All that it named, in its order. Default: that one. */
  readonly terminalTypes?: readonly string[] | undefined;
  /** Whether the host's terminfo has an entry of this name; `undefined` where that cannot be said. */
  readonly knowsTerminal?: ((name: string) => boolean | undefined) | undefined;
  readonly columns?: number | undefined;
  readonly rows?: number | undefined;
  /** The character set negotiated with the client. */
  readonly charset?: string | undefined;
  /** What the client sent of its environment, unchecked. */
  readonly environ: ReadonlyMap<string, string>;
  /** The X display that the client named by XDISPLOC, unchecked: DISPLAY, unless `environ` has it. */
  readonly display?: string | undefined;
  readonly remoteAddress?: string | undefined;
  /** The user of this machine that connected, where the kernel says it. */
  readonly remoteUser?: string | undefined;
  /** Which locales are installed. Without it each is taken for installed. */
  readonly locales?: HostLocales | undefined;
}

/** What the operator wants. */
export interface EnvironmentPolicy {
  /** The terminal type where the client names none that the host knows. Default `'xterm'`. */
  readonly term?: string | undefined;
  /** The character set where the client negotiates none and has no LANG. Default `'utf-8'`. */
  readonly encoding?: string | undefined;
  /**
   * The character set that the program runs in, whatever the client's, which is then converted. Default `'client'`: the
   * program is told the client's.
   */
  readonly programEncoding?: string | undefined;
  /**
   * The locale for clients in UTF-8 that name none, or one that is not installed. Default: the first of these that is installed
   * and in UTF-8: the server's own (LC_ALL, LC_CTYPE or LANG), `C.UTF-8`, `en_US.UTF-8`; so where this one is not installed.
   */
  readonly locale?: string | undefined;
  /** Names to accept from the client beside the built-in ones. */
  readonly acceptEnv?: readonly string[] | undefined;
  /** Set for the program; trusted, and wins over everything. */
  readonly env?: Readonly<Record<string, string>> | undefined;
  /** Also export LINES and COLUMNS. They pin a curses program to its first size, so they are off by default. */
  readonly sizeEnv?: boolean | undefined;
}

/** One thing a client said that was not taken over. Safe to print. */
export interface RejectedVariable {
  readonly name: string;
  readonly value: string;
  readonly reason: string;
}

const LOCALE_CATEGORIES = [
  'LC_CTYPE LC_COLLATE LC_MESSAGES LC_MONETARY LC_NUMERIC LC_TIME',
  // The six that glibc adds to POSIX.
  'LC_PAPER LC_NAME LC_ADDRESS LC_TELEPHONE LC_MEASUREMENT LC_IDENTIFICATION',
].flatMap(line => line.split(' '));

export const environmentOptions = {
  term: text({ default: 'xterm', allowed: 'a terminal type', holds: isTerminalName }),
  encoding: encodingOption,
  programEncoding: text({
    default: 'client',
    allowed: "'client' or a character set that programs can run in",
    holds: isProgramEncoding,
  }),
  locale: text(),
  acceptEnv: list(
    text({
      allowed: 'the name of a variable that can be taken from clients',
      holds: name => variableName.test(name) && !isForbiddenName(name),
    }),
    { default: [] },
  ),
  env: record(text(), { default: {} }),
  sizeEnv: boolean({ default: false }),
} satisfies OptionTable<EnvironmentPolicy>;

type Check = (value: string) => string | undefined;

/** A check: a pattern, a length, and the few things that a pattern says badly. The answer is the reason to refuse. */
function check(pattern: RegExp, maxLength: number, wanted: string): Check {
  return value => {
    if (value.length > maxLength) return `longer than ${maxLength} characters`;
    if (value.startsWith('-')) return "begins with '-', as an option does";
    if (value.includes('..')) return "has '..', as a path does";
    return pattern.test(value) ? undefined : `is not ${wanted}`;
  };
}

const PLAIN_TEXT_WORDS = 'only letters, digits and . _ + : @ -';
// The C library makes file names of it.
const checkLocale = check(/^[A-Za-z0-9_+:@][A-Za-z0-9._+:@-]*$/, 128, PLAIN_TEXT_WORDS);
const checkPlain = check(/^[A-Za-z0-9._+:@-]+$/, 128, PLAIN_TEXT_WORDS);
const checkAccepted = check(/^[A-Za-z0-9._+:@-]+$/, 256, PLAIN_TEXT_WORDS);
// A display is on a host; X also knows paths to sockets and other transports.
const checkDisplay = check(/^[A-Za-z0-9._-]*:\d{1,5}(?:\.\d{1,3})?$/, 128, 'host:display.screen');
// A file below zoneinfo (Area/City), or POSIX rules. Never `/file` or `:/file`, which the C library opens.
const checkZone = check(/^[A-Za-z0-9_+-]+(?:\/[A-Za-z0-9_+-]+){0,2}$/, 128, 'a time zone like Europe/Berlin');

/** The variables taken from any client, each with its check. */
const BUILT_IN: ReadonlyMap<string, Check> = new Map([
  ['LANG', checkLocale],
  ['LC_ALL', checkLocale],
  ...LOCALE_CATEGORIES.map((name): [string, Check] => [name, checkLocale]),
  ['COLORTERM', checkPlain],
  ['DISPLAY', checkDisplay],
  ['TZ', checkZone],
]);

/** Whether a text can be a terminal type: what is checked of a client's holds for the operator's default too. */
export function isTerminalName(name: string): boolean {
  return terminalNameRefusal(name) === undefined;
}

/**
 * Whether a program can be run in a character set: `'client'`, or a set that has the control characters of a terminal, which
 * those of home computers have not.
 */
export function isProgramEncoding(name: string): boolean {
  const charset = canonicalCharset(name);
  return name === 'client' || (charset !== undefined && machineOf(charset) === undefined);
}

/** The names to ask the client for by NEW-ENVIRON. */
export function requestedNames(policy: Pick<EnvironmentPolicy, 'acceptEnv'>): string[] {
  const extra = (policy.acceptEnv ?? []).filter(name => variableName.test(name) && !isForbiddenName(name));
  return [...new Set([...USUAL_VARIABLES, ...extra])];
}

/** Builds the environment of a program, and tells what the client said that is not in it. */
export function programEnvironment(
  facts: EnvironmentFacts,
  policy: EnvironmentPolicy = {},
): { env: Record<string, string>; rejected: RejectedVariable[] } {
  const rejected: RejectedVariable[] = [];
  const reject = (name: string, value: string, reason: string) =>
    rejected.push({ name: escapeText(name, 64), value: escapeText(value, 64), reason });

  const { user } = facts;
  // Maps until the end: `__proto__` is a name like any other, and a client may send it.
  const env = new Map<string, string>([
    ['PATH', defaultPath(user.uid)],
    ['HOME', user.home],
    ['SHELL', user.shell || '/bin/sh'],
    ['USER', user.name],
    ['LOGNAME', user.name],
    ['TERM', terminalType(facts, policy, reject)],
  ]);
  if (facts.remoteAddress !== undefined && isIP(facts.remoteAddress) !== 0) {
    env.set('TELPTY_REMOTE_ADDRESS', facts.remoteAddress);
  }

  if (facts.remoteUser !== undefined) env.set('REMOTE_USER', facts.remoteUser);

  const operator = new Map(Object.entries(policy.env ?? {}));
  const accepted = acceptedVariables(withDisplay(facts), policy, reject);
  for (const [name, value] of locale(accepted, operator, facts, policy, reject)) env.set(name, value);
  for (const [name, value] of accepted) if (!isLocale(name)) env.set(name, value);
  if (policy.sizeEnv) {
    if (facts.rows) env.set('LINES', String(facts.rows));
    if (facts.columns) env.set('COLUMNS', String(facts.columns));
  }
  for (const [name, value] of operator) env.set(name, value);
  return { env: Object.fromEntries(env), rejected };
}

/** The variables of the client. Clients without NEW-ENVIRON can say their display by XDISPLOC (RFC 1096). */
function withDisplay({ environ, display }: EnvironmentFacts): ReadonlyMap<string, string> {
  if (display === undefined || display === '' || environ.has('DISPLAY')) return environ;
  return new Map([...environ, ['DISPLAY', display]]);
}

const NO_VARIABLES: ReadonlyMap<string, string> = new Map();

type Reject = (name: string, value: string, reason: string) => void;

/** login(1)'s paths, with the games that Debian gives its users: many a program served here is one. */
export function defaultPath(uid: number): string {
  const path =
    uid === 0 ? '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin' : '/usr/local/bin:/usr/bin:/bin';
  return `${path}:/usr/local/games:/usr/games`;
}

/**
 * TERM: the first of the client's names that the host knows. A client gives its own name first and more common ones after
 * it (`XTERM-GHOSTTY`, `XTERM-256COLOR`), and programs refuse to run on a terminal that they do not know.
 */
function terminalType(facts: EnvironmentFacts, policy: EnvironmentPolicy, reject: Reject): string {
  const fallback = policy.term ?? environmentOptions.term.default;
  const { terminalType: preferred, terminalTypes = preferred ? [preferred] : [] } = facts;
  const { knowsTerminal: knows = () => undefined } = facts;
  const known = firstKnownTerminal(terminalTypes, knows);
  if (known !== undefined) return known;
  const [first] = terminalTypes;
  const [said] = [preferred, first].filter(name => name && !isUnspecific(name));
  if (!said) return fallback;
  const refusal = terminalNameRefusal(said);
  const likely = likelyTerminfoName(said);
  if (refusal === undefined && knows(likely) === undefined) return likely;
  reject('TERM', said, refusal ?? `no terminfo entry on this host: ${fallback} is used`);
  return fallback;
}

/** The client's variables that pass. An empty one says nothing and counts as not sent. */
function acceptedVariables(
  environ: ReadonlyMap<string, string>,
  policy: EnvironmentPolicy,
  reject: Reject,
): ReadonlyMap<string, string> {
  if (environ.size === 0) return NO_VARIABLES;
  const listed = new Set(policy.acceptEnv ?? []);
  const accepted = new Map<string, string>();
  for (const [name, value] of environ) {
    if (value === '') continue;
    const refusal = !variableName.test(name)
      ? 'not a name of a variable'
      : isForbiddenName(name)
        ? 'controls a loader, a shell or a runtime: never taken from a client'
        : BUILT_IN.has(name)
          ? BUILT_IN.get(name)?.(value)
          : name === 'TERM'
            ? 'taken from the terminal type option alone'
            : listed.has(name)
              ? checkAccepted(value)
              : 'not asked for';
    if (refusal === undefined) accepted.set(name, value);
    else reject(name, value, refusal);
  }
  return accepted;
}

const isLocale = (name: string) => name === 'LANG' || name.startsWith('LC_');

/**
 * LANG and LC_*. LC_ALL repeats LANG, because a program's start files may well set a category; but it hides all other
 * locale variables, so it is only derived where nobody, client or operator, set one it would hide. An operator's
 * LANG or LC_ALL decides the whole locale.
 *
 * A locale that is not installed is no error to the C library, but then every ä becomes a question mark, and bash, perl and
 * others print warnings at each start. So each name is one that the host has.
 */
function locale(
  accepted: ReadonlyMap<string, string>,
  operator: ReadonlyMap<string, string>,
  facts: EnvironmentFacts,
  policy: EnvironmentPolicy,
  reject: Reject,
): Map<string, string> {
  const result = new Map<string, string>();
  if (operator.has('LANG') || operator.has('LC_ALL')) return result;
  const own = policy.programEncoding === 'client' ? undefined : policy.programEncoding;
  const charset = own ?? firstCharset(facts.charset, policy.encoding);
  for (const [name, value] of accepted) {
    if (!isLocale(name)) continue;
    const wanted = own === undefined ? value : localeIn(own, value);
    const given = givenLocale(name, wanted, charset, facts, policy);
    if (given !== wanted) reject(name, value, `not installed on this host${given ? `: ${given} is used` : ''}`);
    if (given !== undefined) result.set(name, given);
  }
  if (!result.has('LANG')) {
    const { locales } = facts;
    const usual =
      locales === undefined
        ? defaultLocale(charset, undefined, policy.locale)
        : installedLocale(charset, locales, policy.locale);
    result.set('LANG', usual);
  }

  if ([...operator.keys()].some(isLocale)) result.delete('LC_ALL');
  else if (![...result.keys()].some(name => name.startsWith('LC_'))) result.set('LC_ALL', result.get('LANG')!);
  return result;
}

/**
 * What a program gets for a client's locale in one category: a locale that is installed, as the client wants it if there is one.
 * The categories that decide on the character set get one in that set; the others none, so that LANG decides.
 */
function givenLocale(
  category: string,
  wanted: string,
  charset: string,
  { locales }: EnvironmentFacts,
  policy: EnvironmentPolicy,
): string | undefined {
  if (locales === undefined || wanted === C_LOCALE) return wanted;
  const form = installedForm(wanted, charset, locales);
  if (form !== undefined || !['LANG', 'LC_ALL', 'LC_CTYPE'].includes(category)) return form;
  return installedLocale(charsetOfLocale(wanted) ?? charset, locales, policy.locale);
}
