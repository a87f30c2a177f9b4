/** PROXY headers before sessions: which addresses must send one, which may not, and that exactly the header is read. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { after, describe, it } from 'node:test';
import { type ListenOptions, ptyShell, type Refusal, type Session } from '../../src/index.ts';
import { addon } from '../../src/native/load.ts';
import { Wire, type WireOptions } from '../support/clients/test-client.ts';
import { connectSecurely, readToClose } from '../support/clients/tls-client.ts';
import { ipv4Addresses, ipv6Addresses, proxyV2 } from '../support/format/proxy-header.ts';
import { assertNothingHeld, untilTrue } from '../support/leaks.ts';
import { selfSigned } from '../support/servers/certificates.ts';
import { Host } from '../support/servers/host.ts';

after(assertNothingHeld);
const certificate = selfSigned('DNS:localhost');
after(() => certificate[Symbol.dispose]());

const SILENT: WireOptions = { silent: true };
const V1 = 'PROXY TCP4 192.0.2.1 198.51.100.1 56324 23\r\n';

/** Prints the address of the client, and repeats its input in hexadecimal. */
async function echo(session: Session): Promise<void> {
  session.write(`${session.remoteAddress}:${session.remotePort}\r\n`);
  session.on('data', (bytes: Buffer) => void session.write(`<${bytes.toString('hex')}>`));
  await once(session, 'close');
}

async function start(more: ListenOptions = {}) {
  const host = await Host.start({ shell: echo }, { proxyProtocol: ['127.0.0.0/30', '2001:db8::/32'], ...more });
  const refused: Refusal[] = [];
  host.server.on('refused', refusal => refused.push(refusal));
  return { host, port: host.port, refused, [Symbol.asyncDispose]: () => host[Symbol.asyncDispose]() };
}

/** The proxy is 127.0.0.1; other addresses of 127.0.0.0/8, which are all on this machine, are not proxies. */
function dial(port: number, localAddress = '127.0.0.1'): Socket {
  return connect({ port, host: '127.0.0.1', localAddress, noDelay: true });
}

