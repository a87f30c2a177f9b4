/** What has to be found and checked before anything can be served; so that an error shows at once, not at each session. */
import { statSync } from 'node:fs';
import { getPriority, setPriority } from 'node:os';
import { resolve } from 'node:path';
import { TelptyError } from '../errors.ts';
import { addon, localeAvailable } from '../pty/binding.ts';
import { removeOrphans } from '../pty/cgroup.ts';
import { prepareCgroup } from '../pty/cgroup-place.ts';
import { lookupUser, ownUser, type User } from '../pty/users.ts';
import { defaultLocale } from '../shells/environment.ts';
import { escapeText } from '../shells/escape.ts';
import type { Log } from './log.ts';
import { findProgram, loginShell, type ServedProgram } from './program.ts';
import { isForOwnUser, noSameUser, type ServeSettings } from './settings.ts';
import { warnOfDescriptors } from './shortage.ts';
import { usage } from './values.ts';

/** Every C library has it without an installation. */
const spareLocale = 'C.UTF-8';

/** What the settings name, found. Plain data: it can be sent to another process. */
export interface Preparation {
  readonly program: ServedProgram;
  readonly user: User | undefined;
  /** Absolute. */
  readonly cwd: string | undefined;
  readonly locale: string | undefined;
  /** Absolute, and good for sharing out among programs. */
  readonly cgroup: string | undefined;
}

/** @throws TelptyError for what is missing: `ERR_RUNTIME`, `ERR_PTY_UNSUPPORTED`. */
export function prepare(settings: ServeSettings, log: Log): Preparation {
  const user = settings.user === undefined ? undefined : findUser(settings.user);
  checkPrivileges(settings);
  checkLocalUser(settings);
  const program = servedProgram(settings, user);
  const cwd = settings.cwd === undefined ? undefined : findDirectory(settings.cwd);
  // Without it every session would fail; better now than then.
  addon();
  warnOfDescriptors(settings, log);
  const cgroup = settings.cgroup === undefined ? undefined : findCgroup(settings.cgroup, settings);
  return { program, user, cwd, locale: availableLocale(settings, log), cgroup };
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

/** What would else fail at each start. */
function checkPrivileges({ nice, noNewPrivs }: ServeSettings): void {
  if (noNewPrivs && process.platform !== 'linux') {
    throw new TelptyError('ERR_RUNTIME', '--no-new-privs: only Linux has it');
  }
  const own = getPriority();
  if (nice === undefined || nice >= own) return;
  try {
    // Whether one may is a matter of user, capabilities and limits; so it is tried. The way back is always open.
    setPriority(nice);
    setPriority(own);
  } catch (error) {
    const message = `--nice: only root can run programs at ${nice}, the server has ${own}`;
    throw new TelptyError('ERR_RUNTIME', message, { cause: error });
  }
}

function checkLocalUser(settings: ServeSettings): void {
  if (!isForOwnUser(settings) || process.platform === 'linux') return;
  const words = 'this system does not say whose a connection is';
  throw usage(`--local-user same: ${noSameUser(words, settings)}`);
}

/** And what servers that were killed have left in it goes. */
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
  if (settings.program === undefined) return loginShell((user ?? ownUser()).shell);
  return findProgram(settings.program.name, settings.program.args, { path: process.env.PATH });
}

function findDirectory(name: string): string {
  const directory = resolve(name);
  const fail = (why: string, cause?: unknown) =>
    new TelptyError('ERR_RUNTIME', `--cwd: ${why} '${escapeText(name)}'`, { file: directory, cause });
  try {
    if (statSync(directory, { throwIfNoEntry: false })?.isDirectory()) return directory;
  } catch (cause) {
    throw fail(`cannot use (${(cause as NodeJS.ErrnoException).code})`, cause);
  }
  throw fail('there is no directory');
}

/**
 * A locale that is not installed is no error to a program: it falls back to C, and every ä becomes a question mark. For
 * the shell of whoever tries telpty, which would complain at length, the one that needs no installing is taken instead;
 * an operator who names a program has a say in its locale, and is told.
 */
function availableLocale(settings: ServeSettings, log: Log): string | undefined {
  if (Object.hasOwn(settings.env, 'LANG') || Object.hasOwn(settings.env, 'LC_ALL')) return undefined;
  const { encoding, programEncoding } = settings;
  const name = defaultLocale(undefined, programEncoding === 'client' ? encoding : programEncoding);
  if (localeAvailable(name)) return undefined;
  if (settings.program === undefined && localeAvailable(spareLocale)) return spareLocale;
  log.warn(`the locale ${name} is not installed, so programs will use C: install it, or say --env LANG=${spareLocale}`);
  return undefined;
}
