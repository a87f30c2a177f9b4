/** Which clients are sent WILL ECHO, and when: MUD clients interpret it as a password prompt. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { CMD, OPT, subnegotiation, type Wire } from '../../support/clients/test-client.ts';
import { hostScript, XTERM } from '../../support/servers/host.ts';

const { WILL, WONT, DO, DONT } = CMD;
const SCRIPT = 'echo ok; while read -r line; do echo "got <$line>"; done';

/** The commands for an option, in order. */
function said(wire: Wire, option: number): number[] {
  return wire.events.flatMap(event => (event.type === 'negotiate' && event.option === option ? [event.command] : []));
}

/** Answers a request for the terminal type, once there were `count` requests. */
async function name(wire: Wire, count: number, type: string): Promise<void> {
  await wire.until(
    () => wire.events.filter(event => event.type === 'subnegotiation' && event.option === OPT.TTYPE).length >= count,
  );
  wire.send(subnegotiation(OPT.TTYPE, [0, ...Buffer.from(type)]));
}

test('the first packet does not contain WILL ECHO; it is sent with the next requests after the terminal type', async () => {
  await using host = await hostScript(SCRIPT);
  await using wire = await host.connect({ silent: true });
  await wire.expectNegotiation(WILL, OPT.SGA);
  wire.negotiate(WILL, OPT.TTYPE);
  await wire.until(() => wire.events.some(event => event.type === 'subnegotiation' && event.option === OPT.TTYPE));
  assert.deepEqual(said(wire, OPT.ECHO), []);
  const { length } = wire.raw;
  await name(wire, 1, 'XTERM-256COLOR');
  await wire.until(() => wire.raw.length > length);
  assert.deepEqual(said(wire, OPT.ECHO), [WILL]);
});

const signs: Readonly<Record<string, (wire: Wire) => void>> = {
  'a client without terminal types': wire => wire.negotiate(WONT, OPT.TTYPE),
  'a client that first sends a key': wire => wire.send('x'),
  'a silent client': () => {},
};

for (const [what, sign] of Object.entries(signs)) {
  test(`${what} is sent WILL ECHO before the program starts`, async () => {
    await using host = await hostScript(SCRIPT, { negotiationTimeout: 0 });
    await using wire = await host.connect({ silent: true });
    await wire.expectNegotiation(WILL, OPT.SGA);
    sign(wire);
    await wire.expectNegotiation(WILL, OPT.ECHO);
    assert.equal(wire.text(), '');
  });
}

test('a client whose kind is unknown when its program starts is sent WILL ECHO then', async () => {
  await using host = await hostScript(SCRIPT, { negotiationTimeout: 2_000 });
  await using wire = await host.connect({ silent: true });
  wire.negotiate(WONT, OPT.NAWS);
  wire.negotiate(WILL, OPT.TTYPE);
  await name(wire, 1, 'some-client');
  await wire.expect('ok\r\n');
  assert.deepEqual(said(wire, OPT.ECHO), [WILL]);
});

for (const types of [
  ['MUDLET', 'ANSI-TRUECOLOR', 'MTTS 269'],
  ['TINTIN++', 'XTERM', 'MTTS 137'],
  ['SOME-MUD-CLIENT', 'XTERM-256COLOR', 'MTTS 9'],
]) {
  test(`${types[0]} is sent neither WILL ECHO nor an echo, and is offered EOR for its prompts`, async () => {
    await using host = await hostScript(`${SCRIPT.replace('read', "printf '> '; read")}; printf bye`);
    await using wire = await host.connect({ ttype: types, size: [80, 24], accept: [OPT.EOR], refuse: [OPT.BINARY] });
    await wire.expect('ok\r\n');
    await wire.expectNegotiation(WILL, OPT.EOR);
    // In one packet: TinTin++ shows an empty prompt if the mark comes later.
    await wire.until(() => wire.text().includes('> '));
    assert.ok(wire.raw.bytes.subarray(-4).equals(Buffer.from('> \xff\xef', 'latin1')));
    wire.type('one\r\n');
    await wire.expect('got <one>\r\n');
    await wire.expect(Buffer.from('> \xff\xef', 'latin1'));
    wire.send([CMD.IAC, CMD.EOF]);
    await wire.untilEnd();
    assert.deepEqual(said(wire, OPT.ECHO), []);
    assert.equal(wire.text(), 'ok\r\n> got <one>\r\n> bye');
  });
}

test('a MUD client that sends a terminal first is sent WONT ECHO as soon as it is recognized', async () => {
  await using host = await hostScript(SCRIPT);
  await using wire = await host.connect({ ttype: ['ANSI', 'MTTS 5'], size: [80, 24] });
  await wire.expect('ok\r\n');
  await wire.expectNegotiation(WONT, OPT.ECHO);
  assert.deepEqual(said(wire, OPT.ECHO), [WILL, WONT]);
  wire.send([CMD.IAC, CMD.AYT]);
  await wire.expect('[telpty: yes]');
  wire.type('one\r\n');
  await wire.expect('got <one>');
  assert.ok(!wire.text().includes('one\r\n'));
});

test('the modes raw, where programs echo, and line, where the client echoes, do not depend on the kind of the client', async () => {
  await using raw = await hostScript(SCRIPT, { mode: 'raw' });
  await using toRaw = await raw.connect({ ttype: ['TINTIN++'], size: [80, 24] });
  await toRaw.expectNegotiation(WILL, OPT.ECHO);
  await using line = await hostScript(SCRIPT, { mode: 'line' });
  await using toLine = await line.connect(XTERM);
  await toLine.expect('ok\r\n');
  assert.deepEqual(said(toLine, OPT.ECHO), []);
});

test('a client that requests ECHO itself gets it at once, and may refuse it later', async () => {
  await using host = await hostScript(SCRIPT);
  await using wire = await host.connect({ silent: true });
  wire.negotiate(DO, OPT.ECHO);
  await wire.expectNegotiation(WILL, OPT.ECHO);
  wire.negotiate(WONT, OPT.TTYPE);
  wire.negotiate(WONT, OPT.NAWS);
  await wire.expect('ok\r\n');
  wire.type('one\r');
  await wire.expect('one\r\ngot <one>');
  wire.negotiate(DONT, OPT.ECHO);
  wire.type('two\r');
  await wire.expect('got <two>');
  assert.ok(!wire.text().includes('two\r\n'));
  assert.deepEqual(said(wire, OPT.ECHO), [WILL, WONT]);
});

test('an echo that the program has switched off stays off when the client accepts ours again', async () => {
  for (const off of ['-echo', '-icanon -echo']) {
    await using host = await hostScript(
      `stty ${off}; echo ok; head -c 2 > /dev/null; stty -a | grep -ow -- '-*echo'; echo end`,
    );
    await using wire = await host.connect(XTERM);
    await wire.expect('ok\r\n');
    wire.negotiate(DONT, OPT.ECHO);
    await wire.expectNegotiation(WONT, OPT.ECHO);
    wire.negotiate(DO, OPT.ECHO);
    await wire.until(() => said(wire, OPT.ECHO).length === 3);
    wire.type('x\r');
    await wire.expect('-echo\r\nend');
    assert.ok(!wire.text().includes('x'));
  }
});
