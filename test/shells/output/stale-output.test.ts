/** After an interrupt, clients that support it discard the output in transit, if it is more than a screen. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { CMD, type Wire } from '../../support/clients/test-client.ts';
import { type Host, hostScript, XTERM } from '../../support/servers/host.ts';

/** A flood, and the output after its interrupt. */
const FLOOD = 'trap : INT; echo ok; yes; echo "the prompt"; while :; do read -r x && echo "<$x>"; done';

const turn = () => new Promise(resolve => setImmediate(resolve));
const marks = (wire: Wire) => wire.events.filter(event => event.type === 'command' && event.command === CMD.DM);

/** Stops reading, and waits until the server cannot send any more. */
async function stall(host: Host, wire: Wire): Promise<void> {
  await wire.expect('ok\r\ny');
  wire.pause();
  const [session] = host.server.sessions;
  while (session!.unsent === 0) await turn();
  // By then the server has read ahead as much as it does.
  for (let i = 0; i < 100; i++) await turn();
}

/** Waits until the server has sent a mark: if the client read before that, no output would be in transit any more. */
function marked(host: Host, interrupt: () => void): Promise<void> {
  const [session] = host.server.sessions;
  return new Promise(resolve => {
    session!.trace = {
      telnet(direction, what) {
        if (direction === 'sent' && what.kind === 'command' && what.command === CMD.DM) resolve();
      },
    };
    interrupt();
  });
}

for (const [name, interrupt] of [
  ['typed', [0x03]],
  ['sent as IP', [CMD.IAC, CMD.IP]],
] as const) {
  test(`a flood to a slow client is discarded at an interrupt that is ${name}`, async () => {
    await using host = await hostScript(FLOOD);
    await using wire = await host.connect(XTERM);
    await stall(host, wire);
    await marked(host, () => wire.send(interrupt));
    let between = 0;
    wire.onData(bytes => {
      if (marks(wire).length > 0) between += bytes.length;
    });
    wire.resume();
    await wire.expect('the prompt');
    assert.equal(marks(wire).length, 1);
    // A Linux terminal holds up to 4 KiB on our side, and it is unknown whether these are stale.
    assert.ok(between < 16 * 1024, `${between} bytes between the mark and the prompt`);
    wire.type('typed\r');
    await wire.expect('<typed>');
  });
}

test('a client whose kernel removes urgent data from the stream loses none of the data after it', async () => {
  await using host = await hostScript(FLOOD);
  await using wire = await host.connect({ ...XTERM, oobInline: false });
  await stall(host, wire);
  await marked(host, () => wire.send([0x03]));
  wire.resume();
  await wire.expect('the prompt');
  assert.deepEqual(marks(wire), []);
  assert.match(wire.text(), /[y\r\n](\^C)?the prompt/);
});

test('little of a flood is queued in the kernel for a client that does not read: not all clients can discard it', async () => {
  await using host = await hostScript(FLOOD);
  await using wire = await host.connect(XTERM);
  await stall(host, wire);
  const [session] = host.server.sessions;
  // This includes data in the receive buffer of the client.
  assert.ok(session!.undelivered < 2 * 2 ** 20, `${session!.undelivered} bytes`);
});

test('a client that has sent no Telnet commands is not sent a mark', async () => {
  await using host = await hostScript(FLOOD, { negotiationTimeout: 1 });
  await using wire = await host.connect({ silent: true });
  await stall(host, wire);
  wire.send('\x03');
  wire.resume();
  await wire.expect('the prompt');
  assert.deepEqual(marks(wire), []);
});

test('an interrupt at a prompt sends no mark', async () => {
  await using host = await hostScript('trap "echo caught" INT; echo ok; while :; do read -r x; done');
  await using wire = await host.connect(XTERM);
  await wire.expect('ok\r\n');
  for (let i = 0; i < 20; i++) {
    wire.type('\x03');
    await wire.expect('caught\r\n');
  }
  assert.deepEqual(marks(wire), []);
});

test('an interrupt key that is held down causes no more marks than there is output to discard', async () => {
  await using host = await hostScript('trap : INT; echo ok; yes; while :; do echo interrupted; read -r x; done');
  await using wire = await host.connect(XTERM);
  await stall(host, wire);
  await marked(host, () => wire.send([0x03]));
  const [session] = host.server.sessions;
  for (let i = 0; i < 29; i++) {
    const { bytesRead } = session!;
    wire.send([0x03]);
    while (session!.bytesRead === bytesRead) await turn();
  }
  wire.resume();
  await wire.expect('interrupted');
  // The second is for the part of the flood that the terminal had held.
  assert.ok(marks(wire).length >= 1 && marks(wire).length <= 2, `${marks(wire).length} marks`);
});

test('the output in an open frame is stale as well', async () => {
  const script = 'trap "printf caught" INT; printf "ok\\033[?2026hstale"; while :; do read -r x; done';
  await using host = await hostScript(script);
  await using wire = await host.connect(XTERM);
  await wire.expect('ok');
  wire.type('\x03');
  await wire.expect('caught');
  assert.ok(!wire.text().includes('stale'));
});

test('AO discards the output and is answered by a mark: one for several AOs', async () => {
  await using host = await hostScript('echo ok; yes | head -c 3000000; echo "the prompt"; read x');
  await using wire = await host.connect(XTERM);
  await stall(host, wire);
  for (let i = 0; i < 20; i++) wire.command(CMD.AO);
  wire.resume();
  await wire.expect('the prompt');
  // Unlike after an interrupt the program continues, and its output is shown again.
  assert.ok(marks(wire).length >= 1 && marks(wire).length <= 3, `${marks(wire).length} marks`);
});

test('a program that keeps its terminal’s queues at an interrupt (NOFLSH) also keeps them at IP', async () => {
  const script =
    'stty noflsh -echo; trap "echo caught" INT; echo ok; sleep 0.1; while :; do read -r x && echo "<$x>"; done';
  await using host = await hostScript(script);
  await using wire = await host.connect(XTERM);
  await wire.expect('ok');
  wire.send('one\r\0', [CMD.IAC, CMD.IP]);
  await wire.expect('<one>');
});
