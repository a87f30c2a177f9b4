/** Taps and readers of a session with a program: what they see, in which order, and when. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { after, test } from 'node:test';
import { type ObservedEvent, type Session, TelptyError } from '../../../src/index.ts';
import { addon } from '../../../src/native/load.ts';
import { Observers } from '../../../src/session/observing/observers.ts';
import { PassedBatch } from '../../../src/transport/stream/passed-bytes.ts';
import { CMD, OPT, type Wire } from '../../support/clients/test-client.ts';
import { assertNothingHeld, untilTrue } from '../../support/leaks.ts';
import { type Host, hostScript, XTERM } from '../../support/servers/host.ts';

after(assertNothingHeld);

/** A raw terminal whose program prints what it reads. */
const ECHO = 'stty raw -echo; printf ok; exec cat';
/** Prints 8 MB of plain text after a key. */
const FLOOD = `stty raw -echo; printf ok; dd bs=1 count=1 2>/dev/null >/dev/null
i=0; while [ $i -lt 2000 ]; do printf '%04000d' $i; i=$((i+1)); done; printf END; exec cat`;
const FLOOD_BYTES = 8_000_000;

const turn = () => new Promise(resolve => setImmediate(resolve));

const only = (host: Host): Session => [...host.server.sessions][0]!;

/** Types one key and waits for its echo. */
async function key(wire: Wire, byte: string): Promise<void> {
  const before = wire.data.length;
  wire.type(byte);
  await wire.until(() => wire.data.length > before);
}

/** Taps a session, and logs each call as `in x` or `out x`. */
function log(session: Session): { seen: string[]; untap: () => void } {
  const seen: string[] = [];
  const untap = session.tap({
    input: bytes => seen.push(`in ${Buffer.from(bytes)}`),
    output: bytes => seen.push(`out ${Buffer.from(bytes)}`),
  });
  return { seen, untap };
}

/** Types dots until they take the fast path. */
async function untilFast(host: Host, wire: Wire): Promise<void> {
  const { fastPath } = only(host).link;
  for (let before = -1; before !== fastPath.counts.toTerminal - 1; ) {
    before = fastPath.counts.toTerminal;
    await key(wire, '.');
  }
}

/** The entries of a log that are not about dots. */
const keysOf = (seen: readonly string[]) => seen.filter(line => !line.endsWith(' .'));

test('keys, echoes and floods of a tapped session take the fast path, and the tap sees all of them', async () => {
  await using host = await hostScript(FLOOD);
  await using wire = await host.connect(XTERM);
  await wire.expect('ok');
  const { link } = only(host);
  const seen: Buffer[] = [];
  only(host).tap({ output: bytes => seen.push(Buffer.from(bytes)) });
  // Whatever opens the path again: the session has just been tapped.
  wire.command(CMD.NOP);
  await untilTrue(() => link.fastPath.blocks.length === 0);
  const before = link.fastPath.counts.fromTerminal;
  wire.type('k');
  await wire.until(() => wire.data.length >= FLOOD_BYTES, 240_000);
  await wire.expect('END');
  await untilTrue(() => seen.reduce((sum, { length }) => sum + length, 0) >= FLOOD_BYTES + 3);
  const passed = link.fastPath.counts.fromTerminal - before;
  // If the machine is so busy that the observer falls behind, JavaScript handles a part.
  assert.ok(passed > FLOOD_BYTES / 4, `${passed} of ${FLOOD_BYTES} bytes took the fast path`);
  assert.ok(Buffer.concat(seen).equals(wire.data.bytes.subarray('ok'.length)), 'the tap saw something else');
});

test('a tap is called for a key without any other event of the session', async () => {
  await using host = await hostScript('stty raw -echo; printf ok; exec sleep 1000');
  await using wire = await host.connect(XTERM);
  await wire.expect('ok');
  const session = only(host);
  const { seen } = log(session);
  for (let keys = 0; session.link.fastPath.counts.toTerminal < 2; keys++) {
    assert.ok(keys < 100, `blocked by ${session.link.fastPath.blocks}`);
    wire.type('k');
    await untilTrue(() => seen.length > keys);
  }
});

