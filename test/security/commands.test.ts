/**
 * Commands and negotiation: storms of them, and clients that send requests and do not read. Each request is either
 * answered or left unread, answers do not accumulate, and other clients are not affected.
 */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { after, before, describe, it } from 'node:test';
import { sendUrgent } from '../../src/native/sockets.ts';
import { disposeAll } from '../support/cleanup.ts';
import { CMD, type Wire, type WireEvent } from '../support/clients/test-client.ts';
import { WireParser } from '../support/format/telnet-parser.ts';
import { untilTrue } from '../support/leaks.ts';
import { requireTool } from '../support/system/tools.ts';
import { bytes, descriptorOf, START_NOW, Target } from './support.ts';

const MEBI = 1 << 20;
const NOISE = 48 * MEBI;

let target: Target;
let lenient: Target;

before(async () => {
  // This program ignores the signals of the keys, so that it survives a storm of them.
  target = await Target.start([], { program: ['/bin/sh', '-c', 'trap "" INT QUIT TSTP HUP; exec cat'] });
  lenient = await Target.start(['--compatibility', 'tolerant']);
  await target.servesStill();
});
after(() => disposeAll(target, lenient));

/** Returns a client whose program runs. */
async function started(): Promise<Wire> {
  const wire = await target.attack(START_NOW);
  await target.program(wire);
  return wire;
}

/** Sends a piece of an attack repeatedly without reading anything, until the server stops reading. */
async function untilRefused(wire: Wire, piece: Uint8Array): Promise<void> {
  wire.pause();
  for (let sent = 0; sent < 64 * MEBI; sent += piece.length) wire.send(piece);
  await target.servesStill();
  let before = -1;
  await untilTrue(() => {
    const waiting = wire.socket.writableLength;
    const same = waiting === before;
    before = waiting;
    return same;
  });
  assert.ok(wire.socket.writableLength > 16 * MEBI, 'the server must stop reading while its answers are not read');
}

describe('the first bytes of a connection', () => {
  const first: readonly (readonly [id: string, wentWrong: string, notation: string])[] = [
    ['CVE-2022-39028', 'EC before there was a terminal: telnetd followed a null pointer', 'FF F7'],
    ['CVE-2022-39028, EL', 'same with EL', 'FF F8'],
    ['CVE-2001-0348', 'Windows 2000 fell over a logon of backspaces', `${'08 7F FF F7 '.repeat(5_000)} 0D 00`],
    [
      'CVE-2004-1464',
      'data before the login stopped Cisco IOS',
      'FF FF FF FA FF FF FF F0 FF F0 FF FC FF FC FF FE FF FE',
    ],
    [
      'every command',
      'and undefined ones',
      Array.from({ length: 250 }, (_, at) => `FF ${at.toString(16).padStart(2, '0')}`).join(' '),
    ],
    ['nothing but IAC', 'CVE-2010-4221: ProFTPD counted them past the end of its buffer', `${'FF '.repeat(65_535)}`],
  ];
  for (const [id, wentWrong, notation] of first) {
    it(`${id}: ${wentWrong}`, async () => {
      const attack = Buffer.from(notation.replaceAll(/[^0-9A-F]/g, ''), 'hex');
      for (const size of attack.length > 1_000 ? [attack.length, 4_093] : [attack.length, 1]) {
        await using wire = await target.attack(attack, size);
        // The NOP completes a trailing IAC.
        wire.send(bytes('F1'), START_NOW);
        await target.program(wire);
        await target.answers(wire);
        // The same while the program runs.
        for (let at = 0; at < attack.length; at += size) await wire.sent(attack.subarray(at, at + size));
        wire.send(bytes('F1'));
        await target.answers(wire);
      }
    });
  }

  it('CVE-2010-4221: runs of IAC with lengths near buffer sizes', async () => {
    await Promise.all(
      [4_095, 4_096, 4_097, 8_191, 16_383, 65_533, 65_534, 65_535, 65_536, 65_537, 131_071].map(async length => {
        await using wire = await target.attack(Buffer.concat([START_NOW, Buffer.alloc(length, 255), bytes('F1')]));
        await target.program(wire);
        await target.answers(wire);
      }),
    );
  });
});

