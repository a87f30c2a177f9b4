/**
 * LINEMODE (RFC 1184): the requests of the server when the program changes its terminal, and the input that the program
 * gets.
 */
import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { addon } from '../../../src/native/load.ts';
import { Master } from '../../../src/pty/master.ts';
import { Editing } from '../../../src/shells/line-editing/driver.ts';
import { CMD, OPT, type Wire, type WireEvent } from '../../support/clients/test-client.ts';
import { untilTrue } from '../../support/leaks.ts';
import { type Host, hostScript, XTERM } from '../../support/servers/host.ts';
import { requireTool } from '../../support/system/tools.ts';

const LINEMODE = 34;
const LFLOW = 33;
const [MODE, SLC] = [1, 3];
const [EDIT, TRAPSIG, ACK, SOFT_TAB, LIT_ECHO] = [1, 2, 4, 8, 16];
const [VALUE, EC, IP] = [2, 10, 3];

/** Runs every line that it reads as a command. `modes` prints whether a mode of its terminal is on. */
const COMMANDS = `
modes() { for name; do case " $(stty -a) " in *" -$name"[\\ \\;]*) echo "$name off" ;; *" $name"[\\ \\;]*) echo "$name on" ;; esac; done; }
echo ok
while read -r line; do eval "$line"; done
echo end
`;

interface Typist {
  readonly wire: Wire;
  /** The requests of the server about line mode since the last call, as text; waits until there are `count`. */
  said(count: number): Promise<string[]>;
  /** Acknowledges the mode that was proposed last. */
  acknowledge(): void;
}

/** A client that performs LINEMODE and sends these special characters; it acknowledges no mode by itself. */
async function connect(host: Host, characters: number[] = [IP, VALUE, 3]): Promise<Typist> {
  const wire = await host.connect({ ...XTERM, accept: [LINEMODE, LFLOW] });
  await wire.expectNegotiation(CMD.DO, LINEMODE);
  if (characters.length > 0) wire.subnegotiate(LINEMODE, [SLC, ...characters]);
  let at = 0;
  let proposed = 0;
  const words = (event: WireEvent): string | undefined => {
    if (event.type === 'subnegotiation' && event.option === LINEMODE && event.payload[0] === MODE) {
      proposed = event.payload[1]!;
      return `MODE ${proposed}`;
    }
    if (event.type !== 'negotiate' || (event.option !== OPT.ECHO && event.option !== OPT.BINARY)) return undefined;
    if (event.command !== CMD.WILL && event.command !== CMD.WONT) return undefined;
    return `${event.command === CMD.WILL ? 'WILL' : 'WONT'} ${event.option === OPT.ECHO ? 'ECHO' : 'BINARY'}`;
  };
  const typist: Typist = {
    wire,
    async said(count) {
      let said: string[] = [];
      await wire.until(() => {
        said = wire.events
          .slice(at)
          .map(words)
          .filter(word => word !== undefined);
        return said.length >= count;
      });
      at = wire.events.length;
      return said;
    },
    acknowledge: () => wire.subnegotiate(LINEMODE, [MODE, proposed | ACK]),
  };
  assert.deepEqual(await typist.said(2), ['WILL BINARY', 'WILL ECHO']);
  return typist;
}

/** The same, but returns when the program is ready and the client edits. */
async function editing(host: Host, characters?: number[]): Promise<Typist> {
  const typist = await connect(host, characters);
  await typist.wire.expect('ok\r\n');
  assert.deepEqual(await typist.said(3), ['WONT ECHO', 'WONT BINARY', `MODE ${EDIT | TRAPSIG}`]);
  typist.acknowledge();
  return typist;
}

test('a program that reads lines gets them from a client that edits and echoes', async () => {
  await using host = await hostScript(COMMANDS);
  const { wire } = await editing(host);
  await using _ = wire;
  const before = wire.data.length;
  wire.send('modes icanon echo extproc\n');
  await wire.expect('icanon on\r\necho on\r\nextproc on\r\n');
  // The terminal has not echoed.
  assert.ok(!wire.text().slice(before).includes('modes'));
  wire.command(CMD.EOF);
  await wire.expect('end');
});

