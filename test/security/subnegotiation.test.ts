/**
 * The payload between IAC SB and IAC SE, where telnet daemons have most often written past the end of a buffer.
 * The connection continues after any payload of any length, the answers are few, and memory use stays the
 * same.
 */
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { disposeAll } from '../support/cleanup.ts';
import { subnegotiation } from '../support/clients/test-client.ts';
import { untilTrue } from '../support/leaks.ts';
import { bytes, PROGRAM, START_NOW, Target } from './support.ts';

const MEBI = 1 << 20;
/** Memory growth of a server for its own reasons: compiled code, the heap between two collections. */
const NOISE = 48 * MEBI;

let target: Target;

before(async () => {
  target = await Target.start();
  await target.servesStill();
});
after(() => disposeAll(target));

/** Sends an attack in pieces of several sizes; after that each connection must have its program and get answers. */
async function survives(attack: Uint8Array, mostAnswer: number, sizes = [attack.length, 1021]): Promise<void> {
  for (const size of sizes) {
    await using wire = await target.attack(Buffer.concat([START_NOW, attack]), size);
    const { argv, fds } = await target.program(wire);
    assert.deepEqual([argv, fds], [PROGRAM, [0, 1, 2]]);
    await target.answers(wire);
    assert.ok(wire.raw.length <= mostAnswer, `${wire.raw.length} bytes of answers to ${attack.length}`);
  }
}

// 22 is LINEMODE (34), 03 is SLC; then triplets: function, level and flags, character.
const SLC: readonly (readonly [id: string, wentWrong: string, notation: string, mostAnswer: number])[] = [
  ['CVE-2026-32746', 'inetutils answered into 108 bytes', `FF FA 22 03 ${'13 02 00 '.repeat(10_000)} FF F0`, 2_000],
  [
    'CVE-2026-32746, all functions',
    'undefined functions',
    `FF FA 22 03 ${Array.from({ length: 10_000 }, (_, at) => `${hexOf(at % 255)} 02 41 `).join('')} FF F0`,
    2_000,
  ],
  [
    'CVE-2005-0469',
    'BSD clients and servers answered into 128 bytes',
    `FF FA 22 03 ${'FF FF 02 FF FF '.repeat(10_000)} FF F0`,
    2_000,
  ],
  [
    'CVE-2005-0469, one message each',
    'the answers to many messages in one buffer',
    'FF FA 22 03 '.concat('05 02 FF FF ').concat('FF F0 FF FA 22 03 1F 02 00 FF F0 ').repeat(5_000),
    90_000,
  ],
  [
    'SLC cut in the middle',
    'a triplet read past the end',
    'FF FA 22 03 03 FF F0  FF FA 22 03 03 02 FF F0  FF FA 22 03 FF F0',
    2_000,
  ],
  [
    'FORWARDMASK of any length',
    'a mask of 32 octets copied by the received length',
    `FF FA 22 FD 02 ${'FF FF '.repeat(400)} FF F0  FF FA 22 FB 02 FF F0`,
    2_000,
  ],
  [
    'MODE that is wrong',
    'a mode answered endlessly',
    'FF FA 22 01 FF FF FF F0  FF FA 22 01 FF F0  FF FA 22 01 04 FF F0 '.repeat(2_000),
    40_000,
  ],
];

function hexOf(octet: number): string {
  return octet.toString(16).padStart(2, '0').toUpperCase().replace(/^EC$/, 'ED');
}

describe('LINEMODE', () => {
  for (const [id, wentWrong, notation, mostAnswer] of SLC) {
    it(`${id}: ${wentWrong}`, async () => {
      await survives(Buffer.concat([bytes('FF FB 22'), bytes(notation)]), mostAnswer);
      // Before WILL, and after WONT.
      await survives(Buffer.concat([bytes(notation), bytes('FF FC 22'), bytes(notation)]), 2_000, [1 << 20]);
    });
  }
});

