/** What Node keeps to itself about sockets. */
import type { Server, Socket } from 'node:net';
import { systemError } from '../native/system-error.ts';

interface Handle {
  fd?: number;
  reading?: boolean;
  readStop?(): number;
}

const handleOf = (endpoint: Server | Socket) => (endpoint as unknown as { _handle?: Handle | null })._handle;

/** The descriptor; `undefined` where there is none, as on Windows or when it is closed. */
export function descriptor(endpoint: Server | Socket): number | undefined {
  const fd = handleOf(endpoint)?.fd;
  return fd !== undefined && fd >= 0 ? fd : undefined;
}

/**
 * Stops a socket that Node has just made from reading, as `pauseOnConnect` does: those that come from another process have
 * begun to, and `pause()` leaves what is read next in the stream.
 */
export function stopReading(socket: Socket): void {
  const handle = handleOf(socket);
  if (handle === null || handle === undefined) return;
  handle.reading = false;
  handle.readStop?.();
  socket.pause();
}

/** An error as Node's own sockets report it, for what the addon returned. */
export function systemFailure(action: string, result: number): Error {
  const { name, text } = systemError(-result);
  return Object.assign(new Error(`${action} ${name}: ${text}`), { code: name, errno: result, syscall: action });
}
