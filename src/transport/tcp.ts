import { createServer, type Server, type Socket } from 'node:net';
import { peerState, setOobInline } from '../pty/binding.ts';

/** How long a connection may be silent before the kernel asks whether the peer still lives, in milliseconds. */
const KEEPALIVE_MS = 60_000;

/** How often the sockets that nobody reads from are looked at, in milliseconds. */
const LOOK_MS = 500;

/** Where to listen for plain TCP connections. */
export interface TcpListenOptions {
  /** Address or host name; `'127.0.0.1'` unless told. */
  readonly host?: string;
  /** 0 to 65535; 0 lets the system pick. */
  readonly port: number;
  /** Connections the kernel keeps waiting for us (default 1024; the system may cap it). */
  readonly backlog?: number;
}

/**
 * Accepts TCP connections made fit for Telnet: no Nagle delay (a keystroke's echo must leave at once), keep-alive, the
 * two directions close separately, and urgent data in line.
 *
 * @throws (rejects) the system's own error, e.g. `EADDRINUSE`.
 */
export function listenTcp(options: TcpListenOptions, onConnection: (socket: Socket) => void): Promise<Server> {
  return listen(options, false, socket => onConnection(adoptTcp(socket)));
}

/** The same for connections that are handed to another process, which takes them up by {@link adoptTcp}; not one byte is read. */
export function listenForOthers(options: TcpListenOptions, onConnection: (socket: Socket) => void): Promise<Server> {
  return listen(options, true, onConnection);
}

/** Makes a connection that was accepted fit for Telnet, as far as it does not come so from its listener. */
export function adoptTcp(socket: Socket): Socket {
  // A process that was handed the socket has it from Node with both directions tied.
  socket.allowHalfOpen = true;
  keepUrgentDataInLine(socket);
  watchWhilePaused(socket);
  return socket;
}

function listen(
  options: TcpListenOptions,
  pauseOnConnect: boolean,
  onConnection: (socket: Socket) => void,
): Promise<Server> {
  const server = createServer(
    { allowHalfOpen: true, noDelay: true, keepAlive: true, keepAliveInitialDelay: KEEPALIVE_MS, pauseOnConnect },
    onConnection,
  );
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen({ host: options.host ?? '127.0.0.1', port: options.port, backlog: options.backlog ?? 1024 }, () => {
      server.removeListener('error', reject);
      keepUrgentDataInLine(server);
      resolve(server);
    });
  });
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

/** Node has no public name for a socket's descriptor. */
function descriptor(endpoint: Server | Socket): number | undefined {
  const fd = (endpoint as unknown as { _handle?: { fd?: number } | null })._handle?.fd;
  return fd !== undefined && fd >= 0 ? fd : undefined;
}

const paused = new Set<Socket>();
let looking: NodeJS.Timeout | undefined;

/**
 * While reading is paused (a program does not read what was typed) libuv does not watch the socket. A client that resets
 * the connection would be noticed only when the program prints something, and one that closes it never, for its FIN stands
 * behind what is not read. So those sockets are looked at: a reset destroys the socket, as always; a FIN is announced by
 * the event `'finishing'`, while `'end'` still comes in its place.
 */
function watchWhilePaused(socket: Socket): void {
  socket.on('pause', watch);
  socket.on('resume', unwatch);
  socket.on('close', unwatch);
}

function watch(this: Socket): void {
  paused.add(this);
  looking ??= setInterval(lookAtPaused, LOOK_MS);
}

function unwatch(this: Socket): void {
  if (!paused.delete(this) || paused.size > 0) return;
  clearInterval(looking);
  looking = undefined;
}

function lookAtPaused(): void {
  for (const socket of paused) {
    const fd = descriptor(socket);
    const state = fd === undefined ? 'connected' : peerState(fd);
    if (state === 'gone') socket.destroy();
    else if (state === 'finished') socket.emit('finishing');
  }
}
