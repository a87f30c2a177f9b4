import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { requireTool } from '../../support/tools.ts';

/** A key and the certificate for localhost that goes with it, made for this run: a committed one would expire. */
export interface Certificate extends Disposable {
  readonly key: Buffer;
  readonly cert: Buffer;
  readonly keyFile: string;
  readonly certFile: string;
}

export function makeCertificate(): Certificate {
  const directory = mkdtempSync(join(tmpdir(), 'telpty-tls-'));
  const keyFile = join(directory, 'key.pem');
  const certFile = join(directory, 'cert.pem');
  const kind = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-days', '2'];
  const names = ['-subj', '/CN=localhost', '-addext', 'subjectAltName=DNS:localhost,IP:127.0.0.1'];
  const files = ['-keyout', keyFile, '-out', certFile];
  execFileSync(requireTool('openssl'), ['req', '-x509', ...kind, ...names, ...files], { stdio: 'pipe' });
  return {
    key: readFileSync(keyFile),
    cert: readFileSync(certFile),
    keyFile,
    certFile,
    [Symbol.dispose]: () => rmSync(directory, { recursive: true, force: true }),
  };
}
