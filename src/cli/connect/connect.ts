/** `telpty connect`: settings in, a session on the user's terminal or on pipes. */
import { readFileSync } from 'node:fs';
import { charsetOfLocale } from '../../charset/index.ts';
import { connect } from '../../client/connect.ts';
import { TelptyError } from '../../errors.ts';
import { systemError } from '../../native/system-error.ts';
import { flowControl, linemode, specialCharactersOf } from '../../protocol/index.ts';
import { AsciicastWriter } from '../../recording/asciicast.ts';
import type { Session } from '../../session/session.ts';
import { isTerminalName } from '../../shells/environment/environment.ts';
import { escapeText } from '../../shells/output/escape.ts';
import { DEFAULT_COLUMNS, DEFAULT_ROWS } from '../../shells/program/resize.ts';
import { explainTls, isTlsError, type TlsRemedy } from '../../transport/tls/failure.ts';
import type { TerminalOptions } from './discipline.ts';
import { Interactive } from './interactive.ts';
import { caret } from './options.ts';
import { runPiped } from './piped.ts';
import type { ConnectSettings } from './settings.ts';
import { LocalTerminal } from './terminal/local-terminal.ts';
import { watchForTls } from './tls-port.ts';

/** Terminals of people who do not say which they have. */
const USUAL_LOCAL = 'UTF-8';

/**
 * Connects, and returns when the connection has ended cleanly.
 *
 * @throws TelptyError where it was not: `ERR_CONNECT`, `ERR_TLS`, `ERR_SESSION_CLOSED`; `ERR_RUNTIME` for a missing file.
 */
export async function runConnect(settings: ConnectSettings): Promise<void> {
  const local = localCharset(process.env);
  const { tls } = settings;
  // Nobody reads what is shown any more: there is nothing left to do, and nothing wrong.
  process.stdout.on('error', () => process.exit(0));
  if (process.stdin.isTTY) {
    const terminal = new LocalTerminal(process.stdin, process.stdin.fd);
    const options = terminalOptions(terminal);
    const session = await open(settings, local, options);
    const isTls = tls ? () => false : watchForTls(session);
    const recorded = record(session, settings);
    const { mode, escapeKey, host } = settings;
    const interactive = new Interactive({
      session,
      terminal,
      options,
      mode,
      escapeKey,
      local,
      isSecure: tls !== undefined,
    });
    interactive.say(`Connected to ${escapeText(host)}.`);
    if (escapeKey !== undefined) interactive.say(`Escape character is '${caret(escapeKey)}'.`);
    await interactive.run();
    recorded();
    finish(session, settings, isTls());
  } else {
    const session = await open(settings, local);
    const isTls = tls ? () => false : watchForTls(session);
    const recorded = record(session, settings);
    await runPiped(session, local, settings.encoding !== undefined);
    recorded();
    finish(session, settings, isTls());
  }
  // What the reader of a pipe has not taken yet.
  await new Promise(resolve => process.stdout.write('', resolve));
}

/** What a client with a terminal can do beyond others. */
function terminalOptions(terminal: LocalTerminal): TerminalOptions {
  return {
    linemode: linemode({
      role: 'client',
      accept: proposed => ({ ...proposed, softTab: false, litEcho: false }),
      characters: specialCharactersOf(terminal.controls),
    }),
    flowControl: flowControl({ local: true }),
  };
}

function open(settings: ConnectSettings, local: string, options?: TerminalOptions): Promise<Session> {
  const { host, port, tls, encoding, sendEnv, mode, compression, keepAlive, keepAliveTimeout, alwaysWill, alwaysDo } =
    settings;
  const { columns, rows, isTTY } = process.stdout;
  const told = sendEnv.flatMap(name => {
    const value = process.env[name];
    return value === undefined ? [] : [[name, value] as const];
  });
  // Who asks for one of the two modes does not want to be told another by the server.
  const { linemode, flowControl } = options ?? {};
  const own = [...(linemode && mode === 'auto' ? [linemode] : []), ...(flowControl ? [flowControl] : [])];
  const connecting = connect({
    host,
    port,
    timeout: 0,
    tls: tls && { ...(tls.caFile && { ca: readCa(tls.caFile) }), rejectUnauthorized: tls.verify },
    terminal: { type: settings.term ?? terminalType(options !== undefined), ...(isTTY && { columns, rows }) },
    environ: Object.fromEntries(told),
    encoding: encoding ?? local,
    compression,
    keepAlive,
    keepAliveTimeout,
    telnetOptions: own,
    alwaysWill,
    alwaysDo,
  });
  return connecting.catch((error: TelptyError) => {
    // (`connect()` names its options: alwaysWill.)
    if (error.code === 'ERR_INVALID_ARGUMENT')
      throw new TelptyError(
        'ERR_USAGE',
        error.message.replace(/^always(Will|Do)/, word => ALWAYS.get(word)!),
      );
    throw error.code === 'ERR_TLS' ? tlsError(error, settings) : error;
  });
}

