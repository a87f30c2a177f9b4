/**
 * A CR and its NUL are sent in one packet: libtelnet's telnet-client prints nothing from a packet that begins with NUL.
 */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer as createTcpServer, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Duplex } from 'node:stream';
import { test } from 'node:test';
import { setImmediate as turn } from 'node:timers/promises';
import { connect, createServer, ptyShell, type Session } from '../../src/index.ts';
import { Command, Option } from '../../src/protocol/index.ts';
import { OPT } from '../support/clients/test-client.ts';
import { Host, XTERM } from '../support/servers/host.ts';
import { requireTool } from '../support/system/tools.ts';

/** A transport that keeps each sent packet separately; nothing is negotiated on it. */
class Packets extends Duplex {
  readonly sent: string[] = [];
  override _read(): void {}
  override _write(chunk: Buffer, _encoding: BufferEncoding, callback: () => void): void {
    this.sent.push(chunk.toString('latin1'));
    callback();
  }
}

/** A session with the packets that it sends after its initial negotiation. */
async function open(): Promise<{ session: Session; packets: Packets }> {
  const packets = new Packets();
  let end = (): void => {};
  const server = createServer(() => new Promise<void>(resolve => (end = resolve)));
  const session = server.handle(packets);
  session.on('close', () => end());
  await turn();
  packets.sent.length = 0;
  return { session, packets };
}

test('a CR that ends a write is sent with its NUL in one packet', async () => {
  const { session, packets } = await open();
  for (const text of ['\r', '50%\r', '\r\r', 'line\r\n', 'plain']) {
    session.write(text);
    await turn();
  }
  assert.deepEqual(packets.sent, ['\r\0', '50%\r\0', '\r\0\r\0', 'line\r\n', 'plain']);
  session.destroy();
});

test('bytes written in the same turn decide: an LF is the other half of CR LF', async () => {
  const { session, packets } = await open();
  session.write('one\r');
  session.write('\ntwo\r');
  session.write('three');
  await turn();
  session.write('four\r');
  await turn();
  session.write('\n');
  await turn();
  assert.deepEqual(packets.sent, ['one\r\ntwo\r\0three', 'four\r\0', '\n']);
  session.destroy();
});

test('commands, negotiation and the end are sent after a CR that was written before them', async () => {
  const { session, packets } = await open();
  session.write('a\r');
  session.telnet.command(Command.NOP);
  await turn();
  session.write('b\r');
  session.telnet.request(Option.BINARY, 'remote', true);
  await turn();
  session.write('c\r');
  session.sendSynch();
  await turn();
  session.end('d\r');
  await once(session, 'finish');
  assert.deepEqual(packets.sent.slice(0, 2), ['a\r\0\xff\xf1', 'b\r\0\xff\xfd\0']);
  assert.equal(packets.sent.slice(2).join(''), 'c\r\0\xff\xf2d\r\0');
  assert.ok(packets.sent.every(packet => !packet.startsWith('\0')));
  session.destroy();
});

test('a session that is destroyed at once has sent its last CR', async () => {
  const { session, packets } = await open();
  session.write('last\r');
  session.destroy();
  await turn();
  assert.deepEqual(packets.sent, ['last\r\0']);
});

test('a transport that accepts nothing stops the writer, even if its writes end in a CR', async () => {
  const { session, packets } = await open();
  packets._write = () => {};
  let writes = 0;
  while (session.write(Buffer.alloc(32 * 1024, '\r'))) assert.ok(++writes < 100);
  session.destroy();
});

test('connect(): Return is sent with its NUL in one packet', async () => {
  const server = createTcpServer();
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const accepted = once(server, 'connection') as Promise<[Socket]>;
  const session = await connect({ host: '127.0.0.1', port: (server.address() as { port: number }).port });
  const [peer] = await accepted;
  const packets: string[] = [];
  peer.on('data', chunk => packets.push(chunk.toString('latin1')));
  for (const text of ['ls\r', '\r', 'pwd\r']) {
    const arrived = once(peer, 'data');
    session.write(text);
    await arrived;
  }
  const arrived = once(peer, 'data');
  session.write('id\r');
  session.write('\n');
  await arrived;
  assert.deepEqual(packets, ['ls\r\0', '\r\0', 'pwd\r\0', 'id\r\n']);
  session.destroy();
  peer.destroy();
  server.close();
});

/** Prints the bytes of the file `$1` in pieces, cut and paced at random: single bytes, and more than one turn reads. */
const PRINTER = `
  use Time::HiRes "usleep"; srand($ARGV[1]); $| = 1;
  open my $in, "<:raw", $ARGV[0]; local $/; my $text = <$in>; binmode STDOUT;
  for (my $at = 0; $at < length $text;) {
    my $size = (1, 1, 2, 3, 7, 40, 5000, 20000)[rand 8];
    syswrite(STDOUT, substr($text, $at, $size)) or die; $at += $size; usleep(rand 1500) if rand() < 0.5;
  }`;

test("a program's output, cut anywhere: no packet begins with the NUL of a CR, and every byte arrives", async t => {
  const perl = requireTool('perl');
  const directory = mkdtempSync(join(tmpdir(), 'telpty-return-'));
  t.after(() => rmSync(directory, { recursive: true }));
  const parts = ['\r', '\r\n', '\r\r', 'word', '\xff', '\x1b[?2004l\r', '\n', '\r\xff', 'x'.repeat(60), '\x1b[?2026h'];
  for (let seed = 1; seed <= 8; seed++) {
    let state = seed;
    const random = () => {
      state = (state * 48_271) % 0x7fffffff;
      return state / 0x7fffffff;
    };
    let text = '';
    while (text.length < 60_000) text += parts[Math.floor(random() * parts.length)];
    const file = join(directory, String(seed));
    writeFileSync(file, text, 'latin1');
    const script = `stty raw -echo; exec ${perl} -e "$1" "$2" "$3"`;
    const shell = ptyShell('/bin/sh', ['-c', script, 'sh', PRINTER, file, String(seed)], { env: { LC_ALL: 'C' } });
    await using host = await Host.start({ shell });
    // A client that does not agree to BINARY, under which a CR has no NUL.
    await using wire = await host.connect({ ...XTERM, refuse: [OPT.BINARY], allowHalfOpen: true });
    const first: number[] = [];
    wire.socket.on('data', chunk => first.push(chunk[0]!));
    await wire.untilEnd(240_000);
    assert.deepEqual(
      [...new Set(first)].filter(byte => byte === 0),
      [],
      `seed ${seed}`,
    );
    assert.ok(wire.data.bytes.equals(Buffer.from(text, 'latin1')), `seed ${seed}`);
  }
});

test('a flood of lines is never cut between CR and LF', async () => {
  await using host = await Host.start({ shell: ptyShell('seq', ['1', '1500000']) });
  await using wire = await host.connect({ ...XTERM, refuse: [OPT.BINARY], allowHalfOpen: true });
  await wire.untilEnd(240_000);
  assert.ok(wire.text().endsWith('\r\n1500000\r\n'));
  // (Linux sometimes returns EAGAIN between the two; see read.c, and test/pty/terminal/early-eagain.test.ts.)
  assert.equal(wire.raw.bytes.indexOf('\r\0\n', 0, 'latin1'), -1);
});
