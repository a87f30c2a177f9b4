/**
 * Reads output for a home computer: moves the cursor as the machine's screen editor does, and passes what is displayed
 * to a subclass. The state is that of the cursor: output may be cut anywhere.
 *
 * The screen editors join lines: a line that was written to its last column continues in the next one, and both scroll
 * as one. That is not done here: bulletin boards are drawn for terminal programs that do not do it either, and the
 * server of telpty avoids the last column.
 */
import { type Effect, type Look, type Machine, type Movement, REVERSE } from './machine.ts';

export abstract class MachineReader {
  protected readonly machine: Machine;
  protected columns: number;
  protected rows: number;
  protected row = 0;
  protected column = 0;
  protected reverse = false;
  protected colour: number | undefined;
  /** Whether the character set with capitals only is selected. */
  protected isUpper = false;
  #isLiteral = false;
  readonly #tabStops: Set<number>;

  constructor(machine: Machine, columns: number, rows: number) {
    this.machine = machine;
    this.columns = columns;
    this.rows = rows;
    this.#tabStops = new Set(machine.tabStops);
  }

  /** Displays a character at the cursor, which has not moved yet. */
  protected abstract put(look: Look): void;
  /** Called after the cursor was moved; `scrolled` is the number of lines by which everything moved up, 0 or 1. */
  protected abstract moved(row: number, column: number, scrolled: number): void;
  /** Has an effect on what is displayed. */
  protected abstract change(effect: Effect): void;

  protected take(code: number): void {
    const effect = this.machine.effect(code);
    const isLiteral = this.#isLiteral && effect !== 'newline';
    this.#isLiteral = false;
    if (effect === undefined || isLiteral) this.#show(code);
    else if (typeof effect === 'object') this.colour = effect.colour;
    else this.#obey(effect);
  }

  #show(code: number): void {
    const look = this.machine.shown(code);
    this.put(this.reverse ? look | REVERSE : look);
    if (this.column + 1 < this.columns) this.column++;
    else this.#nextLine(0);
  }

  #obey(effect: Exclude<Effect, object>): void {
    switch (effect) {
      case 'home':
      case 'up':
      case 'down':
      case 'left':
      case 'right':
      case 'newline':
        this.move(effect);
        break;
      case 'reverse-on':
      case 'reverse-off':
        this.reverse = effect === 'reverse-on';
        break;
      case 'tab':
        this.#tab();
        break;
      case 'set-tab':
        this.#tabStops.add(this.column);
        break;
      case 'clear-tab':
        this.#tabStops.delete(this.column);
        break;
      case 'literal':
        this.#isLiteral = true;
        break;
      case 'nothing':
        break;
      case 'lower-case':
      case 'upper-case':
        if (this.isUpper === (effect === 'upper-case')) break;
        this.isUpper = !this.isUpper;
        this.change(effect);
        break;
      default:
        this.change(effect);
    }
  }

  protected move(movement: Movement): void {
    const { row, column, rows, columns } = this;
    const flows = this.machine.cursorFlows;
    switch (movement) {
      case 'home':
        this.goTo(0, 0);
        break;
      case 'newline':
        this.reverse = false;
        this.#nextLine(0);
        break;
      case 'down':
        if (flows) this.#nextLine(column);
        else this.goTo((row + 1) % rows, column);
        break;
      case 'up':
        this.goTo(flows ? Math.max(row - 1, 0) : (row + rows - 1) % rows, column);
        break;
      case 'right':
        if (column + 1 < columns) this.goTo(row, column + 1);
        else if (flows) this.#nextLine(0);
        else this.goTo(row, 0);
        break;
      case 'left':
        if (column > 0) this.goTo(row, column - 1);
        else if (!flows) this.goTo(row, columns - 1);
        else if (row > 0) this.goTo(row - 1, columns - 1);
        break;
    }
  }

  protected goTo(row: number, column: number, scrolled = 0): void {
    const [fromRow, fromColumn] = [this.row, this.column];
    this.row = row;
    this.column = column;
    this.moved(fromRow, fromColumn, scrolled);
  }

  #nextLine(column: number): void {
    const isLast = this.row + 1 >= this.rows;
    this.goTo(isLast ? this.row : this.row + 1, column, isLast ? 1 : 0);
  }

  #tab(): void {
    for (let column = this.column + 1; column < this.columns; column++) {
      if (!this.#tabStops.has(column)) continue;
      this.goTo(this.row, column);
      return;
    }
    this.#nextLine(0);
  }
}
