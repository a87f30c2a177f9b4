/**
 * Hostile compressed streams: bombs, corrupt streams, nested streams and streams that were not negotiated. Such a
 * session ends and the log contains the reason; other sessions are not slower, and memory use stays the same.
 */
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { after, before, describe, it } from 'node:test';
import { deflateRawSync, deflateSync, gzipSync } from 'node:zlib';
import { connect } from '../../src/index.ts';
import { disposeAll } from '../support/cleanup.ts';
import { Peer } from '../support/clients/peer.ts';
import { CMD, OPT, type Wire } from '../support/clients/test-client.ts';
import { untilTrue } from '../support/leaks.ts';
import { bytes, START_NOW, Target } from './support.ts';

const MEBI = 1 << 20;
const NOISE = 64 * MEBI;
/** IAC SB MCCP3 IAC SE: the bytes that follow are compressed. */
const START3 = bytes('FF FA 57 FF F0');
const CORRUPT = 'corrupt-compressed-input';
const BOMB = 'compression-bomb';

let target: Target;

before(async () => {
  target = await Target.start(['--compression']);
  await target.servesStill();
});
after(() => disposeAll(target));

/** Returns a client with a program; both sides have agreed to compressed input. */
async function agreed(): Promise<Wire> {
  const wire = await target.attack(Buffer.concat([bytes('FF FD 57'), START_NOW]));
  await wire.expectNegotiation(CMD.WILL, OPT.MCCP3);
  await target.program(wire);
  return wire;
}

/** Sends input that must end the session with this reason. */
async function ends(input: Uint8Array, reason: string): Promise<void> {
  await using wire = await agreed();
  wire.send(START3, input);
  await wire.untilEnd(240_000);
  await target.logOf(wire, new RegExp(`\\(protocol-error: ${reason}\\)`));
}

const line = Buffer.from('compressed\r\0', 'latin1');
const whole = deflateSync(line);

describe('bombs', () => {
  const bombs: Readonly<Record<string, () => Buffer>> = {
    'CVE-2003-1564, one of zeros': () => deflateSync(Buffer.alloc(128 * MEBI)),
    'of commands': () => deflateSync(Buffer.alloc(16 * MEBI, bytes('FF F6'))),
    'of subnegotiations': () => deflateSync(Buffer.alloc(16 * MEBI, bytes('FF FA 18 00 41 FF F0'))),
    'of an unterminated subnegotiation': () =>
      deflateSync(Buffer.concat([bytes('FF FA 27 00'), Buffer.alloc(16 * MEBI)])),
    'of lines': () => deflateSync(Buffer.alloc(16 * MEBI, '\r\n')),
  };
  for (const [name, bomb] of Object.entries(bombs)) {
    it(name, async () => {
      const input = bomb();
      const growth = await target.growth(() => ends(input, BOMB));
      assert.ok(growth < NOISE, `${growth} bytes`);
    });
  }

  it('twenty at the same time', async () => {
    const bomb = deflateSync(Buffer.alloc(16 * MEBI));
    const growth = await target.growth(() => Promise.all(Array.from({ length: 20 }, () => ends(bomb, BOMB))));
    assert.ok(growth < NOISE + 20 * MEBI, `${growth} bytes`);
  });
});

/** Streams of RFC 1951 that decoders must refuse, after the two octets of RFC 1950. */
const broken: Readonly<Record<string, string>> = {
  'an invalid header': '78 9D 03 00',
  'an undefined method': '79 9C 03 00',
  'a window of 64 KiB': '88 1C 03 00',
  'an unknown dictionary': '78 BB 01 02 03 04 03 00',
  'a stored block whose lengths differ': '78 9C 00 00 00 00 00',
  'an undefined block type': '78 9C 06',
  'too many symbols': '78 9C FC 00 00',
  'CVE-2005-2096, an incomplete set of code lengths': '78 9C 04 00 FE FF',
  'a repeat without a previous length': '78 9C 04 00 24 49 00',
  'a repeat beyond the end': '78 9C 04 00 24 E9 FF FF',
  'no end of the block': '78 9C 04 00 24 E9 FF 6D',
  'CVE-2005-1849, an oversubscribed set of literals': '78 9C 04 80 49 92 24 49 92 24 71 FF FF 93 11 00',
  'an invalid set of distances': '78 9C 04 80 49 92 24 49 92 24 0F B4 FF FF C3 84',
  'an undefined code': '78 9C 04 C0 81 08 00 00 00 00 20 7F EB 0B 00 00',
  'an undefined distance': '78 9C 02 7E FF FF',
  'CVE-2002-0059, a distance from before the beginning': '78 9C 0C C0 81 00 00 00 00 00 90 FF 6B 04 00',
  'a wrong checksum at the end': '78 9C 03 00 00 00 00 00',
  'plain Telnet': 'FF FB 18 FF FA 18 00 "xterm" FF F0 "hello" 0D 00',
  HTTP: '"GET / HTTP/1.1" 0D 0A 0D 0A',
};

