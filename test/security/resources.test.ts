/**
 * Clients that try to exhaust the server: connections, memory, programs, time. The cost of each client is bounded,
 * closed connections cost nothing, and other clients are served.
 */
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { disposeAll } from '../support/cleanup.ts';
import type { Wire } from '../support/clients/test-client.ts';
import { childrenOf, openFds, untilTrue } from '../support/leaks.ts';
import { bytes, START_NOW, Target } from './support.ts';

const MEBI = 1 << 20;
const NOISE = 48 * MEBI;

let target: Target;

before(async () => {
  target = await Target.start(['--max-sessions', '0', '--max-negotiating', '0', '--negotiation-timeout', '10m']);
  await target.servesStill();
});
after(() => disposeAll(target));

/** Opens connections, a hundred at a time; each sends one of the given messages. */
async function open(count: number, says: readonly Uint8Array[]): Promise<Wire[]> {
  const wires: Wire[] = [];
  while (wires.length < count) {
    const more = Array.from({ length: Math.min(100, count - wires.length) }, async (_, at) => {
      const wire = await target.connect();
      await wire.sent(says[at % says.length]!);
      return wire;
    });
    wires.push(...(await Promise.all(more)));
  }
  return wires;
}

/** Waits until a server holds no client socket and has no program. */
async function untilAlone({ server } = target): Promise<void> {
  const { pid, baseline } = server;
  await untilTrue(() => openFds(pid).size <= baseline!.fds.size && childrenOf(pid).length === 0, 240_000);
}

// Openings that stop in the middle of every protocol element.
const halves = [
  'FF FA 18 00 "xte"',
  'FF',
  'FF FB',
  'FF FA',
  'FF FB 18 FF FB 1F',
  'FF FB 27 FF FA 27 00 03 "A" 01 02',
  'FF FB 22',
  'FF FD 03 0D',
  '"who?"',
  'FF FB 2A FF FA 2A 01 FF',
];

describe('an unfinished opening', { concurrency: true }, () => {
  it('1,000 unfinished openings that continue octet by octet use little memory and start no program', async () => {
    let wires: Wire[] = [];
    const growth = await target.growth(async () => {
      wires = await open(1_000, halves.map(bytes));
      assert.equal(childrenOf(target.server.pid).length, 0);
      await target.servesStill();
      for (let n = 0; n < 3; n++) for (const wire of wires) wire.send(bytes('61'));
      await target.servesStill();
    });
    assert.ok(growth < NOISE + 1_000 * 48 * 1024, `${growth} bytes`);
    for (const [at, wire] of wires.entries()) {
      if (at % 2 === 0) wire.reset();
      else wire.socket.destroy();
    }
    await untilAlone();
  });

  it('a client that keeps sending after the end of its session is disconnected', async () => {
    // A separate server, since it takes seconds until the server closes these connections.
    await using own = await Target.start();
    const talking = { silent: true, allowHalfOpen: true };
    const wires = await Promise.all(Array.from({ length: 20 }, () => own.connect(talking)));
    await Promise.all(
      wires.map(async wire => {
        wire.send(START_NOW);
        await own.program(wire);
        wire.send('\x04');
        await wire.untilEnd();
      }),
    );
    const talk = setInterval(() => {
      for (const wire of wires) wire.send('more');
    }, 100);
    await untilAlone(own).finally(() => clearInterval(talk));
    await Promise.all(wires.map(wire => wire.close()));
  });
});

