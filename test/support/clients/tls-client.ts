import { once } from 'node:events';
import { connect as connectTcp, type Socket } from 'node:net';
import { type ConnectionOptions, connect, type TLSSocket } from 'node:tls';
import { Wire, type WireOptions } from './test-client.ts';

export interface TlsWireOptions extends WireOptions {
  tls?: ConnectionOptions;
  /** Sent first, in plain text: a PROXY header. */
  before?: Uint8Array | string;
}

/** A {@link Wire} over TLS that trusts any certificate; resolves when the handshake is complete on this side. */
export async function connectSecurely(port: number, options: TlsWireOptions = {}): Promise<Wire> {
  const { tls = {}, before, allowHalfOpen = false, ...script } = options;
  const socket = connectTcp({ port, host: '127.0.0.1', allowHalfOpen });
  if (before !== undefined) socket.write(before);
  const secure = connect({ socket, rejectUnauthorized: false, ...tls });
  await once(secure, 'secureConnect');
  return new Wire(secure, script);
}

/** The TLS state of the connection. */
export const tlsOf = (wire: Wire): TLSSocket => wire.socket as TLSSocket;

/** All that comes until the connection closes, however it closes. */
export function readToClose(socket: Socket): Promise<string> {
  let text = '';
  return new Promise(resolve => {
    socket
      .on('error', () => {})
      .on('data', chunk => {
        text += chunk.toString('latin1');
      })
      .on('close', () => resolve(text));
  });
}
