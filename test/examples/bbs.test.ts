import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Screen } from '../support/clients/screen.ts';
import { requireTool } from '../support/system/tools.ts';
import { startExample } from './support.ts';

test('a caller writes on the wall, plays, and is back at the menu', async () => {
  requireTool('worm');
  await using example = await startExample('bbs');
  await using wire = await example.connect({ ttype: ['XTERM'], size: [80, 24] });
  const screen = new Screen(80, 24);
  wire.onData(bytes => void screen.feed(bytes));
  await screen.waitFor(/THE SILENT MODEM.*\[W\] Worm.*\[G\] Good-bye.*Your choice:$/s);

  wire.type('l\r');
  await screen.waitFor(/Your line:$/);
  wire.type('Greetings from 1986!\r');
  await screen.waitFor(/MODEM +\n\n {2}Greetings from 1986!\n.*Your choice:$/s);

  wire.type('w\r');
  await screen.waitFor(/^ Worm *\n[*─┌┐]{78}/);
  wire.type('\x03');
  await screen.waitFor(/THE SILENT MODEM.*Your choice:$/s);

  // From now on the client sends each key, and the menu echoes it.
  wire.type('L');
  await screen.waitFor(/Your choice: L$/);
  wire.type('\r');
  await screen.waitFor(/Your line:$/);
  wire.type('I wom\x7fn.\r');
  await screen.waitFor(/1986!\n {2}I won\.\n/);

  wire.type('g\r');
  await screen.waitFor(/NO CARRIER/);
  await wire.untilEnd();
  screen.dispose();
});

test('the last output of a program that fails stays on the screen', async () => {
  await using example = await startExample('bbs');
  await using wire = await example.connect({ ttype: ['dumb'], size: [80, 24] });
  await wire.expect('Your choice: ');
  wire.type('n\r');
  await wire.expect('Terminal must backspace.');
  await wire.expect('Press Return. ');
  wire.type('\r');
  await wire.expect('Your choice: ');
});

test('a connection that is reset while a program runs leaves nothing behind', async () => {
  await using example = await startExample('bbs');
  await using wire = await example.connect({ ttype: ['XTERM'], size: [80, 24] });
  await wire.expect('Your choice: ');
  wire.type('w\r');
  await wire.expect(' Worm');
  wire.reset();
  await using next = await example.connect();
  await next.expect('Your choice: ');
  assert(!next.ended);
});

test('top cannot kill processes of the server', async () => {
  await using example = await startExample('bbs');
  await using wire = await example.connect({ ttype: ['XTERM'], size: [80, 24] });
  await wire.expect('Your choice: ');
  wire.type('t\r');
  await wire.expect(/PID/);
  wire.type('k');
  await wire.expect('Unavailable in secure mode');
  wire.type('q');
  await wire.expect('Your choice: ');
});