describe('storms', () => {
  it('CVE-2001-0554: a million AYTs from a client that reads get few answers', async () => {
    await using wire = await started();
    const began = performance.now();
    for (let n = 0; n < 10; n++) await wire.sent(Buffer.alloc(200_000, bytes('FF F6')));
    wire.propose('DO', 6);
    await wire.expectNegotiation(CMD.WILL, 6);
    const seconds = 1 + (performance.now() - began) / 1_000;
    assert.ok(wire.raw.length < 200 + 3 * 17 * (seconds + 1), `${wire.raw.length} bytes in ${seconds} s`);
  });

  it('CVE-2004-0911: AYTs between negotiations from a client that does not read (netkit freed unsent data)', async () => {
    await using wire = await started();
    const piece = Buffer.alloc(MEBI, bytes('FF F6 FF FD 05 FF FB C8 FF FA 05 01 FF F0 FF FE 05'));
    assert.ok((await target.growth(() => untilRefused(wire, piece))) < NOISE);
  });

  it('CVE-2021-40523: each of 100,000 DO and WILL of unknown options is refused, without further messages', async () => {
    await using wire = await started();
    const options = [2, 4, 7, 49, 99, 200, 249, 254];
    const asked = Buffer.concat(options.flatMap(code => [Buffer.of(255, 253, code), Buffer.of(255, 251, code)]));
    const before = wire.events.length;
    const count = Math.floor(100_000 / options.length);
    for (let n = 0; n < count; n += 500) await wire.sent(Buffer.alloc(500 * asked.length, asked));
    await wire.until(() => wire.events.length >= before + count * 2 * options.length);
    const tally = new Map<string, number>();
    for (const event of wire.events.slice(before)) {
      const name = event.type === 'negotiate' ? `${event.command} ${event.option}` : event.type;
      tally.set(name, (tally.get(name) ?? 0) + 1);
    }
    const expected = options.flatMap(code => [`252 ${code}`, `254 ${code}`]).map(name => [name, count] as const);
    assert.deepEqual([...tally].sort(), expected.toSorted());
  });

  it('CVE-2021-40523: the server stops reading requests of a client that does not read', async () => {
    await using wire = await started();
    const piece = Buffer.alloc(MEBI, bytes('FF FD C8 FF FB C8'));
    assert.ok((await target.growth(() => untilRefused(wire, piece))) < NOISE);
  });

  it('options that are switched on and off repeatedly get few, delayed answers', async () => {
    await using wire = await started();
    const on = Array.from({ length: 50 }, (_, code) => (code === 18 ? [] : [255, 251, code, 255, 253, code])).flat();
    const off = Array.from({ length: 50 }, (_, code) => [255, 252, code, 255, 254, code]).flat();
    const refusals = Buffer.from([...on, ...off]);
    const began = performance.now();
    for (let n = 0; n < 500; n++) await wire.sent(refusals);
    await target.answers(wire);
    const seconds = (performance.now() - began) / 1_000;
    const agreed = wire.events.filter(e => e.type === 'negotiate' && (e.command === CMD.WILL || e.command === CMD.DO));
    // Later ones are delayed by 250 ms at least.
    assert.ok(agreed.length < 50 * 2 * (66 + 4 * seconds), `${agreed.length} times agreed in ${seconds} s`);
  });

  it('20,000 interrupts, breaks, suspends and aborts each', async () => {
    await using wire = await started();
    for (let n = 0; n < 20; n++) await wire.sent(Buffer.alloc(10_000, bytes('FF F4 FF F3 FF ED FF EE FF F5')));
    await target.servesStill();
    await target.answers(wire);
  });

  it('line ends and record ends: CR NUL, CR LF, EOR, GA, NOP', async () => {
    await using wire = await started();
    await wire.sent(Buffer.alloc(MEBI, bytes('0D 00 0D 0A FF EF FF F9 FF F1 0D FF F1 0A')));
    wire.socket.resume();
    await target.servesStill();
  });
});

/** Peers that answer every negotiation, and every answer, each by a different rule. */
const loops: Readonly<Record<string, (event: WireEvent & { type: 'negotiate' }) => number[][]>> = {
  'a mirror': ({ command, option }) => [[command, option]],
  'always agrees': ({ command, option }) => [[command < 253 ? 253 : 251, option]],
  'always refuses': ({ command, option }) => [[command < 253 ? 254 : 252, option]],
  'answers with the opposite': ({ command, option }) => [
    [{ 251: 254, 252: 253, 253: 252, 254: 251 }[command]!, option],
  ],
  'answers for the next option': ({ command, option }) => [
    [command, (option + 1) % 250],
    [{ 251: 253, 252: 254, 253: 251, 254: 252 }[command]!, option],
  ],
};

