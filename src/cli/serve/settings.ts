/** The settings of `telpty serve`, from its command line and configuration file: complete, checked, and typed. */
import { readFileSync } from 'node:fs';
import type { AnyTable, OptionsOf } from '../../options.ts';
import type { CgroupLimits, Limits } from '../../pty/index.ts';
import { escapeText } from '../../shells/output/escape.ts';
import { isLoopback as isLoopbackAddress } from '../../transport/pre-session/address-list.ts';
import { evaluate, splitArguments } from '../options/arguments.ts';
import { readConfig } from '../options/config.ts';
import type { OptionSpec, OptionValues } from '../options/options.ts';
import { serveOptions } from '../options/serve/index.ts';
import { usage } from '../options/usage.ts';

/** The level of the log. */
export type LogLevel = 'trace' | 'debug' | 'info' | 'warn' | 'error' | 'silent';

/** `idle-timeout` becomes `idleTimeout`. */
type Camel<Name extends string> = Name extends `${infer Head}-${infer Tail}`
  ? `${Head}${Capitalize<Camel<Tail>>}`
  : Name;

type Values = OptionValues<typeof serveOptions>;

/** Options that do not become a setting of the same name. */
type Special = 'config' | 'help' | 'env' | 'pass-env' | 'rlimit' | 'cgroup-limit';

/**
 * The settings of `telpty serve`: the values of its options. Times are in milliseconds; 0 means "off" for the options
 * that say so.
 */
export type ServeSettings = { readonly [Name in Exclude<keyof Values, Special> as Camel<Name>]: Values[Name] } & {
  /** From `--env` and `--pass-env`; `--env` takes precedence. */
  readonly env: Readonly<Record<string, string>>;
  /** From `--rlimit`. */
  readonly limits: Limits;
  /** From `--cgroup-limit`. */
  readonly cgroupLimits: CgroupLimits;
  /** The program as given, and its arguments. Undefined: the login shell. */
  readonly program: { readonly name: string; readonly args: readonly string[] } | undefined;
};

/** The options of a function of the library, from the rows that set one of them. */
export function optionsFor<Table extends AnyTable>(table: Table, settings: ServeSettings): Partial<OptionsOf<Table>> {
  const values: Readonly<Record<string, unknown>> = settings;
  const rows = Object.entries<OptionSpec>(serveOptions);
  const options = Object.entries(table).flatMap(([option, rule]) =>
    rows.filter(([, { library }]) => library === rule).map(([name]) => [option, values[camel(name)]] as const),
  );
  return Object.fromEntries(options) as Partial<OptionsOf<Table>>;
}

/** The sources of the settings other than the arguments. */
export interface SettingsSources {
  readonly readFile?: (file: string) => string;
  /** The server's own environment, for `--pass-env`. */
  readonly environment?: Readonly<Record<string, string | undefined>>;
  /** Called with one line for each setting that is valid but probably a mistake. */
  readonly onDoubt?: (line: string) => void;
}

/**
 * Reads the arguments of `telpty serve`. Returns `'help'` if help was requested.
 *
 * @throws TelptyError `ERR_USAGE`, or `ERR_RUNTIME` if the configuration file cannot be read.
 */
export function parseServe(argv: readonly string[], sources: SettingsSources = {}): ServeSettings | 'help' {
  const { given, operands, misplaced, help } = splitArguments(serveOptions, argv);
  if (help) return 'help';
  const file = given.findLast(({ name }) => name === 'config')?.text;
  const readFile = sources.readFile ?? (name => readFileSync(name, 'utf8'));
  const config = file === undefined ? undefined : readConfig(file, serveOptions, readFile);
  const values = onSocketAlone(evaluate(serveOptions, [...(config?.given ?? []), ...given]));
  const program = programOf(operands.length > 0 ? operands : (config?.program ?? []));
  const [conflict] = conflictsOf(values, program);
  const doubt = program === undefined || misplaced.length === 0 ? undefined : passedTo(program.name, misplaced);
  // The error may be about an option that is missing only because it was misplaced.
  if (conflict !== undefined) throw usage(doubt === undefined ? conflict : `${conflict} (${doubt})`);
  if (doubt !== undefined) sources.onDoubt?.(doubt);
  const environment = sources.environment ?? process.env;
  const passed = values['pass-env'].flatMap(variable => {
    const value = environment[variable];
    if (value !== undefined) return [[variable, value] as const];
    if (!values.env.some(([name]) => name === variable)) {
      sources.onDoubt?.(`--pass-env: ${variable} is not set in the server's environment, so programs do not get it`);
    }
    return [];
  });
  const { config: _config, help: _help, env, 'pass-env': _names, rlimit, 'cgroup-limit': parts, ...others } = values;
  return {
    ...(Object.fromEntries(
      Object.entries(others).map(([option, value]) => [camel(option), value]),
    ) as unknown as ServeSettings),
    env: Object.fromEntries([...passed, ...env]),
    acceptEnv: [...new Set(values['accept-env'])],
    limits: Object.fromEntries(rlimit),
    cgroupLimits: Object.fromEntries(parts) as CgroupLimits,
    program,
  };
}

