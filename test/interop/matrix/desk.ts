import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Modes, type Pty, spawnPty } from '../../../src/pty/index.ts';
import { atExit } from '../../support/cleanup.ts';
import { framed, Screen } from '../../support/clients/screen.ts';
import { ByteLog } from '../../support/format/byte-log.ts';
import { untilTrue } from '../../support/leaks.ts';

export interface DeskOptions {
  cols?: number;
  rows?: number;
  /** Added to a small fixed environment. */
  env?: Readonly<Record<string, string>>;
}

/** How long anything on the screen may take. Machines that run tests are busy; nothing is decided by this time. */
const PATIENCE_MS = 20_000;

/**
 * A person's desk: a client on a pseudo-terminal, and the screen it draws, in memory. What the client makes of the
 * connection is judged by the screen, or by the bytes that were drawn. Cheaper than a terminal in tmux, which has to be
 * asked again and again, and there are hundreds of these.
 *
 *     await using desk = Desk.open([requireTool('telnet'), '127.0.0.1', String(port)]);
 *     await desk.waitFor(/ready>$/);
 *     desk.enter('size');
 */
export class Desk implements AsyncDisposable {
  readonly pty: Pty;
  readonly screen: Screen;
  /** All that the client has drawn. */
  readonly drawn = new ByteLog();
  /** The client's HOME, and nobody else's. */
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
    // It would complain of some of 256 different bytes.
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
    // A terminal answers what it is asked.
    this.screen.terminal.onData(answer => this.pty.write(answer));
  }

  /** Starts a client, 80×24 unless told otherwise. */
  static open(command: readonly string[], options: DeskOptions = {}): Desk {
    return new Desk(command, options);
  }

  /** Types text or bytes as they are; `\r` is the Enter key, `\x03` is ^C. */
  type(keys: string | Uint8Array): void {
    this.pty.write(keys);
  }

  /** Types a line and the Enter key. */
  enter(line: string): void {
    this.type(`${line}\r`);
  }

  /** Waits until the screen matches, or holds the string (with a line's end after it, where the string has one). */
  waitFor(wanted: RegExp | string): Promise<string> {
    const literal = (text: string) => new RegExp(text.replaceAll(/[$()*+.?[\\\]^{|}]/g, '\\$&'));
    return this.screen.waitFor(typeof wanted === 'string' ? literal(wanted) : wanted, PATIENCE_MS);
  }

  /** Waits until what the client has drawn holds these bytes, drawn in one piece. */
  async waitForBytes(wanted: Buffer): Promise<void> {
    await this.screen.waitFor(() => this.drawn.bytes.includes(wanted), PATIENCE_MS);
  }

  /**
   * Waits until the client has its terminal as wanted. One that is told who edits does as it is told some time later, and
   * nothing on the screen tells; what is typed in between is neither a line nor a key.
   */
  untilModes(wanted: (modes: Modes) => boolean): Promise<void> {
    return untilTrue(() => wanted(this.pty.modes()), PATIENCE_MS);
  }

  /** Gives the window another size. */
  resize(cols: number, rows: number): void {
    this.screen.resize(cols, rows);
    this.pty.resize(cols, rows);
  }

  /** Waits until the client has ended, and gives its exit status. */
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

  /** Closes the window: the client is hung up, and its HOME removed. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.pty.hangup({ timeout: 1_000 });
    this.pty.destroy();
    this.screen.dispose();
    this.#forget();
    rmSync(this.home, { recursive: true, force: true, maxRetries: 3 });
  }
}
