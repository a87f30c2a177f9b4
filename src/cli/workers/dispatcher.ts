/**
 * `--workers N`: the primary process. It accepts the clients, counts and numbers them, and passes each to the worker
 * with the fewest sessions. It serves no sessions itself, so it loads little code: no session, no shell.
 *
 * Rejected: one listening socket in all workers, and one socket per worker with SO_REUSEPORT. Both avoid the transfer
 * through the primary, but then the kernel chooses the worker, by which one happens to wait or by a hash, and sessions
 * that last for hours stay where they came. Limits would need a message for each client, which costs as much as the
 * transfer.
 */
import type { Socket } from 'node:net';
import type { RefusalReason, SessionLimits } from '../../shells/guards/session-limits.ts';
import { escapeText } from '../../shells/output/escape.ts';
import { type ListenerOptions, readListenOptions } from '../../transport/listen-options.ts';
import type { ListenerAddress, ListenerEvents, SocketListener } from '../../transport/listener.ts';
import { listenLocal } from '../../transport/local.ts';
import { addressOf, type Peer, peerFields, peerOf } from '../../transport/peer.ts';
import { AddressList } from '../../transport/pre-session/address-list.ts';
import { LocalUserStage } from '../../transport/pre-session/local-user.ts';
import type { Refusal } from '../../transport/pre-session/stage.ts';
import { ProxyStage } from '../../transport/proxy/stage.ts';
import { Closed } from '../../transport/tcp/accepting.ts';
import { listenTcp } from '../../transport/tcp/tcp.ts';
import type { TlsOptions } from '../../transport/tls/options.ts';
import { remoteOf } from '../log/format.ts';
import type { Log } from '../log/log.ts';
import { RefusalLog } from '../log/refusal-log.ts';
import type { MetricsReport } from '../metrics/report.ts';
import type { WorkerMetrics } from '../metrics/worker-metrics.ts';
import { createSessionLimits } from '../serve/guards.ts';
import { type ReloadableFacts, Reloadables, reloadableEverywhere, taken } from '../serve/reload.ts';
import type { ServeSettings } from '../serve/settings.ts';
import type { StartupChecks } from '../serve/startup-checks.ts';
import { DescriptorExhaustionLog } from '../system/descriptor-exhaustion.ts';
import { STUCK } from '../system/start-watch.ts';
import { openUserIds } from '../system/user-ids.ts';
import type { WebListenOptions } from '../web/listener.ts';
import type { HeartbeatOptions } from './heartbeat.ts';
import { Supervisor } from './supervisor.ts';
import type { Admission, Client, WorkerHandle } from './worker-handle.ts';

/** How often to look for a worker with descriptors while clients wait for one, in milliseconds. */
const RETRY_MS = 250;
/** Limit of clients that wait while no worker runs. */
const MOST_WAITING = 1_024;
/**
 * Limit of clients that are being rejected with a message. More is a flood, and handing each to a worker would multiply
 * its cost: they are closed here.
 */
const MOST_REFUSED = 64;
/** How much longer than its own time limits a worker may take to end, in milliseconds. */
const GRACE_MS = 10_000;
/** The same for an abort. */
const ABORT_GRACE_MS = 1_000;

type Stage = ProxyStage | LocalUserStage;

function stageOf(where: ListenerOptions): Stage | undefined {
  const proxies = 'path' in where ? undefined : where.proxyProtocol;
  if (proxies?.length) return new ProxyStage(AddressList.parse(proxies));
  const { localUser } = where;
  const isQuiet = !('path' in where) && where.tls !== undefined;
  return localUser === undefined ? undefined : new LocalUserStage(localUser, { isQuiet });
}

