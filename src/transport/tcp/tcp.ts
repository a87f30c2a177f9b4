import { lookup } from 'node:dns/promises';
import type { AddressInfo, Server, Socket } from 'node:net';
import { TelptyError } from '../../errors.ts';
import { isAvailable } from '../../native/load.ts';
import { descriptor } from '../../native/node-internals.ts';
import { bindShared, limitUnsent, setOobInline } from '../../native/sockets.ts';
import { systemFailure } from '../../native/system-error.ts';
import type { ListenSettings } from '../listen-options.ts';
import { type ListenerEvents, SocketListener } from '../listener.ts';
import { StreamTransport, type Transport } from '../stream/transport.ts';
import { Connection } from './connection.ts';
import { isShortage } from './descriptors.ts';
import { lastClients, takePort } from './takeover.ts';

/** Idle time after which the kernel probes whether the peer is still reachable, in milliseconds. */
export const KEEPALIVE_MS = 60_000;

/**
 * How much output the kernel queues beyond what the network takes, in bytes. It is enough to keep a fast network busy
 * while we produce more. The kernel's default is megabytes, and clients that cannot skip them (by a Synch) would wait
 * for the prompt after them.
 */
const UNSENT_BYTES = 512 * 1024;

/**
 * Makes a transport from an accepted connection of which nothing has been read.
 *
 * @throws the system's own error; the connection is then closed.
 */
export function adoptTcp(socket: Socket): Transport {
  // A process that received the socket from another one gets it from Node without half-open support.
  socket.allowHalfOpen = true;
  keepUrgentDataInLine(socket);
  return takeOver(socket);
}

/**
 * Accepts TCP connections and sets them up for Telnet. They have no Nagle delay (a keystroke's echo must be sent at
 * once), keep-alive, and urgent data in line. The two directions close separately. Nothing is read from them:
 * {@link adoptTcp} makes a transport of one, in this or another process.
 *
 * @throws (rejects) the system's own error, e.g. `EADDRINUSE`; TelptyError `ERR_INVALID_ARGUMENT`.
 */
export async function listenTcp(
  options: ListenSettings,
  events: ListenerEvents,
): Promise<{ listener: SocketListener; address: string; port: number }> {
  const place = { ...(await placeOf(options)), backlog: options.backlog };
  const listener = await SocketListener.open(place, { keepAliveMs: KEEPALIVE_MS }, events, server => {
    const where = server.address();
    // A UNIX socket has no such address, and neither have its clients.
    if (!isTcpAddress(where)) {
      throw new TelptyError('ERR_INVALID_ARGUMENT', `descriptor ${options.fd} is not a TCP socket`);
    }
    keepUrgentDataInLine(server);
    const fd = descriptor(server);
    if (fd !== undefined) limitUnsent(fd, UNSENT_BYTES);
    const isShared = fd !== undefined && options.reusePort === 'takeover';
    if (isShared) takePort(where, fd);
    return {
      // It was reset before it was accepted. Its address is no longer known, so it could not be checked.
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

/** The arguments for Node's `listen()`. */
async function placeOf(options: ListenSettings): Promise<{ host: string; port: number } | { fd: number }> {
  const { host, port, fd, reusePort } = options;
  if (fd !== undefined) return { fd };
  if (!reusePort) return { host, port: port! };
  const { address } = await lookup(host);
  const bound = bindShared(address, port!);
  if (bound >= 0) return { fd: bound };
  throw Object.assign(systemFailure('bind', bound), { address, port });
}

/**
 * Takes the connection out of Node's socket, of which nothing has been read yet: see {@link Connection} for why. Where
 * that is not possible, the socket is used as it is.
 */
function takeOver(socket: Socket): Transport {
  const fd = descriptor(socket);
  if (fd === undefined || !isAvailable()) return new StreamTransport(socket);
  try {
    const connection = new Connection(fd);
    socket.destroy();
    return connection;
  } catch (error) {
    // Without a second descriptor it uses the slower transport, so that the client can at least be informed.
    if (isShortage(error)) return new StreamTransport(socket);
    socket.destroy();
    throw error;
  }
}

/**
 * Sets SO_OOBINLINE. A BSD Synch is `IAC DM` with DM as TCP urgent data. Without this option the kernel takes the
 * urgent byte out of the stream. A bare IAC remains and consumes the next byte.
 *
 * It is set on the listening socket too. On Linux an accepted socket inherits it, so that even urgent data which
 * arrives before `accept` stays in line.
 */
function keepUrgentDataInLine(endpoint: Server | Socket): void {
  const fd = descriptor(endpoint);
  if (fd !== undefined) setOobInline(fd);
}
