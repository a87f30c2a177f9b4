/** Which clients `telpty serve` accepts, in one process and with workers. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { connect as connectSocket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, it } from 'node:test';
import { connect as connectTls } from 'node:tls';
import { runCommands } from '../../support/clients/command-lines.ts';
import { Wire, type WireOptions } from '../../support/clients/test-client.ts';
import { untilTrue } from '../../support/leaks.ts';
import { selfSigned } from '../../support/servers/certificates.ts';
import { startServer, type TestServer } from '../../support/servers/server.ts';

const LIMIT = { timeout: 600_000 };
const XTERM: WireOptions = { ttype: ['xterm'], size: [80, 24] };
const PER_ADDRESS = 'telpty: too many sessions from your address\r\n';
const DENIED = 'telpty: connections from your address are not accepted\r\n';
const TOO_FAST = 'telpty: too many connections from your address in a short time, try again later\r\n';
const NEGOTIATING = 'telpty: too many connections are being opened, try again later\r\n';

const from = (server: TestServer, localAddress: string, more: WireOptions = XTERM) =>
  Wire.connect(server.port, { ...more, localAddress });

/** Creates a directory for one test. */
function directory(): string {
  const name = mkdtempSync(join(tmpdir(), 'telpty-guards-'));
  directories.push(name);
  return name;
}
const directories: string[] = [];
after(() => {
  for (const name of directories) rmSync(name, { recursive: true });
});

/** The error messages of `telpty serve` that does not start. */
const fails = (...lines: string[][]) =>
  runCommands(lines.map(args => ['serve', '--port', '0', '--log-level', 'silent', ...args]));

/** The text that a client reads until it is accepted or refused. */
async function verdict(wire: Wire): Promise<string> {
  await wire.until(() => wire.text() === 'up\r\n' || wire.ended);
  return wire.text();
}

