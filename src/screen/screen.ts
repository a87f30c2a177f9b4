/**
 * The state of a terminal's screen, as a program with TERM=xterm sees it: the contents of the cells, the position of
 * the cursor, the modes. It is xterm.js without a display, with its input bounded by {@link OutputFilter}. It does not
 * depend on sessions or Telnet.
 *
 * **Writing is synchronous.** xterm.js parses written output in a timer, except directly after user input, because the
 * echo of a key should appear at once. So each write here follows an empty input. That is public API, and the callback
 * of the write shows whether it worked: if not, {@link Screen.write} throws, so tests fail with a version that changes
 * this. Rejected: the timer (a millisecond for each piece of output, and an exception in it ends the process instead
 * of resetting one screen); `writeSync` (private and deprecated).
 *
 * **Lines that scroll off.** xterm.js reports that something has scrolled, but not what. The position of a marker on
 * the line above the screen shows how many lines have followed it. Those are read from the scrollback, which is always
 * full: it is filled with empty lines at the beginning, because in a scrollback that grows, a saved cursor moves with
 * the text.
 *
 * Of the requests that a program sends to its terminal, only DA and DSR are answered. The answers of xterm.js are
 * discarded.
 */
import type { IBufferCell, IBufferLine, IMarker, IUnicodeVersionProvider, Terminal } from '@xterm/headless';
import { columnsOf } from '../charset/width.ts';
import { OutputFilter } from './output-filter.ts';
import { snapshot } from './snapshot.ts';
import { terminalClass } from './xterm.ts';

/** A character, its width, colours and attributes. Valid until the next cell is read. */
export type ScreenCell = IBufferCell;
/** Valid until the next write. It may have cells beyond the screen, if the screen was wider before. */
export type ScreenLine = IBufferLine;

export interface ScreenOptions {
  /** The number of lines that have scrolled off to keep. Default: 0. */
  readonly scrollback?: number | undefined;
  /** The number of combining marks to keep on a character. Default: 4. */
  readonly marks?: number | undefined;
  /** Receives the answers to DA and DSR. Default: no answers. */
  readonly onAnswer?: ((text: string) => void) | undefined;
  readonly onBell?: (() => void) | undefined;
}

export const MAX_COLUMNS = 1_000;
export const MAX_ROWS = 400;
/** The minimum of xterm.js. */
const MIN_COLUMNS = 2;

const TABULATOR = 8;

/** "A VT102". */
const DEVICE_ATTRIBUTES = '\x1b[?6c';
const STATUS_OK = '\x1b[0n';

export class Screen {
  readonly #options: ScreenOptions;
  readonly #scrollback: number;
  readonly #filter: OutputFilter;
  #decoder: InstanceType<typeof TextDecoder> | undefined;
  #terminal: Terminal;
  /** The marker on the line above the screen, as of the last call of {@link takeScrolled}. */
  #marker: IMarker | undefined;
  #wasAlternate = false;
  #title = '';
  #isDisposed = false;

