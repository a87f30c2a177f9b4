/**
 * `--workers N`: the primary process. It accepts the clients, counts and numbers them, and hands each to the worker that
 * has the fewest sessions. It serves none itself, so it loads little: no session, no shell.
 *
 * Rejected: one listening socket in all workers, and a socket each with SO_REUSEPORT. Both save the way through here, but
 * then the kernel decides who gets a client, by who happens to wait or by a hash, and sessions that last for hours stay
 * where they came; and limits would have to be asked for with a message each, which costs what the handing over costs.
 */
import type { AddressInfo, Server, Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { LONGEST_TIMER } from '../check.ts';
import { removeOrphans } from '../pty/cgroup.ts';
import { killOrphans, type Leader } from '../pty/orphans.ts';
import { escapeText } from '../shells/escape.ts';
import type { Applicant, Place, Places, RefusalReason } from '../shells/places.ts';
import { Closed, continueAccepting, stopAccepting } from '../transport/accepting.ts';
import { AddressList } from '../transport/address-list.ts';
import type { ListenOptions } from '../transport/entrance.ts';
import { ProxyGate } from '../transport/proxy-gate.ts';
import { closeListener } from '../transport/takeover.ts';
import { listenTcp, type Peer, peerOf } from '../transport/tcp.ts';
import type { TlsOptions } from '../transport/tls-options.ts';
import { formatDuration, remoteOf } from './format.ts';
import { createPlaces } from './guards.ts';
import type { Log } from './log.ts';
import type { MetricsReport } from './metrics/report.ts';
import type { WorkerMetrics } from './metrics/worker-metrics.ts';
import type { Preparation } from './preparation.ts';
import { RefusalLog } from './refusal-log.ts';
import { type ReloadableFacts, Reloadables, reloadableEverywhere, taken } from './reload.ts';
import type { ServeSettings } from './settings.ts';
import { ShortageLog } from './shortage.ts';
import { Vigil, type VigilOptions } from './vigil.ts';
import { type Client, type WorkerEnd, WorkerProcess } from './worker-process.ts';

/** How long before a worker that ended is replaced, in milliseconds: at first, and at most. It doubles each time. */
const firstPause = 100;
const longestPause = 30_000;
/** A worker that has run for so long did not end because of how it began. */
const steady = 60_000;
/** When it is tried again, with clients that wait for a worker with descriptors, in milliseconds. */
const waitAgain = 250;
/** Clients that wait while no worker runs. */
const mostWaiting = 1_024;
/**
 * Clients that are being told why they are refused, at a time. More than that is a flood, and to hand each to a worker would
 * be work that it makes: they are closed here.
 */
const mostRefused = 64;
/** How much longer than its own time limits a worker may take to end, in milliseconds. */
const grace = 10_000;
/** The same when it was told to end at once. */
const abortGrace = 1_000;

/** Where one worker after the other runs. */
interface Slot {
  readonly number: number;
  worker: WorkerProcess;
  pause: number;
}

/** The workers and what comes to them. */
export class WorkerPool {
  /** What is in effect; the next worker begins with it. */
  #settings: ServeSettings;
  readonly #found: Preparation;
  readonly #log: Log;
  readonly #write: (line: string) => void;
  readonly #places: Places;
  readonly #refusals: RefusalLog;
  readonly #metrics: WorkerMetrics | undefined;
  readonly #slots: Slot[] = [];
  /** Clients without a worker yet, the first in front. */
  #waiting: Client[] = [];
  #looking = false;
  readonly #listeners: Server[] = [];
  /** Whether no worker has descriptors for one more. */
  #isFull = false;
  #again: NodeJS.Timeout | undefined;
  readonly #shortage: ShortageLog;
  #proxies: ProxyGate | undefined;
  #tls: TlsOptions | undefined;
  #nextId = 1;
  /** The last who was looked at. */
  #admitted = 0;
  /** Whether no more clients are taken and no more workers started. */
  #closing = false;
  /** Whether the workers have been told to end. */
  #ending = false;
  /** Ends the wait before what dead workers left behind is killed. */
  readonly #hurry = new AbortController();
  readonly #vigil: Vigil<WorkerProcess>;
  /** While it drains: ends that. */
  #drained: (() => void) | undefined;
  readonly #cleaning = new Set<Promise<void>>();
  /** What can take up new settings here. */
  readonly #reloadables = new Reloadables();
  /** And in the workers. */
  #theirs: readonly ReloadableFacts[] = [];

  /**
   * @param write takes lines of the log, as JSON, into the same stream as `log`.
   * @param metrics is told of every worker.
   * @param vigil how soon a worker that does not answer is taken for one that hangs.
   */
  constructor(
    settings: ServeSettings,
    found: Preparation,
    log: Log,
    write: (line: string) => void,
    metrics: WorkerMetrics | undefined,
    vigil?: VigilOptions,
  ) {
    this.#metrics = metrics;
    this.#settings = settings;
    this.#found = found;
    this.#log = log;
    this.#write = write;
    this.#places = createPlaces(settings, this.#reloadables);
    this.#refusals = new RefusalLog(log);
    this.#shortage = new ShortageLog(log);
    for (const one of reloadableEverywhere(log)) this.#reloadables.add(one);
    this.#vigil = new Vigil(
      () => this.#slots.map(({ worker }) => worker),
      (worker, time, hangs) => this.#isSilent(worker, time, hangs),
      vigil,
    );
  }

  /** Sessions of this moment. */
  get sessions(): number {
    return this.#places.taken;
  }

  /** Why a client would have to wait; `undefined` if it would not. */
  get unready(): string | undefined {
    if (this.#leastLoaded() !== undefined) return undefined;
    return this.#slots.some(({ worker }) => worker.serving) ? 'out of descriptors' : 'no worker serves';
  }

  /**
   * Listens, at any number of places. Clients wait until there are workers.
   *
   * @throws (rejects) the system's own error where it cannot listen.
   */
  async listen({ tls, proxyProtocol = [], ...where }: ListenOptions): Promise<{ address: string; port: number }> {
    if (proxyProtocol.length > 0) this.#proxies ??= new ProxyGate(AddressList.parse(proxyProtocol));
    if (tls !== undefined && this.#tls === undefined) await this.#useTls(tls);
    const listener = await listenTcp(
      where,
      socket => this.#came(socket),
      isShort => this.#shortage.told(isShort),
    );
    this.#listeners.push(listener);
    listener.on('error', error => this.#log.error(`listener: ${escapeText(error.message, 200)}`));
    const { address, port } = listener.address() as AddressInfo;
    return { address, port };
  }

  /** Starts the workers. Rejects with TelptyError where one cannot be started. */
  async start(): Promise<void> {
    for (let number = 1; number <= this.#settings.workers; number++) {
      this.#slots.push({ number, worker: this.#fork(), pause: firstPause });
    }
    await Promise.all(this.#slots.map(({ worker }) => worker.ready));
    this.#theirs = this.#slots[0]!.worker.reloadables;
    for (const slot of this.#slots) this.#watch(slot);
    this.#serve();
  }

  /** The workers speak it; a worker that replaces another begins with what was in effect last. */
  async #useTls(tls: TlsOptions): Promise<void> {
    const { reloadableCertificates } = await import('./certificates.ts');
    this.#tls = tls;
    const put = (certificates: TlsOptions) => {
      this.#tls = { ...tls, ...certificates };
    };
    this.#reloadables.add(reloadableCertificates(put, this.#log));
  }

  /** Has all processes check new settings, and then, if none has anything against them, put them in place. */
  async reload(newer: ServeSettings): Promise<readonly ReloadableFacts[]> {
    const apply = await this.#reloadables.prepare(newer);
    const checked = new Set<WorkerProcess>();
    // A worker that was started in the meantime has begun with the old settings.
    for (let left = this.#unchecked(checked); left.length > 0; left = this.#unchecked(checked)) {
      await Promise.all(left.map(worker => worker.check(newer)));
      for (const worker of left) checked.add(worker);
    }
    apply();
    for (const worker of checked) worker.apply();
    const facts = [...this.#reloadables.facts, ...this.#theirs];
    this.#settings = taken(this.#settings, newer, facts);
    return facts;
  }

  #unchecked(checked: ReadonlySet<WorkerProcess>): WorkerProcess[] {
    return this.#slots.map(({ worker }) => worker).filter(worker => !checked.has(worker));
  }

  /** What the primary and the workers have counted. */
  async report(): Promise<readonly MetricsReport[]> {
    return (await this.#metrics?.report()) ?? [];
  }

  /**
   * Stops listening, tells the sessions so unless that is not wanted, and waits for them to end by themselves.
   *
   * @param timeout how long at most, in milliseconds.
   */
  async drain(timeout: number, quietly: boolean): Promise<void> {
    await this.#stopListening();
    if (!quietly) for (const { worker } of this.#slots) worker.announce(timeout);
    await new Promise<void>(resolve => {
      this.#drained = () => {
        clearTimeout(timer);
        resolve();
      };
      const timer = setTimeout(this.#drained, timeout);
      this.#left();
    });
  }

  #left(): void {
    if (this.sessions === 0) this.#drained?.();
    // Who could not be given to anybody may be now.
    if (this.#waiting.length > 0) this.#serve();
  }

  /** Stops listening, ends all sessions politely, then the workers. */
  async shutdown(): Promise<void> {
    await this.#stopListening();
    this.#close();
    const { killTimeout } = this.#settings;
    await this.#end(worker => worker.stop(), killTimeout + grace);
  }

  /** Ends all at once. */
  async abort(): Promise<void> {
    for (const listener of this.#listeners.splice(0)) listener.close();
    this.#close();
    await this.#end(worker => worker.abort(), abortGrace);
  }

  /** Takes no clients any more; where another server takes the port over, those that still came to this one have been. */
  async #stopListening(): Promise<void> {
    await Promise.all(this.#listeners.splice(0).map(closeListener));
    this.#closing = true;
    this.#proxies?.close();
    for (const { socket } of this.#waiting.splice(0)) socket.destroy();
  }

  #close(): void {
    this.#closing = true;
    this.#ending = true;
    this.#vigil.end();
    this.#hurry.abort();
  }

  async #end(tell: (worker: WorkerProcess) => void, patience: number): Promise<void> {
    const ends = this.#slots.map(async ({ worker }) => {
      tell(worker);
      const timer = setTimeout(() => worker.kill(), Math.min(patience, LONGEST_TIMER));
      const { leaders } = await worker.ended;
      clearTimeout(timer);
      await this.#kill(leaders);
    });
    await Promise.all([...ends, ...this.#cleaning]);
  }

  #fork(): WorkerProcess {
    const work = { type: 'begin', settings: this.#settings, found: this.#found, tls: this.#tls } as const;
    const worker = new WorkerProcess(
      work,
      line => {
        // Anything but a line of its log is a cry for help: of Node.js, for example, that there is no memory left.
        if (line.startsWith('{')) this.#write(`${line}\n`);
        else this.#log.error(`worker: ${escapeText(line, 1_000)}`);
      },
      () => this.#left(),
    );
    worker.onReturned = client => {
      if (this.#closing) client.socket.destroy();
      else {
        this.#waiting.unshift(client);
        this.#serve();
      }
    };
    return worker;
  }

  /** Sees to it that the worker of a slot is replaced when it ends. */
  #watch(slot: Slot): void {
    const began = performance.now();
    this.#metrics?.watch(slot.number, slot.worker);
    void slot.worker.ended.then(end => {
      if (this.#ending) return;
      if (performance.now() - began > steady) slot.pause = firstPause;
      this.#tell(slot, end);
      this.#clean(end.leaders);
      this.#left();
      if (this.#closing) return;
      const { pause } = slot;
      slot.pause = Math.min(pause * 2, longestPause);
      setTimeout(() => this.#replace(slot), pause);
    });
  }

  #replace(slot: Slot): void {
    if (this.#closing) return;
    const { number } = slot;
    try {
      slot.worker = this.#fork();
    } catch (error) {
      this.#log.error({ worker: number }, `worker ${number}: ${escapeText((error as Error).message, 200)}`);
      setTimeout(() => this.#replace(slot), longestPause);
      return;
    }
    const { pid, ready } = slot.worker;
    this.#watch(slot);
    ready.then(
      () => {
        this.#log.info({ worker: number, pid }, `worker ${number} is back, pid ${pid}`);
        this.#serve();
      },
      error => {
        // One that has ended was told of already.
        if (!slot.worker.alive) return;
        this.#log.error({ worker: number }, `worker ${number}: ${escapeText(error.message, 200)}`);
        slot.worker.kill();
      },
    );
  }

  #tell({ number, worker, pause }: Slot, { how, lost }: WorkerEnd): void {
    const sessions = `${lost.length} session${lost.length === 1 ? '' : 's'}`;
    const next = this.#closing ? '' : `; the next one in ${pause}ms`;
    this.#log.error(
      { worker: number, pid: worker.pid, lost },
      `worker ${number} ended: pid ${worker.pid}, ${how}, ${sessions} lost${next}`,
    );
  }

  #isSilent(worker: WorkerProcess, time: number, hangs: boolean): void {
    const { number } = this.#slots.find(slot => slot.worker === worker)!;
    const { pid } = worker;
    const words = `worker ${number} has not answered for ${formatDuration(time)}: pid ${pid}`;
    if (hangs) {
      this.#log.error({ worker: number, pid }, `${words}; it hangs, and is killed`);
      worker.kill();
    } else this.#log.warn({ worker: number, pid }, `${words}; it gets no clients until it does`);
  }

  /** Programs of a dead worker: they have had the kernel's SIGHUP, and get the usual time to heed it. */
  #clean(leaders: readonly Leader[]): void {
    if (leaders.length === 0 && this.#found.cgroup === undefined) return;
    const cleaning = sleep(this.#settings.killTimeout, undefined, { signal: this.#hurry.signal })
      .catch(() => {})
      .then(() => this.#kill(leaders))
      .finally(() => this.#cleaning.delete(cleaning));
    this.#cleaning.add(cleaning);
  }

  /** What is left of dead workers: these programs, and whatever is in their cgroups. */
  async #kill(leaders: readonly Leader[]): Promise<void> {
    await killOrphans(leaders);
    if (this.#found.cgroup !== undefined) await removeOrphans(this.#found.cgroup);
  }

  #came(socket: Socket): void {
    // Nobody reads it here, but a write of its handle may fail.
    socket.on('error', () => {});
    if (this.#proxies === undefined) this.#await(socket, peerOf(socket));
    else {
      this.#proxies.enter(socket, {
        passed: peer => this.#await(socket, peer),
        refused: refusal => {
          this.#refusals.refusedConnection(refusal);
          this.#metrics?.refused(refusal.reason);
        },
        failed: error => this.#log.error(`listener: ${escapeText(error.message, 200)}`),
      });
    }
  }

  /** Until there is a worker. */
  #await(socket: Socket, peer: Peer): void {
    if (this.#closing || this.#waiting.length >= mostWaiting) socket.destroy();
    else {
      this.#waiting.push({ socket, peer });
      if (this.#waiting.length === 1) this.#serve();
    }
  }

  /**
   * Hands out those who wait.
   *
   * A refusal needs a second look: the place that a client has just left may stand, in this very round of the event loop,
   * in a message behind its next connection. After the round everything that was sent before has been read.
   */
  #serve(sure = false): void {
    for (let client = this.#waiting[0]; client !== undefined; client = this.#waiting[0]) {
      const worker = this.#leastLoaded();
      if (worker === undefined) {
        this.#wait();
        return;
      }
      const verdict = this.#admit({ id: this.#nextId, remoteAddress: client.peer.remoteAddress });
      if (typeof verdict === 'string' && !sure && isCounted(verdict)) {
        this.#lookAgain();
        return;
      }
      this.#waiting.shift();
      const id = this.#nextId++;
      if (typeof verdict === 'string' && this.#isNotTold(verdict)) this.#dismiss(id, client, verdict);
      else worker.give(id, client, verdict);
    }
    this.#waitNoMore();
  }

  /** No worker has descriptors for one more: who comes now waits in the kernel's queue. (Or none runs; then here.) */
  #wait(): void {
    if (!this.#slots.some(({ worker }) => worker.serving)) return;
    clearTimeout(this.#again);
    // One that was short may be so no more, though nobody has left.
    this.#again = setTimeout(() => this.#serve(), waitAgain).unref();
    if (this.#isFull) return;
    this.#isFull = true;
    for (const listener of this.#listeners) stopAccepting(listener, Closed.OWNER);
    this.#shortage.told(true);
  }

  #waitNoMore(): void {
    if (!this.#isFull) return;
    this.#isFull = false;
    clearTimeout(this.#again);
    for (const listener of this.#listeners) continueAccepting(listener, Closed.OWNER);
    this.#shortage.told(false);
  }

  /** Whoever is looked at again has been counted for the rate at the first look. */
  #admit(client: Applicant): Place | RefusalReason {
    const again = this.#admitted === client.id;
    this.#admitted = client.id;
    return again ? this.#places.enter(client) : this.#places.admit(client);
  }

  /** Who is not wanted at all costs no TLS handshake, without which nobody can be told. */
  #isNotTold(reason: RefusalReason): boolean {
    return this.#refused >= mostRefused || (this.#tls !== undefined && !isCounted(reason));
  }

  /** Closes a connection without a word. */
  #dismiss(session: number, { socket, peer }: Client, refused: RefusalReason): void {
    this.#refusals.refused({ session, remote: remoteOf(peer), refused });
    this.#metrics?.refused(refused);
    socket.destroy();
  }

  get #refused(): number {
    return this.#slots.reduce((sum, { worker }) => sum + worker.refused, 0);
  }

  #lookAgain(): void {
    if (this.#looking) return;
    this.#looking = true;
    setImmediate(() => {
      this.#looking = false;
      this.#serve(true);
    });
  }

  #leastLoaded(): WorkerProcess | undefined {
    let least: WorkerProcess | undefined;
    for (const { worker } of this.#slots) {
      if (!worker.serving || !worker.hasRoom) continue;
      if (least === undefined || isBetter(worker, least)) least = worker;
    }
    return least;
  }
}

/** Whether somebody's leaving may be about to change this. */
function isCounted(reason: RefusalReason): boolean {
  return reason !== 'denied' && reason !== 'connect-rate';
}

/** Whether a client is rather given to `one`: the one that answers, else the one with fewer sessions. */
function isBetter(one: WorkerProcess, other: WorkerProcess): boolean {
  return one.silent === other.silent ? one.sessions < other.sessions : other.silent;
}
