import { Screen } from '../screen.ts';
import type { Machine } from './machine.ts';
import { Painter } from './painter.ts';

/**
 * The largest screen that is kept, in characters each way: none of these machines has a larger one, and a client may say
 * anything of its own.
 */
const MAX_SIZE = 132;

/** So many lines can scroll off before they are sent. */
const SCROLLBACK = 64;
/**
 * So many UTF-16 units are written before it is asked how many lines have scrolled off: each may be a line, so that none is
 * lost. Lines are sent when half of the scrollback is new.
 */
const PIECE = SCROLLBACK / 2;
/** What a control sequence may cost grows with the screen: on one with more cells, pieces are shorter. */
const USUAL_CELLS = 80 * 25;
const SHORTEST_PIECE = 8;

/**
 * A terminal, as programs expect one (TERM=xterm), on a home computer: keeps its screen in memory and says by what codes the
 * machine's becomes the same.
 */
export class MachineScreen {
  readonly #screen: Screen;
  readonly #painter: Painter;

  /** @param answer takes what a terminal is asked for and says of itself, on its way to the program. */
  constructor(machine: Machine, columns: number, rows: number, answer: (text: string) => void) {
    this.#screen = new Screen(fitting(columns), fitting(rows), {
      scrollback: SCROLLBACK,
      // No machine has any.
      marks: 0,
      onAnswer: answer,
      onBell: () => this.#painter.bell(),
    });
    this.#painter = new Painter(machine, this.#screen);
  }

  /** Whether cursor keys are to send their other sequences. */
  get applicationKeys(): boolean {
    return this.#screen.modes.applicationCursorKeysMode;
  }

  /** What the machine is to be sent for what a program writes. */
  write(text: string): Buffer {
    for (let at = 0; at < text.length; ) at = this.take(text, at);
    return this.paint();
  }

  /** Takes a piece of what a program writes. Returns where the next one begins. */
  take(text: string, at: number): number {
    const screen = this.#screen;
    const length = Math.max(SHORTEST_PIECE, PIECE * Math.min(1, USUAL_CELLS / (screen.columns * screen.rows)));
    let end = Math.min(at + Math.floor(length), text.length);
    // A character of two units is one.
    if (isHighSurrogate(text.charCodeAt(end - 1)) && end < text.length) end++;
    screen.write(text.slice(at, end));
    if (screen.scrolled >= PIECE) this.#painter.scroll();
    return end;
  }

  /** What the machine is to be sent for what was taken since the last time. */
  paint(): Buffer {
    this.#painter.paint();
    return this.#painter.take();
  }

  /** The size that the program is told has changed. */
  resize(toldColumns: number, toldRows: number): void {
    const { columns, rows } = this.#screen;
    this.#screen.resize(fitting(toldColumns), fitting(toldRows));
    if (columns !== this.#screen.columns || rows !== this.#screen.rows) this.#painter.restart();
  }

  /** What the machine shows is not known any more: the next time it is sent everything. */
  beginAnew(): void {
    this.#painter.isBehind = true;
  }
}

const fitting = (size: number): number => Math.min(size, MAX_SIZE);

const isHighSurrogate = (unit: number): boolean => unit >= 0xd800 && unit < 0xdc00;
