import { EventEmitter } from 'node:events';
import { type AddressInfo, isIPv6 } from 'node:net';
import type { Duplex } from 'node:stream';
import { canonicalCharset } from '../charset/index.ts';
import { TelptyError } from '../errors.ts';
import { check, LONGEST_TIMER, readOptions } from '../options.ts';
import type { OptionDefinition, TelnetConfig } from '../protocol/index.ts';
import { closeSession, type HangupReason } from '../session/ending.ts';
import type { KeepAliveTimes } from '../session/liveness.ts';
import { Session } from '../session/session.ts';
import { type ListenOptions, type LocalListenOptions, readListenOptions } from '../transport/listen-options.ts';
import { type ListenerEvents, StreamListener, type Listener as TransportListener } from '../transport/listener.ts';
import { listenLocal } from '../transport/local.ts';
import { type Peer, peerOfDescriptor } from '../transport/peer.ts';
import { foreignProtocol } from '../transport/pre-session/foreign-protocol.ts';
import { type Arrival, ListenerPipeline } from '../transport/pre-session/listener-pipeline.ts';
import type { Refusal, StageUser } from '../transport/pre-session/stage.ts';
import type { Transport } from '../transport/stream/transport.ts';
import { listenTcp } from '../transport/tcp/tcp.ts';
import type { TlsOptions } from '../transport/tls/options.ts';
import type { Listener, LocalListener, TcpListener } from './listener.ts';
import { charsetOption, charsetProposal, offerCompression, openNegotiation, optionTable } from './negotiation.ts';
import { type AcceptOptions, acceptOptions, type ServerOptions, type Shell, serverOptions } from './options.ts';
import { SessionSet } from './session-set.ts';

/** After the last byte was handed to the transport: how long the peer may take to close its side, in milliseconds. */
const CLOSE_MS = 5_000;
/** The same while the server is being shut down. */
const SHUTDOWN_CLOSE_MS = 200;
/** After a shutdown's time is over and everything is cut off: how long shells may take to notice, in milliseconds. */
const CUT_MS = 1_000;
/**
 * So many may be waited for at a time to close their side. When another one comes, the one that has taken longest is closed: a
 * client that means it needs one way there and back, and one that does not holds a descriptor and no place.
 */
const MOST_CLOSING = 64;
/** How long a peer that is owed output may take none of it before it is given up, in milliseconds. */
const STALL_MS = 30_000;
/**
 * The same two times for a session that was hung up. Together they are the 5 s within which such a session is over once its
 * program is: a peer that reads nothing was often the reason for the hangup.
 */
const HANGUP_STALL_MS = 2_000;
const HANGUP_CLOSE_MS = 3_000;

/** How a session ended. */
export type SessionOutcome =
  /**
   * The shell settled; `result` is what it gave. Where the client turned out to speak another protocol than Telnet, it is
   * `{ refused: 'http' }` or the like, whatever the shell gave.
   */
  | { readonly result: unknown; readonly error?: undefined }
  /** The shell threw or rejected. */
  | { readonly error: unknown; readonly result?: undefined };

/** What is known about a connection that did not come by {@link Server.listen}. */
export interface ConnectionInfo {
  /** The session's number, where somebody else counts them; then for all sessions of the server. */
  readonly id?: number;
  /** Where it is known by itself; otherwise `remoteAddress` and `remotePort` say it. */
  readonly peer?: Peer | undefined;
  readonly remoteAddress?: string | undefined;
  readonly remotePort?: number | undefined;
  /** A ticket of `SessionLimits.ticket()`, if the address has been checked: `limit()` uses it. */
  readonly ticket?: object | undefined;
  /** Whether the connection is encrypted, where its stream does not show it, as a TLSSocket does. */
  readonly encrypted?: boolean;
}

