/**
 * A separate user id for each session, from a range that is not used otherwise. Programs of different sessions can then
 * neither signal nor trace each other, nor open each other's terminals, and the kernel's limits per user apply to one
 * session.
 *
 * An id is assigned to one session at a time. When the session has ended, all processes of the id are killed (see
 * native/process/user_kill.c), and the id is assigned again only when none is left. Ids that have processes of unknown
 * origin, of a server that was killed for example, are not assigned.
 */
import { readFileSync } from 'node:fs';
import { readdir, readFile } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { TelptyError } from '../errors.ts';
import type { User } from '../native/addon.ts';
import { addon } from '../native/load.ts';

/** Time limit for killed processes to end, in ms; only one that is stuck in the kernel takes longer. */
const MAX_WAIT_MS = 2_000;
/** Intervals between two checks, in ms: short at first, since most processes end at once. */
const FIRST_LOOK = 2;
const SLOWEST_LOOK = 100;
/** After this time, in ms, zombies are distinguished from running processes. */
const USUAL = 50;
/** Interval, in ms, after which ids that had processes are checked again. */
const RECHECK = 1_000;
/** More ids than any server has sessions. */
const MOST_IDS = 65_536;
/** root, the user `nobody` (also the id of unmapped users), and -1 in 16 and 32 bits. */
const NEVER = [0, 65_534, 65_535, 0xffff_ffff];

/** User ids from `from` to `to`, both included. */
export interface UserIdRange {
  readonly from: number;
  readonly to: number;
}

function fail(message: string, file?: string): TelptyError {
  return new TelptyError('ERR_USER_RANGE', message, file === undefined ? {} : { file });
}

/**
 * Checks whether the numbers of a range are valid.
 *
 * @returns the error text, `undefined` if it is valid.
 */
export function problemOfRange({ from, to }: UserIdRange): string | undefined {
  for (const id of [from, to])
    if (!Number.isInteger(id) || id < 0 || id > 0xffff_ffff) return `${id} is not a user id (1 to 4294967294)`;
  if (from > to) return `${from} is above ${to}; write the lower user id first`;
  const never = NEVER.find(id => from <= id && id <= to);
  if (never !== undefined)
    return `it contains ${never}, which ${never === 0 ? 'is root' : 'is reserved'}; choose another range`;
  if (to - from >= MOST_IDS) return `it has ${to - from + 1} user ids, more than ${MOST_IDS}; choose a smaller range`;
  return undefined;
}

/**
 * Checks a range against the system.
 *
 * @throws TelptyError `ERR_USER_RANGE`.
 */
export function checkRange(range: UserIdRange): void {
  const { from, to } = range;
  const problem = problemOfRange(range);
  if (problem !== undefined) throw fail(problem);
  if (process.platform !== 'linux') throw fail('user ids for sessions are supported on Linux only');
  const own = process.geteuid!();
  if (own !== 0) throw fail('only root can run programs as other users');
  // The same numbers are used as group ids.
  const named = addon().namedId(from, to);
  if (named !== undefined)
    throw fail(`it contains ${named.id}, the ${named.kind} ${named.name}; choose ids without a name`, named.name);
  for (const file of ['/etc/subuid', '/etc/subgid']) {
    const owner = subordinateOwner(readText(file), range);
    // The owner of subordinate ids can become each of them (newuidmap), and signal the session that has it.
    if (owner !== undefined) throw fail(`it contains subordinate ids of ${owner} (${file}); choose other ids`, file);
  }
}

/** @internal The owner of subordinate ids in the range: lines `NAME:FIRST:COUNT`. */
export function subordinateOwner(text: string, { from, to }: UserIdRange): string | undefined {
  for (const line of text.split('\n')) {
    const [name, first, count] = line.split(':');
    if (Number(first) <= to && Number(first) + Number(count) > from) return name;
  }
  return undefined;
}

function readText(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    return '';
  }
}

/** The source of ids: a {@link UserIds} of this process, or of another. */
export interface UserIdSource {
  /** An id that has no process; `undefined` if all are taken. */
  take(): Promise<number | undefined>;
  /** Returns it to the source. @param isFree whether it has no process any more. */
  leave(uid: number, isFree: boolean): void;
}

/** Assigns the ids of a range, each to one session at a time. */
export class UserIds implements UserIdSource {
  readonly #range: UserIdRange;
  readonly #taken = new Set<number>();
  /** Ids with processes of unknown origin, or processes that cannot be killed. */
  readonly #avoided = new Set<number>();
  /** The time of their last check. */
  #looked = Number.NEGATIVE_INFINITY;
  /**
   * The next id to try. Files that a session leaves behind have its id, so the id that was used last is tried last.
   */
  #at: number;

  constructor(range: UserIdRange) {
    this.#range = range;
    this.#at = range.from + Math.floor(Math.random() * this.#size);
  }

