/** Input that waits while the character set changes: each byte is decoded in the set in force when it arrived. */
import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { setImmediate as turn } from 'node:timers/promises';
import iconv from 'iconv-lite';
import { type Output, Screen } from '../../src/cli/connect/terminal/screen.ts';
import { connect, ptyShell, type Session } from '../../src/index.ts';
import { createRecording } from '../../src/recording/writing/recording-writer.ts';
import { Peer } from '../support/clients/peer.ts';
import { CMD, OPT, type Wire } from '../support/clients/test-client.ts';
import { Host } from '../support/servers/host.ts';

/** Requests that the other end of `wire` uses this set from here on. */
function change(wire: Wire, name: string): void {
  wire.subnegotiate(OPT.CHARSET, Buffer.from(`\x01;${name}`, 'latin1'));
}

async function untilArrived(session: Session, bytes: number): Promise<void> {
  while (session.inputLength < bytes) await turn();
}

const encode = (text: string, charset: string) => iconv.encode(text, charset);
/** Two lines, each of which changes its set in the middle. */
const TEXT = 'да-é\nмир-ñ\n';

/** Sends {@link TEXT} in three sets. */
function sendLines(wire: Wire, end: string): void {
  wire.send(encode('да', 'koi8-r'));
  change(wire, 'ISO-8859-1');
  wire.send(encode(`-é${end}`, 'latin1'));
  change(wire, 'KOI8-R');
  wire.send(encode('мир', 'koi8-r'));
  change(wire, 'UTF-8');
  wire.send(`-ñ${end}`);
}

/** Runs `body` at both ends, with the session of telpty and the wire of its peer. */
async function atBothEnds(body: (session: Session, wire: Wire, end: string) => Promise<void>): Promise<void> {
  {
    await using peer = await Peer.listen();
    const session = await connect({ port: peer.port, encoding: 'KOI8-R' });
    const wire = await peer.accept();
    wire.negotiate(CMD.WILL, OPT.CHARSET);
    try {
      await body(session, wire, '\r\n');
    } finally {
      session.destroy();
    }
  }
  let result: Promise<void> | undefined;
  let begin = (_wire: Wire): void => {};
  const connected = new Promise<Wire>(resolve => {
    begin = resolve;
  });
  await using host = await Host.start({
    encoding: 'KOI8-R',
    shell: async session => {
      result = body(session, await connected, '\r\n');
      await result.catch(() => {});
    },
  });
  await using wire = await host.connect({ charset: 'KOI8-R', ttype: ['XTERM'] });
  begin(wire);
  await host.outcome();
  await result;
}

test('readLine: each part of a line is decoded in the set of its bytes, read late or on arrival', () =>
  atBothEnds(async (session, wire, end) => {
    if (!session.isClient) await session.waitFor(({ charset }) => charset !== undefined);
    sendLines(wire, end);
    await session.waitFor(({ encoding }) => encoding === 'UTF-8');
    await untilArrived(session, encode(TEXT, 'latin1').length);
    assert.deepEqual([await session.readLine(), await session.readLine()], TEXT.trim().split('\n'));
    change(wire, 'KOI8-R');
    await session.waitFor(({ encoding }) => encoding === 'KOI8-R');
    const lines = [session.readLine()];
    sendLines(wire, end);
    assert.equal(await lines[0], 'да-é');
    assert.equal(await session.readLine(), 'мир-ñ');
  }));

test('a recording uses the set of the bytes, from the exact byte where it changes', () =>
  atBothEnds(async (session, wire, end) => {
    if (!session.isClient) await session.waitFor(({ charset }) => charset !== undefined);
    const directory = mkdtempSync(join(tmpdir(), 'telpty-recording-'));
    try {
      const file = join(directory, 'session.cast');
      const writer = createRecording(file, 'asciicast', { columns: 80, rows: 24 }, error => assert.fail(error));
      const untap = session.tap({ input: bytes => writer.data('output', bytes, session.encoding, 0) });
      sendLines(wire, end);
      // Half a character, which the next change cuts.
      wire.send(Buffer.from('é').subarray(0, 1));
      change(wire, 'ISO-8859-1');
      wire.send(encode('é.', 'latin1'));
      await session.readUntil('.');
      untap();
      writer.end();
      const [, ...events] = readFileSync(file, 'utf8').trim().split('\n');
      const shown = events.map(line => (JSON.parse(line) as [number, string, string])[2]).join('');
      assert.equal(shown.replaceAll(/\r\n?/g, '\n'), `${TEXT}\ufffdé.`);
    } finally {
      rmSync(directory, { recursive: true });
    }
  }));

