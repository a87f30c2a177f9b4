/**
 * Listeners of a server. Two kinds accept sockets: ports (tcp.ts) and UNIX sockets (local.ts). The third kind takes
 * streams that the application has accepted.
 */
import { createServer, type Server, type Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { descriptor } from '../native/node-internals.ts';
import { unwatchListener } from '../native/sockets.ts';
import {
  type Acceptor,
  type ClosedReason,
  DirectAcceptor,
  ShortageGuard,
  type TakeDescriptor,
} from './tcp/accepting.ts';

/** The address of a listener: an address and a port, or the path of a UNIX socket. */
export type ListenerAddress = { readonly address: string; readonly port: number } | { readonly path: string };

/** A source of connections for a server. */
export interface Listener {
  /**
   * Stops listening. Connections that were already accepted stay open.
   *
   * @returns a promise to wait for; undefined if the listener is already closed.
   */
  close(): Promise<void> | undefined;
}

/** The events of a listener. */
export interface ListenerEvents {
  /** A connection was accepted; nothing has been read from it. */
  onConnection(socket: Socket): void;
  /**
   * The same for a connection without a socket of Node.js. If this function is given, a connection is passed to one of
   * the two.
   */
  onDescriptor?: TakeDescriptor | undefined;
  /** Listening or accepting failed. */
  onError(error: Error): void;
  /** The listener stopped accepting because descriptors are exhausted (true), or accepts again (false). */
  onShortage?(isShort: boolean): void;
}

/** The parts in which the kinds of {@link SocketListener} differ. */
export interface ListenerKind {
  /** Whether a connection is still open. Otherwise it is closed without a message. */
  isAlive?(socket: Socket): boolean;
  /** Called before the socket is closed. @returns a promise to wait for before that. */
  beforeClose?(): Promise<void> | undefined;
}

/** A listening socket. */
export class SocketListener implements Listener, Acceptor {
  readonly #server: Server;
  readonly #kind: ListenerKind;
  #direct: DirectAcceptor | undefined;
  #reasons = 0;

  private constructor(server: Server, kind: ListenerKind) {
    this.#server = server;
    this.#kind = kind;
  }

  /**
   * @param place as for Node's `listen()`.
   * @param prepare called when the server listens; if it throws, the server is closed again.
   * @throws (rejects) the system's own error.
   */
  static open(
    place: { host?: string; port?: number; fd?: number; backlog: number },
    options: { keepAliveMs?: number },
    events: ListenerEvents,
    prepare: (server: Server) => ListenerKind,
  ): Promise<SocketListener> {
    const { keepAliveMs } = options;
    const isTcp = keepAliveMs !== undefined;
    let guard: ShortageGuard | undefined;
    let kind: ListenerKind | undefined;
    const server = createServer(
      {
        allowHalfOpen: true,
        ...(isTcp ? { noDelay: true, keepAlive: true, keepAliveInitialDelay: keepAliveMs } : {}),
        // The data is read by the addon, if it is available, or by another process.
        pauseOnConnect: true,
      },
      socket => {
        if (kind?.isAlive?.(socket) === false) {
          socket.destroy();
          return;
        }
        events.onConnection(socket);
        guard?.accepted();
      },
    );
    return new Promise((resolve, reject) => {
      server.once('error', reject);
      server.listen(place, () => {
        server.removeListener('error', reject);
        try {
          kind = prepare(server);
        } catch (error) {
          server.close();
          reject(error);
          return;
        }
        server.on('error', error => events.onError(error));
        const listener = new SocketListener(server, kind);
        guard = new ShortageGuard(listener, events.onShortage?.bind(events));
        server.once('close', () => guard?.stop());
        listener.#acceptDirectly(events.onDescriptor, keepAliveMs, guard);
        resolve(listener);
      });
    });
  }

  #acceptDirectly(take: TakeDescriptor | undefined, keepAliveMs: number | undefined, guard: ShortageGuard): void {
    if (take === undefined) return;
    const accepted: TakeDescriptor = (fd, address, port) => {
      take(fd, address, port);
      guard.accepted();
    };
    this.#direct = DirectAcceptor.open(this.#server, keepAliveMs, accepted, () => guard.failed());
  }

  /** The address that Node reports; null or a path for a UNIX socket. */
  get address(): ReturnType<Server['address']> {
    return this.#server.address();
  }

  get isListening(): boolean {
    return this.#server.listening;
  }

  /** Does nothing outside Linux. */
  stopAccepting(reason: ClosedReason): void {
    const before = this.#reasons;
    this.#reasons = before | reason;
    if (before === 0) this.#hold(true);
  }

  continueAccepting(reason: ClosedReason): void {
    const before = this.#reasons;
    this.#reasons = before & ~reason;
    if (before === reason) this.#hold(false);
  }

  #hold(held: boolean): void {
    if (this.#direct !== undefined) {
      this.#direct.hold(held);
      return;
    }
    const fd = descriptor(this.#server);
    if (fd !== undefined) unwatchListener(fd, held);
  }

  close(): Promise<void> | undefined {
    const waiting = this.isListening ? this.#kind.beforeClose?.() : undefined;
    if (waiting !== undefined) return waiting.then(() => this.#close());
    this.#close();
    return undefined;
  }

  #close(): void {
    this.#direct?.close();
    this.#server.close();
  }
}

/** Takes streams from an iterable. */
export class StreamListener implements Listener {
  readonly #streams: AsyncIterator<Duplex>;
  #isClosed = false;

  /**
   * @param onStream takes each stream.
   * @param onError is called once when the iterable fails, and for each stream that `onStream` throws for.
   */
  constructor(streams: AsyncIterable<Duplex>, onStream: (stream: Duplex) => void, onError: (error: Error) => void) {
    this.#streams = streams[Symbol.asyncIterator]();
    void this.#run(onStream, onError);
  }

  async #run(onStream: (stream: Duplex) => void, onError: (error: Error) => void): Promise<void> {
    try {
      for (let next = await this.#streams.next(); !next.done; next = await this.#streams.next()) {
        // `next()` was called before `close()`.
        if (this.#isClosed) next.value.on('error', ignore).destroy();
        else take(next.value, onStream, onError);
      }
    } catch (error) {
      if (!this.#isClosed) onError(error as Error);
    }
  }

  close(): undefined {
    if (this.#isClosed) return;
    this.#isClosed = true;
    // A suspended generator ends only when its next stream arrives; nothing waits for that.
    this.#streams.return?.().catch(() => {});
  }
}

function ignore(): void {}

function take(stream: Duplex, onStream: (stream: Duplex) => void, onError: (error: Error) => void): void {
  try {
    onStream(stream);
  } catch (error) {
    onError(error as Error);
  }
}
