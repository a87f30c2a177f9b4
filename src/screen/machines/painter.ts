/**
 * Makes a machine's own screen look like a {@link Screen}, with as few codes as can be found easily.
 *
 * The painter tracks the machine's cursor, so it must avoid behaviour in which machines differ. After the last column
 * of its screen a machine moves to the next line by itself, and a C64 and an Atari then treat both as one long line,
 * which later scrolls by two. Clients should therefore report one column less than the machine has. The lower right
 * corner is not written if that would scroll.
 *
 * Lines that scroll off at the top are sent one by one, as on any terminal ({@link Screen.takeScrolled}). Other
 * scrolling (a deleted line, `CSI S`, everything on the alternate screen) is recognised by its contents: xterm.js has
 * no event for it, and this also recognises programs that redraw everything.
 */
import { lookAlike } from '../../charset/look-alikes.ts';
import { columnsOf } from '../../charset/width.ts';
import type { Screen, ScreenCell } from '../screen.ts';
import { appearance } from './colours.ts';
import { type Look, type Machine, REVERSE } from './machine.ts';

/**
 * The contents of a cell: a code, {@link REVERSE}, and above that the number of a colour plus one; 0 means that no
 * colour was set.
 */
type Cell = number;

const COLOUR_SHIFT = 9;
/** An empty cell; a cell without ink has no colour either. */
const BLANK: Cell = 0x20;

const cellOf = (look: number, colour: number | undefined): Cell =>
  look === BLANK ? BLANK : look | ((colour === undefined ? 0 : colour + 1) << COLOUR_SHIFT);
const colourOf = (cell: Cell): number | undefined => {
  const colour = cell >> COLOUR_SHIFT;
  return colour === 0 ? undefined : colour - 1;
};

/** A colour that differs from every wanted one. */
const UNKNOWN = -1;

/** The number of rows that must differ before clearing or scrolling the whole screen is considered. */
const CLEARING_ROWS = 4;

/**
 * The maximum number of bytes to send for one piece of output: a few bytes that fill the screen and scroll it, again
 * and again, would become a thousand times as many. Beyond it, lines that scroll off are not shown; ordinary text
 * never reaches it.
 */
const MAX_BYTES = 256 * 1024;

/** The number of characters whose looks are cached: most programs show ASCII and a few others. */
const MAX_LOOKS = 1_024;

export class Painter {
  readonly #machine: Machine;
  readonly #screen: Screen;
  readonly #looks = new Map<number, readonly Look[]>();
  readonly #cell: ScreenCell;
  #bytes: number[] = [];
  /** The contents of the machine's screen. */
  #shown!: Uint16Array;
  /** The contents that it should have. */
  #wanted!: Uint16Array;
  #row = 0;
  #column = 0;
  #reverse = false;
  #colour: number | undefined;
  /** Whether the machine's screen is out of date: too many bytes would have been needed, or sent bytes were lost. */
  isBehind = false;

  constructor(machine: Machine, screen: Screen) {
    this.#machine = machine;
    this.#screen = screen;
    this.#cell = screen.emptyCell();
    this.restart();
  }

  /** Begins with an empty screen: at the start, and after a change of the size. */
  restart(): void {
    const { columns, rows } = this.#screen;
    this.#bytes.push(...this.#machine.start);
    this.#shown = new Uint16Array(columns * rows).fill(BLANK);
    this.#wanted = new Uint16Array(columns * rows);
    this.#row = 0;
    this.#column = 0;
    this.#setReverse(false);
  }

  bell(): void {
    this.#bytes.push(this.#machine.codes.bell);
  }

