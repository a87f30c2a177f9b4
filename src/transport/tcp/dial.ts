/** Outgoing connections: TCP, and TLS over it. */
import { connect, isIP, type Socket } from 'node:net';
import { type ConnectionOptions, connect as connectTls, createSecureContext, type TLSSocket } from 'node:tls';
import { TelptyError } from '../../errors.ts';
import { systemError } from '../../native/system-error.ts';
import { explainTls, type TlsRemedy } from '../tls/failure.ts';
import { KEEPALIVE_MS } from './tcp.ts';

/** The destination of a connection. */
export interface DialOptions {
  /** Address or host name. If it has several addresses and one does not answer, the next is tried (RFC 8305). */
  readonly host: string;
  readonly port: number;
  /** The local address to connect from. */
  readonly localAddress?: string | undefined;
  /** 4 or 6: use addresses of this family only. */
  readonly family?: 4 | 6 | undefined;
}

/** How long the server may stay silent in a handshake, in milliseconds. */
const HANDSHAKE_MS = 10_000;

const roundTrips = new WeakMap<Socket, number>();

/** How long the peer took to accept a connection of {@link dialTcp}, in milliseconds: one round trip. */
export function roundTripOf(socket: Socket): number {
  return roundTrips.get(socket) ?? 0;
}

/**
 * Connects, with the socket options that `listenTcp` sets for Telnet. Nothing is read yet: the socket is paused.
 *
 * @throws (rejects) TelptyError `ERR_CONNECT`; the signal's reason.
 */
export function dialTcp(options: DialOptions, signal: AbortSignal): Promise<Socket> {
  const { host, port, localAddress, family } = options;
  const socket = connect({
    host,
    port,
    allowHalfOpen: true,
    noDelay: true,
    keepAlive: true,
    keepAliveInitialDelay: KEEPALIVE_MS,
    ...(localAddress !== undefined && { localAddress }),
    ...(family !== undefined && { family }),
  });
  // The caller reads it later.
  socket.pause();
  let began = performance.now();
  socket.on('connectionAttempt', () => {
    began = performance.now();
  });
  socket.once('connect', () => {
    // On loopback this would measure how busy the machine is.
    const isLocal = /^(127\.|::1$|::ffff:127\.)/.test(socket.remoteAddress ?? '');
    roundTrips.set(socket, isLocal ? 0 : performance.now() - began);
  });
  return until(socket, 'connect', signal, error => {
    const { text, ...fields } = reasonOf(error);
    return new TelptyError('ERR_CONNECT', `cannot connect to ${where(host, port)}: ${text}`, {
      ...fields,
      cause: error,
    });
  });
}

/**
 * The options with what has to be computed for them. It takes a tenth of a second on slow machines, too long for a
 * connection that is open: telpty's `--tls-auto` takes a client that is silent for half a second for one without TLS.
 *
 * @throws TelptyError `ERR_INVALID_ARGUMENT` for options that OpenSSL refuses, such as a certificate that is not PEM.
 */
export function prepareTls(options: ConnectionOptions): ConnectionOptions {
  try {
    return { ...options, secureContext: options.secureContext ?? createSecureContext(options) };
  } catch (cause) {
    const { reason, message } = cause as { reason?: string; message: string };
    throw new TelptyError('ERR_INVALID_ARGUMENT', `tls cannot be used: ${reason ?? message}`, { cause });
  }
}

/**
 * Speaks TLS as a client on a connection, and verifies the server's certificate against `host` unless the options
 * disable that.
 *
 * @throws (rejects) TelptyError `ERR_TLS`; the signal's reason. The connection is then closed.
 */
export function secure(
  socket: Socket,
  { host, port }: DialOptions,
  options: ConnectionOptions,
  signal: AbortSignal,
): Promise<TLSSocket> {
  const secured = connectTls({
    host,
    // An address is not a valid server name (RFC 6066); the certificate is still compared with it.
    ...(isIP(host) === 0 && { servername: host }),
    // The environment (NODE_TLS_REJECT_UNAUTHORIZED) does not decide this.
    rejectUnauthorized: true,
    ...options,
    socket,
  });
  secured.pause();
  // A Telnet server that waits for its client takes a ClientHello for text, and stays silent.
  const limit = setTimeout(() => {
    if (socket.bytesRead === 0) secured.destroy(Object.assign(new Error('no answer'), { code: 'ETIMEDOUT' }));
  }, HANDSHAKE_MS);
  const settled = () => clearTimeout(limit);
  secured.once('secureConnect', settled).once('close', settled);
  return until(secured, 'secureConnect', signal, error => {
    const { code = 'unknown' } = error as NodeJS.ErrnoException;
    const { problem, remedy } = explainTls(error, String(options.servername ?? host));
    const todo = remedy === undefined ? '' : `; ${REMEDIES[remedy]}`;
    return new TelptyError('ERR_TLS', `no TLS with ${where(host, port)}: ${problem}${todo}`, {
      systemCode: code,
      cause: error,
    });
  });
}

const ACCEPT = 'tls.rejectUnauthorized: false accepts any certificate';
const REMEDIES: Readonly<Record<TlsRemedy, string>> = {
  trust: `trust it with tls.ca; ${ACCEPT}`,
  accept: ACCEPT,
  plain: 'connect without tls',
  'plain-or-admitted': 'connect without tls, or try again later or ask its operator',
  certificate: 'present one by tls.cert and tls.key',
};

/** Waits for an event of a socket; if anything else happens first, the socket is destroyed. */
function until<S extends Socket>(
  socket: S,
  event: 'connect' | 'secureConnect',
  signal: AbortSignal,
  explain: (error: Error) => TelptyError,
): Promise<S> {
  return new Promise((resolve, reject) => {
    const done = (): void => {
      socket.off(event, ready).off('error', failed).off('close', closed);
      signal.removeEventListener('abort', abort);
    };
    const ready = (): void => {
      done();
      resolve(socket);
    };
    const drop = (error: unknown): void => {
      done();
      // Later errors are of no interest.
      socket.on('error', () => {});
      socket.destroy();
      reject(error);
    };
    const failed = (error: Error): void => drop(explain(error));
    const closed = (): void =>
      drop(explain(Object.assign(new Error('the server closed the connection'), { code: 'ECONNRESET' })));
    const abort = (): void => drop(signal.reason);
    socket.once(event, ready).once('error', failed).once('close', closed);
    signal.addEventListener('abort', abort);
    if (signal.aborted) abort();
  });
}

function where(host: string, port: number): string {
  return `${host} port ${port}`;
}

/** Errors of resolvers that have no errno. */
const RESOLVER: ReadonlyMap<string, string> = new Map([
  ['ENOTFOUND', 'unknown host'],
  ['EAI_AGAIN', 'the host name cannot be resolved at the moment'],
]);

/** The first reason, if several addresses were tried. */
function reasonOf(error: Error): { systemCode: string; errno?: number; syscall?: string; text: string } {
  const first = error instanceof AggregateError && error.errors.length > 0 ? (error.errors[0] as Error) : error;
  const { code: systemCode = 'unknown', errno = 0, syscall, message } = first as NodeJS.ErrnoException;
  const text = RESOLVER.get(systemCode) ?? (errno < 0 ? systemError(-errno).text : message);
  return { systemCode, ...(errno < 0 ? { errno } : {}), ...(syscall === undefined ? {} : { syscall }), text };
}
