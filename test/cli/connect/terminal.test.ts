/** `telpty connect` for a person: in a real terminal, with real servers, and the state of the terminal afterwards. */
import assert from 'node:assert/strict';
import { cpSync, mkdtempSync, readFileSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { clientPid, command, openClient } from '../../support/clients/connect.ts';
import { Peer } from '../../support/clients/peer.ts';
import { CMD, OPT, subnegotiation } from '../../support/clients/test-client.ts';
import { Terminal } from '../../support/clients/tmux.ts';
import { CLI, startServer } from '../../support/servers/server.ts';
import { Telnetd } from '../../support/servers/telnetd.ts';
import { AT_PROMPT, INTERRUPTIBLE, startBashServer } from '../../support/system/programs.ts';

const TIMEOUT = { timeout: 600_000 };
const { WILL, DO } = CMD;

/** A shell without line editing, which does not change the terminal's modes, and the client in it. */
/** @param first commands for the shell before the client. */
async function openFromShell(port: number, first = ''): Promise<Terminal> {
  const term = await Terminal.start(['/bin/sh', '-i'], { env: { PS1: 'local> ' } });
  await term.waitFor(/^local>$/);
  await term.type('stty -g >"$HOME/before"\r');
  await term.type(`${first}${process.execPath} ${CLI} connect 127.0.0.1 ${port}\r`);
  return term;
}

/** Fails unless the terminal has been restored for the shell. */
async function assertRestored(term: Terminal, status: number): Promise<void> {
  await term.waitFor(/local>$/);
  await term.type('echo "left with $?"; stty -g >"$HOME/after"; echo compared\r');
  const screen = await term.waitFor(/\ncompared\n/);
  assert.match(screen, new RegExp(`\nleft with ${status}\n`));
  const modes = (name: string) => readFileSync(join(term.home, name), 'utf8');
  assert.equal(modes('after'), modes('before'));
}

test('a shell: size, resize, interrupt, job control, a password, an editor', TIMEOUT, async () => {
  await using server = await startBashServer();
  await using term = await openClient(server.port, [], { cols: 101, rows: 31 });
  await term.waitFor(AT_PROMPT);
  await term.type('stty size; echo "$TERM"\r');
  await term.waitFor(/\n31 101\ntmux-256color\nready\$$/);
  await term.resize(90, 20);
  await term.type('clear; stty size\r');
  await term.waitFor(/20 90\nready\$$/);

  await term.type(`clear; ${INTERRUPTIBLE}\r`);
  await term.waitFor(/started$/);
  await term.untilModes('icanon');
  await term.keys('C-c');
  await term.waitFor(/\^C\nready\$$/);
  // The client prints when it continues: before that the terminal still has the modes of the shell's editor.
  await term.type(`clear; perl -e '$|=1; $SIG{CONT}=sub {print "back\\n"}; print "reading\\n"; print while <STDIN>'\r`);
  await term.waitFor(/reading$/);
  await term.untilModes('icanon');
  await term.keys('C-z');
  await term.waitFor(/Stopped [\s\S]*\nready\$$/);
  await term.type('fg\r');
  await term.waitFor(/back$/);
  await term.untilModes('icanon');
  await term.type('still here\r');
  await term.waitFor(/still here\nstill here$/);
  await term.keys('C-d');
  await term.type('clear; read -rsp "secret: " word\r');
  await term.waitFor(/secret:$/);
  await term.untilModes('icanon', '-echo');
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

for (const [name, which, command] of [
  ['GNU', 'gnu', '/bin/sh -i'],
  ['busybox', 'busybox', '/bin/sh'],
] as const) {
  test(`telnetd of ${name}: a shell, a password, an interrupt, a resize, an editor`, TIMEOUT, async () => {
    await using server = await Telnetd.start(command, which);
    await using term = await openClient(server.port);
    await term.waitFor(/[#$]$/);
    await term.type('PS1="at prompt: "; clear\r');
    await term.waitFor(/^at prompt:$/);
    await term.type('stty size; echo "$TERM"\r');
    // Busybox never requests the terminal type.
    await term.waitFor(/24 80\n\S*\nat prompt:$/);
    await term.type('clear; printf "secret: "; stty -echo; read -r word; stty echo; clear; echo "<$word>"\r');
    await term.waitFor(/secret:$/);
    await term.type('hush\r');
    await term.waitFor(/^<hush>\nat prompt:$/);
    await term.type(`clear; ${INTERRUPTIBLE}\r`);
    await term.waitFor(/started$/);
    await term.keys('C-c');
    await term.waitFor(/\^C\n+at prompt:$/);
    await term.resize(90, 20);
    await term.type('until [ "$(stty size)" = "20 90" ]; do sleep 0.05; done; clear; echo sized\r');
    await term.waitFor(/^sized\nat prompt:$/);
    await term.type('cd "$(mktemp -d)"; TERM=xterm vim -u NONE -N file\r');
    await term.waitFor(/file.*\[New\]/);
    await term.type('ithe text');
    await term.keys('Escape');
    await term.type(':wq\r');
    await term.waitFor(/at prompt:$/);
    await term.type('clear; cat file; rm -r "$PWD"\r');
    await term.waitFor(/^the text\nat prompt:$/);
    await term.type('exit\r');
    assert.equal(await term.exitStatus(), 0);
  });
}

test('the terminal is restored, however the session ends', { timeout: 600_000 }, async () => {
  await using server = await startBashServer();
  const ways: [way: (term: Terminal) => Promise<unknown>, status: number][] = [
    [term => term.type('exit\r'), 0],
    [term => command(term, 'quit'), 0],
    [async term => void process.kill(await clientPid(term), 'SIGTERM'), 143],
    [async term => void process.kill(await clientPid(term), 'SIGHUP'), 129],
    [async term => void process.kill(await clientPid(term), 'SIGINT'), 130],
  ];
  for (const [way, status] of ways) {
    await using term = await openFromShell(server.port);
    await term.waitFor(AT_PROMPT);
    await way(term);
    await assertRestored(term, status);
  }
  // A server that is killed, one that resets, and one that does not exist.
  await using telnetd = await Telnetd.start('/bin/sh -i');
  await using killed = await openFromShell(telnetd.port);
  await killed.waitFor(/[#$]$/);
  // Once this is answered, everything sent before has been read: a server killed with unread input would reset the
  // connection.
  await killed.type('echo settled\r');
  await killed.waitFor(/\nsettled\n/);
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

test('it can be suspended, by the prompt and by a signal, and continues with the current size', TIMEOUT, async () => {
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
    // Servers may wait until the size has settled.
    await term.type('until [ "$(stty size)" = "25 95" ]; do sleep 0.05; done; clear; echo sized\r');
    await term.waitFor(/^sized\nready\$$/);
    await term.resize(80, 24);
  }
  await term.type('exit\r');
  await assertRestored(term, 0);
});

test('without the addon: the same, except that in lines the escape key works at their end', TIMEOUT, async () => {
  const root = fileURLToPath(new URL('../../..', import.meta.url));
  const directory = mkdtempSync(join(tmpdir(), 'telpty-bare-'));
  try {
    cpSync(join(root, 'dist'), join(directory, 'dist'), { recursive: true });
    cpSync(join(root, 'package.json'), join(directory, 'package.json'));
    symlinkSync(join(root, 'node_modules'), join(directory, 'node_modules'));
    await using peer = await Peer.listen();
    await using term = await openClient(peer.port, [], { cli: join(directory, 'dist/cli/main.js') });
    const wire = await peer.accept();
    await term.waitFor(/Escape character is/);
    await term.type('lines\r');
    await wire.expect(Buffer.from('lines\r\n'));
    await term.type('part\x1d\r');
    await term.waitFor(/telpty>$/);
    await wire.expect(Buffer.from('part'));
    await term.type('\r');
    wire.negotiate(WILL, OPT.ECHO);
    wire.negotiate(WILL, OPT.SGA);
    await wire.expectNegotiation(DO, OPT.SGA);
    await term.type('k');
    await wire.expect(Buffer.from('k'));
    await command(term, 'quit');
    await wire.untilEnd();
    assert.equal(await term.exitStatus(), 0);
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
});

test('a server of telpty in line mode gets lines, echoed locally', TIMEOUT, async () => {
  await using server = await startServer(['--mode', 'line'], { program: ['/bin/sh', '-c', 'read -r a; echo "<$a>"'] });
  await using term = await openClient(server.port);
  await term.waitFor(/Escape character is/);
  await term.type('twp');
  await term.keys('BSpace');
  await term.type('o\r');
  const screen = await term.waitFor(/<two>\n\nConnection closed/);
  assert.match(screen, /\ntwo\n<two>\n/);
});

test('the speed of the terminal is reported to a server that requests it (TSPEED)', TIMEOUT, async () => {
  await using peer = await Peer.listen();
  await using term = await openFromShell(peer.port, 'stty 9600; ');
  const wire = await peer.accept();
  wire.negotiate(CMD.DO, OPT.TSPEED);
  await wire.expectNegotiation(CMD.WILL, OPT.TSPEED);
  wire.subnegotiate(OPT.TSPEED, [1]);
  await wire.expect(subnegotiation(OPT.TSPEED, Buffer.from('\x009600,9600')));
  wire.close();
  await term.waitFor(/Connection closed by foreign host/);
});
