/**
 * The environment of a program whose client is not trusted: pure policy, no I/O.
 *
 * It starts empty. The server's own environment does not leak into it, and a client's variable is only accepted by its
 * own check below. There are three sources, and each overrides the one before. The first has facts about the session
 * and the user that the program runs as, the second is the client, the third the operator.
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

/** Facts about a session and about the user that its program runs as. */
export interface EnvironmentFacts {
  readonly user: { readonly name: string; readonly home: string; readonly shell: string; readonly uid: number };
  /** The terminal type that the client prefers, as received. It is used if terminfo cannot be searched. */
  readonly terminalType?: string | undefined;
  /** All terminal types that the client sent, in its order. Default: `terminalType` only. */
  readonly terminalTypes?: readonly string[] | undefined;
  /** Whether the host's terminfo has an entry of this name; `undefined` if that is unknown. */
  readonly knowsTerminal?: ((name: string) => boolean | undefined) | undefined;
  readonly columns?: number | undefined;
  readonly rows?: number | undefined;
  /** The character set negotiated with the client. */
  readonly charset?: string | undefined;
  /** The environment variables that the client sent, unchecked. */
  readonly environ: ReadonlyMap<string, string>;
  /** The X display that the client sent by XDISPLOC, unchecked. It becomes DISPLAY, unless `environ` contains that. */
  readonly display?: string | undefined;
  readonly remoteAddress?: string | undefined;
  /** The local user that connected, if the kernel reports it. */
  readonly remoteUser?: string | undefined;
  /** The installed locales. Without it, every locale counts as installed. */
  readonly locales?: HostLocales | undefined;
}

/** The settings of the operator. */
export interface EnvironmentPolicy {
  /** The terminal type if the client sends no type that the host knows. Default `'xterm'`. */
  readonly term?: string | undefined;
  /** The character set if the client negotiates none and sends no LANG. Default `'utf-8'`. */
  readonly encoding?: string | undefined;
  /**
   * The character set of the program, independent of the client's; data is converted between the two. Default
   * `'client'`: that of the client, without conversion.
   */
  readonly programEncoding?: string | undefined;
  /**
   * The locale for clients in UTF-8 that send no locale, or one that is not installed. Default: the first of these that
   * is installed and in UTF-8: the server's own (LC_ALL, LC_CTYPE or LANG), `C.UTF-8`, `en_US.UTF-8`. The same list
   * applies if this locale is not installed.
   */
  readonly locale?: string | undefined;
  /** Names to accept from the client in addition to the built-in list. */
  readonly acceptEnv?: readonly string[] | undefined;
  /** Variables that are set for the program; trusted, they override all others. */
  readonly env?: Readonly<Record<string, string>> | undefined;
  /** Also set LINES and COLUMNS. They pin a curses program to its first size, so they are off by default. */
  readonly sizeEnv?: boolean | undefined;
}

/** A value from the client that was not accepted. Safe to print. */
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

/** A check: a pattern, a length, and rules that are hard to read in a pattern. It returns the reason of a rejection. */
function check(pattern: RegExp, maxLength: number, wanted: string): Check {
  return value => {
    if (value.length > maxLength) return `longer than ${maxLength} characters`;
    if (value.startsWith('-')) return "begins with '-', as an option does";
    if (value.includes('..')) return "has '..', as a path does";
    return pattern.test(value) ? undefined : `is not ${wanted}`;
  };
}

const PLAIN_TEXT_WORDS = 'only letters, digits and . _ + : @ -';
// The C library builds file names from it.
const checkLocale = check(/^[A-Za-z0-9_+:@][A-Za-z0-9._+:@-]*$/, 128, PLAIN_TEXT_WORDS);
const checkPlain = check(/^[A-Za-z0-9._+:@-]+$/, 128, PLAIN_TEXT_WORDS);
const checkAccepted = check(/^[A-Za-z0-9._+:@-]+$/, 256, PLAIN_TEXT_WORDS);
// Only a display on a host; X also accepts paths to sockets and other transports.
const checkDisplay = check(/^[A-Za-z0-9._-]*:\d{1,5}(?:\.\d{1,3})?$/, 128, 'host:display.screen');
// A file below zoneinfo (Area/City), or POSIX rules. Never `/file` or `:/file`, which the C library opens.
const checkZone = check(/^[A-Za-z0-9_+-]+(?:\/[A-Za-z0-9_+-]+){0,2}$/, 128, 'a time zone like Europe/Berlin');

