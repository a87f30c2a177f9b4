/** Answers to HTTP requests, with the headers that protect the page. */
import { type IncomingMessage, type ServerResponse, STATUS_CODES } from 'node:http';
import type { Duplex } from 'node:stream';

/** How long a refused connection may take to read the reason, in milliseconds. */
const FAREWELL_MS = 1_000;

/** The headers of every answer. */
export type Headers = Readonly<Record<string, string>>;

/**
 * The headers of every answer. Scripts come from this server only, none is inline. xterm.js creates style elements, so
 * styles may be inline. The page runs in a browsing context of its own.
 *
 * @param host the Host header; browsers older than CSP 3 do not count a WebSocket as `'self'`.
 * @param frameAncestors as in CSP.
 */
export function securityHeaders(host: string | undefined, frameAncestors: readonly string[]): Headers {
  const sockets = host === undefined ? '' : ` ws://${host} wss://${host}`;
  const ancestors = frameAncestors.length === 0 ? "'none'" : frameAncestors.join(' ');
  const policy = [
    "default-src 'none'",
    "script-src 'self'",
    "style-src 'self' 'unsafe-inline'",
    "img-src 'self' data: blob:",
    "font-src 'self' data:",
    `connect-src 'self'${sockets}`,
    "worker-src 'self' blob:",
    "manifest-src 'self'",
    "base-uri 'none'",
    "form-action 'self'",
    `frame-ancestors ${ancestors}`,
  ];
  return {
    'Content-Security-Policy': policy.join('; '),
    'X-Content-Type-Options': 'nosniff',
    'Referrer-Policy': 'no-referrer',
    'Cross-Origin-Opener-Policy': 'same-origin',
    'Cross-Origin-Resource-Policy': 'same-origin',
    'Permissions-Policy':
      'clipboard-read=(self), clipboard-write=(self), fullscreen=(self), camera=(), microphone=(), geolocation=()',
    ...(frameAncestors.length === 0 ? { 'X-Frame-Options': 'DENY' } : {}),
  };
}

/** Sends a short answer that no cache keeps. */
export function answer(
  response: ServerResponse,
  status: number,
  body: string,
  headers: Headers,
  type = 'text/plain; charset=utf-8',
): void {
  if (response.headersSent || response.destroyed) return;
  response.writeHead(status, {
    'Content-Type': type,
    'Content-Length': Buffer.byteLength(body),
    'Cache-Control': 'no-store',
    ...headers,
  });
  // (For HEAD, Node sends no body.)
  response.end(body);
}

/** Sends an object as JSON. */
export function answerJson(response: ServerResponse, status: number, body: object, headers: Headers): void {
  answer(response, status, `${JSON.stringify(body)}\n`, headers, 'application/json');
}

/** Answers a request for a WebSocket with an error, and closes the connection. */
export function refuseUpgrade(socket: Duplex, status: number, words: string, headers: Headers = {}): void {
  if (socket.destroyed) return;
  const body = `${words}\n`;
  const lines = [
    `HTTP/1.1 ${status} ${STATUS_CODES[status]}`,
    'Content-Type: text/plain; charset=utf-8',
    `Content-Length: ${Buffer.byteLength(body)}`,
    'Cache-Control: no-store',
    'Connection: close',
    ...Object.entries(headers).map(([name, value]) => `${name}: ${value}`),
    '',
    body,
  ];
  const timer = setTimeout(() => socket.destroy(), FAREWELL_MS);
  socket.once('close', () => clearTimeout(timer));
  // Its input is read and dropped: a close with unread input resets the connection.
  socket.resume();
  socket.end(lines.join('\r\n'));
}

/**
 * Reads the body of a request.
 *
 * @returns `undefined` if it is longer than `most` bytes, or does not arrive; then the connection is of no more use.
 */
export function bodyOf(request: IncomingMessage, most: number): Promise<string | undefined> {
  return new Promise(resolve => {
    const chunks: Buffer[] = [];
    let length = 0;
    request.on('data', (chunk: Buffer) => {
      length += chunk.length;
      if (length <= most) chunks.push(chunk);
      else resolve(undefined);
    });
    request.on('end', () => resolve(Buffer.concat(chunks).toString('utf8')));
    request.on('close', () => resolve(undefined));
  });
}
