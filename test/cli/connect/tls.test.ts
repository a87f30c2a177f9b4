/** The errors of `telpty connect` and `connect()` if TLS fails, or if a port speaks TLS and the client does not. */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { type AddressInfo, createServer, type Server } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { createServer as createTlsServer, type TlsOptions } from 'node:tls';
import { connect } from '../../../src/client/connect.ts';
import type { TelptyError } from '../../../src/errors.ts';
import { atExit } from '../../support/cleanup.ts';
import { openClient, runConnect } from '../../support/clients/connect.ts';
import { Peer } from '../../support/clients/peer.ts';
import { selfSigned, signedBy } from '../../support/servers/certificates.ts';
import { startServer } from '../../support/servers/server.ts';
import { requireTool } from '../../support/system/tools.ts';

const TIMEOUT = { timeout: 600_000 };
const openssl = requireTool('openssl');

const directory = mkdtempSync(join(tmpdir(), 'telpty-connect-tls-'));
const remove = () => rmSync(directory, { recursive: true, force: true });
const forget = atExit(remove);
const good = selfSigned('DNS:localhost,IP:127.0.0.1');
const elsewhere = selfSigned('DNS:elsewhere.test,IP:192.0.2.1');
const many = selfSigned([...Array(9).keys()].map(n => `DNS:host${n}.test`).join(','));
const signed = signedBy(good, 'localhost');
after(() => {
  for (const certificate of [good, elsewhere, many, signed]) certificate[Symbol.dispose]();
  forget();
  remove();
});

interface Files {
  readonly certFile: string;
  readonly cert: string;
  readonly key: string;
}

/** A self-signed certificate, without host names, or outside its validity period. */
function odd(name: string, from = '', to = ''): Files {
  const [certFile, keyFile, request, config] = ['cert', 'key', 'csr', 'cnf'].map(kind =>
    join(directory, `${name}.${kind}`),
  );
  const subject = ['-subj', `/CN=${name}`];
  execFileSync(
    openssl,
    ['req', '-new', '-newkey', 'rsa:2048', '-nodes', '-keyout', keyFile!, '-out', request!, ...subject],
    {
      stdio: 'ignore',
    },
  );
  writeFileSync(join(directory, `${name}.db`), '');
  const extensions = from === '' ? '' : 'x509_extensions=names\n';
  writeFileSync(
    config!,
    `[ca]\ndefault_ca=here\n[here]\ndatabase=${directory}/${name}.db\nnew_certs_dir=${directory}\nrand_serial=yes\n` +
      `default_md=sha256\ndefault_days=2\npolicy=any\n${extensions}[any]\ncommonName=supplied\n[names]\nsubjectAltName=DNS:localhost,IP:127.0.0.1\n`,
  );
  const times = from === '' ? [] : ['-startdate', from, '-enddate', to];
  const sign = [
    'ca',
    '-batch',
    '-selfsign',
    '-config',
    config!,
    '-keyfile',
    keyFile!,
    '-in',
    request!,
    '-out',
    certFile!,
  ];
  execFileSync(openssl, [...sign, '-notext', ...times], { stdio: 'ignore' });
  return { certFile: certFile!, cert: readFileSync(certFile!, 'utf8'), key: readFileSync(keyFile!, 'utf8') };
}

/** A server that runs until the body has ended. */
async function serving(server: Server, body: (port: number) => Promise<void>): Promise<void> {
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  try {
    await body((server.address() as AddressInfo).port);
  } finally {
    server.close();
    await once(server, 'close');
  }
}

function tlsServer(options: TlsOptions): Server {
  const server = createTlsServer(options, socket => {
    socket.on('error', () => {}).end('welcome\r\n');
  });
  return server.on('tlsClientError', () => {});
}

/** Fails unless both the command and the library fail with this message, each with its own advice. */
async function assertFails(
  server: Server,
  { host = '127.0.0.1', ca }: { host?: string; ca?: Files },
  problem: RegExp,
  [option, property]: readonly [RegExp, RegExp],
): Promise<void> {
  await serving(server, async port => {
    const trust = ca === undefined ? [] : ['--tls-ca', ca.certFile];
    const { status, stdout, stderr } = await runConnect(['--tls', ...trust, host, port]).done;
    assert.equal(status, 1, stderr);
    assert.equal(stdout, '');
    assert.match(stderr, /^telpty: no TLS with [^\n]*\n$/);
    assert.match(stderr, new RegExp(`^telpty: no TLS with ${host} port ${port}: `));
    assert.match(stderr, problem);
    assert.match(stderr, option);
    assert.doesNotMatch(stderr, /wrong version|altnames|routines|: *\n$|: *;/);
    const connecting = connect({ host, port, tls: ca === undefined ? true : { ca: ca.cert }, timeout: 300_000 });
    const error = await connecting.then(
      // In TLS 1.3 the server checks the client's certificate after the client has completed the handshake.
      session => new Promise<Error>(resolve => session.once('close', () => resolve(session.errored!)).resume()),
      (reason: TelptyError) => reason,
    );
    assert.match(error.message, property);
    if ((error as TelptyError).code === 'ERR_TLS') assert.match(error.message, problem);
  });
}

