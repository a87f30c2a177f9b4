/** Who can reach the server, and what stands between them and the machine. */
import { TelptyError } from '../../errors.ts';
import { formatAddress } from '../log/format.ts';
import type { Log } from '../log/log.ts';
import { isForOwnUser, isLoopback, type ServeSettings } from './settings.ts';
import type { Preparation } from './startup-checks.ts';

type Found = Pick<Preparation, 'user'>;

/** What is asked about the process. */
interface Own {
  /** Its effective user. */
  readonly uid: number | undefined;
}

/**
 * By which way others than this machine can connect, as an error begins with it; undefined where they cannot. A proxy brings
 * them to loopback, too.
 */
function wayIn(host: string, { proxyProtocol }: ServeSettings): string | undefined {
  if (!isLoopback(host)) return `--host: ${host} is not loopback`;
  return proxyProtocol.length > 0 ? '--proxy-protocol: the clients of the proxies are not of this machine' : undefined;
}

/**
 * Refuses to run programs as root for whoever comes over the network, unless that was asked for by name. On loopback, without
 * proxies, it is the operator's own affair.
 *
 * @param host where is going to be listened.
 * @throws TelptyError `ERR_USAGE`
 */
export function refuseRootProgram(host: string, settings: ServeSettings, found: Found, own?: Own): void {
  const way = wayIn(host, settings);
  if (way === undefined || settings.allowRootProgram || !runsAsRoot(settings, found, own)) return;
  const what = `${way}, and whoever connects would have a program that runs as root`;
  throw new TelptyError(
    'ERR_USAGE',
    `${what}: name its user (--user), give each session one (--user-range), or say --allow-root-program`,
  );
}

/** Warns in one line of what is missing where others than this machine can connect. */
export function warnOfExposure(
  host: string,
  settings: ServeSettings,
  found: Found,
  log: Pick<Log, 'warn'>,
  own?: Own,
): void {
  if (wayIn(host, settings) === undefined) return;
  const missing = missingGuards(settings);
  if (runsAsRoot(settings, found, own))
    missing.push('no user of their own for the programs, which run as root (--user)');
  if (missing.length > 0)
    log.warn({ host, missing }, `others can connect ${pathOf(host, settings)}: ${missing.join('; ')}`);
}

function pathOf(host: string, { proxyProtocol }: ServeSettings): string {
  return isLoopback(host) ? `through the proxies ${proxyProtocol.join(', ')}` : `to ${formatAddress(host, undefined)}`;
}

/** Warns in one line where a hosted program can take the port over: those of one user share it (SO_REUSEPORT). */
export function warnOfSharedPort(
  { reusePort, userRange }: ServeSettings,
  { user }: Found,
  log: Pick<Log, 'warn'>,
  { uid }: Own = { uid: process.geteuid?.() },
): void {
  if (!reusePort || userRange !== undefined || (user?.uid ?? uid) !== uid) return;
  const words =
    "the programs run as the server's own user, so any of them, or what it leaves behind, can listen on the port";
  log.warn(`--reuse-port: ${words} and take its clients: name another user for them (--user)`);
}

/** Warns in one line where the login shell is served to others than its own user. */
export function warnOfSharedShell(host: string, settings: ServeSettings, log: Pick<Log, 'warn'>): void {
  if (settings.program !== undefined || isForOwnUser(settings)) return;
  const who =
    settings.port === 'none'
      ? 'every user who can connect to its UNIX socket'
      : wayIn(host, settings) === undefined
        ? 'every user of this machine'
        : 'everyone who can reach it';
  log.warn({ host }, `the login shell is served to ${who} (--local-user any)`);
}

function runsAsRoot({ userRange }: ServeSettings, { user }: Found, own: Own = { uid: process.geteuid?.() }): boolean {
  return userRange === undefined && (user?.uid ?? own.uid) === 0;
}

function missingGuards(settings: ServeSettings): string[] {
  const { allow, maxPerIp, connectRate, robotCheck, proxyProtocol } = settings;
  const unless = proxyProtocol.length > 0 ? ', unless the proxies speak TLS' : '';
  const guarded = allow.length > 0 || maxPerIp > 0 || connectRate > 0 || robotCheck;
  return [
    ...(settings.tlsCert === undefined
      ? [`no encryption, what is typed can be read on its way${unless} (--tls-cert)`]
      : []),
    ...(guarded ? [] : ['no guard against robots (--max-per-ip, --connect-rate, --robot-check, --allow)']),
  ];
}
