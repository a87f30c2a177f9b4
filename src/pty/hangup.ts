/**
 * Ends a session: SIGHUP, time to clean up, SIGKILL.
 *
 * The danger is a process number that the kernel has reused in the meantime. While the session's leader is not reaped,
 * and stays a zombie, the kernel cannot reuse its number, which is also that of the session. So the reaping of the
 * leader is deferred (`deferReap`) until the last member of the session is gone: until then the test "belongs to our
 * session" is reliable. Members are signalled by pidfd, after that test (see `signalMember` in
 * native/process/process.c).
 */
import { readdir } from 'node:fs/promises';
import { constants } from 'node:os';
import { setImmediate as nextTurn } from 'node:timers/promises';
import type { NativePty } from '../native/addon.ts';
import { addon } from '../native/load.ts';

const { SIGHUP, SIGCONT, SIGKILL } = constants.signals;

/**
 * Time limit for killed processes to end, in ms, counted from the last time that one ended: a busy machine needs
 * seconds for a thousand. Only a process that is stuck in the kernel, or traced, takes longer. It is not waited for:
 * otherwise its session would keep its slot forever, and the server would not exit.
 */
const MAX_WAIT_MS = 2000;

/** Intervals between two checks of a session, in ms: short at first, since most processes end at once. */
const FIRST_LOOK_MS = 5;
const SLOWEST_LOOK_MS = 200;

/**
 * A program that was blocked in a write gets its SIGHUP after this delay in ms, or this part of its timeout, and once
 * more if it has not ended after the second delay. bash records a SIGHUP that arrives while readline writes, then waits
 * for a key without checking the record; a second signal makes it check.
 */
const BLOCKED_DELAY_MS = 50;
const BLOCKED_DELAY_PART = 0.1;
const AGAIN_AFTER_MS = 1000;
const AGAIN_AFTER_PART = 0.4;

/**
 * The number of processes to list, or to signal, in one turn of the event loop. Finding the session of a process takes
 * less than a microsecond, signalling one about 5. So a turn takes less than a millisecond, even if a session leaves
 * many processes.
 */
const LISTED_IN_ONE_TURN = 1024;
const SIGNALLED_IN_ONE_TURN = 64;
/** A thread of the pool needs about 5 ms for these; other work of the pool runs in between. */
const READ_AT_ONCE = 256;

/** Process ids by session. */
type Sessions = Map<number, number[]>;

/** All processes by their sessions; empty on other systems than Linux. */
export async function listSessions(): Promise<Sessions> {
  const sessions: Sessions = new Map();
  if (process.platform !== 'linux') return sessions;
  const names = await readdir('/proc').catch(() => []);
  for (let begin = 0; begin < names.length; begin += LISTED_IN_ONE_TURN) {
    if (begin > 0) await nextTurn();
    const slice = names.slice(begin, begin + LISTED_IN_ONE_TURN).filter(name => /^\d+$/.test(name));
    const pids = slice.map(Number);
    const leaders = Int32Array.from(pids);
    addon().sessionsOf(leaders);
    for (const [index, leader] of leaders.entries()) {
      const members = sessions.get(leader);
      if (members === undefined) sessions.set(leader, [pids[index]!]);
      else members.push(pids[index]!);
    }
  }
  return sessions;
}

let running: Promise<Sessions> | undefined;
let next: Promise<Sessions> | undefined;

/**
 * A list of the sessions that was begun after the call. While one list is being made, callers share the next one: ten
 * thousand sessions that are hung up together cost a few lists, not ten thousand.
 */
function sessions(): Promise<Sessions> {
  if (running === undefined) {
    running = listSessions().finally(() => {
      running = undefined;
    });
    return running;
  }
  next ??= running.then(() => {
    next = undefined;
    return sessions();
  });
  return next;
}

/**
 * The processes that exist and are not zombies: a zombie cannot be killed, and its parent must reap it, not the
 * server.
 */
export async function living(pids: readonly number[]): Promise<number[]> {
  const found: number[] = [];
  for (let begin = 0; begin < pids.length; begin += READ_AT_ONCE) {
    const slice = await addon().keepLiving(Int32Array.from(pids.slice(begin, begin + READ_AT_ONCE)));
    for (const pid of slice) if (pid !== 0) found.push(pid);
  }
  return found;
}

/** The running members of a session without its leader. */
async function membersOf(leader: number): Promise<number[]> {
  return living(((await sessions()).get(leader) ?? []).filter(pid => pid !== leader));
}

/**
 * Sends signals, in this order, to each of these members of a session; see `Addon.signalMember`.
 *
 * @param isReserved whether the session's number is still its own; asked after each turn of the event loop.
 */
export async function signalMembers(
  leader: number,
  group: number,
  pids: readonly number[],
  signals: readonly number[],
  isReserved: () => boolean = () => true,
): Promise<void> {
  for (const [index, pid] of pids.entries()) {
    if (index > 0 && index % SIGNALLED_IN_ONE_TURN === 0) await nextTurn();
    if (!isReserved()) return;
    for (const signal of signals) addon().signalMember(leader, group, pid, signal);
  }
}

/**
 * How long to wait for killed processes: until none of them has ended for {@link MAX_WAIT_MS}. An interval between two
 * checks counts as no longer than usual: if this process was stopped meanwhile, the others may have been stopped, too.
 */
