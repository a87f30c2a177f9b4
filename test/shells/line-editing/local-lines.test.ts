/** MUD clients: they edit and echo by themselves, and interpret WILL ECHO as a password prompt. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Modes } from '../../../src/pty/index.ts';
import { Editing } from '../../../src/shells/line-editing/driver.ts';
import { SHELL_MODES } from '../../../src/shells/program/modes.ts';
import { CMD, OPT, subnegotiation, type Wire } from '../../support/clients/test-client.ts';
import { hostScript } from '../../support/servers/host.ts';

const MUD_CLIENT = {
  ttype: ['TINTIN++', 'XTERM', 'MTTS 137'],
  size: [80, 24] as [number, number],
  refuse: [OPT.BINARY],
};

/** The commands for ECHO so far. */
const echoes = (wire: Wire): number[] =>
  wire.events.flatMap(event => (event.type === 'negotiate' && event.option === OPT.ECHO ? [event.command] : []));

test('WILL ECHO is in effect while the program has switched its echo off, and only then', async () => {
  await using host = await hostScript(`
    stty -a | grep -o -e '-*echo\\>'; echo ok
    read -r name; echo "name <$name>"
    stty -echo; printf 'Password: '; read -r secret; stty echo; echo
    echo "secret <$secret>"; read -r more; echo "more <$more>"`);
  await using wire = await host.connect(MUD_CLIENT);
  await wire.expect('ok\r\n');
  assert.ok(wire.text().startsWith('echo\r\n'), 'the program sees its echo on');
  assert.deepEqual(echoes(wire), []);
  wire.type('ada\r\n');
  await wire.expect('name <ada>');
  await wire.expect('Password: ');
  await wire.until(() => wire.isEnabled(OPT.ECHO, 'theirs'));
  wire.type('sesame\r\n');
  await wire.expect('secret <sesame>');
  await wire.until(() => !wire.isEnabled(OPT.ECHO, 'theirs'));
  wire.type('lines\r\n');
  await wire.expect('more <lines>');
  assert.deepEqual(echoes(wire), [CMD.WILL, CMD.WONT]);
  for (const typed of ['ada', 'sesame', 'lines']) {
    assert.equal(wire.text().split(typed).length, 2, `${typed} is on the screen once, as the program prints it`);
  }
});

test('each program gets the line that it reads, also if lines were typed ahead, and signal keys work', async () => {
  await using host = await hostScript(`
    trap 'echo interrupted' INT; echo ok; read -r first; echo "<$first>"; sh -c 'read -r second; echo "<<$second>>"'
    while :; do read -r last && echo "<<<$last>>>"; done`);
  await using wire = await host.connect(MUD_CLIENT);
  await wire.expect('ok\r\n');
  wire.type('one\r\ntwo\r\nthree\r\n');
  await wire.expect('<one>');
  await wire.expect('<<two>>');
  await wire.expect('<<<three>>>');
  for (let i = 0; i < 20; i++) {
    wire.type('\x03');
    await wire.expect('interrupted');
  }
  // Also between lines: unread lines before it are discarded, as in a terminal.
  wire.type('\x03four\r\n');
  await wire.expect('interrupted');
  await wire.expect('<<<four>>>');
});

test('a chunk may consist of signal keys only', () => {
  const modes: Modes = { icanon: true, extproc: true, isig: true, vintr: 0x03, vquit: 0x1c };
  let signals = 0;
  const pty = {
    modes: () => modes,
    mode: (name: keyof Modes) => modes[name],
    master: { followModes: () => {}, setExternalProcessing: () => {} },
    flushInput: () => true,
    flushOutput: () => true,
    signalForeground: () => ++signals > 0,
  };
  const session = {
    telnet: { request: () => {}, has: () => false, isEnabled: () => false, isSettled: () => false },
    terminal: { types: ['TINTIN++'] },
    batch: (block: () => void) => block(),
  };
  const options = { mode: SHELL_MODES.character, lineMode: true, erase: 0x7f, echo: true };
  const editing = new Editing(session as never, pty as never, options);
  editing.begin();
  assert.equal(editing.type(Buffer.alloc(64 * 1024, '\x03\x1c')), true);
  assert.equal(signals, 64 * 1024);
  editing.stop();
});

test('a program that reads keys gets the characters of the line', async () => {
  await using host = await hostScript(
    `stty raw -echo; echo ok; dd bs=1 count=4 2>/dev/null | od -An -tx1; stty sane; echo over`,
  );
  await using wire = await host.connect(MUD_CLIENT);
  await wire.expect('ok\n');
  wire.type('abc\r\n');
  await wire.expect('61 62 63 0d');
  await wire.expect('over');
  assert.deepEqual(
    echoes(wire).filter(said => said === CMD.WILL),
    [],
  );
});

test('a client whose last name identifies it as a MUD client is sent WONT ECHO', async () => {
  await using host = await hostScript('echo ok; while read -r line; do echo "<$line>"; done');
  await using wire = await host.connect({ ...MUD_CLIENT, ttype: ['XTERM', 'VT100', 'MTTS 137'] });
  await wire.expect('ok\r\n');
  await wire.until(() => echoes(wire).includes(CMD.WONT));
  wire.type('typed\r\n');
  await wire.expect('<typed>');
  assert.equal(wire.text().split('typed').length, 2);
  assert.deepEqual(echoes(wire), [CMD.WILL, CMD.WONT]);
});

test('lines that a program has not read are converted to keys when it starts to read keys', async () => {
  await using host = await hostScript(`
    echo ok; read -r first; echo "<$first>"; sleep 0.1; stty raw -echo; sleep 0.5; dd bs=1 count=8 2>/dev/null | od -An -tx1
    stty sane; echo again; read -r last; echo "<$last>"`);
  await using wire = await host.connect(MUD_CLIENT);
  await wire.expect('ok\r\n');
  wire.type('one\r\ntwo\r\nsix\r\n');
  await wire.expect('<one>');
  await wire.expect('74 77 6f 0a 73 69 78 0d');
  await wire.expect('again');
  wire.type('more\r\n');
  await wire.expect('<more>');
});

test('each password is hidden from a client that follows WILL ECHO and WONT ECHO, but answers neither', async () => {
  await using host = await hostScript(`
    for n in 1 2 3; do stty -echo; printf "Password $n: "; read -r secret; stty echo; echo; echo "secret <$secret>"; read -r more; done`);
  await using wire = await host.connect({ silent: true });
  const asked = () => wire.events.filter(event => event.type === 'subnegotiation' && event.option === OPT.TTYPE).length;
  wire.negotiate(CMD.WONT, OPT.NAWS);
  wire.negotiate(CMD.WILL, OPT.TTYPE);
  for (const [count, name] of MUD_CLIENT.ttype.entries()) {
    await wire.until(() => asked() > count);
    wire.send(subnegotiation(OPT.TTYPE, [0, ...Buffer.from(name)]));
  }
  for (let n = 1; n <= 3; n++) {
    await wire.expect(`Password ${n}: `);
    await wire.until(() => echoes(wire).length === 2 * n - 1);
    wire.send('sesame\r\n');
    await wire.expect('secret <sesame>');
    await wire.until(() => echoes(wire).length === 2 * n);
    wire.send('more\r\n');
  }
  await wire.untilEnd();
  assert.deepEqual(echoes(wire), [CMD.WILL, CMD.WONT, CMD.WILL, CMD.WONT, CMD.WILL, CMD.WONT]);
});
