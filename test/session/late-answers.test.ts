/** Peers that switch options as fast as they can, at both ends of real connections. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { after, type TestContext, test } from 'node:test';
import { connect, type Session } from '../../src/index.ts';
import { LateRequests } from '../../src/protocol/engine/late-requests.ts';
import { linemode, Option, optionName, type Side, suppressGoAhead } from '../../src/protocol/index.ts';
import { LateAnswers } from '../../src/session/late-answers.ts';
import { Peer } from '../support/clients/peer.ts';
import { CMD, type Wire, type WireEvent } from '../support/clients/test-client.ts';
import { assertNothingHeld } from '../support/leaks.ts';
import { Host } from '../support/servers/host.ts';

after(assertNothingHeld);

const { WILL, WONT, DO, DONT } = CMD;
const FLIPS = 20_000;
/** Sent after everything else: its answer, which is never late, shows that all before it has been read. */
const QUESTION = Option.TIMING_MARK;

const OPTIONS = [
  ...[Option.BINARY, Option.ECHO, Option.SGA, Option.STATUS, Option.TTYPE, Option.EOR, Option.NAWS, Option.TSPEED],
  ...[
    Option.LFLOW,
    Option.LINEMODE,
    Option.XDISPLOC,
    Option.NEW_ENVIRON,
    Option.CHARSET,
    Option.MCCP2,
    Option.MCCP3,
    99,
  ],
];

const verbOf = (side: Side, on: boolean): number => (side === 'remote' ? (on ? WILL : WONT) : on ? DO : DONT);

/** The commands of telpty about one side, as received by the peer: whether each was positive. */
function words(wire: Wire, side: Side, code: number): boolean[] {
  const yes = side === 'remote' ? DO : WILL;
  const no = side === 'remote' ? DONT : WONT;
  return wire.events.flatMap(event =>
    event.type === 'negotiate' && event.option === code && (event.command === yes || event.command === no)
      ? [event.command === yes]
      : [],
  );
}

/** Waits until all bytes sent before have been read. */
async function isRead(wire: Wire): Promise<void> {
  const asked = wire.events.length;
  wire.negotiate(DO, QUESTION);
  const isAnswer = ({ type, ...event }: WireEvent) =>
    type === 'negotiate' && 'option' in event && event.option === QUESTION;
  await wire.until(() => wire.events.slice(asked).some(isAnswer), 240_000);
}

/** Whether telpty agrees to enable a side that was disabled. */
async function agrees(wire: Wire, side: Side, code: number): Promise<boolean> {
  wire.negotiate(verbOf(side, false), code);
  await isRead(wire);
  const before = words(wire, side, code).length;
  wire.negotiate(verbOf(side, true), code);
  await wire.until(() => words(wire, side, code).length > before);
  return words(wire, side, code)[before]!;
}

/** Enables and disables one side repeatedly, and leaves it in the state `last`; waits for the last answer. */
async function flip(session: Session, wire: Wire, side: Side, code: number, last: boolean): Promise<void> {
  const isAgreed = await agrees(wire, side, code);
  const before = words(wire, side, code).length;
  const pair = Buffer.of(255, verbOf(side, false), code, 255, verbOf(side, true), code);
  const began = performance.now();
  wire.send(Buffer.alloc(FLIPS * pair.length, pair), [255, verbOf(side, last), code]);
  await isRead(wire);
  const name = `${optionName(code)}, ${side}, ${last ? 'on' : 'off'}`;
  const said = () => words(wire, side, code).slice(before);
  await wire.until(() => said().at(-1) === (last && isAgreed));
  assert.equal(session.telnet.isEnabled(code, side), last && isAgreed, name);
  // A machine that needs long to read them all answers more of them: 64 immediately and one later in each 250 ms.
  const windows = Math.floor((performance.now() - began) / 250) + 1;
  const most = FLIPS / 20 + 65 * windows;
  assert.ok(said().length < most, `${name}: ${said().length} answers to ${FLIPS} switches in ${windows} windows`);
}

async function flipSides(session: Session, wire: Wire, code: number): Promise<void> {
  for (const side of ['local', 'remote'] as const) {
    for (const last of [true, false]) await flip(session, wire, side, code, last);
  }
  assert.equal(session.destroyed, false);
}

// The test waits for late answers, so each option has its own connection, at the same time.
test('on a server: every option, on and off 20,000 times', { timeout: 600_000 }, async () => {
  const sessions = new Map<number | undefined, Session>();
  await using host = await Host.start({
    shell: async session => {
      sessions.set(session.remotePort, session);
      session.resume();
      session.telnet.request(Option.ECHO, 'local', true);
      session.telnet.request(Option.SGA, 'local', true);
      session.telnet.request(Option.LINEMODE, 'remote', true);
      await once(session, 'close');
    },
  });
  await Promise.all(
    OPTIONS.map(async code => {
      await using wire = await host.connect({ silent: true });
      await wire.expectNegotiation(DO, Option.LINEMODE);
      await flipSides(sessions.get(wire.socket.localPort)!, wire, code);
    }),
  );
});