/** A warning about options of `telpty serve` that were written after PROGRAM. */
function passedTo(program: string, options: readonly string[]): string {
  const [is, it] = options.length === 1 ? ['is', 'it'] : ['are', 'them'];
  const what = `${options.join(', ')} after PROGRAM ${is} passed to ${escapeText(program, 60)}`;
  return `${what}; put ${it} before PROGRAM, or write -- before PROGRAM if that is meant`;
}

/** @throws TelptyError `ERR_USAGE` */
export function programOf([name, ...args]: readonly string[]): ServeSettings['program'] {
  if (name === '') throw usage('PROGRAM is empty; name a program or leave it out');
  return name === undefined ? undefined : { name, args };
}

export const LOOPBACK = '127.0.0.1';

/** Without a port, no other machine can connect. */
function onSocketAlone(values: Values): Values {
  return values.port === 'none' ? { ...values, host: LOOPBACK } : values;
}

/** Without a port, the options of ports are conflicts. */
function* conflictsOfSocket(values: Values): Generator<string> {
  if (values.port !== 'none') return;
  if (values.socket === undefined && values.web === undefined) yield '--port: none needs --socket or --web';
  const isGiven: Readonly<Record<string, boolean>> = {
    'tls-cert': values['tls-cert'] !== undefined && values.web === undefined,
    'tls-key': values['tls-key'] !== undefined && values.web === undefined,
    'proxy-protocol': values['proxy-protocol'].length > 0,
    'reuse-port': values['reuse-port'],
  };
  for (const [option, given] of Object.entries(isGiven)) {
    if (given) yield `--${option}: needs a port; it does not apply to UNIX sockets (--port none)`;
  }
}

/** The conflicts of the gateway for browsers. */
function* conflictsOfWeb(values: Values, program: ServeSettings['program'], isOwn: boolean): Generator<string> {
  const { web, host, port, metrics } = values;
  const options = ['web-origin', 'web-trust', 'web-password', 'web-user-header', 'web-operators'] as const;
  if (web === undefined) {
    if (values['web-recordings']) yield '--web-recordings: needs --web';
    const [given] = options.filter(option => values[option] !== undefined && values[option].length > 0);
    if (given !== undefined) yield `--${given}: needs --web`;
    if (values['web-base'] !== '/') yield '--web-base: needs --web';
    return;
  }
  if (program === undefined && isOwn) {
    yield `--web: pages of other sites run in the same browser, and your login shell is only for your own user: ${NAME_THE_PROGRAM}`;
  }
  if (isOwn && values['web-trust'].length > 0) {
    yield `--web-trust: ${noSameUser('connections belong to the user of the proxy', { program })}`;
  }
  if (values['web-user-header'] !== undefined && values['web-password'] !== undefined) {
    yield '--web-user-header: excludes --web-password; name one of them';
  }
  if (values['web-user-header'] !== undefined && values['web-trust'].length === 0) {
    yield '--web-user-header: needs --web-trust: anyone else could send the header';
  }
  yield* conflictsOfOperators(values);
  if (values['web-password'] !== undefined && !isLoopback(web.host)) {
    if (values['tls-cert'] === undefined && values['web-trust'].length === 0) {
      yield `--web-password: ${web.host} is not loopback, and passwords need TLS: use --tls-cert, or a proxy that speaks TLS (--web-trust)`;
    }
  }
  if (web.port === 0) return;
  if (web.port === port && (web.host === host || isEverywhere(host) || isEverywhere(web.host))) {
    yield `--web: ${web.port} is the port of Telnet clients (choose another one)`;
  }
  if (metrics?.port === web.port && (metrics.host === web.host || isEverywhere(web.host))) {
    yield `--metrics: ${web.port} is the port of --web (choose another one)`;
  }
}

