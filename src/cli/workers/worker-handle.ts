/** One worker, from the primary's side: its process, its sessions, and its output. */
import { type ChildProcess, fork } from 'node:child_process';
import type { Socket } from 'node:net';
import { fileURLToPath } from 'node:url';
import { TelptyError } from '../../errors.ts';
import { onSocketReceived } from '../../native/node-internals.ts';
import type { Leader } from '../../pty/orphans.ts';
import type { UserIdSource } from '../../pty/user-range.ts';
import type { RefusalReason, Slot, Ticket } from '../../shells/guards/session-limits.ts';
import type { Peer } from '../../transport/peer.ts';
import type { UnwelcomeReason } from '../../transport/pre-session/stage.ts';
import type { LoginRegister } from '../../web/login/register.ts';
import type { LoginId } from '../../web/login/tickets.ts';
import type { MetricsReport } from '../metrics/report.ts';
import type { ReloadableFacts } from '../serve/reload.ts';
import type { ServeSettings } from '../serve/settings.ts';
import type { Order, Report } from './messages.ts';

/** `.ts` in the source tree, otherwise `.js`. */
// A bundle of the command contains this file in the folder of its entry points, next to worker.js; as TypeScript it
// runs from here.
const MAIN_FILE = fileURLToPath(
  new URL(import.meta.url.endsWith('.ts') ? '../worker.ts' : './worker.js', import.meta.url),
);
/** A line longer than this, in characters, is cut in two. */
const LONGEST_LINE = 1024 * 1024;

/** Time limit for the metrics of a worker, in milliseconds. A scrape has its own time limit. */
const REPORT_MS = 1_000;
/** How long a worker that had no descriptor for a client gets no further clients, in milliseconds. */
const SHORT_PAUSE_MS = 1_000;
/** How long to wait for the last log lines of a worker that has ended, in milliseconds. */
const CLOSE_MS = 2_000;

/** A session of a worker. */
interface Held {
  readonly slot: Slot;
  /** Set once its program has started. */
  leader?: Leader;
}

/** A connection from which nothing has been read, and its peer. */
export interface Client {
  readonly socket: Socket;
  readonly peer: Peer;
  /**
   * Once its address was checked: its ticket, or why it is refused. It is checked and counted once, even if a worker
   * returns it.
   */
  ticket?: Ticket | UnwelcomeReason;
  /** Whether it is a browser: it gets no session yet. */
  readonly isWeb?: boolean;
}

/** A session for a WebSocket of a worker. */
export interface Admission {
  readonly id: number;
  readonly verdict: Slot | RefusalReason;
}

/** How a worker ended. */
export interface WorkerEnd {
  /** As text. */
  readonly how: string;
  /** Sessions that it still had, by number. */
  readonly lost: readonly number[];
  /** The programs of these sessions, which may have outlived the worker. */
  readonly leaders: readonly Leader[];
  /** The user ids of its sessions, from `--user-range`. */
  readonly users: readonly number[];
}