const ALWAYS: ReadonlyMap<string, string> = new Map([
  ['alwaysWill', '--always-will'],
  ['alwaysDo', '--always-do'],
]);

const ACCEPT = '--tls-no-verify accepts any certificate';
const REMEDIES: Readonly<Record<TlsRemedy, string | undefined>> = {
  trust: `trust it with --tls-ca FILE; ${ACCEPT}`,
  accept: ACCEPT,
  plain: 'connect without --tls',
  // There is no option for one.
  certificate: undefined,
};

/** The library's error, which names its own options, with those of the command. */
function tlsError({ cause, systemCode = 'unknown' }: TelptyError, { host, port = 992 }: ConnectSettings): TelptyError {
  const { problem, remedy } = explainTls(cause as Error, host);
  const todo = remedy && REMEDIES[remedy];
  const text = `no TLS with ${host} port ${port}: ${problem}${todo === undefined ? '' : `; ${todo}`}`;
  return new TelptyError('ERR_TLS', text, { systemCode, cause });
}

/**
 * Begins a recording, where one was asked for. Returns what ends it.
 *
 * @throws TelptyError `ERR_RUNTIME` where the file cannot be made
 */
function record(session: Session, { record: file, term }: ConnectSettings): () => void {
  if (file === undefined) return () => {};
  const { stdout, stdin } = process;
  const size = () => [stdout.columns || DEFAULT_COLUMNS, stdout.rows || DEFAULT_ROWS] as const;
  const [columns, rows] = size();
  const start = { columns, rows, term: term ?? terminalType(stdin.isTTY) };
  let writer: AsciicastWriter;
  try {
    writer = new AsciicastWriter(file, start, ({ message }) => process.stderr.write(`telpty: ${message}\n`));
  } catch (error) {
    session.destroy();
    throw error;
  }
  const untap = session.tap({ input: bytes => writer.output(bytes, session.encoding) });
  const resized = () => writer.resize(...size());
  stdout.on('resize', resized);
  return () => {
    untap();
    stdout.off('resize', resized);
    writer.end();
  };
}

/** A program that reads pipes has no use for escape sequences. */
function terminalType(isInteractive: boolean): string {
  const { TERM = '' } = process.env;
  return isInteractive && process.stdout.isTTY && isTerminalName(TERM) ? TERM : 'dumb';
}

function localCharset({ LC_ALL, LC_CTYPE, LANG }: NodeJS.ProcessEnv): string {
  return charsetOfLocale(LC_ALL || LC_CTYPE || LANG || '') ?? USUAL_LOCAL;
}

function readCa(file: string): string {
  let text: string;
  try {
    text = readFileSync(file, 'utf8');
  } catch (error) {
    const { code = 'unknown', errno = 0 } = error as NodeJS.ErrnoException;
    const why = errno < 0 ? systemError(-errno).text : code;
    throw new TelptyError('ERR_RUNTIME', `--tls-ca: cannot read ${file}: ${why}`, {
      file,
      systemCode: code,
      cause: error,
    });
  }
  if (/-----BEGIN (?:TRUSTED |X509 )?CERTIFICATE-----/.test(text)) return text;
  throw new TelptyError('ERR_RUNTIME', `--tls-ca: ${file} contains no PEM certificate`, { file });
}

/** @throws TelptyError `ERR_SESSION_CLOSED` if the connection broke, or was broken off here. */
function finish({ errored, hangupReason }: Session, settings: ConnectSettings, isTls: boolean): void {
  const { host, port = 23 } = settings;
  if (isTls) throw new TelptyError('ERR_TLS', `${host} port ${port} speaks TLS; connect with --tls`);
  // (By LOGOUT a server asks for the end.)
  if (hangupReason !== undefined && hangupReason !== 'logout')
    throw new TelptyError('ERR_SESSION_CLOSED', `the connection was closed: ${hangupReason.replaceAll('-', ' ')}`);
  if (errored === null) return;
  // A server may check certificates when the client is through the handshake already.
  if (isTlsError(errored)) throw tlsError(new TelptyError('ERR_TLS', '', { cause: errored }), settings);
  const { errno = 0, message } = errored as NodeJS.ErrnoException;
  const text = errno < 0 ? systemError(-errno).text : message;
  throw new TelptyError('ERR_SESSION_CLOSED', `the connection broke: ${text}`, { cause: errored });
}