/** The variables that are accepted from any client, each with its check. */
const BUILT_IN: ReadonlyMap<string, Check> = new Map([
  ['LANG', checkLocale],
  ['LC_ALL', checkLocale],
  ...LOCALE_CATEGORIES.map((name): [string, Check] => [name, checkLocale]),
  ['COLORTERM', checkPlain],
  ['DISPLAY', checkDisplay],
  ['TZ', checkZone],
]);

/** Whether a text can be a terminal type. The checks of a client's type also apply to the operator's default. */
export function isTerminalName(name: string): boolean {
  return terminalNameRefusal(name) === undefined;
}

/**
 * Whether a program can run in a character set: `'client'`, or a set with the control characters of a terminal. The
 * sets of home computers do not have these.
 */
export function isProgramEncoding(name: string): boolean {
  const charset = canonicalCharset(name);
  return name === 'client' || (charset !== undefined && machineOf(charset) === undefined);
}

/** The names to request from the client by NEW-ENVIRON. */
export function requestedNames(policy: Pick<EnvironmentPolicy, 'acceptEnv'>): string[] {
  const extra = (policy.acceptEnv ?? []).filter(name => variableName.test(name) && !isForbiddenName(name));
  return [...new Set([...USUAL_VARIABLES, ...extra])];
}

/** Builds the environment of a program, and returns the values of the client that were not accepted. */
export function programEnvironment(
  facts: EnvironmentFacts,
  policy: EnvironmentPolicy = {},
): { env: Record<string, string>; rejected: RejectedVariable[] } {
  const rejected: RejectedVariable[] = [];
  const reject = (name: string, value: string, reason: string) =>
    rejected.push({ name: escapeText(name, 64), value: escapeText(value, 64), reason });

  const { user } = facts;
  // Maps until the end: a client may send the name `__proto__`, which must be an ordinary name.
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

/** The variables of the client. Clients without NEW-ENVIRON can send their display by XDISPLOC (RFC 1096). */
function withDisplay({ environ, display }: EnvironmentFacts): ReadonlyMap<string, string> {
  if (display === undefined || display === '' || environ.has('DISPLAY')) return environ;
  return new Map([...environ, ['DISPLAY', display]]);
}

const NO_VARIABLES: ReadonlyMap<string, string> = new Map();

type Reject = (name: string, value: string, reason: string) => void;

/** The paths of login(1), with the games that Debian gives its users: many programs served here are games. */
export function defaultPath(uid: number): string {
  const path =
    uid === 0 ? '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin' : '/usr/local/bin:/usr/bin:/bin';
  return `${path}:/usr/local/games:/usr/games`;
}

/**
 * TERM: the first of the client's names that the host knows. A client sends its own name first and more common ones
 * after it (`XTERM-GHOSTTY`, `XTERM-256COLOR`), because programs refuse to run on an unknown terminal.
 */
function terminalType(facts: EnvironmentFacts, policy: EnvironmentPolicy, reject: Reject): string {
  const fallback = policy.term ?? environmentOptions.term.default;
  const { terminalType: preferred, terminalTypes = preferred ? [preferred] : [] } = facts;
  const { knowsTerminal: knows = () => undefined } = facts;
  const known = firstKnownTerminal(terminalTypes, knows);
  if (known !== undefined) return known;
  const [first] = terminalTypes;
  const [reported] = [preferred, first].filter(name => name && !isUnspecific(name));
  if (!reported) return fallback;
  const refusal = terminalNameRefusal(reported);
  const likely = likelyTerminfoName(reported);
  if (refusal === undefined && knows(likely) === undefined) return likely;
  reject('TERM', reported, refusal ?? `no terminfo entry on this host: ${fallback} is used`);
  return fallback;
}

/** The client's variables that are accepted. An empty value carries no information and counts as not sent. */
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
 * LANG and LC_*. LC_ALL repeats LANG, because a program's start files may set a category. But LC_ALL hides all other
 * locale variables, so it is only derived if neither the client nor the operator set one that it would hide. If the
 * operator sets LANG or LC_ALL, that decides the whole locale.
 *
 * A locale that is not installed is not an error for the C library. But every ä becomes a question mark, and bash, perl
 * and others print warnings at each start. So only names of installed locales are used.
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
 * The locale of a program for a client's locale in one category: an installed one, as requested if possible. The
 * categories that decide the character set get a locale in that set; the others get none, so that LANG decides.
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
