import { BLANK, CELL_REVERSE, type Cell, colourOf, type Grid } from './grid.ts';
import type { Machine } from './machine.ts';

/** No colour: another one than any that is wanted. */
const UNKNOWN = -1;

/** So many rows must have changed before it is considered to begin with an empty screen. */
const CLEARING_ROWS = 4;

/**
 * More than this for one piece of output, in bytes, is not sent: a few bytes that fill the screen and move it up, over and
 * over, would become a thousand times as many. What moved up meanwhile is then not seen; an ordinary text never comes near.
 */
const MAX_BYTES = 256 * 1024;

/**
 * Makes a machine's own screen look like a {@link Grid}, with as few codes as are easily found.
 *
 * It knows where the machine's cursor is, and so must not let it do what differs between them. Behind the last column of
 * its screen a machine goes to the next line by itself, and a C64 and an Atari then take both for one long line, which
 * later scrolls by two; so a screen is better told one column less than it has. The corner at the bottom is not written
 * where that would scroll.
 */
export class Painter {
  readonly #machine: Machine;
  readonly #grid: Grid;
  #bytes: number[] = [];
  /** What the machine shows. */
  #shown!: Uint16Array;
  #row = 0;
  #column = 0;
  #reverse = false;
  #colour: number | undefined;
  /** Whether the machine shows something else by now: too much would have had to be sent, or what was got lost. */
  isBehind = false;

  constructor(machine: Machine, grid: Grid) {
    this.#machine = machine;
    this.#grid = grid;
    this.restart();
  }

  /** Begins with an empty screen: at the start, and when the size has changed. */
  restart(): void {
    this.#bytes.push(...this.#machine.start);
    this.#shown = new Uint16Array(this.#grid.cells.length).fill(BLANK);
    this.#row = 0;
    this.#column = 0;
    this.#setReverse(false);
  }

  bell(): void {
    this.#bytes.push(this.#machine.codes.bell);
  }

  /** What is to be sent since the last time. */
  take(): Buffer {
    const bytes = Buffer.from(this.#bytes);
    this.#bytes = [];
    return bytes;
  }

  /** Shows everything, and the cursor. */
  paint(): void {
    if (this.isBehind) this.#beginAnew();
    this.#paintCells();
    this.#goTo(this.#grid.row, this.#grid.column);
  }

  /**
   * Moves everything up by a line, with what was not shown yet. Returns whether it did: a screen that is larger than what
   * the program was told moves only at its own last line, and then nothing is shown before the end of the piece, for what
   * has gone by then would be drawn in vain.
   */
  scroll(): boolean {
    this.isBehind ||= this.#bytes.length > MAX_BYTES;
    if (this.isBehind) return false;
    const { columns, rows } = this.#grid;
    if (rows < this.#machine.rows) return false;
    this.#paintCells();
    this.#goTo(rows - 1, this.#row === rows - 1 ? this.#column : 0);
    this.#newline();
    this.#row = rows - 1;
    this.#shown.copyWithin(0, columns);
    this.#shown.fill(BLANK, (rows - 1) * columns);
    return true;
  }

  #paintCells(): void {
    const { cells, columns, rows, changedFrom, changedTo } = this.#grid;
    const shown = this.#shown;
    const cleared = changedTo - changedFrom >= CLEARING_ROWS && this.#clearIfShorter();
    const [first, last] = cleared ? [0, rows - 1] : [changedFrom, changedTo];
    this.#grid.settle();
    const end = Math.min((last + 1) * columns, this.#wraps ? columns * rows - 1 : columns * rows);
    for (let at = first * columns; at < end; at++) {
      const cell = cells[at]!;
      if (cell === shown[at]) continue;
      this.#goTo(Math.floor(at / columns), at % columns);
      this.#draw(cell);
      shown[at] = cell;
    }
  }

  /** Whether the machine's screen ends where the grid does. */
  get #wraps(): boolean {
    return this.#grid.columns >= this.#machine.columns;
  }

  /** An empty screen and what is on it may be less than all that differs. */
  #clearIfShorter(): boolean {
    const { cells } = this.#grid;
    const shown = this.#shown;
    let differing = 0;
    let inked = 0;
    for (let at = 0; at < cells.length; at++) {
      if (cells[at] !== shown[at]) differing++;
      if (cells[at] !== BLANK) inked++;
    }
    if (inked + 1 >= differing) return false;
    this.#clear();
    return true;
  }

  #beginAnew(): void {
    this.isBehind = false;
    // Neither is it known in which colour it writes now, nor whether in reverse video.
    this.#reverse = true;
    this.#colour = UNKNOWN;
    this.#setReverse(false);
    this.#clear();
    this.#grid.change(0, this.#grid.rows - 1);
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
    const reverse = (cell & CELL_REVERSE) !== 0;
    if (codes.reverse !== undefined) {
      this.#setReverse(reverse);
      if (cell !== BLANK) this.#setColour(colourOf(cell));
      this.#bytes.push(code);
    } else this.#bytes.push(reverse ? this.#machine.reversed(code) : code);
    this.#column++;
    if (this.#column === this.#grid.columns && this.#wraps) {
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
    // A C64 leaves reverse video at the end of a line; where there is no such mode this is false anyway.
    this.#reverse = false;
    this.#row++;
    this.#column = 0;
  }

  /** The shortest of three ways: from where it is, from the corner, from the beginning of the next line. */
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
