/**
 * Output for a home computer on a modern terminal: codes become characters and control sequences.
 *
 * The terminal may be larger than the machine's screen, and its cursor may be anywhere when the output begins. All
 * moves are therefore relative, except after the code that clears the screen: that clears the terminal and moves to
 * its upper left corner. Lines that scroll off the machine's screen stay on a higher terminal, or scroll into its
 * history. The terminal never has to wrap a line by itself: after the last column of the machine follows a new line.
 *
 * The contents are kept in memory, because some codes change what is displayed already: insert, delete, and the
 * selection of a character set.
 */
import { type Effect, type Look, type Machine, REVERSE } from './machine.ts';
import { MachineReader } from './reader.ts';

/** A look, and above it the number of its colour plus one; 0 means that no colour was set. */
type Cell = number;

const BLANK: Cell = 0x20;
const COLOUR_SHIFT = 9;

/** Attributes of the terminal. */
const PLAIN: Cell = 0;
const ATTRIBUTES = ~0xff;

export class MachineDisplay extends MachineReader {
  #cells: Uint16Array;
  /** The attributes that the terminal has, in the bits of a {@link Cell}. */
  #attributes = PLAIN;
  /** Whether the character set was changed, so that the characters on the screen have other looks. */
  #isOutdated = false;
  #text = '';

  /** @param columns the size of the user's terminal, which limits that of the machine. */
  constructor(machine: Machine, columns: number, rows: number) {
    const size = displaySize(machine, columns, rows);
    super(machine, size.columns, size.rows);
    this.#cells = new Uint16Array(size.columns * size.rows).fill(BLANK);
  }

  /** Takes output for the machine. Returns the output for the terminal. */
  write(bytes: Uint8Array): string {
    for (const code of bytes) this.take(code);
    if (this.#isOutdated) this.#drawAll();
    return this.#taken();
  }

  /** Called when the size of the terminal may have changed. */
  resize(columns: number, rows: number): void {
    const size = displaySize(this.machine, columns, rows);
    if (size.columns === this.columns && size.rows === this.rows) return;
    const before = { cells: this.#cells, columns: this.columns };
    // The line of the cursor stays on the screen.
    const gone = Math.max(this.row + 1 - size.rows, 0);
    this.#cells = new Uint16Array(size.columns * size.rows).fill(BLANK);
    const width = Math.min(size.columns, this.columns);
    for (let row = 0; row < Math.min(size.rows, this.rows - gone); row++) {
      const start = (row + gone) * before.columns;
      this.#cells.set(before.cells.subarray(start, start + width), row * size.columns);
    }
    this.columns = size.columns;
    this.rows = size.rows;
    this.row -= gone;
    this.column = Math.min(this.column, size.columns - 1);
  }

  /**
   * Called when the terminal's cursor is at the beginning of an empty line, because another program has written to it.
   * Returns the output that shows the line of the cursor again.
   */
  resume(): string {
    this.#attributes = PLAIN;
    this.#text += '\x1b[m';
    this.#drawLine(this.row, this.column);
    return this.#taken();
  }

  /** Called when the terminal has shown the end of a line that was typed, and moved to the next one. */
  lineTyped(): void {
    this.move('newline');
    this.#text = '';
  }

  protected override put(look: Look): void {
    const cell = look | (this.colour === undefined ? 0 : (this.colour + 1) << COLOUR_SHIFT);
    this.#cells[this.#at(this.row, this.column)] = cell;
    this.#draw(cell);
  }

  protected override moved(row: number, column: number, scrolled: number): void {
    if (scrolled > 0) this.#removeLine(0);
    const down = this.row - row + scrolled;
    if (down > 0) {
      this.#text += '\r\n'.repeat(down) + sequence(this.column, 'C');
      return;
    }
    this.#text += sequence(-down, 'A') + sequence(this.column - column, 'C') + sequence(column - this.column, 'D');
  }

  protected override change(effect: Effect): void {
    switch (effect) {
      case 'bell':
        this.#text += '\x07';
        break;
      case 'clear':
        this.#cells.fill(BLANK);
        this.row = 0;
        this.column = 0;
        this.#text += '\x1b[H\x1b[2J';
        break;
      case 'lower-case':
      case 'upper-case':
        this.#isOutdated = true;
        break;
      case 'delete-before':
        if (this.column > 0) {
          this.goTo(this.row, this.column - 1);
          this.#deleteCharacter();
        } else if (this.row > 0) {
          this.goTo(this.row - 1, this.columns - 1);
          this.#eraseCharacter();
        }
        break;
      case 'erase-before':
        if (this.column === 0) break;
        this.goTo(this.row, this.column - 1);
        this.#eraseCharacter();
        break;
      case 'delete':
        this.#deleteCharacter();
        break;
      case 'insert':
        this.#insertCharacter();
        break;
      case 'delete-line':
        this.goTo(this.row, 0);
        this.#removeLine(this.row);
        this.#text += '\x1b[M';
        break;
      case 'insert-line':
        this.goTo(this.row, 0);
        this.#insertLine();
        break;
    }
  }

  #eraseCharacter(): void {
    this.#cells[this.#at(this.row, this.column)] = BLANK;
    this.#text += '\x1b[X';
  }

  #deleteCharacter(): void {
    const [at, last] = [this.#at(this.row, this.column), this.#at(this.row, this.columns - 1)];
    this.#cells.copyWithin(at, at + 1, last + 1);
    this.#cells[last] = BLANK;
    this.#text += '\x1b[P';
  }

  #insertCharacter(): void {
    const [at, last] = [this.#at(this.row, this.column), this.#at(this.row, this.columns - 1)];
    if (this.#cells[last] !== BLANK) {
      // On a wider terminal, the last character would still be visible.
      this.#text += `${sequence(last - at, 'C')}\x1b[K${sequence(last - at, 'D')}`;
    }
    this.#cells.copyWithin(at + 1, at, last);
    this.#cells[at] = BLANK;
    this.#text += '\x1b[@';
  }

  #insertLine(): void {
    const last = this.#lastLine();
    const down = Math.min(last + 1, this.rows - 1) - this.row;
    // What moves down needs a line on the terminal, which scrolls if it has none. The last line of the machine goes: on
    // a higher terminal, it would still be visible.
    this.#text += last + 1 < this.rows ? '\r\n'.repeat(down) : `${sequence(down, 'B')}\x1b[2K`;
    this.#text += sequence(down, 'A');
    const start = this.#at(this.row, 0);
    this.#cells.copyWithin(start + this.columns, start, this.#at(this.rows - 1, 0));
    this.#cells.fill(BLANK, start, start + this.columns);
    this.#text += '\x1b[L';
  }