describe('negotiation with a peer that always answers ends', { concurrency: true }, () => {
  // DO of an unknown option that these peers never use: its answer arrives after all earlier messages.
  const QUESTION = 201;
  for (const [name, answer] of Object.entries(loops)) {
    for (const tolerant of [false, true]) {
      it(`${name}${tolerant ? ', tolerant' : ''}`, async () => {
        const against = tolerant ? lenient : target;
        await using wire = await against.connect();
        const said = () => wire.events.filter(event => event.type === 'negotiate' && event.option !== QUESTION);
        const asked = () => wire.events.length - said().length;
        let answered = 0;
        const reply = () => {
          for (const event of said().slice(answered)) {
            answered++;
            if (event.type !== 'negotiate') continue;
            // LOGOUT would end the session.
            for (const [verb, option] of answer(event)) if (option !== 18) wire.send([255, verb!, option!]);
          }
        };
        wire.socket.on('data', reply);
        reply();
        await against.program(wire);
        for (let heard = -1; heard !== said().length; ) {
          heard = said().length;
          assert.ok(heard < 20_000, `${heard} and no end`);
          const before = asked();
          wire.negotiate(CMD.DO, QUESTION);
          await wire.until(() => asked() > before);
        }
        await against.answers(wire);
      });
    }
  }

  it('a client that changes its mind gets one answer per request', async () => {
    await using wire = await started();
    const before = wire.events.length;
    let asked = 0;
    for (; asked < 20_000; asked += 4) {
      const code = (asked / 4) % 256;
      if (code !== 18 && code !== 255) for (const verb of [251, 252, 253, 254]) wire.send([255, verb, code]);
    }
    await target.answers(wire);
    assert.ok(wire.events.length - before <= asked, `${wire.events.length - before} answers to ${asked}`);
  });
});

// Sets a receive window of 2 KiB before it connects, and sends urgent data between the halves of subnegotiations.
// Python is used for SO_RCVBUF. From the start of the storm it writes everything that it reads to a file.
const NARROW = `
import socket, sys, time
s = socket.socket()
s.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2304)
s.setsockopt(socket.SOL_SOCKET, socket.SO_OOBINLINE, 1)
s.connect(('127.0.0.1', int(sys.argv[1])))
print(s.getsockname()[1], file=sys.stderr, flush=True)
s.sendall(bytes.fromhex('fffc18 fffc1f fffd05 fffb22 fffb27'))
sys.stdin.readline()
for n in range(int(sys.argv[2])):
    s.sendall(bytes.fromhex('fffa0501fff0') * 40)   # STATUS SEND
    s.sendall(bytes.fromhex('fffa27000341'))        # half of NEW-ENVIRON
    s.send(bytes.fromhex('fff2'), socket.MSG_OOB)   # Synch
    s.sendall(bytes.fromhex('fff5'))                # AO, which clears output
    s.sendall(bytes.fromhex('fffa2203'))            # half of SLC
    s.send(bytes.fromhex('ff'), socket.MSG_OOB)     # half of a mark
    s.sendall(bytes.fromhex('fff0 fff4'))           # IP
s.sendall(bytes.fromhex('fff2 0d00'))
s.sendall(bytes.fromhex('fffd06'))
s.settimeout(240)
got = b''
while bytes.fromhex('fffb06') not in got:   # (a 255 of the program is doubled)
    piece = s.recv(700)
    if not piece: break
    got += piece
sys.stdout.write(got.hex())
`;

describe('CVE-2020-10188: urgent data between the halves of subnegotiations', () => {
  it('with a window of 2 KiB and a flooding program, the output of the server stays intact', async () => {
    const flood = 'trap "" INT; while :; do printf "\\377%0200d\\r\\n" 7; read -t 0 x && exit; done';
    const ordinary = async (wire: Wire) => {
      await wire.expect('007\r');
      wire.type('x\r');
    };
    await using flooding = await Target.start([], { program: [requireTool('bash'), '-c', flood], ordinary });
    const script = spawn(requireTool('python3'), ['-c', NARROW, String(flooding.server.port), '60']);
    let heard = '';
    script.stdout.setEncoding('latin1').on('data', text => {
      heard += text;
    });
    let complaint = '';
    script.stderr.on('data', text => {
      complaint += text;
    });
    await flooding.server.waitForLog(/"program":"[^"]*","pid":/);
    script.stdin.end('go\n');
    await once(script, 'close');
    assert.match(complaint, /^\d+\n$/);
    const events: WireEvent[] = [];
    const parser = new WireParser(
      () => {},
      event => events.push(event),
      () => false,
    );
    const sent = Buffer.from(heard, 'hex');
    parser.feed(sent);
    assert.ok(sent.includes(bytes('FF FB 06')));
    for (const event of events) {
      if (event.type === 'command')
        assert.ok([CMD.DM, CMD.NOP, CMD.GA].includes(event.command as 242), `${event.command}`);
      else if (event.type === 'subnegotiation')
        assert.ok([5, 24, 31, 33, 34, 39, 42].includes(event.option), `${event.option}`);
    }
    const status = events.filter(event => event.type === 'subnegotiation' && event.option === 5);
    assert.equal(status.length, 60 * 40);
  });

  it('after a storm of it, other clients and the attacker are served', async () => {
    await using wire = await started();
    const fd = descriptorOf(wire.socket);
    for (let n = 0; n < 3_000; n++) {
      sendUrgent(fd, n % 3 === 0 ? bytes('FF F2') : n % 3 === 1 ? bytes('FF') : bytes('FF FA 18'));
    }
    await target.servesStill();
    await wire.sent(bytes('FF F0 FF F2'));
    await target.answers(wire);
  });
});
