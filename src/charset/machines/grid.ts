/** A screen of character cells, with a cursor, as a terminal keeps it (ECMA-48, and what the VT100 and xterm added). */

/** A cell: a code, {@link CELL_REVERSE}, and above that the number of a colour and one; 0 is "no colour was said". */
export type Cell = number;

export const CELL_REVERSE = 0x100;
const COLOUR_SHIFT = 9;
/** The empty cell; one without ink has no colour either. */
export const BLANK: Cell = 0x20;

export const cellOf = (look: number, colour: number | undefined): Cell =>
  look === BLANK ? BLANK : look | ((colour === undefined ? 0 : colour + 1) << COLOUR_SHIFT);
export const colourOf = (cell: Cell): number | undefined => {
  const colour = cell >> COLOUR_SHIFT;
  return colour === 0 ? undefined : colour - 1;
};

export class Grid {
  columns: number;
  rows: number;
  cells: Uint16Array;
  row = 0;
  column = 0;
  /** Whether the last column was written: the next character then begins a new line (as VT100 does it). */
  wrapPending = false;
  autowrap = true;
  /** The lines that scroll, the first and the last. */
  top = 0;
  bottom: number;
  /** The rows that may have changed since {@link settle}, the first and the last; none when the first is greater. */
  changedFrom = 0;
  changedTo = -1;
  /** Called before all lines move up and the first is lost. Returns whether they have moved on the machine's screen. */
  readonly #scrolling: () => boolean;

  constructor(columns: number, rows: number, scrolling: () => boolean) {
    this.columns = columns;
    this.rows = rows;
    this.bottom = rows - 1;
    this.cells = new Uint16Array(columns * rows).fill(BLANK);
    this.#scrolling = scrolling;
  }

  /** Nothing has changed as from now. */
  settle(): void {
    this.changedFrom = this.rows;
    this.changedTo = -1;
  }

  /** Something has changed in these rows. */
  change(first: number, last = first): void {
    if (first < this.changedFrom) this.changedFrom = first;
    if (last > this.changedTo) this.changedTo = last;
  }

  /** What fits of the upper left corner stays. */
  resize(columns: number, rows: number): void {
    // When lines go, the ones at the top do, as far as the cursor would go with those at the bottom.
    const lost = Math.max(0, this.row - rows + 1);
    const cells = new Uint16Array(columns * rows).fill(BLANK);
    for (let row = 0; row < Math.min(rows, this.rows - lost); row++) {
      const from = (row + lost) * this.columns;
      cells.set(this.cells.subarray(from, from + Math.min(columns, this.columns)), row * columns);
    }
    this.cells = cells;
    this.columns = columns;
    this.rows = rows;
    this.top = 0;
    this.bottom = rows - 1;
    this.moveTo(this.row - lost, this.column);
    this.change(0, rows - 1);
  }

  /** Writes a character of one column or, as two cells, of two. */
  put(cells: readonly Cell[], insert: boolean): void {
    if (this.wrapPending || this.column + cells.length > this.columns) {
      if (this.autowrap) {
        this.column = 0;
        this.lineFeed();
      } else this.column = Math.max(0, this.columns - cells.length);
    }
    this.wrapPending = false;
    this.change(this.row);
    if (insert) this.insertCells(cells.length, BLANK);
    for (const cell of cells.slice(0, this.columns)) {
      this.cells[this.row * this.columns + this.column] = cell;
      if (this.column < this.columns - 1) this.column++;
      else this.wrapPending = true;
    }
  }

  moveTo(row: number, column: number): void {
    this.row = clamp(row, 0, this.rows - 1);
    this.column = clamp(column, 0, this.columns - 1);
    this.wrapPending = false;
  }

  /** Up or down, but not past the end of the lines that scroll, if it is among them. */
  moveBy(rows: number, columns: number): void {
    const first = this.row >= this.top ? this.top : 0;
    const last = this.row <= this.bottom ? this.bottom : this.rows - 1;
    this.moveTo(clamp(this.row + rows, first, last), this.column + columns);
  }

  lineFeed(): void {
    this.wrapPending = false;
    if (this.row === this.bottom) this.scrollUp(1, BLANK);
    else if (this.row < this.rows - 1) this.row++;
  }

