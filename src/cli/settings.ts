/** What `telpty serve` was told, from its command line and configuration file: complete, checked, and typed. */
import { readFileSync } from 'node:fs';
import type { Limits } from '../pty/index.ts';
import { evaluate, splitArguments } from './arguments.ts';
import { readConfig } from './config.ts';
import { serveOptions } from './options.ts';
import { usage } from './values.ts';

/** How much is logged. */
export type LogLevel = 'trace' | 'debug' | 'info' | 'warn' | 'error' | 'silent';

/** The settings of `telpty serve`. Times are in milliseconds; 0 is "off" where the option says so. */
export interface ServeSettings {
  readonly host: string;
  readonly port: number;
  readonly mode: 'character' | 'raw' | 'line';
  readonly linemode: 'auto' | 'never';
  /** Canonical name. */
  readonly encoding: string;
  /** `client`, or a canonical name. */
  readonly programEncoding: string;
  readonly term: string;
  readonly negotiationTimeout: number;
  readonly neverSendGa: boolean;
  readonly cwd: string | undefined;
  /** Of `--env` and `--pass-env`, the former over the latter. */
  readonly env: Readonly<Record<string, string>>;
  readonly acceptEnv: readonly string[];
  readonly user: string | undefined;
  readonly limits: Limits;
  readonly sizeEnv: boolean;
  readonly killTimeout: number;
  readonly linger: number;
  readonly maxSessions: number;
  readonly idleTimeout: number;
  readonly sessionTimeout: number;
  readonly compatibility: 'strict' | 'tolerant';
  readonly compression: boolean;
  /** Processes that share the port. */
  readonly workers: number;
  readonly logLevel: LogLevel;
  /** Undefined: as standard error is. */
  readonly logFormat: 'pretty' | 'json' | undefined;
  /** The program as it was named, and its arguments. Undefined: the login shell. */
  readonly program: { readonly name: string; readonly args: readonly string[] } | undefined;
}

/** What the settings are read from, beside the arguments. */
export interface SettingsSources {
  readonly readFile?: (file: string) => string;
  /** The server's own environment, for `--pass-env`. */
  readonly environment?: Readonly<Record<string, string | undefined>>;
}

/**
 * Reads the arguments of `telpty serve`. Gives `'help'` when help was asked for.
 *
 * @throws TelptyError `ERR_USAGE`, or `ERR_RUNTIME` when the configuration file cannot be read.
 */
export function parseServe(argv: readonly string[], sources: SettingsSources = {}): ServeSettings | 'help' {
  const { given, operands, help } = splitArguments(serveOptions, argv);
  if (help) return 'help';
  const file = given.findLast(({ name }) => name === 'config')?.text;
  const readFile = sources.readFile ?? (name => readFileSync(name, 'utf8'));
  const config = file === undefined ? undefined : readConfig(file, serveOptions, readFile);
  const values = evaluate(serveOptions, [...(config?.given ?? []), ...given]);
  const [name, ...args] = operands.length > 0 ? operands : (config?.program ?? []);
  if (name === '') throw usage('the name of the program is empty');
  if (name === undefined && !isLoopback(values.host)) {
    throw usage(`--host: ${values.host} is not loopback: name the PROGRAM to serve (only there it may be your shell)`);
  }
  const environment = sources.environment ?? process.env;
  const passed = values['pass-env'].flatMap(variable => {
    const value = environment[variable];
    return value === undefined ? [] : [[variable, value] as const];
  });
  return {
    host: values.host,
    port: values.port,
    mode: values.mode,
    linemode: values.linemode,
    encoding: values.encoding,
    programEncoding: values['program-encoding'],
    term: values.term,
    negotiationTimeout: values['negotiation-timeout'],
    neverSendGa: values['never-send-ga'],
    cwd: values.cwd,
    env: Object.fromEntries([...passed, ...values.env]),
    acceptEnv: [...new Set(values['accept-env'])],
    user: values.user,
    limits: Object.fromEntries(values.rlimit),
    sizeEnv: values['size-env'],
    killTimeout: values['kill-timeout'],
    linger: values.linger,
    maxSessions: values['max-sessions'],
    idleTimeout: values['idle-timeout'],
    sessionTimeout: values['session-timeout'],
    compatibility: values.compatibility,
    compression: values.compression,
    workers: values.workers,
    logLevel: values['log-level'],
    logFormat: values['log-format'],
    program: name === undefined ? undefined : { name, args },
  };
}

/** Whether only this machine can reach what listens on this address. */
export function isLoopback(host: string): boolean {
  return /^(?:localhost|::1|(?:::ffff:)?127\.\d{1,3}\.\d{1,3}\.\d{1,3})$/i.test(host);
}
