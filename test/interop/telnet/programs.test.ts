import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { telnetAtPrompt } from '../../support/clients/clients.ts';
import { AT_PROMPT, startBashServer } from '../../support/system/programs.ts';
import { requireTool } from '../../support/system/tools.ts';

// GNU telnet and full-screen programs: the screen is checked before and after a resize.

const TIMEOUT = { timeout: 600_000 };

/** The rows of a screen, as many as the window has. */
function rowsOf(screen: string, rows: number): string[] {
  return Array.from({ length: rows }, (_, at) => screen.split('\n')[at] ?? '');
}

test('GNU telnet: vim opens, follows a resize, writes and quits', TIMEOUT, async () => {
  requireTool('vim');
  await using server = await startBashServer();
  await using term = await telnetAtPrompt(server.port, { cols: 90, rows: 26 });
  /** The text at the top, the status line in the row above the last. */
  const drawn = (rows: number, top: string) => (screen: string) =>
    rowsOf(screen, rows)[0] === top && rowsOf(screen, rows)[rows - 2]!.startsWith('story.txt');
  const sizeIs = async (cols: number, rows: number): Promise<void> => {
    await term.type(':set columns? lines?\r');
    await term.waitFor(new RegExp(` {2}columns=${cols}\n {2}lines=${rows}\nPress ENTER`));
    await term.keys('Enter');
  };
  await term.type('vim -u NONE -i NONE -N -n --cmd "set laststatus=2 ruler" story.txt\r');
  await term.waitFor(drawn(26, ''));
  await sizeIs(90, 26);
  await term.type('ia line of text\rü 漢字');
  await term.keys('Escape');
  await term.waitFor(screen => screen.startsWith('a line of text\nü 漢字\n~\n'));

  await term.resize(120, 40);
  await term.waitFor(drawn(40, 'a line of text'));
  await sizeIs(120, 40);
  await term.resize(60, 12);
  await term.waitFor(drawn(12, 'a line of text'));
  await sizeIs(60, 12);

  await term.keys('Home');
  await term.type('x');
  await term.keys('Up', 'End');
  await term.type('a, longer');
  await term.keys('Escape');
  await term.type(':wq\r');
  await term.waitFor(AT_PROMPT);
  assert.equal(readFileSync(join(server.directory, 'story.txt'), 'utf8'), 'a line of text, longer\n 漢字\n');
});

test('GNU telnet: less pages, searches and follows a resize', TIMEOUT, async () => {
  requireTool('less');
  await using server = await startBashServer();
  const lines = Array.from({ length: 300 }, (_, at) => `line ${at + 1}`);
  writeFileSync(join(server.directory, 'long.txt'), `${lines.join('\n')}\n`);
  const page = (from: number, rows: number): string => lines.slice(from - 1, from - 1 + rows).join('\n');
  await using term = await telnetAtPrompt(server.port);

  await term.type('less long.txt\r');
  await term.waitFor(screen => screen === `${page(1, 23)}\nlong.txt`);
  await term.type(' ');
  await term.waitFor(screen => screen === `${page(24, 23)}\n:`);
  await term.keys('Up');
  await term.waitFor(screen => screen === `${page(23, 23)}\n:`);
  await term.resize(80, 35);
  await term.waitFor(screen => screen.startsWith(`${page(23, 34)}\n`));
  await term.keys('PPage');
  await term.waitFor(screen => screen.startsWith(`${page(1, 34)}\n`));
  await term.type('/line 200\r');
  await term.waitFor(screen => screen.startsWith(`${page(200, 34)}\n`));
  await term.type('G');
  await term.waitFor(screen => screen.startsWith(`${page(267, 34)}\n`) && screen.endsWith('(END)'));
  await term.type('q');
  await term.waitFor(AT_PROMPT);
});

test('GNU telnet: htop draws its meters and its keys in the last row, and follows a resize', TIMEOUT, async () => {
  requireTool('htop');
  await using server = await startBashServer();
  await using term = await telnetAtPrompt(server.port, { cols: 100, rows: 30 });
  await term.type('htop\r');
  const complete = (rows: number) => (screen: string) =>
    /Load average: [\d.]+/.test(screen) && /^F1Help .*F10Quit/.test(rowsOf(screen, rows)[rows - 1]!);
  await term.waitFor(complete(30));
  await term.resize(110, 36);
  await term.waitFor(complete(36));
  // Function keys arrive as one sequence.
  await term.keys('F1');
  await term.waitFor(/Press any key to return/);
  await term.type('x');
  await term.waitFor(complete(36));
  await term.keys('F10');
  await term.waitFor(screen => screen.endsWith('ready$'));
});

