/**
 * Output for a home computer as plain text, for a program that reads it: characters, with LF at the end of a line.
 * Colours and reverse video are left out. A machine skips blanks with its cursor keys, so columns that were skipped
 * become spaces; text that is written over earlier text begins a line of its own.
 */

import { glyphOf } from './display.ts';
import type { Effect, Look, Machine } from './machine.ts';
import { MachineReader } from './reader.ts';

export class MachineText extends MachineReader {
  /** The position after the last character of the text, on the machine's screen; it may have scrolled off. */
  #endRow = 0;
  #endColumn = 0;
  #text = '';

  constructor(machine: Machine) {
    super(machine, machine.columns, machine.rows);
  }

  /** Takes output for the machine. Returns the text. */
  write(bytes: Uint8Array): string {
    for (const code of bytes) this.take(code);
    const text = this.#text;
    this.#text = '';
    return text;
  }

  protected override put(look: Look): void {
    const { row, column } = this;
    if (row > this.#endRow) this.#endLines(row - this.#endRow);
    else if (row < this.#endRow || column < this.#endColumn) this.#endLines(1);
    this.#text += ' '.repeat(column - this.#endColumn) + glyphOf(this.machine, look, this.isUpper);
    this.#endRow = row;
    this.#endColumn = column + 1;
  }

  protected override moved(row: number, _column: number, scrolled: number): void {
    this.#endRow -= scrolled;
    // A Return ends a line at once: its reader may wait for it.
    if (!this.#isReturn) return;
    if (row - scrolled >= this.#endRow) this.#endLines(row - scrolled - this.#endRow + 1);
    else if (this.#endColumn > 0) this.#endLines(1);
    this.#endRow = this.row;
  }

  #isReturn = false;

  protected override move(movement: Parameters<MachineReader['move']>[0]): void {
    this.#isReturn = movement === 'newline';
    super.move(movement);
    this.#isReturn = false;
  }

  protected override change(effect: Effect): void {
    if (effect === 'clear') {
      if (this.#endColumn > 0) this.#endLines(1);
      this.row = 0;
      this.column = 0;
      this.#endRow = 0;
    } else if ((effect === 'delete-before' || effect === 'erase-before') && this.column > 0) this.column--;
  }

  #endLines(count: number): void {
    this.#text += '\n'.repeat(count);
    this.#endColumn = 0;
  }
}
