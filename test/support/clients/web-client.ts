/** Clients of the web gateway: a {@link Wire} over a WebSocket, plain requests, and frames made by hand. */
import { once } from 'node:events';
import { type IncomingMessage, request } from 'node:http';
import { connect, type Socket } from 'node:net';
import { createWebSocketStream, WebSocket } from 'ws';
import { type ClientScript, Wire } from './test-client.ts';

export const TELNET = 'telnet.mudstandards.org';

export interface WebWireOptions extends ClientScript {
  readonly host?: string;
  readonly path?: string;
  readonly protocols?: readonly string[];
  readonly headers?: Readonly<Record<string, string>>;
  readonly isSecure?: boolean;
  readonly localAddress?: string;
}

/** A Wire over a WebSocket. */
export class WebWire extends Wire {
  readonly webSocket: WebSocket;
  /** The close code and the reason of the server, once there is one. */
  end: { readonly code: number; readonly reason: string } | undefined;

  constructor(webSocket: WebSocket, script: ClientScript) {
    const stream = createWebSocketStream(webSocket);
    super(Object.assign(stream, { setNoDelay: () => stream }) as unknown as Socket, script);
    this.webSocket = webSocket;
    // (The stream of the library stays open until its writing side is ended, too.)
    stream.once('end', () => stream.destroy());
    webSocket.on('close', (code, reason) => {
      this.end = { code, reason: String(reason) };
    });
  }
}

/** Rejects with an error whose `status` is the answer, if that is not an upgrade. */
export async function connectWeb(port: number, options: WebWireOptions = {}): Promise<WebWire> {
  const {
    host = '127.0.0.1',
    path = '/ws',
    protocols = [TELNET],
    headers = {},
    isSecure,
    localAddress,
    ...script
  } = options;
  const webSocket = new WebSocket(`${isSecure ? 'wss' : 'ws'}://${host}:${port}${path}`, [...protocols], {
    headers,
    rejectUnauthorized: false,
    ...(localAddress === undefined ? {} : { localAddress }),
  });
  const wire = new WebWire(webSocket, script);
  await new Promise<void>((resolve, reject) => {
    webSocket.once('open', () => resolve());
    webSocket.once('error', reject);
    webSocket.once('unexpected-response', (_request, response: IncomingMessage) => {
      void textOf(response).then(text => {
        webSocket.once('error', () => {});
        webSocket.terminate();
        reject(Object.assign(new Error(`status ${response.statusCode}: ${text}`), { status: response.statusCode }));
      });
    });
  });
  return wire;
}

/** The status with which a WebSocket is refused; 101 if it is not. */
export async function statusOf(port: number, options: WebWireOptions = {}): Promise<number> {
  try {
    await using _wire = await connectWeb(port, options);
    return 101;
  } catch (error) {
    const { status } = error as { status?: number };
    if (status === undefined) throw error;
    return status;
  }
}

export interface Answer {
  readonly status: number;
  readonly headers: IncomingMessage['headers'];
  readonly text: string;
}

/** A request with exactly these headers, on a connection of its own. */
export async function ask(
  port: number,
  path: string,
  options: { method?: string; headers?: Record<string, string | string[]>; body?: string; localAddress?: string } = {},
): Promise<Answer> {
  const { method = 'GET', headers = {}, body, localAddress } = options;
  const sent = request({ host: '127.0.0.1', port, path, method, headers, localAddress, agent: false });
  sent.end(body);
  const [response] = (await once(sent, 'response')) as [IncomingMessage];
  return { status: response.statusCode!, headers: response.headers, text: await textOf(response) };
}

async function textOf(response: IncomingMessage): Promise<string> {
  let text = '';
  response.setEncoding('utf8');
  for await (const chunk of response) text += chunk;
  return text;
}

/** A WebSocket without a library: resolves when the server has agreed. What comes after that is in `received`. */
export async function connectRaw(
  port: number,
): Promise<{ socket: Socket; received: () => Buffer; closed: Promise<void> }> {
  const socket = connect(port, '127.0.0.1');
  let received = Buffer.alloc(0);
  const closed = new Promise<void>(resolve => socket.once('close', () => resolve()));
  socket.on('error', () => {});
  const opened = new Promise<void>((resolve, reject) => {
    closed.then(() => reject(new Error('closed in the handshake')));
    socket.on('data', chunk => {
      received = Buffer.concat([received, chunk]);
      const end = received.indexOf('\r\n\r\n');
      if (end < 0 || !received.subarray(0, 12).includes(' 101')) return;
      received = received.subarray(end + 4);
      socket.removeAllListeners('data').on('data', more => {
        received = Buffer.concat([received, more]);
      });
      resolve();
    });
  });
  socket.write(
    `GET /ws HTTP/1.1\r\nHost: 127.0.0.1:${port}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n` +
      'Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n' +
      `Sec-WebSocket-Extensions: permessage-deflate\r\nSec-WebSocket-Protocol: ${TELNET}\r\n\r\n`,
  );
  await opened;
  return { socket, received: () => received, closed };
}

/** A frame as a client sends it; `first` is its first byte, `length` overrides that of the payload. */
export function frame(first: number, payload: Uint8Array, { isMasked = true, length = payload.length } = {}): Buffer {
  const mask = Buffer.alloc(isMasked ? 4 : 0);
  const bit = isMasked ? 0x80 : 0;
  const size = length < 126 ? Buffer.of(bit | length) : Buffer.alloc(9);
  if (length >= 126) {
    size[0] = bit | 127;
    size.writeBigUInt64BE(BigInt(length), 1);
  }
  return Buffer.concat([Buffer.of(first), size, mask, payload]);
}