/** The workers and their queue of clients. */
export class WorkerPool {
  readonly #log: Log;
  readonly #limits: SessionLimits;
  readonly #refusals: RefusalLog;
  readonly #metrics: WorkerMetrics | undefined;
  readonly #supervisor: Supervisor;
  /** Clients without a worker yet, in the order of their arrival. */
  #waiting: Client[] = [];
  #looking = false;
  readonly #listeners: SocketListener[] = [];
  /** Whether no worker has descriptors for another client. */
  #isFull = false;
  #again: NodeJS.Timeout | undefined;
  readonly #shortage: DescriptorExhaustionLog;
  /** The stages that connections pass before a worker receives them; each listener has its own. */
  readonly #stages: { close(): unknown }[] = [];
  #nextId = 1;
  /** Whether no more clients are accepted. */
  #closing = false;
  /** During a drain: ends it. */
  #drained: (() => void) | undefined;
  /** The parts of this process that can apply new settings. */
  readonly #reloadables = new Reloadables();

  /**
   * @param write receives JSON lines of the log, for the same stream as `log`.
   * @param metrics watches every worker.
   * @param heartbeat when a worker that does not answer counts as hanging.
   */
  constructor(
    settings: ServeSettings,
    found: StartupChecks,
    log: Log,
    write: (line: string) => void,
    metrics: WorkerMetrics | undefined,
    heartbeat?: HeartbeatOptions,
  ) {
    this.#metrics = metrics;
    this.#log = log;
    this.#limits = createSessionLimits(settings, this.#reloadables);
    this.#refusals = new RefusalLog(log);
    this.#shortage = new DescriptorExhaustionLog(log);
    for (const one of reloadableEverywhere(log)) this.#reloadables.add(one);
    this.#supervisor = new Supervisor({
      settings,
      found,
      log,
      write,
      metrics,
      heartbeat,
      userIds: openUserIds(settings, log),
      onLeft: () => this.#left(),
      onReady: () => this.#serve(),
      onReturned: client => this.#returned(client),
      onAdmit: (peer, worker) => this.#admit(peer, worker),
    });
  }

  /** The current number of sessions. */
  get sessions(): number {
    return this.#limits.taken;
  }

  /** Why a new client would have to wait; `undefined` if it would not. */
  get unready(): string | undefined {
    if (this.#supervisor.leastLoaded !== undefined) return this.#supervisor.startsHang ? STUCK : undefined;
    return this.#supervisor.serves ? 'out of descriptors' : 'no worker serves';
  }

  /**
   * Listens; may be called several times. Clients wait until there are workers.
   *
   * @throws (rejects) the system's own error if it cannot listen.
   */
  async listen(where: ListenerOptions): Promise<ListenerAddress> {
    const settings = readListenOptions(where);
    const stage = stageOf(where);
    if (stage !== undefined) this.#stages.push(stage);
    const events: ListenerEvents = {
      onConnection: socket => this.#came(socket, stage),
      onError: error => this.#log.error(`listener: ${escapeText(error.message, 200)}`),
      onShortage: isShort => this.#shortage.changed(isShort),
    };
    if ('path' in settings) {
      this.#listeners.push(await listenLocal(settings, events));
      return { path: settings.path };
    }
    if (settings.tls !== undefined && this.#supervisor.tls === undefined) await this.#useTls(settings.tls);
    const { listener, address, port } = await listenTcp(settings, events);
    this.#listeners.push(listener);
    return { address, port };
  }

  /** Listens for browsers: each connection goes to a worker, which asks for a session once there is a WebSocket. */
  async listenWeb(where: WebListenOptions, tls?: TlsOptions): Promise<{ address: string; port: number }> {
    if (tls !== undefined && this.#supervisor.tls === undefined) await this.#useTls(tls);
    const { settings } = this.#supervisor;
    const { openWebListener } = await import('../web/listener.ts');
    const opened = await openWebListener(where, settings, this.#limits, {
      passed: (socket, peer) => {
        // The primary does not read from the socket, but a write of its handle may fail.
        socket.on('error', () => {});
        this.#await({ socket, peer, isWeb: true });
      },
      refused: refusal => this.#refusedConnection(refusal),
      failed: error => this.#log.error(`listener: ${escapeText(error.message, 200)}`),
      onShortage: isShort => this.#shortage.changed(isShort),
    });
    this.#listeners.push(opened.listener);
    this.#stages.push(opened);
    return opened;
  }

  /** Starts the workers. Rejects with TelptyError if one cannot be started. */
  async start(): Promise<void> {
    await this.#supervisor.start();
    this.#serve();
  }

  /** Makes the workers use TLS. A worker that replaces another begins with the certificates in effect. */
  async #useTls(tls: TlsOptions): Promise<void> {
    const { reloadableCertificates } = await import('../serve/certificates.ts');
    this.#supervisor.tls = tls;
    const put = (certificates: TlsOptions) => {
      this.#supervisor.tls = { ...tls, ...certificates };
    };
    this.#reloadables.add(reloadableCertificates(put, tls.auto, this.#log));
  }

  /** Has all processes check new settings, and applies them if no process rejects them. */
  async reload(newer: ServeSettings): Promise<readonly ReloadableFacts[]> {
    const apply = await this.#reloadables.prepare(newer);
    const applyThere = await this.#supervisor.check(newer);
    apply();
    applyThere();
    const facts = [...this.#reloadables.facts, ...this.#supervisor.reloadables];
    this.#supervisor.settings = taken(this.#supervisor.settings, newer, facts);
    return facts;
  }

  /** The metrics of the primary and of the workers. */
  async report(): Promise<readonly MetricsReport[]> {
    return (await this.#metrics?.report()) ?? [];
  }

  /**
   * Stops listening, announces the end to the sessions unless `quietly`, and waits until they have ended by themselves.
   *
   * @param timeout milliseconds to wait at most.
   */
  async drain(timeout: number, quietly: boolean): Promise<void> {
    await this.#stopListening();
    if (!quietly) this.#supervisor.announce(timeout);
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
    // A client that found no worker may find one now.
    if (this.#waiting.length > 0) this.#serve();
  }

  /** Stops listening, ends all sessions cleanly, then the workers. */
  async shutdown(): Promise<void> {
    await this.#stopListening();
    await this.#supervisor.end(worker => worker.stop(), this.#supervisor.settings.killTimeout + GRACE_MS);
  }

  /** Ends all sessions at once. */
  async abort(): Promise<void> {
    for (const listener of this.#listeners.splice(0)) listener.close();
    this.#closing = true;
    await this.#supervisor.end(worker => worker.abort(), ABORT_GRACE_MS);
  }

  /**
   * Stops accepting clients. If another server takes the port over, the clients that still reached this one have been
   * accepted.
   */
  async #stopListening(): Promise<void> {
    await Promise.all(this.#listeners.splice(0).map(listener => listener.close()));
    this.#closing = true;
    this.#supervisor.close();
    for (const stage of this.#stages) void stage.close();
    for (const { socket } of this.#waiting.splice(0)) socket.destroy();
  }

  /** Called for a client for which the worker had no descriptor. */
  #returned(client: Client): void {
    if (this.#closing) client.socket.destroy();
    else {
      this.#waiting.unshift(client);
      this.#serve();
    }
  }

  #came(socket: Socket, stage: Stage | undefined): void {
    // The primary does not read from the socket, but a write of its handle may fail.
    socket.on('error', () => {});
    if (stage === undefined) this.#await({ socket, peer: peerOf(socket) });
    else {
      stage.enter(socket, {
        passed: peer => this.#await({ socket, peer }),
        refused: refusal => this.#refusedConnection(refusal),
        failed: error => this.#log.error(`listener: ${escapeText(error.message, 200)}`),
      });
    }
  }

  #refusedConnection(refusal: Refusal): void {
    this.#refusals.refusedConnection(refusal);
    this.#metrics?.refused(refusal.reason);
  }

  /** Queues the client until there is a worker. */
  #await(client: Client): void {
    if (this.#closing || this.#waiting.length >= MOST_WAITING) client.socket.destroy();
    else {
      this.#waiting.push(client);
      if (this.#waiting.length === 1) this.#serve();
    }
  }

  /**
   * Passes the waiting clients to workers.
   *
   * A refusal by a limit is checked twice: in this round of the event loop, the message that releases a slot may
   * follow the next connection of the same client. After the round, everything that was sent before has been read.
   */
  #serve(sure = false): void {
    for (let client = this.#waiting[0]; client !== undefined; client = this.#waiting[0]) {
      const worker = this.#supervisor.leastLoaded;
      if (worker === undefined) {
        this.#wait();
        return;
      }
      if (client.isWeb) {
        this.#waiting.shift();
        worker.giveWeb(client);
        continue;
      }
      client.ticket ??= this.#limits.ticket({ remoteAddress: addressOf(client.peer) });
      const { ticket } = client;
      const verdict = typeof ticket === 'string' ? ticket : (ticket.enter() ?? ticket);
      const isRefusedByLimit = verdict !== ticket;
      if (isRefusedByLimit && !sure) {
        this.#lookAgain();
        return;
      }
      this.#waiting.shift();
      const id = this.#nextId++;
      if (typeof verdict === 'string' && this.#isSilent(isRefusedByLimit)) this.#dismiss(id, client, verdict);
      else worker.give(id, client, verdict);
    }
    this.#waitNoMore();
  }

  /**
   * No worker has descriptors for another client: new ones wait in the kernel's queue. (If no worker runs, they wait
   * here.)
   */
  #wait(): void {
    if (!this.#supervisor.serves) return;
    clearTimeout(this.#again);
    // A worker may have descriptors again although no session has ended.
    this.#again = setTimeout(() => this.#serve(), RETRY_MS).unref();
    if (this.#isFull) return;
    this.#isFull = true;
    for (const listener of this.#listeners) listener.stopAccepting(Closed.OWNER);
    this.#shortage.changed(true);
  }

  #waitNoMore(): void {
    if (!this.#isFull) return;
    this.#isFull = false;
    clearTimeout(this.#again);
    for (const listener of this.#listeners) listener.continueAccepting(Closed.OWNER);
    this.#shortage.changed(false);
  }

  /**
   * Whether a refused client gets no message: in a flood, and, with TLS, if its address is refused, to save the
   * handshake.
   */
  #isSilent(isRefusedByLimit: boolean): boolean {
    return this.#supervisor.refused >= MOST_REFUSED || (this.#supervisor.tls !== undefined && !isRefusedByLimit);
  }

  /** Closes a connection without a message. */
  #dismiss(session: number, { socket, peer }: Client, refused: RefusalReason): void {
    this.#countDismissed(session, peer, refused);
    socket.destroy();
  }

  #countDismissed(session: number, peer: Peer, refused: RefusalReason): void {
    this.#refusals.refused({ session, remote: remoteOf(peerFields(peer)), refused });
    this.#metrics?.refused(refused);
  }

  /** Decides for a WebSocket of a worker, as {@link #serve} does for other clients. */
  async #admit(peer: Peer, worker: WorkerHandle): Promise<Admission | undefined> {
    if (this.#closing) return undefined;
    const ticket = this.#limits.ticket({ remoteAddress: addressOf(peer) });
    let verdict = typeof ticket === 'string' ? ticket : (ticket.enter() ?? ticket);
    if (verdict !== ticket && typeof ticket !== 'string') {
      // The message that releases a slot may be read in this round of the event loop.
      await new Promise(setImmediate);
      verdict = ticket.enter() ?? ticket;
    }
    const id = this.#nextId++;
    if (typeof verdict !== 'string' || worker.refused < MOST_REFUSED) return { id, verdict };
    this.#countDismissed(id, peer, verdict);
    return undefined;
  }

  #lookAgain(): void {
    if (this.#looking) return;
    this.#looking = true;
    setImmediate(() => {
      this.#looking = false;
      this.#serve(true);
    });
  }
}