  /** Returns the bytes to send since the last call. */
  take(): Buffer {
    const bytes = Buffer.from(this.#bytes);
    this.#bytes = [];
    return bytes;
  }

  /** Shows everything, and the cursor. */
  paint(): void {
    this.scroll();
    if (this.isBehind) this.#beginAnew();
    const { rows, cursor } = this.#screen;
    for (let row = 0; row < rows; row++) this.#read(row, row);
    this.#moveUpOrClear();
    this.#drawRows(0, rows - 1);
    this.#goTo(cursor.row, cursor.column);
  }

  /**
   * Sends the lines that have scrolled off, including their parts that were not shown yet. A screen that is larger
   * than the size that the program sees scrolls only at its own last line: then nothing is shown before the end of the
   * piece, because drawing lines that have gone by then would be useless.
   */
  scroll(): void {
    const { rows } = this.#screen;
    const lines = this.#screen.takeScrolled();
    if (lines === 0 || rows < this.#machine.rows) return;
    for (let row = 0; row < rows; row++) this.#read(row - lines, row);
    for (let left = lines; left > 0; left--) {
      this.isBehind ||= this.#bytes.length > MAX_BYTES;
      if (this.isBehind) return;
      if (left === lines) this.#drawRows(0, rows - 1);
      else {
        this.#read(rows - 1 - left, rows - 1);
        this.#drawRows(rows - 1, rows - 1);
      }
      this.#moveUp(1);
    }
  }

  /** Reads a row of the screen into a row of the wanted contents. */
  #read(from: number, row: number): void {
    const { columns } = this.#screen;
    const line = this.#screen.line(from);
    const wanted = this.#wanted;
    const cell = this.#cell;
    const start = row * columns;
    /** The second half of a character of two columns. */
    let second: Look = BLANK;
    for (let column = 0; column < columns; column++) {
      let look = BLANK;
      if (line?.getCell(column, cell) !== undefined) {
        const code = cell.getCode();
        if (cell.getWidth() === 0) look = second;
        else if (code !== 0) {
          const looks = this.#looksOf(code);
          look = looks[0] ?? BLANK;
          second = looks[1] ?? BLANK;
        }
        wanted[start + column] = cell.isAttributeDefault() ? look : this.#withAttributes(look);
      } else wanted[start + column] = BLANK;
    }
  }

  #withAttributes(look: Look): Cell {
    const { reverse, colour } = appearance(this.#cell);
    return cellOf((this.#cell.isInvisible() ? BLANK : look) ^ (reverse ? REVERSE : 0), colour);
  }

  #looksOf(codePoint: number): readonly Look[] {
    let looks = this.#looks.get(codePoint);
    if (looks === undefined) {
      looks = this.#findLooks(codePoint);
      if (this.#looks.size < MAX_LOOKS) this.#looks.set(codePoint, looks);
    }
    return looks;
  }

  #findLooks(codePoint: number): readonly Look[] {
    const machine = this.#machine;
    const exact = machine.look(codePoint);
    if (exact !== undefined && columnsOf(codePoint) === 1) return [exact];
    const text = lookAlike(codePoint, other => machine.look(other) !== undefined);
    return [...text].map(character => machine.look(character.codePointAt(0)!)!);
  }

  #drawRows(first: number, last: number): void {
    const { columns, rows } = this.#screen;
    const wanted = this.#wanted;
    const shown = this.#shown;
    const end = Math.min((last + 1) * columns, this.#wraps ? columns * rows - 1 : columns * rows);
    for (let at = first * columns; at < end; at++) {
      const cell = wanted[at]!;
      if (cell === shown[at]) continue;
      this.#goTo(Math.floor(at / columns), at % columns);
      this.#draw(cell);
      shown[at] = cell;
    }
  }

  /** Whether the machine's screen ends at the last column of the program's screen. */
  get #wraps(): boolean {
    return this.#screen.columns >= this.#machine.columns;
  }

  /**
   * If many rows differ, scrolling everything, or clearing the screen and drawing its contents, may need fewer codes.
   */
  #moveUpOrClear(): void {
    const { columns } = this.#screen;
    const wanted = this.#wanted;
    const shown = this.#shown;
    let differing = 0;
    let inked = 0;
    let rows = 0;
    let lastRow = -1;
    for (let at = 0; at < wanted.length; at++) {
      if (wanted[at] !== BLANK) inked++;
      if (wanted[at] === shown[at]) continue;
      differing++;
      const row = Math.floor(at / columns);
      if (row !== lastRow) rows++;
      lastRow = row;
    }
    if (rows < CLEARING_ROWS) return;
    const moved = this.#findMove();
    const remaining = moved === 0 ? differing : moved + this.#differingAfter(moved);
    if (inked + 1 < Math.min(differing, remaining)) this.#clear();
    else if (remaining < differing) this.#moveUp(moved);
  }

