import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { openTelnet, telnetAtPrompt } from '../../support/clients/clients.ts';
import { startServer } from '../../support/servers/server.ts';
import { AT_PROMPT, INTERRUPTIBLE, STOPPABLE, startBashServer } from '../../support/system/programs.ts';

// GNU telnet and a shell: everyday use.

const TIMEOUT = { timeout: 600_000 };

test('GNU telnet: the size and the terminal type are correct at the start of the program', TIMEOUT, async () => {
  const look = 'stty size; echo "$(tput cols) $(tput lines) $TERM"; exec cat';
  await using server = await startServer([], { program: ['/bin/sh', '-c', look] });
  await using term = await openTelnet(server.port, { cols: 113, rows: 37 });
  const screen = await term.waitFor(/37 113\n113 37 \S+$/);
  assert.match(screen, /113 37 tmux-256color$/);
});

test('GNU telnet: the program gets the TERM of the client in lower case', TIMEOUT, async () => {
  await using server = await startBashServer();
  await using term = await telnetAtPrompt(server.port, { env: { TERM: 'xterm' } });
  // tmux sets TERM for its windows; the client is started again with another one.
  await term.type('echo "<$TERM>"\r');
  await term.waitFor(/\n<tmux-256color>\nready\$$/);
});

test('GNU telnet: readline edits the line with arrows, ^A, ^E, ^K, ^W and backspace', TIMEOUT, async () => {
  await using server = await startBashServer();
  await using term = await telnetAtPrompt(server.port);

  await term.type('cho hello');
  await term.keys('C-a');
  await term.type('e');
  await term.keys('C-e');
  await term.type(' there\r');
  await term.waitFor(/\nready\$ echo hello there\nhello there\nready\$$/);

  await term.type('echo ad');
  await term.keys('Left');
  await term.type('bx');
  await term.keys('BSpace');
  await term.type('c');
  await term.keys('Right');
  await term.type('e\r');
  await term.waitFor(/\nready\$ echo abcde\nabcde\nready\$$/);

  await term.type('echo one two wrong');
  await term.keys('C-w');
  await term.type('three four');
  await term.keys('M-b', 'C-k', 'Enter');
  await term.waitFor(/\nready\$ echo one two three\none two three\nready\$$/);
});

