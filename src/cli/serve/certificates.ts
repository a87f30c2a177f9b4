/**
 * Reads and checks the files of `--tls-cert`, `--tls-key` and `--tls-client-ca`, so that a wrong file is reported at
 * once and in one line.
 */
import { X509Certificate } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { TelptyError } from '../../errors.ts';
import { errorText } from '../../native/system-error.ts';
import { escapeText } from '../../shells/output/escape.ts';
import { faultOfTls, type TlsFault, type TlsOptions } from '../../transport/tls/options.ts';
import type { Log } from '../log/log.ts';
import type { Reloadable } from './reload.ts';
import type { ServeSettings } from './settings.ts';

const OPTIONS = { cert: '--tls-cert', key: '--tls-key', ca: '--tls-client-ca' } as const;

/** A certificate with its key, and the CA of client certificates. */
export type Certificates = Omit<TlsOptions, 'auto'>;

/**
 * @param settings with a certificate.
 * @param log receives a warning if the certificate has expired.
 * @throws TelptyError `ERR_RUNTIME` if a file cannot be read or used.
 */
export function readCertificates({ tlsCert, tlsKey, tlsClientCa }: ServeSettings, log?: Log): Certificates {
  if (tlsCert === undefined || tlsKey === undefined) {
    throw new TelptyError('ERR_RUNTIME', '--tls-cert: TLS cannot be turned off by a reload; restart the server');
  }
  const certificates = {
    cert: contentOf('cert', tlsCert),
    key: contentOf('key', tlsKey),
    ...(tlsClientCa === undefined ? {} : { ca: contentOf('ca', tlsClientCa) }),
  };
  const fault = faultOfTls(certificates);
  if (fault !== undefined) throw errorOf(fault, { cert: tlsCert, key: tlsKey, ca: tlsClientCa });
  const { validTo } = new X509Certificate(certificates.cert);
  if (Date.parse(validTo) < Date.now()) {
    log?.warn(
      `--tls-cert: ${escapeText(tlsCert)} has expired (${validTo}): clients will refuse it; renew it, and send SIGHUP`,
    );
  }
  return certificates;
}

/**
 * The part of a reload that reads the same files again.
 *
 * @param put is called with valid certificates.
 * @param auto whether the listeners accept clients without TLS, which a reload does not change.
 */
export function reloadableCertificates(
  put: (certificates: Certificates) => void,
  auto: boolean | undefined,
  log?: Log,
): Reloadable {
  return {
    name: 'certificates',
    options: ['tlsCert', 'tlsKey', 'tlsClientCa'],
    prepare: settings => {
      if (auto && settings.tlsClientCa !== undefined) {
        throw new TelptyError(
          'ERR_RUNTIME',
          '--tls-client-ca: clients without TLS cannot be excluded by a reload; restart the server',
        );
      }
      const certificates = readCertificates(settings, log);
      return () => put(certificates);
    },
  };
}

function contentOf(part: TlsFault['part'], name: string): string {
  const file = resolve(name);
  try {
    return readFileSync(file, 'utf8');
  } catch (error) {
    const problem = `cannot read ${escapeText(name)}: ${errorText(error)}`;
    const words = `${OPTIONS[part]}: ${problem}; name a file in PEM that the server's user may read`;
    throw new TelptyError('ERR_RUNTIME', words, { file, cause: error });
  }
}

function errorOf({ part, reason, cause }: TlsFault, files: Record<TlsFault['part'], string | undefined>): TelptyError {
  const file = files[part] ?? '';
  const other = part === 'key' && cause === undefined ? ` in '${escapeText(files.cert ?? '')}'` : '';
  const words = `${OPTIONS[part]}: '${escapeText(file)}' ${escapeText(reason, 200)}${other}`;
  return new TelptyError('ERR_RUNTIME', words, { file, cause });
}
