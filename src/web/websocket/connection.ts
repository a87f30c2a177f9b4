/** The connection below a WebSocket, taken out of the HTTP server that has read the request. */
import { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { StreamTransport, type Transport } from '../../transport/stream/transport.ts';
import { adoptTcp } from '../../transport/tcp/tcp.ts';

/**
 * @param head what the HTTP server has read after the request.
 * @returns the transport of the connection, and everything that was read from it after the request.
 * @throws the system's own error; the connection is then closed.
 */
export function takeConnection(socket: Duplex, head: Buffer): { carrier: Transport; read: Buffer } {
  const chunks = [head];
  for (let chunk = socket.read() as Buffer | null; chunk !== null; chunk = socket.read() as Buffer | null) {
    chunks.push(chunk);
  }
  return { carrier: isPlain(socket) ? adoptTcp(socket) : new StreamTransport(socket), read: Buffer.concat(chunks) };
}

/** Whether the bytes of a stream are those of a socket of the system, and none of them waits in the stream. */
function isPlain(socket: Duplex): socket is Socket {
  return socket instanceof Socket && !('encrypted' in socket) && socket.writableLength === 0;
}
