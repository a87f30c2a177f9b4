import assert from 'node:assert/strict';
import { test } from 'node:test';
import { openTelnet } from '../../support/clients/clients.ts';
import { startServer } from '../../support/servers/server.ts';

// `serve --mode line`: the client edits and echoes, the program gets complete lines.

const TIMEOUT = { timeout: 600_000 };

/** Checks its own terminal, then answers each line. */
const ANSWER = `
case "$(stty -a)" in
  *" -echo "*) echo "say something" ;;
  *) echo "this terminal echoes" ;;
esac
while read -r line; do echo "<$line>"; done`;
const PROGRAM = ['/bin/sh', '-c', ANSWER];

test('GNU telnet, line mode: the client echoes each line once and the program answers', TIMEOUT, async () => {
  await using server = await startServer(['--mode', 'line'], { program: PROGRAM });
  await using term = await openTelnet(server.port);
  await term.waitFor(/\nsay something$/);
  await term.type('hello\r');
  await term.waitFor(/\nsay something\nhello\n<hello>$/);
  await term.type('two words\r');
  await term.waitFor(/\nsay something\nhello\n<hello>\ntwo words\n<two words>$/);
});

test('GNU telnet, line mode: input is shown before Enter and erased by the client', TIMEOUT, async () => {
  await using server = await startServer(['--mode', 'line'], { program: PROGRAM });
  await using term = await openTelnet(server.port);
  await term.waitFor(/\nsay something$/);
  await term.type('abcx');
  await term.waitFor(/\nabcx$/);
  await term.keys('BSpace');
  await term.waitFor(/\nabc$/);
  await term.type('de');
  await term.keys('C-u');
  await term.waitFor(/\nsay something$/);
  await term.type('fresh\r');
  await term.waitFor(/\nsay something\nfresh\n<fresh>$/);
});

test('GNU telnet, line mode: ^C interrupts, and the connection closes with the program', TIMEOUT, async () => {
  const program = ['/bin/sh', '-c', 'trap "echo interrupted; exit 3" INT; echo ready; while :; do sleep 0.05; done'];
  await using server = await startServer(['--mode', 'line'], { program });
  await using term = await openTelnet(server.port);
  await term.waitFor(/\nready$/);
  await term.keys('C-c');
  assert.equal(await term.exitStatus(), 0);
  assert.match(await term.capture(), /interrupted\nConnection closed by foreign host\.$/);
});

test('GNU telnet, line mode: UTF-8 lines arrive unchanged', TIMEOUT, async () => {
  await using server = await startServer(['--mode', 'line'], { program: PROGRAM });
  await using term = await openTelnet(server.port);
  await term.waitFor(/\nsay something$/);
  await term.type('grüße 漢字\r');
  await term.waitFor(/\ngrüße 漢字\n<grüße 漢字>$/);
});
