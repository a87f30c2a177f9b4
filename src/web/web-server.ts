/**
 * An HTTP server for a gateway, without a port of its own: it is given connections that were accepted and checked
 * elsewhere, also by another process.
 *
 * A connection that has not become a WebSocket costs nothing but its descriptor, and only for a short time: there are
 * at most {@link MOST_CONNECTIONS} of them, and each request, each answer and each pause between two of them has a time
 * limit. Node's own time limits work only in servers that listen.
 */
import { createServer, type Server as HttpServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { createServer as createSecureServer } from 'node:https';
import type { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import type { TLSSocket } from 'node:tls';
import { connectionBelow } from '../native/node-internals.ts';
import { addressKey } from '../shells/guards/addresses.ts';
import type { IpPeer } from '../transport/peer.ts';
import { secureServerOptions, type TlsOptions } from '../transport/tls/options.ts';
import type { HttpConnections } from './gateway.ts';

/** Connections that are not WebSockets. For one more, the oldest of the address with the most of them is closed. */
const MOST_CONNECTIONS = 512;
/** The longest headers of a request, in bytes. */
const MOST_HEADER_BYTES = 8 * 1024;

/** Time limits, in milliseconds. */
export interface TimeLimits {
  /** For a TLS handshake and the headers of a request; it is also the longest pause between two requests. */
  readonly headersMs: number;
  /** For the rest of a request and its answer. A slow phone gets the page in this time. */
  readonly answerMs: number;
  /** How often the limits are checked. */
  readonly checkMs: number;
}

const LIMITS: TimeLimits = { headersMs: 10_000, answerMs: 60_000, checkMs: 1_000 };

/** The requests go to it. */
interface Handler {
  handleRequest(request: IncomingMessage, response: ServerResponse): boolean;
  handleUpgrade(request: IncomingMessage, socket: Duplex, head: Buffer): boolean;
}

/** A connection that is not a WebSocket. */
interface Pending {
  readonly peer: IpPeer;
  /** The part of the address that counts as one client. */
  readonly client: string;
  /** When its current time limit began. */
  since: number;
  /** Whether a request is being answered. */
  isAnswering: boolean;
}

export class WebServer implements HttpConnections {
  /** By the TCP socket, in the order of their arrival. */
  readonly #pending = new Map<Socket, Pending>();
  readonly #check: NodeJS.Timeout;
  readonly #isSecure: boolean;
  readonly #limits: TimeLimits;
  #handler: Handler | undefined;
  #server: HttpServer;
  #isClosed = false;

  /** @param tls with it, all connections use HTTPS. @throws TelptyError `ERR_INVALID_ARGUMENT` */
  constructor(tls: TlsOptions | undefined, limits: TimeLimits = LIMITS) {
    this.#isSecure = tls !== undefined;
    this.#limits = limits;
    this.#server = this.#create(tls);
    this.#check = setInterval(() => this.#closeLate(), limits.checkMs).unref();
  }

  /** Requests go to the handler from now on. */
  serve(handler: Handler): void {
    this.#handler = handler;
  }

  /** Uses these certificates for new connections. @throws TelptyError `ERR_INVALID_ARGUMENT` */
  setTls(tls: TlsOptions): void {
    // A new server: setSecureContext() would not change the request for client certificates.
    this.#server = this.#create(tls);
  }

  #create(tls: TlsOptions | undefined): HttpServer {
    const options = { maxHeaderSize: MOST_HEADER_BYTES, keepAliveTimeout: this.#limits.headersMs, noDelay: true };
    const server =
      tls === undefined ? createServer(options) : createSecureServer({ ...options, ...secureServerOptions(tls) });
    // Node drops the headers beyond a limit. Then the last ones, those of a proxy, would be missing.
    server.maxHeadersCount = 0;
    server.on('request', (request, response) => this.#request(request, response));
    server.on('upgrade', (request, socket, head) => this.#upgrade(request, socket, head));
    server.on('clientError', (_error, socket) => socket.destroy());
    server.on('tlsClientError', (_error, socket) => socket.destroy());
    return server;
  }

  /** Takes a connection of which nothing has been read, or only a PROXY header. */
  take(socket: Socket, peer: IpPeer): void {
    socket.on('error', ignore);
    if (this.#isClosed) {
      socket.destroy();
      return;
    }
    if (this.#pending.size >= MOST_CONNECTIONS) this.#closeOne();
    this.#pending.set(socket, {
      peer,
      client: addressKey(peer.address) ?? '',
      since: performance.now(),
      isAnswering: false,
    });
    socket.once('close', () => this.#pending.delete(socket));
    // As Node's own listeners set it. A process that received the socket from another one gets it without.
    socket.allowHalfOpen = !this.#isSecure;
    this.#server.emit('connection', socket);
    // Its listener paused it.
    socket.resume();
  }

  peerOf(socket: Socket): IpPeer | undefined {
    return this.#pending.get(below(socket))?.peer;
  }

  /** From here on, its session has its own time limits. */
  released(socket: Socket): void {
    this.#pending.delete(below(socket));
  }

  /** One address cannot take the places of all others. */
  #closeOne(): void {
    const sockets = new Map<string, Socket[]>();
    for (const [socket, { client }] of this.#pending) {
      const others = sockets.get(client);
      if (others === undefined) sockets.set(client, [socket]);
      else others.push(socket);
    }
    const most = Math.max(...[...sockets.values()].map(({ length }) => length));
    const [oldest] = [...sockets.values()].find(({ length }) => length === most) ?? [];
    if (oldest === undefined) return;
    this.#pending.delete(oldest);
    oldest.destroy();
  }

  #request(request: IncomingMessage, response: ServerResponse): void {
    this.#restart(request.socket, true);
    response.once('close', () => this.#restart(request.socket, false));
    if (this.#handler?.handleRequest(request, response)) return;
    response.writeHead(404, { 'Content-Length': 0 }).end();
  }

  #restart(socket: Socket, isAnswering: boolean): void {
    const pending = this.#pending.get(below(socket));
    if (pending === undefined) return;
    pending.isAnswering = isAnswering;
    pending.since = performance.now();
  }

  #upgrade(request: IncomingMessage, socket: Duplex, head: Buffer): void {
    // It counts as pending until its session begins.
    this.#restart(socket as Socket, true);
    if (!this.#handler?.handleUpgrade(request, socket, head)) socket.destroy();
  }

  #closeLate(): void {
    const now = performance.now();
    const { answerMs, headersMs } = this.#limits;
    for (const [socket, { since, isAnswering }] of this.#pending) {
      if (now - since > (isAnswering ? answerMs : headersMs)) socket.destroy();
    }
  }

  /** Closes the connections that are not WebSockets. */
  close(): void {
    this.#isClosed = true;
    clearInterval(this.#check);
    for (const socket of this.#pending.keys()) socket.destroy();
  }
}

/** The TCP socket of a connection. */
function below(socket: Socket): Socket {
  return (socket as Partial<TLSSocket>).encrypted === true ? (connectionBelow(socket as TLSSocket) ?? socket) : socket;
}

function ignore(): void {}
