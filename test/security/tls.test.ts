/**
 * TLS, and clients that send something else to a TLS port: records that have broken TLS libraries or let a client
 * request unlimited work, and web pages that make a browser send to a Telnet port. (Successful handshakes are tested
 * elsewhere.)
 */
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { connect as connectTls } from 'node:tls';
import { disposeAll } from '../support/cleanup.ts';
import { Wire } from '../support/clients/test-client.ts';
import { processInfo, untilTrue } from '../support/leaks.ts';
import { type Certificate, selfSigned } from '../support/servers/certificates.ts';
import { startServer, type TestServer } from '../support/servers/server.ts';
import { bytes, PROGRAM, START_NOW, Target } from './support.ts';

const MEBI = 1 << 20;
const NOISE = 64 * MEBI;

let certificate: Certificate;
/** TLS and plain Telnet on one port. */
let target: Target;
/** Without TLS. */
let plain: Target;
/** TLS only. */
let strict: TestServer;

before(async () => {
  certificate = selfSigned('IP:127.0.0.1');
  const files = ['--tls-cert', certificate.certFile, '--tls-key', certificate.keyFile];
  target = await Target.start([...files, '--tls-auto']);
  plain = await Target.start();
  strict = await startServer(files, { program: PROGRAM });
  await target.servesStill();
});
after(async () => {
  await disposeAll(target, plain, strict);
  assert.doesNotMatch(strict.stderr, / started: /);
  certificate[Symbol.dispose]();
});

/** The start of a TLS 1.2 ClientHello: version, random, no session; then two suites, no compression, extensions. */
const HELLO = '03 03 AA x32 00 00 04 C0 2B C0 2F 01 00';
/** Sends an attack that must get an alert or a message and the end of the connection, without a program. */
async function ends(attack: Uint8Array, against = target): Promise<Wire> {
  await using wire = await against.attack(attack);
  const { localPort } = wire.socket;
  const { length } = against.log;
  wire.halfClose();
  await wire.untilEnd(240_000);
  assert.ok(wire.raw.length < 4_000, `${wire.raw.length} bytes`);
  const programs = against.log.slice(length).filter(({ pid, remote }) => pid && remote === `127.0.0.1:${localPort}`);
  assert.deepEqual(programs, []);
  return wire;
}

// 16 is a handshake, followed by version and length; 01 in it is ClientHello with its length. 15 is an alert, 17 data,
// 18 a heartbeat.
const attacks: readonly (readonly [id: string, wentWrong: string, notation: string])[] = [
  [
    'CVE-2014-0160',
    'Heartbleed: OpenSSL answered with 16 KiB of its memory to three bytes',
    `16 03 01 00 3C 01 00 00 38 ${HELLO} 00 05 00 0F 00 01 01  18 03 02 00 03 01 40 00`,
  ],
  ['CVE-2014-3566', 'POODLE: SSL 3.0', '16 03 00 00 2D 01 00 00 29 03 00 AA x32 00 00 02 00 0A 01 00'],
  [
    'CVE-2016-0800',
    'DROWN: SSL 2.0',
    '80 2E 01 00 02 00 15 00 00 00 10 01 00 80 02 00 80 03 00 80 04 00 80 05 00 80 06 00 40 07 00 C0 AA x16',
  ],
  [
    'CVE-2016-8610',
    '100,000 warnings before the hello used up the time of OpenSSL',
    `16 03 01 00 04 01 00 00 38 ${'15 03 01 00 02 01 00 '.repeat(20_000)}`,
  ],
  ['CVE-2014-0224', 'ChangeCipherSpec before its time', `16 03 01 00 37 01 00 00 33 ${HELLO} 00 00  14 03 03 00 01 01`],
  ['CVE-2014-0195', 'a fragment longer than its message', '16 03 01 00 0C 01 00 00 02 00 00 00 00 FF FF 03 03'],
  ['a record of 65,535 octets', 'longer than TLS allows', '16 03 01 FF FF 01 00 FF FB 03 03 AA x65528'],
  [
    'a hello of 16 MB',
    'in records of the maximum length',
    `16 03 01 40 00 01 FF FF FF 03 03 AA x16378 ${'16 03 01 40 00 AA x16384 '.repeat(12)}`,
  ],
  ['empty records', 'endless', '16 03 01 00 00 '.repeat(50_000)],
  [
    'a hello in pieces of one octet',
    'one per record',
    `${[...'01000064'.matchAll(/../g)].map(([octet]) => `16 03 01 00 01 ${octet}`).join(' ')} ${'16 03 01 00 01 AA '.repeat(100)}`,
  ],
  ['data before the handshake', 'without one', '16 03 01 00 04 01 00 00 38 17 03 03 00 04 "id" 0D 0A'],
];

