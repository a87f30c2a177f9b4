/** `telpty connect`: runs a session on the user's terminal or on pipes, from complete settings. */
import { readFileSync } from 'node:fs';
import { charsetOfLocale } from '../../charset/index.ts';
import { type ConnectOptions, connect } from '../../client/connect.ts';
import { type Retry, reconnect } from '../../client/reconnect.ts';
import { TelptyError } from '../../errors.ts';
import { errorText } from '../../native/system-error.ts';
import { flowControl, linemode, specialCharactersOf } from '../../protocol/index.ts';
import { createRecording, type RecordingWriter, reasonOf } from '../../recording/writing/recording-writer.ts';
import { displaySize, type Machine, machineOf } from '../../screen/machines/index.ts';
import type { Session } from '../../session/session.ts';
import { DEFAULT_COLUMNS, DEFAULT_ROWS } from '../../session/terminal.ts';
import { isTerminalName } from '../../shells/environment/environment.ts';
import { escapeText } from '../../shells/output/escape.ts';
import { explainTls, isTlsError, type TlsRemedy } from '../../transport/tls/failure.ts';
import { outputLoss } from '../output-loss.ts';
import type { TerminalOptions } from './discipline.ts';
import { Interactive } from './interactive.ts';
import { caret } from './options.ts';
import { runPiped } from './piped.ts';
import type { ConnectSettings } from './settings.ts';
import { LocalTerminal } from './terminal/local-terminal.ts';
import { watchForTls } from './tls-port.ts';

/** The character set of users whose locale does not name one. */
const USUAL_LOCAL = 'UTF-8';

/**
 * Connects, and returns when the connection has ended cleanly. With `--reconnect` it connects again after any other
 * end that may be temporary.
 *
 * @throws TelptyError if the connection did not end cleanly: `ERR_CONNECT`, `ERR_TLS`, `ERR_SESSION_CLOSED`; if a file
 *   is missing: `ERR_RUNTIME`.
 */
export async function runConnect(settings: ConnectSettings): Promise<void> {
  const local = localCharset(process.env);
  process.stdout.on('error', error => {
    const loss = outputLoss(error);
    // The reader of standard output is gone: there is nothing left to do, and it is not an error.
    if (loss === undefined) process.exit(0);
    // Ends the process with this message, after the handlers of 'exit' have reset the terminal.
    throw loss;
  });
  const { isTTY } = process.stdin;
  const tty = isTTY ? new LocalTerminal(process.stdin, process.stdin.fd) : undefined;
  const options = tty && terminalOptions(tty);
  const recording = new Recording(settings);
  const run = async (session: Session) => {
    const isTls = settings.tls ? () => false : watchForTls(session);
    const recorded = recording.follow(session);
    let hasLeft = false;
    if (options !== undefined) hasLeft = await runInteractive(session, options, local, settings);
    else await runPiped(session, local, settings.encoding !== undefined);
    recorded();
    finish(session, settings, isTls(), hasLeft);
  };
  try {
    const connecting = connectSettings(settings, local, options, tty?.speed);
    if (settings.reconnect) await runAgainAndAgain(connecting, run, settings);
    else await run(await connect(connecting).catch(explained(settings)));
  } finally {
    recording.end();
  }
  // Waits until the reader of a pipe has taken all output.
  await new Promise(resolve => process.stdout.write('', resolve));
}

/** Connects the user's terminal to a session until the session is closed. Returns whether the user has ended it. */
async function runInteractive(
  session: Session,
  options: TerminalOptions,
  local: string,
  { mode, escapeKey, ansiKeys, host, tls }: ConnectSettings,
): Promise<boolean> {
  const terminal = new LocalTerminal(process.stdin, process.stdin.fd);
  const isSecure = tls !== undefined;
  const interactive = new Interactive({ session, terminal, options, mode, escapeKey, local, ansiKeys, isSecure });
  interactive.print(`Connected to ${escapeText(host)}.`);
  if (escapeKey !== undefined) interactive.print(`Escape character is '${caret(escapeKey)}'.`);
  await interactive.run();
  return interactive.hasLeft;
}

/**
 * Runs a session each time a connection is made, until a session ends without having lost its connection. During the
 * pauses the terminal has its original settings: ^C ends this process, and the end-of-file key ends the attempts.
 */
