/** The sender of a request: the address of the client, also behind proxies, and whether its connection is encrypted. */
import type { Server as HttpServer, IncomingMessage } from 'node:http';
import { isIP } from 'node:net';
import type { IpPeer } from '../transport/peer.ts';
import { type AddressList, normalAddress } from '../transport/pre-session/address-list.ts';

/** The client of a request. */
export interface WebClient {
  readonly peer: IpPeer;
  /** Whether the request came through a trusted proxy. */
  readonly isProxied: boolean;
  /** Whether the browser uses HTTPS, as far as that is known. */
  readonly isSecure: boolean;
}

/** More headers than a browser and a chain of proxies send. */
const MOST_HEADERS = 100;
/** More hops than any chain of proxies has; the addresses before them are not looked at. */
const MOST_HOPS = 32;

/**
 * @param connected the address of the connection, from the socket or a PROXY header.
 * @param proxies the reverse proxies.
 */
export function clientOf(request: IncomingMessage, connected: IpPeer, proxies: AddressList): WebClient {
  const isEncrypted = (request.socket as { encrypted?: boolean }).encrypted === true;
  if (!proxies.has(connected.address)) return { peer: connected, isProxied: false, isSecure: isEncrypted };
  const address = forwardedFor(headerOf(request, 'x-forwarded-for'), proxies) ?? connected.address;
  const port = address === connected.address ? connected.port : undefined;
  const scheme = headerOf(request, 'x-forwarded-proto');
  // The browser knows best how it connected, but it does not send Origin with each request.
  const isSecure = scheme === undefined ? request.headers.origin?.startsWith('https:') === true : scheme === 'https';
  return { peer: { kind: 'ip', address, port }, isProxied: true, isSecure: isEncrypted || isSecure };
}

/** The right-most address that is not a proxy: everything to the left of it was written by the client. */
function forwardedFor(header: string | undefined, proxies: AddressList): string | undefined {
  if (header === undefined) return undefined;
  let last: string | undefined;
  for (const entry of header.split(',').slice(-MOST_HOPS).reverse()) {
    const address = addressIn(entry.trim());
    if (address === undefined) break;
    last = address;
    if (!proxies.has(address)) break;
  }
  return last;
}

/** `192.0.2.1`, `192.0.2.1:1234`, `2001:db8::1`, `[2001:db8::1]:1234`. */
function addressIn(entry: string): string | undefined {
  const [, bracketed, plain = ''] = /^(?:\[([^\]]+)\](?::\d+)?|(.+))$/.exec(entry) ?? [];
  const bare = bracketed ?? (/^[\d.]+:\d+$/.test(plain) ? plain.slice(0, plain.indexOf(':')) : plain);
  return isIP(bare) === 0 ? undefined : normalAddress(bare);
}

/**
 * Whether a request has as many headers as Node.js keeps at most. Then the last ones may be missing. Those of a proxy
 * come last.
 */
export function hasTooManyHeaders({ rawHeaders, socket }: IncomingMessage): boolean {
  const kept = (socket as { server?: HttpServer }).server?.maxHeadersCount || MOST_HEADERS;
  return rawHeaders.length / 2 >= Math.min(kept, MOST_HEADERS);
}

/** All values of a header, joined as if they were one; `undefined` if there is none. */
export function headerOf(request: IncomingMessage, name: string): string | undefined {
  const values = valuesOf(request, name);
  return values.length === 0 ? undefined : values.join(',');
}

/** Each occurrence of a header: Node.js drops or joins repeated ones, depending on the name. */
export function valuesOf({ rawHeaders }: IncomingMessage, name: string): string[] {
  const values: string[] = [];
  for (let at = 0; at < rawHeaders.length; at += 2) {
    if (rawHeaders[at]!.toLowerCase() === name) values.push(rawHeaders[at + 1]!);
  }
  return values;
}
