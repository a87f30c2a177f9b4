import { constants, createPrivateKey, type KeyObject, X509Certificate } from 'node:crypto';
import { createSecureContext, type TlsOptions as NodeTlsOptions } from 'node:tls';
import { TelptyError } from '../../errors.ts';
import {
  boolean,
  check,
  duration,
  type OptionsOf,
  type OptionTable,
  readOptions,
  required,
  where,
} from '../../options.ts';

/** The options of TLS. */
export interface TlsOptions {
  /** The certificate, followed by the intermediate certificates up to a root, in PEM. */
  readonly cert: string | Buffer;
  /** Its private key, in PEM. */
  readonly key: string | Buffer;
  /**
   * Certificates in PEM: clients must present a certificate signed by one of these. Not with `auto`. Default: no client
   * certificate.
   */
  readonly ca?: string | Buffer | undefined;
  /** Whether to accept clients without TLS, too. Default false. */
  readonly auto?: boolean;
  /**
   * Time limit of the handshake, in milliseconds; default 10,000. Before it, a client may stay silent for 5 s at most.
   */
  readonly handshakeTimeout?: number;
}

const pem = where<string | Buffer>('text in PEM', value => typeof value === 'string' || value instanceof Uint8Array);

export const tlsOptions = {
  cert: required(pem),
  key: required(pem),
  ca: pem,
  auto: boolean({ default: false }),
  handshakeTimeout: duration({ default: 10_000 }),
} satisfies OptionTable<TlsOptions>;

/** An error in certificates and keys. */
export interface TlsFault {
  readonly part: 'cert' | 'key' | 'ca';
  /** In words that continue a sentence after the name of the part. */
  readonly reason: string;
  readonly cause: unknown;
}

/**
 * @param auto whether clients without TLS are already accepted.
 * @throws TelptyError `ERR_INVALID_ARGUMENT`, also for certificates and keys that cannot be used.
 */
export function readTlsOptions(options: TlsOptions, auto = false): OptionsOf<typeof tlsOptions> {
  const settings = readOptions('tls', tlsOptions, options, 'tls.');
  // Otherwise a client could avoid the certificate by not using TLS.
  check(
    !(auto || settings.auto) || settings.ca === undefined,
    'tls.ca and tls.auto exclude each other: clients without TLS have no certificate',
  );
  const fault = faultOfTls(settings);
  if (fault === undefined) return settings;
  const { part, reason, cause } = fault;
  throw new TelptyError('ERR_INVALID_ARGUMENT', `tls.${part} ${reason}`, { cause });
}

/**
 * The options of a server of `node:tls` or `node:https`.
 *
 * @param options as {@link readTlsOptions} returns them.
 */
export function secureServerOptions({ cert, key, ca }: Pick<TlsOptions, 'cert' | 'key' | 'ca'>): NodeTlsOptions {
  return {
    cert,
    key,
    ...(ca !== undefined && { ca, requestCert: true, rejectUnauthorized: true }),
    minVersion: 'TLSv1.2',
    secureOptions: constants.SSL_OP_NO_RENEGOTIATION,
  };
}

const PEM_CERTIFICATE = /-----BEGIN (?:TRUSTED |X509 )?CERTIFICATE-----[^-]*(?:-----END [^\n]*)?/g;

/** Each certificate of a PEM text; the text itself if it has none. */
function certificatesIn(pem: string | Buffer): readonly string[] {
  const text = String(pem);
  return text.match(PEM_CERTIFICATE) ?? [text];
}

/** The first error in certificates and keys, if any. */
export function faultOfTls({ cert, key, ca }: TlsOptions): TlsFault | undefined {
  let certificate: X509Certificate;
  let privateKey: KeyObject;
  try {
    certificate = new X509Certificate(cert);
  } catch (cause) {
    return { part: 'cert', reason: 'is not a PEM certificate', cause };
  }
  try {
    privateKey = createPrivateKey(key);
  } catch (cause) {
    // Node's error messages about this differ between versions.
    const isEncrypted = /^(?:-----BEGIN ENCRYPTED PRIVATE KEY-----|Proc-Type: 4,ENCRYPTED)/m.test(String(key));
    const reason = isEncrypted ? 'has a passphrase; remove it' : 'is not a PEM private key';
    return { part: 'key', reason, cause };
  }
  if (!certificate.checkPrivateKey(privateKey)) {
    return { part: 'key', reason: 'is not the key of the certificate', cause: undefined };
  }
  // OpenSSL takes the certificates before a malformed one without an error.
  for (const [index, one] of (ca === undefined ? [] : certificatesIn(ca)).entries()) {
    try {
      new X509Certificate(one);
    } catch (cause) {
      return {
        part: 'ca',
        reason: index === 0 ? 'contains no PEM certificate' : 'contains a malformed certificate',
        cause,
      };
    }
  }
  try {
    createSecureContext({ cert, key, ca });
  } catch (cause) {
    const { reason, message } = cause as { reason?: string; message: string };
    return { part: 'cert', reason: `cannot be used: ${reason ?? message}`, cause };
  }
  return undefined;
}
