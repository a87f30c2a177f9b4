import { lookAlike } from '../look-alikes.ts';
import { columnsOf } from '../width.ts';
import { SequenceParser } from './control-sequences.ts';
import { BLANK, type Cell, cellOf, Grid } from './grid.ts';
import { type Look, type Machine, REVERSE } from './machine.ts';
import { Painter } from './painter.ts';
import { Pen } from './pen.ts';

/** DEC's line drawing, `_` to `~`, which programs select where they do not draw in Unicode. */
const LINE_DRAWING = [...' ♦▒→→→→°±↓↓┘┐┌└┼⎺⎺─⎽⎽├┤┴┬│≤≥π≠£·'];
const LINE_DRAWING_FIRST = 0x5f;
const TABULATOR = 8;
/**
 * The largest screen that is kept, in characters each way: none of these machines has a larger one, and a client may say
 * anything of its own.
 */
const MAX_SIZE = 132;

interface SavedCursor {
  readonly row: number;
  readonly column: number;
  readonly pen: Pen;
}

/**
 * A terminal, as programs expect one (TERM=xterm), on a home computer: keeps its screen in memory and says by what codes the
 * machine's becomes the same. The memory is that of two screens.
 */
export class MachineScreen {
  readonly #machine: Machine;
  readonly #answer: (text: string) => void;
  readonly #parser: SequenceParser;
  readonly #grid: Grid;
  readonly #painter: Painter;
  readonly #looks = new Map<number, readonly Look[]>();
  #pen = new Pen();
  #saved: SavedCursor | undefined;
  /** The screen that waits while a program has the other. */
  #other: Uint16Array | undefined;
  #insert = false;
  #originMode = false;
  /** Which of G0 and G1 are line drawing, and which of the two is in use. */
  readonly #drawing = [false, false];
  #shift = 0;
  #last = 0x20;
  /** Whether cursor keys are to send their other sequences. */
  applicationKeys = false;

