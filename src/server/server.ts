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

/** How long the peer may take to close its side after the last byte was passed to the transport, in milliseconds. */
const CLOSE_MS = 5_000;
/** The same while the server is being shut down. */
const SHUTDOWN_CLOSE_MS = 200;
/** How long shells may take to settle after a shutdown has destroyed their sessions, in milliseconds. */
const CUT_MS = 1_000;
/**
 * How many peers the server waits for at a time until they close their side. For one more, the one that has taken
 * longest is destroyed. A well-behaved client needs one round trip; any other occupies a descriptor, but no slot of the
 * session limits.
 */
const MOST_CLOSING = 64;
/** How long a peer may take none of its pending output before its session is destroyed, in milliseconds. */
const STALL_MS = 30_000;
/**
 * The same two times for a session that was hung up. Together they are the 5 s in which such a session ends after its
 * program. A peer that reads nothing was often the reason for the hangup.
 */
const HANGUP_STALL_MS = 2_000;
const HANGUP_CLOSE_MS = 3_000;

/** How a session ended. */
export type SessionOutcome =
  /**
   * The shell settled with `result`. If the client turned out to speak another protocol than Telnet, `result` is
   * `{ refused: 'http' }` or similar, whatever the shell returned.
   */
  | { readonly result: unknown; readonly error?: undefined }
  /** The shell threw or rejected. */
  | { readonly error: unknown; readonly result?: undefined };

/** Facts about a connection that was not accepted by {@link Server.listen}. */
export interface ConnectionInfo {
  /** The session's number, if the caller numbers them. Then it must number all sessions of the server. */
  readonly id?: number;
  /** The other end. Default: made from `remoteAddress` and `remotePort`. */
  readonly peer?: Peer | undefined;
  readonly remoteAddress?: string | undefined;
  readonly remotePort?: number | undefined;
  /** A ticket of `SessionLimits.ticket()`, if the address has been checked: `limit()` uses it. */
  readonly ticket?: object | undefined;
  /** Whether the connection is encrypted. Default: the property `encrypted` of the stream, which a TLSSocket has. */
  readonly encrypted?: boolean;
}

/** The events of a {@link Server}. */
export interface ServerEvents {
  /** A listener is open. */
  listening: [listener: Listener];
  /**
   * The server has stopped listening ({@link Server.close}, `drain()`, `shutdown()`), and its last session has ended.
   */
  close: [];
  /** A connection has become a session; the shell is called next. */
  session: [session: Session];
  /** The shell of a session has settled; what it has written is being delivered, and the connection closes. */
  settled: [session: Session, outcome: SessionOutcome];
  /** A session has ended, and its connection is closed. */
  'session-end': [session: Session, outcome: SessionOutcome];
  /**
   * A connection did not become a session. Its TLS handshake or PROXY header was invalid, late or missing, or its first
   * bytes were HTTP or another protocol. (If that is recognized later, it is the outcome of the session.)
   */
  refused: [refusal: Refusal];
  /**
   * A listener has stopped accepting because hardly any descriptors are left (`isShort`), or accepts again. Clients
   * that connect in between wait in the kernel's queue. Linux only.
   */
  shortage: [state: { readonly isShort: boolean }];
  /**
   * A listener failed, or `authenticate` of a web gateway did. Without a listener for this event the process ends, as
   * with every EventEmitter.
   */
  error: [error: Error];
}