test('switching ECHO off sends WILL ECHO at once, raw mode sends MODE 0, and both are reversed', async () => {
  await using host = await hostScript(COMMANDS);
  const typist = await editing(host);
  const { wire, said, acknowledge } = typist;
  await using _ = wire;
  wire.send('stty -echo\n');
  assert.deepEqual(await said(1), ['WILL ECHO']);
  wire.send('stty echo\n');
  assert.deepEqual(await said(1), ['WONT ECHO']);
  wire.send('stty -isig tab3 -echoctl\n');
  assert.deepEqual(await said(1), [`MODE ${EDIT | SOFT_TAB | LIT_ECHO}`]);
  acknowledge();
  wire.send('stty isig tab0 echoctl\n');
  assert.deepEqual(await said(1), [`MODE ${EDIT | TRAPSIG}`]);
  acknowledge();
  for (let round = 0; round < 3; round++) {
    wire.send('stty raw -echo; echo "now raw"\n');
    assert.deepEqual(await said(3), ['MODE 0', 'WILL ECHO', 'WILL BINARY']);
    acknowledge();
    await wire.expect('now raw\n');
    // One key at a time, and the terminal's own modes soon apply.
    for (let answer = ''; !answer.startsWith('extproc off'); ) {
      for (const key of 'modes extproc echo\n') wire.send(key);
      answer = await wire.expect(/extproc o(n|ff)\necho off\n/);
    }
    wire.send('stty sane; echo "now sane"\n');
    await wire.expect('now sane\r\n');
    assert.deepEqual(await said(3), ['WONT ECHO', 'WONT BINARY', `MODE ${EDIT | TRAPSIG}`]);
    acknowledge();
    wire.send('modes extproc echo\n');
    await wire.expect('extproc on\r\necho on\r\n');
  }
});

test('no mode is switched while a program leaves and enters ICANON around short commands', async () => {
  await using host = await hostScript(`stty raw -echo; ${COMMANDS}`);
  const { wire, said } = await connect(host);
  await using _ = wire;
  await wire.expect('ok\n');
  // All input is typed ahead: until the program has read the last line it is not waiting for one, however slow it is.
  for (let round = 0; round < 20; round++) wire.send('stty sane; echo between; stty raw -echo; echo again\n');
  wire.send('stty sane; echo sane\n');
  for (let round = 0; round < 20; round++) await wire.expect('again\n');
  await wire.expect('sane\r\n');
  assert.deepEqual(await said(3), ['WONT ECHO', 'WONT BINARY', `MODE ${EDIT | TRAPSIG}`]);
});

/** Like a shell with its own editor: reads keys, and runs each line with the terminal in ICANON. */
const EDITS_ITSELF =
  'stty raw -echo; echo ok; while read -r line; do stty sane; eval "$line"; stty raw -echo; echo done; done';

test('a shell that edits by itself: slow commands switch no mode, a command that reads lines is detected by its first line', async () => {
  await using host = await hostScript(EDITS_ITSELF);
  const { wire, said, acknowledge } = await connect(host);
  await using _ = wire;
  await wire.expect('ok\n');
  const count = () => wire.events.length;
  for (const [round, command] of [
    'sleep 0.2',
    'sleep 0.15',
    'sleep 0.2; echo; sleep 0.2',
    'read -t 0.2 x',
    'sleep 0.2',
  ].entries()) {
    // Some input is typed ahead, too.
    wire.send(`${command}\n`, round === 1 ? 'true\n' : '');
    await wire.expect('done\n');
    if (round === 1) await wire.expect('done\n');
  }
  const before = count();
  wire.negotiate(CMD.DO, 200);
  await wire.until(() => count() > before);
  const switches = wire.events.filter(
    event => event.type === 'negotiate' && (event.option === OPT.ECHO || event.option === OPT.BINARY),
  );
  assert.ok(!switches.some(event => event.type === 'negotiate' && event.command === CMD.WONT), 'no mode was switched');
  wire.send('while read -r x; do echo "<$x>"; [ "$x" = two ] && break; done\n');
  await untilTrue(() => host.server.sessions.size === 1);
  wire.send('one\n');
  await wire.expect('<one>');
  const news = (await said(3)).slice(-3);
  assert.deepEqual(news, ['WONT ECHO', 'WONT BINARY', `MODE ${EDIT | TRAPSIG}`]);
  acknowledge();
  wire.send('two\n');
  await wire.expect('<two>');
  await wire.expect('done\n');
});