  /** @param answer takes what a terminal is asked for and says of itself, on its way to the program. */
  constructor(machine: Machine, columns: number, rows: number, answer: (text: string) => void) {
    this.#machine = machine;
    this.#answer = answer;
    this.#parser = new SequenceParser({
      print: codePoint => this.#print(codePoint),
      control: code => this.#control(code),
      escape: (intermediate, final) => this.#escape(intermediate, final),
      sequence: (mark, numbers, intermediate, final) => {
        if (intermediate === '') this.#sequence(mark, numbers, final);
      },
    });
    this.#grid = new Grid(fitting(columns), fitting(rows), () => this.#painter.scroll());
    this.#painter = new Painter(machine, this.#grid);
  }

  /** What the machine is to be sent for what a program writes. */
  write(text: string): Buffer {
    this.take(text);
    return this.paint();
  }

  /** Takes what a program writes. */
  take(text: string): void {
    this.#parser.write(text);
  }

  /** What the machine is to be sent for what was taken since the last time. */
  paint(): Buffer {
    this.#painter.paint();
    return this.#painter.take();
  }

  /** The size that the program is told has changed. */
  resize(toldColumns: number, toldRows: number): void {
    const columns = fitting(toldColumns);
    const rows = fitting(toldRows);
    if (columns === this.#grid.columns && rows === this.#grid.rows) return;
    this.#grid.resize(columns, rows);
    this.#other = undefined;
    this.#painter.restart();
  }

  /** What the machine shows is not known any more: the next time it is sent everything. */
  beginAnew(): void {
    this.#painter.isBehind = true;
  }

  #print(codePoint: number): void {
    const drawn = this.#drawing[this.#shift] ? LINE_DRAWING[codePoint - LINE_DRAWING_FIRST] : undefined;
    const shown = drawn === undefined ? codePoint : drawn.codePointAt(0)!;
    const looks = this.#looksOf(shown);
    if (looks.length === 0) return;
    this.#last = shown;
    const { reverse, colour } = this.#pen.appearance;
    const flip = reverse ? REVERSE : 0;
    const cells = looks.map(look => cellOf((this.#pen.isHidden ? BLANK : look) ^ flip, colour));
    this.#grid.put(cells, this.#insert);
  }

  #looksOf(codePoint: number): readonly Look[] {
    let looks = this.#looks.get(codePoint);
    if (looks === undefined) {
      looks = this.#findLooks(codePoint);
      // ASCII and a few more are all that most programs show; whoever shows everything need not be fast.
      if (this.#looks.size < 1_024) this.#looks.set(codePoint, looks);
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

  #control(code: number): void {
    const grid = this.#grid;
    switch (code) {
      case 0x07:
        this.#painter.bell();
        break;
      case 0x08:
        grid.moveTo(grid.row, grid.column - 1);
        break;
      case 0x09:
        grid.moveTo(grid.row, (Math.floor(grid.column / TABULATOR) + 1) * TABULATOR);
        break;
      case 0x0a:
      case 0x0b:
      case 0x0c:
        grid.lineFeed();
        break;
      case 0x0d:
        grid.moveTo(grid.row, 0);
        break;
      case 0x0e:
      case 0x0f:
        this.#shift = code === 0x0e ? 1 : 0;
    }
  }

  #escape(intermediate: string, final: string): void {
    const grid = this.#grid;
    if (intermediate === '(' || intermediate === ')') this.#drawing[intermediate === '(' ? 0 : 1] = final === '0';
    if (intermediate !== '') return;
    switch (final) {
      case '7':
        this.#save();
        break;
      case '8':
        this.#restore();
        break;
      case 'D':
        grid.lineFeed();
        break;
      case 'E':
        grid.moveTo(grid.row, 0);
        grid.lineFeed();
        break;
      case 'M':
        grid.reverseLineFeed();
        break;
      case 'c':
        this.#reset();
        grid.eraseScreen(2, BLANK);
        grid.moveTo(0, 0);
    }
  }

  #sequence(mark: string, numbers: readonly number[], final: string): void {
    if (mark === '?') {
      if (final === 'h' || final === 'l') for (const mode of numbers) this.#privateMode(mode, final === 'h');
    } else if (mark === '!') this.#reset();
    else if (mark === '') this.#ordinary(numbers, final);
  }

  #ordinary(numbers: readonly number[], final: string): void {
    const grid = this.#grid;
    const onGrid = GRID_SEQUENCES[final];
    if (onGrid !== undefined) {
      const paper = this.#pen.paper;
      onGrid(grid, numbers[0] ?? -1, paper === undefined ? BLANK : cellOf(BLANK | REVERSE, paper));
      return;
    }
    const first = atLeastOne(numbers[0] ?? 1);
    switch (final) {
      case 'H':
      case 'f':
        this.#place(first, atLeastOne(numbers[1] ?? 1) - 1);
        break;
      case 'd':
        this.#place(first, grid.column);
        break;
      case 'm':
        this.#pen.select(numbers);
        break;
      case 'b':
        // A line is what it is for; a screenful for six bytes is not.
        for (let left = Math.min(first, grid.columns); left > 0; left--) this.#print(this.#last);
        break;
      case 'h':
      case 'l':
        if (numbers.includes(4)) this.#insert = final === 'h';
        break;
      case 'r':
        this.#setMargins(first, numbers[1] ?? -1);
        break;
      case 's':
        this.#save();
        break;
      case 'u':
        this.#restore();
        break;
      case 'c':
        // "A VT102".
        this.#answer('\x1b[?6c');
        break;
      case 'n':
        if (first === 5) this.#answer('\x1b[0n');
        else if (first === 6) this.#answer(`\x1b[${grid.row + 1};${grid.column + 1}R`);
    }
  }

  /** Goes to a line, counted from 1: of the lines that scroll where these are the origin. */
  #place(line: number, column: number): void {
    const { top, bottom } = this.#grid;
    this.#grid.moveTo(this.#originMode ? Math.min(top + line - 1, bottom) : line - 1, column);
  }

  #setMargins(first: number, last: number): void {
    const grid = this.#grid;
    const bottom = last < 1 ? grid.rows : Math.min(last, grid.rows);
    if (first >= bottom) return;
    grid.top = first - 1;
    grid.bottom = bottom - 1;
    grid.moveTo(this.#originMode ? grid.top : 0, 0);
  }

  #privateMode(mode: number, on: boolean): void {
    if (mode === 1) this.applicationKeys = on;
    else if (mode === 6) {
      this.#originMode = on;
      this.#grid.moveTo(on ? this.#grid.top : 0, 0);
    } else if (mode === 7) this.#grid.autowrap = on;
    else if (mode === 47 || mode === 1047) this.#alternate(on);
    else if (mode === 1048) on ? this.#save() : this.#restore();
    else if (mode === 1049) {
      if (on) this.#save();
      this.#alternate(on);
      if (!on) this.#restore();
    }
  }

  /** Programs that take all of the screen have one of their own, so that what was there before is there again. */
  #alternate(on: boolean): void {
    if (on === (this.#other !== undefined)) return;
    const grid = this.#grid;
    if (on) {
      this.#other = grid.cells.slice();
      grid.eraseScreen(2, BLANK);
    } else {
      grid.replace(this.#other!);
      this.#other = undefined;
    }
  }

  #save(): void {
    this.#saved = { row: this.#grid.row, column: this.#grid.column, pen: this.#pen.copy() };
  }

  #restore(): void {
    const { row = 0, column = 0, pen = new Pen() } = this.#saved ?? {};
    this.#grid.moveTo(row, column);
    this.#pen = pen.copy();
  }

  #reset(): void {
    this.#pen.reset();
    this.#saved = undefined;
    this.#insert = false;
    this.#originMode = false;
    this.#drawing.fill(false);
    this.#shift = 0;
    this.applicationKeys = false;
    this.#grid.autowrap = true;
    this.#grid.top = 0;
    this.#grid.bottom = this.#grid.rows - 1;
  }
}

