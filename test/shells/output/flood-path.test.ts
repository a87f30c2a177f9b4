/**
 * Floods that a thread sends to the connection (`native/terminal/flood_send.c`), with real terminals and sockets:
 * whatever happens meanwhile, each client receives the output of its program, complete and in order. All interleavings
 * of the code itself are in `test/pty/terminal/flood-schedules.test.ts`.
 */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { setImmediate as turn } from 'node:timers/promises';
import fc from 'fast-check';
import type { Session } from '../../../src/index.ts';
import { addon } from '../../../src/native/load.ts';
import { CMD, OPT, type Wire } from '../../support/clients/test-client.ts';
import { untilTrue } from '../../support/leaks.ts';
import { type Host, hostScript, XTERM } from '../../support/servers/host.ts';

const directory = mkdtempSync(join(tmpdir(), 'telpty-'));
after(() => rmSync(directory, { recursive: true }));

/** With BINARY, a CR would not be followed by NUL. */
const NVT = { ...XTERM, refuse: [OPT.BINARY] };

const END = '[that was all]';
const LINES = 100_000;

/** Waits for a byte of the client before it prints, so that the test has the session. */
const SCRIPT = `stty raw -echo; printf ready; head -c 1 >/dev/null; cat ${directory}/$NAME; exec head -c 1 >/dev/null`;

/** Output of some megabytes: more than the buffers of the kernel between the server and a client that does not read. */
const texts = {
  plain: (n: number) => `${n} plain output of a program, of which nothing has to be changed\r\n`,
  colored: (n: number) => `\x1b[3${n % 8}m${n}\x1b[m of the colored lines\x1b[K ${n % 89 === 0 ? '\x1b[?25h' : ''}\r\n`,
  mixed: (n: number) =>
    `${n} ${n % 977 === 0 ? '\xff\r' : n % 1013 === 0 ? '\x1b[?2026hin a frame\x1b[?2026l' : 'plain'} output\r\n`,
  escaped: (n: number) => `${n}\xff\xff\r-\r\xff and the rest of the line\r\n`,
};
type Kind = keyof typeof texts;
const kinds = Object.keys(texts) as Kind[];
const outputs = Object.fromEntries(
  kinds.map(kind => [kind, Array.from({ length: LINES }, (_, n) => texts[kind](n)).join('')]),
) as Record<Kind, string>;
for (const kind of kinds) writeFileSync(join(directory, kind), outputs[kind] + END, 'latin1');

interface Client {
  readonly wire: Wire;
  readonly session: Session;
}

/** A client whose program waits for a byte before it floods. */
async function connect(host: Host, client: typeof NVT | typeof XTERM = NVT): Promise<Client> {
  const before = new Set(host.server.sessions);
  const wire = await host.connect(client);
  await wire.expect('ready');
  return { wire, session: [...host.server.sessions].find(each => !before.has(each))! };
}

function serve(kind: Kind): Promise<Host> {
  // A client that has closed its sending half is not hung up.
  return hostScript(SCRIPT.replace('$NAME', kind), { linger: 0 });
}

/** The output that the client has received, without the word that the program printed before. */
const shown = (wire: Wire): string => wire.data.bytes.toString('latin1').slice('ready'.length);

/** Waits until the kernel takes no more output for the client. */
async function untilStalled(session: Session): Promise<void> {
  let written: number;
  do {
    written = session.bytesWritten;
    for (let i = 0; i < 20; i++) await turn();
  } while (session.bytesWritten > written);
}

/** What can happen while a program floods. */
const events: Record<string, (wire: Wire, session: Session) => Promise<void> | void> = {
  'a key': wire => wire.type('k'),
  'a command': wire => wire.command(CMD.NOP),
  'an option that is refused': wire => wire.negotiate(CMD.DO, 99),
  'a new size': wire => wire.resize(80 + (wire.data.length % 50), 24),
  'an observer for a moment': async (_, session) => {
    session.trace = {};
    for (let i = 0; i < 3; i++) await turn();
    session.trace = undefined;
  },
  'a client that stops reading': async (wire, session) => {
    wire.pause();
    await untilStalled(session);
    wire.resume();
  },
  'a client that stops for a moment': async wire => {
    wire.pause();
    await turn();
    wire.resume();
  },
  'an option during a stop': async (wire, session) => {
    wire.pause();
    wire.negotiate(CMD.DO, 98);
    await untilStalled(session);
    wire.resume();
  },
};

/** How a flood ends. */
const ends = ['end', 'hangup', 'reset', 'half-close'] as const;

interface Script {
  /** What happens, and after how many further bytes of output. */
  readonly steps: readonly { readonly event: string; readonly after: number }[];
  readonly end: (typeof ends)[number];
}