/** The events of a {@link Server}. */
export interface ServerEvents {
  /** A listener is open. */
  listening: [listener: Listener];
  /** The server has stopped listening ({@link Server.close}, `drain()`, `shutdown()`), and its last session has ended. */
  close: [];
  /** A connection has become a session; the shell is called next. */
  session: [session: Session];
  /** The shell of a session has settled; what it has written is being delivered, and the connection closes. */
  settled: [session: Session, outcome: SessionOutcome];
  /** A session is over, its connection closed. */
  'session-end': [session: Session, outcome: SessionOutcome];
  /**
   * A connection has come to a listener and has become no session: the TLS handshake or PROXY header was wrong, late or
   * missing, or HTTP or the like was spoken where that could be seen at once. (Seen later, it is the outcome of the session.)
   */
  refused: [refusal: Refusal];
  /**
   * A listener has stopped accepting because hardly any descriptors are left (`isShort`), or accepts again. Clients that
   * connect in between wait in the kernel's queue. Linux only.
   */
  shortage: [state: { readonly isShort: boolean }];
  /** A listener failed. Without a listener for it the process ends, as with every EventEmitter. */
  error: [error: Error];
}

/** A Telnet server: makes every connection a {@link Session} and gives it to the shell. */
export class Server extends EventEmitter<ServerEvents> {
  readonly #shell: Shell;
  readonly #telnet: TelnetConfig;
  /** The same with compression, where that is to be offered. */
  readonly #compressed: TelnetConfig | undefined;
  readonly #proposeCharsets: ((this: Session) => void) | undefined;
  readonly #encoding: string;
  readonly #keepAlive: KeepAliveTimes;
  readonly #sessions = new SessionSet();
  readonly #listeners = new Map<TransportListener, Listener>();
  readonly #pipelines = new Set<ListenerPipeline>();
  /** Sessions that have sent all, whose peers have not closed their side yet. */
  readonly #leaving = new SessionSet();
  #nextId = 1;
  /** Once it was told to listen no more: what that waits for. */
  #stopped: readonly Promise<void>[] | undefined;
  /** Whether it ends its sessions. */
  #closing = false;
  #state: 'open' | 'listeners closed' | 'closed' = 'open';

  constructor(options: ServerOptions) {
    super();
    check(typeof options === 'object' && options !== null, 'createServer() needs a shell, or options with a shell');
    const settings = readOptions('createServer', serverOptions, options);
    const { shell, use, compression, compatibility, keepAlive, keepAliveTimeout } = settings;
    check(keepAliveTimeout === 0 || keepAlive > 0, 'keepAliveTimeout has no effect without keepAlive');
    this.#shell = use.reduceRight((inner, middleware) => middleware(inner), shell);
    this.#encoding = canonicalCharset(settings.encoding)!;
    this.#keepAlive = { interval: keepAlive, timeout: keepAliveTimeout };
    const table = optionTable(settings.requestEnviron, settings.telnetOptions);
    // Whoever brings a CHARSET of their own proposes what they like.
    if (table.includes(charsetOption)) this.#proposeCharsets = charsetProposal(this.#encoding);
    // Frozen, so that all sessions share it.
    const configOf = (definitions: OptionDefinition[]): TelnetConfig =>
      Object.freeze({ options: Object.freeze(definitions), carriageReturn: 'key', compatibility });
    this.#telnet = configOf(table);
    if (compression) this.#compressed = configOf(optionTable(settings.requestEnviron, settings.telnetOptions, true));
  }

  /** The sessions of this moment. */
  get sessions(): ReadonlySet<Session> {
    return this.#sessions;
  }

