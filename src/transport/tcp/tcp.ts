import { lookup } from 'node:dns/promises';
import type { AddressInfo, Server, Socket } from 'node:net';
import { check, checkPort, checkWhole } from '../../check.ts';
import { TelptyError } from '../../errors.ts';
import { isAvailable } from '../../native/load.ts';
import { descriptor } from '../../native/node-internals.ts';
import { bindShared, limitUnsent, setOobInline } from '../../native/sockets.ts';
import { systemFailure } from '../../native/system-error.ts';
import { type ListenerEvents, SocketListener } from '../listener.ts';
import { StreamTransport, type Transport } from '../stream/transport.ts';
import { Connection } from './connection.ts';
import { isShortage } from './descriptors.ts';
import { lastClients, takePort } from './takeover.ts';

/** How long a connection may be silent before the kernel asks whether the peer still lives, in milliseconds. */
export const KEEPALIVE_MS = 60_000;

/**
 * Output that the system takes though the network does not, in bytes: enough for a fast one to be busy with while we make
 * more, and not the megabytes that it would take, behind which a prompt comes late for who cannot skip them (by a Synch).
 */
const UNSENT_BYTES = 512 * 1024;

/** Where to listen for TCP connections: on a port, or on a socket that listens already. */
export interface TcpListenOptions {
  /** Address or host name; `'127.0.0.1'` unless told. */
  readonly host?: string;
  /** 0 to 65535; 0 lets the system pick. Needed, unless there is `fd`. */
  readonly port?: number;
  /** Connections the kernel keeps waiting for us (default 1024; the system may cap it). */
  readonly backlog?: number;
  /**
   * Let others listen on the same port, who say so too and are of the same user (SO_REUSEPORT): the kernel gives each
   * connection to one of them. `'takeover'`: to the last one to come, so that one server can take the place of another
   * and no client is refused; the one before waits a second before it closes its listener (Linux). Programs that the server
   * hosts can do the same if they are of its user: give them another one (`user` of `ptyShell`). Default false.
   */
  readonly reusePort?: boolean | 'takeover';
  /** In place of host and port: the descriptor of a TCP socket that listens, as by socket activation. It is closed at the end. */
  readonly fd?: number;
}

/**
 * Makes a transport of a connection that was accepted and of which nothing has been read.
 *
 * @throws the system's own error; the connection is closed then.
 */
export function adoptTcp(socket: Socket): Transport {
  // A process that was handed the socket has it from Node with both directions tied.
  socket.allowHalfOpen = true;
  keepUrgentDataInLine(socket);
  return takeOver(socket);
}

/**
 * Accepts TCP connections made fit for Telnet: no Nagle delay (a keystroke's echo must leave at once), keep-alive, the
 * two directions close separately, and urgent data in line. Nothing is read of them: {@link adoptTcp} makes a transport of one,
 * here or in another process.
 *
 * @throws (rejects) the system's own error, e.g. `EADDRINUSE`; TelptyError `ERR_INVALID_ARGUMENT`.
 */
export async function listenTcp(
  options: TcpListenOptions,
  events: ListenerEvents,
): Promise<{ listener: SocketListener; address: string; port: number }> {
  const place = { ...(await placeOf(options)), backlog: options.backlog ?? 1024 };
  const listener = await SocketListener.open(place, { keepAliveMs: KEEPALIVE_MS }, events, server => {
    const where = server.address();
    // A UNIX socket has no such address, nor have its clients.
    if (!isTcpAddress(where)) {
      throw new TelptyError('ERR_INVALID_ARGUMENT', `descriptor ${options.fd} is not a TCP socket`);
    }
    keepUrgentDataInLine(server);
    const fd = descriptor(server);
    if (fd !== undefined) limitUnsent(fd, UNSENT_BYTES);
    const isShared = fd !== undefined && options.reusePort === 'takeover';
    if (isShared) takePort(where, fd);
    return {
      // It was reset while it waited to be accepted. Nobody knows any more whose it was, so no guard could tell.
      isAlive: ({ remoteAddress }) => remoteAddress !== undefined,
      ...(isShared ? { beforeClose: () => lastClients(where) } : {}),
    };
  });
  const { address, port } = listener.address as AddressInfo;
  return { listener, address, port };
}

function isTcpAddress(address: ReturnType<Server['address']> | undefined): address is AddressInfo {
  return typeof address === 'object' && address !== null;
}

/** Where Node is to listen. */
async function placeOf(options: TcpListenOptions): Promise<{ host: string; port: number } | { fd: number }> {
  const { host = '127.0.0.1', port, fd, reusePort = false } = options;
  checkWhole('backlog', options.backlog, 2 ** 31 - 1);
  check(typeof reusePort === 'boolean' || reusePort === 'takeover', "reusePort must be a boolean or 'takeover'");
  if (fd !== undefined) {
    checkWhole('fd', fd, 2 ** 31 - 1);
    check(
      port === undefined && options.host === undefined && !reusePort,
      'fd stands in place of host, port and reusePort',
    );
    return { fd };
  }
  check(port !== undefined, 'listen() needs a port');
  checkPort(port);
  if (!reusePort) return { host, port: port! };
  const { address } = await lookup(host);
  const bound = bindShared(address, port!);
  if (bound >= 0) return { fd: bound };
  throw Object.assign(systemFailure('bind', bound), { address, port });
}

/**
 * Takes the connection out of Node's socket, of which nothing has been read yet: see {@link Connection} for why. Where that
 * cannot be, the socket serves as it is.
 */
function takeOver(socket: Socket): Transport {
  const fd = descriptor(socket);
  if (fd === undefined || !isAvailable()) return new StreamTransport(socket);
  try {
    const connection = new Connection(fd);
    socket.destroy();
    return connection;
  } catch (error) {
    // Without a second descriptor it goes the slow way: at least there is somebody to be told.
    if (isShortage(error)) return new StreamTransport(socket);
    socket.destroy();
    throw error;
  }
}

/**
 * Sets SO_OOBINLINE. A BSD Synch is `IAC DM` with DM as TCP urgent data; without this option the kernel takes the
 * urgent byte out of the stream, so that a bare IAC remains and eats whatever byte comes next.
 *
 * It is set on the listening socket too: on Linux an accepted socket inherits it, so that even urgent data which
 * arrives before `accept` stays in line.
 */
function keepUrgentDataInLine(endpoint: Server | Socket): void {
  const fd = descriptor(endpoint);
  if (fd !== undefined) setOobInline(fd);
}