test('commands that read nothing, however long they take, switch modes less and less often', async () => {
  await using host = await hostScript(EDITS_ITSELF);
  const { wire } = await connect(host);
  await using _ = wire;
  await wire.expect('ok\n');
  for (let round = 0; round < 4; round++) {
    wire.send('sleep 1.5\n');
    await wire.expect('done\n');
  }
  const edits = wire.events.filter(
    event => event.type === 'subnegotiation' && event.option === LINEMODE && event.payload.equals(Buffer.of(MODE, 3)),
  );
  assert.ok(edits.length <= 1, `${edits.length} times`);
});

test('a program that enters ICANON without a report is detected', async () => {
  await using host = await hostScript(
    'stty raw -echo; echo ok; read -r x; sleep 0.3; stty sane; read -r x; echo "<$x>"',
  );
  const { wire, said, acknowledge } = await connect(host);
  await using _ = wire;
  await wire.expect('ok\n');
  wire.send('go\n');
  assert.deepEqual(await said(3), ['WONT ECHO', 'WONT BINARY', `MODE ${EDIT | TRAPSIG}`]);
  acknowledge();
  wire.send('line\n');
  await wire.expect('<line>');
});

test('a program that is back in ICANON when the server handles that it left is followed, too', async () => {
  const script = `
    use POSIX; $| = 1; my $t = POSIX::Termios->new; print "ok\\n"; my $n = 0;
    sub raw { $t->getattr(0); $t->setlflag($_[0] ? $t->getlflag & ~ICANON : $t->getlflag | ICANON); $t->setattr(0, TCSANOW) }
    while (<STDIN>) { raw(1); select undef, undef, undef, 0.008; raw(0); printf "<%d>", $n++ }`;
  await using host = await hostScript(`exec ${requireTool('perl')} -e '${script.replaceAll('\n', ' ')}'`, {
    env: { LC_ALL: 'C' },
  });
  const { wire, acknowledge } = await editing(host);
  await using _ = wire;
  const modes = (mode: number) =>
    wire.events.filter(event => event.type === 'subnegotiation' && event.payload.equals(Buffer.of(MODE, mode))).length;
  for (let n = 0; n < 3; n++) {
    const before = modes(0);
    wire.send('line\n');
    // A server that looks too late does not notice that the program left ICANON.
    await wire.until(() => modes(0) > before || wire.text().includes(`<${n}>`));
    // Simulates a busy server: its timer expires before it gets the report that the program is back.
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 30);
    await wire.expect(`<${n}>`);
    await wire.until(() => modes(EDIT | TRAPSIG) === modes(0) + 1);
    acknowledge();
  }
});

test('EXTPROC is set again after a program clears it, and is cleared after a program restores it at the wrong time', async () => {
  await using host = await hostScript(COMMANDS);
  const { wire, said, acknowledge } = await editing(host);
  await using _ = wire;
  const on = async (expected: 'on' | 'off') => {
    // Not immediately: programs read back what they set.
    for (let answer = ''; answer !== `extproc ${expected}`; ) {
      wire.send('modes extproc\n');
      answer = await wire.expect(/extproc (on|off)/);
    }
  };
  for (let i = 0; i < 3; i++) {
    // stty reads back what it set. It may do so only after EXTPROC was set again.
    wire.send('until stty sane 2>/dev/null; do :; done; echo "no complaint"\n');
    await wire.expect('no complaint');
    await on('on');
  }
  wire.send('saved=$(stty -g); stty raw -echo; echo raw\n');
  assert.deepEqual(await said(3), ['MODE 0', 'WILL ECHO', 'WILL BINARY']);
  acknowledge();
  await wire.expect('raw\n');
  await on('off');
  wire.send('stty "$saved"; stty raw; echo back\n');
  await wire.expect('back\n');
  await on('off');
});