/** A worker process. The constructor starts it. */
export class WorkerHandle {
  /** Resolves when it can serve. Rejects with the error that it reports, or with `ERR_RUNTIME` if it ends before. */
  readonly ready: Promise<void>;
  readonly ended: Promise<WorkerEnd>;
  /** Whether it accepts clients. */
  serving = false;
  /** The last metrics that it has sent. */
  metrics: MetricsReport | undefined;
  /** Whether a `collect` has not been answered yet. */
  #isCollecting = false;
  /** Callbacks that wait for the answer. */
  readonly #reportWaiters = new Set<() => void>();
  readonly #process: ChildProcess;
  readonly #sessions = new Map<number, Held>();
  /** Clients handed to it to be rejected with a message. */
  readonly #refused = new Set<number>();
  /** Clients in transit, in the order of transmission. */
  readonly #underway = new Map<number, Client>();
  /** The number of sessions for which it has descriptors. */
  #room = 0;
  /** Until when it gets no clients, by `performance.now()`. */
  #shortUntil = 0;
  /** Whether starts of programs hang in it. */
  stuck = false;
  /** Called with a client for which the worker had no descriptor after all. */
  onReturned: (client: Client) => void = ({ socket }) => socket.destroy();
  /** Decides whether a client of the worker gets a session; undefined: it is closed without a message. */
  onAdmit: (peer: Peer, worker: WorkerHandle) => Promise<Admission | undefined> = async () => undefined;
  /** What the workers share about logins, with `--web`. */
  logins: LoginRegister | undefined;
  /** The number of the last connection of a browser in transit. Negative: those of sessions are positive. */
  #lastWeb = 0;
  /** The source of user ids for its sessions, with `--user-range`. */
  userIds: UserIdSource | undefined;
  /** The user ids that it has. */
  readonly #users = new Set<number>();
  #isOver = false;
  /** Its parts that can apply new settings; known once it is ready. */
  reloadables: readonly ReloadableFacts[] = [];
  /** Settles the current check of new settings. */
  #checked: ((error?: TelptyError) => void) | undefined;
  readonly #left: () => void;
  /** Whether the last ping has no answer, and no other message was received since. */
  silent = false;
  #hasReceived = true;
  #line = '';

