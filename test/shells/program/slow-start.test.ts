/** Events of a session while its program is being started. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ptyShell, type Session, type TelptyError } from '../../../src/index.ts';
import { addon } from '../../../src/native/load.ts';
import { Option } from '../../../src/protocol/index.ts';
import { CMD, OPT } from '../../support/clients/test-client.ts';
import { assertNothingHeld } from '../../support/leaks.ts';
import { Host, XTERM } from '../../support/servers/host.ts';
import { HeldProgram } from '../../support/system/held-program.ts';

async function hostHeld(held: HeldProgram): Promise<Host> {
  return Host.start({ shell: ptyShell(held.path) });
}

function onlySession(host: Host): Session {
  const [session] = host.server.sessions;
  return session!;
}

/** Runs the event loop until the condition holds. */
async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await new Promise(setImmediate);
}

test('input and negotiation during the start reach the program, in order', async () => {
  await using held = await HeldProgram.create('read line; stty size; stty -a | grep -o -e -echo\\ ; echo "got $line"');
  await using host = await hostHeld(held);
  const reached = held.reached();
  await using wire = await host.connect(XTERM);
  await reached;
  const session = onlySession(host);
  wire.resize(77, 33);
  wire.negotiate(CMD.DONT, OPT.ECHO);
  wire.type('hello\r');
  await until(
    () => session.terminal.columns === 77 && !session.telnet.isEnabled(Option.ECHO, 'local') && session.inputLength > 0,
  );
  await held.release();
  await wire.expect('got hello');
  assert.match(wire.text(), /33 77\r\n-echo \r\n/);
  await wire.untilEnd();
  assert.deepEqual((await host.outcome()).result, { code: 0, signal: null });
});

test('a session that is destroyed: its program is hung up as soon as it is started', async () => {
  await using held = await HeldProgram.create('exec sleep 1000');
  await using host = await hostHeld(held);
  const reached = held.reached();
  await using wire = await host.connect(XTERM);
  await reached;
  // Not by the client: the child of this process that will become the program also has the client's socket, and the
  // kernel only resets a connection when its last descriptor is closed.
  onlySession(host).destroy();
  await new Promise(setImmediate);
  assert.deepEqual([host.outcomes.length, addon().counts().starting], [0, 1]);
  await held.release();
  assert.deepEqual((await host.outcome()).result, { code: null, signal: 'SIGHUP' });
  await wire.untilEnd();
  assertNothingHeld();
});

test('a shutdown hangs the program up as soon as it is started, and waits for its end', async () => {
  await using held = await HeldProgram.create('exec sleep 1000');
  await using host = await hostHeld(held);
  const reached = held.reached();
  await using wire = await host.connect(XTERM);
  await reached;
  const shutdown = host.server.shutdown();
  assert.equal(onlySession(host).hangupReason, 'shutdown');
  // The session remains usable: the program can still print its final output.
  assert.equal(onlySession(host).writableEnded, false);
  await held.release();
  await wire.untilEnd();
  await shutdown;
  assert.deepEqual(host.outcomes[0]!.result, { code: null, signal: 'SIGHUP' });
  assertNothingHeld();
});

test('a start that fails late: one line for the client, and an error with all fields', async () => {
  await using held = await HeldProgram.create('');
  await using host = await Host.start({ shell: ptyShell(held.path, ['x'.repeat(200_000)]) });
  const reached = held.reached();
  await using wire = await host.connect(XTERM);
  await reached;
  await held.release();
  await wire.expect(`telpty: cannot start '${held.path}': argument list too long\r\n`);
  await wire.untilEnd();
  const { code, step, systemCode, file } = (await host.outcome()).error as TelptyError;
  assert.deepEqual([code, step, systemCode, file], ['ERR_PTY_SPAWN', 'exec', 'E2BIG', held.path]);
});