export class KillPatience {
  #least = Infinity;
  #waitedMs = 0;
  #checked = performance.now();

  get isOver(): boolean {
    return this.#waitedMs >= MAX_WAIT_MS;
  }

  /** @param count the processes that are left. More than before do not count: a fork bomb must not extend the wait. */
  remain(count: number): void {
    const now = performance.now();
    this.#waitedMs += Math.min(now - this.#checked, 2 * SLOWEST_LOOK_MS);
    this.#checked = now;
    if (count >= this.#least) return;
    this.#least = count;
    this.#waitedMs = 0;
  }
}

/**
 * One hangup of one session. The constructor sends SIGHUP, or schedules it if the program may have been blocked in a
 * write.
 */
export class Hangup {
  readonly #leader: number;
  readonly #native: NativePty;
  readonly #wasBlocked: boolean;
  readonly #done: Promise<void>;
  #finish!: () => void;
  #deadline = Infinity;
  #timer: NodeJS.Timeout | undefined;
  /** The scheduled SIGHUPs. */
  #later: NodeJS.Timeout[] = [];
  #killed = false;
  /** Whether the leader has ended (and is kept as a zombie). */
  #left = false;
  /** The leader is no longer kept as a zombie: the session's number may be reused. */
  #isOver = false;

  /**
   * @param leader the process id of the session's leader, not yet reaped.
   * @param exited resolves when it is.
   * @param wasBlocked whether the program may have been waiting to write.
   */
  constructor(leader: number, native: NativePty, exited: Promise<unknown>, wasBlocked: boolean) {
    this.#leader = leader;
    this.#native = native;
    const swept = new Promise<void>(resolve => {
      this.#finish = resolve;
    });
    this.#done = Promise.all([swept, exited]).then(() => {});
    this.#wasBlocked = wasBlocked;
    addon().deferReap(native);
    if (!wasBlocked) this.#hangUp();
  }

  /** Sends SIGKILL in `timeout` ms, unless an earlier time was set. Resolves when no process of the session is left. */
  within(timeout: number): Promise<void> {
    const deadline = performance.now() + timeout;
    if (!this.#killed && deadline < this.#deadline) {
      this.#deadline = deadline;
      clearTimeout(this.#timer);
      this.#timer = setTimeout(() => this.#kill(), timeout);
      if (this.#wasBlocked) this.#hangUpLater(timeout);
    }
    return this.#done;
  }

  #hangUp(): void {
    this.#signalGroups(SIGHUP);
    // A stopped program handles SIGHUP only after SIGCONT.
    this.#signalGroups(SIGCONT);
  }

  #hangUpLater(timeout: number): void {
    for (const timer of this.#later) clearTimeout(timer);
    const delays = [
      Math.min(BLOCKED_DELAY_MS, timeout * BLOCKED_DELAY_PART),
      Math.min(AGAIN_AFTER_MS, timeout * AGAIN_AFTER_PART),
    ];
    this.#later = delays.map(delay => setTimeout(() => this.#hangUp(), delay));
  }

  /** The leader has ended and waits to be reaped. */
  left(): void {
    this.#left = true;
    for (const timer of this.#later) clearTimeout(timer);
    // After SIGKILL, #kill() waits for the rest.
    if (!this.#killed) void this.#waitForMembers();
  }

  #signalGroups(signal: number): void {
    const doubtful = addon().signalGroups(this.#native, signal);
    if (doubtful <= 0) return;
    void sessions().then(all => this.#signal(all.get(this.#leader) ?? [], [signal], doubtful));
  }

  /** @param group only members of this process group; 0: all. */
  #signal(members: readonly number[], signals: readonly number[], group = 0): Promise<void> {
    return signalMembers(this.#leader, group, members, signals, () => !this.#isOver);
  }

  /** The leader is gone and cannot pass the SIGHUP on, so this sends it to the remaining members. */
  async #waitForMembers(): Promise<void> {
    let hasSent = false;
    for (let pause = FIRST_LOOK_MS; !this.#killed; pause = Math.min(pause * 2, SLOWEST_LOOK_MS)) {
      const members = await membersOf(this.#leader);
      if (this.#killed) return;
      if (members.length === 0) return this.#over();
      if (!hasSent) {
        hasSent = true;
        await this.#signal(members, [SIGHUP, SIGCONT]);
      }
      await sleep(pause);
    }
  }

  async #kill(): Promise<void> {
    this.#killed = true;
    for (const timer of this.#later) clearTimeout(timer);
    const patience = new KillPatience();
    for (let pause = FIRST_LOOK_MS; !patience.isOver; pause = Math.min(pause * 2, SLOWEST_LOOK_MS)) {
      // Repeated, because a process may fork between the list and the signal.
      if (!this.#left) this.#signalGroups(SIGKILL);
      const members = await membersOf(this.#leader);
      patience.remain(members.length);
      if (members.length === 0 && this.#left) break;
      await this.#signal(members, [SIGKILL]);
      await sleep(pause);
    }
    this.#over();
  }

  #over(): void {
    this.#isOver = true;
    clearTimeout(this.#timer);
    if (this.#left) addon().reap(this.#native);
    else addon().abandon(this.#native);
    this.#finish();
  }
}

function sleep(ms: number): Promise<void> {
  return new Promise(resolve => setTimeout(resolve, ms));
}
