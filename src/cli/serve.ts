/** `telpty serve`: settings in, a running server out. */
import { statSync } from 'node:fs';
import { userInfo } from 'node:os';
import { resolve } from 'node:path';
import { TelptyError } from '../errors.ts';
import { addon, localeAvailable } from '../pty/binding.ts';
import { lookupUser, type User } from '../pty/index.ts';
import { createServer, type Server } from '../server.ts';
import { defaultLocale, requestedNames } from '../shells/environment.ts';
import { escapeText } from '../shells/escape.ts';
import { limit } from '../shells/limit.ts';
import { ptyShell } from '../shells/pty-shell.ts';
import { formatAddress } from './format.ts';
import { createLog, type Log } from './log.ts';
import { findProgram, loginShell, type ServedProgram } from './program.ts';
import { SessionLog } from './session-log.ts';
import type { ServeSettings } from './settings.ts';

/** Every C library has it without an installation. */
const spareLocale = 'C.UTF-8';

/** After the programs were killed: how long clients may take to read what they are owed, in milliseconds. */
const flushTimeout = 5_000;

/**
 * Serves until a signal says to stop.
 *
 * @returns once everything is over.
 * @throws TelptyError when it cannot start: `ERR_RUNTIME`, `ERR_PTY_UNSUPPORTED`.
 */
export async function serve(settings: ServeSettings): Promise<void> {
  const log = createLog({ level: settings.logLevel, format: settings.logFormat });
  const user = settings.user === undefined ? undefined : findUser(settings.user);
  const program = servedProgram(settings, user);
  const cwd = settings.cwd === undefined ? undefined : findDirectory(settings.cwd);
  // Without it every session would fail; better now than then.
  addon();
  const locale = availableLocale(settings, log);

  const sessionLog = new SessionLog(log, program.name);
  const shell = ptyShell(program.file, program.args, {
    mode: settings.mode,
    encoding: settings.encoding,
    term: settings.term,
    locale,
    negotiationTimeout: settings.negotiationTimeout,
    neverSendGa: settings.neverSendGa,
    cwd,
    env: settings.env,
    acceptEnv: settings.acceptEnv,
    sizeEnv: settings.sizeEnv,
    user,
    limits: settings.limits,
    killTimeout: settings.killTimeout,
    linger: settings.linger,
    argv0: program.argv0,
    ...sessionLog.hooks,
  });
  const { maxSessions, idleTimeout, sessionTimeout } = settings;
  const server = createServer({
    shell: limit({ maxSessions, idleTimeout, sessionTimeout }, shell),
    environ: requestedNames(settings),
    encoding: settings.encoding,
  });
  server.on('session', session => sessionLog.connected(session));
  server.on('sessionEnd', (session, outcome) => sessionLog.ended(session, outcome));
  server.on('error', error => log.error(`listener: ${escapeText(error.message, 200)}`));

  const stop = stopSignal();
  await listen(server, settings, program, log);
  const signal = await stop;
  const { size } = server.sessions;
  log.info(`stopping: ${signal}, ${size} session${size === 1 ? '' : 's'}`);
  await server.shutdown({ timeout: settings.killTimeout + flushTimeout });
}

async function listen(server: Server, settings: ServeSettings, program: ServedProgram, log: Log): Promise<void> {
  const { host, port } = settings;
  let bound: { address: string; port: number };
  try {
    bound = await server.listen({ host, port });
  } catch (error) {
    throw listenError(error, formatAddress(host, port), host);
  }
  process.stdout.write(`listening telnet://${formatAddress(bound.address, bound.port)}\n`);
  log.info(
    { program: program.file, ...bound },
    `serving ${escapeText(program.file)}; connect with: ${connectHint(bound)}`,
  );
}

/** The command that reaches the listener; one on all addresses is reached by any, so by loopback too. */
function connectHint({ address, port }: { address: string; port: number }): string {
  const host = address === '0.0.0.0' ? '127.0.0.1' : address === '::' ? '::1' : address;
  return `telnet ${host} ${port}`;
}

function listenError(error: unknown, endpoint: string, host: string): unknown {
  const { code } = error as NodeJS.ErrnoException;
  const reasons: Readonly<Record<string, string>> = {
    EADDRINUSE: `--port: ${endpoint} is already in use (choose another port)`,
    EACCES: `--port: no permission to listen on ${endpoint} (ports below 1024 need a privilege)`,
    EADDRNOTAVAIL: `--host: ${host} is not an address of this machine`,
    ENOTFOUND: `--host: there is no host ${host}`,
    EAI_AGAIN: `--host: cannot look up ${host}`,
    EAFNOSUPPORT: `--host: this machine does not speak the protocol of ${host}`,
    EINVAL: `--host: cannot listen on ${endpoint}`,
  };
  const message = code === undefined ? undefined : reasons[code];
  return message === undefined ? error : new TelptyError('ERR_RUNTIME', message, { cause: error, errno: code ?? '' });
}

function findUser(name: string): User {
  let user: User;
  try {
    user = lookupUser(name);
  } catch (error) {
    if (!(error instanceof TelptyError)) throw error;
    throw new TelptyError('ERR_RUNTIME', `--user: ${error.message}`, { cause: error });
  }
  const own = process.geteuid?.();
  if (own !== 0 && own !== user.uid) {
    throw new TelptyError('ERR_RUNTIME', `--user: only root can run programs as ${escapeText(name)}`);
  }
  return user;
}

function servedProgram(settings: ServeSettings, user: User | undefined): ServedProgram {
  if (settings.program === undefined) return loginShell(user ? user.shell : userInfo().shell);
  return findProgram(settings.program.name, settings.program.args, { path: process.env.PATH });
}

function findDirectory(name: string): string {
  const directory = resolve(name);
  if (statSync(directory, { throwIfNoEntry: false })?.isDirectory()) return directory;
  throw new TelptyError('ERR_RUNTIME', `--cwd: there is no directory '${escapeText(name)}'`, { file: directory });
}

/**
 * A locale that is not installed is no error to a program: it falls back to C, and every ä becomes a question mark. For
 * the shell of whoever tries telpty, which would complain at length, the one that needs no installing is taken instead;
 * an operator who names a program has a say in its locale, and is told.
 */
function availableLocale(settings: ServeSettings, log: Log): string | undefined {
  if (Object.hasOwn(settings.env, 'LANG') || Object.hasOwn(settings.env, 'LC_ALL')) return undefined;
  const name = defaultLocale(undefined, settings.encoding);
  if (localeAvailable(name)) return undefined;
  if (settings.program === undefined && localeAvailable(spareLocale)) return spareLocale;
  log.warn(`the locale ${name} is not installed, so programs will use C: install it, or say --env LANG=${spareLocale}`);
  return undefined;
}

/** Settles with the name of the first signal to stop; a second one ends the process at once. */
function stopSignal(): Promise<string> {
  return new Promise(resolve => {
    let stopping = false;
    const stop = (signal: string) => {
      if (stopping) process.exit(1);
      stopping = true;
      resolve(signal);
    };
    process.on('SIGTERM', stop);
    process.on('SIGINT', stop);
    process.on('SIGHUP', stop);
  });
}