  /** The number of rows by which to scroll so that the most rows with ink are correct; 0: none would be. */
  #findMove(): number {
    const { columns, rows } = this.#screen;
    if (rows < this.#machine.rows) return 0;
    let best = 0;
    let most = 0;
    for (let by = 1; by < rows; by++) {
      let right = 0;
      for (let row = 0; row < rows - by; row++) if (this.#isRight(row * columns, by * columns)) right++;
      if (right > most) {
        most = right;
        best = by;
      }
    }
    return best;
  }

  /** Whether a row with ink is already shown further down. */
  #isRight(start: number, distance: number): boolean {
    const { columns } = this.#screen;
    let hasInk = false;
    for (let at = start; at < start + columns; at++) {
      const cell = this.#wanted[at];
      if (cell !== this.#shown[at + distance]) return false;
      if (cell !== BLANK) hasInk = true;
    }
    return hasInk;
  }

  #differingAfter(by: number): number {
    const distance = by * this.#screen.columns;
    let differing = 0;
    for (let at = 0; at < this.#wanted.length; at++)
      if (this.#wanted[at] !== (this.#shown[at + distance] ?? BLANK)) differing++;
    return differing;
  }

  #moveUp(lines: number): void {
    const { columns, rows } = this.#screen;
    this.#goTo(rows - 1, this.#row === rows - 1 ? this.#column : 0);
    for (let left = lines; left > 0; left--) this.#newline();
    this.#row = rows - 1;
    this.#shown.copyWithin(0, lines * columns);
    this.#shown.fill(BLANK, (rows - lines) * columns);
  }

  #beginAnew(): void {
    this.isBehind = false;
    // The current colour and reverse video of the machine are not known either.
    this.#reverse = true;
    this.#colour = UNKNOWN;
    this.#setReverse(false);
    this.#clear();
  }

  #clear(): void {
    this.#bytes.push(this.#machine.codes.clear);
    this.#shown.fill(BLANK);
    this.#row = 0;
    this.#column = 0;
  }

  #draw(cell: Cell): void {
    const { codes } = this.#machine;
    const code = cell & 0xff;
    const reverse = (cell & REVERSE) !== 0;
    if (codes.reverse !== undefined) {
      this.#setReverse(reverse);
      if (cell !== BLANK) this.#setColour(colourOf(cell));
      this.#bytes.push(code);
    } else this.#bytes.push(reverse ? this.#machine.reversed(code) : code);
    this.#column++;
    if (this.#column === this.#screen.columns && this.#wraps) {
      this.#column = 0;
      this.#row++;
    }
  }

  #setReverse(reverse: boolean): void {
    const pair = this.#machine.codes.reverse;
    if (pair === undefined || this.#reverse === reverse) return;
    this.#reverse = reverse;
    this.#bytes.push(pair[reverse ? 0 : 1]);
  }

  #setColour(colour: number | undefined): void {
    const { colours } = this.#machine.codes;
    if (colours === undefined || this.#colour === colour) return;
    this.#colour = colour;
    this.#bytes.push(colours[colour ?? colours.length - 1]!);
  }

  #newline(): void {
    this.#bytes.push(this.#machine.codes.newline);
    // A C64 leaves reverse video at the end of a line; on a machine without that mode this is false anyway.
    this.#reverse = false;
    this.#row++;
    this.#column = 0;
  }

  /**
   * Moves on the shortest of three paths: from the current position, from the corner, from the beginning of the next
   * line.
   */
  #goTo(row: number, column: number): void {
    const { home, up, down, left, right } = this.#machine.codes;
    const direct = Math.abs(row - this.#row) + Math.abs(column - this.#column);
    if (direct === 0) return;
    const fromCorner = home === undefined ? Number.POSITIVE_INFINITY : 1 + row + column;
    const next = this.#row + 1;
    const fromNext = row >= next ? 1 + row - next + column : Number.POSITIVE_INFINITY;
    if (fromNext < direct && fromNext <= fromCorner) this.#newline();
    else if (home !== undefined && fromCorner < direct) {
      this.#bytes.push(home);
      this.#row = 0;
      this.#column = 0;
    }
    this.#repeat(row > this.#row ? down : up, Math.abs(row - this.#row));
    this.#repeat(column > this.#column ? right : left, Math.abs(column - this.#column));
    this.#row = row;
    this.#column = column;
  }

  #repeat(code: number, count: number): void {
    for (let left = count; left > 0; left--) this.#bytes.push(code);
  }
}
