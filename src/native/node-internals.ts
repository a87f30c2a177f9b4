/**
 * The private parts of Node.js, V8 and libuv that telpty depends on. Nothing else in src/ touches any.
 *
 * Each has a probe in test/native/node-internals.test.ts, which fails with a version of Node.js where it no longer
 * holds: `npm run matrix -- --quick` runs them with several versions.
 *
 * - `_handle.fd` of a net.Server or net.Socket: for socket options and system calls that Node.js lacks. There is no
 *   public alternative.
 * - `_handle.readStop()` and `_handle.reading`: for a socket from another process that must not be read yet. Public:
 *   `pauseOnConnect`, but only for listeners.
 * - `_parent` of a tls.TLSSocket: the connection that a TLS event belongs to. No public alternative.
 * - `readableFlowing = null`: for a stream that flows again with its next `'data'` listener. No public alternative:
 *   `pause()` lasts until `resume()`.
 * - Event `'internalMessage'`, NODE_HANDLE_ACK and NODE_HANDLE_NACK: whether a worker received a socket. No public
 *   alternative.
 * - V8 flags that are set while V8 runs: for memory and speed of `telpty serve`. Public: the command line, before the
 *   process starts.
 * - The epoll set of `uv_backend_fd()`, in native/socket/listener.c: for a listener that leaves clients in the kernel's
 *   queue, or to native/socket/acceptor.c. No public alternative.
 * - `uv_walk()` finds child_process' handles, in native/process/process.c: to distinguish orphans from child processes
 *   that Node.js waits for. No public alternative.
 *
 * Not private, though it seems so: `uv_poll_t` on a copy of the descriptor of a socket that Node.js has
 * (native/socket/connection.c, peek.c) is documented.
 */
import type { ChildProcess } from 'node:child_process';
import type { Server, Socket } from 'node:net';
import type { Readable } from 'node:stream';
import type { TLSSocket } from 'node:tls';
import { getHeapSpaceStatistics, setFlagsFromString } from 'node:v8';

interface Handle {
  fd?: number;
  reading?: boolean;
  readStop?(): number;
}

const handleOf = (endpoint: Server | Socket) => (endpoint as unknown as { _handle?: Handle | null })._handle;

/** The descriptor; `undefined` if there is none, as on Windows or after it was closed. */
export function descriptor(endpoint: Server | Socket): number | undefined {
  const fd = handleOf(endpoint)?.fd;
  return fd !== undefined && fd >= 0 ? fd : undefined;
}

/**
 * Stops reading from a socket that Node.js has just made, as `pauseOnConnect` does. Sockets that come from another
 * process already read, and `pause()` leaves what is read next in the stream.
 */
export function stopReading(socket: Socket): void {
  const handle = handleOf(socket);
  if (handle === null || handle === undefined) return;
  handle.reading = false;
  handle.readStop?.();
  socket.pause();
}

/** The underlying connection of a server's TLSSocket. */
export function connectionBelow(socket: TLSSocket): Socket | undefined {
  return (socket as unknown as { _parent?: Socket })._parent;
}

/** Pauses a stream until its next `'data'` listener. After `pause()` alone, it stays paused until `resume()`. */
export function pauseUntilListener(stream: Readable): void {
  stream.pause();
  (stream as { readableFlowing: boolean | null }).readableFlowing = null;
}

/**
 * Calls `handler` for each socket that was sent to a child process, in the order in which they were sent.
 *
 * @param handler called with false if the child did not receive the socket, because it had no descriptor left.
 */
export function onSocketReceived(child: ChildProcess, handler: (wasReceived: boolean) => void): void {
  child.on('internalMessage', ({ cmd }: { cmd?: unknown }) => {
    if (cmd === 'NODE_HANDLE_ACK') handler(true);
    else if (cmd === 'NODE_HANDLE_NACK') handler(false);
  });
}

/**
 * The size of one half of V8's young generation, in bytes; and the limit of objects to create until it has grown to
 * that.
 */
const YOUNG_BYTES = 2 * 1024 * 1024;
const MOST_SURVIVORS = 100_000;

/**
 * Keeps V8's young generation small: 2 MB a half.
 *
 * By default V8 doubles it, from 1 MB up to 16 MB, when many new objects survive, and does not shrink it again. New
 * sessions are objects that survive: a burst of 200 costs 8 KB each only for that. The short-lived objects here, views
 * and callbacks, need no more space: starts, floods and echo take the same time. With 1 MB, a start spends 50 % more
 * time in the collector.
 *
 * `--max-semi-space-size` has the same effect, but only before V8 starts, and neither NODE_OPTIONS nor an argument in a
 * shebang line is ours to set. So this function creates objects that survive until V8 has doubled it once, before it
 * forbids more. V8 14 (Node.js 26) sizes it by other rules; the flag has less effect there. If a later V8 does not know
 * the flag, it prints one line to standard error and continues.
 */
export function boundYoungGeneration(): void {
  const survivors: object[] = [];
  while (youngBytes() < YOUNG_BYTES && survivors.length < MOST_SURVIVORS) {
    for (let index = 0; index < 5_000; index++) survivors.push({ index });
  }
  setFlagsFromString('--semi-space-growth-factor=1');
}

function youngBytes(): number {
  return getHeapSpaceStatistics().find(space => space.space_name === 'new_space')?.space_size ?? YOUNG_BYTES;
}

/**
 * Makes V8 compile functions that run often thirteen times as early as by default: it counts the bytes of bytecode that
 * a function has executed, 67,584 before it is compiled. The start of a session is a long code path that runs once per
 * session. Most of it would still be interpreted after a thousand sessions, more than many servers ever have.
 *
 * V8 12 (Node.js 22) has no such flag, and prints a line to standard error for an unknown one.
 *
 * The compilers do the same work in the first hundred sessions instead of the first thousand, so these take longer: see
 * docs/performance-log.md.
 */
export function compileEarly(): void {
  if (Number.parseInt(process.versions.v8, 10) < 12) setFlagsFromString('--interrupt-budget=5000');
}
