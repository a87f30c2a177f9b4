/** Checks before the server starts, so that errors appear at once and not in each session. */
import { closeSync, constants, openSync, statSync } from 'node:fs';
import { getPriority, setPriority } from 'node:os';
import { resolve } from 'node:path';
import { localeCodeset } from '../../charset/index.ts';
import { TelptyError } from '../../errors.ts';
import { addon } from '../../native/load.ts';
import { errorText } from '../../native/system-error.ts';
import { removeOrphans } from '../../pty/cgroup/cgroup.ts';
import { prepareCgroup } from '../../pty/cgroup/place.ts';
import { openProblem } from '../../pty/start-result.ts';
import { checkRange, type UserIdRange } from '../../pty/user-range.ts';
import { lookupUser, ownUser, type User } from '../../pty/users.ts';
import { prepareDirectory } from '../../recording/writing/recording-directory.ts';
import { C_LOCALE, firstCharset, installedLocale } from '../../shells/environment/locale-names.ts';
import { InstalledLocales } from '../../shells/environment/locales.ts';
import { escapeText } from '../../shells/output/escape.ts';
import type { Log } from '../log/log.ts';
import { usage } from '../options/usage.ts';
import { warnOfDescriptors } from '../system/descriptor-exhaustion.ts';
import { checkWebPasswords } from '../web/passwords.ts';
import { findProgram, loginShell, type ServedProgram } from './program.ts';
import { isForOwnUser, noSameUser, type ServeSettings } from './settings.ts';

/** The results of the checks: what the settings name. Plain data, so it can be sent to another process. */
export interface StartupChecks {
  readonly program: ServedProgram;
  readonly user: User | undefined;
  /** Absolute. */
  readonly cwd: string | undefined;
  /** Absolute; cgroups of programs can be created in it. */
  readonly cgroup: string | undefined;
  /** Absolute; only the user of this process can use it. */
  readonly recordings: string | undefined;
}

/** @throws TelptyError if something is missing: `ERR_RUNTIME`, `ERR_PTY_UNSUPPORTED`. */
export function runStartupChecks(settings: ServeSettings, log: Log): StartupChecks {
  const found = findNamed(settings);
  // Without the addon every session would fail.
  addon();
  checkTerminals();
  warnOfDescriptors(settings, log);
  const cgroup = settings.cgroup === undefined ? undefined : findCgroup(settings.cgroup, settings);
  warnOfLocale(settings, log);
  const recordings = settings.record === undefined ? undefined : findRecordings(settings.record);
  return { ...found, cgroup, recordings };
}

/** Looks up what the settings name, and changes nothing. @throws TelptyError if something is missing: `ERR_RUNTIME`. */
export function findNamed(settings: ServeSettings): Pick<StartupChecks, 'program' | 'user' | 'cwd'> {
  const user = settings.user === undefined ? undefined : findUser(settings.user);
  checkPrivileges(settings);
  checkLocalUser(settings);
  if (settings.userRange !== undefined) checkUserRange(settings.userRange);
  checkWebPasswords(settings);
  const program = servedProgram(settings, user);
  const cwd = settings.cwd === undefined ? undefined : findDirectory(settings.cwd);
  return { program, user, cwd };
}

/** What may be missing only for the moment. A session that finds it missing reports it. */
const SHORTAGES: ReadonlySet<string> = new Set(['ENOSPC', 'EMFILE', 'ENFILE', 'ENOMEM', 'EAGAIN']);

/** Opens a pseudo-terminal. Containers and chroots without devpts are common. */
function checkTerminals(): void {
  if (process.platform !== 'linux') return;
  try {
    closeSync(openSync('/dev/ptmx', constants.O_RDWR | constants.O_NOCTTY));
  } catch (cause) {
    const { code = '' } = cause as NodeJS.ErrnoException;
    if (SHORTAGES.has(code)) return;
    const words = `cannot open a pseudo-terminal: ${openProblem(code) ?? errorText(cause)}`;
    throw new TelptyError('ERR_RUNTIME', words, { file: '/dev/ptmx', cause });
  }
}

