/** `telpty connect` in scripts: input and output that are not a terminal, TLS, and the exit status. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, existsSync, mkdtempSync, openSync, readFileSync, rmSync, statSync } from 'node:fs';
import { type AddressInfo, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { setImmediate as turn } from 'node:timers/promises';
import { createServer as createTlsServer } from 'node:tls';
import { type PipedClient, runConnect } from '../../support/clients/connect.ts';
import { Peer } from '../../support/clients/peer.ts';
import { CMD, OPT, type Wire } from '../../support/clients/test-client.ts';
import { selfSigned } from '../../support/servers/certificates.ts';
import { CLI, startServer } from '../../support/servers/server.ts';
import { Telnetd } from '../../support/servers/telnetd.ts';
import { startBashServer } from '../../support/system/programs.ts';

const { WILL, DO } = CMD;

function telpty(args: readonly (string | number)[], env: NodeJS.ProcessEnv = {}): PipedClient {
  return runConnect(args, { ...process.env, LANG: 'C.UTF-8', LC_ALL: '', ...env });
}

/** A client and the scripted server it is connected to. */
async function withPeer(args: readonly string[], body: (run: PipedClient, wire: Wire) => Promise<void>): Promise<void> {
  await using peer = await Peer.listen();
  const run = telpty([...args, '127.0.0.1', peer.port]);
  await body(run, await peer.accept());
}

for (const { name, type, start } of [
  { name: 'telpty', type: 'dumb', start: () => startBashServer() },
  { name: 'GNU telnetd', type: 'dumb', start: () => Telnetd.start('/bin/sh -i') },
  // It never asks for the terminal's type.
  { name: 'busybox telnetd', type: '\\S*', start: () => Telnetd.start('/bin/sh', 'busybox') },
]) {
  test(`a script through a pipe, and all of its output, with ${name}`, async () => {
    await using server = await start();
    const { stdin, done } = telpty(['127.0.0.1', server.port]);
    // (GNU telnetd loses output that is printed just before the end.)
    stdin.end('echo a"b"c; sleep 0.2\nseq 20000 | tail -1; echo "$TERM"; sleep 1\nexit 3\n');
    const { status, stdout, stderr } = await done;
    assert.match(stdout, /abc\r\n/);
    assert.match(stdout, new RegExp(`20000\r\n${type}\r\n`));
    assert.equal(stderr, '');
    assert.equal(status, 0);
  });
}

test('lines end in CR LF, and under BINARY bytes pass unchanged', () =>
  withPeer([], async ({ stdin, done }, wire) => {
    stdin.write('one\ntwo\r');
    await wire.expect(Buffer.from('one\r\ntwo'));
    stdin.write('\nthree\xff');
    await wire.expect(Buffer.from('\r\nthree\u00ff'));
    wire.negotiate(DO, OPT.BINARY);
    wire.negotiate(WILL, OPT.BINARY);
    await wire.expectNegotiation(DO, OPT.BINARY);
    stdin.end('four\n');
    await wire.expect(Buffer.from('four\n'));
    wire.send('answer\r\n');
    wire.send([255, 255, 0, 13, 0]);
    wire.halfClose();
    const { status, stdout } = await done;
    assert.equal(stdout, 'answer\r\n\xff\0\r\0');
    assert.equal(status, 0);
  }));

test('a requested character set is converted in both directions', async () => {
  await withPeer(['--encoding', 'cp437'], async ({ stdin, done }, wire) => {
    stdin.end('é\n');
    await wire.expect(Buffer.from('\x82\r\n', 'latin1'));
    wire.send([0x82, 0xe1]);
    wire.halfClose();
    assert.equal(Buffer.from((await done).stdout, 'latin1').toString('utf8'), 'éß');
  });
  // Otherwise all bytes are sent unchanged.
  await withPeer([], async ({ stdin, done }, wire) => {
    stdin.end(Buffer.of(0x82, 0xff, 0xfe));
    await wire.expect(Buffer.of(0x82, 0xff, 0xff, 0xfe));
    wire.halfClose();
    await done;
  });
});

