/** `telpty connect` for a person: in a real terminal, with real servers and with scripted ones. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { untilTrue } from '../support/leaks.ts';
import { Peer } from '../support/peer.ts';
import { AT_PROMPT, INTERRUPTIBLE, startBashServer } from '../support/programs.ts';
import { CLI } from '../support/server.ts';
import { Telnetd } from '../support/telnetd.ts';
import { Terminal, type TerminalOptions } from '../support/tmux.ts';
import { CMD, naws, OPT, type Wire } from '../support/wire.ts';

const TIMEOUT = { timeout: 60_000 };
const { IAC, IP, DM, WILL, WONT, DO, DONT, EOF, ABORT, SUSP, AYT } = CMD;

function open(port: number, args: readonly string[] = [], options: TerminalOptions = {}): Promise<Terminal> {
  return Terminal.start([process.execPath, CLI, 'connect', ...args, '127.0.0.1', String(port)], options);
}

/** A shell without line editing of its own, which leaves the terminal's modes as it finds them, and the client in it. */
async function openFromShell(port: number): Promise<Terminal> {
  const term = await Terminal.start(['/bin/sh', '-i'], { env: { PS1: 'local> ' } });
  await term.waitFor(/^local>$/);
  await term.type('stty -g >"$HOME/before"\r');
  await term.type(`${process.execPath} ${CLI} connect 127.0.0.1 ${port}\r`);
  return term;
}

/** Fails unless the shell has the terminal back as it gave it. */
async function assertRestored(term: Terminal, status: number): Promise<void> {
  await term.waitFor(/local>$/);
  await term.type('echo "left with $?"; stty -g >"$HOME/after"; echo compared\r');
  const screen = await term.waitFor(/\ncompared\n/);
  assert.match(screen, new RegExp(`\nleft with ${status}\n`));
  const modes = (name: string) => readFileSync(join(term.home, name), 'utf8');
  assert.equal(modes('after'), modes('before'));
}

/** A client in a terminal, and the scripted server it is connected to. */
async function withPeer(
  body: (term: Terminal, wire: Wire) => Promise<void>,
  args: readonly string[] = [],
): Promise<void> {
  await using peer = await Peer.listen();
  await using term = await open(peer.port, args);
  const wire = await peer.accept();
  await term.waitFor(/Escape character is/);
  await body(term, wire);
}

/** Opens the prompt and gives it a line. */
async function command(term: Terminal, line: string): Promise<void> {
  await term.keys('C-]');
  await term.waitFor(/telpty>$/);
  await term.type(`${line}\r`);
}

test('a shell: size, resize, interrupt, job control, a password, an editor', TIMEOUT, async () => {
  await using server = await startBashServer();
  await using term = await open(server.port, [], { cols: 101, rows: 31 });
  await term.waitFor(AT_PROMPT);
  await term.type('stty size; echo "$TERM"\r');
  await term.waitFor(/\n31 101\ntmux-256color\nready\$$/);
  await term.resize(90, 20);
  await term.type('clear; stty size\r');
  await term.waitFor(/20 90\nready\$$/);

  await term.type(`clear; ${INTERRUPTIBLE}\r`);
  await term.waitFor(/started$/);
  await term.keys('C-c');
  await term.waitFor(/\^C\nready\$$/);
  // Not `cat` alone: ^Z may then come before it, when only the shell is there.
  await term.type("clear; sh -c 'echo reading; exec cat'\r");
  await term.waitFor(/reading$/);
  await term.keys('C-z');
  await term.waitFor(/Stopped .*\nready\$$/);
  await term.type('fg\r');
  await term.type('still here\r');
  await term.waitFor(/still here\nstill here$/);
  await term.keys('C-d');
  await term.type('clear; read -rsp "secret: " word\r');
  await term.waitFor(/secret:$/);
  await term.type('hush\r');
  await term.waitFor(/secret: ready\$$|secret:\nready\$$/);
  await term.type('echo "<$word>"\r');
  assert.doesNotMatch(await term.waitFor(/<hush>\nready\$$/), /secret:.*hush/);

  await term.type('vim -u NONE -N file\r');
  await term.waitFor(/file.*\[New\]/);
  await term.type('ithe text');
  await term.keys('Escape');
  await term.type(':wq\r');
  await term.waitFor(/ready\$$/);
  await term.type('clear; cat file\r');
  await term.waitFor(/the text\nready\$$/);
  await term.type('exit\r');
  assert.equal(await term.exitStatus(), 0);
  assert.match(await term.capture(), /Connection closed by foreign host\.$/);
});

