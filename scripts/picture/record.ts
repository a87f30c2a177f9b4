/**
 * Records the session that the README shows: tmux in a pseudo-terminal, with a server in one pane and a client in the
 * other. Everything in it is real. It waits for what the screen shows, never for a time.
 */
import { spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { spawnPty } from '../../src/pty/index.ts';
import { createRecording } from '../../src/recording/writing/recording-writer.ts';
import { Screen } from '../../src/screen/screen.ts';
import { loadScreens } from '../../src/screen/xterm.ts';
import { GAME } from './game.ts';

const COLUMNS = 112;
const ROWS = 37;
const SERVER_ROWS = 5;
const TERM = 'xterm-256color';

const TMUX = `
set -g default-terminal tmux-256color
set -g default-command "exec bash --rcfile ~/bashrc"
set -g status off
set -s escape-time 0
set -g pane-border-lines heavy
set -g pane-border-style fg=#3a414d
set -g pane-active-border-style fg=#3a414d
set -g pane-border-status top
set -g pane-border-format " #[fg=#a9b1bf]#{pane_title} "
`;

const BASHRC = String.raw`PS1='\[\e[1;32m\]$\[\e[m\] '`;

/** Commands of tmux: the server above, the client below. */
const PANES = [
  ...[';', 'split-window', '-v', '-l', String(ROWS - SERVER_ROWS - 2)],
  ...[';', 'select-pane', '-t', '1', '-T', 'client'],
  ...[';', 'select-pane', '-t', '0', '-T', 'server'],
  ...[';', 'select-pane', '-t', '0'],
];
/** The prefix key of tmux, and its command. */
const OTHER_PANE = '\x02;';

/** @param file must not exist. */
export async function record(file: string): Promise<void> {
  await loadScreens();
  const home = mkdtempSync(join(tmpdir(), 'telpty-picture-'));
  mkdirSync(join(home, 'bin'));
  writeFileSync(join(home, 'tmux.conf'), TMUX);
  writeFileSync(join(home, 'bashrc'), BASHRC);
  const main = fileURLToPath(new URL('../../dist/cli/main.js', import.meta.url));
  const command = join(home, 'bin', 'telpty');
  // The options of the game, which a player has in a file.
  writeFileSync(
    command,
    `#!/bin/bash\nexec '${process.execPath}' '${main}' serve --env 'NETHACKOPTIONS=${GAME}' "\${@:2}"\n`,
  );
  chmodSync(command, 0o755);
  const env = {
    HOME: home,
    TMUX_TMPDIR: home,
    PATH: `${join(home, 'bin')}:/usr/local/bin:/usr/bin:/bin:/usr/games`,
    LANG: 'C.UTF-8',
    SHELL: '/bin/bash',
    TERM,
  };
  const pty = spawnPty('tmux', ['-f', join(home, 'tmux.conf'), 'new-session', ...PANES], {
    columns: COLUMNS,
    rows: ROWS,
    cwd: home,
    env,
  });
  const screen = new Screen(COLUMNS, ROWS, { onAnswer: answer => pty.write(answer) });
  const began = performance.now();
  const header = { columns: COLUMNS, rows: ROWS, term: TERM };
  const writer = createRecording(file, 'asciicast', header, error => pty.destroy(error));
  pty.on('data', (bytes: Buffer) => {
    screen.write(bytes);
    writer.data('output', bytes, 'utf-8', (performance.now() - began) / 1_000);
  });

  const shown = async (pattern: RegExp): Promise<void> => {
    const lines = () => Array.from({ length: ROWS }, (_, row) => screen.line(row)!.translateToString().trimEnd());
    const signal = AbortSignal.timeout(20_000);
    while (!pattern.test(lines().join('\n'))) {
      await once(pty, 'data', { signal }).catch(cause => {
        throw new Error(`${pattern} is not shown:\n${lines().join('\n')}`, { cause });
      });
    }
  };
  try {
    await shown(/server[\s\S]*\$[\s\S]*client[\s\S]*\$/);
    pty.write('telpty serve -- nethack\r');
    await shown(/listening/);
    pty.write(`${OTHER_PANE}telnet 127.0.0.1 6023\r`);
    await shown(/Dlvl:1/);
    await shown(/food ration/);
    writer.end();
    // A game that is not ended is saved, and the next recording would go on with it.
    pty.write('\x1b#quit\r');
    await shown(/Really quit/);
    pty.write('yq\r\r\r');
    await shown(/session 1 ended/);
  } finally {
    writer.end();
    // tmux's server outlives its terminal.
    spawnSync('tmux', ['kill-server'], { env });
    await pty.hangup();
    screen.dispose();
    rmSync(home, { recursive: true, force: true });
  }
}
