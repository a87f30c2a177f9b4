/** `telpty serve --proxy-protocol`, with one process and with several, and clients of other protocols. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { Wire } from '../../support/clients/test-client.ts';
import { connectSecurely } from '../../support/clients/tls-client.ts';
import { ipv6Addresses, proxyV2 } from '../../support/format/proxy-header.ts';
import { selfSigned } from '../../support/servers/certificates.ts';
import { startServer } from '../../support/servers/server.ts';

const PROGRAM = { program: ['/bin/sh', '-c', 'echo "from $TELPTY_REMOTE_ADDRESS"; exec cat'] };
const XTERM = { ttype: ['xterm'], size: [80, 24] } as const;
/** Clients of proxies are not of this machine, and the tests may run as root. */
const ROOT = '--allow-root-program';
const v1 = (address: string) => `PROXY TCP4 ${address} 198.51.100.1 56324 23\r\n`;

describe('telpty serve --proxy-protocol', { timeout: 600_000 }, () => {
  for (const workers of [1, 2]) {
    it(`uses the client's address for programs, logs and limits (workers: ${workers})`, async () => {
      const limits = ['--max-per-ip', '1', '--deny', '192.0.2.66'];
      const args = [
        '--proxy-protocol',
        '127.0.0.1',
        ROOT,
        '--workers',
        String(workers),
        '--log-format',
        'json',
        ...limits,
      ];
      await using server = await startServer(args, PROGRAM);
      await using one = await Wire.connect(server.port, { ...XTERM, ttype: ['xterm'] });
      one.send(v1('192.0.2.1'));
      await one.expect('from 192.0.2.1\r\n');
      await server.waitForLog(/session 1 started: 192\.0\.2\.1:56324 /);
      await using ipv6 = await Wire.connect(server.port, { ...XTERM, ttype: ['xterm'] });
      ipv6.send(
        proxyV2({ family: 0x21, addresses: ipv6Addresses(Buffer.from('20010db8000000000000000000000005', 'hex')) }),
      );
      await ipv6.expect('from 2001:db8::5\r\n');
      // The same client again, through the same proxy; and one that is denied.
      await using twice = await Wire.connect(server.port, { silent: true });
      twice.send(v1('192.0.2.1'));
      await twice.untilEnd();
      await server.waitForLog(/refused: 192\.0\.2\.1:56324, too-many-from-address/);
      await using denied = await Wire.connect(server.port, { silent: true });
      denied.send(v1('192.0.2.66'));
      await denied.untilEnd();
      await server.waitForLog(/refused: 192\.0\.2\.66:56324, denied/);
      // A missing header, and an unexpected one.
      await using none = await Wire.connect(server.port, { silent: true });
      none.send('hello\r\n');
      await none.untilEnd();
      await server.waitForLog(/"msg":"refused: 127\.0\.0\.1:\d+, proxy: no PROXY header"/);
      await using liar = await Wire.connect(server.port, { silent: true, localAddress: '127.0.0.9' });
      liar.send(v1('192.0.2.1'));
      await liar.untilEnd();
      await server.waitForLog(/session \d+ refused: 127\.0\.0\.9:\d+, proxy/);
    });
  }

  it('precedes TLS, with workers, too', async () => {
    using certificate = selfSigned('DNS:localhost');
    const tls = ['--tls-cert', certificate.certFile, '--tls-key', certificate.keyFile];
    const args = ['--proxy-protocol', '127.0.0.0/8', ROOT, '--workers', '2', '--log-format', 'json', ...tls];
    await using server = await startServer(args, PROGRAM);
    await using wire = await connectSecurely(server.port, {
      ttype: ['xterm'],
      size: [80, 24],
      before: v1('192.0.2.7'),
    });
    await wire.expect('from 192.0.2.7\r\n');
    await using plain = await Wire.connect(server.port, { silent: true });
    plain.send(v1('192.0.2.8'), 'hello');
    await plain.expect('speaks TLS');
    await server.waitForLog(/refused: 192\.0\.2\.8:56324, tls: no TLS/);
  });
});

describe('clients of other protocols', { timeout: 600_000 }, () => {
  for (const workers of [1, 2]) {
    it(`are recognised, closed, and logged once, before their program starts or after (workers: ${workers})`, async () => {
      const start = (patience: string) => {
        const args = ['--workers', String(workers), '--log-format', 'json', '--negotiation-timeout', patience];
        return startServer(args, PROGRAM);
      };
      await using patient = await start('1m');
      const beginnings: [string, string | Buffer][] = [
        ['http', 'GET / HTTP/1.1\r\nHost: x\r\n\r\n'],
        ['http', 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'],
        ['tls', Buffer.from('1603010200010001fc0303', 'hex')],
        ['ssh', 'SSH-2.0-Go\r\n'],
        ['rdp', Buffer.from('030000130ee000000000000100080003000000', 'hex')],
      ];
      for (const [reason, bytes] of beginnings) {
        await using wire = await Wire.connect(patient.port, { silent: true });
        const { localPort } = wire.socket;
        wire.send(bytes);
        await wire.untilEnd();
        await patient.waitForLog(new RegExp(`refused: 127\\.0\\.0\\.1:${localPort}, ${reason}`));
        const lines = patient.stderr.split('\n').filter(line => line.includes(`:${localPort}`));
        assert.equal(lines.length, 1);
      }
      assert.ok(!patient.stderr.includes('started'));
      // Once the program runs: it is hung up.
      await using server = await start('100ms');
      await using late = await Wire.connect(server.port, { silent: true });
      const { localPort } = late.socket;
      await late.expect('from 127.0.0.1\r\n');
      late.send('GET / HTTP/1.1\r\n\r\n');
      await late.untilEnd();
      await server.waitForLog(new RegExp(`refused: 127\\.0\\.0\\.1:${localPort}, http`));
      await server.assertNoLeaks();
      // A client that has sent input before, or has answered negotiation, is a Telnet client.
      for (const first of ['x', '\xff\xfc\x18\xff\xfc\x1f', '\r\n']) {
        await using person = await Wire.connect(server.port, { silent: true });
        await person.expect('from 127.0.0.1\r\n');
        person.send(Buffer.from(first, 'latin1'));
        if (!first.startsWith('\xff')) await person.expect(first.trim() === '' ? '\r\n' : first);
        else await person.expect(/$/);
        person.send('GET / HTTP/1.1\r\n');
        await person.expect('GET / HTTP/1.1');
      }
    });
  }
});