test('GNU telnetd: a shell, and its line mode', TIMEOUT, async () => {
  await using server = await Telnetd.start('/bin/sh -i');
  await using term = await open(server.port);
  await term.waitFor(/[#$]$/);
  await term.type('stty size; echo "$TERM"\r');
  await term.waitFor(/24 80\ntmux-256color\n/);
  await term.type('stty -echo; read word; stty echo; echo "<$word>"\r');
  await term.type('hush\r');
  await term.waitFor(/<hush>/);
  await term.type('exit\r');
  assert.equal(await term.exitStatus(), 0);
});

test('the terminal is given back as it was, however the session ends', { timeout: 120_000 }, async () => {
  await using server = await startBashServer();
  const ways: [way: (term: Terminal) => Promise<unknown>, status: number][] = [
    [term => term.type('exit\r'), 0],
    [term => command(term, 'quit'), 0],
    [async term => void process.kill(await clientPid(term), 'SIGTERM'), 143],
    [async term => void process.kill(await clientPid(term), 'SIGINT'), 130],
  ];
  for (const [way, status] of ways) {
    await using term = await openFromShell(server.port);
    await term.waitFor(AT_PROMPT);
    await way(term);
    await assertRestored(term, status);
  }
  // A server that is killed, one that resets, and one that was never there.
  await using telnetd = await Telnetd.start('/bin/sh -i');
  await using killed = await openFromShell(telnetd.port);
  await killed.waitFor(/[#$]$/);
  process.kill(telnetd.pids[0]!, 'SIGKILL');
  await assertRestored(killed, 0);
  await using peer = await Peer.listen();
  await using reset = await openFromShell(peer.port);
  const wire = await peer.accept();
  wire.negotiate(WILL, OPT.ECHO);
  wire.negotiate(WILL, OPT.SGA);
  await wire.expectNegotiation(DO, OPT.SGA);
  wire.reset();
  await reset.waitFor(/the connection broke: connection reset by peer/);
  await assertRestored(reset, 1);
});

/** The process of the client that a shell in a terminal runs. */
async function clientPid(term: Terminal): Promise<number> {
  const { childrenOf } = await import('../support/leaks.ts');
  let pid: number | undefined;
  await untilTrue(() => {
    pid = childrenOf(term.pid)[0]?.pid;
    return pid !== undefined;
  });
  return pid!;
}

test('it can be suspended: by the prompt, and from outside; and goes on with the size of then', TIMEOUT, async () => {
  await using server = await startBashServer();
  await using term = await openFromShell(server.port);
  await term.waitFor(AT_PROMPT);
  for (const stop of [() => command(term, 'z'), async () => void process.kill(await clientPid(term), 'SIGTSTP')]) {
    await stop();
    await term.waitFor(/Stopped[^\n]*\n(?:[^\n]*\n)?local>$/);
    await term.type('stty -g >"$HOME/after"; clear; echo compared\r');
    await term.waitFor(/^compared\n/);
    const modes = (name: string) => readFileSync(join(term.home, name), 'utf8');
    assert.equal(modes('after'), modes('before'));
    await term.resize(95, 25);
    await term.type('clear; fg\r');
    await term.waitFor(/connect 127/);
    // Servers may wait until a size is at rest.
    await term.type('until [ "$(stty size)" = "25 95" ]; do sleep 0.05; done; clear; echo sized\r');
    await term.waitFor(/^sized\nready\$$/);
    await term.resize(80, 24);
  }
  await term.type('exit\r');
  await assertRestored(term, 0);
});

test('a server that says nothing of Telnet gets lines, edited and echoed here', TIMEOUT, () =>
  withPeer(async (term, wire) => {
    await term.type('hellp');
    await term.keys('BSpace');
    await term.type('o\r');
    await wire.expect(Buffer.from('hello\r\n'));
    assert.equal(wire.raw.bytes.toString(), 'hello\r\n');
    await term.waitFor(/\nhello$/);
    // The end of a file is a key for the program there.
    await term.type('part');
    await term.keys('C-d');
    await wire.expect(Buffer.from('part'));
    await term.keys('C-d');
    await wire.expect(Buffer.of(4));
    // A line of output that ends in a bare LF begins at the left all the same.
    wire.send('one\ntwo\r\nthree');
    await term.waitFor(/one\ntwo\nthree$/);
    wire.halfClose();
    assert.equal(await term.exitStatus(), 0);
  }),
);

test('keys of the line become commands, and what an interrupt makes stale is not shown', TIMEOUT, () =>
  withPeer(async (term, wire) => {
    wire.negotiate(DO, OPT.NAWS);
    await wire.expect(Buffer.from(naws(80, 24)));
    await term.type('thrown away');
    await term.keys('C-c');
    await wire.expect(Buffer.of(IAC, IP, IAC, DM, IAC, DO, OPT.TIMING_MARK));
    wire.send('stale');
    wire.negotiate(WILL, OPT.TIMING_MARK);
    wire.send('fresh\r\n');
    const screen = await term.waitFor(/fresh$/);
    assert.doesNotMatch(screen, /stale/);
    await term.keys('C-\\');
    await wire.expect(Buffer.of(IAC, ABORT, IAC, DM, IAC, DO, OPT.TIMING_MARK));
    wire.negotiate(WONT, OPT.TIMING_MARK);
    // What was on the line is gone, here and there.
    await term.type('x\r');
    await wire.expect(Buffer.from('x\r\n'));
    assert.ok(!wire.raw.bytes.includes('thrown'));
  }),
);

test('a server that echoes and leaves out GA gets each key; one that only echoes, a hidden line', TIMEOUT, () =>
  withPeer(async (term, wire) => {
    wire.negotiate(WILL, OPT.ECHO);
    await wire.expectNegotiation(DO, OPT.ECHO);
    await term.type('password\r');
    await wire.expect(Buffer.from('password\r\n'));
    wire.negotiate(WILL, OPT.SGA);
    await wire.expectNegotiation(DO, OPT.SGA);
    await term.type('k');
    await wire.expect(Buffer.from('k'));
    await term.keys('C-c', 'C-d', 'C-z', 'Enter', 'Up');
    await wire.expect(Buffer.from('\x03\x04\x1a\r\0\x1b[A', 'latin1'));
    // Output is left alone now: a bare LF moves down and no more.
    wire.send('\x1b[2J\x1b[Hab\ncd');
    await term.waitFor(/^ab\n {2}cd$/);
    wire.negotiate(WONT, OPT.ECHO);
    await wire.expectNegotiation(DONT, OPT.ECHO);
    await term.type('\x15shown\r');
    await wire.expect(Buffer.from('shown\r\n'));
    assert.match(await term.capture(), /shown/);
    assert.doesNotMatch(await term.history(), /password/);
  }),
);

test('LINEMODE: the server says who edits, which keys are special, and gets commands', TIMEOUT, () =>
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
    // No EDIT: each key, and ^C is a key like others.
    wire.subnegotiate(OPT.LINEMODE, [1, 0]);
    await wire.expect(Buffer.of(IAC, CMD.SB, OPT.LINEMODE, 1, 4, IAC, CMD.SE));
    await term.type('q');
    await wire.expect(Buffer.from('q'));
    await term.keys('C-c');
    await wire.expect(Buffer.of(3));
  }),
);

test('the prompt: its commands, what it refuses, and the output that waits meanwhile', TIMEOUT, () =>
  withPeer(async (term, wire) => {
    wire.negotiate(WILL, OPT.ECHO);
    wire.negotiate(WILL, OPT.SGA);
    await wire.expectNegotiation(DO, OPT.SGA);
    await command(term, 'sned ayt');
    await term.waitFor(/there is no command sned \(help lists them\)\ntelpty>$/);
    wire.send('later');
    await term.type('send ayt ip synch escape\r');
    await wire.expect(Buffer.of(IAC, AYT, IAC, IP, IAC, DM, 0x1d));
    const screen = await term.waitFor(/later$/);
    assert.match(screen, /telpty> send ayt ip synch escape\nlater$/);

    await command(term, 'status');
    await term.waitFor(/Options here: .*; there: ECHO, SGA\.\n.*Character set: UTF-8/s);
    await command(term, 'toggle options');
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
    await term.keys('C-a');
    await term.waitFor(/telpty>$/);
    // ^C, an empty line and ^D lead back.
    await term.keys('C-c');
    await term.type('1');
    await wire.expect('1');
    await term.keys('C-a');
    await term.waitFor(/telpty>$/);
    await term.keys('C-d');
    await term.type('2');
    await wire.expect('2');
    await term.keys('C-a');
    await term.waitFor(/telpty>$/);
    await term.keys('Enter');
    await term.type('3');
    await wire.expect('3');
    await term.keys('C-a');
    await term.waitFor(/telpty>$/);
    await term.type('?\r');
    await term.waitFor(/names to toggle: options, crmod, binary, localecho/);
    await term.keys('C-a');
    await term.waitFor(/telpty>$/);
    await term.type('mode line\r');
    await wire.expectNegotiation(DONT, OPT.ECHO);
    await wire.expectNegotiation(DONT, OPT.SGA);
    await term.keys('C-a');
    await term.waitFor(/telpty>$/);
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
  await using term = await open(peer.port, ['--escape', 'none', '--mode', 'line']);
  const wire = await peer.accept();
  wire.negotiate(WILL, OPT.SGA);
  wire.negotiate(WILL, OPT.ECHO);
  await wire.expectNegotiation(DONT, OPT.ECHO);
  wire.negotiate(WONT, OPT.SGA);
  wire.negotiate(WONT, OPT.ECHO);
  await term.type('a\x1db\r');
  await wire.expect(Buffer.from('a\x1db\r\n'));
});