/**
 * Watches how the server clears EXTPROC: for each time, whether the program had set no modes for 10 ms. Node.js calls
 * timers of one duration in the order in which they were started, so the timer here ends before one of the server that
 * was started or restarted at the same report.
 */
function watchClearing({ mock }: TestContext): boolean[] {
  const clearings: boolean[] = [];
  let isOn = true;
  let hasRested = true;
  let rest: NodeJS.Timeout | undefined;
  const { modesSet } = Editing.prototype;
  mock.method(Editing.prototype, 'modesSet', function (this: Editing) {
    hasRested = false;
    clearTimeout(rest);
    rest = setTimeout(() => (hasRested = true), 10);
    modesSet.call(this);
  });
  const { setExternalProcessing } = Master.prototype;
  mock.method(Master.prototype, 'setExternalProcessing', function (this: Master, on: boolean) {
    if (isOn && !on) clearings.push(hasRested);
    isOn = on;
    setExternalProcessing.call(this, on);
  });
  return clearings;
}

test('EXTPROC is not cleared until the program has set no modes for 10 ms: stty reads back what it set', async t => {
  await using host = await hostScript(COMMANDS);
  const { wire, said, acknowledge } = await editing(host);
  await using _ = wire;
  const clearings = watchClearing(t);
  for (let round = 1; round <= 5; round++) {
    // The first change starts the wait, the second one restarts it.
    wire.send('stty -echo; stty raw -echo; echo raw\n');
    assert.deepEqual((await said(3)).sort(), ['MODE 0', 'WILL BINARY', 'WILL ECHO']);
    await wire.expect('raw\n');
    await untilTrue(() => clearings.length === round);
    acknowledge();
    wire.send('stty sane; echo sane\n');
    await wire.expect('sane\r\n');
    await said(3);
    acknowledge();
  }
  assert.deepEqual(clearings, [true, true, true, true, true]);
});

test('EXTPROC is also cleared while a program sets its modes again and again', async t => {
  await using host = await hostScript(COMMANDS);
  const { wire } = await editing(host);
  await using _ = wire;
  const clearings = watchClearing(t);
  const { modesSet } = Editing.prototype;
  let reports = 0;
  let again: NodeJS.Timeout | undefined;
  t.mock.method(Editing.prototype, 'modesSet', function (this: Editing) {
    modesSet.call(this);
    again ??= setInterval(() => {
      reports++;
      modesSet.call(this);
    }, 1);
  });
  wire.send('stty raw -echo\n');
  await untilTrue(() => clearings.length > 0 || reports > 1000);
  clearInterval(again);
  assert.equal(clearings.length, 1);
});

test('special characters: the program starts with the client’s, and each side reports its changes to the other', async () => {
  await using host = await hostScript(`stty -a | grep -o "intr = [^;]*"; ${COMMANDS}`);
  const typist = await connect(host, [IP, VALUE, 0x18, EC, VALUE, 0x08]);
  const { wire, said, acknowledge } = typist;
  await using _ = wire;
  await wire.expect('intr = ^X\r\nok\r\n');
  await said(3);
  acknowledge();
  const erase = 'stty -a | grep -o "erase = [^;]*" | head -1\n';
  wire.send(erase);
  await wire.expect('erase = ^H');
  wire.subnegotiate(LINEMODE, [SLC, EC, VALUE, 0x7f]);
  wire.send(erase);
  await wire.expect('erase = ^?');
  wire.send('stty erase ^B\n');
  await wire.expectEvent(
    event =>
      event.type === 'subnegotiation' &&
      event.option === LINEMODE &&
      event.payload.equals(Buffer.of(SLC, EC, VALUE, 2)),
  );
});

