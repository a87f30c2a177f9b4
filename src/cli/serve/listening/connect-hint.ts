/** The commands with which clients reach a listener, as the log shows them at the start. */
import { isIP } from 'node:net';
import { hostname } from 'node:os';
import { escapeText } from '../../../shells/output/escape.ts';
import type { ListenerAddress } from '../../../transport/listener.ts';
import { isLoopback } from '../settings.ts';

/** The options of `telpty connect` with which a client can verify a server, depending on the host that it names. */
export interface TlsHint {
  /** Whether the certificate is for this host name or address. */
  isFor(host: string): boolean;
  /** The hosts that the certificate is for. */
  readonly hosts: readonly string[];
  /** The options, followed by a space; undefined if no option makes the verification succeed. */
  readonly options: string | undefined;
  /** Whether the server requires a certificate, which `telpty connect` cannot present. */
  readonly needsCertificate: boolean;
  readonly auto: boolean;
}

/** The command that reaches a listener; one on all addresses can be reached through loopback. */
export function connectHint(place: ListenerAddress, tls: TlsHint | undefined): string {
  if ('path' in place) {
    const path = escapeText(place.path);
    return `socat - ${path.startsWith('@') ? `ABSTRACT-CONNECT:${path.slice(1)}` : `UNIX-CONNECT:${path}`}`;
  }
  const { address, port } = place;
  const host = address === '0.0.0.0' ? '127.0.0.1' : address === '::' ? '::1' : address;
  const plain = `telnet ${host} ${port}`;
  if (tls === undefined) return plain;
  const secure = tls.needsCertificate ? withCertificate(host, port) : verifying(address, host, port, tls);
  return tls.auto ? `${secure}, or without TLS: ${plain}` : secure;
}

/** No option of `telpty connect` supplies a client certificate. */
function withCertificate(host: string, port: number): string {
  const at = isIP(host) === 6 ? `[${host}]` : host;
  return `openssl s_client -quiet -connect ${at}:${port} -cert CERT -key KEY (with a client certificate)`;
}

function verifying(address: string, host: string, port: number, tls: TlsHint): string {
  const command = (options: string, target: string) => `telpty connect --tls ${options}${target} ${port}`;
  const { options, hosts, isFor } = tls;
  const found = options === undefined ? undefined : reachable(address, host, hosts).find(isFor);
  if (found !== undefined) return command(options!, found);
  // (On this machine, or with a certificate of no use to any client, this is the only command that works.)
  const names = hosts.slice(0, 3).map(name => escapeText(name, 60));
  const why =
    options === undefined
      ? 'clients have to trust its authority: --tls-ca FILE'
      : names.length === 0
        ? 'the certificate names no host'
        : `the certificate is for ${names.join(', ')}`;
  return `${command('--tls-no-verify ', host)} (${why})`;
}

/** Hosts by which a client can be expected to reach the listener, those that certainly do first. */
function reachable(address: string, host: string, hosts: readonly string[]): readonly string[] {
  const local = host === '127.0.0.1' || host === '::1' ? ['localhost'] : [];
  if (isLoopback(address)) return [host, ...local];
  return [host, ...local, ...hosts.filter(name => isIP(name) === 0), hostname(), ...hosts];
}