  /** The last line that has text, or the cursor. */
  #lastLine(): number {
    let last = this.rows - 1;
    while (last > this.row && this.#lengthOf(last) === 0) last--;
    return last;
  }

  #removeLine(row: number): void {
    this.#cells.copyWithin(this.#at(row, 0), this.#at(row + 1, 0));
    this.#cells.fill(BLANK, this.#at(this.rows - 1, 0));
  }

  /** Draws every line again, in place. */
  #drawAll(): void {
    this.#isOutdated = false;
    const { row, column } = this;
    const last = this.#lastLine();
    this.goTo(0, 0);
    for (let line = 0; line <= last; line++) {
      if (line > 0) this.#text += '\r\n';
      this.#drawLine(line, this.#lengthOf(line));
    }
    // The terminal's cursor is at the end of the last line now.
    this.#text += `\r${sequence(last - row, 'A')}${sequence(column, 'C')}`;
    this.row = row;
    this.column = column;
  }

  #drawLine(row: number, length: number): void {
    for (let column = 0; column < length; column++) this.#draw(this.#cells[this.#at(row, column)]!);
  }

  #draw(cell: Cell): void {
    const attributes = cell & ATTRIBUTES;
    if (attributes !== this.#attributes) {
      this.#attributes = attributes;
      this.#text += attributesOf(attributes);
    }
    this.#text += glyphOf(this.machine, cell, this.isUpper);
  }

  /** The length of a line without the blanks at its end. */
  #lengthOf(row: number): number {
    let length = this.columns;
    while (length > 0 && this.#cells[this.#at(row, length - 1)] === BLANK) length--;
    return length;
  }

  #at(row: number, column: number): number {
    return row * this.columns + column;
  }

  #taken(): string {
    const text = this.#text;
    this.#text = '';
    return text;
  }
}

/** The size of a machine's screen on a terminal; 0 is a size that is not known. */
export function displaySize(machine: Machine, columns: number, rows: number): { columns: number; rows: number } {
  return {
    columns: Math.min(machine.columns, columns || machine.columns),
    rows: Math.min(machine.rows, rows || machine.rows),
  };
}

const NO_BREAK_SPACE = '\u00a0';

/** The character of a cell. */
export function glyphOf(machine: Machine, cell: number, isUpper: boolean): string {
  const glyph = machine.glyph(cell & 0xff, isUpper);
  return glyph === NO_BREAK_SPACE ? ' ' : glyph;
}

function attributesOf(attributes: Cell): string {
  let parameters = '';
  if ((attributes & REVERSE) !== 0) parameters += ';7';
  const colour = (attributes >> COLOUR_SHIFT) - 1;
  if (colour >= 0) parameters += `;${colour < 8 ? 30 + colour : 82 + colour}`;
  // Everything else is reset.
  return `\x1b[${parameters === '' ? '' : `0${parameters}`}m`;
}

function sequence(count: number, final: string): string {
  if (count <= 0) return '';
  return count === 1 ? `\x1b[${final}` : `\x1b[${count}${final}`;
}
