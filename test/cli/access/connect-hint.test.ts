/** The command that the log shows at the start of a server with TLS: it connects as it is written. */
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { copyFileSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, it } from 'node:test';
import { promisify } from 'node:util';
import { connectHint, type TlsHint } from '../../../src/cli/serve/listening/connect-hint.ts';
import { atExit } from '../../support/cleanup.ts';
import { type Certificate, selfSigned, signedBy } from '../../support/servers/certificates.ts';
import { CLI, startServer } from '../../support/servers/server.ts';

const run = promisify(execFile);
const directory = mkdtempSync(join(tmpdir(), 'telpty-hint-'));
const remove = () => rmSync(directory, { recursive: true, force: true });
const forget = atExit(remove);
const certificates: Certificate[] = [];
const made = (certificate: Certificate) => {
  certificates.push(certificate);
  return certificate;
};
after(() => {
  for (const certificate of certificates) certificate[Symbol.dispose]();
  forget();
  remove();
});

/** Starts a server, runs the command from its log with a shell, and returns the command without its port. */
async function follow(certificate: Pick<Certificate, 'certFile' | 'keyFile'>, ...args: string[]): Promise<string> {
  const tls = ['--tls-cert', certificate.certFile, '--tls-key', certificate.keyFile, '--log-format', 'json'];
  const program = ['/bin/sh', '-c', 'echo "welcome $TELPTY_REMOTE_ADDRESS"'];
  await using server = await startServer([...tls, '--allow-root-program', ...args], { program });
  const [, line = ''] = await server.waitForLog(/(\{[^\n]*connect with: [^\n]*)\n/);
  const [, hint = ''] = /connect with: (.*)$/.exec((JSON.parse(line) as { msg: string }).msg)!;
  const command = hint.replace(/ \(.*\)$/, '').split(', or without TLS: ')[0]!;
  const script = `telpty() { "${process.execPath}" "${CLI}" "$@"; }; ${command} </dev/null`;
  const { stdout } = await run('/bin/sh', ['-c', script], { cwd: '/', timeout: 300_000 });
  assert.match(stdout, /welcome \S+\r?\n/, hint);
  return hint.replaceAll(String(server.port), 'PORT').replaceAll(directory, 'DIR');
}

describe('the command to connect with TLS', { timeout: 600_000 }, () => {
  it('trusts a self-signed certificate, by the name or address in it', async () => {
    const address = made(selfSigned('DNS:game.test,IP:127.0.0.1'));
    const trust = `telpty connect --tls --tls-ca ${address.certFile}`;
    assert.equal(await follow(address), `${trust} 127.0.0.1 PORT`);
    assert.equal(await follow(address, '--host', '0.0.0.0'), `${trust} 127.0.0.1 PORT`);
    const both = await follow(address, '--tls-auto');
    assert.equal(both, `${trust} 127.0.0.1 PORT, or without TLS: telnet 127.0.0.1 PORT`);
    const name = made(selfSigned('DNS:localhost'));
    assert.equal(await follow(name), `telpty connect --tls --tls-ca ${name.certFile} localhost PORT`);
  });

  it('quotes the path of the certificate for the shell', async () => {
    const { certFile, keyFile } = made(selfSigned('DNS:localhost'));
    const odd = join(directory, "my friend's $HOME");
    mkdirSync(odd);
    copyFileSync(certFile, join(odd, 'c.pem'));
    const hint = await follow({ certFile: join(odd, 'c.pem'), keyFile });
    assert.equal(hint, `telpty connect --tls --tls-ca 'DIR/my friend'\\''s $HOME/c.pem' localhost PORT`);
  });

  it('trusts the authority if the file contains it', async () => {
    const authority = made(selfSigned('DNS:authority.test'));
    const signed = made(signedBy(authority, 'localhost'));
    const chain = join(directory, 'chain.pem');
    writeFileSync(chain, `${signed.cert}${authority.cert}`);
    // (`openssl x509 -req` adds no names, so the subject is the only one.)
    const hint = await follow({ certFile: chain, keyFile: signed.keyFile });
    assert.equal(hint, 'telpty connect --tls --tls-ca DIR/chain.pem localhost PORT');
    const reason = 'clients have to trust its authority: --tls-ca FILE';
    assert.equal(await follow(signed), `telpty connect --tls --tls-no-verify 127.0.0.1 PORT (${reason})`);
  });

  it('does not verify a certificate that no client of this machine can verify', async () => {
    const elsewhere = made(selfSigned('DNS:game.test'));
    const hint = 'telpty connect --tls --tls-no-verify 127.0.0.1 PORT (the certificate is for game.test)';
    assert.equal(await follow(elsewhere), hint);
  });

  it('names a host of the certificate if other machines can connect', () => {
    const hint = (address: string, hosts: string[], options: string | undefined = '') => {
      const isFor = (host: string) => hosts.includes(host);
      const tls: TlsHint = { isFor, hosts, options, needsCertificate: false, auto: false };
      return connectHint({ address, port: 992 }, tls);
    };
    assert.equal(hint('0.0.0.0', ['game.test', 'www.game.test']), 'telpty connect --tls game.test 992');
    assert.equal(hint('0.0.0.0', ['game.test', 'localhost']), 'telpty connect --tls localhost 992');
    assert.equal(hint('192.0.2.1', ['game.test', '192.0.2.1']), 'telpty connect --tls 192.0.2.1 992');
    assert.equal(hint('::', ['2001:db8::1', 'game.test']), 'telpty connect --tls game.test 992');
    assert.equal(hint('10.0.0.1', ['192.0.2.1']), 'telpty connect --tls 192.0.2.1 992');
    const none = 'telpty connect --tls --tls-no-verify 10.0.0.1 992 (the certificate names no host)';
    assert.equal(hint('10.0.0.1', []), none);
  });

  it('shows another client if the server requires a certificate', async () => {
    const own = made(selfSigned('DNS:localhost'));
    const args = ['--tls-cert', own.certFile, '--tls-key', own.keyFile, '--tls-client-ca', own.certFile];
    await using server = await startServer(args, { program: ['/bin/sh', '-c', 'echo welcome'] });
    const [, command = ''] = await server.waitForLog(
      /connect with: (openssl s_client .*) \(with a client certificate\)/,
    );
    const filled = command.replace('CERT', own.certFile).replace('KEY', own.keyFile);
    const { stdout } = await run('/bin/sh', ['-c', `${filled} 2>/dev/null </dev/null; true`], { timeout: 300_000 });
    assert.match(stdout, /welcome/);
  });
});