describe('short connections', () => {
  for (const [how, leave] of [
    ['FIN', (wire: Wire) => wire.socket.destroy()],
    ['reset', (wire: Wire) => wire.reset()],
  ] as const) {
    it(`2,000 connections that close immediately by ${how} leave nothing behind`, async () => {
      const growth = await target.growth(async () => {
        for (let n = 0; n < 40; n++) {
          const wires = await Promise.all(Array.from({ length: 50 }, () => target.connect()));
          wires.forEach((wire, at) => {
            if (at % 3 === 0) wire.send(bytes(halves[at % halves.length]!));
            leave(wire);
          });
        }
        await untilAlone();
      });
      assert.ok(growth < NOISE, `${growth} bytes`);
    });
  }

  it('CVE-2001-0346: 200 clients that close while their program starts (Windows 2000 leaked a handle of each)', async () => {
    for (let n = 0; n < 4; n++) {
      const wires = await Promise.all(Array.from({ length: 50 }, () => target.attack(START_NOW)));
      wires.forEach((wire, at) => {
        setTimeout(() => (at % 2 === 0 ? wire.reset() : wire.socket.destroy()), at % 10);
      });
      await Promise.all(wires.map(wire => wire.untilClose()));
    }
    await untilAlone();
  });
});

describe('a flood from many clients', () => {
  it('an ordinary client is served while forty clients flood with different input', async () => {
    const floods = [
      '61',
      'FF F6',
      'FF F4',
      'FF FD C8',
      'FF FA 18 FF F0',
      '0D 00',
      'FF FF',
      'FF F2',
      'FF FB 22 FF FC 22',
      'C3 28',
    ];
    const wires = await open(40, [START_NOW]);
    await Promise.all(wires.map(wire => target.program(wire)));
    const pieces = floods.map(flood => Buffer.alloc(MEBI / 4, bytes(flood)));
    let going = true;
    wires.forEach((wire, at) => {
      const more = () => {
        if (going && wire.socket.writable) wire.socket.write(pieces[at % pieces.length]!, more);
      };
      more();
    });
    const growth = await target.growth(async () => {
      await target.servesStill();
      await target.servesStill();
    });
    going = false;
    for (const wire of wires) wire.reset();
    await untilAlone();
    // Each may have 128 KiB of input and 128 KiB of output queued; memory that the server returned earlier adds to it.
    assert.ok(growth < NOISE + 40 * MEBI, `${growth} bytes`);
  });
});

// WONT TTYPE, WONT NAWS, WILL LINEMODE with its MODE acknowledged; or TTYPE of a MUD client. Both edit lines locally.
const editors: Readonly<Record<string, string>> = {
  'in line mode (RFC 1184)': 'FF FC 18 FF FC 1F  FF FB 22 FF FA 22 01 07 FF F0',
  'of MUDs (MTTS)':
    'FF FC 1F FF FB 18  FF FA 18 00 "TINTIN++" FF F0  FF FA 18 00 "xterm" FF F0  FF FA 18 00 "MTTS 13" FF F0  FF FA 18 00 "MTTS 13" FF F0',
  'in character mode': 'FF FC 18 FF FC 1F',
};

describe('input that the program does not read, from clients', () => {
  for (const [name, opening] of Object.entries(editors)) {
    it(`${name}: any kind of input stays queued in the client`, async () => {
      await using sleeping = await Target.start([], {
        program: ['/bin/sh', '-c', 'read -r how; [ "$how" = sleep ] && exec sleep 1000'],
        ordinary: async (wire, own) => {
          await own.program(wire);
          wire.type('bye\r');
        },
        exit: 1,
      });
      const inputs = ['"A"', '"A" 0D 0A', '0D 0A', 'FF EC', 'FF F8', 'FF F7 08 7F', '16', '"A" FF EF'];
      const growth = await sleeping.growth(async () => {
        const wires = await Promise.all(
          inputs.map(async input => {
            const wire = await sleeping.attack(bytes(`${opening} "sleep" 0D 0A`));
            await sleeping.started(wire);
            const piece = Buffer.alloc(MEBI, bytes(input));
            for (let n = 0; n < 16; n++) wire.send(piece);
            return wire;
          }),
        );
        await sleeping.servesStill();
        await sleeping.servesStill();
        // A FIN would be queued after all the unread input.
        for (const wire of wires) wire.reset();
      });
      assert.ok(growth < NOISE, `${growth} bytes`);
    });
  }
});
