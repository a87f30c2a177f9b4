/** Conditions that close the fast path. A name in src/session/fast-path.ts without a case here does not compile. */
import assert from 'node:assert/strict';
import type { Readable } from 'node:stream';
import { after, test } from 'node:test';
import { connect, type Session } from '../../src/index.ts';
import type { FastPathBlock } from '../../src/session/fast-path.ts';
import { CMD, OPT, type Wire, type WireOptions } from '../support/clients/test-client.ts';
import { assertNothingHeld, untilTrue } from '../support/leaks.ts';
import { Host, hostScript, XTERM } from '../support/servers/host.ts';

after(assertNothingHeld);

/** A raw terminal whose program echoes its input. */
const ECHO = 'stty raw -echo; printf ok; exec cat';
/** A program that never reads. */
const DEAF = 'stty raw -echo; printf ok; exec sleep 1000';
/** A program that echoes each line. */
const LINES = 'echo ok; exec cat';

interface Case {
  readonly script?: string;
  readonly client?: WireOptions;
  /** Makes the part block. */
  block(session: Session, wire: Wire): unknown;
  /** Makes the part stop blocking, if it can. */
  unblock?(session: Session, wire: Wire): unknown;
}

const MANY = Buffer.alloc(4 * 1024 * 1024, 'x');
let reader: Readable;

const CASES: Readonly<Record<Exclude<FastPathBlock, 'not-joined'>, Case>> = {
  observer: {
    block: (session, wire) => {
      reader = session.observe({ highWaterMark: 1024 });
      wire.send('x'.repeat(2_048));
    },
    unblock: () => reader.resume(),
  },
  trace: {
    block: session => {
      session.trace = {};
    },
    unblock: session => {
      session.trace = undefined;
    },
  },
  recognition: { client: { silent: true }, block: () => {}, unblock: (_session, wire) => wire.send('\r') },
  engine: {
    block: (_session, wire) => wire.send([255]),
    unblock: (_session, wire) => wire.send([CMD.NOP]),
  },
  receiving: { script: DEAF, block: (_session, wire) => wire.send(MANY) },
  input: { script: DEAF, block: (_session, wire) => wire.send(MANY) },
  stream: {
    block: (session, wire) => {
      wire.pause();
      session.write(MANY);
      session.write('more');
    },
    unblock: (_session, wire) => wire.resume(),
  },
  sending: {
    block: (session, wire) => {
      wire.pause();
      session.write(MANY);
    },
    unblock: (_session, wire) => wire.resume(),
  },
  end: { block: session => session.end() },
  'synchronized-update': {
    block: (_session, wire) => wire.send('\x1b[?2026h'),
    unblock: (_session, wire) => wire.send('\x1b[?2026l'),
  },
  command: {
    script: `trap : INT; printf ok; while :; do read -r line && printf %s "$line"; done`,
    block: (_session, wire) => wire.command(CMD.IP),
    unblock: (_session, wire) => wire.send('x'),
  },
  conversion: { client: { ...XTERM, charset: 'ISO-8859-1' }, block: () => {} },
  editing: {
    script: LINES,
    client: { ...XTERM, accept: [OPT.LINEMODE] },
    block: () => {},
  },
  'prompt-mark': {
    script: LINES,
    client: { ...XTERM, refuse: [OPT.SGA] },
    block: () => {},
  },
};

for (const [name, { script = ECHO, client = XTERM, block, unblock }] of Object.entries(CASES)) {
  test(`${name} blocks the fast path`, async () => {
    await using host = await hostScript(script, { negotiationTimeout: 300, programEncoding: 'utf-8' });
    await using wire = await host.connect(client);
    await wire.expect('ok');
    const [session] = host.server.sessions;
    const { fastPath } = session!.link;
    const blocks = () => fastPath.blocks as readonly string[];
    await block(session!, wire);
    await untilTrue(() => blocks().includes(name));
    if (unblock === undefined) return;
    await unblock(session!, wire);
    await untilTrue(() => !blocks().includes(name));
  });
}

test('nothing blocks the fast path between keys, and they pass', async () => {
  await using host = await hostScript(ECHO);
  await using wire = await host.connect(XTERM);
  await wire.expect('ok');
  const [session] = host.server.sessions;
  const { fastPath } = session!.link;
  await untilTrue(() => fastPath.blocks.length === 0);
  for (let keys = 0; fastPath.counts.toTerminal === 0; keys++) {
    assert.ok(keys < 100, `blocked by ${fastPath.blocks}`);
    wire.type('k');
    await wire.until(() => wire.text().endsWith('k'.repeat(keys + 1)));
  }
});

test('the fast path is open again after the NOP of keepAlive', async () => {
  await using host = await hostScript(ECHO, {}, { keepAlive: 20 });
  await using wire = await host.connect(XTERM);
  await wire.expect('ok');
  const [session] = host.server.sessions;
  const { fastPath } = session!.link;
  const nops = () => Buffer.from(wire.raw.bytes).toString('latin1').split('\xff\xf1').length;
  // A key that passes through JavaScript opens the path for the next one. So only one key is typed after each NOP. A
  // second NOP may be sent at the moment of a key, but not each time.
  for (let keys = 0, passed = 0; passed === 0; keys++) {
    assert.ok(keys < 50, `no key after a NOP has passed; blocked by ${fastPath.blocks}`);
    const before = nops();
    await wire.until(() => nops() > before);
    const { toTerminal } = fastPath.counts;
    wire.type('x');
    await wire.until(() => wire.text().endsWith('x'.repeat(keys + 1)));
    passed = fastPath.counts.toTerminal - toTerminal;
  }
});

test('changes are reported once each', async () => {
  await using host = await hostScript(ECHO);
  await using wire = await host.connect(XTERM);
  await wire.expect('ok');
  const [session] = host.server.sessions;
  const reports: string[] = [];
  session!.link.fastPath.onChange = blocks => reports.push(blocks.join());
  session!.trace = {};
  for (const key of 'abc') {
    wire.type(key);
    await wire.until(() => wire.text().endsWith(key));
  }
  assert.equal(reports.filter(report => report === 'trace').length, 1, `${reports}`);
});

test('the fast path is not joined without a program, nor on a client', async () => {
  await using host = await Host.start({
    shell: async session => {
      session.write('ok');
      for await (const chunk of session) session.write(chunk);
    },
  });
  const client = await connect({ port: host.port });
  await client.readUntil('ok');
  const [session] = host.server.sessions;
  for (const end of [session!, client]) assert.deepEqual(end.link.fastPath.blocks, ['not-joined']);
  client.destroy();
});
