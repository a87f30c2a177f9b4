/** The terminal while the program runs: modes, keys, sizes, prompts, frames, interrupts. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { connect, ptyShell } from '../../../src/index.ts';
import { Option } from '../../../src/protocol/index.ts';
import { Screen } from '../../support/clients/screen.ts';
import { CMD, hex, OPT } from '../../support/clients/test-client.ts';
import { untilTrue } from '../../support/leaks.ts';
import { Host, hostScript, XTERM } from '../../support/servers/host.ts';
import { requireTool } from '../../support/system/tools.ts';

const { WILL, WONT, DO, DONT } = CMD;
const FLAGS =
  'stty -a | tr " ;" "\\n\\n" | grep -x -e "-\\?icanon" -e "-\\?echo" -e "-\\?isig" -e "-\\?iutf8"; stty -a | tr ";" "\\n" | grep erase';

test('character: cooked with echo, and the client gets WILL ECHO', async () => {
  await using host = await hostScript(`${FLAGS}; echo ok; read line; echo "got <$line>"`);
  await using wire = await host.connect(XTERM);
  await wire.expect(/\r\nok\r\n/);
  for (const flag of ['icanon', 'echo', 'isig', 'iutf8']) assert.match(wire.text(), new RegExp(`(^|\\n)${flag}\\r`));
  assert.match(wire.text(), /erase = \^\?/);
  assert.ok(wire.isEnabled(OPT.ECHO, 'theirs'));
  assert.ok(wire.isEnabled(OPT.SGA, 'theirs'));
  wire.type('abc\r');
  await wire.expect('abc\r\ngot <abc>');
});

test('the erase key deletes whole characters of the program’s character set, whatever determines the set', async () => {
  for (const [options, expected] of [
    [XTERM, 'iutf8'],
    [{ ...XTERM, environ: { LANG: 'de_DE.ISO-8859-1' } }, '-iutf8'],
    [{ ...XTERM, charset: 'KOI8-R' }, '-iutf8'],
  ] as const) {
    await using host = await hostScript(`${FLAGS}; echo ok`);
    await using wire = await host.connect(options);
    await wire.expect(/\r\nok\r\n/);
    assert.match(wire.text(), new RegExp(`(^|\\n)${expected}\r`));
  }
});

test('raw: the program gets every byte immediately, and nothing is echoed', async () => {
  await using host = await hostScript(`${FLAGS}; echo ok; dd bs=1 count=3 2>/dev/null | od -An -tx1`, { mode: 'raw' });
  await using wire = await host.connect(XTERM);
  await wire.expect(/\r\nok\r\n/);
  for (const flag of ['-icanon', '-echo']) assert.match(wire.text(), new RegExp(`(^|\\n)${flag}\\r`));
  wire.type('a\x7f\x08');
  assert.equal((await wire.expect(/61 7f 08/)).trim(), '61 7f 08');
  assert.ok(!wire.text().includes('a\x7f'), 'no echo');
});

test('line: the client edits and echoes; DEL is converted to ^H, which erases', async () => {
  await using host = await hostScript(
    `${FLAGS}; echo ok; read line; echo "got <$line>"; read line; echo "got <$line>"`,
    { mode: 'line' },
  );
  await using wire = await host.connect(XTERM);
  await wire.expect(/\r\nok\r\n/);
  for (const flag of ['icanon', '-echo']) assert.match(wire.text(), new RegExp(`(^|\\n)${flag}\\r`));
  assert.match(wire.text(), /erase = \^H/);
  assert.ok(!wire.isEnabled(OPT.ECHO, 'theirs') && !wire.isEnabled(OPT.SGA, 'theirs'));
  wire.send('abd\x7fc\r\n');
  await wire.expect('got <abc>');
  wire.send('xy\x08z\r\n');
  await wire.expect('got <xz>');
});

test('line: a client that requests SGA, as PuTTY always does, is refused: otherwise it would not edit', async () => {
  await using host = await hostScript('echo ok; read line', { mode: 'line' });
  await using wire = await host.connect(XTERM);
  await wire.expect(/ok\r\n/);
  wire.negotiate(DO, OPT.SGA);
  await wire.expectNegotiation(WONT, OPT.SGA);
});

test('line: with BINARY, DEL is passed to the program', async () => {
  await using host = await hostScript('echo ok; read line; printf %s "$line" | od -An -tx1', { mode: 'line' });
  await using wire = await host.connect({ ...XTERM });
  await wire.expect('ok');
  wire.negotiate(WILL, OPT.BINARY);
  await wire.expectNegotiation(DO, OPT.BINARY);
  wire.send('a\x7f\n');
  await wire.expect('61 7f');
});

test('line: a client that requests ECHO is refused', async () => {
  await using host = await hostScript('echo ok; read line', { mode: 'line' });
  await using wire = await host.connect(XTERM);
  await wire.expect('ok');
  wire.negotiate(DO, OPT.ECHO);
  await wire.expectNegotiation(WONT, OPT.ECHO);
});

test('the erase character is what the terminal sends: by its type, then by the keys that are typed', async () => {
  for (const [type, key, shown] of [
    ['xterm', '\x7f', '^?'],
    ['ansi', '\x08', '^H'],
    ['xterm', '\x08', '^H'],
    ['ansi', '\x7f', '^?'],
  ] as const) {
    await using host = await hostScript('echo ok; read line; echo "got <$line>"; stty -a | tr ";" "\\n" | grep erase');
    await using wire = await host.connect({ ...XTERM, ttype: [type] });
    await wire.expect('ok\r\n');
    wire.type(`abd${key}c\r`);
    await wire.expect('got <abc>');
    await wire.expect(`erase = ${shown}`);
  }
});

test('the terminal’s echo follows the negotiation with the client', async () => {
  await using host = await hostScript('echo ok; while read line; do echo "got <$line>"; done');
  await using wire = await host.connect({ silent: true });
  wire.negotiate(WONT, OPT.TTYPE);
  await wire.expectNegotiation(WILL, OPT.ECHO);
  wire.negotiate(DONT, OPT.ECHO);
  wire.negotiate(WONT, OPT.NAWS);
  await wire.expect('ok\r\n');
  wire.type('one\r');
  await wire.expect('got <one>');
  assert.ok(!wire.text().includes('one\r\n'), 'a client that echoes itself does not get an echo');
  const offers = wire.events.filter(
    said => said.type === 'negotiate' && said.command === CMD.WILL && said.option === OPT.ECHO,
  );
  assert.equal(offers.length, 1, 'a client that has refused is not asked again');
  wire.negotiate(DO, OPT.ECHO);
  wire.type('two\r');
  await wire.expect('two\r\ngot <two>');
});

test('a series of 50 sizes: few signals, and the last size applies', async () => {
  await using host = await hostScript('trap \'echo "size $(stty size)"\' WINCH; echo ok; while :; do read x; done');
  await using wire = await host.connect(XTERM);
  await wire.expect('ok\r\n');
  for (let i = 1; i <= 50; i++) wire.resize(100 + i, 40);
  await wire.expect('size 40 150');
  const signals = wire.text().match(/size /g)?.length ?? 0;
  assert.ok(signals >= 1 && signals <= 5, `${signals} signals`);
  wire.resize(0, 50);
  await wire.expect('size 50 150');
});

test('LINES and COLUMNS are exported only on request', async () => {
  const script = 'echo "[$LINES,$COLUMNS]"';
  await using plain = await hostScript(script);
  await using one = await plain.connect(XTERM);
  await one.expect('[,]');
  await using pinned = await hostScript(script, { sizeEnv: true });
  await using two = await pinned.connect(XTERM);
  await two.expect('[30,100]');
});

test('with LINES and COLUMNS exported a curses program stays at its first size; without, it follows the window', async () => {
  const program = `
import curses
def main(screen):
    typed = 0
    while True:
        screen.erase()
        screen.addstr(0, 0, 'getmaxyx %dx%d, ' % screen.getmaxyx() + '%d typed.' % typed)
        screen.refresh()
        key = screen.getch()
        if key == ord('q'): return
        if key == ord('x'): typed += 1
curses.wrapper(main)`;
  for (const [sizeEnv, after] of [
    [true, '30x100'],
    [false, '40x120'],
  ] as const) {
    await using host = await Host.start({ shell: ptyShell(requireTool('python3'), ['-c', program], { sizeEnv }) });
    await using wire = await host.connect(XTERM);
    const screen = new Screen(120, 40);
    wire.onData(bytes => screen.feed(bytes));
    await screen.waitFor(() => screen.row(0).includes('getmaxyx 30x100, 0 typed.'));
    wire.resize(120, 40);
    // A key after the signal: once its effect is on the screen, that of the new size soon is, too.
    wire.type('x');
    await screen.waitFor(() => screen.row(0).includes(`getmaxyx ${after}, 1 typed.`));
    wire.type('q');
    await wire.untilEnd();
  }
});

test('a synchronized update is sent in one piece, however the program writes it', async () => {
  const begin = '\x1b[?2026h';
  const end = '\x1b[?2026l';
  // The frame is written in four parts, each of which waits for an answer of the client.
  const script = `stty -echo; while :; do printf 'ready'; read x; printf '\\033[?20'; printf '26hone'; read x; printf 'two'; read x; printf '\\033[?2026'; printf 'lafter'; read x; done`;
  await using host = await hostScript(script);
  await using wire = await host.connect(XTERM);
  const pieces: string[] = [];
  wire.onData(bytes => pieces.push(Buffer.from(bytes).toString('latin1')));
  const isWhole = () => pieces.some(piece => piece.includes(`${begin}onetwo${end}`));
  // More than once if the program is not scheduled for 10 ms in the middle of a sequence, which is then released.
  for (let round = 0; round < 20 && !isWhole(); round++) {
    await wire.expect('ready');
    wire.type('\r');
    wire.type('\r');
    wire.type('\r');
    await wire.expect('after');
    wire.type('\r');
  }
  assert.ok(isWhole(), JSON.stringify(pieces));
});

test('GA: only if SGA was refused, after silence, once, and not if it is switched off', async () => {
  const ga = hex('ff f9');
  const script =
    'printf "prompt> "; read x; i=0; while [ $i -lt 40 ]; do printf .; i=$((i+1)); sleep 0.01; done; printf "end"; read x; printf bye';
  await using host = await hostScript(script);
  await using asks = await host.connect({ ...XTERM, refuse: [OPT.SGA] });
  await asks.expect('prompt> ');
  await asks.expect(ga);
  // A program that is not scheduled is silent, too.
  let last = performance.now();
  let silences = 0;
  const [session] = host.server.sessions;
  session!.tap({
    output() {
      const now = performance.now();
      if (now - last > 95) silences++;
      last = now;
    },
  });
  asks.type('\r');
  last = performance.now();
  await asks.expect('end');
  await asks.expect(ga);
  const marks = asks.events.filter(event => event.type === 'command' && event.command === CMD.GA).length;
  assert.ok(marks >= 2 && marks <= 2 + silences, `${marks} marks, ${silences} silences inside the stream`);

  await using agrees = await host.connect(XTERM);
  await agrees.expect('prompt> ');
  agrees.type('\r');
  await agrees.expect('end');
  agrees.type('\r');
  await agrees.expect('bye');
  assert.ok(!agrees.events.some(event => event.type === 'command'));

  for (const options of [{ neverSendGa: true }, { mode: 'raw' as const }]) {
    await using quiet = await hostScript('printf "prompt> "; sleep 0.3; printf bye', options);
    await using wire = await quiet.connect({ ...XTERM, refuse: [OPT.SGA] });
    await wire.expect('bye');
    assert.ok(!wire.events.some(event => event.type === 'command'));
  }
});

test('GA in line mode, EOR if it was negotiated', async () => {
  await using host = await hostScript('printf "prompt> "; read x', { mode: 'line' });
  await using ga = await host.connect(XTERM);
  await ga.expect(hex('ff f9'));
  await using eor = await host.connect({ ...XTERM, accept: [OPT.EOR] });
  await eor.expect(hex('ff ef'));
  assert.ok(!eor.events.some(event => event.type === 'command' && event.command === CMD.GA));
});

test('IP, BRK, ABORT and SUSP have the effect of the keys', async () => {
  for (const [command, signal] of [
    [CMD.IP, 'INT'],
    [CMD.BRK, 'INT'],
    [CMD.ABORT, 'QUIT'],
    [CMD.SUSP, 'TSTP'],
  ] as const) {
    await using host = await hostScript(
      `trap 'echo caught ${signal}; exit 3' ${signal}; echo ok; while :; do sleep 0.02; done`,
    );
    await using wire = await host.connect(XTERM);
    await wire.expect('ok\r\n');
    wire.command(command);
    await wire.expect(`caught ${signal}`);
    await wire.untilEnd();
    assert.deepEqual((await host.outcome()).result, { code: 3, signal: null });
  }
});

test('an interrupt overtakes input that the program does not read, and discards it', async () => {
  const script = `trap hit=1 INT; stty raw -echo isig; echo ok
    while [ -z "$hit" ]; do sleep 0.02; done
    stty cooked; echo caught; read line; echo "<$line>"`;
  await using host = await hostScript(script);
  await using wire = await host.connect(XTERM);
  await wire.expect('ok');
  // More than the terminal accepts; the rest waits in the session, and the interrupt after it.
  wire.send(Buffer.alloc(150_000, 'x'));
  wire.command(CMD.IP);
  await wire.expect('caught');
  wire.type('after\r');
  await wire.expect('<after>');
});

test('EC, EL and EOF are the terminal’s own characters; while signals are off, IP is its character', async () => {
  await using host = await hostScript(
    'echo ok; read a; read b; echo "<$a|$b>"; cat; echo eof; stty -icanon -isig -echo; echo raw; dd bs=1 count=1 2>/dev/null | od -An -tx1',
  );
  await using wire = await host.connect(XTERM);
  await wire.expect('ok\r\n');
  wire.type('abx');
  wire.command(CMD.EC);
  wire.type('c\r');
  wire.type('junk');
  wire.command(CMD.EL);
  wire.type('good\r');
  await wire.expect('<abc|good>');
  wire.command(CMD.EOF);
  await wire.expect('eof\r\n');
  await wire.expect('raw\r\n');
  wire.command(CMD.IP);
  await wire.expect('03');
});

test('AYT is answered with visible text, and a flood of AYT gets few answers', async () => {
  await using host = await hostScript('echo ok; read x; echo bye');
  await using wire = await host.connect(XTERM);
  await wire.expect('ok');
  const start = performance.now();
  wire.send(Buffer.alloc(20_000, Buffer.from([CMD.IAC, CMD.AYT])));
  await wire.expect('[telpty: yes]');
  wire.type('\r');
  await wire.expect('bye');
  const answers = wire.text().match(/telpty: yes/g)?.length ?? 0;
  // Three in a second; a slow machine takes several to read them.
  const seconds = Math.floor((performance.now() - start) / 1000) + 1;
  assert.ok(answers >= 1 && answers <= 3 * (seconds + 1), `${answers} answers in ${seconds} s`);
});

test('every byte passes in both directions, decodable or not', async () => {
  const all = Buffer.from(Array.from({ length: 256 }, (_, i) => i));
  await using host = await hostScript('stty raw -echo; printf ok; exec cat');
  await using wire = await host.connect(XTERM);
  await wire.expect('ok');
  const from = wire.data.length;
  wire.type(all);
  await wire.untilData(from + 256);
  assert.deepEqual(Buffer.from(wire.data.bytes.subarray(from)), all);
  wire.type(Buffer.from([0xc3, 0x28, 0xff, 0xfe, 0x80]));
  await wire.untilData(from + 261);
  assert.deepEqual(Buffer.from(wire.data.bytes.subarray(from + 256)), Buffer.from([0xc3, 0x28, 0xff, 0xfe, 0x80]));
});

test('the Return key is one CR, also if it is split into two packets', async () => {
  await using host = await hostScript('stty raw -echo; printf ok; dd bs=1 count=6 2>/dev/null | od -An -tx1');
  await using wire = await host.connect({ ...XTERM, refuse: [OPT.BINARY] });
  await wire.expect('ok');
  await wire.sent('a\r');
  await wire.sent('\nb\r');
  await wire.sent('\0c\r\n');
  await wire.expect('61 0d 62 0d 63 0d');
});

test('LOGOUT of the client hangs up the program', async () => {
  await using host = await hostScript('echo ok; read x');
  await using wire = await host.connect(XTERM);
  await wire.expect('ok');
  wire.negotiate(DO, OPT.LOGOUT);
  await wire.expectNegotiation(WILL, OPT.LOGOUT);
  await wire.untilEnd();
  assert.deepEqual((await host.outcome()).result, { code: null, signal: 'SIGHUP' });
});
void DONT;

test('the terminal has the line speed that the client reports (TSPEED), or the next lower standard speed', async () => {
  for (const [receive, expected] of [
    [2400, /\r\n2400\r\n/],
    [100_000, /\r\n(?:76800|57600)\r\n/],
    [0, /\r\n38400\r\n/],
  ] as const) {
    await using host = await hostScript('read _; stty speed');
    const terminal = { type: 'xterm', columns: 80, rows: 24, speed: { transmit: 9600, receive } };
    await using session = await connect({ port: host.port, terminal, negotiate: 'active' });
    await untilTrue(() => [...host.server.sessions][0]?.terminal.speed?.receive === receive);
    session.write('\r');
    await session.readUntil(expected, { timeout: 300_000 });
  }
});

test('a line speed that is reported after the start reaches the terminal', async () => {
  await using host = await hostScript('echo ready; read _; stty speed');
  const terminal = { type: 'xterm', columns: 80, rows: 24, speed: { transmit: 9600, receive: 1200 } };
  await using session = await connect({ port: host.port, terminal });
  await session.readUntil('ready\r\n', { timeout: 300_000 });
  session.telnet.request(Option.TSPEED, 'local', true);
  await untilTrue(() => [...host.server.sessions][0]?.terminal.speed !== undefined);
  session.write('\r');
  await session.readUntil(/\r\n1200\r\n/, { timeout: 300_000 });
});
