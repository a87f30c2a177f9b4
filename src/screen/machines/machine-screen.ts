import { Screen } from '../screen.ts';
import type { Machine } from './machine.ts';
import { Painter } from './painter.ts';

/**
 * The maximum size of a screen in each dimension, in characters: none of these machines has a larger one, and a client
 * may report any size.
 */
const MAX_SIZE = 132;

/** The number of lines that can scroll off before they are sent. */
const SCROLLBACK = 64;
/**
 * The number of UTF-16 units that are written before the count of scrolled lines is checked: each unit may be a line,
 * so this ensures that none is lost. Lines are sent when half of the scrollback is new.
 */
const PIECE = SCROLLBACK / 2;
/** The cost of a control sequence grows with the screen: on one with more cells, pieces are shorter. */
const USUAL_CELLS = 80 * 25;
const SHORTEST_PIECE = 8;

/**
 * A terminal as programs expect it (TERM=xterm), on a home computer: keeps the screen in memory and produces the codes
 * that make the machine's screen the same.
 */
export class MachineScreen {
  readonly #screen: Screen;
  readonly #painter: Painter;

  /** @param answer receives the terminal's answers to requests of the program. */
  constructor(machine: Machine, columns: number, rows: number, answer: (text: string) => void) {
    this.#screen = new Screen(fitting(columns), fitting(rows), {
      scrollback: SCROLLBACK,
      // No machine has combining marks.
      marks: 0,
      onAnswer: answer,
      onBell: () => this.#painter.bell(),
    });
    this.#painter = new Painter(machine, this.#screen);
  }

  /** Whether cursor keys must send their application sequences. */
  get applicationKeys(): boolean {
    return this.#screen.modes.applicationCursorKeysMode;
  }

  /** Writes the output of a program. Returns the bytes to send to the machine. */
  write(text: string): Buffer {
    for (let at = 0; at < text.length; ) at = this.take(text, at);
    return this.paint();
  }

  /** Takes a piece of a program's output. Returns the position where the next one begins. */
  take(text: string, at: number): number {
    const screen = this.#screen;
    const length = Math.max(SHORTEST_PIECE, PIECE * Math.min(1, USUAL_CELLS / (screen.columns * screen.rows)));
    let end = Math.min(at + Math.floor(length), text.length);
    // Do not split a character of two units.
    if (isHighSurrogate(text.charCodeAt(end - 1)) && end < text.length) end++;
    screen.write(text.slice(at, end));
    if (screen.scrolled >= PIECE) this.#painter.scroll();
    return end;
  }

  /** Returns the bytes to send to the machine for everything taken since the last call. */
  paint(): Buffer {
    this.#painter.paint();
    return this.#painter.take();
  }

  /** Called when the size that the program sees has changed. */
  resize(toldColumns: number, toldRows: number): void {
    const { columns, rows } = this.#screen;
    this.#screen.resize(fitting(toldColumns), fitting(toldRows));
    if (columns !== this.#screen.columns || rows !== this.#screen.rows) this.#painter.restart();
  }

  /** Called when the contents of the machine's screen are not known any more: the next call sends everything. */
  beginAnew(): void {
    this.#painter.isBehind = true;
  }
}

const fitting = (size: number): number => Math.min(size, MAX_SIZE);

const isHighSurrogate = (unit: number): boolean => unit >= 0xd800 && unit < 0xdc00;