  /**
   * @param work the first order.
   * @param write receives each whole line that the worker writes.
   * @param left is called when a session has released its slot; not for sessions that end with the worker.
   */
  constructor(work: Order & { type: 'begin' }, write: (line: string) => void, left: () => void) {
    this.#left = left;
    // 'advanced' serializes an infinite limit, which JSON cannot represent.
    const child = fork(MAIN_FILE, { serialization: 'advanced', stdio: ['ignore', 'ignore', 'pipe', 'ipc'] });
    this.#process = child;
    this.ended = new Promise(resolve => {
      // 'close', not 'exit': at 'close' its last log lines and reports have been read. And not 'disconnect', which is
      // never emitted if a socket was in transit.
      child.once('close', () => resolve(this.#end(endInWords(child))));
      // A child of a start that cannot be killed keeps a copy of the pipe open, so that 'close' may never be emitted.
      child.once('exit', () => setTimeout(() => resolve(this.#end(endInWords(child))), CLOSE_MS).unref());
      // If the process could not be started, it has no pid.
      child.on('error', error => child.pid === undefined && resolve(this.#end(error.message)));
    });
    this.ready = new Promise((resolve, reject) => {
      child.on('message', message => {
        const report = message as Report;
        this.#hasReceived = true;
        this.silent = false;
        if (report.type === 'ready') {
          this.serving = true;
          this.#room = report.room;
          this.reloadables = report.reloadables;
          resolve();
        } else if (report.type === 'checked') {
          const { error } = report;
          this.#checked?.(error && new TelptyError(error.code, error.message));
        } else if (report.type === 'short') this.#isShort();
        else if (report.type === 'stuck') this.stuck = report.stuck;
        else if (report.type === 'failed') reject(new TelptyError(report.code, report.message));
        else if (report.type === 'metrics') {
          this.metrics = report.metrics;
          this.#isCollecting = false;
          this.#resolveReports();
        } else if (report.type === 'takeUser') void this.#giveUser(report.request);
        else if (report.type === 'admit') void this.#admit(report);
        else if (report.type === 'tryPassword') void this.#tryPassword(report);
        else if (report.type === 'loggedIn') this.logins?.succeeded(report.address);
        else if (report.type === 'endLogin') void this.#endLogin(report);
        else if (report.type === 'leaveUser') this.#takeUserBack(report.uid, report.isFree);
        else if (report.type !== 'pong') this.#note(report);
      });
      void this.ended.then(({ how }) => reject(cannotStart(how)));
    });
    this.ready.catch(() => {});
    // Without this, a client for which the worker has no descriptor would be closed without a report.
    onSocketReceived(child, wasReceived => this.#arrived(wasReceived));
    // The earliest notification that the process has ended.
    child.on('exit', () => {
      this.serving = false;
    });
    child.stderr?.setEncoding('utf8');
    child.stderr?.on('data', (text: string) => this.#cut(text, write));
    child.stderr?.on('close', () => this.#line !== '' && this.#cut('\n', write));
    this.#send(work);
  }

  get pid(): number | undefined {
    return this.#process.pid;
  }

  get alive(): boolean {
    return this.#process.exitCode === null && this.#process.signalCode === null;
  }

  /** The number of its current sessions. */
  get sessions(): number {
    return this.#sessions.size;
  }

  /** Whether it has descriptors for another session. */
  get hasRoom(): boolean {
    return this.sessions < this.#room && performance.now() >= this.#shortUntil;
  }

  /** The number of clients that it refuses at the moment. */
  get refused(): number {
    return this.#refused.size;
  }

  /** Passes a client to the worker. */
  give(id: number, client: Client, verdict: Slot | RefusalReason): void {
    const { socket, peer } = client;
    const refused = typeof verdict === 'string';
    if (refused) this.#refused.add(id);
    else this.#sessions.set(id, { slot: verdict });
    this.#underway.set(id, client);
    this.#send({ type: 'client', id, peer, ...(refused ? { refused: verdict } : {}) }, socket);
  }

  /** Passes the connection of a browser to the worker. */
  giveWeb(client: Client): void {
    const id = --this.#lastWeb;
    this.#underway.set(id, client);
    this.#send({ type: 'web', id, peer: client.peer }, client.socket);
  }

  async #admit({ request, peer }: Report & { type: 'admit' }): Promise<void> {
    const admission = await this.onAdmit(peer, this);
    if (admission === undefined) {
      this.#send({ type: 'admitted', request, session: undefined });
      return;
    }
    const { id, verdict } = admission;
    const isRefused = typeof verdict === 'string';
    if (this.#isOver) {
      if (!isRefused) verdict.release();
      return;
    }
    if (isRefused) this.#refused.add(id);
    else this.#sessions.set(id, { slot: verdict });
    this.#send({ type: 'admitted', request, session: { id, ...(isRefused ? { refused: verdict } : {}) } });
  }

  async #tryPassword({ request, address }: Report & { type: 'tryPassword' }): Promise<void> {
    this.#send({ type: 'loginAnswer', request, wait: (await this.logins?.attempt(address)) ?? 0 });
  }

  async #endLogin({ request, login }: Report & { type: 'endLogin' }): Promise<void> {
    await this.logins?.end(login);
    this.#send({ type: 'loginAnswer', request, wait: 0 });
  }

  /** Makes a login invalid in the worker. */
  endLogin(login: LoginId): void {
    this.#send({ type: 'loginEnded', login });
  }

  /**
   * Makes the worker check new settings; {@link apply} applies them. Rejects with the worker's error. Resolves if the
   * worker ends before it has answered.
   */
  check(settings: ServeSettings): Promise<void> {
    const checked = new Promise<void>((resolve, reject) => {
      this.#checked = error => (error === undefined ? resolve() : reject(error));
    });
    this.#send({ type: 'reload', settings });
    return Promise.race([checked, this.ended.then(() => {})]);
  }

  apply(): void {
    this.#send({ type: 'apply' });
  }

  /** Sends a ping. @returns whether any message was received since the ping before. */
  ping(): boolean {
    this.silent = !this.#hasReceived;
    this.#hasReceived = false;
    // Messages that it does not read would accumulate.
    if (!this.silent) this.#send({ type: 'ping' });
    return !this.silent;
  }

  /** Updates {@link metrics}. If the worker does not answer in time, they are unchanged. */
  report(): Promise<void> {
    if (!this.serving) return Promise.resolve();
    // A worker that hangs gets no second request: messages that it does not read accumulate here.
    if (!this.#isCollecting) this.#send({ type: 'collect' });
    this.#isCollecting = true;
    return new Promise(resolve => {
      const done = () => {
        clearTimeout(timer);
        this.#reportWaiters.delete(done);
        resolve();
      };
      const timer = setTimeout(done, REPORT_MS);
      this.#reportWaiters.add(done);
    });
  }

  #resolveReports(): void {
    for (const done of [...this.#reportWaiters]) done();
  }

  /** Makes it announce to its sessions that they are hung up after this number of milliseconds. */
  announce(timeout: number): void {
    this.#send({ type: 'announce', timeout });
  }

  stop(): void {
    this.#send({ type: 'stop' });
  }

  abort(): void {
    this.#send({ type: 'abort' });
  }

  kill(): void {
    this.#process.kill('SIGKILL');
  }

  #send(order: Order, socket?: Socket): void {
    // The process may have ended; its end is handled elsewhere.
    if (!this.#process.connected) return;
    // The socket is kept open here and not by Node, which would keep it forever if the worker dies.
    this.#process.send(order, socket, { keepOpen: true }, () => {});
  }

  #isShort(): void {
    this.#shortUntil = performance.now() + SHORT_PAUSE_MS;
  }

  /** The result for the socket that has been in transit for the longest time. */
  #arrived(wasTaken: boolean): void {
    const [first] = this.#underway;
    if (first === undefined) return;
    const [id, client] = first;
    this.#underway.delete(id);
    if (wasTaken) {
      client.socket.destroy();
      return;
    }
    this.#isShort();
    this.#refused.delete(id);
    this.#sessions.get(id)?.slot.release();
    this.#sessions.delete(id);
    this.onReturned(client);
  }

  #note(report: Report & { type: 'started' | 'left' }): void {
    this.#refused.delete(report.id);
    if (report.type === 'left') this.#leftUnderway(report.id);
    const held = this.#sessions.get(report.id);
    if (held === undefined) return;
    if (report.type === 'started') {
      held.leader = { pid: report.pid, seen: performance.now() };
      held.slot.started?.();
    } else {
      this.#sessions.delete(report.id);
      held.slot.release();
      this.#left();
    }
  }

  async #giveUser(request: number): Promise<void> {
    const uid = await this.userIds?.take();
    if (uid !== undefined && this.#isOver) this.userIds?.leave(uid, true);
    else {
      if (uid !== undefined) this.#users.add(uid);
      this.#send({ type: 'user', request, uid });
    }
  }

  #takeUserBack(uid: number, isFree: boolean): void {
    if (this.#users.delete(uid)) this.userIds?.leave(uid, isFree);
  }

  /** If the socket was closed before it was sent, the message came without one, and there is no answer to it. */
  #leftUnderway(id: number): void {
    this.#underway.get(id)?.socket.destroy();
    this.#underway.delete(id);
  }

  #end(how: string): WorkerEnd {
    this.#isOver = true;
    this.serving = false;
    this.#resolveReports();
    for (const { socket } of this.#underway.values()) socket.destroy();
    this.#underway.clear();
    const lost = [...this.#sessions.keys()];
    const leaders = [...this.#sessions.values()].flatMap(({ leader }) => leader ?? []);
    for (const { slot } of this.#sessions.values()) slot.release();
    this.#sessions.clear();
    this.#refused.clear();
    return { how, lost, leaders, users: [...this.#users] };
  }

  /** Splits the worker's output into lines, so that lines of several workers do not mix. */
  #cut(text: string, write: (line: string) => void): void {
    const lines = (this.#line + text).split('\n');
    this.#line = lines.pop() ?? '';
    if (this.#line.length > LONGEST_LINE) lines.push(this.#line.slice(0, LONGEST_LINE));
    if (this.#line.length > LONGEST_LINE) this.#line = this.#line.slice(LONGEST_LINE);
    for (const line of lines) if (line !== '') write(line);
  }
}

function cannotStart(reason: string): TelptyError {
  return new TelptyError('ERR_RUNTIME', `--workers: cannot start a worker: ${reason}`);
}

function endInWords({ exitCode, signalCode }: ChildProcess): string {
  return signalCode === null ? `exit ${exitCode}` : `killed by ${signalCode}`;
}
