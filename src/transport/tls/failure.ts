/** Explains why a TLS connection to a server failed, from the errors of OpenSSL and Node.js. */
import { isIP } from 'node:net';

/**
 * What the user can do: `'trust'` the certificate or its authority, `'accept'` any certificate, do without TLS
 * (`'plain'`), do without TLS or get their address accepted (`'plain-or-admitted'`), present a `'certificate'`.
 */
export type TlsRemedy = 'trust' | 'accept' | 'plain' | 'plain-or-admitted' | 'certificate';

export interface TlsFailure {
  /** One line: a sentence without a full stop. */
  readonly problem: string;
  readonly remedy?: TlsRemedy;
}

/**
 * Codes of X.509 verification, and of OpenSSL's alerts and errors without `ERR_SSL_` and without the version before an
 * alert.
 */
const FAILURES: ReadonlyMap<string, TlsFailure> = new Map<string, TlsFailure>([
  ['DEPTH_ZERO_SELF_SIGNED_CERT', { problem: 'the certificate is self-signed', remedy: 'trust' }],
  ...[
    'SELF_SIGNED_CERT_IN_CHAIN',
    'UNABLE_TO_GET_ISSUER_CERT_LOCALLY',
    'UNABLE_TO_GET_ISSUER_CERT',
    'UNABLE_TO_VERIFY_LEAF_SIGNATURE',
    'CERT_UNTRUSTED',
    'INVALID_CA',
  ].map(code => [code, { problem: 'the certificate is signed by an unknown authority', remedy: 'trust' }] as const),
  ['CERT_HAS_EXPIRED', { problem: 'the certificate has expired', remedy: 'accept' }],
  ['CERT_NOT_YET_VALID', { problem: 'the certificate is not valid yet (is the clock right?)', remedy: 'accept' }],
  ['CERT_REVOKED', { problem: 'the certificate was revoked', remedy: 'accept' }],
  ['INVALID_PURPOSE', { problem: 'the certificate is not for server authentication', remedy: 'accept' }],
  ['HOSTNAME_MISMATCH', { problem: 'the certificate is for another host', remedy: 'accept' }],
  ['EE_KEY_TOO_SMALL', { problem: "the certificate's key is too short" }],
  ['CA_KEY_TOO_SMALL', { problem: "the key of the certificate's authority is too short" }],
  ['CA_MD_TOO_WEAK', { problem: "the signature in the certificate's chain is too weak" }],
  ...[
    'WRONG_VERSION_NUMBER',
    'PACKET_LENGTH_TOO_LONG',
    'UNEXPECTED_MESSAGE',
    'HTTP_REQUEST',
    'BAD_RECORD_TYPE',
    'RECORD_LAYER_FAILURE',
    'UNEXPECTED_RECORD',
    'INVALID_RECORD',
    'ENCRYPTED_LENGTH_TOO_LONG',
  ].map(code => [code, { problem: 'this port does not speak TLS', remedy: 'plain' }] as const),
  ...['ALERT_PROTOCOL_VERSION', 'UNSUPPORTED_PROTOCOL', 'VERSION_TOO_LOW', 'WRONG_SSL_VERSION'].map(
    code => [code, { problem: 'the server does not speak TLS 1.2 or 1.3, only other versions' }] as const,
  ),
  [
    'ALERT_HANDSHAKE_FAILURE',
    {
      problem: 'the server refused the handshake: no cipher in common, or it requires a client certificate',
      remedy: 'certificate',
    },
  ],
  ['ALERT_INSUFFICIENT_SECURITY', { problem: 'the server refused the handshake: no cipher is strong enough for it' }],
  ['ALERT_CERTIFICATE_REQUIRED', { problem: 'the server requires a client certificate', remedy: 'certificate' }],
  ...[
    'ALERT_BAD_CERTIFICATE',
    'ALERT_UNKNOWN_CA',
    'ALERT_UNSUPPORTED_CERTIFICATE',
    'ALERT_CERTIFICATE_UNKNOWN',
    'ALERT_ACCESS_DENIED',
  ].map(
    code => [code, { problem: 'the server does not accept the client certificate', remedy: 'certificate' }] as const,
  ),
  ['ALERT_CERTIFICATE_EXPIRED', { problem: 'the client certificate has expired', remedy: 'certificate' }],
  ['ALERT_CERTIFICATE_REVOKED', { problem: 'the client certificate was revoked', remedy: 'certificate' }],
  ['ALERT_UNRECOGNIZED_NAME', { problem: 'the server does not serve this host name' }],
  ['UNRECOGNIZED_NAME', { problem: 'the server does not serve this host name' }],
  ['DH_KEY_TOO_SMALL', { problem: "the server's Diffie-Hellman key is too short" }],
  ['ETIMEDOUT', { problem: 'the server does not answer the handshake; it may not speak TLS', remedy: 'plain' }],
  // A server that limits addresses closes such a connection without a handshake, as telpty's own does.
  ...['ECONNRESET', 'EPIPE', 'UNEXPECTED_EOF_WHILE_READING'].map(
    code =>
      [
        code,
        {
          problem: 'the server closed the connection before TLS began: it may not speak TLS, or refuses your address',
          remedy: 'plain-or-admitted',
        },
      ] as const,
  ),
]);