test('output that a server writes, and events, come after the keys before them', async () => {
  await using host = await hostScript(ECHO);
  await using wire = await host.connect(XTERM);
  await wire.expect('ok');
  const session = only(host);
  const { seen } = log(session);
  await untilFast(host, wire);
  session.on('resize', ({ columns }) => seen.push(`resize ${columns}`));
  session.on('command', ({ command }) => seen.push(`command ${command}`));
  await key(wire, 'a');
  await key(wire, 'b');
  session.write('note');
  await wire.until(() => wire.text().endsWith('note'));
  await key(wire, 'c');
  await key(wire, 'd');
  wire.resize(99, 40);
  await untilTrue(() => seen.includes('resize 99'));
  await key(wire, 'e');
  wire.command(CMD.NOP);
  await untilTrue(() => seen.includes('command 241'));
  assert.deepEqual(keysOf(seen), [
    ...['in a', 'out a', 'in b', 'out b', 'out note', 'in c', 'out c', 'in d', 'out d', 'resize 99'],
    ...['in e', 'out e', 'command 241'],
  ]);
});

test('a tap sees exactly the bytes from when it is added until it is removed', async () => {
  await using host = await hostScript(ECHO);
  await using wire = await host.connect(XTERM);
  await wire.expect('ok');
  const session = only(host);
  const first = log(session);
  await untilFast(host, wire);
  await key(wire, 'a');
  const second = log(session);
  await untilFast(host, wire);
  await key(wire, 'b');
  first.untap();
  await untilFast(host, wire);
  await key(wire, 'c');
  second.untap();
  await key(wire, 'd');
  assert.deepEqual(keysOf(first.seen), ['in a', 'out a', 'in b', 'out b']);
  assert.deepEqual(keysOf(second.seen), ['in b', 'out b', 'in c', 'out c']);
  second.untap();
  assert.equal(addon().counts().tees, 0);
});

test('a tap that removes itself is not called again, and others see the rest', async () => {
  await using host = await hostScript(ECHO);
  await using wire = await host.connect(XTERM);
  await wire.expect('ok');
  const session = only(host);
  const once: string[] = [];
  const { seen } = log(session);
  const untap = session.tap({
    input: bytes => {
      if (bytes[0] === 0x2e) return;
      once.push(`${Buffer.from(bytes)}`);
      untap();
    },
  });
  await untilFast(host, wire);
  for (const byte of 'abc') await key(wire, byte);
  await untilTrue(() => keysOf(seen).length === 6);
  assert.deepEqual(once, ['a']);
  assert.deepEqual(keysOf(seen), ['in a', 'out a', 'in b', 'out b', 'in c', 'out c']);
});

test('what taps write is seen in the order in which it was sent, also for a thousand keys at once', async () => {
  await using host = await hostScript(ECHO);
  await using wire = await host.connect(XTERM);
  await wire.expect('ok');
  const session = only(host);
  let answers = 0;
  session.tap({
    output: bytes => {
      for (const byte of bytes) if (byte === 0x6b) session.write(`<${answers++}>`);
    },
  });
  let seen = '';
  session.tap({
    output: bytes => {
      seen += Buffer.from(bytes);
    },
  });
  const from = wire.data.length;
  const turns = 1_000;
  for (let n = 0; n < turns; n++) {
    wire.type('k');
    if (n % 10 === 0) await turn();
  }
  await wire.until(
    () => wire.text().endsWith(`<${turns - 1}>`) || (answers >= turns && wire.text().includes(`<${turns - 1}>`)),
  );
  await untilTrue(() => seen.length >= wire.data.length - from);
  assert.equal(seen, wire.text().slice(from));
});

test('after a tap that throws, the rest of the batch is delivered', () => {
  const batch = new PassedBatch(100);
  // Three records: the length, its last bit for output; microseconds; one byte.
  batch.begin(batch.memory.write('01000000000000006101000080000000006201000000000000006300', 'hex') - 1, 0);
  const waiting = [batch];
  const port = {
    joinTerminal() {},
    openFastPath() {},
    fastPathCounts: () => ({ toTerminal: 0, fromTerminal: 0, age: 0 }),
    copyPassed: () => true,
    takePassed: () => (observers.isTapped ? waiting.shift() : undefined),
    returnBatch: (returned: PassedBatch) => assert.equal(returned, batch),
  };
  const observers = Object.assign(
    new Observers(port, { observedEncoding: 'UTF-8', observed() {}, observersChanged() {} }),
    {
      isTapped: false,
    },
  );
  const seen: string[] = [];
  observers.tap({
    input: bytes => {
      seen.push(`in ${Buffer.from(bytes)}`);
      if (seen.length === 1) throw new Error('from a tap');
    },
    output: bytes => seen.push(`out ${Buffer.from(bytes)}`),
  });
  observers.isTapped = true;
  assert.throws(() => observers.flush(), /from a tap/);
  observers.input(Buffer.from('d'));
  assert.deepEqual(seen, ['in a', 'out b', 'in c', 'in d']);
});