async function runAgainAndAgain(
  connecting: ConnectOptions,
  run: (session: Session) => Promise<void>,
  settings: ConnectSettings,
): Promise<void> {
  const { stdin, stdout, stderr } = process;
  const stop = new AbortController();
  let lost: TelptyError | undefined;
  const ignored = () => {};
  const ended = () => stop.abort();
  const onRetry = ({ error, delay }: Retry) => {
    if (error !== undefined) lost = isTlsCode(error) ? tlsError(error, settings) : error;
    stderr.write(`telpty: ${lost?.message}; connecting again in ${(delay / 1_000).toFixed(1)} s\n`);
    // Input that is typed during the pause would otherwise be sent to the next session.
    if (stdin.isTTY) stdin.on('data', ignored).once('end', ended).resume();
  };
  try {
    for await (const session of reconnect({ ...connecting, onRetry, signal: stop.signal })) {
      stdin.off('data', ignored).off('end', ended).pause();
      // (The size that the first connection was made with may be out of date.)
      if (stdout.isTTY) {
        const { columns, rows } = sizeFor(machineOf(session.encoding));
        session.resize(columns, rows);
      }
      try {
        await run(session);
        return;
      } catch (error) {
        if (!(error instanceof LostConnection)) throw error;
        lost = error;
        if (stdin.isTTY) stderr.write('\n');
      }
    }
  } catch (error) {
    if (stop.signal.aborted && lost !== undefined) throw lost;
    throw error instanceof TelptyError ? explain(error, settings) : error;
  }
}

/** The options that only a client with a terminal supports. */
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

/** The options of `connect()` that the settings amount to. */
function connectSettings(
  settings: ConnectSettings,
  local: string,
  options?: TerminalOptions,
  speed?: number,
): ConnectOptions {
  const { host, port, tls, encoding, sendEnv, mode, compression, keepAlive, keepAliveTimeout, alwaysWill, alwaysDo } =
    settings;
  const { isTTY } = process.stdout;
  const machine = machineOf(encoding ?? local);
  const environ = sendEnv.flatMap(name => {
    const value = process.env[name];
    return value === undefined ? [] : [[name, value] as const];
  });
  // A user who selects one of the two modes does not want the server to select another one.
  const { linemode, flowControl } = options ?? {};
  // A home computer does not edit lines either.
  const editsLines = mode === 'auto' && machine === undefined;
  const own = [...(linemode && editsLines ? [linemode] : []), ...(flowControl ? [flowControl] : [])];
  return {
    host,
    port,
    timeout: 0,
    tls: tls && { ...(tls.caFile && { ca: readCa(tls.caFile) }), rejectUnauthorized: tls.verify },
    terminal: {
      type: settings.term ?? machine?.charset ?? terminalType(options !== undefined),
      ...(isTTY && sizeFor(machine)),
      ...(speed !== undefined && { speed: { transmit: speed, receive: speed } }),
    },
    environ: Object.fromEntries(environ),
    encoding: encoding ?? local,
    compression,
    keepAlive,
    keepAliveTimeout,
    telnetOptions: own,
    alwaysWill,
    alwaysDo,
  };
}

/**
 * Converts an error of the library, which names the library's options, to one that names the options of the command.
 */
function explain(error: TelptyError, settings: ConnectSettings): TelptyError {
  // (`connect()` names its options: alwaysWill.)
  if (error.code === 'ERR_INVALID_ARGUMENT')
    return new TelptyError(
      'ERR_USAGE',
      error.message.replace(/^always(Will|Do)/, word => ALWAYS.get(word)!),
    );
  return isTlsCode(error) ? tlsError(error, settings) : error;
}

function explained(settings: ConnectSettings): (error: TelptyError) => never {
  return error => {
    throw explain(error, settings);
  };
}

// (Errors of this file have their final text already.)
function isTlsCode({ code, systemCode }: TelptyError): boolean {
  return code === 'ERR_TLS' && systemCode !== undefined;
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
  'plain-or-admitted': 'connect without --tls, or try again later or ask its operator',
  // No option of the command supplies a client certificate.
  certificate: undefined,
};