test('special characters: a client that requests ours is sent those of the terminal', async () => {
  await using host = await hostScript(COMMANDS);
  const typist = await editing(host);
  const { wire } = typist;
  await using _ = wire;
  const told = (octets: readonly number[]) => (event: WireEvent) => {
    if (event.type !== 'subnegotiation' || event.option !== LINEMODE || event.payload[0] !== SLC) return false;
    const triplets = Array.from({ length: (event.payload.length - 1) / 3 }, (_, n) => [
      ...event.payload.subarray(1 + 3 * n, 4 + 3 * n),
    ]);
    return triplets.some(([code, level, value]) => code === octets[0] && (level! & 3) === VALUE && value === octets[1]);
  };
  wire.subnegotiate(LINEMODE, [SLC, 0, 3, 0]);
  // EL and XOFF are the terminal's defaults; those that the client has sent are the client's.
  const answer = await wire.expectEvent(told([11, 21]));
  for (const character of [
    [IP, 3],
    [EC, 127],
    [16, 19],
    [8, 4],
  ])
    assert.ok(told(character)(answer), `${character}`);
  wire.send('stty kill ^B\n');
  await wire.expectEvent(told([11, 2]));
  const { length } = wire.events;
  wire.subnegotiate(LINEMODE, [SLC, 0, 3, 0]);
  await wire.until(() => wire.events.slice(length).some(event => told([11, 2])(event) && told([8, 4])(event)));
});

test('one line, or one end of file, at a time, however they arrive', async () => {
  const reads =
    '$| = 1; print "ok\\n"; while (1) { my $n = sysread(STDIN, $b, 4096); select undef, undef, undef, 0.01; $b =~ s/\\n/;/g; print "[$b]" }';
  await using host = await hostScript(`exec ${requireTool('perl')} -e '${reads}'`);
  const { wire } = await editing(host);
  await using _ = wire;
  wire.send('one\ntwo\n\nthree', [CMD.IAC, CMD.EOF], '\n', [CMD.IAC, CMD.EOF, CMD.IAC, CMD.EOF], 'four\n');
  // Also after half a line: a client sends that when the user presses the key once, and the command at the second time.
  await wire.expect('[one;][two;][;][three][][;][][][four;]');
  const lines = Array.from({ length: 50 }, (_, n) => `line ${n}`);
  wire.send(`${lines.join('\n')}\n`);
  await wire.expect(lines.map(line => `[${line};]`).join(''));
  assert.equal(wire.data.bytes.includes(4), false);
});

test('signals are commands: they reach the program ahead of the lines before them, which are discarded', async () => {
  const script =
    'trap "echo caught" INT; echo ok; i=0; while [ $i -lt 2 ]; do sh -c "trap - INT; echo started; exec sleep 100"; i=$((i+1)); echo go; done; while read -r x; do echo "<$x>"; done';
  await using host = await hostScript(script);
  const { wire } = await editing(host);
  await using _ = wire;
  const [session] = host.server.sessions;
  for (let i = 0; i < 2; i++) {
    await wire.expect('started');
    const { bytesRead } = session!;
    wire.send('one\ntwo\nthree\n');
    while (session!.bytesRead === bytesRead) await new Promise(resolve => setImmediate(resolve));
    wire.command(CMD.IP);
    await wire.expect('caught\r\ngo\r\n');
  }
  wire.send('four\n');
  await wire.expect('<four>');
  assert.ok(!wire.text().includes('<one>') && !wire.text().includes('<three>'));
});

test('a client that agrees to everything, and does not support LINEMODE, is served as if it had refused', async () => {
  await using host = await hostScript(COMMANDS);
  const { wire, said } = await connect(host, []);
  await using _ = wire;
  await wire.expect('ok\r\n');
  assert.deepEqual(await said(2), ['WONT BINARY', `MODE ${EDIT | TRAPSIG}`]);
  wire.type('modes extproc\r');
  await wire.expect('modes extproc\r\nextproc off\r\n');
  wire.type('stty -echo\r');
  await wire.expect('stty -echo\r\n');
  wire.type('echo hidden\r');
  await wire.expect('hidden\r\n');
});

