/**
 * An animation of screens in one SVG file, by SMIL. Each distinct row is drawn once, and each row of the window is a
 * reference to one of them that changes with time: output changes few rows, and the same rows come again. Viewers that
 * do not animate show the last screen.
 *
 * The size is bounded: if the file would be larger, frames are left out, so that those that stay are twice as far
 * apart.
 *
 * Rejected: a strip of whole frames that CSS moves (each frame repeats every row); scripts (images cannot have them).
 */
import type { Screen } from '../screen.ts';
import { HEIGHT, inWindow, renderRow, type SvgOptions } from './render.ts';

export interface AnimationOptions extends SvgOptions {
  /** The shortest time between two frames, in seconds. Default: 0.04. */
  readonly interval?: number | undefined;
  /** The largest size of the file, in bytes. Default: 4 MiB. */
  readonly maxSize?: number | undefined;
}

const DEFAULT_INTERVAL = 0.04;
const DEFAULT_MAX_SIZE = 4 * 2 ** 20;
/** More frames would be slow to draw, here and in a browser. */
const MAX_FRAMES = 3_000;
/** How long the last frame is shown before the animation begins again, in seconds. */
const HOLD = 2;
/** The size of one change of a row: a name in `values`, a time in `keyTimes`. */
const CHANGE_SIZE = 15;

interface AnimationFrame {
  readonly time: number;
  /** The number of each row's drawing. */
  readonly rows: readonly number[];
}

export class Animation {
  readonly #options: AnimationOptions;
  readonly #maxSize: number;
  #interval: number;
  #isThinned = false;
  #frames: AnimationFrame[] = [];
  /** The drawings of rows, and their numbers. 0 is the empty row. */
  #drawings: string[] = [''];
  #numbers = new Map<string, number>([['', 0]]);
  #size = 0;
  #columns = 0;
  #rows = 0;
  #title: string;

  constructor(options: AnimationOptions = {}) {
    this.#options = options;
    this.#interval = options.interval ?? DEFAULT_INTERVAL;
    this.#maxSize = options.maxSize ?? DEFAULT_MAX_SIZE;
    this.#title = options.title ?? '';
  }

  /** The shortest time between two frames, in seconds. */
  get interval(): number {
    return this.#interval;
  }

  /** Whether frames were left out to bound the size, besides those within the first interval. */
  get isThinned(): boolean {
    return this.#isThinned;
  }

  /** Adds a frame. A later one within the same interval replaces it. */
  add(time: number, screen: Screen): void {
    const showsCursor = this.#options.showsCursor ?? !screen.isCursorHidden;
    const rows = Array.from({ length: screen.rows }, (_, row) =>
      this.#number(renderRow(screen, row, showsCursor, this.#options.theme)),
    );
    this.#columns = Math.max(this.#columns, screen.columns);
    this.#rows = Math.max(this.#rows, screen.rows);
    if (this.#options.title === undefined && screen.title !== '') this.#title = screen.title;
    const last = this.#frames.at(-1);
    if (last !== undefined && time - last.time < this.#interval && this.#frames.length > 1) this.#frames.pop();
    this.#size += changesBetween(this.#frames.at(-1)?.rows ?? [], rows) * CHANGE_SIZE;
    this.#frames.push({ time: last === undefined || this.#frames.at(-1) === last ? time : last.time, rows });
    while ((this.#size > this.#maxSize && this.#frames.length > 2) || this.#frames.length > MAX_FRAMES) this.#thin();
  }

  /** @param end the time of the end, in seconds. */
  toString(end: number): string {
    const first = this.#frames[0]?.time ?? 0;
    const duration = Math.max(end - first, 0) + HOLD;
    const used = new Set([0]);
    const rows = Array.from({ length: this.#rows }, (_, row) => {
      const changes: { time: number; number: number }[] = [];
      for (const { time, rows: numbers } of this.#frames) {
        const number = numbers[row] ?? 0;
        if (changes.at(-1)?.number !== number) changes.push({ time, number });
      }
      for (const { number } of changes) used.add(number);
      return reference(row, changes, first, duration);
    });
    const drawings = [...used]
      .sort((a, b) => a - b)
      .map(number => `<g id="r${number.toString(36)}">${this.#drawings[number]}</g>`);
    const contents = `<defs>\n${drawings.join('\n')}\n</defs>\n${rows.join('\n')}`;
    return inWindow(contents, this.#columns, this.#rows, { ...this.#options, title: this.#title });
  }

  #number(drawing: string): number {
    let number = this.#numbers.get(drawing);
    if (number === undefined) {
      number = this.#drawings.push(drawing) - 1;
      this.#numbers.set(drawing, number);
      this.#size += drawing.length;
    }
    return number;
  }

  /** Doubles the interval, keeps the last frame of each interval, and forgets the drawings that are not used then. */
  #thin(): void {
    this.#interval *= 2;
    this.#isThinned = true;
    const kept: AnimationFrame[] = [];
    for (const frame of this.#frames) {
      const last = kept.at(-1);
      if (last === undefined || kept.length === 1 || frame.time - last.time >= this.#interval) kept.push(frame);
      else kept[kept.length - 1] = { time: last.time, rows: frame.rows };
    }
    const old = this.#drawings;
    [this.#drawings, this.#numbers, this.#size] = [[''], new Map([['', 0]]), 0];
    let before: readonly number[] = [];
    this.#frames = kept.map(({ time, rows }) => {
      const numbers = rows.map(number => this.#number(old[number]!));
      this.#size += changesBetween(before, numbers) * CHANGE_SIZE;
      before = numbers;
      return { time, rows: numbers };
    });
  }
}

function changesBetween(before: readonly number[], after: readonly number[]): number {
  let changes = Math.max(0, before.length - after.length);
  for (const [row, number] of after.entries()) if (before[row] !== number) changes++;
  return changes;
}

function reference(
  row: number,
  changes: readonly { readonly time: number; readonly number: number }[],
  first: number,
  duration: number,
): string {
  const name = (number: number) => `#r${number.toString(36)}`;
  const last = changes.at(-1)?.number ?? 0;
  const use = `<use y="${row * HEIGHT}" href="${name(last)}"`;
  if (changes.length < 2) return last === 0 ? '' : `${use}/>`;
  const times = changes.map(({ time }, index) => (index === 0 ? 0 : Number(((time - first) / duration).toFixed(6))));
  const values = changes.map(({ number }) => name(number));
  return `${use}><animate attributeName="href" calcMode="discrete" dur="${Number(duration.toFixed(3))}s" repeatCount="indefinite" values="${values.join(';')}" keyTimes="${times.join(';')}"/></use>`;
}
