/** Who can reach the server, and what stands between them and the machine. */
import { TelptyError } from '../errors.ts';
import type { Log } from './log.ts';
import type { Preparation } from './preparation.ts';
import { isForOwnUser, isLoopback, type ServeSettings } from './settings.ts';

type Found = Pick<Preparation, 'user'>;

/** What is asked about the process. */
interface Own {
  /** Its effective user. */
  readonly uid: number | undefined;
}

/**
 * Refuses to run programs as root for whoever comes over the network, unless that was asked for by name. On loopback it is
 * the operator's own affair.
 *
 * @param host where is going to be listened.
 * @throws TelptyError `ERR_USAGE`
 */
export function refuseRootProgram(host: string, settings: ServeSettings, found: Found, own?: Own): void {
  if (isLoopback(host) || settings.allowRootProgram || !runsAsRoot(found, own)) return;
  const what = `--host: ${host} is not loopback, and whoever connects would have a program that runs as root`;
  throw new TelptyError('ERR_USAGE', `${what}: name its user (--user), or say --allow-root-program`);
}

/** Warns in one line of what is missing where others than this machine can connect. */
export function warnOfExposure(
  host: string,
  settings: ServeSettings,
  found: Found,
  log: Pick<Log, 'warn'>,
  own?: Own,
): void {
  if (isLoopback(host)) return;
  const missing = missingGuards(settings);
  if (runsAsRoot(found, own)) missing.push('no user of their own for the programs, which run as root (--user)');
  if (missing.length > 0) log.warn({ host, missing }, `others can connect to ${host}: ${missing.join('; ')}`);
}

/** Warns in one line where the login shell is served to others than its own user. */
export function warnOfSharedShell(host: string, settings: ServeSettings, log: Pick<Log, 'warn'>): void {
  if (settings.program !== undefined || isForOwnUser(settings)) return;
  const who = isLoopback(host) ? 'every user of this machine' : 'everyone who can reach it';
  log.warn({ host }, `the login shell is served to ${who} (--local-user any)`);
}

function runsAsRoot({ user }: Found, own: Own = { uid: process.geteuid?.() }): boolean {
  return (user?.uid ?? own.uid) === 0;
}

function missingGuards(settings: ServeSettings): string[] {
  const { allow, maxPerIp, connectRate, robotCheck } = settings;
  const guarded = allow.length > 0 || maxPerIp > 0 || connectRate > 0 || robotCheck;
  return [
    ...(settings.tlsCert === undefined ? ['no encryption, what is typed can be read on its way (--tls-cert)'] : []),
    ...(guarded ? [] : ['no guard against robots (--max-per-ip, --connect-rate, --robot-check, --allow)']),
  ];
}