for (const [how, workers] of [
  ['in one process', []],
  ['with workers', ['--workers', '2']],
] as const) {
  const start = (...args: string[]) =>
    startServer([...workers, ...args], { program: ['/bin/sh', '-c', 'echo up; exec cat'] });

  describe(`guards ${how}`, LIMIT, () => {
    it('--max-per-ip: one address is full, another is not, and a released slot is free', async () => {
      await using server = await start('--max-per-ip', '2');
      const wires = await Promise.all([1, 2, 3, 4, 5].map(() => from(server, '127.0.0.2')));
      const read = await Promise.all(wires.map(verdict));
      assert.deepEqual(read.sort(), [PER_ADDRESS, PER_ADDRESS, PER_ADDRESS, 'up\r\n', 'up\r\n']);
      const other = await from(server, '127.0.0.3');
      assert.equal(await verdict(other), 'up\r\n');
      await server.waitForLog(/session \d+ refused: 127\.0\.0\.2:\d+, too-many-from-address/);
      const inside = wires.find(wire => !wire.ended)!;
      inside.type('\x04');
      await inside.untilEnd();
      const next = await from(server, '127.0.0.2');
      assert.equal(await verdict(next), 'up\r\n');
      await Promise.all([...wires, other, next].map(wire => wire.close()));
    });

    it('--max-per-ip: the addresses of an IPv6 network count as one', async () => {
      await using server = await start('--host', '::1', '--max-per-ip', '1');
      await using one = await Wire.connect(server.port, { ...XTERM, host: '::1' });
      assert.equal(await verdict(one), 'up\r\n');
      await using two = await Wire.connect(server.port, { ...XTERM, host: '::1' });
      assert.equal(await verdict(two), PER_ADDRESS);
    });

    it('--connect-rate: five at once, then no more from this address, but from others', async () => {
      await using server = await start('--connect-rate', '0.001');
      const wires = await Promise.all([1, 2, 3, 4, 5, 6, 7].map(() => from(server, '127.0.0.4')));
      const read = await Promise.all(wires.map(verdict));
      assert.deepEqual(read.sort(), [TOO_FAST, TOO_FAST, ...Array(5).fill('up\r\n')]);
      const other = await from(server, '127.0.0.5');
      assert.equal(await verdict(other), 'up\r\n');
      await server.waitForLog(/refused: 127\.0\.0\.4:\d+, connect-rate/);
      await Promise.all([...wires, other].map(wire => wire.close()));
    });

    it('--connect-rate counts each connection once, even those that are refused for another reason', async () => {
      await using server = await start('--connect-rate', '0.001', '--max-sessions', '1');
      const read = [];
      const wires = [];
      for (let count = 0; count < 7; count++) {
        const wire = await from(server, '127.0.0.6');
        wires.push(wire);
        read.push(await verdict(wire));
      }
      const full = 'telpty: too many sessions, try again later\r\n';
      assert.deepEqual(read, ['up\r\n', full, full, full, full, TOO_FAST, TOO_FAST]);
      await Promise.all(wires.map(wire => wire.close()));
    });

    it('connections reset before accept(2) take no slot, and every logged connection has its address', async () => {
      await using server = await start('--deny', '127.0.0.2', '--connect-rate', '0.001', '--max-negotiating', '1');
      server.process.kill('SIGSTOP');
      for (let count = 0; count < 20; count++) {
        const socket = connectSocket({ port: server.port, host: '127.0.0.1', localAddress: '127.0.0.2' });
        await once(socket, 'connect');
        socket.resetAndDestroy();
        await once(socket, 'close');
      }
      server.process.kill('SIGCONT');
      await using wire = await from(server, '127.0.0.3');
      assert.equal(await verdict(wire), 'up\r\n');
      await server.waitForLog(/session \d+ started: 127\.0\.0\.3/);
      assert.doesNotMatch(server.stderr, /unknown/);
    });

    it('under TLS, connections of a denied address, or above the rate limit, are closed before the handshake', async () => {
      using certificate = selfSigned('IP:127.0.0.1');
      const files = ['--tls-cert', certificate.certFile, '--tls-key', certificate.keyFile];
      await using server = await start(...files, '--deny', '127.0.0.2', '--connect-rate', '0.001');
      /** Whether the server answers the TLS handshake of a client with this address. */
      const shakes = async (localAddress: string) => {
        const { port } = server;
        const plain = connectSocket({ port, host: '127.0.0.1', localAddress });
        const socket = connectTls({ socket: plain, rejectUnauthorized: false });
        const outcome = await new Promise<boolean>(resolve => {
          socket.once('secureConnect', () => resolve(true)).once('error', () => resolve(false));
        });
        socket.destroy();
        return outcome;
      };
      assert.equal(await shakes('127.0.0.2'), false);
      await server.waitForLog(/refused: 127\.0\.0\.2:\d+, denied/);
      for (let count = 0; count < 5; count++) assert.equal(await shakes('127.0.0.3'), true);
      assert.equal(await shakes('127.0.0.3'), false);
      await server.waitForLog(/refused: 127\.0\.0\.3:\d+, connect-rate/);
      assert.equal(await shakes('127.0.0.4'), true);
    });

    it('--max-negotiating: clients whose program runs do not count, silent clients do, until they disconnect', async () => {
      await using server = await start('--max-negotiating', '2', '--negotiation-timeout', '0');
      const inside = [];
      for (let count = 0; count < 4; count++) {
        const wire = await from(server, '127.0.0.1');
        assert.equal(await verdict(wire), 'up\r\n');
        inside.push(wire);
      }
      const silent = await Promise.all([1, 2].map(() => from(server, '127.0.0.1', { silent: true })));
      // When each has received bytes from the server, both connections are sessions.
      await Promise.all(silent.map(wire => wire.until(() => wire.raw.length > 0)));
      const refused = await from(server, '127.0.0.1');
      assert.equal(await verdict(refused), NEGOTIATING);
      await silent[0]!.close();
      // A connection without a byte is logged at debug only, so the free slot is visible only when it is taken.
      let next = await from(server, '127.0.0.1');
      while ((await verdict(next)) === NEGOTIATING) {
        await next.close();
        next = await from(server, '127.0.0.1');
      }
      assert.match(next.text(), /^up\r\n/);
      await Promise.all([...inside, ...silent, refused, next].map(wire => wire.close()));
    });

    it('--allow and --deny: from the command line and from files, and deny wins', async () => {
      const file = join(directory(), 'banned');
      writeFileSync(file, '# by hand\n127.0.0.7\n\n 127.1.0.0/16   # a whole network\r\n::ffff:127.0.0.8\n');
      await using server = await start(
        '--allow',
        '127.0.0.0/16,127.1.2.3',
        '--deny',
        `@${file}`,
        '--deny',
        '127.0.0.9',
      );
      for (const address of ['127.0.0.7', '127.1.2.3', '127.0.0.8', '127.0.0.9', '127.2.0.1']) {
        await using wire = await from(server, address);
        assert.equal(await verdict(wire), DENIED, address);
      }
      await server.waitForLog(/refused: 127\.2\.0\.1:\d+, denied/);
      await using wire = await from(server, '127.0.0.10');
      assert.equal(await verdict(wire), 'up\r\n');
    });

    it('SIGHUP reads the lists again: existing sessions stay, an invalid list changes nothing', async () => {
      const file = join(directory(), 'banned');
      writeFileSync(file, '127.0.0.7\n');
      await using server = await start('--deny', `@${file}`);
      const admitted = async (address: string) => {
        await using wire = await from(server, address);
        return (await verdict(wire)) === 'up\r\n';
      };
      const inside = await from(server, '127.0.0.8');
      assert.equal(await verdict(inside), 'up\r\n');
      assert.deepEqual([await admitted('127.0.0.7'), await admitted('127.0.0.8')], [false, true]);
      writeFileSync(file, '127.0.0.8\n');
      server.process.kill('SIGHUP');
      await server.waitForLog(/reloaded: .*address lists/);
      assert.deepEqual([await admitted('127.0.0.7'), await admitted('127.0.0.8')], [true, false]);
      inside.type('still here\r');
      await inside.expect('still here');
      await inside.close();
      writeFileSync(file, '127.0.0.7\nnobody\n');
      server.process.kill('SIGHUP');
      await server.waitForLog(/not reloaded, nothing was changed: --deny: .*, line 2: 'nobody' is neither/);
      assert.deepEqual([await admitted('127.0.0.7'), await admitted('127.0.0.8')], [true, false]);
      rmSync(file);
      server.process.kill('SIGHUP');
      await server.waitForLog(/not reloaded, nothing was changed: --deny: cannot read/);
      assert.deepEqual([await admitted('127.0.0.7'), await admitted('127.0.0.8')], [true, false]);
    });

    it('a list that cannot be read, or has an invalid entry, is an error', () => {
      const [missing, bad] = [join(directory(), 'missing'), join(directory(), 'banned')];
      writeFileSync(bad, '127.0.0.1\n# fine so far\n10.0.0.0/8 # yes\nexample.com\n');
      const results = fails([...workers, '--deny', `@${missing}`, 'cat'], [...workers, '--allow', `@${bad}`, 'cat']);
      const unread = `telpty: --deny: cannot read ${missing}: no such file or directory\n`;
      const wrong = `telpty: --allow: ${bad}, line 4: 'example.com' is neither an IP address nor a range like 10.0.0.0/8\n`;
      assert.deepEqual(results, [
        { status: 1, stdout: '', stderr: unread },
        { status: 2, stdout: '', stderr: wrong },
      ]);
    });

    it('a flood of refused clients is limited in messages, in descriptors and in the log', async () => {
      await using server = await start('--max-sessions', '1', '--log-format', 'json');
      const inside = await from(server, '127.0.0.1');
      assert.equal(await verdict(inside), 'up\r\n');
      // These clients read, and never close their side.
      const sockets = Array.from({ length: 300 }, () =>
        connectSocket({ port: server.port, host: '127.0.0.1', allowHalfOpen: true }),
      );
      let words = 0;
      let over = 0;
      for (const socket of sockets) {
        let text = '';
        socket.on('error', () => {});
        socket.on('data', chunk => {
          text += chunk.toString('latin1');
        });
        const end = () => {
          if (socket.listenerCount('end') > 0) over++;
          if (text.includes('telpty: too many sessions')) words++;
          socket.removeAllListeners('end').removeAllListeners('close');
        };
        socket.on('end', end).on('close', end);
      }
      await untilTrue(() => over === 300);
      assert.ok(words <= 64 * 1.5, `${words} clients received the message`);
      assert.ok(words > 0);
      inside.type('still here\r');
      await inside.expect('still here');
      for (const socket of sockets) socket.destroy();
      await inside.close();
      await server.assertNoLeaks();
      await server.stop();
      const lines = server.stderr
        .trimEnd()
        .split('\n')
        .map(line => JSON.parse(line) as { msg: string; count?: number });
      const single = lines.filter(({ msg }) => msg.includes('refused: ')).length;
      const summed = lines.reduce((sum, { count = 0 }) => sum + count, 0);
      assert.equal(single + summed, 300);
      assert.ok(single <= 20 * 3, `${single} lines`);
      assert.match(server.stderr, /… and [\d,]+ more refused \(too-many-sessions\) in the last 10s/);
    });
  });
}
