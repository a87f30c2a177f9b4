/**
 * What a server listens on. Two kinds accept sockets: ports (tcp.ts) and UNIX sockets (local.ts). The third takes streams that
 * somebody else has accepted.
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

/** Where a listener is: a port, or the path of a UNIX socket. */
export type ListenerAddress = { readonly address: string; readonly port: number } | { readonly path: string };

/** What a server listens on. */
export interface Listener {
  /**
   * Stops listening. Connections that were accepted stay.
   *
   * @returns what to wait for; undefined where it is closed already.
   */
  close(): Promise<void> | undefined;
}

/** The calls of a listener. */
export interface ListenerEvents {
  /** A connection was accepted; nothing has been read from it. */
  onConnection(socket: Socket): void;
  /** The same for one that is not a socket of Node.js. With this function connections come to either of the two. */
  onDescriptor?: TakeDescriptor | undefined;
  /** Accepting has failed, or listening. */
  onError(error: Error): void;
  /** It has stopped accepting for want of descriptors (true), or goes on (false). */
  onShortage?(isShort: boolean): void;
}

/** What a kind of listener adds. */
export interface ListenerKind {
  /** Whether a connection is still there. One that is not is closed without a word. */
  isAlive?(socket: Socket): boolean;
  /** What is due before the socket closes. @returns what to wait for before that. */
  beforeClose?(): Promise<void> | undefined;
}

/** A socket that listens. */
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
   * @param prepare called when it listens; what it throws closes it again.
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
        // The addon reads, where there is one, or another process does.
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

  /** Where Node says that it listens; of a UNIX socket null or a path. */
  get address(): ReturnType<Server['address']> {
    return this.#server.address();
  }

  get isListening(): boolean {
    return this.#server.listening;
  }

  /** Outside Linux it does nothing. */
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
        // It was asked for before the end.
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
    // A generator that waits for its next stream ends when that comes; nothing waits for it.
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
