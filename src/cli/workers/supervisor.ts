/** Supervises the worker processes: starts and replaces them, and kills what dead ones have left behind. */
import { randomBytes } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { LONGEST_TIMER } from '../../options.ts';
import { removeOrphans } from '../../pty/cgroup/cgroup.ts';
import { killOrphans } from '../../pty/orphans.ts';
import { endUser, type UserIdSource } from '../../pty/user-range.ts';
import { escapeText } from '../../shells/output/escape.ts';
import type { TlsOptions } from '../../transport/tls/options.ts';
import { LocalRegister } from '../../web/login/register.ts';
import type { LoginId } from '../../web/login/tickets.ts';
import { formatDuration } from '../log/format.ts';
import type { Log } from '../log/log.ts';
import type { WorkerMetrics } from '../metrics/worker-metrics.ts';
import type { ReloadableFacts } from '../serve/reload.ts';
import type { ServeSettings } from '../serve/settings.ts';
import type { StartupChecks } from '../serve/startup-checks.ts';
import { Heartbeat, type HeartbeatOptions } from './heartbeat.ts';
import { type Client, type WorkerEnd, WorkerHandle } from './worker-handle.ts';

/** The pause before a worker that ended is replaced, in milliseconds: at first, and at most. It doubles each time. */
const FIRST_PAUSE_MS = 100;
const LONGEST_PAUSE_MS = 30_000;
/**
 * If a worker has run for this time, its end is not attributed to its start, and the pause begins at its minimum
 * again. In milliseconds.
 */
const STEADY_MS = 60_000;

/** The position of one worker and of those that replace it. */
interface WorkerSlot {
  readonly number: number;
  worker: WorkerHandle;
  pause: number;
}

/** The settings of the workers, and the callbacks for their events. */
export interface SupervisorOptions {
  readonly settings: ServeSettings;
  readonly found: StartupChecks;
  readonly log: Log;
  /** Receives JSON lines of the log, for the same stream as `log`. */
  readonly write: (line: string) => void;
  /** Watches every worker. */
  readonly metrics: WorkerMetrics | undefined;
  /** When a worker that does not answer counts as hanging. */
  readonly heartbeat: HeartbeatOptions | undefined;
  /** The source of user ids for `--user-range`. */
  readonly userIds: UserIdSource | undefined;
  /** A session has released its slot, or a worker has ended with all of its sessions. */
  readonly onLeft: () => void;
  /** One more worker serves. */
  readonly onReady: () => void;
  /** A client could not be passed to a worker and is returned. */
  readonly onReturned: (client: Client) => void;
  /** See {@link WorkerHandle.onAdmit}. */
  readonly onAdmit: WorkerHandle['onAdmit'];
}

/** The workers of a server. */
export class Supervisor {
  /** The settings in effect; the next worker begins with them. */
  settings: ServeSettings;
  /** The certificates in effect; the next worker begins with them. */
  tls: TlsOptions | undefined;
  readonly #options: SupervisorOptions;
  readonly #log: Log;
  readonly #slots: WorkerSlot[] = [];
  /** With `--web`: a login is valid in each worker, also in one that replaces another. */
  readonly #logins: { readonly key: string; readonly register: SupervisedRegister } | undefined;
  /** Whether no more workers are started. */
  #closing = false;
  /** Whether the workers are being ended. */
  #ending = false;
  /** Aborts the wait before the processes that dead workers left are killed. */
  readonly #setDeadline = new AbortController();
  readonly #heartbeat: Heartbeat<WorkerHandle>;
  readonly #cleaning = new Set<Promise<void>>();
  /** The parts of the workers that can apply new settings. */
  reloadables: readonly ReloadableFacts[] = [];

  constructor(options: SupervisorOptions) {
    this.settings = options.settings;
    if (options.settings.web !== undefined) {
      const register = new SupervisedRegister(login => {
        for (const worker of this.#workers) worker.endLogin(login);
      });
      this.#logins = { key: randomBytes(32).toString('base64'), register };
    }
    this.#options = options;
    this.#log = options.log;
    this.#heartbeat = new Heartbeat(
      () => this.#workers,
      (worker, time, hangs) => this.#isSilent(worker, time, hangs),
      options.heartbeat,
    );
  }

