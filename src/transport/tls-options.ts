import { createPrivateKey, type KeyObject, X509Certificate } from 'node:crypto';
import { createSecureContext } from 'node:tls';
import { check, checkKeys, checkTime } from '../check.ts';
import { TelptyError } from '../errors.ts';

/** How TLS is spoken. */
export interface TlsOptions {
  /** The certificate and those that lead from it to a root, in PEM. */
  readonly cert: string | Buffer;
  /** Its private key, in PEM. */
  readonly key: string | Buffer;
  /** Certificates in PEM: clients have to have one that was signed by one of these. Default: they need none. */
  readonly ca?: string | Buffer | undefined;
  /** Whether clients without TLS are welcome, too. Default false. */
  readonly auto?: boolean;
  /** How long a client may be silent, and then how long the handshake may take, in milliseconds; default 10,000. */
  readonly handshakeTimeout?: number;
}

/** What is wrong about certificates and keys. */
export interface TlsFault {
  readonly part: 'cert' | 'key' | 'ca';
  /** In words that go on behind the part's name. */
  readonly reason: string;
  readonly cause: unknown;
}

/** @throws TelptyError `ERR_INVALID_ARGUMENT`, also for certificates and keys that cannot be used. */
export function checkTls(options: TlsOptions): void {
  check(typeof options === 'object' && options !== null, 'tls must be an object');
  checkKeys('the options of tls', options, ['cert', 'key', 'ca', 'auto', 'handshakeTimeout']);
  check(options.auto === undefined || typeof options.auto === 'boolean', 'tls.auto must be a boolean');
  checkTime('tls.handshakeTimeout', options.handshakeTimeout);
  const fault = faultOfTls(options);
  if (fault === undefined) return;
  const { part, reason, cause } = fault;
  throw new TelptyError('ERR_INVALID_ARGUMENT', `tls.${part} ${reason}`, { cause });
}

/** What is wrong about certificates and keys, if anything. */
export function faultOfTls({ cert, key, ca }: TlsOptions): TlsFault | undefined {
  let certificate: X509Certificate;
  let privateKey: KeyObject;
  try {
    certificate = new X509Certificate(cert);
  } catch (cause) {
    return { part: 'cert', reason: 'is no certificate in PEM', cause };
  }
  try {
    privateKey = createPrivateKey(key);
  } catch (cause) {
    const { code } = cause as { code?: string };
    const reason = code === 'ERR_MISSING_PASSPHRASE' ? 'has a passphrase: take it off' : 'is no private key in PEM';
    return { part: 'key', reason, cause };
  }
  if (!certificate.checkPrivateKey(privateKey)) {
    return { part: 'key', reason: 'is not the key of the certificate', cause: undefined };
  }
  try {
    if (ca !== undefined) new X509Certificate(ca);
  } catch (cause) {
    return { part: 'ca', reason: 'has no certificate in PEM', cause };
  }
  try {
    createSecureContext({ cert, key, ca });
  } catch (cause) {
    const { reason, message } = cause as { reason?: string; message: string };
    return { part: 'cert', reason: `cannot be used: ${reason ?? message}`, cause };
  }
  return undefined;
}
