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

/**
 * The names and origins of a server. A dot at the end of a name means that it is complete. Browsers send it if the user
 * has typed it, and some proxies remove it from Host and not from Origin, so it is removed before names are compared.
 */
export class Site {
  readonly #origins: ReadonlySet<string | undefined>;
  readonly #names: ReadonlySet<string>;

  /** @param origins as browsers write them. @param hosts host names. */
  constructor(origins: readonly string[], hosts: readonly string[]) {
    this.#origins = new Set(origins.map(normalOrigin));
    const named = origins.map(origin => new URL(origin).hostname);
    this.#names = new Set([...named, ...hosts].map(name => withoutDot(name.toLowerCase())));
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
    const normal = normalOrigin(origin);
    if (normal === undefined) return false;
    return this.#origins.has(normal) || normal === normalOrigin(`${isSecure ? 'https' : 'http'}://${host}`);
  }
}

/**
 * An origin in the form that is compared; `undefined` for a malformed one, and for that of a page without an origin. A
 * proxy may add the port also if it is that of the scheme.
 */
function normalOrigin(origin: string): string | undefined {
  if (!URL.canParse(origin)) return undefined;
  const { protocol, hostname, port } = new URL(origin);
  return `${protocol}//${withoutDot(hostname)}:${port}`;
}

function withoutDot(name: string): string {
  return name.replace(/\.$/, '');
}

/** The name in a Host header, in lower case, without brackets, port and final dot; `undefined` for a malformed one. */
export function nameInHost(header: string): string | undefined {
  const [, name] = /^(\[[0-9a-f:.]+\]|[a-z0-9._-]+)(?::\d{0,5})?$/i.exec(header) ?? [];
  return name && withoutDot(name.toLowerCase().replace(/^\[(.*)\]$/, '$1'));
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
