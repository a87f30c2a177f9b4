/** `telpty serve` with TLS, with other clients: openssl, socat, telnet-ssl, Python, telpty connect. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { copyFileSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, it } from 'node:test';
import { atExit } from '../../support/cleanup.ts';
import { runCommands } from '../../support/clients/command-lines.ts';
import { openClient } from '../../support/clients/connect.ts';
import { Wire, type WireOptions } from '../../support/clients/test-client.ts';
import { connectSecurely, tlsOf } from '../../support/clients/tls-client.ts';
import { Terminal } from '../../support/clients/tmux.ts';
import { childrenOf } from '../../support/leaks.ts';
import { selfSigned } from '../../support/servers/certificates.ts';
import { startServer, type TestServer } from '../../support/servers/server.ts';
import { requireTool, type Tool } from '../../support/system/tools.ts';

const certificate = selfSigned('DNS:localhost,IP:127.0.0.1');
const other = selfSigned('DNS:localhost,IP:127.0.0.1');
const directory = mkdtempSync(join(tmpdir(), 'telpty-tls-'));
const remove = () => rmSync(directory, { recursive: true, force: true });
const forget = atExit(remove);
after(() => {
  certificate[Symbol.dispose]();
  other[Symbol.dispose]();
  forget();
  remove();
});

const XTERM: WireOptions = { ttype: ['xterm'], size: [80, 24] };
const TLS = ['--tls-cert', certificate.certFile, '--tls-key', certificate.keyFile];
const ASK = { program: ['/bin/sh', '-c', 'echo "from $TELPTY_REMOTE_ADDRESS"; read -r x; echo "you said $x"'] };

/** The output of a program that gets `input`, whose end follows `until` in the output. */
function talk(tool: Tool, args: readonly string[], input: string, until: RegExp): Promise<string> {
  const child = spawn(requireTool(tool), args, { stdio: ['pipe', 'pipe', 'pipe'] });
  const kill = atExit(() => child.kill('SIGKILL'));
  let output = '';
  const heard = (chunk: Buffer): void => {
    output += chunk.toString('latin1');
    if (until.test(output)) child.stdin.end();
  };
  child.stdout.on('data', heard);
  child.stderr.on('data', heard);
  child.stdin.on('error', () => {});
  child.stdin.write(input);
  return new Promise(resolve => {
    child.on('close', () => {
      kill();
      resolve(output);
    });
  });
}

/** Runs servers that must not start. */
const failing = (...lines: string[][]) =>
  runCommands(lines.map(args => ['serve', '--port', '0', ...args, '--', 'cat']));

const fingerprintOf = (wire: Wire) => tlsOf(wire).getPeerCertificate().fingerprint256;

