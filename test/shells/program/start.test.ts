/** From the connection to the program's first instruction: negotiation, waits, and the values that are passed on. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { ptyShell } from '../../../src/index.ts';
import { CMD, hex, naws, OPT, subnegotiation } from '../../support/clients/test-client.ts';
import { Host, hostScript, XTERM } from '../../support/servers/host.ts';
import { stall } from '../../support/stall.ts';

const { WILL, WONT, DO, DONT, IAC } = CMD;
const FACTS = 'stty size; echo "TERM=$TERM LANG=$LANG LC_ALL=$LC_ALL"; echo ok';

test('terminal type, window size, language and character set reach the program', async () => {
  await using host = await hostScript(FACTS);
  await using wire = await host.connect({ ...XTERM, environ: { LANG: 'de_DE.UTF-8' } });
  await wire.expect('30 100');
  await wire.expect(/TERM=xterm-256color LANG=(\S+)\.UTF-8 LC_ALL=\1\.UTF-8\r\n/);
  await wire.expect('ok');
  await wire.untilEnd();
});

test('the X display that a client sends by XDISPLOC reaches the program as DISPLAY', async () => {
  await using host = await hostScript('echo "DISPLAY=$DISPLAY"', { negotiationTimeout: 60_000 });
  await using wire = await host.connect({ silent: true });
  wire.negotiate(WILL, OPT.XDISPLOC);
  await wire.expect(subnegotiation(OPT.XDISPLOC, [1]));
  wire.subnegotiate(OPT.XDISPLOC, Buffer.from('\0ada.example:0.0'));
  for (const option of [OPT.NEW_ENVIRON, OPT.TTYPE, OPT.NAWS]) wire.negotiate(WONT, option);
  for (const option of [OPT.CHARSET, OPT.ECHO, OPT.SGA]) wire.negotiate(DONT, option);
  await wire.expect('DISPLAY=ada.example:0.0\r\n');
});

test('a client that refuses everything gets 80x24 and xterm, without a wait', async () => {
  await using host = await hostScript(FACTS, { negotiationTimeout: 60_000 });
  await using wire = await host.connect();
  await wire.expect('24 80');
  await wire.expect(/TERM=xterm LANG=(\S+)\.UTF-8 LC_ALL=\1\.UTF-8\r\n/);
});

test('a client that answers nothing gets its program after the negotiation timeout, and not before', async () => {
  await using host = await hostScript('echo started', { negotiationTimeout: 400 });
  const before = performance.now();
  await using wire = await host.connect({ silent: true });
  await wire.expect('started');
  const waited = performance.now() - before;
  assert.ok(waited >= 395, `it started after ${waited} ms`);
});

test('answers that arrived in time count, although the server was busy until after the negotiation timeout', async () => {
  for (let isInTime = false; !isInTime; ) {
    await using host = await hostScript('stty size; echo "<$COLORTERM>"', { negotiationTimeout: 300 });
    const began = performance.now();
    await using wire = await host.connect({ silent: true });
    await wire.expectNegotiation(DO, OPT.NAWS);
    wire.negotiate(WILL, OPT.NEW_ENVIRON);
    wire.subnegotiate(OPT.NEW_ENVIRON, Buffer.from('\0\0COLORTERM\x01truecolor'));
    wire.negotiate(WILL, OPT.NAWS);
    wire.send(naws(90, 20));
    wire.negotiate(WONT, OPT.TTYPE);
    // Otherwise this process was busy before, and the next round counts.
    isInTime = performance.now() - began < 290;
    stall(400);
    await wire.expect(isInTime ? '20 90\r\n<truecolor>\r\n' : '>\r\n');
  }
});

test('a size of 0 is unknown, a huge one is bounded, and a byte 255 in it is preserved', async () => {
  for (const [size, expected] of [
    [[0, 0], '24 80'],
    [[0, 50], '50 80'],
    [[255, 255], '255 255'],
    [[65_535, 65_535], '4096 4096'],
  ] as const) {
    await using host = await hostScript('stty size');
    await using wire = await host.connect({ ttype: ['xterm'], size });
    await wire.expect(`${expected}\r\n`);
  }
});

test('TERM: entries with padding become ansi, an unknown terminal the default, and names have the form of terminfo', async () => {
  for (const [names, expected] of [
    [['VT100'], 'ansi'],
    [['VTNT'], 'ansi'],
    [['vt52'], 'ansi'],
    [['VT220'], 'vt220'],
    [['Linux'], 'linux'],
    [['UNKNOWN'], 'xterm'],
    [['../../etc/passwd'], 'xterm'],
    // A MUD client: its own name, its terminal, its capabilities.
    [['TINTIN++', 'XTERM-TRUECOLOR', 'MTTS 2831'], 'xterm-256color'],
    [['MUDLET', 'ANSI-TRUECOLOR', 'MTTS 2349'], 'ansi'],
  ] as const) {
    await using host = await hostScript('echo "[$TERM]"');
    await using wire = await host.connect({ ttype: names, size: [80, 24] });
    await wire.expect(`[${expected}]`);
  }
});

test('a client that sends one terminal type and then no more does not delay its program', async () => {
  await using host = await hostScript('echo started', { negotiationTimeout: 60_000 });
  await using wire = await host.connect({ silent: true });
  for (const [verb, option] of [
    [WONT, OPT.NEW_ENVIRON],
    [DONT, OPT.CHARSET],
    [WILL, OPT.NAWS],
    [WILL, OPT.TTYPE],
  ] as const) {
    wire.negotiate(verb, option);
  }
  wire.send(naws(90, 20));
  wire.send(subnegotiation(OPT.TTYPE, [0, ...Buffer.from('XTERM')]));
  await wire.expect('started');
});

test('the wait for the environment after an agreement to send it is short', async () => {
  await using host = await hostScript('echo "LANG=$LANG"', { negotiationTimeout: 30_000 });
  await using wire = await host.connect({ silent: true });
  wire.negotiate(WILL, OPT.NEW_ENVIRON);
  wire.negotiate(WONT, OPT.TTYPE);
  wire.negotiate(WONT, OPT.NAWS);
  await wire.expect(/LANG=\S+\.UTF-8\r\n/);
});

test('the longer the negotiation timeout, the later a client may send an environment that it has agreed to', async () => {
  await using host = await hostScript('echo "<$COLORTERM>"', { negotiationTimeout: 60_000 });
  await using wire = await host.connect({ silent: true });
  wire.negotiate(WILL, OPT.NEW_ENVIRON);
  wire.negotiate(WONT, OPT.TTYPE);
  wire.negotiate(WONT, OPT.NAWS);
  // The shortest wait is 250 ms.
  await delay(400);
  wire.subnegotiate(OPT.NEW_ENVIRON, Buffer.from('\0\0COLORTERM\x01late'));
  await wire.expect('<late>');
});

test('input before the program starts is kept, in order', async () => {
  await using host = await hostScript('read a; read b; echo "<$a|$b>"', { negotiationTimeout: 300 });
  await using wire = await host.connect({ silent: true });
  wire.send('first\r\n');
  wire.send('second\r\n');
  await wire.expect('<first|second>');
});

test('changes after the start are applied: size and terminal type', async () => {
  await using host = await hostScript('trap "stty size" WINCH; echo started; while :; do read x; done', {
    negotiationTimeout: 50,
  });
  await using wire = await host.connect({ silent: true });
  await wire.expect('started');
  wire.negotiate(WILL, OPT.NAWS);
  wire.send(naws(111, 33));
  await wire.expect('33 111');
  const [session] = host.server.sessions;
  wire.negotiate(WILL, OPT.TTYPE);
  await wire.expect(Buffer.from([IAC, CMD.SB, OPT.TTYPE, 1, IAC, CMD.SE]));
  wire.send(subnegotiation(OPT.TTYPE, [0, ...Buffer.from('VT220')]));
  wire.command(CMD.AYT);
  await wire.expect('[telpty: yes]');
  assert.equal(session?.terminal.type, 'VT220');
});

test('all requests at the start are sent in one packet', async () => {
  await using host = await hostScript('echo x', { negotiationTimeout: 500 });
  await using wire = await host.connect({ silent: true });
  await wire.expect(hex('ff fb 03'));
  const opening = Buffer.from(wire.raw.bytes);
  for (const [verb, option] of [
    [DO, OPT.TTYPE],
    [DO, OPT.NAWS],
    [DO, OPT.NEW_ENVIRON],
    [WILL, OPT.CHARSET],
    [WILL, OPT.SGA],
    [DO, OPT.BINARY],
    [WILL, OPT.BINARY],
  ] as const) {
    assert.ok(opening.includes(Buffer.from([IAC, verb, option])), `${verb} ${option} is in the first packet`);
  }
});

test('a program that cannot be started: one line for the client, the server continues, the error has the errno', async () => {
  await using host = await Host.start({ shell: ptyShell('/no/such/program') });
  for (let i = 1; i <= 2; i++) {
    await using wire = await host.connect(XTERM);
    await wire.expect("telpty: cannot start '/no/such/program': no such file or directory\r\n");
    await wire.untilEnd();
    const outcome = await host.outcome(i);
    assert.equal((outcome.error as { code: string }).code, 'ERR_PTY_SPAWN');
    assert.equal((outcome.error as { systemCode: string }).systemCode, 'ENOENT');
  }
});

test('a directory that does not exist is reported, too', async () => {
  await using host = await hostScript('true', { cwd: '/no/such/directory' });
  await using wire = await host.connect(XTERM);
  await wire.expect(/telpty: cannot start '\/bin\/sh': .*\/no\/such\/directory.*no such file or directory\r\n/);
  await wire.untilEnd();
});

test('invalid options throw when the shell is created', () => {
  assert.throws(() => ptyShell('sh', [], { encoding: 'klingon' }), { code: 'ERR_INVALID_ARGUMENT' });
  assert.throws(() => ptyShell('sh', [], { mode: 'half' as 'raw' }), { code: 'ERR_INVALID_ARGUMENT' });
});