describe('PROXY headers', { timeout: 600_000 }, () => {
  it('carry the address of the client, in both versions', async () => {
    await using proxied = await start();
    const ipv6 = ipv6Addresses(Buffer.from('20010db8000000000000000000000005', 'hex'), 4000);
    const headers: [Buffer | string, string][] = [
      [V1, '192.0.2.1:56324'],
      ['PROXY TCP6 2001:DB8::0:5 ::1 4000 23\r\n', '2001:db8::5:4000'],
      ['PROXY TCP6 ::ffff:192.0.2.9 ::1 4000 23\r\n', '192.0.2.9:4000'],
      [proxyV2(), '192.0.2.1:56324'],
      [proxyV2({ checksum: true, tlvs: [[4, Buffer.alloc(3000)]] }), '192.0.2.1:56324'],
      [proxyV2({ family: 0x21, addresses: ipv6 }), '2001:db8::5:4000'],
    ];
    for (const [header, client] of headers) {
      await using wire = await Wire.connect(proxied.port, SILENT);
      wire.send(header);
      await wire.expect(`${client}\r\n`);
    }
    assert.deepEqual(proxied.refused, []);
  });

  it('may declare the proxy itself as the client', async () => {
    await using proxied = await start();
    const headers = ['PROXY UNKNOWN\r\n', proxyV2({ command: 0x20, family: 0, addresses: Buffer.alloc(0) })];
    for (const header of [...headers, proxyV2({ family: 0x31, addresses: Buffer.alloc(216) })]) {
      await using wire = await Wire.connect(proxied.port, SILENT);
      wire.send(header);
      await wire.expect(`127.0.0.1:${wire.socket.localPort}\r\n`);
    }
  });

  it('are read to the exact byte, wherever they are split', async () => {
    await using proxied = await start();
    const headers = [
      Buffer.from('PROXY TCP4 192.0.2.1 192.0.2.2 7 8\r\n'),
      proxyV2({ addresses: ipv4Addresses(undefined, 7), checksum: true }),
    ];
    for (const header of headers) {
      // After it, in the same packet, bytes that look like a header or like an invalid one.
      const rest = Buffer.from('PROX\xff\xff\x16', 'latin1');
      const whole = Buffer.concat([header, rest]);
      await Promise.all(
        Array.from({ length: whole.length }, async (_, cut) => {
          await using wire = await Wire.connect(proxied.port, SILENT);
          await wire.sent(whole.subarray(0, cut));
          if (cut < header.length && cut > 0) await untilTrue(() => addon().counts().peeks > 0);
          wire.send(whole.subarray(cut));
          await wire.expect('192.0.2.1:7\r\n');
          await wire.expect(/(?:<[0-9a-f]+>)+$/);
          const heard = () => Buffer.from(wire.data.bytes).toString().split('\r\n')[1]!.replace(/[<>]/g, '');
          await untilTrue(() => heard().length >= 12);
          assert.equal(heard(), Buffer.from('PROX\xff\x16', 'latin1').toString('hex'));
        }),
      );
    }
    assert.deepEqual(proxied.refused, []);
  });

  it('are required from proxies: invalid data, half a header, or no header in time is not a session', async () => {
    await using proxied = await start();
    const attempts: [Buffer | string, boolean, RegExp][] = [
      ['hello\r\n', false, /^no PROXY header$/],
      ['\xff\xfb\x18', false, /^no PROXY header$/],
      ['PROXY TCP4 192.0.2.256 192.0.2.2 1 2\r\n', false, /^a bad PROXY header: an invalid address$/],
      [`PROXY UNKNOWN ${'x'.repeat(200)}`, false, /^a bad PROXY header: too long$/],
      [proxyV2({ command: 0x2f }), false, /^a bad PROXY header: an unknown version or command$/],
      ['PROXY TCP4 192.0.2.1', true, /^closed before the end of its PROXY header$/],
      ['', true, /^closed before any data$/],
      ['PROXY TCP4 192.0.2.1', false, /^no PROXY header within 3s$/],
      ['', false, /^no PROXY header within 3s$/],
    ];
    await Promise.all(
      attempts.map(async ([bytes, ends]) => {
        const socket = dial(proxied.port);
        const closed = readToClose(socket);
        socket.write(Buffer.from(bytes as string, 'latin1'));
        if (ends) socket.end();
        assert.equal(await closed, '');
      }),
    );
    await untilTrue(() => proxied.refused.length === attempts.length);
    for (const [, , message] of attempts) {
      const index = proxied.refused.findIndex(refusal => message.test(refusal.message));
      assert.ok(index >= 0, String(message));
      const [{ reason, remoteAddress } = assert.fail()] = proxied.refused.splice(index, 1);
      const expected = message.test('closed before any data') ? 'probe' : 'proxy';
      assert.deepEqual({ reason, remoteAddress }, { reason: expected, remoteAddress: '127.0.0.1' });
    }
    assert.equal(proxied.host.server.sessions.size, 0);
    assert.deepEqual(proxied.host.outcomes, []);
  });

  it('are refused from any other address, whose clients are served without one', async () => {
    await using proxied = await start();
    await using wire = await Wire.connect(proxied.port, { ...SILENT, localAddress: '127.0.0.9' });
    // At once: the server does not wait for a header from them.
    await wire.expect(`127.0.0.9:${wire.socket.localPort}\r\n`);
    for (const [index, header] of [V1, proxyV2()].entries()) {
      await using liar = await Wire.connect(proxied.port, { ...SILENT, localAddress: '127.0.0.9' });
      liar.send(header);
      assert.deepEqual(await proxied.host.outcome(index + 1), { result: { refused: 'proxy' } });
      await liar.untilEnd();
    }
  });

  it('come before TLS, and before plain Telnet on the same port', async () => {
    const tls = { cert: certificate.cert, key: certificate.key, auto: true };
    await using proxied = await start({ tls });
    await using secure = await connectSecurely(proxied.port, { ...SILENT, before: V1 });
    await secure.expect('192.0.2.1:56324\r\n');
    await using plain = await Wire.connect(proxied.port, SILENT);
    plain.send(V1, 'x');
    await plain.expect('192.0.2.1:56324\r\n');
    await plain.expect('<78>');
    // A refusal after the header reports the address of the client, not of the proxy.
    const socket = dial(proxied.port);
    const closed = readToClose(socket);
    socket.write(`${V1}GET / HTTP/1.1\r\n\r\n`);
    assert.match(await closed, /^HTTP\/1\.1 400/);
    const [{ reason, remoteAddress } = assert.fail()] = proxied.refused;
    assert.deepEqual({ reason, remoteAddress }, { reason: 'http', remoteAddress: '192.0.2.1' });
  });

  it('set the address that a program sees, and a second header is not accepted', async () => {
    const shell = ptyShell('/bin/sh', ['-c', 'echo "from $TELPTY_REMOTE_ADDRESS"; cat']);
    await using host = await Host.start({ shell }, { proxyProtocol: ['127.0.0.1'] });
    await using wire = await Wire.connect(host.port, { ttype: ['XTERM'], size: [80, 24] });
    wire.send(V1);
    await wire.expect('from 192.0.2.1');
    await using twice = await Wire.connect(host.port, SILENT);
    twice.send(V1, V1);
    assert.deepEqual(await host.outcome(), { result: { refused: 'proxy' } });
  });

  it('of pending clients are dropped when the server shuts down', async () => {
    const proxied = await start();
    const socket = dial(proxied.port);
    const closed = readToClose(socket);
    socket.write('PROXY ');
    await untilTrue(() => addon().counts().peeks === 1);
    await proxied.host.server.shutdown();
    assert.equal(await closed, '');
    assert.deepEqual(proxied.refused, []);
  });

  it('are refused if they contain urgent data, without a busy loop', async () => {
    await using proxied = await start();
    const { sendUrgent } = await import('../../src/native/sockets.ts');
    const socket = dial(proxied.port);
    const closed = readToClose(socket);
    await once(socket, 'connect');
    socket.write('PROXY TCP4 ', () => {
      sendUrgent((socket as unknown as { _handle: { fd: number } })._handle.fd, Buffer.from('1'));
      socket.write('92.0.2.1 192.0.2.2 1 2\r\n');
    });
    assert.equal(await closed, '');
    assert.equal(proxied.refused[0]?.reason, 'proxy');
  });
});

it('an entry that is not an address is refused at once', async () => {
  await assert.rejects(Host.start({ shell: echo }, { proxyProtocol: ['10.0.0.0/8', 'here'] }), {
    code: 'ERR_INVALID_ARGUMENT',
    message: /^'here' is neither/,
  });
});