describe('telpty serve --tls-cert', { timeout: 600_000 }, () => {
  it('prints a telnets URL, and serves real clients', async () => {
    await using server = await startServer([...TLS, '--log-format', 'json'], ASK);
    assert.equal(server.stdout, `listening telnets://127.0.0.1:${server.port}\n`);
    const at = `127.0.0.1:${server.port}`;
    const openssl = ['s_client', '-connect', at, '-quiet', '-CAfile', certificate.certFile, '-verify_return_error'];
    assert.match(
      await talk('openssl', openssl, 'openssl\r\n', /you said/),
      /from 127\.0\.0\.1\r\n.*you said openssl\r\n/s,
    );
    const socat = ['-', `OPENSSL:${at},cafile=${certificate.certFile},commonname=localhost`];
    assert.match(await talk('socat', socat, 'socat\r\n', /you said/), /you said socat\r\n/);
    const python = `
import socket, ssl, sys
context = ssl.create_default_context(cafile=sys.argv[2])
with context.wrap_socket(socket.create_connection(("127.0.0.1", int(sys.argv[1]))), server_hostname="localhost") as s:
    s.sendall(b"python\\r\\n")
    text = b""
    while b"you said" not in text: text += s.recv(4096)
    print(s.version(), s.compression(), text)
`;
    assert.match(
      await talk('python3', ['-c', python, String(server.port), certificate.certFile], '', /you said/),
      /^TLSv1\.3 None .*you said python/s,
    );
    await server.assertNoLeaks();
  });

  it('serves telnet-ssl and telpty connect at a terminal', async () => {
    await using server = await startServer(TLS, ASK);
    const netkit = [requireTool('telnet-ssl'), '-z', 'ssl', '-z', `cacert=${certificate.certFile}`, 'localhost'];
    await using old = await Terminal.start([...netkit, String(server.port)]);
    await old.waitFor(/from 127\.0\.0\.1/);
    await old.type('netkit\r');
    await old.waitFor(/you said netkit/);
    await using ours = await openClient(server.port, ['--tls', '--tls-ca', certificate.certFile]);
    await ours.waitFor(/from 127\.0\.0\.1/);
    await ours.type('telpty\r');
    await ours.waitFor(/you said telpty/);
  });

  it('answers curl with an explanation, and logs one line for each client of another protocol', async () => {
    await using server = await startServer([...TLS, '--log-format', 'json'], ASK);
    assert.equal(
      await talk('curl', ['-s', `http://127.0.0.1:${server.port}/`], '', /^$/),
      'This is a Telnet server.\n',
    );
    await server.waitForLog(/refused: 127\.0\.0\.1:\d+, http: an HTTP request"/);
    await using plain = await Wire.connect(server.port, { silent: true });
    plain.send('hello\x1b]0;x\x07\r\n');
    await plain.expect('This is a Telnet server that speaks TLS. Connect with a TLS client.\r\n');
    await server.waitForLog(/refused: 127\.0\.0\.1:\d+, tls: no TLS"/);
    assert.equal(server.stderr.match(/refused: /g)?.length, 2);
    assert.ok(!server.stderr.includes('session '));
  });

  for (const workers of [1, 2]) {
    it(`reads its files again at SIGHUP, and closes no session (workers: ${workers})`, async () => {
      const cert = join(directory, 'cert.pem');
      const key = join(directory, 'key.pem');
      const put = (from: typeof certificate) => {
        copyFileSync(from.certFile, cert);
        copyFileSync(from.keyFile, key);
      };
      put(certificate);
      const args = ['--tls-cert', cert, '--tls-key', key, '--workers', String(workers), '--log-format', 'json'];
      await using server = await startServer(args, { program: ['/bin/cat'] });
      await using before = await connectSecurely(server.port, XTERM);
      put(other);
      await reload(server, /"msg":"reloaded: .*certificates/);
      await using next = await connectSecurely(server.port, XTERM);
      const changed = fingerprintOf(next);
      assert.notEqual(changed, fingerprintOf(before));
      before.type('still here\r');
      await before.expect('still here\r\nstill here\r\n');

      // A bad file changes nothing.
      copyFileSync(certificate.certFile, cert);
      await reload(
        server,
        /not reloaded, nothing was changed: --tls-key: '[^']*key\.pem' is not the key of the certificate/,
      );
      await using last = await connectSecurely(server.port, XTERM);
      assert.equal(fingerprintOf(last), changed);
      if (workers === 1) return;
      // A worker that replaces another has the certificates in effect, whatever the files contain.
      for (const { pid } of childrenOf(server.pid)) process.kill(pid, 'SIGKILL');
      await server.waitForLog(/worker 1 is back/);
      await server.waitForLog(/worker 2 is back/);
      await using again = await connectSecurely(server.port, XTERM);
      assert.equal(fingerprintOf(again), changed);
      await again.close();
      server.baseline!.children = childrenOf(server.pid);
    });
  }

  it('passes TLS and plain clients to its workers, and frees the slots of failed handshakes', async () => {
    const args = [...TLS, '--tls-auto', '--workers', '2', '--max-sessions', '1', '--log-format', 'json'];
    await using server = await startServer(args, { program: ['/bin/cat'] });
    for (let round = 0; round < 3; round++) {
      await using broken = await Wire.connect(server.port, { silent: true });
      broken.send(Buffer.concat([Buffer.from('16030100050100000102', 'hex'), Buffer.alloc(100)]));
      await broken.untilEnd();
    }
    {
      await using wire = await connectSecurely(server.port, XTERM);
      wire.type('secure\r');
      await wire.expect('secure\r\nsecure\r\n');
      await using second = await connectSecurely(server.port, XTERM);
      await second.expect('telpty: too many sessions, try again later\r\n');
    }
    await server.waitForLog(/session \d+ ended/);
    await using plain = await Wire.connect(server.port, XTERM);
    plain.type('plain\r');
    await plain.expect('plain\r\nplain\r\n');
    assert.equal(server.stderr.match(/tls: the handshake failed/g)?.length, 3);
  });

  it('requires client certificates with --tls-client-ca', async () => {
    await using server = await startServer([...TLS, '--tls-client-ca', other.certFile, '--log-format', 'json'], ASK);
    const at = ['s_client', '-connect', `127.0.0.1:${server.port}`, '-quiet'];
    const known = [...at, '-cert', other.certFile, '-key', other.keyFile];
    assert.match(await talk('openssl', known, 'me\r\n', /you said/), /you said me/);
    assert.doesNotMatch(await talk('openssl', at, 'me\r\n', /alert|closed/), /from/);
    await server.waitForLog(/tls: the handshake failed: peer did not return a certificate/);
    const unknown = [...at, '-cert', certificate.certFile, '-key', certificate.keyFile];
    assert.doesNotMatch(await talk('openssl', unknown, 'me\r\n', /alert|closed/), /from/);
    await server.waitForLog(/tls: the client's certificate: /);
  });

  it('rejects --tls-client-ca with --tls-auto, also after a SIGHUP', async () => {
    const [pair] = failing([...TLS, '--tls-client-ca', other.certFile, '--tls-auto']);
    assert.deepEqual([pair?.status, pair?.stdout], [2, '']);
    assert.match(pair!.stderr, /^telpty: --tls-client-ca and --tls-auto exclude each other: .*\n$/);
    for (const workers of ['1', '2']) {
      const config = join(directory, `pair-${workers}.json`);
      const write = (more: object) => {
        const files = { 'tls-cert': certificate.certFile, 'tls-key': certificate.keyFile };
        writeFileSync(config, JSON.stringify({ ...files, ...more }));
      };
      write({ 'tls-auto': true });
      await using server = await startServer(['--config', config, '--workers', workers, '--log-format', 'json'], ASK);
      write({ 'tls-client-ca': other.certFile });
      await reload(
        server,
        /not reloaded, .*: --tls-client-ca: clients without TLS cannot be excluded by a reload; restart the server/,
      );
      await using plain = await Wire.connect(server.port, XTERM);
      await plain.expect('from 127.0.0.1');
      await using secure = await connectSecurely(server.port, XTERM);
      await secure.expect('from 127.0.0.1');
    }
  });

  it('does not start without usable files, and names the file', () => {
    const text = join(directory, 'text.pem');
    writeFileSync(text, 'hello');
    const cases: [string[], RegExp][] = [
      [
        ['--tls-cert', '/nowhere.pem', '--tls-key', certificate.keyFile],
        /^telpty: --tls-cert: cannot read \/nowhere\.pem: no such file or directory; /,
      ],
      [
        ['--tls-cert', directory, '--tls-key', certificate.keyFile],
        /^telpty: --tls-cert: cannot read .*: illegal operation on a directory; /,
      ],
      [
        ['--tls-cert', text, '--tls-key', certificate.keyFile],
        /^telpty: --tls-cert: '.*text\.pem' is not a PEM certificate$/,
      ],
      [
        ['--tls-cert', certificate.certFile, '--tls-key', text],
        /^telpty: --tls-key: '.*text\.pem' is not a PEM private key$/,
      ],
      [
        ['--tls-cert', certificate.certFile, '--tls-key', other.keyFile],
        /^telpty: --tls-key: '.*' is not the key of the certificate in '.*'$/,
      ],
      [[...TLS, '--tls-client-ca', text], /^telpty: --tls-client-ca: '.*text\.pem' contains no PEM certificate$/],
      [[...TLS, '--workers', '2', '--tls-client-ca', '/nowhere'], /^telpty: --tls-client-ca: cannot read \/nowhere: /],
    ];
    const results = failing(...cases.map(([args]) => args));
    for (const [index, [, line]] of cases.entries()) {
      const { status, stdout, stderr } = results[index]!;
      assert.equal(status, 1, stderr);
      assert.equal(stdout, '');
      const lines = stderr
        .trimEnd()
        .split('\n')
        .filter(one => one.startsWith('telpty:'));
      assert.equal(lines.length, 1);
      assert.match(lines[0]!, line);
    }
  });
});

async function reload(server: TestServer, told: RegExp): Promise<void> {
  process.kill(server.pid, 'SIGHUP');
  await server.waitForLog(told);
}