/** The conflicts of what only operators can do in the page. */
function* conflictsOfOperators(values: Values): Generator<string> {
  const hasUsers = values['web-password'] !== undefined || values['web-user-header'] !== undefined;
  const hasOperators = values['web-operators'].length > 0;
  if (values['web-recordings']) {
    if (values.record === undefined) yield '--web-recordings: needs --record';
    if (!hasOperators) yield '--web-recordings: needs --web-operators: visitors must not see the sessions of others';
  } else if (hasOperators) yield '--web-operators: needs --web-recordings';
  if (hasOperators && !hasUsers) yield '--web-operators: needs --web-password or --web-user-header';
}

/** The conflicts between options; each message begins with the option, as on the command line. */
export function* conflictsOf(values: Values, program: ServeSettings['program']): Generator<string> {
  yield* conflictsOfSocket(values);
  const isOwn = isForOwnUser({ localUser: values['local-user'], program });
  if (program === undefined && isOwn && !isLoopback(onSocketAlone(values).host)) {
    yield `--host: ${values.host} is not loopback: ${NAME_THE_PROGRAM}`;
  }
  if (isOwn && values['proxy-protocol'].length > 0) {
    yield `--proxy-protocol: ${noSameUser('connections belong to the user of the proxy', { program })}`;
  }
  yield* conflictsOfWeb(values, program, isOwn);
  if (values['tls-cert'] !== undefined && values['tls-key'] === undefined) yield '--tls-cert needs --tls-key';
  if (values['tls-key'] !== undefined && values['tls-cert'] === undefined) yield '--tls-key needs --tls-cert';
  for (const option of ['tls-client-ca', 'tls-auto'] as const) {
    if (values[option] && values['tls-cert'] === undefined) yield `--${option} needs --tls-cert and --tls-key`;
  }
  if (values['tls-client-ca'] !== undefined && values['tls-auto']) {
    yield '--tls-client-ca and --tls-auto exclude each other: clients without TLS have no certificate';
  }
  if (values.user !== undefined && values['user-range'] !== undefined) {
    yield '--user-range: excludes --user; name one of them';
  }
  const { metrics, host, port } = values;
  if (metrics !== undefined && port !== 0 && metrics.port === port && (metrics.host === host || isEverywhere(host))) {
    yield `--metrics: ${port} is the clients' port (choose another one)`;
  }
  if (values['keep-alive-timeout'] !== 0 && values['keep-alive'] === 0)
    yield '--keep-alive-timeout: needs --keep-alive';
  const { record } = values;
  if (record === undefined) {
    const isGiven: Readonly<Record<string, boolean>> = {
      'record-input': values['record-input'],
      'record-quietly': values['record-quietly'],
      'record-keep': values['record-keep'] !== 0,
      'record-format': values['record-format'] !== 'asciicast',
    };
    for (const [option, given] of Object.entries(isGiven)) if (given) yield `--${option}: needs --record`;
  }
  if (values['cgroup-limit'].length > 0 && values.cgroup === undefined) yield '--cgroup-limit: needs --cgroup';
}

/** The end of an error message about a login shell that other users than its own could reach. */
export const NAME_THE_PROGRAM =
  'name a PROGRAM, or use --local-user any to serve your login shell to everyone without a password';

/**
 * An error message about `--local-user same` that cannot be enforced, for a reason, in a server with or without a
 * PROGRAM.
 */
export function noSameUser(reason: string, { program }: Pick<ServeSettings, 'program'>): string {
  if (program !== undefined) return `${reason}, so --local-user same cannot be checked: leave one of them out`;
  return `${reason}, and your login shell is only for your own user: ${NAME_THE_PROGRAM}`;
}

/** Whether only connections of the server's own user are accepted. */
export function isForOwnUser({ localUser, program }: Pick<ServeSettings, 'localUser' | 'program'>): boolean {
  return (localUser ?? (program === undefined ? 'same' : 'any')) === 'same';
}

const camel = (option: string) => option.replace(/-([a-z])/g, (_, letter: string) => letter.toUpperCase());

const isEverywhere = (host: string) => host === '0.0.0.0' || host === '::';

/** Whether only this machine can reach a listener on this address. */
export function isLoopback(host: string): boolean {
  return host.toLowerCase() === 'localhost' || isLoopbackAddress(host);
}
