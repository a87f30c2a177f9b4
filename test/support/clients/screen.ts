import headless from '@xterm/headless';
import { PATIENCE_MS } from '../patience.ts';

/**
 * A terminal in memory: feed it what a program wrote, read what a person would see.
 *
 *     const screen = new Screen(80, 24);
 *     wire.onData(bytes => screen.feed(bytes));
 *     await screen.waitFor(text => text.includes('$ '));
 */
export class Screen {
  readonly terminal: headless.Terminal;
  readonly #changed = new Set<() => void>();

  constructor(cols = 80, rows = 24) {
    this.terminal = new headless.Terminal({ cols, rows, allowProposedApi: true, scrollback: 1000, logLevel: 'off' });
    this.terminal.onWriteParsed(() => {
      for (const look of [...this.#changed]) look();
    });
  }

  /** Takes bytes; resolves when they are on the screen. */
  feed(bytes: Uint8Array | string): Promise<void> {
    return new Promise(resolve => this.terminal.write(bytes, resolve));
  }

  /** One row of the visible screen without trailing blanks, from 0; negative counts from the bottom. */
  row(index: number): string {
    const buffer = this.terminal.buffer.active;
    const row = index < 0 ? this.terminal.rows + index : index;
    return buffer.getLine(buffer.baseY + row)?.translateToString(true) ?? '';
  }

  /** The visible screen, rows joined by LF, empty rows at the end left out. */
  text(): string {
    const rows: string[] = [];
    for (let row = 0; row < this.terminal.rows; row++) rows.push(this.row(row));
    return rows.join('\n').trimEnd();
  }

  /** Column and row of the cursor, from 0. */
  get cursor(): readonly [x: number, y: number] {
    const { cursorX, cursorY } = this.terminal.buffer.active;
    return [cursorX, cursorY];
  }

  resize(cols: number, rows: number): void {
    this.terminal.resize(cols, rows);
  }

  /** Waits until the screen is as wanted; fails with a picture of it. */
  waitFor(wanted: RegExp | ((text: string) => boolean), timeout = PATIENCE_MS): Promise<string> {
    const holds = (text: string): boolean => (wanted instanceof RegExp ? wanted.test(text) : wanted(text));
    return new Promise((resolve, reject) => {
      const look = (): void => {
        const text = this.text();
        if (!holds(text)) return;
        done();
        resolve(text);
      };
      const done = (): void => {
        clearTimeout(timer);
        this.#changed.delete(look);
      };
      const timer = setTimeout(() => {
        done();
        reject(new Error(`${timeout} ms passed without ${wanted} on the screen:\n${framed(this.text())}`));
      }, timeout);
      this.#changed.add(look);
      look();
    });
  }

  dispose(): void {
    this.terminal.dispose();
  }
}

/** A screen in a frame, for messages. */
export function framed(text: string): string {
  return `┌────\n${text.replace(/^/gm, '│')}\n└────`;
}