for (const [how, finish] of [
  ['the program exits', (wire: Wire) => wire.type('q')],
  ['the client resets the connection', (wire: Wire) => wire.reset()],
  ['the client closes the connection', (wire: Wire) => wire.socket.end()],
  ['the session is destroyed', (_wire: Wire, session: Session) => session.destroy()],
] as const) {
  test(`a tap has seen everything before 'close' when ${how}`, async () => {
    await using host = await hostScript(
      'stty raw -echo; printf ok; while c=$(dd bs=1 count=1 2>/dev/null) && [ "$c" != q ]; do printf %s "$c"; done; printf bye',
    );
    await using wire = await host.connect(XTERM);
    await wire.expect('ok');
    const session = only(host);
    const { seen } = log(session);
    await untilFast(host, wire);
    let atClose: string[] | undefined;
    session.on('close', () => {
      atClose = keysOf(seen);
    });
    await key(wire, 'a');
    await key(wire, 'b');
    finish(wire, session);
    await untilTrue(() => atClose !== undefined);
    assert.deepEqual(atClose!.slice(0, 4), ['in a', 'out a', 'in b', 'out b']);
    if (how === 'the program exits') assert.deepEqual(atClose!.slice(4), ['in q', 'out bye']);
    await host.outcome();
    assert.deepEqual(keysOf(seen), atClose);
  });
}

/** Clients whose bytes do not take the fast path. */
const OTHER_WAYS = {
  conversion: { ...XTERM, charset: 'ISO-8859-1' },
  'prompt-mark': { ...XTERM, refuse: [OPT.SGA] },
} as const;

for (const [blocked, client] of Object.entries(OTHER_WAYS)) {
  test(`taps and readers see the same while ${blocked} blocks the fast path`, async () => {
    await using host = await hostScript("stty raw -echo; printf 'ok\\303\\244'; exec cat", {
      programEncoding: 'utf-8',
    });
    let seen = '';
    let read = '';
    let over: Promise<void> | undefined;
    host.server.on('session', session => {
      session.tap({
        output: bytes => {
          seen += Buffer.from(bytes).toString('latin1');
        },
      });
      over = (async () => {
        for await (const event of session.observe()) if ('data' in event) read += event.data.toString('latin1');
      })();
    });
    await using wire = await host.connect(client);
    await wire.until(() => wire.data.length >= 3);
    for (const byte of 'abc') await key(wire, byte);
    assert.ok((only(host).link.fastPath.blocks as readonly string[]).includes(blocked));
    const all = wire.data.bytes.toString('latin1');
    assert.equal(seen, all);
    await wire.close();
    await over;
    assert.equal(read, all);
  });
}

test('a reader gets the bytes in both directions, sizes, and times that grow, until the session ends', async () => {
  await using host = await hostScript(ECHO);
  await using wire = await host.connect(XTERM);
  await wire.expect('ok');
  const session = only(host);
  const events: ObservedEvent[] = [];
  const read = (async () => {
    for await (const event of session.observe({ input: true })) events.push(event);
  })();
  const begun = session.age;
  for (const byte of 'abc') await key(wire, byte);
  wire.resize(120, 50);
  await untilTrue(() => session.terminal.columns === 120);
  await key(wire, 'd');
  await wire.close();
  await read;
  const kinds = events.map(event => {
    if (event.type === 'resize') return `${event.columns}x${event.rows}`;
    return event.type === 'dropped' ? 'dropped' : `${event.type} ${event.data}`;
  });
  assert.deepEqual(kinds, [
    ...['input a', 'output a', 'input b', 'output b', 'input c', 'output c', '120x50', 'input d', 'output d'],
  ]);
  const times = [begun, ...events.map(({ time }) => time), session.age];
  for (let at = 1; at < times.length; at++) assert.ok(times[at]! - times[at - 1]! > -0.1, `${times}`);
});