test('a client that leaves line mode, or EDIT, gets a terminal that echoes', async () => {
  await using host = await hostScript(COMMANDS);
  const { wire, said } = await editing(host);
  await using _ = wire;
  wire.subnegotiate(LINEMODE, [MODE, 0]);
  assert.deepEqual(await said(3), [`MODE ${ACK}`, 'WILL ECHO', 'WILL BINARY']);
  wire.type('modes extproc\r');
  await wire.expect('modes extproc\r\nextproc off\r\n');
  wire.subnegotiate(LINEMODE, [MODE, EDIT | TRAPSIG]);
  assert.deepEqual(await said(3), [`MODE ${EDIT | TRAPSIG | ACK}`, 'WONT ECHO', 'WONT BINARY']);
  wire.negotiate(CMD.WONT, LINEMODE);
  assert.deepEqual(await said(2), ['WILL ECHO', 'WILL BINARY']);
  wire.type('modes extproc\r');
  await wire.expect('modes extproc\r\nextproc off\r\n');
});

for (const [what, taken] of [
  ['does not accept EDIT', 0],
  ['accepts only EDIT of a mode', EDIT],
] as const) {
  test(`a client that ${what} is not sent the same mode again`, async () => {
    await using host = await hostScript(COMMANDS);
    const { wire, said } = await connect(host);
    await using _ = wire;
    await wire.expect('ok\r\n');
    const [, , mode] = await said(3);
    assert.equal(mode, `MODE ${EDIT | TRAPSIG}`);
    wire.subnegotiate(LINEMODE, [MODE, taken | ACK]);
    // Each of these would cause one more proposal.
    for (let round = 0; round < 3; round++) {
      wire.type(`stty ${round % 2 === 0 ? '-echo' : 'echo'}; echo ${round}\r`);
      await wire.expect(`${round}\r\n`);
      wire.subnegotiate(LINEMODE, [MODE, taken | ACK]);
    }
    wire.type('exit\r');
    await wire.untilEnd();
    const proposals = wire.events.filter(
      event => event.type === 'subnegotiation' && event.option === LINEMODE && event.payload[0] === MODE,
    );
    assert.equal(proposals.length, 1);
    // A client that has refused EDIT gets an echo, like any client that sends keys.
    if (taken === 0) assert.equal(wire.isEnabled(OPT.ECHO, 'theirs'), true);
  });
}

test('a client that has refused our ECHO, and sends keys, gets no echo', async () => {
  await using host = await hostScript(`
    stty -icanon min 1; echo ok
    while key=$(dd bs=1 count=1 2>/dev/null) && [ "$key" ]; do printf '[%s %s]' "$key" "$(stty -a | grep -o -- '-*echo\\>')"; done`);
  const { wire } = await connect(host);
  await using _ = wire;
  await wire.expect('ok\r\n');
  const until = async (answer: string) => {
    for (let got = '', round = 0; got !== `[x ${answer}]`; round++) {
      assert.ok(round < 200, `ECHO is not ${answer}`);
      wire.type('x');
      got = await wire.expect(/\[x [^\]]*\]/);
    }
  };
  wire.negotiate(CMD.DONT, OPT.ECHO);
  await until('-echo');
  const { length } = wire.text();
  wire.type('y');
  await wire.expect('[y -echo]');
  assert.equal(wire.text().slice(length), '[y -echo]');
  wire.negotiate(CMD.DO, OPT.ECHO);
  await until('echo');
  wire.type('z');
  await wire.expect('z[z echo]');
});

test('the client is sent the flow control settings of the terminal', async () => {
  await using host = await hostScript(COMMANDS);
  const { wire } = await editing(host);
  await using _ = wire;
  await wire.expectNegotiation(CMD.DO, LFLOW);
  const told = () =>
    wire.events.flatMap(event => (event.type === 'subnegotiation' && event.option === LFLOW ? [event.payload[0]] : []));
  await wire.until(() => told().length === 1);
  wire.send('stty -ixon\n');
  await wire.until(() => told().length === 2);
  wire.send('stty ixon ixany\n');
  await wire.until(() => told().length === 4);
  assert.deepEqual(told(), [3, 0, 1, 2]);
});

