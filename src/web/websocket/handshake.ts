/** The server's side of the opening handshake of a WebSocket (RFC 6455, 4.2). Extensions are not negotiated. */
import { createHash } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import { valuesOf } from '../client.ts';

/** RFC 6455, 1.3. */
const GUID = '258EAFA5-E914-47DA-95CA-C5AB0DC85B11';
/** The only version that there is. */
const VERSION = '13';
/** 16 bytes in base64. */
const KEY = /^[A-Za-z0-9+/]{22}==$/;

/** What the server answers to a request that is not a valid handshake. */
export const HANDSHAKE_HEADERS = { Upgrade: 'websocket', 'Sec-WebSocket-Version': VERSION } as const;

/** The value of `Sec-WebSocket-Accept` for a request; `undefined` if the request is not a valid handshake. */
export function acceptKeyOf(request: IncomingMessage): string | undefined {
  const { method, httpVersionMajor, httpVersionMinor } = request;
  if (method !== 'GET' || httpVersionMajor !== 1 || httpVersionMinor < 1) return undefined;
  const upgrades = valuesOf(request, 'upgrade').flatMap(value => value.split(','));
  if (!upgrades.some(protocol => protocol.trim().toLowerCase() === 'websocket')) return undefined;
  const [version, ...moreVersions] = valuesOf(request, 'sec-websocket-version');
  const [key = '', ...moreKeys] = valuesOf(request, 'sec-websocket-key');
  if (version !== VERSION || moreVersions.length > 0 || !KEY.test(key) || moreKeys.length > 0) return undefined;
  return createHash('sha1')
    .update(key + GUID)
    .digest('base64');
}

/** The answer that opens the WebSocket. */
export function handshakeAnswer(acceptKey: string, protocol: string | undefined): Buffer {
  const lines = [
    'HTTP/1.1 101 Switching Protocols',
    'Upgrade: websocket',
    'Connection: Upgrade',
    `Sec-WebSocket-Accept: ${acceptKey}`,
    ...(protocol === undefined ? [] : [`Sec-WebSocket-Protocol: ${protocol}`]),
  ];
  return Buffer.from(`${lines.join('\r\n')}\r\n\r\n`);
}
