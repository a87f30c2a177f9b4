/**
 * Calls on sockets that belong to Node.js. Without the addon they do nothing and return false, unless their
 * description differs.
 */
import { constants } from 'node:os';
import { addon, loadAddon } from './load.ts';

/**
 * Makes urgent data of a TCP socket arrive in line (SO_OOBINLINE). Without it the kernel removes the last byte of a BSD
 * Telnet Synch from the stream.
 *
 * @param fd the descriptor of a connected or listening socket.
 * @returns whether it is set; false without the addon.
 */
export function setOobInline(fd: number): boolean {
  return (loadAddon()?.setOobInline(fd) ?? -1) === 0;
}

/**
 * Limits the unsent bytes that the kernel accepts on a TCP socket (TCP_NOTSENT_LOWAT).
 *
 * @param fd the descriptor of a connected or listening socket; on Linux accepted sockets inherit it.
 * @param bytes 1 to 4294967295.
 * @returns whether it is set; false without the addon, and on systems without it.
 */
export function limitUnsent(fd: number, bytes: number): boolean {
  return (loadAddon()?.limitUnsent(fd, bytes) ?? -1) === 0;
}

/**
 * Stops or continues the watch for connections on a socket that Node listens on. Without a watch, new connections wait
 * in the kernel's queue. Calls must alternate: stop, continue, stop.
 *
 * @param fd the listening socket's descriptor.
 * @returns whether it is done; false without the addon, and on other systems than Linux.
 */
export function unwatchListener(fd: number, isUnwatched: boolean): boolean {
  return (loadAddon()?.unwatchListener(fd, isUnwatched) ?? -1) === 0;
}

/**
 * Gives all clients of a port that several sockets share (SO_REUSEPORT) to one of them. `index` is its position in the
 * order in which they began to listen. Linux only.
 *
 * @param fd the descriptor of any of them.
 * @returns whether it was set; false without the addon.
 */
export function preferListener(fd: number, index: number): boolean {
  return (loadAddon()?.preferListener(fd, index) ?? -1) === 0;
}

/** The result of {@link peerState}. */
export type PeerState = 'connected' | 'finished' | 'gone';

const PEER_STATES: readonly PeerState[] = ['connected', 'finished', 'gone'];

/**
 * The state of the peer of the TCP socket `fd`, which Node sees only by reading or writing: `'finished'` if it has
 * closed its sending half, perhaps after input that is still unread; `'gone'` if it reset the connection, or if both
 * directions are closed. Without the addon always `'connected'`.
 */
export function peerState(fd: number): PeerState {
  return PEER_STATES[loadAddon()?.peerState(fd) ?? 0] ?? 'connected';
}

const NO_PEER: ReadonlySet<number> = new Set([-constants.errno.ENOENT, -constants.errno.ENOTCONN]);

/**
 * The user of the other end of the TCP connection `fd`, if that is on this machine.
 *
 * @returns the user id; `'none'` if no process on this machine has that end, or no longer has it; `undefined` if the
 *   kernel does not answer, and without the addon.
 */
export function peerUser(fd: number): number | 'none' | undefined {
  const result = loadAddon()?.peerUser(fd) ?? -1;
  if (result >= 0) return result;
  return NO_PEER.has(result) ? 'none' : undefined;
}

/**
 * Binds a TCP socket with SO_REUSEPORT: sockets bound in this way by processes of the same user share the port.
 *
 * @param address an IP address.
 * @param port 0 to 65535.
 * @returns its descriptor, which the caller owns and which does not listen yet; or a negative error number.
 * @throws TelptyError `ERR_PTY_UNSUPPORTED` without the addon.
 */
export function bindShared(address: string, port: number): number {
  return addon().bindShared(address, port);
}

/**
 * Listens on a UNIX socket, with a file mode that holds from the first instant. The socket file of a server that was
 * killed is replaced; everything else at the path stays.
 *
 * @param path a path, or on Linux `@name`, an abstract address, which has no file and no mode.
 * @returns the descriptor, which the caller owns; or a negative error number: of `EADDRINUSE` if a server listens
 *   there, `ENOTSOCK` if the file is not a socket, `EWOULDBLOCK` while another process is about to listen there.
 * @throws TelptyError `ERR_PTY_UNSUPPORTED` without the addon.
 */
export function listenLocal(path: string, mode: number, backlog: number): number {
  return addon().listenLocal(path, mode, backlog);
}

/** The user and the process at the other end of a UNIX socket when it was connected. */
export interface PeerCredentials {
  readonly uid: number;
  /** `undefined` if the process has no number here: it is in another pid namespace. */
  readonly pid: number | undefined;
}

/** @returns `undefined` for other sockets, if the kernel does not know, and without the addon. */
export function peerCredentials(fd: number): PeerCredentials | undefined {
  const found = loadAddon()?.peerCredentials(fd) ?? 0;
  if (typeof found === 'number') return undefined;
  const [uid, pid] = found;
  return { uid, pid: pid === 0 ? undefined : pid };
}

/** Whether urgent data of the socket `fd` arrives in line; false without the addon. */
export function isOobInline(fd: number): boolean {
  return loadAddon()?.isOobInline(fd) ?? false;
}

/**
 * Sends `bytes` on the TCP socket `fd` with the urgent pointer after the last of them (MSG_OOB). It goes past the
 * stream's own queue: call it only while nothing is waiting there.
 *
 * @returns the number of bytes the kernel took; 0 when it took none now, when the socket is broken, and without the
 *   addon.
 */
export function sendUrgent(fd: number, bytes: Uint8Array): number {
  return Math.max(loadAddon()?.sendUrgent(fd, bytes) ?? 0, 0);
}