test('a reader gets output only by default, and nothing after it was destroyed', async () => {
  await using host = await hostScript(ECHO);
  await using wire = await host.connect(XTERM);
  await wire.expect('ok');
  const session = only(host);
  const reader = session.observe();
  await key(wire, 'a');
  for await (const event of reader) {
    assert.deepEqual([event.type, 'data' in event && event.data.toString()], ['output', 'a']);
    break;
  }
  assert.equal(reader.destroyed, true);
  assert.equal(addon().counts().tees, 0);
  await key(wire, 'b');
});

test('a reader of output gets no input, and a tap of input no output, while other observers get both', async () => {
  await using host = await hostScript(ECHO);
  await using wire = await host.connect(XTERM);
  await wire.expect('ok');
  const session = only(host);
  const both = log(session);
  const typed: string[] = [];
  session.tap({ input: bytes => typed.push(`${Buffer.from(bytes)}`) });
  const reader = session.observe();
  const shown: string[] = [];
  reader.on('data', (event: ObservedEvent) => shown.push('data' in event ? `${event.type} ${event.data}` : event.type));
  await untilFast(host, wire);
  for (const byte of 'abc') await key(wire, byte);
  // The CR does not take the fast path.
  await key(wire, '\r');
  await untilTrue(() => both.seen.at(-1) === 'out \r');
  assert.deepEqual(keysOf(shown), ['output a', 'output b', 'output c', 'output \r']);
  assert.deepEqual(
    typed.filter(text => text !== '.'),
    ['a', 'b', 'c', '\r'],
  );
  assert.deepEqual(keysOf(both.seen), ['in a', 'out a', 'in b', 'out b', 'in c', 'out c', 'in \r', 'out \r']);
});

test('an observer that another one removes is not called again, and does not hold the session back', async () => {
  await using host = await hostScript(ECHO);
  await using wire = await host.connect(XTERM);
  await wire.expect('ok');
  const session = only(host);
  const other: { seen: string[]; untap?: () => void } = { seen: [] };
  session.tap({
    output: bytes => {
      if (bytes[0] !== 0x78) return;
      other.untap!();
      reader.destroy();
    },
  });
  other.untap = session.tap({ output: bytes => other.seen.push(`${Buffer.from(bytes)}`) });
  // Full with the next event.
  const reader = session.observe({ highWaterMark: 1024 });
  for (let n = 0; n < 15; n++) await key(wire, '.');
  await key(wire, 'x');
  await untilTrue(() => reader.destroyed);
  for (const byte of 'abc') await key(wire, byte);
  assert.equal(other.seen.join(''), '.'.repeat(15));
  assert.ok(!session.link.fastPath.blocks.includes('observer'));
});

test('a session that an observer destroys ends for the others after all that has passed', async () => {
  await using host = await hostScript(ECHO);
  await using wire = await host.connect(XTERM);
  await wire.expect('ok');
  const session = only(host);
  let isArmed = false;
  session.tap({
    output: () => {
      if (isArmed) session.destroy();
    },
  });
  const { seen } = log(session);
  const events: string[] = [];
  const read = (async () => {
    for await (const event of session.observe()) if ('data' in event) events.push(`out ${event.data}`);
  })();
  await untilFast(host, wire);
  // These wait for the observers, as one batch.
  const { length } = wire.data;
  isArmed = true;
  wire.type('a');
  await wire.until(() => wire.data.length > length);
  await wire.untilClose();
  await read;
  const passed = wire.data.bytes.subarray('ok'.length).toString();
  assert.equal(
    seen
      .filter(line => line.startsWith('out '))
      .map(line => line.slice(4))
      .join(''),
    passed,
  );
  assert.equal(events.map(line => line.slice(4)).join(''), passed);
});

test('a session that has ended gives an empty stream of events', async () => {
  await using host = await hostScript(ECHO);
  await using wire = await host.connect(XTERM);
  await wire.expect('ok');
  const session = only(host);
  session.destroy();
  await once(session, 'close');
  for await (const event of session.observe()) assert.fail(`an event: ${event.type}`);
});

test('wrong options of observe() are refused', async () => {
  await using host = await hostScript(ECHO);
  await using wire = await host.connect(XTERM);
  await wire.expect('ok');
  const session = only(host);
  for (const options of [{ highWaterMark: 1_023 }, { whenFull: 'wait' }, { output: true }] as object[])
    assert.throws(() => session.observe(options), { name: TelptyError.name, code: 'ERR_INVALID_ARGUMENT' });
  assert.equal(addon().counts().tees, 0);
});