  /** The size is limited to 2x1 to 1000x400. */
  constructor(columns: number, rows: number, options: ScreenOptions = {}) {
    this.#options = options;
    this.#scrollback = options.scrollback ?? 0;
    this.#terminal = this.#create(bounded(columns, MIN_COLUMNS, MAX_COLUMNS), bounded(rows, 1, MAX_ROWS));
    const screen = this;
    this.#filter = new OutputFilter(
      {
        get columns() {
          return screen.columns;
        },
        get rows() {
          return screen.rows;
        },
        get isAlternate() {
          return screen.isAlternate;
        },
        put: text => this.#put(text),
        intercept: (parameters, final) => this.#intercept(parameters, final),
        reset: () => this.#reset(),
        title: title => {
          this.#title = title;
        },
      },
      options.marks ?? 4,
    );
    this.#fillScrollback();
  }

  get columns(): number {
    return this.#terminal.cols;
  }

  get rows(): number {
    return this.#terminal.rows;
  }

  /**
   * The position of the next character. After a character in the last column, the column is the last one, although the
   * next character may go to the next line.
   */
  get cursor(): { readonly row: number; readonly column: number } {
    const { cursorX, cursorY } = this.#terminal.buffer.active;
    return { row: cursorY, column: Math.min(cursorX, this.columns - 1) };
  }

  /** The title that the program has set for its window; at most 256 characters. */
  get title(): string {
    return this.#title;
  }

  /** Whether the alternate screen is shown, from which no lines scroll off. */
  get isAlternate(): boolean {
    return this.#terminal.buffer.active.type === 'alternate';
  }

  /** Whether the program has hidden the cursor (DECTCEM). */
  get isCursorHidden(): boolean {
    return this.#ask('\x1b[?25$p') === '\x1b[?25;2$y';
  }

  get modes(): Terminal['modes'] {
    return this.#terminal.modes;
  }

  /** Whether the output so far does not end in the middle of a sequence, which a snapshot would lose. */
  get isIdle(): boolean {
    return this.#filter.isIdle;
  }

  get disposed(): boolean {
    return this.#isDisposed;
  }

  /**
   * Writes output of a program: text, or bytes in UTF-8. When it returns, the screen shows the output. Output may be
   * split between any two bytes, or any two characters of a text. The cost of each sequence is limited by the size of
   * the screen; a caller that shares the thread should write a flood in pieces.
   */
  write(output: string | Uint8Array): void {
    if (this.#isDisposed) return;
    if (typeof output === 'string') this.#filter.write(output);
    else {
      this.#decoder ??= new TextDecoder('utf-8', { ignoreBOM: true });
      this.#filter.write(this.#decoder.decode(output, { stream: true }));
    }
  }

  /** Sets the size, limited to 2x1 to 1000x400. */
  resize(toColumns: number, toRows: number): void {
    const columns = bounded(toColumns, MIN_COLUMNS, MAX_COLUMNS);
    const rows = bounded(toRows, 1, MAX_ROWS);
    if (this.#isDisposed || (columns === this.columns && rows === this.rows)) return;
    this.#guarded(columns, rows, () => this.#terminal.resize(columns, rows));
    this.#mark();
  }

  /**
   * A line of the screen, from 0. Negative: a line that has scrolled off, -1 being the last. `undefined` if there is
   * none.
   */
  line(row: number): ScreenLine | undefined {
    const { active } = this.#terminal.buffer;
    // For a negative index, xterm.js would continue from the other end of its list.
    return row < -active.baseY || row >= this.rows ? undefined : active.getLine(active.baseY + row);
  }

  /** For {@link ScreenLine.getCell}, which fills it. */
  emptyCell(): ScreenCell {
    return this.#terminal.buffer.active.getNullCell();
  }

  /** The number of lines that have scrolled off since {@link takeScrolled}: at most the number of lines kept. */
  get scrolled(): number {
    if (this.isAlternate || this.#wasAlternate) return 0;
    const { baseY } = this.#terminal.buffer.normal;
    const scrolled = this.#marker === undefined ? baseY : baseY - 1 - this.#marker.line;
    return this.#marker?.isDisposed ? this.#scrollback : Math.min(scrolled, this.#scrollback);
  }

  /** Returns {@link scrolled}, and restarts the count. */
  takeScrolled(): number {
    const { scrolled } = this;
    if (scrolled > 0 || this.isAlternate !== this.#wasAlternate) this.#mark();
    return scrolled;
  }

  /** Control sequences that make another terminal of this size show the same screen: see src/screen/snapshot.ts. */
  snapshot(): string {
    const [, first, last] = /^\x1bP1\$r(\d+);(\d+)r/.exec(this.#ask('\x1bP$qr\x1b\\')) ?? [];
    return snapshot({
      terminal: this.#terminal,
      margins: [Number(first ?? 1), Number(last ?? this.rows)],
      isCursorHidden: this.isCursorHidden,
      title: this.#title,
      rendition: this.#filter.rendition.sequences,
    });
  }

  /** Frees the memory. Later writes are ignored. */
  dispose(): void {
    if (this.#isDisposed) return;
    this.#isDisposed = true;
    this.#terminal.dispose();
  }

  #create(columns: number, rows: number): Terminal {
    const terminal = new (terminalClass())({
      cols: columns,
      rows,
      scrollback: this.#scrollback,
      // Keep the contents of the screen when the size changes; programs redraw it. Otherwise xterm.js moves the ends
      // of long lines to other lines, and in 6.0 that leaves screens with one line too few, in which it then throws.
      windowsPty: { backend: 'winpty', buildNumber: 1 },
      // xterm.js calls the API that is needed here proposed: buffer, parser, unicode, markers.
      allowProposedApi: true,
      logLevel: 'off',
    });
    terminal.unicode.register(widths);
    terminal.unicode.activeVersion = widths.version;
    if (this.#options.onBell !== undefined) terminal.onBell(this.#options.onBell);
    return terminal;
  }

  #put(text: string): void {
    let isParsed = false;
    const isWhole = this.#guarded(this.columns, this.rows, () => {
      this.#terminal.input('', true);
      this.#terminal.write(text, () => {
        isParsed = true;
      });
    });
    if (isWhole && !isParsed) throw new Error('@xterm/headless has not parsed at once; see src/screen/screen.ts');
  }

  /**
   * If xterm.js throws, its state is not reliable any more, so the terminal is replaced by a new, empty one of this
   * size. Returns whether there was no error.
   */
  #guarded(columns: number, rows: number, action: () => void): boolean {
    try {
      action();
      return true;
    } catch {
      this.#terminal.dispose();
      this.#terminal = this.#create(columns, rows);
      this.#fillScrollback();
      return false;
    }
  }

  /** Returns the answer of xterm.js: DECRQSS and DECRQM report state that its API does not. */
  #ask(question: string): string {
    let answer = '';
    const listening = this.#terminal.onData(data => {
      answer += data;
    });
    this.#put(question);
    listening.dispose();
    return answer;
  }

  #intercept(parameters: string, final: string): boolean {
    const [, prefix, digits] = /^([<-?]?)(\d*)/.exec(parameters)!;
    const number = Number(digits);
    const { row, column } = this.cursor;
    if (final === 'J') {
      // 3 clears the scrollback, which must stay full.
      if (number === 3) return true;
      // 1 in the last cell clears the whole screen. xterm.js 6.0 then accesses the line below, which need not exist.
      if (number !== 1 || row < this.rows - 1 || column < this.columns - 1) return false;
      this.#put(`\x1b[${prefix}2J`);
    } else if (prefix === '') {
      if (final === 'c') this.#options.onAnswer?.(DEVICE_ATTRIBUTES);
      else if (number === 5) this.#options.onAnswer?.(STATUS_OK);
      else if (number === 6) this.#options.onAnswer?.(`\x1b[${row + 1};${column + 1}R`);
    }
    return true;
  }

  /**
   * RIS, by equivalent sequences. For RIS itself, xterm.js recreates all lines, and the scrollback would have to be
   * filled again: half a millisecond for two bytes.
   */
  #reset(): void {
    const stops = Array.from(
      { length: Math.ceil(this.columns / TABULATOR) },
      (_, at) => `\x1b[${at * TABULATOR + 1}G\x1bH`,
    );
    this.#put(`\x1b[?47l\x1b[!p\x1b[2J\x1b[3g${stops.join('')}\x1b[H`);
    this.#title = '';
  }

  /** The screen must be empty, with the cursor in the upper left corner. */
  #fillScrollback(): void {
    if (this.#scrollback > 0) this.#put(`${'\n'.repeat(this.rows - 1 + this.#scrollback)}\x1b[H`);
    this.#mark();
  }

  #mark(): void {
    this.#marker?.dispose();
    this.#wasAlternate = this.isAlternate;
    const { baseY, cursorY } = this.#terminal.buffer.normal;
    // On the line above the screen, because lines of the screen lose their markers when they are erased.
    this.#marker = this.#wasAlternate || baseY === 0 ? undefined : this.#terminal.registerMarker(-cursorY - 1);
  }
}

const bounded = (size: number, least: number, most: number): number =>
  Math.max(least, Math.min(Math.trunc(size) || least, most));

/**
 * The bits of what xterm.js calls character properties: whether the character joins the one before, and the width of
 * the result.
 */
const JOINS = 1;
const WIDTH_SHIFT = 1;
const WIDTH = 3 << WIDTH_SHIFT;

/** The width of characters comes from src/charset/width.ts, not from the Unicode 6 tables of xterm.js. */
const widths: IUnicodeVersionProvider = {
  version: 'telpty',
  wcwidth: columnsOf,
  charProperties(codePoint, before) {
    const width = columnsOf(codePoint);
    return width === 0 && before !== 0 ? (before & WIDTH) | JOINS : width << WIDTH_SHIFT;
  },
};
