/**
 * Malicious servers against `telpty connect` and `connect()`: data that servers have taken from clients' machines, and
 * messages with which they made clients write past the ends of their buffers.
 */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, it } from 'node:test';
import { createServer as createTlsServer } from 'node:tls';
import { connect } from '../../src/index.ts';
import { spawnPty } from '../../src/pty/index.ts';
import { closed } from '../pty/support.ts';
import { command, type PipedClient, runConnect, withPeer } from '../support/clients/connect.ts';
import { Peer } from '../support/clients/peer.ts';
import type { Wire, WireEvent } from '../support/clients/test-client.ts';
import { assertNothingHeld } from '../support/leaks.ts';
import { CLI } from '../support/servers/server.ts';
import { requireTool } from '../support/system/tools.ts';
import { bytes } from './support.ts';

after(assertNothingHeld);

/** Variables in the user's environment that the server asks for. */
const TREASURES = {
  USER: 'treasure-user',
  LOGNAME: 'treasure-logname',
  HOME: '/tmp/treasure-home',
  DISPLAY: 'treasure:0',
  PRINTER: 'treasure-printer',
  SSH_AUTH_SOCK: '/tmp/treasure-sock',
  AWS_SECRET_ACCESS_KEY: 'treasure-key',
  SYSTEMTYPE: 'treasure-system',
  ACCT: 'treasure-account',
  JOB: 'treasure-job',
};

/** Runs `telpty connect` with the variables above and no others. */
function telpty(args: readonly (string | number)[], env: NodeJS.ProcessEnv = {}): PipedClient {
  return runConnect(args, { PATH: process.env.PATH ?? '', LANG: 'C.UTF-8', ...TREASURES, ...env });
}

/**
 * Sends an attack to a client in pieces of `size`, and closes after the client has read it. Returns the client's bytes.
 */
async function attackClient(
  attack: Uint8Array,
  { args = [], env = {}, size = attack.length }: { args?: string[]; env?: Record<string, string>; size?: number } = {},
): Promise<{ said: Buffer; events: readonly WireEvent[]; stdout: string }> {
  await using peer = await Peer.listen();
  const run = telpty([...args, '127.0.0.1', peer.port], env);
  const wire = await peer.accept();
  for (let at = 0; at < attack.length; at += size) await wire.sent(attack.subarray(at, at + size));
  await heard(wire);
  wire.halfClose();
  const { status, signal, stdout, stderr } = await run.done;
  assert.deepEqual([status, signal, stderr], [0, null, '']);
  return { said: wire.raw.bytes, events: wire.events, stdout };
}

/** Waits until the client has read everything sent so far: it then refuses an option that it does not support. */
async function heard(wire: Wire): Promise<void> {
  wire.send(bytes('FF F0 FF FD C9'));
  await wire.expectNegotiation(252, 201, 240_000);
}

// 27 is NEW-ENVIRON (39), 24 ENVIRON (36); SEND is 01, VAR 00, VALUE 01, ESC 02, USERVAR 03.
const HARVEST: readonly (readonly [id: string, wentWrong: string, notation: string])[] = [
  [
    'CVE-2005-0488',
    'BSD clients sent any variable that was requested by name',
    'FF FD 27  FF FA 27 01 00 "USER" 00 "HOME" 03 "SSH_AUTH_SOCK" 03 "AWS_SECRET_ACCESS_KEY" FF F0',
  ],
  [
    'CVE-2005-1205',
    'the same in the Windows client',
    'FF FD 24  FF FA 24 01 00 "USER" 03 "AWS_SECRET_ACCESS_KEY" FF F0  FF FA 24 01 01 "USER" FF F0',
  ],
  [
    'CVE-2026-32772',
    'the same in the inetutils client, by USERVAR',
    'FF FD 27  FF FA 27 01 03 "AWS_SECRET_ACCESS_KEY" 03 "HOME" 03 FF F0',
  ],
  [
    'request for all variables',
    'SEND of nothing asks for all',
    'FF FD 27 FF FD 24  FF FA 27 01 FF F0  FF FA 27 01 00 03 FF F0  FF FA 24 01 FF F0  FF FA 24 01 00 03 01 FF F0',
  ],
  [
    'request without negotiation',
    'SEND without DO, and after WONT',
    'FF FA 27 01 FF F0  FF FA 24 01 FF F0  FF FB 27 FF FA 27 01 00 "USER" FF F0',
  ],
  [
    'request for secrets by other options',
    'location, speed, display, account',
    `${['17', '1A', '1C', '20', '23', '2F', '31'].map(code => `FF FD ${code} FF FA ${code} 01 FF F0`).join(' ')}`,
  ],
];

