/** Warnings at the start about what a server exposes, and the refusal to run programs as root for the network. */
import { TelptyError } from '../../errors.ts';
import { formatAddress } from '../log/format.ts';
import type { Log } from '../log/log.ts';
import { isForOwnUser, isLoopback, type ServeSettings } from './settings.ts';
import type { StartupChecks } from './startup-checks.ts';

type Found = Pick<StartupChecks, 'user'>;

/** Facts about the server's process. */
interface Own {
  /** Its effective user. */
  readonly uid: number | undefined;
}

/** A listener that other machines can reach. */
interface Exposure {
  /** The option that makes it so, as the beginning of an error message. */
  readonly reason: string;
  readonly host: string;
  /** How they reach it, as the end of a sentence. */
  readonly how: string;
  readonly isProxied: boolean;
  readonly isWeb: boolean;
}

/** The listeners that other machines can reach. With a proxy they can reach loopback, too. */
function exposuresOf(host: string, { proxyProtocol, web, webTrust }: ServeSettings): Exposure[] {
  const exposures: Exposure[] = [];
  const add = (option: '--host' | '--web', where: string, proxies: readonly string[]) => {
    const isWeb = option === '--web';
    const trust = isWeb ? '--web-trust' : '--proxy-protocol';
    const browser = isWeb ? ' with a browser' : '';
    if (!isLoopback(where)) {
      const how = `to ${formatAddress(where, undefined)}${browser}`;
      exposures.push({
        ...{ host: where, how, isWeb },
        reason: `${option}: ${where} is not loopback`,
        isProxied: proxies.length > 0,
      });
    } else if (proxies.length > 0) {
      const how = `through the proxies ${proxies.join(', ')}${browser}`;
      const reason = `${trust}: the clients of the proxies are not of this machine`;
      exposures.push({ host: where, how, isWeb, reason, isProxied: true });
    }
  };
  add('--host', host, proxyProtocol);
  if (web !== undefined) add('--web', web.host, webTrust);
  return exposures;
}

/**
 * Refuses to run programs as root for clients from the network, unless `--allow-root-program` is given. On loopback
 * without proxies programs may run as root.
 *
 * @param host the address to listen on.
 * @throws TelptyError `ERR_USAGE`
 */
export function refuseRootProgram(host: string, settings: ServeSettings, found: Found, own?: Own): void {
  const way = exposuresOf(host, settings)[0]?.reason;
  if (way === undefined || settings.allowRootProgram || !runsAsRoot(settings, found, own)) return;
  const what = `${way}, and clients would get a program that runs as root`;
  throw new TelptyError(
    'ERR_USAGE',
    `${what}: name its user (--user), give each session one (--user-range), or use --allow-root-program`,
  );
}

/** Logs the risks of the settings, in one line for each kind of risk. */
export function logSecurityWarnings(settings: ServeSettings, found: Found, log: Pick<Log, 'warn'>): void {
  warnOfMissingGuards(settings.host, settings, found, log);
  warnOfSharedShell(settings.host, settings, log);
  warnOfLocalRootProgram(settings.host, settings, found, log);
  warnOfSharedPort(settings, found, log);
  warnOfRecordings(settings, found, log);
}

/** Warns if other machines can connect and guards are missing. */
export function warnOfMissingGuards(
  host: string,
  settings: ServeSettings,
  found: Found,
  log: Pick<Log, 'warn'>,
  own?: Own,
): void {
  for (const exposure of exposuresOf(host, settings)) {
    const missing = missingGuards(settings, exposure);
    if (runsAsRoot(settings, found, own)) missing.push('programs run as root (--user)');
    if (missing.length > 0) {
      log.warn({ host: exposure.host, missing }, `other machines can connect ${exposure.how}: ${missing.join('; ')}`);
    }
  }
}

