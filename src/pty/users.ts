/** Users of the system, by name. */
import { userInfo } from 'node:os';
import { TelptyError } from '../errors.ts';
import type { User } from '../native/addon.ts';
import { addon } from '../native/load.ts';
import { systemError } from '../native/system-error.ts';

export type { User };

/**
 * Looks a user up in the system's database. This blocks until the database answers: do it once, when a server starts,
 * not for every session.
 *
 * @param name a login name, or a user id as a number.
 * @returns the user; `groups` holds all groups, including the primary one.
 * @throws TelptyError `ERR_UNKNOWN_USER` if the user does not exist, `ERR_INVALID_ARGUMENT` for an invalid name.
 */
export function lookupUser(name: string | number): User {
  const ok =
    typeof name === 'string'
      ? name !== '' && !name.includes('\0')
      : Number.isInteger(name) && name >= 0 && name < 0xffff_ffff;
  if (!ok) throw new TelptyError('ERR_INVALID_ARGUMENT', 'a user must be a name or a user id');
  const found = addon().lookupUser(name);
  if (typeof found !== 'number') return found;
  if (found === 0) throw new TelptyError('ERR_UNKNOWN_USER', `unknown user '${name}'`, { file: String(name) });
  const error = systemError(-found);
  throw new TelptyError('ERR_UNKNOWN_USER', `cannot look up user '${name}': ${error.text}`, {
    systemCode: error.name,
    errno: found,
    file: String(name),
  });
}

/** Names that were looked up: a lookup may take long, and a machine has few users. */
const names = new Map<number, string>();
const MOST_NAMES = 1_000;

/** A user's login name; the number if the database does not have the user, or does not answer. */
export function userName(uid: number): string {
  let name = names.get(uid);
  if (name === undefined) {
    const found = addon().lookupUser(uid);
    name = typeof found === 'number' ? String(uid) : found.name;
    if (names.size >= MOST_NAMES) names.clear();
    names.set(uid, name);
  }
  return name;
}

/** The user in a program's environment. */
export interface OwnUser {
  readonly name: string;
  readonly home: string;
  readonly shell: string;
  readonly uid: number;
}

/**
 * The user that this process runs as. In a container the user id may be missing in the database: then the home is `/`.
 */
export function ownUser(): OwnUser {
  try {
    const { username, homedir, shell, uid } = userInfo();
    return { name: username, home: homedir, shell: shell ?? '/bin/sh', uid };
  } catch {
    const uid = process.geteuid?.() ?? -1;
    return { name: String(uid), home: '/', shell: '/bin/sh', uid };
  }
}