const TRUST = [/--tls-ca FILE.*--tls-no-verify/, /tls\.ca.*tls\.rejectUnauthorized/] as const;
const ACCEPT = [/--tls-no-verify/, /tls\.rejectUnauthorized/] as const;
const CLOSED = /: the server closed the connection before TLS began: it may not speak TLS, or refuses your address; /;
const PLAIN_OR_ADMITTED = [
  /; connect without --tls, or try again later or ask its operator$/m,
  /; connect without tls, or try again later or ask its operator$/,
] as const;
const PLAIN = [/connect without --tls$/m, /connect without tls$/] as const;

test('a certificate that is not trusted, not for this host, or outside its validity period', TIMEOUT, async () => {
  await assertFails(tlsServer(good), {}, /the certificate is self-signed/, TRUST);
  await assertFails(tlsServer(signed), { host: 'localhost' }, /is signed by an unknown authority/, TRUST);
  await assertFails(tlsServer(good), { ca: elsewhere }, /the certificate is self-signed/, TRUST);
  const foreign = { ca: elsewhere };
  await assertFails(
    tlsServer(elsewhere),
    foreign,
    /is for elsewhere\.test, 192\.0\.2\.1, not for 127\.0\.0\.1/,
    ACCEPT,
  );
  await assertFails(
    tlsServer(elsewhere),
    { ...foreign, host: 'localhost' },
    /is for elsewhere\.test.*, not for localhost/,
    ACCEPT,
  );
  const several = /is for host0\.test, host1\.test, host2\.test, host3\.test and 5 more, not for localhost/;
  await assertFails(tlsServer(many), { ca: many, host: 'localhost' }, several, ACCEPT);
  const nameless = odd('nameless');
  const names = /the certificate names no host.* \(its subject is nameless\), so it is not for /;
  await assertFails(tlsServer(nameless), { ca: nameless }, names, ACCEPT);
  await assertFails(tlsServer(nameless), { ca: nameless, host: 'localhost' }, names, ACCEPT);
  const past = odd('past', '20200101000000Z', '20210101000000Z');
  await assertFails(tlsServer(past), { ca: past }, /the certificate has expired/, ACCEPT);
  const future = odd('future', '20900101000000Z', '20910101000000Z');
  await assertFails(tlsServer(future), { ca: future }, /the certificate is not valid yet/, ACCEPT);
});

test('a port without TLS, one that closes, and one that speaks only older versions', TIMEOUT, async () => {
  const speaking = createServer(
    socket =>
      void socket
        .on('error', () => {})
        .resume()
        .end('\xff\xfb\x01login: '),
  );
  await assertFails(speaking, {}, /this port does not speak TLS/, PLAIN);
  const answering = createServer(socket => {
    socket.on('error', () => {}).once('data', () => socket.end('HTTP/1.1 400 Bad Request\r\n\r\n'));
  });
  await assertFails(answering, {}, /this port does not speak TLS/, PLAIN);
  for (const close of ['end', 'resetAndDestroy'] as const) {
    const closing = createServer(socket => {
      socket.on('error', () => {}).once('data', () => socket[close]());
    });
    await assertFails(closing, {}, CLOSED, PLAIN_OR_ADMITTED);
  }
  const old = tlsServer({ ...good, minVersion: 'TLSv1', maxVersion: 'TLSv1.1', ciphers: 'DEFAULT@SECLEVEL=0' });
  await assertFails(old, { ca: good }, /does not speak TLS 1\.2 or 1\.3/, [/./, /./]);
});

test('a server that refuses the address before the handshake', TIMEOUT, async () => {
  const tls = ['--tls-cert', good.certFile, '--tls-key', good.keyFile];
  await using server = await startServer([...tls, '--deny', '127.0.0.1']);
  const { status, stderr } = await runConnect(['--tls', '--tls-ca', good.certFile, '127.0.0.1', server.port]).done;
  assert.match(stderr, CLOSED);
  assert.match(stderr, PLAIN_OR_ADMITTED[0]);
  assert.equal(status, 1);
});

