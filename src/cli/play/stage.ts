/** The user's terminal while a command draws on all of it: its size, its keys, and its state before and after. */
import { charsetOfLocale, encoder } from '../../charset/index.ts';
import type { Frame, FrameSize } from '../../recording/player/frame.ts';
import type { Key } from '../../recording/player/key.ts';
import { Painter } from '../../recording/player/painter.ts';
import type { ColourDepth } from '../../screen/style.ts';
import { DEFAULT_COLUMNS, DEFAULT_ROWS } from '../../session/terminal.ts';
import { SILENT } from '../connect/discipline.ts';
import { handleSignals, isForeground, stopSelf } from '../connect/signals.ts';
import { LocalTerminal } from '../connect/terminal/local-terminal.ts';
import { KeyDecoder } from './keys.ts';

const SUSPEND: Key = 'suspend';

/** The part of a command that draws at present. */
export interface Actor {
  handleKey(key: Key): void;
  /** Called if the terminal was cleared, has another size, or is ready again. */
  handleRedraw(): void;
}

export class Stage {
  /** Undefined between two of them. */
  actor: Actor | undefined;
  readonly #painter = painterFor(charsetOfTerminal(process.env));
  readonly #keys = new KeyDecoder();
  readonly #terminal: LocalTerminal | undefined;
  #isOpen = false;
  #isStopped = false;
  #forget: () => void = () => {};

  constructor() {
    const { stdin } = process;
    this.#terminal = stdin.isTTY ? new LocalTerminal(stdin, stdin.fd) : undefined;
  }

  get size(): FrameSize {
    const { columns, rows } = process.stdout;
    return { columns: columns || DEFAULT_COLUMNS, rows: rows || DEFAULT_ROWS };
  }

  get depth(): ColourDepth {
    return depthOf(process.env);
  }

  get isOpen(): boolean {
    return this.#isOpen;
  }

  /** Whether the terminal has taken everything that was drawn. */
  get isReady(): boolean {
    return !process.stdout.writableNeedDrain && !this.#isStopped;
  }

  open(): void {
    const { stdin, stdout } = process;
    const read = (bytes: Buffer) => this.#read(bytes);
    // The terminal has hung up.
    const ended = () => this.actor?.handleKey('quit');
    const redraw = () => this.actor?.handleRedraw();
    const close = () => this.close();
    const forgetSignals = handleSignals(
      {
        SIGINT: () => this.#exit(130),
        SIGQUIT: () => this.#exit(131),
        SIGTSTP: () => this.#suspend(),
        SIGCONT: () => !this.#isStopped && this.#resume(),
      },
      status => this.#exit(status),
    );
    stdout.on('resize', redraw).on('drain', redraw);
    process.on('exit', close);
    if (this.#terminal !== undefined) stdin.on('data', read).once('end', ended).once('error', ended).resume();
    this.#forget = () => {
      forgetSignals();
      process.off('exit', close);
      stdout.off('resize', redraw).off('drain', redraw);
      if (this.#terminal !== undefined) stdin.off('data', read).off('end', ended).off('error', ended).pause();
    };
    this.#enter();
  }

  /** @param last is printed on the ordinary screen. */
  close(last?: Frame): void {
    this.#forget();
    this.#forget = () => {};
    if (this.#isOpen && !this.#isStopped) this.#leave();
    this.#isOpen = false;
    if (last !== undefined && !process.stdout.destroyed) process.stdout.write(this.#painter.lines(last));
  }

  paint(frame: Frame): void {
    if (!this.#isOpen || this.#isStopped) return;
    const bytes = this.#painter.paint(frame);
    if (bytes.length > 0) process.stdout.write(bytes);
  }

  #enter(): void {
    this.#isOpen = true;
    this.#isStopped = false;
    this.#terminal?.apply(SILENT, undefined);
    process.stdout.write(this.#painter.enter());
  }

  #leave(): void {
    if (!process.stdout.destroyed && isForeground() !== false) process.stdout.write(this.#painter.leave(this.size));
    this.#terminal?.restore();
  }

  #exit(status: number): void {
    this.close();
    process.exit(status);
  }

  #read(bytes: Buffer): void {
    for (const key of this.#keys.decode(bytes)) {
      if (key === SUSPEND) this.#suspend();
      else if (this.#isOpen) this.actor?.handleKey(key);
    }
  }

  #suspend(): void {
    this.#leave();
    this.#isStopped = true;
    stopSelf();
    this.#resume();
  }

  /** The shell has used the terminal, or another process has stopped this one. */
  #resume(): void {
    this.#enter();
    this.actor?.handleRedraw();
    // A change of the window size during the stop was not reported; Node checks the size on this signal.
    process.kill(process.pid, 'SIGWINCH');
  }
}

function painterFor(charset: string): Painter {
  const converter = encoder(charset);
  return new Painter(text => converter.write(text));
}

/** The character set of the user's terminal. */
function charsetOfTerminal({ LC_ALL, LC_CTYPE, LANG }: NodeJS.ProcessEnv): string {
  return charsetOfLocale(LC_ALL || LC_CTYPE || LANG || '') ?? 'UTF-8';
}

/** The colours of the terminal. An unknown one is assumed to have 8; terminals without colours ignore them. */
export function depthOf({ COLORTERM = '', TERM = '', NO_COLOR = '' }: NodeJS.ProcessEnv): ColourDepth {
  if (NO_COLOR !== '' || /^(?:dumb|vt\d+.*|ansi-m|.*-mono)$/.test(TERM)) return 0;
  if (/^(?:truecolor|24bit)$/i.test(COLORTERM) || TERM.endsWith('-direct')) return 'rgb';
  return /256col|^(?:xterm|tmux|screen|alacritty|kitty|foot|putty)/.test(TERM) ? 256 : 8;
}