/** What is the grid's alone: by the last letter, with the first number (-1: left out) and what is left where text goes. */
const GRID_SEQUENCES: Readonly<Record<string, (grid: Grid, number: number, fill: Cell) => void>> = {
  A: (grid, n) => grid.moveBy(-atLeastOne(n), 0),
  B: (grid, n) => grid.moveBy(atLeastOne(n), 0),
  C: (grid, n) => grid.moveBy(0, atLeastOne(n)),
  D: (grid, n) => grid.moveBy(0, -atLeastOne(n)),
  E: (grid, n) => grid.moveBy(atLeastOne(n), -grid.column),
  F: (grid, n) => grid.moveBy(-atLeastOne(n), -grid.column),
  G: (grid, n) => grid.moveTo(grid.row, atLeastOne(n) - 1),
  '`': (grid, n) => grid.moveTo(grid.row, atLeastOne(n) - 1),
  a: (grid, n) => grid.moveBy(0, atLeastOne(n)),
  e: (grid, n) => grid.moveTo(grid.row + atLeastOne(n), grid.column),
  I: (grid, n) => grid.moveTo(grid.row, (Math.floor(grid.column / TABULATOR) + atLeastOne(n)) * TABULATOR),
  Z: (grid, n) => grid.moveTo(grid.row, (Math.ceil(grid.column / TABULATOR) - atLeastOne(n)) * TABULATOR),
  J: (grid, n, fill) => grid.eraseScreen(n, fill),
  K: (grid, n, fill) => grid.eraseLine(n, fill),
  X: (grid, n, fill) => grid.eraseCells(atLeastOne(n), fill),
  '@': (grid, n, fill) => grid.insertCells(atLeastOne(n), fill),
  P: (grid, n, fill) => grid.deleteCells(atLeastOne(n), fill),
  L: (grid, n, fill) => grid.insertLines(atLeastOne(n), fill),
  M: (grid, n, fill) => grid.deleteLines(atLeastOne(n), fill),
  S: (grid, n, fill) => grid.scrollUp(atLeastOne(n), fill),
  T: (grid, n, fill) => grid.scrollDown(atLeastOne(n), fill),
};

const fitting = (size: number): number => Math.min(size, MAX_SIZE);

/** A number that was left out, and 0, is 1. */
function atLeastOne(number: number): number {
  return Math.max(number, 1);
}