test('a Big5-UAO character that is split by a colour sequence is joined, wherever it is split', async () => {
  const bytes = Buffer.from('\xa4\x1b[1;31m\xa4\xa4\x1b[m\x1b[44m\xe50\xa4\x1b[0m', 'latin1');
  // The last one of a line has no second half.
  const line = '中\x1b[1;31m文\x1b[m\x1b[44m0\ufffd\x1b[0m';
  await withPeer(['--encoding', 'big5-uao'], async ({ done, shown }, wire) => {
    let expected = '';
    for (let cut = 1; cut < bytes.length; cut += 2) {
      await wire.sent(bytes.subarray(0, cut));
      await wire.sent(bytes.subarray(cut));
      // The client decodes the first part of the next line without the last part of this one.
      wire.send(`${cut}\r\n`);
      await shown(`${cut}\r\n`);
      expected += `${line}${cut}\r\n`;
    }
    await wire.sent(bytes);
    wire.halfClose();
    const text = Buffer.from((await done).stdout, 'latin1').toString('utf8');
    assert.equal(text, `${expected}${line}`);
  });
});

test('a script gets the output of a server for home computers as text, and its lines end in their Return', async () => {
  for (const { name, output, typed } of [
    {
      name: 'petscii',
      output: [147, 14, 28, 0xc8, 0x49, 29, 18, 0x61, 13, 10, 0xc0, 13],
      typed: [0xc1, 0x42, 13, 0, 0x43],
    },
    { name: 'atascii', output: [125, 0x48, 0x69, 31, 0xc1, 0x9b, 0x12, 0x9b], typed: [0x41, 0x62, 0x9b, 0x63] },
  ]) {
    await withPeer(['--encoding', name], async ({ stdin, done, shown }, wire) => {
      wire.send(output.slice(0, 5));
      stdin.write('Ab\r');
      stdin.end('\nc');
      await wire.expect(Uint8Array.from(typed));
      wire.send(output.slice(5));
      await shown('\n');
      wire.halfClose();
      const { status, stdout } = await done;
      assert.equal(Buffer.from(stdout, 'latin1').toString('utf8'), 'Hi A\n─\n');
      assert.equal(status, 0);
    });
  }
});

test('lines for home computers end in their Return under BINARY, too', () =>
  withPeer(['--encoding', 'atascii'], async ({ stdin, done }, wire) => {
    wire.negotiate(DO, OPT.BINARY);
    await wire.expectNegotiation(WILL, OPT.BINARY);
    stdin.end('Ab\n');
    await wire.expect(Buffer.from('Ab\x9b', 'latin1'));
    wire.halfClose();
    assert.equal((await done).status, 0);
  }));

test('the terminal type for a home computer is the name of its character set, unless --term names another one', async () => {
  for (const [args, type] of [
    [['--encoding', 'petscii'], 'PETSCII'],
    [['--encoding', 'atascii', '--term', 'atari-xe'], 'atari-xe'],
  ] as const) {
    await withPeer(args, async ({ done }, wire) => {
      wire.negotiate(DO, OPT.TTYPE);
      await wire.expectNegotiation(WILL, OPT.TTYPE);
      wire.subnegotiate(OPT.TTYPE, [1]);
      await wire.expect(Buffer.from(`\0${type}`, 'latin1'));
      wire.halfClose();
      await done;
    });
  }
});

test('a server cannot select the character set of a home computer', () =>
  withPeer([], async ({ done }, wire) => {
    wire.negotiate(WILL, OPT.CHARSET);
    await wire.expectNegotiation(DO, OPT.CHARSET);
    wire.subnegotiate(OPT.CHARSET, Buffer.from('\x01;PETSCII;ATASCII', 'latin1'));
    await wire.expect(Buffer.of(CMD.IAC, CMD.SB, OPT.CHARSET, 3, CMD.IAC, CMD.SE));
    wire.halfClose();
    await done;
  }));

test('--ansi-keys without such a server is an error', async () => {
  for (const args of [[], ['--encoding', 'cp437']]) {
    const { status, stdout, stderr } = await telpty([...args, '--ansi-keys', '127.0.0.1', 1]).done;
    assert.equal(status, 2, stderr);
    assert.equal(stdout, '');
    assert.match(stderr, /^telpty: --ansi-keys: needs --encoding petscii or atascii[^\n]*\n$/);
  }
});