test('GNU telnet: tmux inside, with two panes, follows a resize', TIMEOUT, async () => {
  await using server = await startBashServer();
  const env = { PATH: process.env.PATH, TMUX_TMPDIR: server.directory };
  // tmux's server leaves its session, so it is ended from here in any case.
  server.onStopped(() => {
    try {
      execFileSync(requireTool('tmux'), ['-L', 'inner', 'kill-server'], { env, stdio: 'ignore' });
    } catch {
      // ended by the test
    }
  });
  await using term = await telnetAtPrompt(server.port);
  await term.type(
    `TMUX_TMPDIR=$HOME tmux -u -L inner -f /dev/null new-session 'PS1="in$ " bash --norc --noprofile -i'\r`,
  );
  await term.waitFor(screen => screen.startsWith('in$') && /^\[0\] 0:bash\*/.test(rowsOf(screen, 24)[23]!));
  await term.type('stty size\r');
  await term.waitFor(/\n23 80\nin\$/);
  await term.keys('C-b');
  await term.type('"');
  await term.waitFor(/\n─{80}\n/);
  await term.resize(100, 30);
  await term.waitFor(screen => /\n─{100}\n/.test(screen) && /^\[0\] 0:/.test(rowsOf(screen, 30)[29]!));
  await term.keys('C-b');
  await term.type('d');
  await term.waitFor(/\[detached \(from session 0\)\]\nready\$$/);
  await term.type('TMUX_TMPDIR=$HOME tmux -L inner kill-server; echo over\r');
  await term.waitFor(/\nover\nready\$$/);
});

test('GNU telnet: a game from Debian is played (nethack)', TIMEOUT, async () => {
  const nethack = requireTool('nethack');
  const options = '!autopickup,!legacy,!splash_screen,!news,time';
  await using server = await startBashServer(['--env', `NETHACKOPTIONS=${options}`]);
  await using term = await telnetAtPrompt(server.port);
  // A unique name: a game that is cut off leaves a saved one.
  await term.type(`${nethack} -u t${process.pid} -p Valkyrie -r human -@; echo "left with $?"\r`);
  await term.waitFor(/^Velkommen t\d+,/);
  // It may also print messages about the moon phase and Friday 13th.
  while ((await term.waitFor(/--More--| T:1$/)).includes('--More--')) await term.type('\r');
  await term.type('s');
  // Random events may print a message first, or in between.
  for (let turn = ''; !/ T:[2-9]$/.test(turn) || turn.includes('--More--'); ) {
    turn = await term.waitFor(screen => screen !== turn && /--More--| T:[2-9]$/.test(screen));
    if (turn.includes('--More--')) await term.type('\rs');
  }
  await term.type('i');
  await term.waitFor(/ a - an? .*long sword \(weapon in hand\)\n/);
  await term.keys('Escape');
  await term.waitFor(screen => !screen.includes('long sword') && / T:\d$/.test(screen));
  await term.type('#quit\r');
  await term.waitFor(/^Really quit\? \[yn\] \(n\)/);
  await term.type('y');
  await term.waitFor(/^Do you want your possessions identified\? \[ynq\] \(n\)/);
  await term.type('q');
  await term.waitFor(/\nleft with 0\nready\$$/);
});

test('GNU telnet: a game that moves without input is played (worm)', TIMEOUT, async () => {
  await using server = await startBashServer();
  await using term = await telnetAtPrompt(server.port);
  await term.type(`${requireTool('worm')}\r`);
  /** The position of the worm's head. */
  const head = (text: string): readonly [x: number, y: number] => {
    const rows = text.split('\n');
    const y = rows.findIndex(row => row.includes('@'));
    return [rows[y]?.indexOf('@') ?? -1, y];
  };
  const [x, y] = head(await term.waitFor(/ooooooo@/));
  await term.type('l');
  await term.waitFor(text => head(text)[0] > x && head(text)[1] === y);
  await term.type('j');
  await term.waitFor(text => head(text)[1] > y);
  await term.keys('C-c');
  await term.waitFor(/ready\$$/);
});