/** Warns if a hosted program can take the port over: processes of one user can share it (SO_REUSEPORT). */
export function warnOfSharedPort(
  { reusePort, userRange }: ServeSettings,
  { user }: Found,
  log: Pick<Log, 'warn'>,
  { uid }: Own = { uid: process.geteuid?.() },
): void {
  if (!reusePort || userRange !== undefined || (user?.uid ?? uid) !== uid) return;
  const words =
    "the programs run as the server's own user, so any of them, or a process it leaves running, can listen on the port";
  log.warn(`--reuse-port: ${words} and take over its clients; run them as another user (--user)`);
}

/** Warns if programs can read the recordings, and if these contain passwords. */
export function warnOfRecordings(
  { record, recordInput, userRange }: ServeSettings,
  { user }: Found,
  log: Pick<Log, 'warn'>,
  { uid }: Own = { uid: process.geteuid?.() },
): void {
  if (record === undefined) return;
  if (recordInput) log.warn('--record-input: recordings contain everything that users type, passwords too');
  if (userRange !== undefined || (user?.uid ?? uid) !== uid) return;
  const words = "the programs run as the server's own user, so they can read, change and delete all recordings";
  log.warn(`--record: ${words}; run them as another user (--user)`);
}

/** Warns if the login shell is served to other users than its own. */
export function warnOfSharedShell(host: string, settings: ServeSettings, log: Pick<Log, 'warn'>): void {
  if (settings.program !== undefined || isForOwnUser(settings)) return;
  const who = hasOnlySocket(settings)
    ? 'every user who can connect to its UNIX socket'
    : exposuresOf(host, settings).length === 0
      ? 'every user of this machine'
      : 'everyone who can reach it';
  log.warn({ host }, `the login shell is served to ${who} (--local-user any)`);
}

/**
 * Warns if every local user gets a program that runs as root. In a container with no other user this is harmless, but
 * that cannot be determined: a container can share the network of its host, and with it the loopback addresses.
 * `--allow-root-program` confirms it.
 */
export function warnOfLocalRootProgram(
  host: string,
  settings: ServeSettings,
  found: Found,
  log: Pick<Log, 'warn'>,
  own?: Own,
): void {
  const { program, allowRootProgram } = settings;
  if (program === undefined || allowRootProgram || isForOwnUser(settings)) return;
  if (!runsAsRoot(settings, found, own) || (hasOnlySocket(settings) && !isOpenSocket(settings))) return;
  // That is refused, or is one of the missing guards.
  if (exposuresOf(host, settings).length > 0) return;
  const who = hasOnlySocket(settings) ? 'every user who can connect to the UNIX socket' : 'every user of this machine';
  const todo = 'name its user (--user), admit only root (--local-user same), or confirm it (--allow-root-program)';
  log.warn({ host }, `${who} gets a program that runs as root: ${todo}`);
}

/** Whether clients can connect to the UNIX socket only. */
function hasOnlySocket({ port, web }: ServeSettings): boolean {
  return port === 'none' && web === undefined;
}

/** Whether other users than the server's own and root may be able to connect to the UNIX socket. */
function isOpenSocket({ socket, socketMode }: ServeSettings): boolean {
  // The mode of an inherited socket is that of the service manager, and an abstract socket has none.
  return socket === undefined || socket.startsWith('@') || (socketMode & 0o022) !== 0;
}

function runsAsRoot({ userRange }: ServeSettings, { user }: Found, own: Own = { uid: process.geteuid?.() }): boolean {
  return userRange === undefined && (user?.uid ?? own.uid) === 0;
}

function missingGuards(settings: ServeSettings, { isProxied, isWeb }: Exposure): string[] {
  const { allow, maxPerIp, connectRate, robotCheck, webPassword, webUserHeader } = settings;
  const unless = isProxied ? ', unless the proxies speak TLS' : '';
  const hasUsers = isWeb && (webPassword !== undefined || webUserHeader !== undefined);
  const guarded = allow.length > 0 || maxPerIp > 0 || connectRate > 0 || robotCheck || hasUsers;
  return [
    ...(settings.tlsCert === undefined
      ? [`no encryption: input and output can be read on the network${unless} (--tls-cert)`]
      : []),
    ...(guarded ? [] : ['no guard against robots (--max-per-ip, --connect-rate, --robot-check, --allow)']),
  ];
}