test('on a client: every option, on and off 20,000 times', { timeout: 600_000 }, async () => {
  await using peer = await Peer.listen();
  const flips: Promise<void>[] = [];
  for (const code of OPTIONS) {
    const session = await connect({
      port: peer.port,
      environ: { LANG: 'C' },
      terminal: { type: 'xterm', columns: 80, rows: 24, display: 'host:0', speed: { transmit: 9_600, receive: 9_600 } },
      telnetOptions: [
        linemode({ role: 'client', characters: { EC: 8 } }),
        suppressGoAhead({ local: true, remote: true }),
      ],
    });
    session.resume();
    flips.push(flipSides(session, await peer.accept(), code).finally(() => session.destroy()));
  }
  await Promise.all(flips);
});

test('on a client that agrees to compression: MCCP2 on and off 20,000 times', async () => {
  await using peer = await Peer.listen();
  const session = await connect({ port: peer.port, compression: true });
  session.resume();
  const wire = await peer.accept();
  for (const last of [true, false]) await flip(session, wire, 'remote', Option.MCCP2, last);
  session.destroy();
});

test('a hidden question to a client is hidden at once while answers to it are late', async () => {
  await using peer = await Peer.listen();
  const session = await connect({ port: peer.port });
  const wire = await peer.accept();
  for (const last of [true, false, true]) {
    const pair = Buffer.of(255, WILL, Option.ECHO, 255, WONT, Option.ECHO);
    const text = `echo is ${last}\r\n`;
    wire.send(Buffer.alloc(300 * pair.length, pair), [255, last ? WILL : WONT, Option.ECHO], text);
    await session.readUntil(text.trimEnd());
    assert.equal(session.telnet.isEnabled(Option.ECHO, 'remote'), last);
  }
  assert.ok(words(wire, 'remote', Option.ECHO).length < 300, 'answers were late');
  session.destroy();
});

test('hundreds of hidden questions in a row are all hidden', { timeout: 600_000 }, async () => {
  const COUNT = 500;
  await using host = await Host.start({
    shell: async session => {
      for (let i = 1; i <= COUNT; i++) {
        await session.readLine({ prompt: `Password ${i}: `, hidden: true });
        await session.readLine({ prompt: `Name ${i}: ` });
      }
    },
  });
  const session = await connect({ port: host.port });
  const warnings: string[] = [];
  session.on('warning', ({ code }) => warnings.push(code));
  for (let i = 1; i <= COUNT; i++) {
    await session.readUntil(`Password ${i}: `);
    await session.waitFor({ option: Option.ECHO, side: 'remote' });
    session.sendLine('secret');
    await session.readUntil(`Name ${i}: `);
    session.sendLine('me');
  }
  assert.deepEqual(warnings, []);
  session.destroy();
});

/** Only the pace of the answers, by a clock that the test advances. */
function paced(t: TestContext) {
  let now = 0;
  let chunks = 0;
  const words = new LateRequests();
  let sent = 0;
  t.mock.method(performance, 'now', () => now);
  t.mock.timers.enable({ apis: ['setTimeout'] });
  const late = new LateAnswers(
    () => {
      sent++;
      words.answered();
    },
    () => chunks,
    () => words,
    now,
  );
  const pass = (ms: number) => {
    for (let step = 0; step < ms; step += 5) {
      now += 5;
      t.mock.timers.tick(5);
    }
  };
  return {
    late,
    pass,
    /** The number of grants until the peer has to wait. */
    use: () => {
      const before = sent;
      for (let i = 0; i < 100; i++) {
        chunks += 64;
        words.add(0);
        late.defer();
      }
      return sent - before;
    },
    speak: (side = 0) => words.add(side),
    answers: () => sent,
    /** The time until the next late answer. */
    next: () => {
      const before = sent;
      const began = now;
      while (sent === before) pass(5);
      return now - began;
    },
  };
}

test('a peer that repeatedly uses all its answers gets fewer; after a pause it gets all of them again', t => {
  const { late, use, next, pass } = paced(t);
  const used = [use()];
  for (let i = 0; i < 5; i++) {
    next();
    used.push(use());
  }
  // The answer at the end of a window is the first of the next one.
  assert.deepEqual(used, [16, 7, 3, 1, 0, 0]);
  const last = next();
  pass(2 * last + 10);
  assert.equal(use(), 16);
  late.stop();
});

test('a peer that is silent until each late answer gets the next one after twice the time; a pause resets that time', t => {
  const { late, next, pass, speak } = paced(t);
  const rounds = (count: number) =>
    Array.from({ length: count }, () => {
      speak();
      late.defer();
      return next();
    });
  assert.deepEqual(rounds(5), [250, 250, 500, 1_000, 2_000]);
  pass(4_005);
  late.defer();
  assert.deepEqual(rounds(3), [250, 250, 500]);
  late.stop();
});

test('a peer that does not wait gets a late answer every 250 ms', t => {
  const { late, pass, speak, answers } = paced(t);
  const before = answers();
  for (let time = 0; time < 5_000; time += 5) {
    speak();
    late.defer();
    pass(5);
  }
  assert.equal(answers() - before, 5_000 / 250);
  late.stop();
});