test('an observer that reads late gets the set in which output was written, and in which input arrived', () =>
  atBothEnds(async (session, wire) => {
    if (!session.isClient) await session.waitFor(({ charset }) => charset !== undefined);
    const events = session.observe({ input: true });
    session.resume();
    const changeTo = async (name: string) => {
      change(wire, name);
      await session.waitFor(({ encoding }) => encoding === name);
    };
    session.write(encode('да', 'koi8-r'));
    await changeTo('ISO-8859-1');
    session.write(encode('é', 'latin1'));
    wire.send(encode('ñ', 'latin1'));
    await changeTo('KOI8-R');
    // These wait in the stream during the changes, and the second is dropped by the Synch.
    session.cork();
    session.write(encode('мир', 'koi8-r'));
    await changeTo('UTF-8');
    session.uncork();
    session.cork();
    session.write('dropped');
    await changeTo('ISO-8859-1');
    session.sendSynch();
    session.write(encode('é', 'latin1'));
    await changeTo('UTF-8');
    session.write('日');
    session.uncork();
    const texts: Record<string, string> = {};
    for await (const event of events) {
      if (!('data' in event)) continue;
      texts[event.type] = `${texts[event.type] ?? ''}${iconv.decode(event.data, event.encoding)}`;
      if (texts.output?.endsWith('日') && texts.input !== undefined) break;
    }
    assert.equal(texts.output, 'даéмирé日');
    assert.equal(texts.input, 'ñ');
  }));

test('telpty connect: text that is shown late is decoded in the set of its bytes', async () => {
  for (const local of ['UTF-8', 'KOI8-R', 'ISO-8859-1']) {
    await using peer = await Peer.listen();
    const session = await connect({ port: peer.port, encoding: 'KOI8-R' });
    const wire = await peer.accept();
    wire.negotiate(CMD.WILL, OPT.CHARSET);
    const shown: Buffer[] = [];
    const output: Output = {
      write: bytes => shown.push(Buffer.from(bytes)) > 0,
      needsDrain: false,
      onDrain: () => () => {},
    };
    const screen = new Screen(session, output, local);
    screen.held = true;
    sendLines(wire, '\r\n');
    wire.send(Buffer.from('é').subarray(0, 1));
    change(wire, 'ISO-8859-1');
    wire.send(encode('é.', 'latin1'));
    await session.waitFor(({ encoding }) => encoding === 'ISO-8859-1');
    await untilArrived(session, encode(`${TEXT}??.`, 'latin1').length);
    screen.held = false;
    while (!shown.at(-1)?.includes('.')) await turn();
    const text = iconv.decode(Buffer.concat(shown), local).replaceAll('\r', '');
    // (Characters that a set lacks are replaced.)
    const known = { 'UTF-8': `${TEXT}\ufffdé.`, 'KOI8-R': 'да-e\nмир-n\n?e.', 'ISO-8859-1': 'da-é\nmir-ñ\n?é.' }[local];
    assert.equal(text, known, local);
    session.destroy();
  }
});

/** Prints each line of its input in hexadecimal. */
const READER =
  'echo ready; while read -r line; do printf "<%s>\\n" "$(printf %s "$line" | od -An -tx1 | tr -d " \\n")"; done';

test('a program with conversion: text typed before it started is decoded in the set of its bytes', async () => {
  for (const fallback of ['KOI8-R', 'ISO-8859-1']) {
    let connected = (_wire: Wire): void => {};
    const wireOf = new Promise<Wire>(resolve => {
      connected = resolve;
    });
    const shell = ptyShell('/bin/sh', ['-c', READER], {
      programEncoding: 'utf-8',
      locale: 'C.UTF-8',
      encoding: 'KOI8-R',
    });
    await using host = await Host.start({
      // For a client that does not name a set, the shell's default applies here, not the server's.
      encoding: fallback,
      shell: async session => {
        const wire = await wireOf;
        wire.negotiate(CMD.WILL, OPT.CHARSET);
        await session.waitFor(({ telnet }) => telnet.isEnabled(OPT.CHARSET, 'remote'));
        wire.send(encode('да', 'koi8-r'));
        change(wire, 'KOI8-R');
        wire.send(encode('мир', 'koi8-r'));
        change(wire, 'ISO-8859-1');
        wire.send(encode('é', 'latin1'));
        // Half a character, which the change cuts.
        change(wire, 'Shift_JIS');
        wire.send(encode('日', 'shift_jis').subarray(0, 1));
        change(wire, 'ISO-8859-1');
        wire.send(encode('ñ\r\n', 'latin1'));
        await session.waitFor(({ encoding }) => encoding === 'Shift_JIS');
        await session.waitFor(({ encoding }) => encoding === 'ISO-8859-1');
        await untilArrived(session, 9);
        await shell(session);
      },
    });
    await using wire = await host.connect({ ttype: ['XTERM'] });
    connected(wire);
    await wire.expect(`<${Buffer.from('дамирéñ').toString('hex')}>`);
  }
});
