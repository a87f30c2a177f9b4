/**
 * Whether a request is meant for this server, and comes from one of its pages.
 *
 * Any page on the internet can make a browser connect to this server, also on loopback and behind a firewall, and read
 * a WebSocket from it: the same-origin policy does not apply to WebSockets. The Origin header says which page it was.
 * But if the name of that page resolves to our address (DNS rebinding), it has the same origin as we have. So the Host
 * header must be one of our names as well: an attacker has to use a name, and cannot use one of ours.
 */
import type { IncomingMessage } from 'node:http';
import { isIP, type Socket } from 'node:net';
import { hostname } from 'node:os';
import type { TLSSocket } from 'node:tls';
import { isLoopback } from '../transport/pre-session/address-list.ts';
import { valuesOf } from './client.ts';

/** The names and origins of a server. */
export class Site {
  readonly #origins: ReadonlySet<string>;
  readonly #names: ReadonlySet<string>;

  /** @param origins as browsers write them. @param hosts host names. */
  constructor(origins: readonly string[], hosts: readonly string[]) {
    this.#origins = new Set(origins);
    const named = origins.map(origin => new URL(origin).hostname);
    this.#names = new Set([...named, ...hosts].map(name => name.toLowerCase()));
  }

  /** The Host header of a request for this server, in lower case; `undefined` for any other request. */
  hostOf(request: IncomingMessage): string | undefined {
    const [host, ...more] = valuesOf(request, 'host');
    if (host === undefined || more.length > 0) return undefined;
    const name = nameInHost(host);
    if (name === undefined) return undefined;
    const { socket } = request;
    const isOurs = isOwnName(name, isLoopback(socket.localAddress ?? '')) || this.#names.has(name);
    return isOurs || (isIP(name) === 0 && isCertified(name, socket)) ? host.toLowerCase() : undefined;
  }

  /** Whether the page that sent a request may use this server. Clients that are not browsers send no Origin. */
  allowsOrigin(request: IncomingMessage, host: string, isSecure: boolean): boolean {
    const [origin, ...more] = valuesOf(request, 'origin');
    if (origin === undefined) return true;
    if (more.length > 0) return false;
    return this.#origins.has(origin) || isSameOrigin(origin, `${isSecure ? 'https' : 'http'}://${host}`);
  }
}

/** Whether two origins are the same. A proxy may add the port to the Host header also if it is that of the scheme. */
function isSameOrigin(one: string, other: string): boolean {
  return URL.canParse(one) && URL.canParse(other) && new URL(one).origin === new URL(other).origin;
}

/** The name in a Host header, in lower case, without brackets and port; `undefined` for a malformed one. */
export function nameInHost(header: string): string | undefined {
  const [, name] = /^(\[[0-9a-f:.]+\]|[a-z0-9._-]+)(?::\d{0,5})?$/i.exec(header) ?? [];
  return name
    ?.toLowerCase()
    .replace(/^\[(.*)\]$/, '$1')
    .replace(/\.$/, '');
}

/**
 * Whether a name of {@link nameInHost} is one that every server of this machine has. An address cannot come from DNS,
 * but on loopback only loopback addresses are used.
 *
 * @param onLoopback whether the connection is on loopback.
 */
export function isOwnName(name: string, onLoopback: boolean): boolean {
  if (isIP(name) !== 0) return !onLoopback || isLoopback(name);
  return name === 'localhost' || (!onLoopback && name === hostname().toLowerCase());
}

/** Whether our certificate is for this name. Otherwise the browser would not have accepted it. */
function isCertified(name: string, socket: Socket): boolean {
  const certificate = (socket as Partial<TLSSocket>).getX509Certificate?.();
  return certificate?.checkHost(name) !== undefined;
}