  reverseLineFeed(): void {
    this.wrapPending = false;
    if (this.row === this.top) this.scrollDown(1, BLANK);
    else if (this.row > 0) this.row--;
  }

  scrollUp(count: number, fill: Cell): void {
    this.#deleteLinesAt(this.top, count, fill);
  }

  scrollDown(count: number, fill: Cell): void {
    this.#insertLinesAt(this.top, count, fill);
  }

  insertLines(count: number, fill: Cell): void {
    if (this.row < this.top || this.row > this.bottom) return;
    this.#insertLinesAt(this.row, count, fill);
    this.column = 0;
  }

  deleteLines(count: number, fill: Cell): void {
    if (this.row < this.top || this.row > this.bottom) return;
    this.#deleteLinesAt(this.row, count, fill);
    this.column = 0;
  }

  insertCells(count: number, fill: Cell): void {
    const start = this.row * this.columns + this.column;
    const end = (this.row + 1) * this.columns;
    const moved = Math.max(end - count, start);
    this.change(this.row);
    this.cells.copyWithin(start + count, start, moved);
    this.cells.fill(fill, start, Math.min(start + count, end));
    this.wrapPending = false;
  }

  deleteCells(count: number, fill: Cell): void {
    const start = this.row * this.columns + this.column;
    const end = (this.row + 1) * this.columns;
    this.change(this.row);
    this.cells.copyWithin(start, Math.min(start + count, end), end);
    this.cells.fill(fill, Math.max(end - count, start), end);
    this.wrapPending = false;
  }

  eraseCells(count: number, fill: Cell): void {
    const start = this.row * this.columns + this.column;
    this.change(this.row);
    this.cells.fill(fill, start, Math.min(start + count, (this.row + 1) * this.columns));
  }

  /** 0 (or less, where no number is given): from the cursor on, 1: up to and with it, 2: all of the line. */
  eraseLine(what: number, fill: Cell): void {
    const start = this.row * this.columns;
    const [first, end] = part(what, start, start + this.column, start + this.columns);
    this.change(this.row);
    this.cells.fill(fill, first, end);
  }

  /** Likewise, of the screen. */
  eraseScreen(what: number, fill: Cell): void {
    const [first, end] = part(what, 0, this.row * this.columns + this.column, this.cells.length);
    this.change(0, this.rows - 1);
    this.cells.fill(fill, first, end);
  }

  /** Puts another screen in the place of this one. */
  replace(cells: Uint16Array): void {
    this.cells.set(cells);
    this.change(0, this.rows - 1);
  }

  #isWhole(first: number): boolean {
    return first === 0 && this.bottom === this.rows - 1;
  }

  #deleteLinesAt(first: number, count: number, fill: Cell): void {
    let left = Math.min(count, this.bottom - first + 1);
    // One by one only as long as the machine's screen moves along.
    while (left > 0 && this.#isWhole(first) && this.#scrolling()) {
      this.#moveUp(first, 1, fill);
      this.change(this.bottom);
      left--;
    }
    if (left > 0) {
      this.#moveUp(first, left, fill);
      this.change(first, this.bottom);
    }
    this.wrapPending = false;
  }

  #moveUp(first: number, lines: number, fill: Cell): void {
    const end = (this.bottom + 1) * this.columns;
    this.cells.copyWithin(first * this.columns, (first + lines) * this.columns, end);
    this.cells.fill(fill, end - lines * this.columns, end);
  }

  #insertLinesAt(first: number, count: number, fill: Cell): void {
    const lines = Math.min(count, this.bottom - first + 1);
    const start = first * this.columns;
    const end = (this.bottom + 1) * this.columns;
    this.change(first, this.bottom);
    this.cells.copyWithin(start + lines * this.columns, start, end - lines * this.columns);
    this.cells.fill(fill, start, start + lines * this.columns);
    this.wrapPending = false;
  }
}

function part(what: number, start: number, cursor: number, end: number): [first: number, end: number] {
  if (what <= 0) return [cursor, end];
  return what === 1 ? [start, cursor + 1] : what === 2 ? [start, end] : [end, end];
}

function clamp(value: number, low: number, high: number): number {
  return Math.max(low, Math.min(value, high));
}
