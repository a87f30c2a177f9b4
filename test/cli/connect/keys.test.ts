/** How `telpty connect` handles keys, and the requests of a scripted server about them, in a real terminal. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { spawnPty } from '../../../src/pty/index.ts';
import { command, openClient, openPrompt, withPeer } from '../../support/clients/connect.ts';
import { Peer } from '../../support/clients/peer.ts';
import { CMD, naws, OPT, readable, subnegotiation } from '../../support/clients/test-client.ts';
import { processInfo, untilTrue } from '../../support/leaks.ts';
import { CLI } from '../../support/servers/server.ts';

const TIMEOUT = { timeout: 600_000 };
const { IAC, IP, DM, WILL, WONT, DO, DONT, EOF, ABORT, SUSP, AYT } = CMD;

test('a server that does not speak Telnet gets lines, edited and echoed locally', TIMEOUT, () =>
  withPeer(async (term, wire) => {
    await term.type('hellp');
    await term.keys('BSpace');
    await term.type('o\r');
    await wire.expect(Buffer.from('hello\r\n'));
    assert.equal(wire.raw.bytes.toString(), 'hello\r\n');
    await term.waitFor(/\nhello$/);
    // The end-of-file key is a key for the remote program.
    await term.type('part');
    await term.keys('C-d');
    await wire.expect(Buffer.from('part'));
    await term.keys('C-d');
    await wire.expect(Buffer.of(4));
    // A line of output that ends in a bare LF still begins in the first column.
    wire.send('one\ntwo\r\nthree');
    await term.waitFor(/one\ntwo\nthree$/);
    wire.halfClose();
    assert.equal(await term.exitStatus(), 0);
  }),
);

test('editing keys become commands, and output made stale by an interrupt is not shown', TIMEOUT, () =>
  withPeer(async (term, wire) => {
    wire.negotiate(DO, OPT.NAWS);
    await wire.expect(Buffer.from(naws(80, 24)));
    await term.type('thrown away');
    await term.keys('C-c');
    await wire.expect(Buffer.of(IAC, DO, OPT.TIMING_MARK, IAC, IP));
    wire.send('stale');
    wire.negotiate(WILL, OPT.TIMING_MARK);
    wire.send('fresh\r\n');
    const screen = await term.waitFor(/fresh$/);
    assert.doesNotMatch(screen, /stale/);
    await term.keys('C-\\');
    await wire.expect(Buffer.of(IAC, DO, OPT.TIMING_MARK, IAC, ABORT));
    wire.negotiate(WONT, OPT.TIMING_MARK);
    // The line has been discarded on both sides.
    await term.type('x\r');
    await wire.expect(Buffer.from('x\r\n'));
    assert.ok(!wire.raw.bytes.includes('thrown'));
  }),
);

test('an interrupt is sent with a Synch if the server supports LINEMODE', TIMEOUT, () =>
  withPeer(async (term, wire) => {
    wire.negotiate(DO, OPT.LINEMODE);
    await wire.expectNegotiation(WILL, OPT.LINEMODE);
    // MODE EDIT|TRAPSIG, and its ACK.
    wire.send(subnegotiation(OPT.LINEMODE, [1, 3]));
    await wire.expect(Buffer.from(subnegotiation(OPT.LINEMODE, [1, 7])));
    await term.untilModes('isig');
    await term.keys('C-c');
    await wire.expect(Buffer.of(IAC, DO, OPT.TIMING_MARK, IAC, IP, IAC, DM));
  }),
);

test('a server that echoes and suppresses GA gets each key; one that only echoes gets a hidden line', TIMEOUT, () =>
  withPeer(async (term, wire) => {
    wire.negotiate(WILL, OPT.ECHO);
    await wire.expectNegotiation(DO, OPT.ECHO);
    await term.untilModes('-echo');
    await term.type('password\r');
    await wire.expect(Buffer.from('password\r\n'));
    wire.negotiate(WILL, OPT.SGA);
    await wire.expectNegotiation(DO, OPT.SGA);
    await term.untilModes('-icanon');
    await term.type('k');
    await wire.expect(Buffer.from('k'));
    await term.keys('C-c', 'C-d', 'C-z', 'Enter', 'Up');
    await wire.expect(Buffer.from('\x03\x04\x1a\r\0\x1b[A', 'latin1'));
    // Output is unchanged now: a bare LF only moves down.
    wire.send('\x1b[2J\x1b[Hab\ncd');
    await term.waitFor(/^ab\n {2}cd$/);
    wire.negotiate(WONT, OPT.ECHO);
    await wire.expectNegotiation(DONT, OPT.ECHO);
    await term.untilModes('icanon', 'echo');
    await term.type('\x15shown\r');
    await wire.expect(Buffer.from('shown\r\n'));
    await term.waitFor(/shown/);
    assert.doesNotMatch(await term.history(), /password/);
  }),
);

test('LINEMODE: the server decides which side edits and which keys are special, and gets commands', TIMEOUT, () =>
  withPeer(async (term, wire) => {
    wire.negotiate(DO, OPT.LINEMODE);
    await wire.expectNegotiation(WILL, OPT.LINEMODE);
    // The keys of the user's terminal: SLC IP, VALUE, ^C among them.
    await wire.expectEvent(e => e.type === 'subnegotiation' && e.option === OPT.LINEMODE && e.payload[0] === 3);
    const [slc] = wire.events.flatMap(e => (e.type === 'subnegotiation' && e.payload[0] === 3 ? [[...e.payload]] : []));
    assert.ok(slc!.join(',').includes('3,2,3') || slc!.join(',').includes('3,98,3'), slc!.join(','));
    // MODE EDIT|TRAPSIG, acknowledged.
    wire.subnegotiate(OPT.LINEMODE, [1, 3]);
    await wire.expect(Buffer.of(IAC, CMD.SB, OPT.LINEMODE, 1, 7, IAC, CMD.SE));
    await term.untilModes('icanon', 'isig');
    await term.type('abX');
    await term.keys('BSpace', 'Enter');
    await wire.expect(Buffer.from('ab\r\n'));
    await term.keys('C-z');
    await wire.expect(Buffer.of(IAC, SUSP));
    await term.keys('C-d');
    await wire.expect(Buffer.of(IAC, EOF));
    // SLC: EC is "#" from now on.
    wire.subnegotiate(OPT.LINEMODE, [3, 10, 2, 0x23]);
    await wire.expectEvent(e => e.type === 'subnegotiation' && [...e.payload].join() === '3,10,130,35');
    await term.type('cY#d\r');
    await wire.expect(Buffer.from('cd\r\n'));
    // No EDIT: each key is sent, and ^C is a key like others.
    wire.subnegotiate(OPT.LINEMODE, [1, 0]);
    await wire.expect(Buffer.of(IAC, CMD.SB, OPT.LINEMODE, 1, 4, IAC, CMD.SE));
    await term.untilModes('-icanon', '-isig');
    await term.type('q');
    await wire.expect(Buffer.from('q'));
    await term.keys('C-c');
    await wire.expect(Buffer.of(3));
  }),
);

test('LINEMODE: keys pressed before local editing begins keep their meaning', TIMEOUT, async () => {
  await using peer = await Peer.listen();
  const env = { PATH: process.env.PATH ?? '', TERM: 'xterm', LANG: 'C.UTF-8' };
  const pty = spawnPty(process.execPath, [CLI, 'connect', '127.0.0.1', String(peer.port)], { env }).resume();
  const wire = await peer.accept();
  wire.negotiate(WILL, OPT.ECHO);
  wire.negotiate(WILL, OPT.SGA);
  wire.negotiate(DO, OPT.LINEMODE);
  await wire.expectNegotiation(WILL, OPT.LINEMODE);
  const mode = (flags: number) => subnegotiation(OPT.LINEMODE, [1, flags]);
  const [edit, trapsig, ack] = [1, 2, 4];
  for (let isEarly = true; isEarly; ) {
    wire.send(mode(0), [IAC, DO, OPT.TIMING_MARK]);
    await wire.expect(Buffer.of(IAC, WILL, OPT.TIMING_MARK));
    await untilTrue(() => pty.modes().icanon === false);
    // It finds both when it continues: usually the mode first, which arrived first.
    pty.kill('SIGSTOP');
    await untilTrue(() => processInfo(pty.pid)?.state === 'T');
    await wire.sent(mode(edit | trapsig));
    pty.master.type(Buffer.from('ls\rx\x1a\x03y'));
    await untilTrue(() => pty.master.inputWaiting === 7);
    pty.kill('SIGCONT');
    await wire.expect(Buffer.from('y'));
    const said = readable(wire.raw.bytes);
    isEarly = said.endsWith(readable(Buffer.from('ls\r\0x\x1a\x03y')));
    const commands = [mode(edit | trapsig | ack), Buffer.from('ls\r\nx'), Buffer.of(IAC, SUSP)];
    commands.push(Buffer.of(IAC, DO, OPT.TIMING_MARK, IAC, IP, IAC, DM), Buffer.from('y'));
    const expected = readable(Buffer.concat(commands));
    if (!isEarly) assert.equal(said.slice(-expected.length), expected);
  }
  await pty.hangup({ timeout: 0 });
});

test('LINEMODE: a server that redefines the keys of the prompt cannot stop the user from leaving', TIMEOUT, () =>
  withPeer(async (term, wire) => {
    wire.negotiate(DO, OPT.LINEMODE);
    await wire.expectNegotiation(WILL, OPT.LINEMODE);
    wire.subnegotiate(OPT.LINEMODE, [1, 3]);
    // SLC: IP is the escape key, ABORT is "c", EC "l", EL "o", EOF "s".
    const keys: readonly (readonly [number, number])[] = [
      [3, 0x1d],
      [7, 0x63],
      [10, 0x6c],
      [11, 0x6f],
      [8, 0x73],
    ];
    for (const [name, key] of keys) {
      wire.subnegotiate(OPT.LINEMODE, [3, name, 2, key]);
      await wire.expectEvent(e => e.type === 'subnegotiation' && [...e.payload].join() === `3,${name},130,${key}`);
    }
    await command(term, 'close');
    await wire.untilEnd();
    assert.equal(await term.exitStatus(), 0);
  }),
);

test('the prompt: its commands, invalid input, and the output that waits meanwhile', TIMEOUT, () =>
  withPeer(async (term, wire) => {
    wire.negotiate(WILL, OPT.ECHO);
    wire.negotiate(WILL, OPT.SGA);
    await wire.expectNegotiation(DO, OPT.SGA);
    await command(term, 'sned ayt');
    await term.waitFor(/unknown command sned \(help lists the commands\)\ntelpty>$/);
    wire.send('later');
    await term.type('send ayt ip synch escape\r');
    await wire.expect(Buffer.of(IAC, AYT, IAC, IP, IAC, DM, 0x1d));
    const screen = await term.waitFor(/later$/);
    assert.match(screen, /telpty> send ayt ip synch escape\nlater$/);

    await command(term, 'status');
    await term.waitFor(/Options here: .*; there: ECHO, SGA\.\n.*Character set: UTF-8/s);
    await command(term, 'toggle options');
    await term.waitFor(/options is on/);
    wire.negotiate(DO, OPT.NAWS);
    await term.waitFor(/received DO NAWS\nsent WILL NAWS\nsent SB NAWS 80x24$/);
    await command(term, 'toggle localecho');
    await term.waitFor(/localecho is on/);
    await command(term, 'toggle localecho');
    await term.waitFor(/localecho is off/);
    await command(term, 'toggle binary');
    await wire.expectNegotiation(DO, OPT.BINARY);
    await command(term, 'set escape ^A');
    await term.waitFor(/Escape character is '\^A'/);
    await openPrompt(term, 'C-a');
    // ^C, an empty line and ^D close the prompt.
    await term.keys('C-c');
    await term.type('1');
    await wire.expect('1');
    await openPrompt(term, 'C-a');
    await term.keys('C-d');
    await term.type('2');
    await wire.expect('2');
    await openPrompt(term, 'C-a');
    await term.keys('Enter');
    await term.type('3');
    await wire.expect('3');
    // So does the escape key, whatever was typed before; and keys typed in one read go to the right side.
    await openPrompt(term, 'C-a');
    await term.type('close');
    await term.keys('C-a');
    await term.type('4');
    await wire.expect('4');
    await term.type('\x01\x015\x01send nop\r6');
    await wire.expect(Buffer.concat([Buffer.from('5'), Buffer.of(IAC, CMD.NOP), Buffer.from('6')]));
    await openPrompt(term, 'C-a');
    await term.type('?\r');
    await term.waitFor(/names to toggle: options, crmod, binary, localecho/);
    await openPrompt(term, 'C-a');
    await term.type('mode line\r');
    await wire.expectNegotiation(DONT, OPT.ECHO);
    await wire.expectNegotiation(DONT, OPT.SGA);
    await openPrompt(term, 'C-a');
    await term.type('close\r');
    await wire.untilEnd();
    assert.equal(await term.exitStatus(), 0);
    assert.match(await term.capture(), /Connection closed\.$/);
  }),
);

test('--mode, --term, --escape none, and another character set', TIMEOUT, async () => {
  await withPeer(
    async (term, wire) => {
      wire.negotiate(DO, OPT.TTYPE);
      wire.subnegotiate(OPT.TTYPE, [1]);
      await wire.expect(Buffer.from('\0vt52', 'latin1'));
      await term.type('é');
      await wire.expect(Buffer.of(0x82));
      wire.send([0x81, 0x0d, 0x0a]);
      await term.waitFor(/ü$/);
    },
    ['--mode', 'character', '--term', 'vt52', '--encoding', 'cp437'],
  );
  await using peer = await Peer.listen();
  await using term = await openClient(peer.port, ['--escape', 'none', '--mode', 'line']);
  const wire = await peer.accept();
  wire.negotiate(WILL, OPT.SGA);
  wire.negotiate(WILL, OPT.ECHO);
  await wire.expectNegotiation(DONT, OPT.ECHO);
  wire.negotiate(WONT, OPT.SGA);
  wire.negotiate(WONT, OPT.ECHO);
  await term.type('a\x1db\r');
  await wire.expect(Buffer.from('a\x1db\r\n'));
});
