import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { atExit } from '../cleanup.ts';
import { requireTool } from '../system/tools.ts';

/** A certificate that signs itself, as files and as text. */
export interface Certificate extends Disposable {
  readonly certFile: string;
  readonly keyFile: string;
  readonly cert: string;
  readonly key: string;
}

/** A certificate for a client, signed by `authority`. */
export function signedBy(authority: Certificate, name: string): Certificate {
  const client = selfSigned(`DNS:${name}`);
  const request = ['req', '-new', '-key', client.keyFile, '-subj', `/CN=${name}`];
  const pem = execFileSync(requireTool('openssl'), request);
  const sign = [
    'x509',
    '-req',
    '-CA',
    authority.certFile,
    '-CAkey',
    authority.keyFile,
    '-CAcreateserial',
    '-days',
    '2',
  ];
  execFileSync(requireTool('openssl'), [...sign, '-out', client.certFile], {
    input: pem,
    stdio: ['pipe', 'ignore', 'ignore'],
  });
  return { ...client, cert: readFileSync(client.certFile, 'utf8') };
}

/**
 * Makes a certificate for names as X.509 writes them: `DNS:localhost`, `IP:127.0.0.1`. An RSA key is for programs that
 * know no other.
 */
export function selfSigned(names: string, kind: 'ec' | 'rsa' = 'ec'): Certificate {
  const directory = mkdtempSync(join(tmpdir(), 'telpty-tls-'));
  const remove = () => rmSync(directory, { recursive: true, force: true });
  const forget = atExit(remove);
  const certFile = join(directory, 'cert.pem');
  const keyFile = join(directory, 'key.pem');
  const newkey =
    kind === 'ec' ? ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1'] : ['-newkey', 'rsa:2048'];
  const key = [...newkey, '-nodes', '-keyout', keyFile];
  const subject = ['-subj', '/CN=telpty test', '-addext', `subjectAltName=${names}`, '-days', '2'];
  execFileSync(requireTool('openssl'), ['req', '-x509', ...key, '-out', certFile, ...subject], { stdio: 'ignore' });
  return {
    certFile,
    keyFile,
    cert: readFileSync(certFile, 'utf8'),
    key: readFileSync(keyFile, 'utf8'),
    [Symbol.dispose]() {
      forget();
      remove();
    },
  };
}