  get #size(): number {
    return this.#range.to - this.#range.from + 1;
  }

  /** Ids that have a process now, and are therefore not assigned. */
  findBusy(): number[] {
    for (let uid = this.#range.from; uid <= this.#range.to; uid++) {
      if (!this.#taken.has(uid) && addon().isUserBusy(uid)) this.#avoided.add(uid);
    }
    return [...this.#avoided];
  }

  async take(): Promise<number | undefined> {
    for (;;) {
      const uid = this.#next() ?? (await this.#nextAgain());
      if (uid === undefined) return undefined;
      this.#taken.add(uid);
      // Zombies are harmless, and a parent may take a long time to reap them.
      if (!addon().isUserBusy(uid) || (await hasOnlyZombies(uid))) return uid;
      this.#taken.delete(uid);
      this.#avoided.add(uid);
    }
  }

  leave(uid: number, isFree: boolean): void {
    if (this.#taken.delete(uid) && !isFree) this.#avoided.add(uid);
  }

  #next(): number | undefined {
    while (this.#taken.size + this.#avoided.size < this.#size) {
      const uid = this.#at;
      this.#at = uid === this.#range.to ? this.#range.from : uid + 1;
      if (!this.#taken.has(uid) && !this.#avoided.has(uid)) return uid;
    }
    return undefined;
  }

  /** Checks which of the avoided ids have no process any more, at most once per {@link RECHECK}. */
  async #nextAgain(): Promise<number | undefined> {
    if (this.#avoided.size === 0 || performance.now() - this.#looked < RECHECK) return undefined;
    this.#looked = performance.now();
    const users = await usersAlive();
    for (const uid of this.#avoided) {
      if (!addon().isUserBusy(uid) || users.get(uid) === false) this.#avoided.delete(uid);
    }
    return this.#next();
  }
}

/**
 * Kills all processes of a user id and waits for their end.
 *
 * @returns whether none is left; false if one is stuck in the kernel. Never rejects.
 */
export async function endUser(uid: number): Promise<boolean> {
  const begin = performance.now();
  for (let pause = FIRST_LOOK; ; pause = Math.min(pause * 2, SLOWEST_LOOK)) {
    if (!addon().isUserBusy(uid)) return true;
    const time = performance.now() - begin;
    // isUserBusy() counts zombies, which their parent must reap, not the server.
    if (time > USUAL && (await hasOnlyZombies(uid))) return true;
    if (time > MAX_WAIT_MS) return false;
    await addon().killUser(uid);
    if (!addon().isUserBusy(uid)) return true;
    await sleep(pause);
  }
}

/** Whether a user that has processes has only zombies. False where the processes cannot be seen (hidepid). */
async function hasOnlyZombies(uid: number): Promise<boolean> {
  return (await usersAlive()).get(uid) === false;
}

/** Users that have processes, and whether any of these is not a zombie. */
type UsersAlive = ReadonlyMap<number, boolean>;

let running: Promise<UsersAlive> | undefined;
let following: Promise<UsersAlive> | undefined;

/** A list that was begun after the call. While one list is being made, callers share the next one. */
function usersAlive(): Promise<UsersAlive> {
  if (running === undefined) {
    running = listUsers().finally(() => {
      running = undefined;
    });
    return running;
  }
  following ??= running.then(() => {
    following = undefined;
    return usersAlive();
  });
  return following;
}

async function listUsers(): Promise<UsersAlive> {
  const users = new Map<number, boolean>();
  const names = await readdir('/proc').catch(() => []);
  for (const name of names) {
    if (!/^\d+$/.test(name)) continue;
    const status = await readFile(`/proc/${name}/status`, 'latin1').catch(() => '');
    // A process whose first thread has ended looks like a zombie while it has others.
    const isZombie = /^State:\s*[ZX]/m.test(status) && !/^Threads:\s*(?:[2-9]|\d{2,})/m.test(status);
    // The real, effective, saved and file system ids.
    for (const id of /^Uid:\s*(.*)$/m.exec(status)?.[1]?.split(/\s+/) ?? [])
      users.set(Number(id), users.get(Number(id)) === true || !isZombie);
  }
  return users;
}

/** The ids in use by this process. */
const open = new Set<number>();
let atExit = false;

/** process.exit() and uncaught errors do not wait for promises. */
function killAtExit(): void {
  if (atExit) return;
  atExit = true;
  process.once('exit', () => {
    for (const uid of open) addon().killUserNow(uid);
  });
}

/** The user of one session. */
export class RangeUser {
  /** The user to run as: `user` of {@link PtyOptions}. */
  readonly user: User;
  readonly #leave: (uid: number, isFree: boolean) => void;
  #end: Promise<void> | undefined;

  /** @internal See {@link UserRange.take}. */
  constructor(uid: number, leave: (uid: number, isFree: boolean) => void) {
    // No database has this user; the values are those of `ownUser`.
    this.user = { name: String(uid), uid, gid: uid, home: '/', shell: '/bin/sh', groups: [] };
    this.#leave = leave;
    open.add(uid);
  }

  /**
   * Kills all processes of the user, in any session, and releases the id. Never rejects: an id whose processes cannot
   * be killed, because one is stuck in the kernel, is not assigned again before they have ended.
   */
  end(): Promise<void> {
    this.#end ??= this.#kill();
    return this.#end;
  }

  async #kill(): Promise<void> {
    const { uid } = this.user;
    const isFree = await endUser(uid);
    open.delete(uid);
    this.#leave(uid, isFree);
  }
}

/** A range of user ids, one for each program: the value of `userRange` of `ptyShell`. */
export class UserRange {
  readonly #source: UserIdSource;

  /** @internal See {@link openUserRange}. */
  constructor(source: UserIdSource) {
    this.#source = source;
    killAtExit();
  }

  /** A user that no other session has; `undefined` if all are in use. */
  async take(): Promise<RangeUser | undefined> {
    const uid = await this.#source.take();
    return uid === undefined ? undefined : new RangeUser(uid, (id, isFree) => this.#source.leave(id, isFree));
  }
}

/**
 * Opens a range of user ids, after checking it and that programs can be run as these users (Linux, root). The same
 * numbers are used as group ids.
 *
 * @param from the first id. @param to the last id, at most 65,535 above it. None may be 0, 65534, 65535, 4294967295, or
 *   belong to a user, to a group or to subordinate ids.
 * @throws TelptyError `ERR_USER_RANGE`.
 */
export function openUserRange(from: number, to: number): UserRange {
  checkRange({ from, to });
  return new UserRange(new UserIds({ from, to }));
}