async function play({ wire, session }: Client, kind: Kind, { steps, end }: Script): Promise<void> {
  const expected = outputs[kind] + END;
  const limit = expected.length - 100_000;
  let at = 0;
  wire.send('x');
  for (const { event, after: bytes } of steps) {
    at = Math.min(at + bytes, limit);
    await wire.until(() => wire.data.length > at, 240_000);
    await events[event]!(wire, session);
  }
  switch (end) {
    case 'end':
    case 'half-close':
      if (end === 'half-close') wire.halfClose();
      await wire.until(() => wire.data.bytes.includes(END), 240_000);
      assert.ok(shown(wire) === expected, `${shown(wire).length} bytes, ${expected.length} expected`);
      await wire.close();
      return;
    case 'hangup':
      session.hangup('test');
      await wire.untilEnd(240_000);
      assert.ok(expected.startsWith(shown(wire)), `${shown(wire).length} bytes differ from the output`);
      return;
    case 'reset':
      wire.reset();
      await wire.untilClose(240_000);
      assert.ok(expected.startsWith(shown(wire)), `${shown(wire).length} bytes differ from the output`);
  }
}

test('plain floods are sent by the thread', async () => {
  await using host = await serve('plain');
  const before = addon().counts().sentByThread;
  await play(await connect(host), 'plain', { steps: [], end: 'end' });
  const share = (addon().counts().sentByThread - before) / outputs.plain.length;
  // With a client that is slow, the loop handles a part.
  assert.ok(share > 0.1, `${share} of the output`);
});

test('the bytes that the thread has sent are counted', async () => {
  await using host = await serve('plain');
  const { wire, session } = await connect(host);
  wire.send('x');
  await wire.until(() => wire.data.bytes.includes(END), 240_000);
  // The thread counts bytes after it has sent them.
  await untilTrue(() => session.bytesWritten >= wire.raw.length);
  assert.equal(session.bytesWritten, wire.raw.length);
  await wire.close();
});

for (const [form, client] of Object.entries({ 'the NVT': NVT, BINARY: XTERM })) {
  test(`output that has to be escaped for ${form} passes without JavaScript, and its bytes are counted`, async () => {
    await using host = await serve('escaped');
    const { wire, session } = await connect(host, client);
    assert.equal(session.link.telnet.isEnabled(OPT.BINARY, 'local'), client === XTERM);
    wire.send('x');
    await wire.until(() => wire.data.bytes.includes(END), 240_000);
    assert.ok(shown(wire) === outputs.escaped + END);
    await untilTrue(() => session.bytesWritten >= wire.raw.length);
    assert.equal(session.bytesWritten, wire.raw.length);
    // With a client that is slow, JavaScript handles a part.
    const share = session.link.fastPath.counts.fromTerminal / wire.raw.length;
    assert.ok(share > 0.1, `${share} of the output`);
    await wire.close();
  });
}

test('a client that does not read keeps no other flood waiting', async () => {
  await using host = await serve('plain');
  const slow = await connect(host);
  slow.wire.send('x');
  await slow.wire.until(() => slow.wire.data.length > 100_000);
  slow.wire.pause();
  await untilStalled(slow.session);
  await play(await connect(host), 'plain', { steps: [], end: 'end' });
  slow.wire.resume();
  await slow.wire.until(() => slow.wire.data.bytes.includes(END), 240_000);
  assert.ok(shown(slow.wire) === outputs.plain + END);
  await slow.wire.close();
});

test('of 64 endless floods none starves, and keys of another session are echoed meanwhile', async () => {
  // The first byte says which of the two programs it is.
  const choose = `stty raw -echo; printf ready; [ "$(head -c 1)" = e ] && exec cat; exec yes ${'y'.repeat(70)}`;
  await using host = await hostScript(choose);
  const [echo, ...floods] = await Promise.all(Array.from({ length: 65 }, () => host.connect(NVT)));
  for (const wire of [echo!, ...floods]) await wire.expect('ready', { timeout: 60_000 });
  echo!.type('e');
  for (const wire of floods) wire.send('f');
  for (const wire of floods) await wire.until(() => wire.data.length > 1_000, 60_000);
  const before = floods.map(wire => wire.data.length);
  const gains = () => floods.map((wire, i) => wire.data.length - before[i]!);
  let keys = 0;
  // Each of them gets some turns of the thread, which has 64 KiB for a turn.
  while (Math.min(...gains()) < 128 * 1024 || keys < 3) {
    const { length } = echo!.data;
    echo!.type('k');
    await echo!.until(() => echo!.data.length > length, 60_000);
    keys++;
  }
  const all = gains();
  const mean = all.reduce((sum, gain) => sum + gain) / all.length;
  for (const wire of floods) wire.reset();
  await echo!.close();
  assert.ok(mean < 16 * Math.min(...all), `the floods gained ${all.toSorted((a, b) => a - b)} bytes`);
});

test('property: whatever happens during floods, each client receives its output in order', async () => {
  const script = fc.record({
    steps: fc.array(fc.record({ event: fc.constantFrom(...Object.keys(events)), after: fc.nat({ max: 400_000 }) }), {
      maxLength: 12,
    }),
    end: fc.constantFrom(...ends),
  });
  await fc.assert(
    fc.asyncProperty(
      fc.constantFrom(...kinds),
      fc.array(script, { minLength: 1, maxLength: 3 }),
      async (kind, scripts) => {
        await using host = await serve(kind);
        const clients: Client[] = [];
        for (let i = 0; i < scripts.length; i++) clients.push(await connect(host));
        await Promise.all(scripts.map((each, i) => play(clients[i]!, kind, each)));
      },
    ),
    { numRuns: 10 },
  );
});
