import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Modes, type Pty, spawnPty } from '../../../src/pty/index.ts';
import { atExit } from '../../support/cleanup.ts';
import { framed, Screen } from '../../support/clients/screen.ts';
import { ByteLog } from '../../support/format/byte-log.ts';
import { untilTrue } from '../../support/leaks.ts';
import { PATIENCE_MS } from '../../support/patience.ts';

export interface DeskOptions {
  cols?: number;
  rows?: number;
  /** Added to a small fixed environment. */
  env?: Readonly<Record<string, string>>;
}

/**
 * A client on a pseudo-terminal, and the screen that it draws, in memory. The tests judge a client by this screen or by
 * the drawn bytes. This is cheaper than a terminal in tmux, which would have to be polled, and there are hundreds of
 * these.
 *
 *     await using desk = Desk.open([requireTool('telnet'), '127.0.0.1', String(port)]);
 *     await desk.waitFor(/ready>$/);
 *     desk.enter('size');
 */
export class Desk implements AsyncDisposable {
  readonly pty: Pty;
  readonly screen: Screen;
  /** All bytes that the client has drawn. */
  readonly drawn = new ByteLog();
  /** The client's private HOME. */
  readonly home: string;
  readonly #forget: () => void;

  private constructor(command: readonly string[], options: DeskOptions) {
    const { cols = 80, rows = 24 } = options;
    this.home = mkdtempSync(join(tmpdir(), 'telpty-desk-'));
    const env = {
      PATH: '/usr/local/bin:/usr/bin:/bin:/usr/games',
      LANG: 'C.UTF-8',
      HOME: this.home,
      USER: 'visitor',
      TERM: 'xterm-256color',
      ...options.env,
    };
    this.screen = new Screen(cols, rows);
    // It would log warnings about some of the 256 different bytes.
    this.screen.terminal.options.logLevel = 'off';
    this.pty = spawnPty(command[0]!, command.slice(1), { columns: cols, rows, env, cwd: this.home });
    this.#forget = atExit(() => {
      this.pty.kill('SIGKILL');
      rmSync(this.home, { recursive: true, force: true });
    });
    this.pty.on('error', () => {});
    this.pty.on('data', (bytes: Buffer) => {
      this.drawn.append(bytes);
      void this.screen.feed(bytes);
    });
    // A terminal answers queries.
    this.screen.terminal.onData(answer => this.pty.write(answer));
  }

  /** Starts a client, by default in a window of 80×24. */
  static open(command: readonly string[], options: DeskOptions = {}): Desk {
    return new Desk(command, options);
  }

  /** Types text or bytes unchanged; `\r` is the Enter key, `\x03` is ^C. */
  type(keys: string | Uint8Array): void {
    this.pty.write(keys);
  }

  /** Types a line and the Enter key. */
  enter(line: string): void {
    this.type(`${line}\r`);
  }

  /** Waits until the screen matches, or contains the string (followed by a line end if the string has one). */
  waitFor(wanted: RegExp | string): Promise<string> {
    const literal = (text: string) => new RegExp(text.replaceAll(/[$()*+.?[\\\]^{|}]/g, '\\$&'));
    return this.screen.waitFor(typeof wanted === 'string' ? literal(wanted) : wanted, PATIENCE_MS);
  }

  /** Waits until the client has drawn these bytes, contiguously. */
  async waitForBytes(wanted: Buffer): Promise<void> {
    await this.screen.waitFor(() => this.drawn.bytes.includes(wanted), PATIENCE_MS);
  }

  /**
   * Waits for terminal modes of the client. A client that is asked to edit or echo switches its modes some time later,
   * and the screen does not show it; input in between would be treated as neither a line nor a key.
   */
  untilModes(wanted: (modes: Modes) => boolean): Promise<void> {
    return untilTrue(() => wanted(this.pty.modes()), PATIENCE_MS);
  }

  /** Changes the size of the window. */
  resize(cols: number, rows: number): void {
    this.screen.resize(cols, rows);
    this.pty.resize(cols, rows);
  }

  /** Waits until the client has ended. Returns its exit status. */
  async exitStatus(): Promise<number | null> {
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<never>((_, reject) => {
      const complain = () => reject(new Error(`the client is still running:\n${framed(this.screen.text())}`));
      timer = setTimeout(complain, PATIENCE_MS);
    });
    try {
      return (await Promise.race([this.pty.exited, late])).code;
    } finally {
      clearTimeout(timer);
    }
  }

  /** Closes the window: hangs up the client and removes its HOME. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.pty.hangup({ timeout: 1_000 });
    this.pty.destroy();
    this.screen.dispose();
    this.#forget();
    rmSync(this.home, { recursive: true, force: true, maxRetries: 3 });
  }
}