test('linemode never: LINEMODE is not requested, and nothing else differs', async () => {
  const first: Buffer[] = [];
  for (const linemode of ['auto', 'never'] as const) {
    await using host = await hostScript('echo ok; read x; echo "<$x>"', { linemode });
    await using wire = await host.connect(XTERM);
    await wire.expect('ok\r\n');
    wire.type('abc\x7f\r');
    await wire.expect('<ab>');
    await wire.untilEnd();
    first.push(Buffer.from(wire.raw.bytes));
  }
  const request = Buffer.of(CMD.IAC, CMD.DO, LINEMODE);
  const at = first[0]!.indexOf(request);
  assert.ok(at > 0);
  assert.deepEqual(Buffer.concat([first[0]!.subarray(0, at), first[0]!.subarray(at + request.length)]), first[1]);
});

test('whatever the program switches, and whenever, no line is lost, duplicated or split', async () => {
  const script = `
    use POSIX; $| = 1; my $t = POSIX::Termios->new; my ($buffer, $n) = ("", 0); print "ok\\n";
    sub raw { $t->getattr(0); $t->setlflag($_[0] ? $t->getlflag & ~(ICANON | ECHO) : $t->getlflag | ICANON | ECHO);
      $t->setiflag($_[0] ? $t->getiflag & ~ICRNL : $t->getiflag | ICRNL); $t->setattr(0, TCSANOW) }
    while (sysread(STDIN, $buffer, 4096, length $buffer)) {
      while ($buffer =~ s/^([^\\r\\n]*)[\\r\\n]//) {
        print "{$1}"; $n++; raw(1) if $n % 7 == 3; raw(0) if $n % 7 == 5; select undef, undef, undef, 0.15 if $n % 35 == 6;
      }
    }`;
  await using host = await hostScript(`exec ${requireTool('perl')} -e '${script.replaceAll('\n', ' ')}'`);
  const { wire } = await connect(host);
  await using _ = wire;
  await wire.expect('ok\r\n');
  // Acknowledges every mode when it arrives, and types accordingly.
  let seen = 0;
  let edits = false;
  const keepUp = () => {
    for (; seen < wire.events.length; seen++) {
      const event = wire.events[seen]!;
      if (event.type !== 'subnegotiation' || event.option !== LINEMODE || event.payload[0] !== MODE) continue;
      edits = (event.payload[1]! & EDIT) !== 0;
      wire.subnegotiate(LINEMODE, [MODE, event.payload[1]! | ACK]);
    }
  };
  wire.socket.on('data', () => setImmediate(keepUp));
  let switches = 0;
  let last = edits;
  for (let n = 0; n < 200; n++) {
    const line = `line ${n}`;
    if (edits) wire.send(`${line}\n`);
    else for (const key of `${line}\r`) await wire.sent(key);
    // Sometimes without waiting for the answer.
    if (n % 3 !== 0) await wire.expect(`{line ${n}}`);
    // Sometimes waiting in ICANON until all input was read, so that the server sends EDIT.
    if (n % 35 === 5) await untilTrue(() => edits);
    if (edits !== last) switches++;
    last = edits;
  }
  await wire.until(() => wire.text().endsWith('{line 199}'));
  const got = [...wire.text().matchAll(/\{([^}]*)\}/g)].map(([, line]) => line);
  assert.deepEqual(
    got,
    Array.from({ length: 200 }, (_, n) => `line ${n}`),
  );
  assert.ok(switches >= 4, `${switches} switches`);
});

test('a session that ends while timers of line mode are pending leaves nothing', async () => {
  await using host = await hostScript(COMMANDS);
  for (let i = 0; i < 10; i++) {
    const { wire } = i % 2 === 0 ? await editing(host) : await connect(host);
    wire.send('one\ntwo\nstty raw\nstty sane\nexit\n');
    if (i % 3 === 0) wire.reset();
    else await wire.close();
  }
  await host.outcome(10);
  assert.equal(addon().counts().terminals, 0);
});