// 26 is ENCRYPT (38), 25 AUTHENTICATION (37).
const refused: readonly (readonly [id: string, wentWrong: string, notation: string])[] = [
  [
    'CVE-2011-4862',
    'an ENCRYPT key id was copied by its length',
    'FF FB 26 FF FD 26  FF FA 26 07 "A" x500 FF F0  FF FA 26 08 "A" x60000 FF F0  FF FA 26 00 01 01 FF F0',
  ],
  [
    'ENCRYPT without a key',
    'START, END, REQUEST and REPLY before any SUPPORT',
    'FF FB 26  FF FA 26 03 FF F0  FF FA 26 04 FF F0  FF FA 26 05 FF F0  FF FA 26 02 FF F0',
  ],
  [
    'AUTHENTICATION',
    'a user name before authentication',
    'FF FB 25  FF FA 25 03 "root" FF F0  FF FA 25 00 02 00 00 "A" x4000 FF F0',
  ],
  [
    'CVE-2002-0020',
    'Windows 2000 copied options of any length (MS02-004)',
    `${'FF FB 25 FF FB 26 FF FB 2C FF FB 2E '} FF FA 25 00 "A" x8000 FF F0`,
  ],
];

describe('options that the server never agrees to', () => {
  for (const [id, wentWrong, notation] of refused) {
    it(`${id}: ${wentWrong}`, async () => {
      await survives(bytes(notation), 400, [1 << 20, 1]);
    });
  }
});

const framing: Readonly<Record<string, string>> = {
  'SB in SB': 'FF FA 18 00 "xterm" FF FA 1F 00 50 00 18 FF F0 FF F0',
  'SB in SB, 20,000 deep': `${'FF FA 18 '.repeat(20_000)} FF F0`,
  'IAC inside, not doubled': 'FF FA 27 00 03 "A" FF "B" FF F0  FF FA 27 00 FF 00 FF F0  FF FA 18 FF 01 FF F0',
  'commands inside': 'FF FA 18 00 "x" FF F1 "y" FF F2 "z" FF F6 FF F0',
  'negotiation inside': `FF FA 27 00 03 "A" ${'FF FB 18 FF FC 18 FF FD 01 FF FE 01 '.repeat(500)} FF F0`,
  'SE without SB': `${'FF F0 '.repeat(20_000)}`,
  'SB of no option': 'FF FA FF F0  FF FA FF FF FF F0  FF FA FF FB 18 FF F0',
  'SB of option 255': 'FF FA FF FF 00 01 02 FF F0',
  'empty ones of every option': `${Array.from({ length: 255 }, (_, code) => `FF FA ${hexOf(code)} FF F0`).join(' ')}`,
  'a thousand empty ones': 'FF FA 18 FF F0 '.repeat(1_000),
  'doubled 255 at every end': `FF FA 18 00 ${'FF FF '.repeat(30_000)} FF F0  FF FA 18 00 FF FF FF FF FF F0`,
  'the first MCCP, which ends without IAC':
    'FF FA 55 FB F0 FF FA 55 FB FF F0 FF FA 55 F0 FF F0 FF FA 55 FB FB FB F0 FF F0',
};

describe('framing', () => {
  for (const [name, notation] of Object.entries(framing)) {
    it(name, () => survives(bytes(notation), 30_000, notation.length < 10_000 ? [1 << 20, 1, 3] : [1 << 20, 1021]));
  }

  it('a gigabyte without IAC SE uses constant memory, and the connection continues after it', async () => {
    await using wire = await target.attack(Buffer.concat([START_NOW, bytes('FF FB 27  FF FA 27 00 03 "A" 01')]));
    await target.program(wire);
    const piece = Buffer.alloc(4 * MEBI, 'A');
    const growth = await target.growth(async () => {
      for (let sent = 0; sent < 1024; sent += 4) await wire.sent(piece);
      wire.send(bytes('FF F0'));
      await target.answers(wire);
    });
    assert.ok(growth < NOISE, `${growth} bytes`);
  });

  it('a hundred unterminated ones use 64 KiB each', async () => {
    const attack = Buffer.concat([START_NOW, bytes('FF FB 27  FF FA 27 00 03 "A" 01'), Buffer.alloc(MEBI, 'A')]);
    const growth = await target.growth(async () => {
      const wires = await Promise.all(Array.from({ length: 100 }, () => target.attack(attack)));
      for (const wire of wires) wire.send(bytes('FF F0'));
      await Promise.all(wires.map(wire => target.answers(wire)));
      await Promise.all(wires.map(wire => wire.close()));
    });
    assert.ok(growth < NOISE + 100 * 300 * 1024, `${growth} bytes`);
  });
});