describe('records other than a handshake', { concurrency: 4 }, () => {
  for (const [id, wentWrong, notation] of attacks) {
    it(`${id}: ${wentWrong}`, async () => {
      const attack = bytes(notation);
      // This port accepts plain clients, too, and treats input that does not start like TLS as plain Telnet.
      if (attack[0] === 0x16 && attack[5] === 1) await ends(attack);
      else await (await target.attack(Buffer.concat([attack, START_NOW]))).close();
      const wire = await Wire.connect(strict.port, { silent: true });
      await wire.sent(attack);
      wire.halfClose();
      await wire.untilEnd(240_000);
      assert.ok(wire.raw.length < 200, `${wire.raw.length} bytes`);
    });
  }
  it('a hundred unfinished hellos use little memory each', async () => {
    const hello = bytes('16 03 01 40 00 01 00 FF FF 03 03 AA x16378  16 03 01 40 00 AA x8000');
    const growth = await target.growth(async () => {
      const wires = await Promise.all(Array.from({ length: 100 }, () => target.attack(hello)));
      await target.servesStill();
      for (const wire of wires) wire.reset();
      await Promise.all(wires.map(wire => wire.untilClose()));
    });
    assert.ok(growth < NOISE + 100 * 256 * 1024, `${growth} bytes`);
  });
});

describe('inside TLS', () => {
  it('attacks with variables and SLC have no more effect than on plain Telnet', async () => {
    const socket = connectTls({ host: '127.0.0.1', port: target.server.port, ca: certificate.cert });
    let heard = '';
    socket.setEncoding('latin1').on('data', text => {
      heard += text;
    });
    const closed = new Promise(resolve => socket.once('close', resolve));
    socket.write(bytes('FF FB 27  FF FA 27 00 00 "LD_PRELOAD" 01 "/x" 00 "USER" 01 "-f root" FF F0'));
    socket.write(bytes(`FF FB 22  FF FA 22 03 ${'13 02 00 '.repeat(3_000)} FF F0  FF FA 18 FF FA 18 FF F0`));
    socket.write(Buffer.concat([START_NOW, bytes('FF F6')]));
    while (!heard.includes('[telpty: yes]')) await new Promise(resolve => socket.once('data', resolve));
    assert.ok(heard.length < 4_000, `${heard.length} bytes`);
    socket.destroy();
    await closed;
  });
});