/** The prefix of OpenSSL's own errors, which errors of X.509 and of the system do not have. */
const OPENSSL = /^ERR_SSL_(?:(?:SSLV3|TLSV1|TLSV13)_(?=ALERT))?/;

/** Explains an error of a client's TLSSocket. */
export function explainTls(error: Error, host: string): TlsFailure {
  const { code = '' } = error as NodeJS.ErrnoException;
  if (code === 'ERR_TLS_CERT_ALTNAME_INVALID') return { problem: wrongHost(error, host), remedy: 'accept' };
  const known = FAILURES.get(code.replace(OPENSSL, '').replace(/^TLSV1_(?=UNRECOGNIZED)/, ''));
  if (known !== undefined) return known;
  const isCertificate =
    !code.startsWith('ERR_') && /^[A-Z_]*(?:CERT|CRL|SIGNATURE|CHAIN|PATH|ISSUER)[A-Z_]*$/.test(code);
  const words = oneLine(wordsOf(error));
  if (isCertificate) return { problem: `the certificate cannot be verified: ${words}`, remedy: 'accept' };
  return { problem: `the handshake failed: ${words}` };
}

/** Whether an error is one of TLS, not of the underlying connection. */
export function isTlsError(error: Error): boolean {
  return String((error as NodeJS.ErrnoException).code).startsWith('ERR_SSL_');
}

/** The number of certificate names in a message, and the longest of each, in characters. */
const MOST_NAMES = 4;
const LONGEST_NAME = 60;

/** A certificate has any number of names, or none. */
function wrongHost(error: Error, host: string): string {
  const { cert } = error as { cert?: { subjectaltname?: string; subject?: { CN?: string | string[] } } };
  const names = [...(cert?.subjectaltname ?? '').matchAll(/(?:DNS|IP Address):("(?:[^"\\]|\\.)*"|[^,]*)/g)].map(
    ([, name = '']) => oneLine(name, LONGEST_NAME),
  );
  if (names.length > 0) {
    const shown = names.slice(0, MOST_NAMES).join(', ');
    const more = names.length > MOST_NAMES ? ` and ${names.length - MOST_NAMES} more` : '';
    return `the certificate is for ${shown}${more}, not for ${oneLine(host, LONGEST_NAME)}`;
  }
  const common = [cert?.subject?.CN ?? []].flat().map(name => oneLine(name, LONGEST_NAME))[0];
  const about = common ? ` (its subject is ${common})` : '';
  const kind = isIP(host) === 0 ? 'host' : 'host or address';
  return `the certificate names no ${kind}${about}, so it is not for ${oneLine(host, LONGEST_NAME)}`;
}

/** The longest reason, in characters: a certificate can have any number of names. */
const LONGEST_REASON = 300;

/** OpenSSL's `reason` is preferred: the message contains its source file, line and numbers. */
function wordsOf(error: Error): string {
  const { reason } = error as { reason?: string };
  return reason ?? error.message;
}

/**
 * The server controls the names in a certificate, so characters that would move a cursor or change the direction of
 * text are removed.
 */
function oneLine(text: string, longest = LONGEST_REASON): string {
  const line = text.replace(/[\p{C}\p{Z}]+/gu, ' ').trim();
  return line.length > longest ? `${[...line].slice(0, longest).join('')}…` : line;
}