test('GNU telnet: history and tab completion', TIMEOUT, async () => {
  await using server = await startBashServer();
  await using term = await telnetAtPrompt(server.port);
  await term.type('echo first\r');
  await term.waitFor(/\nfirst\nready\$$/);
  await term.type('echo second\r');
  await term.waitFor(/\nsecond\nready\$$/);
  await term.keys('Up', 'Up');
  await term.waitFor(/\nready\$ echo first$/);
  await term.keys('Down');
  await term.waitFor(/\nready\$ echo second$/);
  await term.type('-again\r');
  await term.waitFor(/\nsecond-again\nready\$$/);

  await term.type('touch a-rather-long-name\r');
  await term.waitFor(/touch a-rather-long-name\nready\$$/);
  await term.type('ls a-ra');
  await term.keys('Tab');
  await term.waitFor(/\nready\$ ls a-rather-long-name$/);
  await term.keys('Enter');
  await term.waitFor(/\na-rather-long-name\nready\$$/);

  // Reverse search draws over the prompt.
  await term.keys('C-r');
  await term.type('fir');
  await term.waitFor(/\(reverse-i-search\)`fir': echo first/);
  await term.keys('Enter');
  await term.waitFor(/\nfirst\nready\$$/);
});

test('GNU telnet: UTF-8 is typed, edited and shown', TIMEOUT, async () => {
  await using server = await startBashServer();
  await using term = await telnetAtPrompt(server.port);
  await term.type('echo é漢字ß');
  await term.keys('Left', 'Left', 'BSpace');
  await term.type('文\r');
  await term.waitFor(/\nready\$ echo é漢文字ß|\né文字ß\nready\$$/);
  await term.waitFor(/\né文字ß\nready\$$/);
  // The input arrived as UTF-8, not only as something that looks the same.
  await term.type("printf 'é漢' | od -An -tx1\r");
  await term.waitFor(/\n c3 a9 e6 bc a2\nready\$$/);
});

test('GNU telnet: every resize of the window reaches the program, and the last one remains', TIMEOUT, async () => {
  // Not bash: if a signal arrives when a command has just ended by itself, bash treats it as handled by that command.
  const loop = 'trap "stty size" WINCH; stty size; while :; do sleep 0.05; done';
  await using server = await startBashServer();
  await using term = await telnetAtPrompt(server.port);
  await term.type(`clear; sh -c '${loop}'\r`);
  await term.waitFor(/^24 80$/);
  await term.resize(100, 33);
  await term.waitFor(/\n33 100$/);
  await term.resize(81, 25);
  await term.waitFor(/\n25 81$/);
  await term.resize(200, 60);
  await term.waitFor(/\n60 200$/);
  await term.untilModes('icanon');
  await term.keys('C-c');
  await term.waitFor(AT_PROMPT);
  await term.type('clear; stty size; echo $LINES $COLUMNS\r');
  await term.waitFor(/^60 200\n60 200\nready\$$/);
});

test('GNU telnet: ^C, ^Z with fg and bg, ^D', TIMEOUT, async () => {
  await using server = await startBashServer();
  await using term = await telnetAtPrompt(server.port);
  await term.type(`${INTERRUPTIBLE}\r`);
  await term.waitFor(/\nstarted$/);
  await term.untilModes('icanon');
  await term.keys('C-c');
  await term.waitFor(/\^C\nready\$$/);
  await term.type('echo "status $?"\r');
  await term.waitFor(/\nstatus 130\nready\$$/);

  await term.type(`clear; ${STOPPABLE}\r`);
  await term.waitFor(/^started$/);
  await term.untilModes('icanon');
  await term.keys('C-z');
  await term.waitFor(/Stopped\s+perl -e [\s\S]*\nready\$$/);
  await term.type('fg\r');
  await term.waitFor(/\nready\$ fg\nperl -e [\s\S]*\nback$/);
  await term.untilModes('icanon');
  await term.keys('C-c');
  await term.waitFor(/\^C\nready\$$/);

  await term.type('clear; cat\r');
  await term.waitFor(screen => !screen.includes('Stopped'));
  await term.untilModes('icanon');
  await term.type('a line\r');
  await term.waitFor(/a line\na line$/);
  await term.keys('C-d');
  await term.waitFor(AT_PROMPT);

  // ^D at the prompt ends bash, and with it the connection.
  await term.keys('C-d');
  assert.equal(await term.exitStatus(), 0);
  assert.match(await term.capture(), /\nready\$\s+exit\nConnection closed by foreign host\.$/);
});

test('GNU telnet: the connection closes when the program ends, with all of its output', TIMEOUT, async () => {
  // No more than GNU telnet can hold: with more it loses the end when the connection closes (with any server, in one of
  // ten runs). The end of long output is tested with nc.
  const program = ['/bin/sh', '-c', 'seq 1 200; echo the very last line; exit 7'];
  await using server = await startServer([], { program });
  await using term = await openTelnet(server.port);
  assert.equal(await term.exitStatus(), 0);
  const numbers = Array.from({ length: 200 }, (_, at) => String(at + 1));
  const end = [...numbers, 'the very last line', 'Connection closed by foreign host.'];
  assert.deepEqual((await term.history()).split('\n').slice(-202), end);
});

test(
  'GNU telnet: a program that cannot start gives a one-line message, and the next one can start',
  TIMEOUT,
  async () => {
    const directory = mkdtempSync(join(tmpdir(), 'telpty-program-'));
    const program = join(directory, 'program');
    try {
      symlinkSync('/bin/echo', program);
      await using server = await startServer([], { program: [program, 'it runs'] });
      rmSync(program);
      await using term = await openTelnet(server.port, { cols: 200 });
      assert.equal(await term.exitStatus(), 0);
      const message = `telpty: cannot start '${program}': no such file or directory`;
      assert.ok(
        (await term.capture()).endsWith(`\n${message}\nConnection closed by foreign host.`),
        await term.capture(),
      );
      await server.waitForLog(/ENOENT/);
      symlinkSync('/bin/echo', program);
      await using again = await openTelnet(server.port);
      assert.equal(await again.exitStatus(), 0);
      assert.match(await again.capture(), /\nit runs\nConnection closed by foreign host\.$/);
    } finally {
      rmSync(directory, { recursive: true });
    }
  },
);