describe('CVE-2021-3618: ALPACA, a web page whose browser talks to another protocol', { concurrency: 4 }, () => {
  const requests: Readonly<Record<string, string>> = {
    'a form (POST)':
      '"POST / HTTP/1.1" 0D 0A "Host: 127.0.0.1:6023" 0D 0A "Content-Type: text/plain" 0D 0A 0D 0A "id > /tmp/x" 0D 0A',
    'a page (GET)': '"GET /%0d%0aid HTTP/1.1" 0D 0A "Host: x" 0D 0A 0D 0A',
    'a CORS preflight (OPTIONS)': '"OPTIONS / HTTP/1.1" 0D 0A "Origin: http://evil.example" 0D 0A 0D 0A',
    'HTTP/2': '"PRI * HTTP/2.0" 0D 0A 0D 0A "SM" 0D 0A 0D 0A',
    'a WebSocket': '"GET / HTTP/1.1" 0D 0A "Upgrade: websocket" 0D 0A "Sec-WebSocket-Key: x" 0D 0A 0D 0A FF FB 18',
  };
  for (const [name, notation] of Object.entries(requests)) {
    it(`${name}: no program is started or gets input`, async () => {
      for (const against of [target, plain]) {
        const wire = await ends(bytes(notation), against);
        assert.doesNotMatch(wire.text(), /id >|evil\.example/);
      }
    });
  }

  it('a request line of another protocol or method, split anywhere, is not passed whole to the program', async () => {
    const lines = [
      'OPTIONS rtsp://127.0.0.1/x RTSP/1.0',
      'INVITE sip:id@127.0.0.1 SIP/2.0',
      'RESPMOD icap://127.0.0.1/x ICAP/1.0',
      'PROPFIND /x HTTP/1.1',
      'Any-Method x-y:z Some/12.3',
    ];
    await Promise.all(
      lines.flatMap(line =>
        ['\r\n', '\n'].map(async end => {
          const attack = Buffer.from(`${line}${end}echo typed by a web page${end}`);
          for (const against of [target, plain]) assert.doesNotMatch((await ends(attack, against)).text(), /typed by/);
          // If the program already runs, it may get the start of the line; `cat` returns a line only when it is
          // complete. Browsers do not split a line in its method, and bytes that do not start a known method are
          // treated as keys.
          const method = line.indexOf(' ') + 1;
          const cuts = [[line.length], [line.length + 1], [method], [method, method + 2, line.length - 1]];
          if (!line.startsWith('Any-')) cuts.push([3], [1, method - 1, line.length - 1]);
          for (const cut of cuts) {
            const wire = await plain.connect();
            const { pid } = await plain.program(wire);
            for (const [index, from] of [0, ...cut].entries()) {
              const piece = attack.subarray(from, [...cut, attack.length][index]);
              await wire.sent(piece);
              // The pieces must arrive separately. The line end closes the connection.
              if (/[\r\n]/.test(piece.toString())) break;
              await wire.until(() => wire.raw.bytes.includes(piece));
            }
            await wire.untilEnd();
            const text = wire.text();
            assert.doesNotMatch(text, /typed by/);
            assert.equal(
              text.split(line).length,
              text.includes(line) ? 2 : 1,
              'the line must be echoed at most once, and not returned',
            );
            await untilTrue(() => processInfo(pid) === undefined);
          }
        }),
      ),
    );
  });

  it('a request line longer than the inspected part, or than one read', async () => {
    // 4,096 octets are inspected, 65,536 are read at once; the line may also end inside its last field there.
    const lengths = [
      300,
      1_400,
      4_060,
      ...Array.from({ length: 24 }, (_, at) => 4_076 + at),
      8_000,
      65_520,
      65_536,
      200_000,
    ];
    const body = 'Host: x\r\nContent-Type: text/plain\r\n\r\necho typed by a web page\r\n';
    await Promise.all(
      lengths.map(async length => {
        for (const against of [target, plain]) {
          const wire = await ends(Buffer.from(`POST /${'A'.repeat(length)} HTTP/1.1\r\n${body}`), against);
          assert.doesNotMatch(wire.text(), /typed by a web page|AAAA/, `${length}`);
        }
      }),
    );
  });

  it('on a connection that the browser opened earlier, the running program reads nothing of the request', async () => {
    await using wire = await target.connect();
    const { pid } = await target.program(wire);
    wire.send(`POST /${'A'.repeat(5_000)} HTTP/1.1\r\nHost: x\r\n\r\necho typed\r\n`);
    await wire.untilEnd();
    assert.doesNotMatch(wire.text(), /typed|AAAA/);
    await untilTrue(() => processInfo(pid) === undefined);
  });
});