  get #workers(): WorkerHandle[] {
    return this.#slots.map(({ worker }) => worker);
  }

  /** Whether any worker serves, with or without descriptors for more clients. */
  get serves(): boolean {
    return this.#slots.some(({ worker }) => worker.serving);
  }

  /** Whether starts of programs hang in any worker that serves. */
  get startsHang(): boolean {
    return this.#slots.some(({ worker }) => worker.serving && worker.stuck);
  }

  /** Clients that are being rejected with a message. */
  get refused(): number {
    return this.#slots.reduce((sum, { worker }) => sum + worker.refused, 0);
  }

  /** The worker for the next client, if any worker has descriptors for it. */
  get leastLoaded(): WorkerHandle | undefined {
    let least: WorkerHandle | undefined;
    for (const { worker } of this.#slots) {
      if (!worker.serving || !worker.hasRoom) continue;
      if (least === undefined || isBetter(worker, least)) least = worker;
    }
    return least;
  }

  /** Starts the workers. Rejects with TelptyError if one cannot be started. */
  async start(): Promise<void> {
    for (let number = 1; number <= this.settings.workers; number++) {
      this.#slots.push({ number, worker: this.#fork(), pause: FIRST_PAUSE_MS });
    }
    await Promise.all(this.#workers.map(worker => worker.ready));
    this.reloadables = this.#slots[0]!.worker.reloadables;
    for (const slot of this.#slots) this.#watch(slot);
  }

  /**
   * Has all workers check new settings. @returns a function that makes them apply these; rejects with the first error.
   */
  async check(newer: ServeSettings): Promise<() => void> {
    const checked = new Set<WorkerHandle>();
    // A worker that was started in the meantime has begun with the old settings.
    for (let left = this.#unchecked(checked); left.length > 0; left = this.#unchecked(checked)) {
      await Promise.all(left.map(worker => worker.check(newer)));
      for (const worker of left) checked.add(worker);
    }
    return () => {
      for (const worker of checked) worker.apply();
    };
  }

  #unchecked(checked: ReadonlySet<WorkerHandle>): WorkerHandle[] {
    return this.#workers.filter(worker => !checked.has(worker));
  }

  /** Announces to all sessions that they are hung up after this number of milliseconds. */
  announce(timeout: number): void {
    for (const worker of this.#workers) worker.announce(timeout);
  }

  /** From now on a worker that ends is not replaced. */
  close(): void {
    this.#closing = true;
  }

  /**
   * Ends all workers.
   *
   * @param order requests the end of one. @param timeout milliseconds after which a worker that still runs is killed.
   */
  async end(order: (worker: WorkerHandle) => void, timeout: number): Promise<void> {
    this.#closing = true;
    this.#ending = true;
    this.#heartbeat.stop();
    this.#setDeadline.abort();
    const ends = this.#workers.map(async worker => {
      order(worker);
      const timer = setTimeout(() => worker.kill(), Math.min(timeout, LONGEST_TIMER));
      const left = await worker.ended;
      clearTimeout(timer);
      await this.#kill(left);
    });
    await Promise.all([...ends, ...this.#cleaning]);
  }

  #fork(): WorkerHandle {
    const { found, write, onLeft, onReturned, onAdmit, userIds } = this.#options;
    const logins = this.#logins && { key: this.#logins.key, ended: this.#logins.register.ended.entries };
    const worker = new WorkerHandle(
      { type: 'begin', settings: this.settings, found, tls: this.tls, logins },
      line => {
        // Output that is not a log line is a crash report, such as that of Node.js for an exhausted heap.
        if (line.startsWith('{')) write(`${line}\n`);
        else this.#log.error(`worker: ${escapeText(line, 1_000)}`);
      },
      onLeft,
    );
    worker.onReturned = onReturned;
    worker.onAdmit = onAdmit;
    worker.userIds = userIds;
    worker.logins = this.#logins?.register;
    return worker;
  }

  /** Replaces the worker of a slot when it ends. */
  #watch(slot: WorkerSlot): void {
    const began = performance.now();
    this.#options.metrics?.watch(slot.number, slot.worker);
    void slot.worker.ended.then(end => {
      if (this.#ending) return;
      if (performance.now() - began > STEADY_MS) slot.pause = FIRST_PAUSE_MS;
      this.#logEnd(slot, end);
      this.#clean(end);
      this.#options.onLeft();
      if (this.#closing) return;
      const { pause } = slot;
      slot.pause = Math.min(pause * 2, LONGEST_PAUSE_MS);
      setTimeout(() => this.#replace(slot), pause);
    });
  }

  #replace(slot: WorkerSlot): void {
    if (this.#closing) return;
    const { number } = slot;
    try {
      slot.worker = this.#fork();
    } catch (error) {
      this.#log.error({ worker: number }, `worker ${number}: ${escapeText((error as Error).message, 200)}`);
      setTimeout(() => this.#replace(slot), LONGEST_PAUSE_MS);
      return;
    }
    const { pid, ready } = slot.worker;
    this.#watch(slot);
    ready.then(
      () => {
        this.#log.info({ worker: number, pid }, `worker ${number} is back, pid ${pid}`);
        this.#options.onReady();
      },
      error => {
        // The end of a worker has been logged already.
        if (!slot.worker.alive) return;
        this.#log.error({ worker: number }, `worker ${number}: ${escapeText(error.message, 200)}`);
        slot.worker.kill();
      },
    );
  }

  #logEnd({ number, worker, pause }: WorkerSlot, { how, lost }: WorkerEnd): void {
    const sessions = `${lost.length} session${lost.length === 1 ? '' : 's'}`;
    const next = this.#closing ? '' : `; the next one in ${pause}ms`;
    this.#log.error(
      { worker: number, pid: worker.pid, lost },
      `worker ${number} ended: pid ${worker.pid}, ${how}, ${sessions} lost${next}`,
    );
  }

  #isSilent(worker: WorkerHandle, time: number, hangs: boolean): void {
    const { number } = this.#slots.find(slot => slot.worker === worker)!;
    const { pid } = worker;
    const words = `worker ${number} has not answered for ${formatDuration(time)}: pid ${pid}`;
    if (hangs) {
      this.#log.error({ worker: number, pid }, `${words}; it is killed`);
      worker.kill();
    } else this.#log.warn({ worker: number, pid }, `${words}; it gets no new clients until it answers`);
  }

  /** Kills the programs of a dead worker: the kernel has sent them SIGHUP, and they get the usual time to end. */
  #clean(left: WorkerEnd): void {
    if (left.leaders.length + left.users.length === 0 && this.#options.found.cgroup === undefined) return;
    const cleaning = sleep(this.settings.killTimeout, undefined, { signal: this.#setDeadline.signal })
      .catch(() => {})
      .then(() => this.#kill(left))
      .finally(() => this.#cleaning.delete(cleaning));
    this.#cleaning.add(cleaning);
  }

  /**
   * Kills what dead workers have left: these programs, all processes of these users, and all processes in their
   * cgroups.
   */
  async #kill({ leaders, users }: WorkerEnd): Promise<void> {
    await killOrphans(leaders);
    await Promise.all(users.map(async uid => this.#options.userIds?.leave(uid, await endUser(uid))));
    const { cgroup } = this.#options.found;
    if (cgroup !== undefined) await removeOrphans(cgroup);
  }
}

/** The register of logins in the primary process. */
class SupervisedRegister extends LocalRegister {
  readonly #onEnd: (login: LoginId) => void;

  /** @param onEnd called when a login has ended. */
  constructor(onEnd: (login: LoginId) => void) {
    super();
    this.#onEnd = onEnd;
  }

  override async end(login: LoginId): Promise<void> {
    await super.end(login);
    // Sent before any connection that a worker gets after it.
    this.#onEnd(login);
  }
}

/** Whether `one` is preferred for the next client: the worker that answers, else the one with fewer sessions. */
function isBetter(one: WorkerHandle, other: WorkerHandle): boolean {
  return one.silent === other.silent ? one.sessions < other.sessions : other.silent;
}