  /**
   * Listens for connections of this machine on a UNIX socket. A client has no address; `session.peer` names its user and process.
   *
   * @throws (rejects) the system's own error: `EADDRINUSE` if a server listens there, `ENOTSOCK` if the file is not a socket;
   *   otherwise as below; `ERR_PTY_UNSUPPORTED` without the addon.
   */
  listen(options: LocalListenOptions): Promise<LocalListener>;
  /**
   * Makes a session of each stream of an iterable. An error of the iterable is an `'error'` of the server; {@link drain} and
   * {@link shutdown} call its `return()`.
   */
  listen(options: AcceptOptions): Promise<Listener>;
  /**
   * Listens for TCP connections: plain ones, or TLS.
   *
   * @param options where, and how; a number is the port, on loopback.
   * @throws (rejects) the system's own error, e.g. `EADDRINUSE`; `ERR_SERVER_STATE` after {@link drain} or {@link shutdown};
   *   `ERR_INVALID_ARGUMENT`, also for certificates and keys that cannot be used.
   */
  listen(options: ListenOptions | number): Promise<TcpListener>;
  async listen(
    options: ListenOptions | LocalListenOptions | AcceptOptions | number,
  ): Promise<TcpListener | LocalListener | Listener> {
    if (this.#stopped !== undefined) throw new TelptyError('ERR_SERVER_STATE', 'the server has been shut down');
    const isPort = typeof options === 'number' || typeof options === 'string';
    const where = isPort ? { port: options } : options;
    check(typeof where === 'object' && where !== null, 'listen() takes a port or an object');
    if ('accept' in where) {
      return this.#accept(where);
    }
    const settings = readListenOptions(where);
    const pipeline = await ListenerPipeline.open(settings);
    const events = this.#eventsOf(pipeline);
    if ('path' in settings) {
      return this.#add({ path: settings.path }, await listenLocal(settings, events), pipeline);
    }
    const { listener, address, port } = await listenTcp(settings, events);
    return this.#add({ address, port }, listener, pipeline);
  }

  /** @param where what the listener that is returned says of itself. */
  async #add<T extends object>(
    where: T,
    opened: TransportListener,
    pipeline?: ListenerPipeline,
  ): Promise<T & Listener> {
    if (this.#stopped !== undefined) {
      pipeline?.close();
      await opened.close();
      throw new TelptyError('ERR_SERVER_STATE', 'the server was closed while the listener was being opened');
    }
    let closing: Promise<void> | undefined;
    const close = () => {
      closing ??= this.#close(opened, pipeline);
      return closing;
    };
    const listener = { ...where, close, [Symbol.asyncDispose]: close };
    this.#listeners.set(opened, listener);
    if (pipeline !== undefined) this.#pipelines.add(pipeline);
    this.emit('listening', listener);
    return listener;
  }

  async #close(listener: TransportListener, pipeline: ListenerPipeline | undefined): Promise<void> {
    // Otherwise it is being closed by drain() or shutdown().
    if (this.#listeners.delete(listener)) await listener.close();
    else await Promise.all(this.#stopped ?? []);
    if (pipeline === undefined || !this.#pipelines.delete(pipeline)) return;
    pipeline.close();
  }

  #accept(options: AcceptOptions): Promise<Listener> {
    const { accept } = readOptions('listen', acceptOptions, options);
    const take = (stream: Duplex) => {
      check(
        typeof stream?.pipe === 'function' && typeof stream.write === 'function',
        'accept must yield Duplex streams',
      );
      const { remoteAddress, remotePort } = stream as { remoteAddress?: unknown; remotePort?: unknown };
      // As a socket or an ssh2 channel of a known client has them.
      this.handle(stream, {
        remoteAddress: typeof remoteAddress === 'string' ? remoteAddress : undefined,
        remotePort: typeof remotePort === 'number' ? remotePort : undefined,
      });
    };
    return this.#add({}, new StreamListener(accept, take, error => this.emit('error', error)));
  }

  #eventsOf(pipeline: ListenerPipeline): ListenerEvents {
    const user: StageUser<Arrival> = {
      passed: ({ transport, peer, ticket }) => void this.handle(transport, { peer, ticket }),
      refused: refusal => this.emit('refused', refusal),
      // The connection is dropped, and loudly.
      failed: error => this.emit('error', error),
    };
    return {
      onConnection: socket => pipeline.enter(socket, user),
      onDescriptor: pipeline.takesDescriptors
        ? (fd, address, port) => pipeline.enterDescriptor(fd, peerOfDescriptor(fd, address, port), user)
        : undefined,
      onError: error => this.emit('error', error),
      onShortage: isShort => this.emit('shortage', { isShort }),
    };
  }

  /** Whether a listener is open. */
  get listening(): boolean {
    return this.#listeners.size > 0;
  }

