/**
 * The contents of a screen as control sequences: written to another terminal of the same size, they make it show the
 * same. Used when a viewer begins to watch a program or reconnects to it.
 *
 * Lines that have scrolled off are not included, and neither is state that xterm.js does not report: the saved cursor
 * and tab stops. Programs set these before they use them. `rendition.ts` follows how the next character is drawn.
 *
 * Rejected: `@xterm/addon-serialize`, which reads private parts of xterm.js.
 */
import type { IBuffer, Terminal } from '@xterm/headless';
import { styleOf } from './style.ts';

type Modes = Terminal['modes'];

/** Modes, by number, that are off in a terminal after a reset. */
const MODES: readonly (readonly [number: string, isOn: (modes: Modes) => boolean])[] = [
  ['?1', modes => modes.applicationCursorKeysMode],
  ['?6', modes => modes.originMode],
  ['?9', modes => modes.mouseTrackingMode === 'x10'],
  ['?45', modes => modes.reverseWraparoundMode],
  ['?66', modes => modes.applicationKeypadMode],
  ['?1000', modes => modes.mouseTrackingMode === 'vt200'],
  ['?1002', modes => modes.mouseTrackingMode === 'drag'],
  ['?1003', modes => modes.mouseTrackingMode === 'any'],
  ['?1004', modes => modes.sendFocusMode],
  ['?2004', modes => modes.bracketedPasteMode],
  ['4', modes => modes.insertMode],
];

export interface SnapshotParts {
  readonly terminal: Terminal;
  /** The scroll region, from 1. */
  readonly margins: readonly [first: number, last: number];
  readonly isCursorHidden: boolean;
  readonly title: string;
  /** Sequences that set how the next characters are drawn. */
  readonly rendition: string;
}

export function snapshot({
  terminal,
  margins: [first, last],
  isCursorHidden,
  title,
  rendition,
}: SnapshotParts): string {
  const { modes, buffer } = terminal;
  const isAlternate = buffer.active.type === 'alternate';
  const set = MODES.filter(([, isOn]) => isOn(modes)).map(([number]) => modeSet(number));
  const { cursorX, cursorY } = buffer.active;
  // In origin mode, rows are counted from the top margin.
  const row = modes.originMode ? cursorY - (first - 1) : cursorY;
  return [
    '\x1b[?47l\x1b[!p\x1b[m\x1b[2J',
    contents(buffer.normal, terminal),
    place(buffer.normal.cursorY, Math.min(buffer.normal.cursorX, terminal.cols - 1)),
    isAlternate ? `\x1b[?1049h${contents(buffer.alternate, terminal)}` : '',
    first === 1 && last === terminal.rows ? '' : `\x1b[${first};${last}r`,
    ...set,
    place(row, Math.min(cursorX, terminal.cols - 1)),
    cursorX < terminal.cols ? '' : lastCharacter(buffer.active, terminal, row),
    modes.wraparoundMode ? '' : '\x1b[?7l',
    isCursorHidden ? '\x1b[?25l' : '',
    title === '' ? '' : `\x1b]2;${title}\x1b\\`,
    rendition,
  ].join('');
}

const modeSet = (number: string): string => `\x1b[${number}h`;
const place = (row: number, column: number): string => `\x1b[${row + 1};${column + 1}H`;

/** Writes the cells that are not empty to a screen that is empty. */
function contents(buffer: IBuffer, { cols, rows }: Terminal): string {
  const cell = buffer.getNullCell();
  let text = '';
  let style = '';
  for (let row = 0; row < rows; row++) {
    const line = buffer.getLine(buffer.baseY + row);
    let isAt = false;
    for (let column = 0; column < cols && line?.getCell(column, cell) !== undefined; column++) {
      const wanted = styleOf(cell);
      if (cell.getWidth() === 0) continue;
      if (wanted === '' && cell.getChars() === '') isAt = false;
      else {
        if (!isAt) text += place(row, column);
        if (wanted !== style) text += `\x1b[${wanted === '' ? '' : `0${wanted}`}m`;
        style = wanted;
        text += cell.getChars() || ' ';
        isAt = true;
      }
    }
  }
  return style === '' ? text : `${text}\x1b[m`;
}

/** The position after the last column cannot be addressed: the character before it is printed again. */
function lastCharacter(buffer: IBuffer, terminal: Terminal, row: number): string {
  const line = buffer.getLine(buffer.baseY + buffer.cursorY);
  const last = line?.getCell(terminal.cols - 1);
  const isSecondHalf = last?.getWidth() === 0;
  const cell = isSecondHalf ? line?.getCell(terminal.cols - 2) : last;
  if (cell === undefined) return '';
  return `${place(row, terminal.cols - (isSecondHalf ? 2 : 1))}\x1b[0${styleOf(cell)}m${cell.getChars() || ' '}\x1b[m`;
}