test("a full reader pauses the program with whenFull: 'pause', and gets everything", async () => {
  await using host = await hostScript(FLOOD);
  await using wire = await host.connect(XTERM);
  await wire.expect('ok');
  const session = only(host);
  const reader = session.observe({ highWaterMark: 64 * 1024 });
  wire.type('k');
  await untilTrue(() => session.link.fastPath.blocks.includes('observer'));
  // Everything that passed before the pause has arrived when no more bytes are written for many turns.
  for (let written = -1, still = 0; still < 50; still++) {
    if (session.bytesWritten !== written) still = 0;
    written = session.bytesWritten;
    await turn();
  }
  assert.ok(session.bytesWritten < 2_000_000, `${session.bytesWritten} bytes were sent`);
  const chunks: Buffer[] = [];
  for await (const event of reader) {
    assert.equal(event.type, 'output');
    if ('data' in event) chunks.push(event.data);
    if (chunks.at(-1)!.subarray(-3).toString() === 'END') break;
  }
  await wire.until(() => wire.data.length >= FLOOD_BYTES + 5);
  assert.ok(Buffer.concat(chunks).equals(wire.data.bytes.subarray('ok'.length)));
  await key(wire, 'x');
});

test("a full reader misses output with whenFull: 'drop', and learns where and how much; the program goes on", async () => {
  await using host = await hostScript(FLOOD);
  await using wire = await host.connect(XTERM);
  await wire.expect('ok');
  const session = only(host);
  const highWaterMark = 64 * 1024;
  const reader = session.observe({ highWaterMark, whenFull: 'drop' });
  wire.type('k');
  await wire.until(() => wire.data.length >= FLOOD_BYTES + 5, 240_000);
  // While output is dropped, only the last size is kept.
  for (let n = 0; n < 100; n++) wire.resize(50 + n, 20);
  await untilTrue(() => session.terminal.columns === 149);
  const all = wire.data.bytes.subarray('ok'.length);
  const kinds: string[] = [];
  let at = 0;
  let waiting = 0;
  for await (const event of reader) {
    kinds.push(event.type);
    if (event.type === 'dropped') {
      at += event.bytes;
    } else if (event.type === 'resize') {
      assert.deepEqual([event.columns, event.rows], [149, 20]);
      break;
    } else {
      assert.ok(event.data.equals(all.subarray(at, at + event.data.length)), `other bytes at ${at}`);
      at += event.data.length;
      waiting += event.data.length + 64;
    }
  }
  assert.ok(waiting > highWaterMark - 200 && waiting <= highWaterMark + 64 * 1024, `${waiting} bytes waited`);
  assert.deepEqual(kinds.slice(-2), ['dropped', 'resize']);
  assert.equal(at, all.length);
});

test("a full reader of input pauses input with whenFull: 'pause'", async () => {
  await using host = await hostScript('stty raw -echo; printf ok; exec cat >/dev/null');
  await using wire = await host.connect(XTERM);
  await wire.expect('ok');
  const session = only(host);
  const reader = session.observe({ input: true, highWaterMark: 1024 });
  const size = 8 * 1024 * 1024;
  wire.send(Buffer.alloc(size, 'x'));
  await untilTrue(() => session.link.fastPath.blocks.includes('receiving'));
  for (let read = -1, still = 0; still < 50; still++) {
    if (session.bytesRead !== read) still = 0;
    read = session.bytesRead;
    await turn();
  }
  assert.ok(session.bytesRead < size, `${session.bytesRead} bytes were read`);
  let length = 0;
  for await (const event of reader) {
    if (event.type === 'input') length += event.data.length;
    if (length >= size) break;
  }
  assert.equal(length, size);
});

test('a session with a full reader ends when it is destroyed', async () => {
  await using host = await hostScript(FLOOD);
  await using wire = await host.connect(XTERM);
  await wire.expect('ok');
  const session = only(host);
  const reader = session.observe({ highWaterMark: 1024 });
  wire.type('k');
  await untilTrue(() => session.link.fastPath.blocks.includes('observer'));
  session.write('more');
  session.destroy();
  await host.outcome();
  let last: ObservedEvent | undefined;
  for await (const event of reader) last = event;
  assert.ok(last !== undefined && 'data' in last);
});
