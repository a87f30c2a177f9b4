import { execFile, execFileSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { promisify } from 'node:util';
import { atExit } from '../cleanup.ts';
import { isAlive, untilTrue } from '../leaks.ts';
import { PATIENCE_MS } from '../patience.ts';
import { requireTool } from '../system/tools.ts';
import { framed } from './screen.ts';

const run = promisify(execFile);

// `window-size manual` is not here: tmux 3.3a crashes with it in the file. With no terminal attached the size of
// new-session stays, and resize-window turns it on.
const CONFIG = `
set -g default-terminal tmux-256color
set -g status off
set -s escape-time 0
set -g prefix None
set -g history-limit 5000
`;

// Runs the client, then says so in the window's title and stays. Without it the last output of a client that ends could
// be lost: tmux closes a window as soon as it is notified of the end and has nothing to read at that moment. The title
// follows the output, so a screen with the title is complete. The traps are for keys such as ^C that a client leaves to
// the kernel.
const WRAPPER = `
trap : INT QUIT TSTP
sh -c 'echo $$ >"$HOME/client.pid"; exec "$@"' sh "$@"
printf '\\033]2;ended with %d\\007' $?
exec sleep infinity
`;

export interface TerminalOptions {
  cols?: number;
  rows?: number;
  /** Added to a small fixed environment. */
  env?: Readonly<Record<string, string>>;
}

/**
 * A real terminal with a real client in it: a private tmux server with one window. The screen that the client draws
 * shows how it handles the connection.
 *
 *     await using term = await Terminal.start([requireTool('telnet'), '127.0.0.1', String(port)]);
 *     await term.waitFor(/\$ $/);
 *     await term.type('stty size\r');
 */
export class Terminal implements AsyncDisposable {
  readonly #tmux: string;
  /** A directory of its own: tmux's socket and configuration, and the client's HOME. */
  readonly home: string;
  readonly #env: Record<string, string>;
  readonly #forget: () => void;
  /** The client's terminal. */
  #tty: string | undefined;
  /** tmux's server and the shell in its window. */
  #pids: number[] = [];
  /** The client's process. */
  pid = 0;

  private constructor(options: TerminalOptions) {
    this.#tmux = requireTool('tmux');
    this.home = mkdtempSync(join(tmpdir(), 'telpty-terminal-'));
    this.#env = {
      PATH: '/usr/local/bin:/usr/bin:/bin:/usr/games',
      LANG: 'C.UTF-8',
      LC_ALL: 'C.UTF-8',
      SHELL: '/bin/sh',
      HOME: this.home,
      TMUX_TMPDIR: this.home,
      TERM: 'xterm-256color',
      ...options.env,
    };
    writeFileSync(join(this.home, 'tmux.conf'), CONFIG);
    this.#forget = atExit(() => {
      this.#kill();
      this.#remove();
    });
  }

  /** Starts a program (no shell in between) in a terminal of its own, 80×24 by default. */
  static async start(command: readonly string[], options: TerminalOptions = {}): Promise<Terminal> {
    const terminal = new Terminal(options);
    const { cols = 80, rows = 24 } = options;
    try {
      const size = ['-x', String(cols), '-y', String(rows)];
      const print = ['-P', '-F', '#{pid} #{pane_pid}'];
      const pids = await terminal.#command(
        'new-session',
        '-d',
        '-s',
        't',
        ...size,
        ...print,
        '--',
        '/bin/sh',
        '-c',
        WRAPPER,
        'sh',
        ...command,
      );
      terminal.#pids = pids.trim().split(' ').map(Number);
      terminal.pid = await terminal.#clientPid();
    } catch (error) {
      await terminal.close();
      throw error;
    }
    return terminal;
  }

  /** Types text as it is; `\r` is the Enter key, `\x03` is ^C. */
  async type(text: string): Promise<void> {
    // tmux takes a lone trailing ";" for its own separator.
    const literal = text.endsWith(';') ? `${text.slice(0, -1)}\\;` : text;
    await this.#command('send-keys', '-t', 't', '-l', '--', literal);
  }

  /** Presses keys by tmux's names: `Up`, `C-a`, `BSpace`, `Enter`, `F1`, `M-x`. */
  async keys(...names: string[]): Promise<void> {
    await this.#command('send-keys', '-t', 't', '--', ...names);
  }

  /** The visible screen; trailing blanks of rows and empty rows at the end are left out. */
  async capture(options: { colours?: boolean } = {}): Promise<string> {
    const text = await this.#command('capture-pane', '-p', ...(options.colours ? ['-e'] : []), '-t', 't');
    return text.replace(/[ \t]+$/gm, '').trimEnd();
  }

  /** The screen with what has scrolled off its top. */
  async history(): Promise<string> {
    return (await this.#command('capture-pane', '-p', '-J', '-S', '-', '-t', 't')).replace(/[ \t]+$/gm, '').trimEnd();
  }

  /**
   * Waits until the screen is as wanted. Nothing signals that another program has finished drawing, so this checks
   * every 25 ms.
   */
  async waitFor(wanted: RegExp | ((screen: string) => boolean), timeout = PATIENCE_MS): Promise<string> {
    const deadline = Date.now() + timeout;
    for (;;) {
      const screen = await this.capture();
      if (wanted instanceof RegExp ? wanted.test(screen) : wanted(screen)) return screen;
      if (Date.now() > deadline) {
        throw new Error(`${timeout} ms passed without ${wanted} on the screen:\n${framed(screen)}`);
      }
      await delay(25);
    }
  }

  /**
   * Gives the terminal another size, as a person who drags the window's corner does. tmux spaces resizes by up to 250
   * ms; this returns when the client's tty has the size, so keys typed after it cannot overtake it.
   */
  async resize(cols: number, rows: number): Promise<void> {
    await this.#command('resize-window', '-t', 't', '-x', String(cols), '-y', String(rows));
    const deadline = Date.now() + PATIENCE_MS;
    while ((await this.#stty('size')).trim() !== `${rows} ${cols}`) {
      if (Date.now() > deadline) throw new Error(`tmux did not resize its window to ${cols}×${rows}`);
      await delay(10);
    }
  }

  /**
   * Waits until the client has set these modes of its terminal, as `stty -a` names them: `icanon`, `-echo`. A client
   * sets its modes some time after the server's request, and nothing on the screen shows this. Input in between is
   * neither a line nor a key.
   */
  async untilModes(...modes: readonly string[]): Promise<void> {
    const deadline = Date.now() + PATIENCE_MS;
    for (;;) {
      const set = (await this.#stty('-a')).split(/\s+/);
      if (modes.every(mode => set.includes(mode))) return;
      if (Date.now() > deadline) throw new Error(`the client's terminal has not come to ${modes}:\n${set.join(' ')}`);
      await delay(25);
    }
  }

  async #stty(what: string): Promise<string> {
    this.#tty ??= (await this.#command('display-message', '-p', '-t', 't', '#{pane_tty}')).trim();
    return (await run('stty', ['-F', this.#tty, what])).stdout;
  }

  /** What programs have set in the terminal, by tmux's names of formats (`alternate_on`, `mouse_any_flag`). */
  async flags(...names: readonly string[]): Promise<string> {
    const format = names.map(name => `#{${name}}`).join(' ');
    return (await this.#command('display-message', '-p', '-t', 't', format)).trim();
  }

  /** Column and row of the cursor, from 0. */
  async cursor(): Promise<readonly [x: number, y: number]> {
    const [x, y] = (await this.#command('display-message', '-p', '-t', 't', '#{cursor_x} #{cursor_y}')).split(' ');
    return [Number(x), Number(y)];
  }

  /** Waits until the client has ended, and gives its exit status (128 + the number of a signal that ended it). */
  async exitStatus(timeout = PATIENCE_MS): Promise<number> {
    const deadline = Date.now() + timeout;
    for (;;) {
      const title = await this.#command('display-message', '-p', '-t', 't', '#{pane_title}');
      const match = /^ended with (\d+)$/m.exec(title);
      if (match) return Number(match[1]);
      if (Date.now() > deadline) throw new Error(`the client is still running:\n${framed(await this.capture())}`);
      await delay(25);
    }
  }

  /** Ends tmux, with it the client (SIGHUP), and removes the directory. */
  async close(): Promise<void> {
    const pids = [...this.#pids, this.pid].filter(pid => pid > 0);
    this.#kill();
    await untilTrue(
      () => !pids.some(isAlive),
      PATIENCE_MS,
      () => `tmux or its client outlives kill-server: ${pids}`,
    );
    // Only now: a shell that ends writes its history.
    this.#remove();
    this.#forget();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  async #clientPid(): Promise<number> {
    const file = join(this.home, 'client.pid');
    let pid = 0;
    await untilTrue(() => {
      if (existsSync(file)) pid = Number(readFileSync(file, 'utf8'));
      return pid > 0;
    });
    return pid;
  }

  #kill(): void {
    try {
      execFileSync(this.#tmux, ['-L', 'telpty', 'kill-server'], { env: this.#env, stdio: 'ignore' });
    } catch {
      // it has ended by itself
    }
  }

  #remove(): void {
    rmSync(this.home, { recursive: true, force: true, maxRetries: 3 });
  }

  async #command(...args: string[]): Promise<string> {
    const config = join(this.home, 'tmux.conf');
    const { stdout } = await run(this.#tmux, ['-u', '-L', 'telpty', '-f', config, ...args], { env: this.#env });
    return stdout;
  }
}
