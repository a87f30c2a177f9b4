import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { test } from 'node:test';
import { Terminal, type TerminalOptions } from '../support/clients/tmux.ts';
import { startServer } from '../support/servers/server.ts';
import { AT_PROMPT, INTERRUPTIBLE, startBashServer } from '../support/system/programs.ts';
import { requireTool } from '../support/system/tools.ts';

// PuTTY's engine without its window.

const TIMEOUT = { timeout: 600_000 };

function openPlink(port: number, options?: TerminalOptions): Promise<Terminal> {
  return Terminal.start([requireTool('plink'), '-telnet', '-P', String(port), '127.0.0.1'], options);
}

test('plink: size and terminal type are correct at the start of the program', TIMEOUT, async () => {
  const look = 'stty size; echo "$(tput cols) $(tput lines) $TERM"; exec cat';
  await using server = await startServer([], { program: ['/bin/sh', '-c', look] });
  await using term = await openPlink(server.port, { cols: 101, rows: 31 });
  await term.waitFor(/^31 101\n101 31 (tmux|xterm)\S*$/m);
});

test('plink: readline, ^C, UTF-8, the end', TIMEOUT, async () => {
  await using server = await startBashServer();
  await using term = await openPlink(server.port);
  await term.waitFor(AT_PROMPT);
  await term.type('cho ac');
  await term.keys('C-a');
  await term.type('e');
  await term.keys('C-e', 'Left');
  await term.type('bx');
  await term.keys('BSpace', 'Enter');
  await term.waitFor(/ready\$ echo abc\nabc\nready\$$/);
  await term.keys('Up');
  await term.waitFor(/ready\$ echo abc$/);
  await term.keys('C-u');
  await term.type('echo é漢字\r');
  await term.waitFor(/\né漢字\nready\$$/);
  await term.type(`${INTERRUPTIBLE}\r`);
  await term.waitFor(/\nstarted$/);
  await term.keys('C-c');
  await term.waitFor(/\^C\nready\$$/);
  await term.type('exit\r');
  assert.equal(await term.exitStatus(), 0);
});

test('plink: vim follows a resize', TIMEOUT, async () => {
  requireTool('vim');
  await using server = await startBashServer();
  await using term = await openPlink(server.port);
  await term.waitFor(AT_PROMPT);
  await term.type('vim -u NONE -i NONE -N -n --cmd "set laststatus=2" notes.txt\r');
  const drawn = (rows: number) => (screen: string) => screen.split('\n')[rows - 2]?.startsWith('notes.txt') ?? false;
  await term.waitFor(drawn(24));
  await term.resize(111, 35);
  await term.waitFor(drawn(35));
  await term.type(':set columns? lines?\r');
  await term.waitFor(/ {2}columns=111\n {2}lines=35\nPress ENTER/);
  await term.keys('Enter');
  await term.type(':q!\r');
  await term.waitFor(AT_PROMPT);
});

test('plink: all output arrives when the program ends at once', TIMEOUT, async () => {
  // No more than plink can print at once: with more it may crash when the connection closes (with any server). The end
  // of long output is tested with nc.
  const program = ['/bin/sh', '-c', 'seq 1 200; echo the very last line; exit 7'];
  await using server = await startServer([], { program });
  await using term = await openPlink(server.port);
  assert.equal(await term.exitStatus(), 0);
  const numbers = Array.from({ length: 200 }, (_, at) => String(at + 1));
  assert.deepEqual((await term.history()).split('\n').slice(-201), [...numbers, 'the very last line']);
});

test('plink -batch: commands from a pipe, output to a pipe, exit status 0', TIMEOUT, async () => {
  await using server = await startBashServer();
  const args = ['-batch', '-telnet', '-P', String(server.port), '127.0.0.1'];
  const output = await new Promise<string>((resolve, reject) => {
    const child = execFile(requireTool('plink'), args, { timeout: 300_000 }, (error, stdout) => {
      if (error) reject(error);
      else resolve(stdout);
    });
    child.stdin!.end('echo $((6 * 7))\nexit\n');
  });
  assert.match(output, /[\r\n]42\r\n/);
});
