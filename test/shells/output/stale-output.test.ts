/** After an interrupt, output that is still on its way is skipped: by those who can, and only where it is worth it. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { CMD, type Wire } from '../../support/clients/test-client.ts';
import { type Host, hostScript, XTERM } from '../../support/servers/host.ts';

/** A flood, and what is to be seen after its interrupt. */
const FLOOD = 'trap : INT; echo ok; yes; echo "the prompt"; while :; do read -r x && echo "<$x>"; done';

const turn = () => new Promise(resolve => setImmediate(resolve));
const marks = (wire: Wire) => wire.events.filter(event => event.type === 'command' && event.command === CMD.DM);

/** Reads no more, until the server cannot send any more either. */
async function stall(host: Host, wire: Wire): Promise<void> {
  await wire.expect('ok\r\ny');
  wire.pause();
  const [session] = host.server.sessions;
  while (session!.unsent === 0) await turn();
  // What the terminal can have read ahead has been read ahead.
  for (let i = 0; i < 100; i++) await turn();
}

/** Waits until the server has sent a mark: who reads before that has nothing on its way any more. */
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
  test(`a flood that the client is slow to read is skipped at an interrupt that is ${name}`, async () => {
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
    // A terminal of Linux keeps up to 4 KiB on our side, and nobody can tell whether they are stale.
    assert.ok(between < 16 * 1024, `${between} bytes between the mark and the prompt`);
    wire.type('typed\r');
    await wire.expect('<typed>');
  });
}

test('a client whose system takes urgent data away loses nothing of what comes behind it', async () => {
  await using host = await hostScript(FLOOD);
  await using wire = await host.connect({ ...XTERM, oobInline: false });
  await stall(host, wire);
  await marked(host, () => wire.send([0x03]));
  wire.resume();
  await wire.expect('the prompt');
  assert.deepEqual(marks(wire), []);
  assert.match(wire.text(), /[y\r\n](\^C)?the prompt/);
});

test('little of a flood waits in the system for a client that does not read: not all can skip it', async () => {
  await using host = await hostScript(FLOOD);
  await using wire = await host.connect(XTERM);
  await stall(host, wire);
  const [session] = host.server.sessions;
  // What was sent and waits at the client counts, too.
  assert.ok(session!.undelivered < 2 * 2 ** 20, `${session!.undelivered} bytes`);
});

test('a client that has never spoken Telnet is sent no mark', async () => {
  await using host = await hostScript(FLOOD, { negotiationTimeout: 1 });
  await using wire = await host.connect({ silent: true });
  await stall(host, wire);
  wire.send('\x03');
  wire.resume();
  await wire.expect('the prompt');
  assert.deepEqual(marks(wire), []);
});

test('an interrupt at a prompt is nothing to be skipped for', async () => {
  await using host = await hostScript('trap "echo caught" INT; echo ok; while :; do read -r x; done');
  await using wire = await host.connect(XTERM);
  await wire.expect('ok\r\n');
  for (let i = 0; i < 20; i++) {
    wire.type('\x03');
    await wire.expect('caught\r\n');
  }
  assert.deepEqual(marks(wire), []);
});

test('an interrupt key that is held down makes no more marks than there is to be skipped', async () => {
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
  // The second is for what the terminal had kept of the flood.
  assert.ok(marks(wire).length >= 1 && marks(wire).length <= 2, `${marks(wire).length} marks`);
});

test('what an open frame holds is stale as well', async () => {
  const script = 'trap "printf caught" INT; printf "ok\\033[?2026hstale"; while :; do read -r x; done';
  await using host = await hostScript(script);
  await using wire = await host.connect(XTERM);
  await wire.expect('ok');
  wire.type('\x03');
  await wire.expect('caught');
  assert.ok(!wire.text().includes('stale'));
});

test('AO throws the output away, and is answered by a mark: one for many', async () => {
  await using host = await hostScript('echo ok; yes | head -c 3000000; echo "the prompt"; read x');
  await using wire = await host.connect(XTERM);
  await stall(host, wire);
  for (let i = 0; i < 20; i++) wire.command(CMD.AO);
  wire.resume();
  await wire.expect('the prompt');
  // The program goes on, unlike after an interrupt, and its output is shown again.
  assert.ok(marks(wire).length >= 1 && marks(wire).length <= 3, `${marks(wire).length} marks`);
});

test('a program that keeps its queues at an interrupt (NOFLSH) does so at IP, too', async () => {
  const script =
    'stty noflsh -echo; trap "echo caught" INT; echo ok; sleep 0.1; while :; do read -r x && echo "<$x>"; done';
  await using host = await hostScript(script);
  await using wire = await host.connect(XTERM);
  await wire.expect('ok');
  wire.send('one\r\0', [CMD.IAC, CMD.IP]);
  await wire.expect('<one>');
});