test('variables are sent only with --send-env', async () => {
  await using peer = await Peer.listen();
  const { done } = telpty(['--send-env', 'GIVEN', '--send-env', 'MISSING', '127.0.0.1', peer.port], {
    GIVEN: 'yes',
    SECRET: 'do not tell',
  });
  const wire = await peer.accept();
  wire.negotiate(DO, OPT.NEW_ENVIRON);
  wire.subnegotiate(OPT.NEW_ENVIRON, [1]);
  wire.subnegotiate(OPT.NEW_ENVIRON, [1, 3, ...Buffer.from('SECRET'), 3, ...Buffer.from('MISSING')]);
  wire.negotiate(DO, OPT.TIMING_MARK);
  await wire.expectNegotiation(WILL, OPT.TIMING_MARK);
  assert.ok(wire.raw.bytes.includes(Buffer.from('\x03GIVEN\x01yes\xff\xf0', 'latin1')));
  assert.ok(!wire.raw.bytes.includes('do not tell'));
  wire.halfClose();
  assert.equal((await done).status, 0);
});

test('an error is one line, and status 1', async () => {
  const unused = createServer().listen(0, '127.0.0.1');
  await once(unused, 'listening');
  const { port } = unused.address() as AddressInfo;
  unused.close();
  await once(unused, 'close');
  assert.deepEqual(await telpty(['127.0.0.1', port]).done, {
    status: 1,
    signal: null,
    stdout: '',
    stderr: `telpty: cannot connect to 127.0.0.1 port ${port}: connection refused\n`,
  });
  const unknown = await telpty(['no-such-host.invalid']).done;
  assert.equal(unknown.status, 1);
  assert.match(unknown.stderr, /^telpty: cannot connect to no-such-host\.invalid port 23: .*\n$/);
  await withPeer([], async ({ stdin, done }, wire) => {
    stdin.write('x');
    await wire.expect('x');
    wire.reset();
    assert.deepEqual(await done, {
      status: 1,
      signal: null,
      stdout: '',
      stderr: 'telpty: the connection broke: connection reset by peer\n',
    });
  });
  const missing = await telpty(['--tls', '--tls-ca', '/nowhere.pem', '127.0.0.1', port]).done;
  assert.deepEqual(missing, {
    status: 1,
    signal: null,
    stdout: '',
    stderr: 'telpty: --tls-ca: cannot read /nowhere.pem: no such file or directory\n',
  });
});

test('wrong usage is one line, and status 2', async () => {
  const nowhere = {
    status: 2,
    signal: null,
    stdout: '',
    stderr: 'telpty: connect: no HOST given (telpty connect [options] HOST [PORT])\n',
  };
  assert.deepEqual(await telpty([]).done, nowhere);
  const { status, stdout } = await telpty(['--help']).done;
  assert.equal(status, 0);
  assert.match(stdout, /^Usage: telpty connect /);
});

test('compression is accepted if it was requested, and corrupt data ends the session with a reason', async () => {
  await using server = await startServer(['--compression', '--log-level', 'debug'], { program: ['seq', '20000'] });
  const { status, stdout } = await telpty(['--compression', '127.0.0.1', server.port]).done;
  assert.equal(status, 0);
  assert.ok(stdout.endsWith('\r\n19999\r\n20000\r\n'));
  await server.waitForLog(/sent SB MCCP2/);
  const { groups } = await server.waitForLog(/ended: .* out (?<out>\d+) kB/);
  assert.ok(Number(groups?.out) < 80, `${groups?.out} kB of 129`);

  await withPeer(['--compression'], async ({ done }, wire) => {
    wire.negotiate(WILL, OPT.MCCP2);
    await wire.expectNegotiation(DO, OPT.MCCP2);
    wire.subnegotiate(OPT.MCCP2, []);
    wire.send('this is no zlib stream');
    const { status, stderr } = await done;
    assert.deepEqual([status, stderr], [1, 'telpty: the connection was closed: corrupt compressed input\n']);
  });
  await withPeer([], async ({ done }, wire) => {
    wire.negotiate(WILL, OPT.MCCP2);
    await wire.expectNegotiation(CMD.DONT, OPT.MCCP2);
    wire.halfClose();
    assert.equal((await done).status, 0);
  });
});

test('a reader that closes the pipe ends the client, without an error', async () => {
  await using server = await startServer([], { program: ['yes'] });
  const command = [process.execPath, CLI, 'connect', '127.0.0.1', String(server.port)];
  const child = spawn('sh', ['-c', '"$@" | head -2', 'sh', ...command], { stdio: ['pipe', 'pipe', 'pipe'] });
  let stdout = '';
  let stderr = '';
  child.stdout.on('data', chunk => {
    stdout += chunk;
  });
  child.stderr.on('data', chunk => {
    stderr += chunk;
  });
  await once(child, 'close');
  assert.equal(stdout, 'y\r\ny\r\n');
  assert.equal(stderr, '');
});