/** A Telnet server: makes a {@link Session} of each connection and calls the shell with it. */
export class Server extends EventEmitter<ServerEvents> {
  readonly #shell: Shell;
  readonly #telnet: TelnetConfig;
  /** The same with compression, if it is offered. */
  readonly #compressed: TelnetConfig | undefined;
  readonly #proposeCharsets: ((this: Session) => void) | undefined;
  readonly #encoding: string;
  readonly #keepAlive: KeepAliveTimes;
  readonly #sessions = new SessionSet();
  readonly #listeners = new Map<TransportListener, Listener>();
  readonly #pipelines = new Set<ListenerPipeline>();
  /** Sessions that have sent everything, and whose peers have not closed their side yet. */
  readonly #leaving = new SessionSet();
  #nextId = 1;
  /** Set once the server stops listening: what that waits for. */
  #stopped: readonly Promise<void>[] | undefined;
  /** Whether the server ends its sessions. */
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
    // An application's own CHARSET option makes its own proposals.
    if (table.includes(charsetOption)) this.#proposeCharsets = charsetProposal(this.#encoding);
    // Frozen, so that all sessions share it.
    const configOf = (definitions: OptionDefinition[]): TelnetConfig =>
      Object.freeze({ options: Object.freeze(definitions), carriageReturn: 'key', compatibility });
    this.#telnet = configOf(table);
    if (compression) this.#compressed = configOf(optionTable(settings.requestEnviron, settings.telnetOptions, true));
  }

  /** The current sessions. */
  get sessions(): ReadonlySet<Session> {
    return this.#sessions;
  }

  /**
   * Listens for connections of this machine on a UNIX socket. A client has no address; `session.peer` names its user
   * and process.
   *
   * @throws (rejects) the system's own error: `EADDRINUSE` if a server listens there, `ENOTSOCK` if the file is not a
   *   socket; otherwise as below; `ERR_PTY_UNSUPPORTED` without the addon.
   */
  listen(options: LocalListenOptions): Promise<LocalListener>;
  /**
   * Makes a session of each stream of an iterable. An error of the iterable is an `'error'` of the server; {@link
   * drain} and {@link shutdown} call its `return()`.
   */
  listen(options: AcceptOptions): Promise<Listener>;
  /**
   * Listens for TCP connections: plain ones, or TLS.
   *
   * @param options where, and how; a number is the port, on loopback.
   * @throws (rejects) the system's own error, e.g. `EADDRINUSE`; `ERR_SERVER_STATE` after {@link drain} or {@link
   *   shutdown}; `ERR_INVALID_ARGUMENT`, also for certificates and keys that cannot be used.
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

  /** @param where the address properties of the returned listener. */
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
      // Sockets and ssh2 channels have these properties if the client's address is known.
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
      // The connection is dropped, and the error is reported.
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

  /** @internal Whether it has stopped listening, or is about to: no more connections become sessions. */
  get isStopped(): boolean {
    return this.#stopped !== undefined;
  }

  /** Whether a listener is open. */
  get listening(): boolean {
    return this.#listeners.size > 0;
  }

  /**
   * Where the server listens, as `address()` of a `net.Server`. With several listeners it is the first that is open;
   * the object that {@link listen} returned has the address of each.
   *
   * @returns the path of a UNIX socket is a string; `null` if the server is not listening, or only takes streams of an
   *   iterable.
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
   * Changes the certificates of all TLS listeners for new connections. Existing connections are not affected.
   *
   * @param tls as for {@link listen}; `auto` is left as it is.
   * @throws `ERR_INVALID_ARGUMENT` for certificates and keys that cannot be used, and for a `ca` where a listener has
   *   `auto`; then nothing has changed.
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
    // A broken connection ends in 'close' like any other; 'session-end' has the outcome of the shell.
    session.on('error', ignore);
    this.#run(session, compressed !== undefined);
    return session;
  }

  /**
   * Stops listening, as `close()` of a `net.Server`: sessions go on, and `'close'` comes when the last one has ended.
   * Connections that have no session yet, such as those in a TLS handshake, are closed. {@link drain} waits with a time
   * limit, {@link shutdown} ends the sessions; both may be called after this.
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
   * Stops listening, and waits for the sessions to end by themselves. It sends no message to the {@link sessions}; the
   * caller can.
   *
   * @param options.timeout the longest wait in milliseconds; default: no limit.
   * @returns whether all sessions have ended. {@link shutdown} ends the others, and may be called while this waits.
   */
  async drain(options: { timeout?: number } = {}): Promise<boolean> {
    await Promise.all(this.#stopListening());
    return this.#emptied(options.timeout ?? LONGEST_TIMER);
  }

  /**
   * Stops listening, asks every session to end, delivers pending output and closes the connections.
   *
   * @param options.drain how long sessions may first end by themselves, in milliseconds; default 0.
   * @param options.timeout how long they may then take, in milliseconds; default 10,000. Sessions that are still open
   *   are destroyed, and shells that have not settled one second later are no longer waited for.
   */
  async shutdown(options: { drain?: number; timeout?: number } = {}): Promise<void> {
    const { drain = 0, timeout = 10_000 } = options;
    if (drain > 0) await this.drain({ timeout: drain });
    // Without a wait if there is nothing to wait for.
    const stopped = this.#stopListening();
    if (stopped.length > 0) await Promise.all(stopped);
    this.#closing = true;
    this.#closePipelines();
    const emptied = this.#emptied(timeout);
    for (const session of [...this.#sessions]) {
      // It has sent everything and only waits for the peer to close its side.
      if (session.writableFinished) session.destroy();
      else session.hangup('shutdown' satisfies HangupReason);
    }
    if (await emptied) return;
    for (const session of this.#sessions) session.destroy();
    // A shell that still does not settle is not waited for.
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

  /** Resolves with true once there is no session, or with false after `timeout` milliseconds. */
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
    // Not an async function: it would retain twice as much memory until the shell settles, which may take days.
    let running: unknown;
    try {
      this.emit('session', session);
      // One packet for all requests at the beginning, including those of the shell.
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

  /** A session has sent everything. @returns how long its peer may take to close its side, in milliseconds. */
  #finished(session: Session): number {
    // A shutdown ends many sessions at once in limited time.
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
 * Makes a {@link Server}. It listens once {@link Server.listen} is called.
 *
 * @param options the options, or only a shell: `createServer(session => …)`.
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
