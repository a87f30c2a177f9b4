/**
 * Draws frames on a terminal, with the differences to the frame before. These are all sequences that it uses: CUP, SGR,
 * ED, the cursor (DECTCEM), wrapping (DECAWM) and the alternate screen. None of them makes a terminal answer.
 */
import { emptyRow, type Frame, type FrameRow, type FrameSize } from './frame.ts';

/** Without wrapping, the last column can be written without scrolling. */
const ENTER = '\x1b[?1049h\x1b[?7l\x1b[?25l\x1b[m\x1b[2J';
const HIDE = '\x1b[?25l';
const SHOW = '\x1b[?25h';

const goTo = (row: number, column: number): string => `\x1b[${row + 1};${column + 1}H`;
const select = (style: string): string => (style === '' ? '\x1b[m' : `\x1b[0${style}m`);

export class Painter {
  readonly #encode: (text: string) => Uint8Array;
  #shown: Frame | undefined;

  /** @param encode converts to the character set of the terminal. */
  constructor(encode: (text: string) => Uint8Array) {
    this.#encode = encode;
  }

  /** Begins, and forgets what is shown. */
  enter(): Uint8Array {
    this.#shown = undefined;
    return this.#encode(ENTER);
  }

  /** Restores the terminal. Where there is no alternate screen, the shell continues below the last frame. */
  leave({ rows }: FrameSize): Uint8Array {
    this.#shown = undefined;
    return this.#encode(`\x1b[m\x1b[?7h${SHOW}${goTo(rows - 1, 0)}\r\n\x1b[?1049l`);
  }

  /** The sequences that turn the shown frame into this one. */
  paint(frame: Frame): Uint8Array {
    let before = this.#shown;
    let text = '';
    if (before === undefined || before.columns !== frame.columns || before.rows.length !== frame.rows.length) {
      text = '\x1b[m\x1b[2J';
      before = undefined;
    }
    const blank = before === undefined ? emptyRow(frame.columns) : undefined;
    let painted = '';
    for (const [index, row] of frame.rows.entries()) painted += changes(index, row, before?.rows[index] ?? blank!);
    if (painted !== '') text += `${before?.cursor === undefined ? '' : HIDE}${painted}\x1b[m`;
    const { cursor } = frame;
    const old = before?.cursor;
    if (cursor === undefined) text += painted === '' && old !== undefined ? HIDE : '';
    else if (painted !== '' || old === undefined) text += `${goTo(cursor.row, cursor.column)}${SHOW}`;
    else if (old.row !== cursor.row || old.column !== cursor.column) text += goTo(cursor.row, cursor.column);
    this.#shown = frame;
    return this.#encode(text);
  }

  /** A frame as lines of text, for the ordinary screen. Empty lines at the end are left out. */
  lines({ rows }: Frame): Uint8Array {
    const last = rows.findLastIndex(({ texts, styles }) => texts.some((text, at) => text !== ' ' || styles[at] !== ''));
    const text = rows.slice(0, last + 1).map(row => {
      const end = row.texts.findLastIndex((cell, at) => cell !== ' ' || row.styles[at] !== '') + 1;
      let style = '';
      let line = '';
      for (let column = 0; column < end; column++) {
        if (row.styles[column] !== style) line += select(row.styles[column]!);
        style = row.styles[column]!;
        line += row.texts[column];
      }
      return `${line}${style === '' ? '' : '\x1b[m'}\r\n`;
    });
    return this.#encode(text.join(''));
  }
}

/** Equal cells between two changes are written again if there are at most this many: CUP is not shorter. */
const MAX_GAP = 6;

function changes(index: number, row: FrameRow, before: FrameRow): string {
  const { texts, styles } = row;
  const isSame = (column: number) => texts[column] === before.texts[column] && styles[column] === before.styles[column];
  let text = '';
  let style: string | undefined;
  /** The column of the terminal's cursor; undefined where the terminal may see another width than telpty does. */
  let at: number | undefined;
  for (let column = 0; column < texts.length; column++) {
    if (isSame(column)) continue;
    // The first half of a wide character is written, if its second half or what was there is changed.
    let from = texts[column] === '' ? column - 1 : column;
    if (at !== undefined && from > at && from - at <= MAX_GAP) from = at;
    if (at === undefined || from > at) text += goTo(index, from);
    else from = at;
    for (at = from; at <= column; at++) {
      if (texts[at] === '') continue;
      if (styles[at] !== style) text += select(styles[at]!);
      style = styles[at];
      text += texts[at];
    }
    const isWide = texts[column + 1] === '';
    if (isWide) column++;
    const isPlain = /^[ -~]$/.test(texts[column]!);
    at = isPlain ? column + 1 : undefined;
  }
  return text;
}