test('output that is lost on a full disk is an error', { skip: !existsSync('/dev/full') }, async () => {
  await using server = await startServer([], { program: ['echo', 'lost'] });
  const full = openSync('/dev/full', 'w');
  const child = spawn(process.execPath, [CLI, 'connect', '127.0.0.1', String(server.port)], {
    stdio: ['pipe', full, 'pipe'],
  });
  closeSync(full);
  let stderr = '';
  child.stderr?.on('data', chunk => {
    stderr += chunk;
  });
  const [status] = await once(child, 'close');
  assert.equal(stderr, 'telpty: cannot write to standard output: no space left on device\n');
  assert.equal(status, 1);
});

test('TLS is verified, except with --tls-no-verify', async () => {
  using good = selfSigned('DNS:localhost,IP:127.0.0.1');
  using other = selfSigned('DNS:elsewhere.test');
  for (const certificate of [good, other]) {
    const server = createTlsServer({ cert: certificate.cert, key: certificate.key }, socket => {
      socket.on('error', () => {}).end('welcome\r\n');
    });
    server.on('tlsClientError', () => {});
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    const { port } = server.address() as AddressInfo;
    const untrusted = await telpty(['--tls', '127.0.0.1', port]).done;
    assert.equal(untrusted.status, 1);
    assert.match(
      untrusted.stderr,
      /^telpty: no TLS with 127\.0\.0\.1 port \d+: the certificate is self-signed; .*--tls-ca FILE; .*\n$/,
    );
    const trusted = await telpty(['--tls', '--tls-ca', certificate.certFile, 'localhost', port]).done;
    if (certificate === good) assert.deepEqual(trusted, { status: 0, signal: null, stdout: 'welcome\r\n', stderr: '' });
    else {
      assert.equal(trusted.status, 1);
      assert.match(
        trusted.stderr,
        /^telpty: no TLS with localhost port \d+: the certificate is for elsewhere\.test, not for localhost; .*\n$/,
      );
    }
    const careless = await telpty(['--tls', '--tls-no-verify', '127.0.0.1', port]).done;
    assert.deepEqual(careless, { status: 0, signal: null, stdout: 'welcome\r\n', stderr: '' });
    server.close();
    await once(server, 'close');
  }
});

test('a recording has the output of the server with its times, and is readable by its owner only; an existing file is not changed', async () => {
  const directory = mkdtempSync(join(tmpdir(), 'telpty-record-'));
  const file = join(directory, 'session.cast');
  try {
    await withPeer(['--record', file, '--term', 'vt220'], async ({ done }, wire) => {
      const bytes = Buffer.from('gr\u00fc\u00dfe\x1b[1m\r\n');
      wire.send([...bytes.subarray(0, 3)]);
      while (!(existsSync(file) && readFileSync(file, 'utf8').includes('gr'))) await turn();
      wire.send([...bytes.subarray(3)]);
      wire.halfClose();
      assert.equal((await done).status, 0);
    });
    assert.equal(statSync(file).mode & 0o777, 0o600);
    const [header, ...events] = readFileSync(file, 'utf8')
      .trimEnd()
      .split('\n')
      .map(line => JSON.parse(line));
    const { timestamp, ...rest } = header;
    assert.ok(Math.abs(timestamp - Date.now() / 1000) < 3600);
    assert.deepEqual(rest, { version: 3, term: { cols: 80, rows: 24, type: 'vt220' } });
    assert.ok(events.every(([time]) => time >= 0));
    assert.ok(events.every(([, type]) => type === 'o'));
    assert.equal(events.map(([, , text]) => text).join(''), 'gr\u00fc\u00dfe\x1b[1m\r\n');
    const before = readFileSync(file);
    await withPeer(['--record', file], async ({ done }) => {
      const { status, stderr } = await done;
      assert.equal(status, 1);
      assert.equal(stderr, `telpty: cannot record to ${file}: it exists; name another file, or remove it\n`);
    });
    assert.deepEqual(readFileSync(file), before);
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
});
