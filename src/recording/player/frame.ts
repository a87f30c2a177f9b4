/**
 * Frames: the cells that the terminal shows, and the part of a recorded screen that fits into a window. A frame holds
 * only printable characters and attributes, so nothing else of a recording can reach the terminal.
 */
import { columnsOf } from '../../charset/width.ts';
import type { Screen } from '../../screen/screen.ts';
import { type ColourDepth, styleOf } from '../../screen/style.ts';

/** A line of cells. The second half of a wide character is an empty text. */
export interface FrameRow {
  readonly texts: string[];
  /** Parameters of SGR after a 0. */
  readonly styles: string[];
}

export interface Frame {
  readonly columns: number;
  readonly rows: readonly FrameRow[];
  /** Undefined: hidden. */
  readonly cursor: { readonly row: number; readonly column: number } | undefined;
}

export interface FrameSize {
  readonly columns: number;
  readonly rows: number;
}

/** The first cell of the screen that the window shows. */
export interface Viewport {
  readonly row: number;
  readonly column: number;
}

/**
 * Controls, format characters (which reorder or hide text; joiners of emoji are kept), halves of surrogate pairs, and
 * separators.
 */
const UNFIT = /(?![\u200c\u200d])[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]/gu;

export const emptyRow = (columns: number): FrameRow => ({
  texts: new Array<string>(columns).fill(' '),
  styles: new Array<string>(columns).fill(''),
});

/**
 * Moves the window as little as possible, so that the cursor is in it. A line of context stays around the cursor where
 * there is one.
 */
export function follow(screen: Screen, size: FrameSize, { row, column }: Viewport): Viewport {
  const { cursor } = screen;
  return {
    row: moved(row, cursor.row, screen.rows, size.rows, 1),
    column: moved(column, cursor.column, screen.columns, size.columns, Math.min(8, Math.floor(size.columns / 4))),
  };
}

function moved(first: number, cursor: number, whole: number, shown: number, margin: number): number {
  const lowest = cursor - shown + 1 + margin;
  const highest = cursor - margin;
  return Math.max(0, Math.min(Math.max(Math.min(first, highest), lowest), whole - shown));
}

/** The part of a screen that the window shows. A larger window is empty to the right and below. */
export function frameOf(
  screen: Screen,
  size: FrameSize,
  { row: top, column: left }: Viewport,
  depth: ColourDepth,
): Frame {
  const cell = screen.emptyCell();
  const columns = Math.min(size.columns, screen.columns - left);
  const rows = Array.from({ length: size.rows }, (_, index) => {
    const row = emptyRow(size.columns);
    const line = top + index < screen.rows ? screen.line(top + index) : undefined;
    if (line === undefined) return row;
    let isSecondHalf = false;
    for (let column = 0; column < columns && line.getCell(left + column, cell) !== undefined; column++) {
      const width = cell.getWidth();
      row.styles[column] = styleOf(cell, depth);
      if (width === 0) {
        if (isSecondHalf) row.texts[column] = '';
        isSecondHalf = false;
        continue;
      }
      // Half a wide character at an edge is a blank.
      const text = width === 1 || column + 1 < columns ? printable(cell.getChars()) : ' ';
      row.texts[column] = text;
      isSecondHalf = width === 2 && text !== ' ';
    }
    return row;
  });
  const { cursor } = screen;
  const [row, column] = [cursor.row - top, cursor.column - left];
  const isShown = !screen.isCursorHidden && row >= 0 && row < size.rows && column >= 0 && column < size.columns;
  return { columns: size.columns, rows, cursor: isShown ? { row, column } : undefined };
}

function printable(characters: string): string {
  if (characters === '') return ' ';
  if (characters.length === 1 && characters >= ' ' && characters <= '~') return characters;
  const text = characters.replace(UNFIT, '');
  // A mark without its character would join the one before it.
  return text === '' || columnsOf(text.codePointAt(0)!) === 0 ? ' ' : text;
}

/** Writes text into a row, cut at its end. Returns the column after it. */
export function put(row: FrameRow, from: number, text: string, style: string): number {
  let column = from;
  for (const character of text.replace(UNFIT, '\ufffd')) {
    const width = columnsOf(character.codePointAt(0)!);
    if (width === 0) continue;
    if (column + width > row.texts.length) break;
    row.texts[column] = character;
    row.styles[column] = style;
    if (width === 2) {
      row.texts[column + 1] = '';
      row.styles[column + 1] = style;
    }
    column += width;
  }
  return column;
}

/** Fills the rest of a row. */
export function fill(row: FrameRow, from: number, style: string): void {
  row.texts.fill(' ', from);
  row.styles.fill(style, from);
}
