import type { Socket } from 'node:net';
import { createServer, type Server, type TLSSocket } from 'node:tls';
import { addon } from '../../native/load.ts';
import { connectionBelow, stopReading } from '../../native/node-internals.ts';
import type { Peer } from '../peer.ts';
import { type ForeignProtocol, foreignProtocol, TLS_HANDSHAKE } from '../pre-session/foreign-protocol.ts';
import { PendingConnection, PendingConnections, type StageUser } from '../pre-session/stage.ts';
import { StreamTransport, type Transport } from '../stream/transport.ts';
import { adoptTcp } from '../tcp/tcp.ts';
import { readTlsOptions, secureServerOptions, type TlsOptions } from './options.ts';

/**
 * If only TLS is accepted: how long a client may stay silent, in milliseconds, before it gets a notice. A TLS client
 * sends first, and at once if its processor is not slow or busy; a Telnet user waits for a server that seems dead.
 */
const NOTICE_DELAY_MS = 5_000;
/**
 * If both are accepted: a client that stays silent for this time, in milliseconds, is a Telnet client that waits for
 * the server.
 */
const SILENCE_MS = 500;

/** The beginning of notices to clients without TLS. */
export const TLS_ONLY = 'This is a Telnet server that speaks TLS.';
/** The notice to a Telnet client without TLS. */
const PLAIN_NOTICE = `${TLS_ONLY} Connect with a TLS client.\r\n`;
const HTTP_RESPONSE = httpAnswer('This is a Telnet server.\n');

/**
 * Makes transports of TLS connections, and, if `auto` is set, of others. The first byte decides: it is peeked at and
 * not read, so that a plain connection is treated exactly as without TLS.
 */
export class TlsStage {
  readonly #auto: boolean;
  readonly #waiting = new PendingConnections();
  /** The connections in a handshake, by the socket that was passed to Node's TLS server. */
  readonly #pending = new WeakMap<Socket, Handshake>();
  #handshakeTimeout!: number;
  #tls!: Server;

  /** @throws TelptyError `ERR_INVALID_ARGUMENT`; `ERR_PTY_UNSUPPORTED` for `auto` without the addon. */
  constructor(options: TlsOptions) {
    this.#auto = options.auto ?? false;
    if (this.#auto) addon();
    this.set(options);
  }

  /** @throws TelptyError `ERR_INVALID_ARGUMENT` for options that {@link set} would not accept. */
  check(options: TlsOptions): void {
    readTlsOptions(options, this.#auto);
  }

  /**
   * Uses these options from now on. Handshakes that have begun finish with the former ones. `auto` is not changed.
   *
   * @throws TelptyError `ERR_INVALID_ARGUMENT`; then nothing has changed.
   */
  set(options: TlsOptions): void {
    const { cert, key, ca, handshakeTimeout } = readTlsOptions(options, this.#auto);
    // It does not listen: connections are passed to it. A new server is made, because setSecureContext() does not
    // change the request for client certificates. Session tickets of the former server are not valid for this one.
    this.#tls = createServer(secureServerOptions({ cert, key, ca }));
    this.#handshakeTimeout = handshakeTimeout;
    this.#tls.on('secureConnection', socket => this.#secure(socket));
    this.#tls.on('tlsClientError', (error, socket) => this.#failed(error, socket));
  }

  /** Takes a connection of which nothing has been read. */
  enter(socket: Socket, peer: Peer, user: StageUser<Transport>): void {
    // Sockets from another process are already reading.
    stopReading(socket);
    const pending = new PendingConnection(this.#waiting, socket, peer, user);
    const handshake = { pending, user };
    if (this.#auto) pending.setDeadline(SILENCE_MS, () => this.#plain(handshake));
    else this.#setDeadline(pending, Math.min(NOTICE_DELAY_MS, this.#handshakeTimeout), PLAIN_NOTICE);
    const looks = pending.look({
      seen: bytes => {
        this.#classify(bytes, handshake);
        return false;
      },
      over: () => pending.reject('probe', 'closed before any data'),
    });
    // If peeking is not possible, TLS itself detects the protocol.
    if (!looks) this.#begin(handshake);
  }

  /** Closes the connections that have not passed. */
  close(): void {
    this.#waiting.close();
  }

  #setDeadline(pending: PendingConnection, ms: number, notice?: string): void {
    pending.setDeadline(ms, () => pending.reject('tls', `no TLS handshake within ${ms / 1_000}s`, notice));
  }

  #classify(bytes: Uint8Array, handshake: Handshake): void {
    const { pending } = handshake;
    if (bytes[0] === TLS_HANDSHAKE) {
      this.#setDeadline(pending, this.#handshakeTimeout);
      this.#begin(handshake);
      return;
    }
    const protocol = foreignProtocol(bytes);
    if (protocol === 'http') pending.reject('http', 'an HTTP request', HTTP_RESPONSE);
    else if (protocol !== undefined) pending.reject(protocol, `${words(protocol)}, and not Telnet`);
    else if (this.#auto) this.#plain(handshake);
    else pending.reject('tls', 'no TLS', PLAIN_NOTICE);
  }

  #plain({ pending, user }: Handshake): void {
    pending.leave();
    let transport: Transport;
    try {
      transport = adoptTcp(pending.socket);
    } catch (error) {
      user.failed(error as Error);
      return;
    }
    user.passed(transport);
  }

  #begin(handshake: Handshake): void {
    const { pending } = handshake;
    pending.stopLooking();
    this.#pending.set(pending.socket, handshake);
    // A client that closes one direction in the handshake has gone. Node reads this from the underlying socket, and
    // only now.
    pending.socket.allowHalfOpen = false;
    this.#tls.emit('connection', pending.socket);
  }

  #secure(socket: TLSSocket): void {
    const handshake = this.#handshakeOf(socket);
    if (handshake === undefined || handshake.pending.gone) {
      socket.destroy();
      return;
    }
    handshake.pending.leave();
    socket.allowHalfOpen = true;
    handshake.user.passed(new StreamTransport(socket));
  }

  #failed(error: Error, socket: TLSSocket): void {
    this.#handshakeOf(socket)?.pending.reject('tls', wordsOf(error, socket));
  }

  #handshakeOf(socket: TLSSocket): Handshake | undefined {
    const below = connectionBelow(socket);
    return below && this.#pending.get(below);
  }
}

interface Handshake {
  readonly pending: PendingConnection;
  readonly user: StageUser<Transport>;
}

const words = (protocol: ForeignProtocol) =>
  protocol === 'request' ? 'a request line of another protocol' : protocol.toUpperCase();

/** OpenSSL's reason, without the rest of its message. */
function wordsOf(error: Error & { code?: string; reason?: string }, socket: TLSSocket): string {
  // The certificate was rejected; Node then closes the connection and reports only this.
  if (socket.authorizationError) return `the client's certificate: ${String(socket.authorizationError)}`;
  if (error.code === 'ECONNRESET') return 'closed in the handshake';
  return `the handshake failed: ${error.reason ?? error.code ?? error.message}`;
}

function httpAnswer(text: string): string {
  return [
    'HTTP/1.1 400 Bad Request',
    'Content-Type: text/plain',
    `Content-Length: ${text.length}`,
    'Connection: close',
    '',
    text,
  ].join('\r\n');
}