function tlsError({ cause, systemCode = 'unknown' }: TelptyError, { host, port = 992 }: ConnectSettings): TelptyError {
  const { problem, remedy } = explainTls(cause as Error, host);
  const todo = remedy && REMEDIES[remedy];
  const text = `no TLS with ${host} port ${port}: ${problem}${todo === undefined ? '' : `; ${todo}`}`;
  return new TelptyError('ERR_TLS', text, { systemCode, cause });
}

/** The size to report: that of the terminal, or the part of it on which the screen of a home computer is displayed. */
function sizeFor(machine: Machine | undefined): { columns: number; rows: number } {
  const { columns, rows } = process.stdout;
  return machine === undefined ? { columns, rows } : displaySize(machine, columns, rows);
}

/**
 * The recording of all sessions, if one was requested. Each event is written at once: nothing is lost however the
 * process ends. Passwords that are not echoed are not in it, but other private data may be.
 */
class Recording {
  readonly #settings: ConnectSettings;
  readonly #began = performance.now();
  #writer: RecordingWriter | undefined;

  constructor(settings: ConnectSettings) {
    this.#settings = settings;
  }

  /**
   * Records a session; the first one creates the file. Returns a function that ends the recording of this session.
   *
   * @throws TelptyError `ERR_RUNTIME` if the file cannot be created
   */
  follow(session: Session): () => void {
    const { record: file, recordFormat, term } = this.#settings;
    if (file === undefined) return () => {};
    const { stdout, stdin } = process;
    const size = () => {
      const { columns = stdout.columns || DEFAULT_COLUMNS, rows = stdout.rows || DEFAULT_ROWS } =
        machineOf(session.encoding) ?? {};
      return { columns, rows };
    };
    try {
      const header = { ...size(), term: term ?? terminalType(stdin.isTTY), started: new Date() };
      this.#writer ??= createRecording(file, recordFormat, header, error => {
        process.stderr.write(`telpty: the recording to ${file} ends here: ${reasonOf(error)}\n`);
      });
    } catch (error) {
      session.destroy();
      throw error;
    }
    const writer = this.#writer;
    const untap = session.tap({
      input: bytes => {
        writer.data('output', bytes, session.encoding, this.#seconds);
        writer.flush();
      },
    });
    const resized = () => {
      writer.event({ type: 'resize', ...size(), time: this.#seconds });
      writer.flush();
    };
    stdout.on('resize', resized);
    return () => {
      untap();
      stdout.off('resize', resized);
    };
  }

  end(): void {
    this.#writer?.end();
  }

  get #seconds(): number {
    return (performance.now() - this.#began) / 1000;
  }
}

/** A program that reads from a pipe has no use for escape sequences. */
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
    const words = `--tls-ca: cannot read ${escapeText(file)}: ${errorText(error)}`;
    throw new TelptyError('ERR_RUNTIME', words, { file, cause: error });
  }
  if (/-----BEGIN (?:TRUSTED |X509 )?CERTIFICATE-----/.test(text)) return text;
  throw new TelptyError('ERR_RUNTIME', `--tls-ca: ${file} contains no PEM certificate`, { file });
}

/** A lost connection; the next attempt may succeed. */
class LostConnection extends TelptyError {}

/** @throws TelptyError `ERR_SESSION_CLOSED` if the connection broke, or was aborted here. */
function finish({ errored, hangupReason }: Session, settings: ConnectSettings, isTls: boolean, hasLeft: boolean): void {
  const { host, port = 23 } = settings;
  if (isTls) throw new TelptyError('ERR_TLS', `${host} port ${port} speaks TLS; connect with --tls`);
  // (A server requests the end with LOGOUT.)
  if (hangupReason !== undefined && hangupReason !== 'logout') {
    const message = `the connection was closed: ${hangupReason.replaceAll('-', ' ')}`;
    if (hangupReason === 'keep-alive-timeout') throw new LostConnection('ERR_SESSION_CLOSED', message);
    throw new TelptyError('ERR_SESSION_CLOSED', message);
  }
  if (errored === null) return;
  // A server may check the client's certificate after the client has completed the handshake.
  if (isTlsError(errored)) throw tlsError(new TelptyError('ERR_TLS', '', { cause: errored }), settings);
  const Lost = hasLeft ? TelptyError : LostConnection;
  throw new Lost('ERR_SESSION_CLOSED', `the connection broke: ${errorText(errored)}`, { cause: errored });
}