describe('corrupt streams', { concurrency: 8 }, () => {
  for (const [name, notation] of Object.entries(broken)) {
    it(name, () => ends(bytes(notation), CORRUPT));
  }
  it('gzip (CVE-2022-37434, its extra field) and bare deflate, which are not zlib', async () => {
    await ends(gzipSync(line), CORRUPT);
    await ends(bytes('1F 8B 08 04 00 00 00 00 00 03 FF FF "A" x70'), CORRUPT);
    await ends(Buffer.concat([deflateRawSync(randomBytes(100))]), CORRUPT);
  });
  it('a stream with any octet changed ends the session or yields only input', async () => {
    await Promise.all(
      Array.from(whole, async (octet, at) => {
        for (const mask of [1, 0x80, 0xff]) {
          const changed = Buffer.from(whole);
          changed[at] = octet ^ mask;
          await using wire = await agreed();
          wire.send(START3, changed, randomBytes(64), bytes('0D 00'));
          wire.halfClose();
          await wire.untilEnd();
          await target.logOf(wire, /"msg":"session \d+ ended: /);
        }
      }),
    );
  });
  it('a stream may end after any of its octets, by FIN and by reset', async () => {
    await Promise.all(
      Array.from({ length: whole.length + 1 }, async (_, length) => {
        for (const how of ['FIN', 'reset']) {
          await using wire = await agreed();
          await wire.sent(START3, whole.subarray(0, length));
          if (how === 'FIN') wire.halfClose();
          else wire.reset();
          await wire.untilEnd();
          await target.logOf(wire, /"msg":"session \d+ ended: /);
        }
      }),
    );
  });
});

describe('unexpected compression', () => {
  it('a compressed stream inside a compressed stream ends the session', () =>
    ends(deflateSync(Buffer.concat([START3, whole])), 'nested-compression'));

  it('compression that was not agreed, or of the other direction, is not started', async () => {
    for (const start of [
      'FF FE 57 FF FA 57 FF F0',
      'FF FA 56 FF F0',
      'FF FA 55 FB F0',
      'FF FE 57 FF FB 57 FF FA 57 FF F0',
    ]) {
      await using wire = await target.attack(Buffer.concat([START_NOW, bytes(start)]));
      await target.program(wire);
      wire.send('plain\r\0');
      await wire.expect('plain\r\nplain');
    }
  });

  it('compression that is switched on and off repeatedly leaves no streams in memory', async () => {
    await using wire = await agreed();
    const growth = await target.growth(async () => {
      for (let n = 0; n < 200; n++) {
        await wire.sent(START3, whole, bytes('FF FE 57 FF FD 57 FF FD 56 FF FE 56'));
      }
      await target.servesStill();
    });
    assert.ok(growth < NOISE, `${growth} bytes`);
  });

  it('a compressed flood to clients that do not read', async () => {
    const script = 'head -c 3000000000 /dev/urandom';
    await using flooding = await Target.start(['--compression'], {
      program: ['/bin/sh', '-c', `stty raw -echo; read -r how; [ "$how" = flood ] && exec ${script}`],
      ordinary: async (wire, own) => {
        await own.program(wire);
        wire.send('bye\n');
      },
      exit: 1,
    });
    const growth = await flooding.growth(async () => {
      const wires = await Promise.all(
        Array.from({ length: 5 }, () => flooding.attack(Buffer.concat([bytes('FF FD 56'), START_NOW]))),
      );
      for (const wire of wires) {
        await flooding.program(wire);
        wire.pause();
        wire.send('flood\n');
      }
      await untilTrue(() => wires.every(wire => wire.socket.bytesRead > 4_000));
      await flooding.servesStill();
      await flooding.servesStill();
      await Promise.all(wires.map(wire => wire.close()));
    });
    assert.ok(growth < NOISE + 5 * 2 * MEBI, `${growth} bytes`);
  });
});

describe('clients', () => {
  it('a bomb or corrupt stream of the server ends the session of a client that agreed to compression', async () => {
    for (const [input, reason] of [
      [deflateSync(Buffer.alloc(64 * MEBI)), BOMB],
      [bytes(broken['an undefined distance']!), CORRUPT],
      [deflateSync(bytes('FF FA 56 FF F0')), 'nested-compression'],
    ] as const) {
      await using peer = await Peer.listen();
      const session = await connect({ host: '127.0.0.1', port: peer.port, compression: true });
      session
        .on('error', () => {})
        .on('hangup', () => session.destroy())
        .resume();
      const wire = await peer.accept();
      wire.send(bytes('FF FB 56'));
      await wire.expectNegotiation(CMD.DO, OPT.MCCP2);
      wire.send(bytes('FF FA 56 FF F0'), input);
      await once(session, 'close');
      assert.equal(session.hangupReason, reason);
    }
  });

  it('a client that did not agree to compression does not inflate', async () => {
    await using peer = await Peer.listen();
    const session = await connect({ host: '127.0.0.1', port: peer.port });
    let heard = 0;
    session
      .on('error', () => {})
      .on('data', (chunk: Buffer) => {
        heard += chunk.length;
      });
    const wire = await peer.accept();
    const bomb = deflateSync(Buffer.alloc(16 * MEBI));
    wire.send(bytes('FF FB 56'));
    await wire.expectNegotiation(CMD.DONT, OPT.MCCP2);
    await wire.sent(bytes('FF FA 56 FF F0'), bomb);
    wire.halfClose();
    await once(session, 'close');
    assert.ok(heard <= bomb.length && heard > bomb.length / 2);
  });
});
