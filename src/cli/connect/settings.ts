/** The settings of `telpty connect`: complete, checked, and typed. */

import type { RecordingFormat } from '../../recording/recording.ts';
import { machineOf } from '../../screen/machines/index.ts';
import { escapeText } from '../../shells/output/escape.ts';
import { evaluate, splitArguments } from '../options/arguments.ts';
import { usage } from '../options/usage.ts';
import { host, port } from '../options/values.ts';
import { connectOptions } from './options.ts';

/** How keys become input of the server. */
export type InputMode = 'auto' | 'character' | 'line';

export interface ConnectSettings {
  readonly host: string;
  /** Undefined: the port of Telnet, or with TLS that of telnets. */
  readonly port: number | undefined;
  /** Undefined: no TLS. */
  readonly tls: { readonly caFile: string | undefined; readonly verify: boolean } | undefined;
  /** The canonical name. Undefined: the negotiated character set, else that of the locale. */
  readonly encoding: string | undefined;
  /** Whether cursor and function keys are sent as sequences to a server for home computers. */
  readonly ansiKeys: boolean;
  readonly mode: InputMode;
  readonly term: string | undefined;
  /** The byte of the key. Undefined: none. */
  readonly escapeKey: number | undefined;
  readonly sendEnv: readonly string[];
  readonly compression: boolean;
  /** In milliseconds; 0: never. */
  readonly keepAlive: number;
  /** In milliseconds; 0: no answer is requested. */
  readonly keepAliveTimeout: number;
  /** Whether to connect again if a connection was lost or could not be made. */
  readonly reconnect: boolean;
  /** Codes of Telnet options. */
  readonly alwaysWill: readonly number[];
  readonly alwaysDo: readonly number[];
  /** The file. Undefined: no recording. */
  readonly record: string | undefined;
  readonly recordFormat: RecordingFormat;
}

/**
 * Reads the arguments of `telpty connect`. Returns `'help'` if help was requested.
 *
 * @throws TelptyError `ERR_USAGE`.
 */
export function parseConnect(argv: readonly string[]): ConnectSettings | 'help' {
  const { given, operands, misplaced, help } = splitArguments(connectOptions, argv);
  if (help) return 'help';
  const values = evaluate(connectOptions, given);
  const [name, number, ...more] = operands;
  const { tls, 'tls-ca': caFile, 'tls-no-verify': careless } = values;
  if (name === undefined) throw usage('connect: no HOST given (telpty connect [options] HOST [PORT])');
  const joined = explainJoined(name, tls);
  if (joined !== undefined) throw usage(`HOST: ${joined}`);
  if (misplaced.length > 0) {
    const what = `${misplaced.join(', ')} after HOST: options come first`;
    throw usage(`connect: ${what} (telpty connect [options] HOST [PORT])`);
  }
  if (more.length > 0 || number?.startsWith('-')) {
    throw usage('connect: too many arguments (telpty connect [options] HOST [PORT]; options come first)');
  }
  if (!tls && caFile !== undefined) throw usage('--tls-ca: needs --tls');
  if (!tls && careless) throw usage('--tls-no-verify: needs --tls');
  if (careless && caFile !== undefined) throw usage('--tls-ca: has no effect with --tls-no-verify');
  if (values['keep-alive-timeout'] !== 0 && values['keep-alive'] === 0) {
    throw usage('--keep-alive-timeout: needs --keep-alive');
  }
  if (values['ansi-keys'] && machineOf(values.encoding ?? '') === undefined) {
    throw usage('--ansi-keys: needs --encoding petscii or atascii; other servers get these sequences without it');
  }
  if (values['record-format'] !== undefined && values.record === undefined) {
    throw usage('--record-format: needs --record');
  }
  return {
    host: named('HOST', () => host(name)),
    port: number === undefined ? undefined : named('PORT', () => portOf(number)),
    tls: tls ? { caFile, verify: !careless } : undefined,
    encoding: values.encoding,
    ansiKeys: values['ansi-keys'],
    mode: values.mode,
    term: values.term,
    escapeKey: values.escape,
    sendEnv: values['send-env'],
    compression: values.compression,
    keepAlive: values['keep-alive'],
    keepAliveTimeout: values['keep-alive-timeout'],
    reconnect: values.reconnect,
    alwaysWill: values['always-will'].flat(),
    alwaysDo: values['always-do'].flat(),
    record: values.record,
    recordFormat: values['record-format'] ?? 'asciicast',
  };
}

/** Explains `HOST:PORT`, `[ADDR]:PORT` and URLs, which other programs accept: here the port is a separate argument. */
function explainJoined(name: string, tls: boolean): string | undefined {
  const [, scheme, rest = name] = /^([a-z][a-z0-9+.-]*):\/\/(?:[^@/]*@)?([^/?#]*).*$/is.exec(name) ?? [];
  const [, address, hostName, number = ''] =
    /^(?:\[([0-9A-Fa-f:.%\w-]+)\]|([^:[\]\s]+))(?::([\w-]*))?$/.exec(rest) ?? [];
  const target = address ?? hostName;
  if (/^:[\w-]*$/.test(rest)) return `${escapeText(name, 60)}: the host is missing before the port`;
  if (target === undefined) return undefined;
  if (scheme === undefined && !rest.includes(':', address === undefined ? 0 : rest.indexOf(']'))) return undefined;
  const isSecure = tls || scheme?.toLowerCase() === 'telnets';
  const words = ['telpty connect', ...(isSecure ? ['--tls'] : []), target, ...(number === '' ? [] : [number])].join(
    ' ',
  );
  const what = scheme === undefined ? 'the port is a separate argument' : 'a URL is not a host';
  return `${escapeText(what, 60)}: write \`${escapeText(words, 120)}\``;
}

function portOf(text: string): number {
  const number = port(text);
  if (number === 0) throw usage('0 is not a port to connect to');
  return number;
}

/** Puts the name of the operand in front of an error. */
function named<T>(what: string, parse: () => T): T {
  try {
    return parse();
  } catch (error) {
    throw error instanceof Error ? usage(`${what}: ${error.message}`) : error;
  }
}