describe('data that a server can get from a client', { concurrency: 4 }, () => {
  for (const [id, wentWrong, notation] of HARVEST) {
    it(`${id}: ${wentWrong}`, async () => {
      const attack = bytes(notation);
      for (const size of [attack.length, 1]) {
        assert.doesNotMatch((await attackClient(attack, { size })).said.toString('latin1'), /treasure|\/usr\/bin/);
        const told = await attackClient(attack, { size, args: ['--send-env', 'LANG', '--send-env', 'PRINTER'] });
        const said = told.said.toString('latin1').replaceAll('treasure-printer', '');
        assert.doesNotMatch(said, /treasure|\/usr\/bin/);
      }
    });
  }

  it('a variable of --send-env is sent (the control of the tests above)', async () => {
    const { said } = await attackClient(bytes(HARVEST[0]![2]), { args: ['--send-env', 'USER'] });
    assert.ok(said.includes(bytes('FF FA 27 00 00 "USER" 01 "treasure-user"')));
  });

  it('connect() of the library sends no other variable', async () => {
    Object.assign(process.env, { TELPTY_TREASURE: 'treasure' });
    await using peer = await Peer.listen();
    const session = await connect({ host: '127.0.0.1', port: peer.port, environ: { LANG: 'C' } });
    session.on('error', () => {}).resume();
    const wire = await peer.accept();
    for (const [, , notation] of HARVEST) await wire.sent(bytes(notation));
    await wire.sent(bytes('FF FA 27 01 03 "TELPTY_TREASURE" 03 "PATH" 00 "__proto__" 03 "constructor" FF F0'));
    await heard(wire);
    wire.halfClose();
    await once(session, 'close');
    delete process.env.TELPTY_TREASURE;
    assert.doesNotMatch(wire.raw.bytes.toString('latin1'), /treasure|\/usr\/bin|function|\[object/);
  });

  it('CVE-2000-0834: the client starts no NTLM logon, no encryption and no unknown option', async () => {
    // All options except LOGOUT, at which a client closes the connection.
    const codes = Array.from({ length: 255 }, (_, code) => code).filter(code => code !== 18);
    const all = codes.map(code => Buffer.of(255, 253, code, 255, 251, code));
    const questions = bytes('FF FA 25 01 0F 00 FF F0  FF FA 26 01 01 FF F0  FF FA 26 05 FF F0');
    const { events } = await attackClient(Buffer.concat([...all, questions]));
    const agreed = (verb: number) =>
      events.flatMap(e => (e.type === 'negotiate' && e.command === verb ? [e.option] : []));
    assert.deepEqual(
      agreed(251).toSorted((a, b) => a - b),
      [0, 3, 5, 6, 24, 25, 42],
    );
    assert.deepEqual(
      agreed(253).toSorted((a, b) => a - b),
      [0, 1, 3, 5, 25, 42],
    );
    assert.deepEqual(
      events.filter(e => e.type === 'subnegotiation' && [37, 38].includes(e.option)),
      [],
    );
  });

  it('CVE-2003-0069: the client does not answer terminal queries (answerback, title, cursor, attributes)', async () => {
    const attack = bytes('05 1B "[21t" 1B "[c" 1B "[6n" 1B "]2;id" 07 1B "P$q" 1B "\\\\" 1B "[5n" 1B "Z"');
    const { said, stdout } = await attackClient(attack);
    assert.deepEqual(said, bytes('FF FC C9'));
    // Output to a pipe is not filtered.
    assert.equal(stdout, attack.toString('latin1'));
  });
});

describe('buffer overflows of clients', { concurrency: 4 }, () => {
  it('CVE-2005-0468: names full of octets that need escapes in the reply (env_opt_add)', async () => {
    const attack = bytes(
      `FF FD 27  FF FA 27 01 ${'03 02 02 02 03 02 00 02 01 '.repeat(4_000)} FF F0  FF FA 27 01 03 ${'FF FF '.repeat(20_000)} FF F0`,
    );
    for (const size of [attack.length, 509]) {
      const { said } = await attackClient(attack, { args: ['--send-env', 'LANG'], size });
      assert.ok(said.length < 20_000, `${said.length} bytes`);
    }
  });

  it('CVE-2019-0053: user variables that are longer than any buffer (FreeBSD-SA-19:12)', async () => {
    const env = { DISPLAY: `${'A'.repeat(60_000)}:0`, LONG: '\x01\x02\x03é'.repeat(12_000), TERM: 'x'.repeat(3_000) };
    const args = ['--send-env', 'LONG', '--send-env', 'DISPLAY'];
    const { events } = await attackClient(bytes('FF FD 27 FF FD 18 FF FD 23  FF FA 27 01 FF F0  FF FA 18 01 FF F0'), {
      args,
      env,
    });
    const told = events.filter(e => e.type === 'subnegotiation' && e.option === 39);
    assert.equal(told.length, 1);
    // Complete and quoted correctly: three of five octets have an ESC before them.
    assert.ok((told[0] as { payload: Buffer }).payload.length > 12_000 * 8 + 60_000);
    const types = events.filter(e => e.type === 'subnegotiation' && e.option === 24);
    assert.deepEqual(
      types.map(e => String((e as { payload: Buffer }).payload)),
      ['\0dumb'],
    );
  });

  it('CVE-2005-0469: 10,000 SLC triplets and undefined functions (slc_add_reply)', async () => {
    await using peer = await Peer.listen();
    const pty = spawnPty(process.execPath, [CLI, 'connect', '127.0.0.1', String(peer.port)], {
      env: { PATH: process.env.PATH ?? '', TERM: 'xterm', LANG: 'C.UTF-8', ...TREASURES },
    });
    pty.resume();
    const wire = await peer.accept();
    const triplets = Array.from({ length: 10_000 }, (_, at) => [at % 255, 2, at & 127]).flat();
    wire.send(bytes('FF FD 22'));
    await wire.expectNegotiation(251, 34);
    for (let n = 0; n < 5; n++) {
      wire.subnegotiate(34, [3, ...triplets]);
      wire.subnegotiate(34, [3, ...Array(30_000).fill(255)]);
      wire.send(
        bytes('FF FA 22 03 05 FF F0  FF FA 22 03 FF F0  FF FA 22 FD 02 "A" x400 FF F0  FF FA 22 01 FF FF FF F0'),
      );
    }
    await heard(wire);
    assert.ok(wire.raw.length < 10_000, `${wire.raw.length} bytes`);
    wire.halfClose();
    assert.deepEqual(await pty.exited, { code: 0, signal: null });
    await closed(pty);
  });

  it('CVE-2019-7629: megabytes of VT102 codes without a line end (TinTin++ removed them from a buffer)', async () => {
    const attack = Buffer.alloc(4 << 20, Buffer.from('\x1b[\x1b[1;2;3\x1b]0;\x1bP\x9b31mA\x1b', 'latin1'));
    const { stdout } = await attackClient(attack);
    assert.equal(stdout.length, attack.length);
  });

  it('the answers to storms of DO, WILL, AYT and Synch and to a huge subnegotiation are bounded', async () => {
    const storm = Buffer.alloc(2 << 20, bytes('FF FD 18 FF FE 18 FF FA 18 01 FF F0 FF FB 01 FF FC 01 FF F6 FF F2'));
    const { said } = await attackClient(storm);
    // DO and WILL are finally refused, each time; by then the other twenty octets get no answer.
    assert.ok(said.length < (storm.length / 22) * 6 + 30_000, `${said.length} bytes`);
    const long = Buffer.concat([bytes('FF FD 27 FF FA 27 01 03'), Buffer.alloc(64 << 20, 'A')]);
    assert.ok((await attackClient(long)).said.length < 100);
  });
});

describe('the end of the connection', { concurrency: 4 }, () => {
  for (const how of ['a FIN', 'a FIN in half a command', 'a reset', 'a FIN in half a subnegotiation'] as const) {
    it(`CVE-2021-38387: a server that closes by ${how} ends the client (Contiki's client kept reading)`, async () => {
      await using peer = await Peer.listen();
      const run = telpty(['127.0.0.1', peer.port]);
      const wire = await peer.accept();
      await heard(wire);
      if (how === 'a FIN in half a command') await wire.sent([255]);
      if (how === 'a FIN in half a subnegotiation') await wire.sent([255, 250, 24, 1, 255]);
      if (how === 'a reset') wire.reset();
      else wire.halfClose();
      const { status, stderr } = await run.done;
      if (how === 'a reset') {
        assert.equal(status, 1);
        assert.match(stderr, /^telpty: the connection broke: [^\n]+\n$/);
      } else assert.deepEqual([status, stderr], [0, '']);
    });
  }

  it('CVE-2004-0473: an address that starts like an option is refused (telnet://-nfile wrote that file)', async () => {
    const directory = mkdtempSync(join(tmpdir(), 'telpty-security-'));
    const file = join(directory, 'written');
    try {
      for (const word of [`-n${file}`, `--record=${file}`, '-oProxyCommand=id']) {
        const { status, stdout, stderr } = await telpty([word]).done;
        assert.deepEqual([status, stdout], [2, '']);
        assert.match(stderr, /^telpty: [^\n]+\n$/);
        assert.ok(!existsSync(file));
      }
    } finally {
      rmSync(directory, { recursive: true });
    }
  });
});

describe('messages of the client', () => {
  it('the name in a certificate cannot contain control or bidirectional characters', async () => {
    const directory = mkdtempSync(join(tmpdir(), 'telpty-security-'));
    const [cert, key] = [join(directory, 'cert.pem'), join(directory, 'key.pem')];
    const name = 'e\x1b]0;owned\x07\x9b31m\u202egro\u2066\r\nx';
    const subject = ['-utf8', '-subj', `/CN=${name}`, '-multivalue-rdn'];
    const made = ['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-days', '2'];
    execFileSync(requireTool('openssl'), [...made, ...subject, '-keyout', key, '-out', cert], { stdio: 'ignore' });
    const server = createTlsServer({ cert: readFileSync(cert), key: readFileSync(key) }, socket => {
      socket.on('error', () => {});
    });
    server.on('tlsClientError', () => {});
    try {
      server.listen(0, '127.0.0.1');
      await once(server, 'listening');
      const { port } = server.address() as AddressInfo;
      const { status, stderr } = await telpty(['--tls', '--tls-ca', cert, 'localhost', port]).done;
      assert.equal(status, 1);
      assert.match(stderr, /^telpty: no TLS with localhost port \d+: .*owned.*\n$/);
      assert.match(stderr, /^[^\p{Cc}\p{Cf}\p{Zl}\p{Zp}]*\n$/u);
    } finally {
      server.close();
      rmSync(directory, { recursive: true });
    }
  });

  it('the log of `toggle options` escapes control characters of the server', async () => {
    await withPeer(async (term, wire) => {
      await command(term, 'toggle options');
      await term.waitFor(/options is on/);
      wire.send(bytes('FF FD 18  FF FA 18 00 1B "]2;owned" 07 1B "[2J" C2 9B "31m" E2 80 AE "dewno" 0A 0D FF F0'));
      wire.send(bytes('FF FD 27  FF FA 27 01 03 1B "]2;owned" 07 FF F0  FF FD 2A FF FA 2A 01 ";" 1B "c" FF F0'));
      const screen = await term.waitFor(/SB CHARSET REQUEST/);
      assert.match(screen, /SB TTYPE IS "\\x1b\]2;owned\\x07\\x1b\[2J\\x9b31m\\u\{202e\}dewno\\x0a\\x0d"/);
      assert.match(screen, /SB NEW-ENVIRON SEND USERVAR "\\x1b\]2;owned\\x07"/);
      assert.doesNotMatch(await term.capture({ colours: true }), /\u202e/);
    });
  });
});