test('a server that does not answer the handshake', TIMEOUT, async t => {
  await using peer = await Peer.listen();
  t.mock.timers.enable({ apis: ['setTimeout'] });
  const connecting = connect({ port: peer.port, tls: true, timeout: 0 });
  const wire = await peer.accept();
  // The ClientHello.
  await wire.expect('\x16\x03');
  t.mock.timers.tick(10_000);
  await assert.rejects(connecting, {
    code: 'ERR_TLS',
    message: /: the server does not answer the handshake; it may not speak TLS; connect without tls$/,
  });
});

test('a server that requires a certificate of the client', TIMEOUT, async () => {
  const required = { ...good, ca: elsewhere.cert, requestCert: true };
  await assertFails(tlsServer(required), { ca: good }, /requires a client certificate/, [/./, /./]);
  const former = { ...required, maxVersion: 'TLSv1.2' } as const;
  await assertFails(tlsServer(former), { ca: good }, /requires a client certificate/, [/./, /tls\.cert/]);
});

test('a file for --tls-ca that does not exist, or has no certificate', TIMEOUT, async () => {
  const missing = await runConnect(['--tls', '--tls-ca', '/nowhere.pem', '127.0.0.1']).done;
  assert.equal(missing.stderr, 'telpty: --tls-ca: cannot read /nowhere.pem: no such file or directory\n');
  const file = join(directory, 'empty.pem');
  writeFileSync(file, 'nothing');
  const empty = await runConnect(['--tls', '--tls-ca', file, '127.0.0.1']).done;
  assert.equal(empty.stderr, `telpty: --tls-ca: ${file} contains no PEM certificate\n`);
});

test(
  'without --tls on a port that speaks TLS: a telpty server reports it soon, other servers after some input',
  TIMEOUT,
  async () => {
    await using server = await startServer(['--tls-cert', good.certFile, '--tls-key', good.keyFile]);
    const { status, stdout, stderr } = await runConnect(['127.0.0.1', server.port]).done;
    assert.equal(stdout, 'This is a Telnet server that speaks TLS. Connect with a TLS client.\r\n');
    assert.equal(stderr, `telpty: 127.0.0.1 port ${server.port} speaks TLS; connect with --tls\n`);
    assert.equal(status, 1);
    // OpenSSL's answer to bytes that are not a record: the alert unexpected_message, or protocol_version.
    for (const alert of ['\x15\x03\x01\x00\x02\x02\x0a', '\x15\x03\x03\x00\x02\x02\x46']) {
      const other = createServer(socket => {
        socket.on('error', () => {}).once('data', () => socket.end(alert, 'latin1'));
      });
      await serving(other, async port => {
        const { stdin, done } = runConnect(['127.0.0.1', port]);
        stdin.write('hello\n');
        const result = await done;
        const stderr = `telpty: 127.0.0.1 port ${port} speaks TLS; connect with --tls\n`;
        assert.deepEqual(result, { status: 1, signal: null, stdout: '', stderr });
      });
    }
  },
);

test('a server that closes without sending anything may speak TLS, or refuse the address', TIMEOUT, async () => {
  await using peer = await Peer.listen();
  await using term = await openClient(peer.port);
  const wire = await peer.accept();
  await term.waitFor(/Escape character is/);
  wire.halfClose();
  assert.equal(await term.exitStatus(), 0);
  assert.match(await term.capture(), /closed by foreign host\.\nThe server sent nothing: .*--tls.*refuse your address/);
});

test('a host and a port in one argument, and a URL, are explained', TIMEOUT, async () => {
  await using peer = await Peer.listen();
  const rows: readonly (readonly [args: readonly (string | number)[], command: string])[] = [
    [[`127.0.0.1:${peer.port}`], `telpty connect 127.0.0.1 ${peer.port}`],
    [[`127.0.0.1:${peer.port}`, peer.port], `telpty connect 127.0.0.1 ${peer.port}`],
    [['[::1]:23'], 'telpty connect ::1 23'],
    [['--tls', 'bbs.example:992'], 'telpty connect --tls bbs.example 992'],
    [['telnet://bbs.example:4000/'], 'telpty connect bbs.example 4000'],
    [['telnets://guest:word@bbs.example'], 'telpty connect --tls bbs.example'],
    [['bbs.example:telnet'], 'telpty connect bbs.example telnet'],
  ];
  for (const [args, command] of rows) {
    const { status, stdout, stderr } = await runConnect(args).done;
    assert.equal(status, 2);
    assert.equal(stdout, '');
    assert.match(stderr, /^telpty: HOST: [^\n]*\n$/);
    assert.ok(stderr.includes(`write \`${command}\``), stderr);
  }
});
