/** Finds out how clients can verify the certificate of this server. Loaded only with TLS. */
import { X509Certificate } from 'node:crypto';
import { resolve } from 'node:path';
import { duplexPair } from 'node:stream';
import { checkServerIdentity, connect, createSecureContext, TLSSocket } from 'node:tls';
import { escapeText } from '../../../shells/output/escape.ts';
import type { TlsOptions } from '../../../transport/tls/options.ts';
import type { ServeSettings } from '../settings.ts';
import type { TlsHint } from './connect-hint.ts';

/** Finds out how a client verifies the server. */
export async function tlsHint(tls: TlsOptions, { tlsCert = '' }: ServeSettings): Promise<TlsHint> {
  const certificate = new X509Certificate(tls.cert);
  const legacy = certificate.toLegacyObject();
  const isFor = (host: string) => checkServerIdentity(host, legacy) === undefined;
  const names = [...(certificate.subjectAltName ?? '').matchAll(/(?:DNS|IP Address):([^",\s]+)/g)].map(
    ([, name = '']) => name,
  );
  const common = [legacy.subject.CN ?? []].flat();
  // A host that the client would not accept is not one: `*.example.org`, or a common name besides other names.
  const hosts = [...names, ...common].filter(name => /^[\w.:-]+$/.test(name) && isFor(name));
  const trust = (await isVerified(tls))
    ? ''
    : (await isVerified(tls, tls.cert))
      ? `--tls-ca ${quoted(resolve(tlsCert))} `
      : undefined;
  return { isFor, hosts, options: trust, needsCertificate: tls.ca !== undefined, auto: tls.auto ?? false };
}

/**
 * Whether a client that trusts these authorities accepts the certificate, apart from its names. A handshake in memory
 * asks OpenSSL itself: a chain, its dates and a cross-signed authority are verified exactly as by the client.
 */
function isVerified({ cert, key }: TlsOptions, ca?: TlsOptions['ca']): Promise<boolean> {
  const [near, far] = duplexPair();
  const server = new TLSSocket(near, { isServer: true, secureContext: createSecureContext({ cert, key }) });
  const client = connect({
    socket: far,
    ...(ca !== undefined && { ca }),
    rejectUnauthorized: true,
    checkServerIdentity: () => undefined,
  });
  return new Promise<boolean>(settle => {
    server.on('error', () => settle(false));
    client.once('secureConnect', () => settle(true)).once('close', () => settle(false));
    client.on('error', () => settle(false));
  }).finally(() => {
    client.destroy();
    server.destroy();
  });
}

/** As one word of a shell. */
function quoted(word: string): string {
  const text = escapeText(word);
  return /^[\w@%+=:,./-]+$/.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`;
}