function findUser(name: string): User {
  let user: User;
  try {
    user = lookupUser(name);
  } catch (error) {
    if (!(error instanceof TelptyError)) throw error;
    throw new TelptyError('ERR_RUNTIME', `--user: ${escapeText(error.message, 200)}`, { cause: error });
  }
  const own = process.geteuid?.();
  if (own !== 0 && own !== user.uid) {
    throw new TelptyError('ERR_RUNTIME', `--user: only root can run programs as ${escapeText(name)}`);
  }
  return user;
}

function checkUserRange(range: UserIdRange): void {
  try {
    checkRange(range);
  } catch (error) {
    if (!(error instanceof TelptyError)) throw error;
    const message = `--user-range: ${range.from}-${range.to}: ${escapeText(error.message, 200)}`;
    throw new TelptyError('ERR_RUNTIME', message, { cause: error });
  }
}

/** Checks privileges whose lack would make each start of a program fail. */
function checkPrivileges({ nice, noNewPrivs }: ServeSettings): void {
  if (noNewPrivs && process.platform !== 'linux') {
    throw new TelptyError('ERR_RUNTIME', '--no-new-privs: supported on Linux only');
  }
  const own = getPriority();
  if (nice === undefined || nice >= own) return;
  try {
    // Permission depends on user, capabilities and limits, so this tries it. Lowering the priority again is always
    // permitted.
    setPriority(nice);
    setPriority(own);
  } catch (error) {
    const message = `--nice: only root can run programs at ${nice}, the server has ${own}`;
    throw new TelptyError('ERR_RUNTIME', message, { cause: error });
  }
}

function checkLocalUser(settings: ServeSettings): void {
  // Every system reports the user of a connection to a UNIX socket.
  if (!isForOwnUser(settings) || process.platform === 'linux' || settings.port === 'none') return;
  const words = 'this system does not report the user of a connection';
  throw usage(`--local-user same: ${noSameUser(words, settings)}`);
}

function findRecordings(name: string): string {
  try {
    return prepareDirectory(name);
  } catch (error) {
    if (!(error instanceof TelptyError)) throw error;
    throw new TelptyError('ERR_RUNTIME', `--record: ${error.message}`, { cause: error });
  }
}

/** Prepares the cgroup, and removes the cgroups that killed servers have left in it. */
function findCgroup(name: string, { cgroupLimits }: ServeSettings): string {
  try {
    const path = prepareCgroup(name, cgroupLimits);
    void removeOrphans(path);
    return path;
  } catch (error) {
    if (!(error instanceof TelptyError)) throw error;
    throw new TelptyError('ERR_RUNTIME', `--cgroup: ${escapeText(error.message, 400)}`, { cause: error });
  }
}

function servedProgram(settings: ServeSettings, user: User | undefined): ServedProgram {
  if (settings.program === undefined) {
    // A user id of a range has no shell of its own.
    return loginShell(settings.userRange === undefined ? (user ?? ownUser()).shell : null);
  }
  return findProgram(settings.program.name, settings.program.args, { path: process.env.PATH });
}

function findDirectory(name: string): string {
  const directory = resolve(name);
  const fail = (why: string, cause?: unknown) =>
    new TelptyError('ERR_RUNTIME', `--cwd: ${why} '${escapeText(name)}'`, { file: directory, cause });
  try {
    if (statSync(directory, { throwIfNoEntry: false })?.isDirectory()) return directory;
  } catch (cause) {
    const isLoop = (cause as NodeJS.ErrnoException).code === 'ELOOP';
    throw fail(isLoop ? 'its symbolic links form a loop:' : `cannot be used (${errorText(cause)}):`, cause);
  }
  throw fail('there is no directory');
}

/** Without a locale for the character set of most clients, programs show a question mark for every ä. */
function warnOfLocale({ env, encoding, programEncoding }: ServeSettings, log: Log): void {
  if (Object.hasOwn(env, 'LANG') || Object.hasOwn(env, 'LC_ALL')) return;
  const charset = firstCharset(programEncoding === 'client' ? encoding : programEncoding);
  // A set without a locale, or one that the C locale covers.
  if (charset === 'US-ASCII' || localeCodeset(charset) === undefined) return;
  if (installedLocale(charset, new InstalledLocales(env.LOCPATH)) !== C_LOCALE) return;
  log.warn(`no locale in ${charset} is installed, so programs use C: install one, or set --env LANG=NAME`);
}