  /**
   * Where the server listens, as `address()` of a `net.Server`. With several listeners it is the first that is open; the object that
   * {@link listen} returned has the address of each.
   *
   * @returns the path of a UNIX socket is a string; `null` if the server is not listening, or only takes streams of an iterable.
   */
  address(): AddressInfo | string | null {
    for (const listener of this.#listeners.values() as Iterable<Partial<TcpListener & LocalListener>>) {
      const { path, address, port } = listener;
      if (path !== undefined) return path;
      if (address !== undefined) return { address, port: port!, family: isIPv6(address) ? 'IPv6' : 'IPv4' };
    }
    return null;
  }

  /**
   * Changes the certificates of all listeners that speak TLS, for those who connect from now on. Nobody else notices.
   *
   * @param tls as for {@link listen}; `auto` is left as it is.
   * @throws `ERR_INVALID_ARGUMENT` for certificates and keys that cannot be used, and for a `ca` where a listener has `auto`;
   *   nothing has changed then.
   */
  setTls(tls: TlsOptions): void {
    for (const pipeline of this.#pipelines) pipeline.tls?.check(tls);
    for (const pipeline of this.#pipelines) pipeline.tls?.set(tls);
  }

  /**
   * Makes a session of any transport: a TLS socket, a WebSocket's stream, an ssh2 channel, a test's pair of streams.
   * The transport belongs to the session from now on.
   */
  handle(transport: Duplex | Transport, info: ConnectionInfo = {}): Session {
    const { encrypted = (transport as { encrypted?: unknown }).encrypted === true } = info;
    const compressed = encrypted ? undefined : this.#compressed;
    const { id = this.#nextId++, peer = peerAt(info), ticket } = info;
    const telnet = compressed ?? this.#telnet;
    const session = new Session(transport, {
      ...{ id, telnet, encoding: this.#encoding, keepAlive: this.#keepAlive, peer, ticket },
      recognize: foreignProtocol,
    });
    this.#sessions.add(session);
    // A broken connection ends in 'close' like every other; how the shell fared is told by 'session-end'.
    session.on('error', ignore);
    this.#run(session, compressed !== undefined);
    return session;
  }

  /**
   * Stops listening, as `close()` of a `net.Server`: sessions go on, and `'close'` comes when the last one has ended. Connections that
   * have no session yet, such as those in a TLS handshake, are closed. {@link drain} waits with a time limit, {@link shutdown} ends the
   * sessions; both may be called after this.
   *
   * @param callback called once at `'close'`, also if the server is closed already.
   */
  close(callback?: () => void): this {
    if (callback !== undefined) {
      if (this.#state === 'closed') process.nextTick(callback);
      else this.once('close', callback);
    }
    this.#stopListening();
    this.#closePipelines();
    return this;
  }

  /** {@link shutdown} with its default times: at most 11 s. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.shutdown();
  }

  /**
   * Stops listening, and waits for the sessions to end by themselves. Nobody is told; {@link sessions} are there to be told.
   *
   * @param options.timeout milliseconds to wait at most; default: as long as it takes.
   * @returns whether none is left. {@link shutdown} ends those that are, and may be called meanwhile.
   */
  async drain(options: { timeout?: number } = {}): Promise<boolean> {
    await Promise.all(this.#stopListening());
    return this.#emptied(options.timeout ?? LONGEST_TIMER);
  }

  /**
   * Stops listening, asks every session to end, delivers what is owed and closes.
   *
   * @param options.drain milliseconds in which sessions may end by themselves before that; default 0.
   * @param options.timeout milliseconds after which what is still open is cut off, and a second later no longer waited
   *   for; default 10,000.
   */
  async shutdown(options: { drain?: number; timeout?: number } = {}): Promise<void> {
    const { drain = 0, timeout = 10_000 } = options;
    if (drain > 0) await this.drain({ timeout: drain });
    // At once, where nothing has to be waited for.
    const stopped = this.#stopListening();
    if (stopped.length > 0) await Promise.all(stopped);
    this.#closing = true;
    this.#closePipelines();
    const emptied = this.#emptied(timeout);
    for (const session of [...this.#sessions]) {
      // One that only waits for the peer to close its side has nothing more to say.
      if (session.writableFinished) session.destroy();
      else session.hangup('shutdown' satisfies HangupReason);
    }
    if (await emptied) return;
    for (const session of this.#sessions) session.destroy();
    // A shell that does not settle even now is not waited for.
    await this.#emptied(CUT_MS);
  }

  /** Closes the listeners. @returns what to wait for, where another server has taken a port over. */
  #stopListening(): readonly Promise<void>[] {
    if (this.#stopped === undefined) {
      this.#stopped = [...this.#listeners.keys()].flatMap(listener => listener.close() ?? []);
      this.#listeners.clear();
      void Promise.all(this.#stopped).then(() => {
        this.#state = 'listeners closed';
        this.#closeIfEmpty();
      });
    }
    return this.#stopped;
  }

  #closePipelines(): void {
    for (const pipeline of this.#pipelines) pipeline.close();
    this.#pipelines.clear();
  }

  #closeIfEmpty(): void {
    if (this.#state !== 'listeners closed' || this.#sessions.size > 0) return;
    this.#state = 'closed';
    // After drain() a connection may be in a TLS handshake; no session begins after 'close'.
    this.#closePipelines();
    this.emit('close');
  }

  /** Resolves with true once there is no session, or with false when so many milliseconds have passed before. */
  #emptied(timeout: number): Promise<boolean> {
    if (this.#sessions.size === 0) return Promise.resolve(true);
    return new Promise(resolve => {
      const settle = (empty: boolean) => {
        clearTimeout(timer);
        this.removeListener('session-end', look);
        resolve(empty);
      };
      const look = () => this.#sessions.size === 0 && settle(true);
      const timer = setTimeout(settle, Math.min(timeout, LONGEST_TIMER), false);
      this.on('session-end', look);
    });
  }

  #run(session: Session, compresses: boolean): void {
    // Not an async function: what that keeps until the shell settles, which may be days, is twice as much as this.
    let running: unknown;
    try {
      this.emit('session', session);
      // One packet for all that is asked at the beginning, the shell's own requests included.
      running = session.batch(() => {
        openNegotiation(session, this.#proposeCharsets);
        if (compresses) offerCompression(session);
        return this.#shell(session);
      });
    } catch (error) {
      void this.#end(session, { error });
      return;
    }
    Promise.resolve(running).then(
      result => this.#end(session, { result }),
      error => this.#end(session, { error }),
    );
  }

  /** A session has sent all. @returns how long its peer may take to close its side, in milliseconds. */
  #finished(session: Session): number {
    // A shutdown ends many at once, and has little time as it is.
    if (this.#closing) return SHUTDOWN_CLOSE_MS;
    this.#leaving.add(session);
    const [longest] = this.#leaving;
    if (this.#leaving.size > MOST_CLOSING && longest !== undefined) {
      this.#leaving.delete(longest);
      longest.destroy();
    }
    return isHungUp(session) ? HANGUP_CLOSE_MS : CLOSE_MS;
  }

  async #end(session: Session, outcome: SessionOutcome): Promise<void> {
    const { foreign } = session;
    const known = foreign === undefined ? outcome : { result: { refused: foreign } };
    this.emit('settled', session, known);
    await closeSession(session, () => this.#finished(session), isHungUp(session) ? HANGUP_STALL_MS : STALL_MS);
    this.#leaving.delete(session);
    this.#sessions.delete(session);
    this.emit('session-end', session, known);
    this.#closeIfEmpty();
  }
}

/**
 * Makes a {@link Server}; it listens once {@link Server.listen} is called.
 *
 * @param options a shell alone will do: `createServer(session => …)`.
 */
export function createServer(options: ServerOptions | Shell): Server {
  return new Server(typeof options === 'function' ? { shell: options } : options);
}

function peerAt({ remoteAddress, remotePort }: ConnectionInfo): Peer | undefined {
  return remoteAddress === undefined ? undefined : { kind: 'ip', address: remoteAddress, port: remotePort };
}

function isHungUp(session: Session): boolean {
  return session.hangupReason !== undefined;
}

function ignore(): void {}
