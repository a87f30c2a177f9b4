import { createPrivateKey, type KeyObject, X509Certificate } from 'node:crypto';
import { createSecureContext } from 'node:tls';
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

/** How TLS is spoken. */
export interface TlsOptions {
  /** The certificate and those that lead from it to a root, in PEM. */
  readonly cert: string | Buffer;
  /** Its private key, in PEM. */
  readonly key: string | Buffer;
  /** Certificates in PEM: clients have to have one that was signed by one of these. Not with `auto`. Default: they need none. */
  readonly ca?: string | Buffer | undefined;
  /** Whether clients without TLS are welcome, too. Default false. */
  readonly auto?: boolean;
  /** How long the handshake may take, in milliseconds; default 10,000. A client may be silent before it for 2 s at most. */
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

/** What is wrong about certificates and keys. */
export interface TlsFault {
  readonly part: 'cert' | 'key' | 'ca';
  /** In words that go on behind the part's name. */
  readonly reason: string;
  readonly cause: unknown;
}

/**
 * @param auto whether clients without TLS are welcome already.
 * @throws TelptyError `ERR_INVALID_ARGUMENT`, also for certificates and keys that cannot be used.
 */
export function readTlsOptions(options: TlsOptions, auto = false): OptionsOf<typeof tlsOptions> {
  const settings = readOptions('tls', tlsOptions, options, 'tls.');
  // Else a client that leaves TLS out would need no certificate.
  check(
    !(auto || settings.auto) || settings.ca === undefined,
    'tls.ca and tls.auto exclude each other: clients without TLS have no certificate',
  );
  const fault = faultOfTls(settings);
  if (fault === undefined) return settings;
  const { part, reason, cause } = fault;
  throw new TelptyError('ERR_INVALID_ARGUMENT', `tls.${part} ${reason}`, { cause });
}

const PEM_CERTIFICATE = /-----BEGIN (?:TRUSTED |X509 )?CERTIFICATE-----[^-]*(?:-----END [^\n]*)?/g;

/** Each certificate of a text in PEM; the text itself, if there is none. */
function certificatesIn(pem: string | Buffer): readonly string[] {
  const text = String(pem);
  return text.match(PEM_CERTIFICATE) ?? [text];
}

/** What is wrong about certificates and keys, if anything. */
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
    // (Node's errors about it differ from version to version.)
    const isEncrypted = /^(?:-----BEGIN ENCRYPTED PRIVATE KEY-----|Proc-Type: 4,ENCRYPTED)/m.test(String(key));
    const reason = isEncrypted ? 'has a passphrase; remove it' : 'is not a PEM private key';
    return { part: 'key', reason, cause };
  }
  if (!certificate.checkPrivateKey(privateKey)) {
    return { part: 'key', reason: 'is not the key of the certificate', cause: undefined };
  }
  // OpenSSL takes those in front of a broken one, and does not complain.
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