describe('every option', () => {
  const LOGOUT = 18;
  const contents = [
    Buffer.alloc(64, 0),
    Buffer.alloc(64, 255),
    Buffer.alloc(64, 1),
    Buffer.from('\x01\x03A\x00B\x02'.repeat(12), 'latin1'),
  ];
  const codes = Array.from({ length: 256 }, (_, code) => code);

  it('256 options, subcommands 0 to 5, with payloads cut at several lengths', async () => {
    const attackOf = (code: number, content: Uint8Array): Uint8Array[] => {
      // DO LOGOUT is left out: it ends the session.
      const verbs = code === LOGOUT ? [251] : [251, 253];
      const parts: Uint8Array[] = verbs.map(verb => Buffer.of(255, verb, code));
      for (let sub = 0; sub < 6; sub++) {
        for (const length of [0, 1, 2, 3, 4, 5, 6, 7, 8, 16, 33, 63]) {
          const sent = subnegotiation(code, [sub, ...content.subarray(0, length)]);
          parts.push(code === 255 ? Buffer.concat([sent.subarray(0, 2), Buffer.of(255), sent.subarray(2)]) : sent);
        }
      }
      parts.push(subnegotiation(code === 255 ? 254 : code, []));
      return parts;
    };
    await Promise.all(
      contents.flatMap(content =>
        Array.from({ length: 4 }, async (_, quarter) => {
          const attack = codes.slice(64 * quarter, 64 * (quarter + 1)).flatMap(code => attackOf(code, content));
          await using wire = await target.attack(Buffer.concat([START_NOW, ...attack]));
          await target.program(wire);
          await target.answers(wire);
        }),
      ),
    );
  });

  it('256 options with a payload of the maximum length and one octet more', async () => {
    await using wire = await target.attack(START_NOW);
    await target.program(wire);
    const growth = await target.growth(async () => {
      for (const code of codes.filter(code => code !== 255)) {
        if (code !== LOGOUT) await wire.sent([255, 251, code, 255, 253, code]);
        for (const length of [65_535, 65_536]) {
          await wire.sent([255, 250, code, code & 3], Buffer.alloc(length, code === 39 ? 3 : 0x41), [255, 240]);
        }
      }
      await target.answers(wire);
    });
    assert.ok(growth < NOISE, `${growth} bytes`);
  });

  it('the server stops reading endless requests of a client that does not read', async () => {
    // The answer to STATUS SEND is ten times as long as the request.
    const questions = Buffer.concat(Array.from({ length: 20_000 }, () => bytes('FF FA 05 01 FF F0')));
    await using wire = await target.attack(Buffer.concat([START_NOW, bytes('FF FD 05  FF FB 22  FF FB 18')]));
    await target.program(wire);
    wire.pause();
    const growth = await target.growth(async () => {
      for (let n = 0; n < 100; n++) wire.send(questions);
      await target.servesStill();
      // Until the kernel's buffers are full in both directions, and the rest is queued in the attacker.
      await untilTrue(() => wire.socket.writableLength > questions.length);
      await target.servesStill();
    });
    assert.ok(growth < NOISE, `${growth} bytes`);
  });

  it('an environment that is sent repeatedly with new names is kept up to a bound', async () => {
    await using wire = await target.attack(Buffer.concat([START_NOW, bytes('FF FB 27')]));
    await target.program(wire);
    const growth = await target.growth(async () => {
      for (let n = 0; n < 400; n++) {
        const variables = Array.from({ length: 250 }, (_, at) => `\x03V${n}_${at}\x01${'v'.repeat(200)}`).join('');
        await wire.sent(subnegotiation(39, Buffer.from(`\x02${variables}`, 'latin1')));
      }
      await target.answers(wire);
    });
    assert.ok(growth < NOISE, `${growth} bytes`);
  });
});
