/**
 * A screen as an SVG image. It contains text to search and copy, and no script, link or reference to another file.
 *
 * **The grid.** The viewer's font is not known, so its advance is not either. A cell is 9 by 18 pixels. `textLength`
 * stretches a run of characters of ordinary scripts to its columns. Every other character is its own element, in the
 * middle of its cells, because a fallback font may have any width. Lines and blocks are shapes (shapes.ts).
 *
 * The same screen and options give the same text.
 *
 * Rejected: `<foreignObject>` with HTML, because viewers other than browsers do not draw it. Embedded fonts, because
 * they are larger than the picture.
 */
import type { Screen, ScreenCell } from '../screen.ts';
import { type CellColours, coloursOf, DARK, type Theme } from './colours.ts';
import { rectangle, shapeOf } from './shapes.ts';
import { escapeXml } from './xml.ts';

export interface SvgOptions {
  /** In the title bar. Default: the title that the program has set, if any. */
  readonly title?: string | undefined;
  /** A description for people who cannot see it. Default: the title. */
  readonly description?: string | undefined;
  /** Default: unless the program has hidden it. */
  readonly showsCursor?: boolean | undefined;
  /** Default: light text on dark. */
  readonly theme?: Theme | undefined;
}

const WIDTH = 9;
export const HEIGHT = 18;
/** Most monospaced fonts have an advance of 0.6 em: 9 pixels. */
const FONT_SIZE = 15;
const BASELINE = 14;
const BAR = 34;
const PADDING = 12;
const FONTS = "ui-monospace,SFMono-Regular,Menlo,Consolas,'DejaVu Sans Mono','Liberation Mono',monospace";

/** Latin, Greek and Cyrillic: a monospaced font has all of it, in one width. */
const ORDINARY = /^[\x21-\x7e\u00a1-\u00ac\u00ae-\u024f\u0386-\u03ff\u0400-\u0482\u048a-\u052f]$/u;
/** A gap of more columns ends a run. */
const MAX_GAP = 2;

export function renderSvg(screen: Screen, options: SvgOptions = {}): string {
  const theme = options.theme ?? DARK;
  const title = options.title ?? screen.title;
  const drawing = new Drawing(theme);
  const showsCursor = options.showsCursor ?? !screen.isCursorHidden;
  for (let row = 0; row < screen.rows; row++) drawRow(screen, row, row, showsCursor, drawing, theme);
  return inWindow(drawing.toString(), screen.columns, screen.rows, { ...options, title });
}

/** A row of a screen, drawn as the first one; empty if nothing is to be seen. */
export function renderRow(screen: Screen, row: number, showsCursor: boolean, theme = DARK): string {
  const drawing = new Drawing(theme);
  drawRow(screen, row, 0, showsCursor, drawing, theme);
  return drawing.isEmpty ? '' : drawing.toString();
}

/** Draws a window around the contents of a screen. */
export function inWindow(contents: string, columns: number, rows: number, options: SvgOptions): string {
  const { theme = DARK, title = '' } = options;
  const [width, height] = [columns * WIDTH, rows * HEIGHT];
  const [outerWidth, outerHeight] = [width + 2 * PADDING, height + BAR + 2 * PADDING];
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" width="${outerWidth}" height="${outerHeight}" viewBox="0 0 ${outerWidth} ${outerHeight}" role="img" xml:space="preserve">`,
    `<title>${escapeXml(options.description ?? title) || 'terminal'}</title>`,
    `<style>text{font:${FONT_SIZE}px ${FONTS};white-space:pre;direction:ltr;unicode-bidi:bidi-override}.b{font-weight:bold}.i{font-style:italic}.m{text-anchor:middle}</style>`,
    `<rect x=".5" y=".5" width="${outerWidth - 1}" height="${outerHeight - 1}" rx="9" fill="${theme.background}" stroke="${theme.border}"/>`,
    `<path d="M1 ${BAR}V9.5A8.5 8.5 0 0 1 9.5 1H${outerWidth - 9.5}A8.5 8.5 0 0 1 ${outerWidth - 1} 9.5V${BAR}z" fill="${theme.bar}"/>`,
    ...['#f0716b', '#e0b45c', '#7fc97f'].map(
      (fill, index) => `<circle cx="${20 + index * 20}" cy="17.5" r="6" fill="${fill}"/>`,
    ),
    `<text class="m" x="${outerWidth / 2}" y="22" fill="${theme.title}">${escapeXml(title)}</text>`,
    // An inner svg element clips glyphs that extend beyond the screen.
    `<svg x="${PADDING}" y="${BAR + PADDING}" width="${width}" height="${height}">`,
    contents,
    '</svg>',
    '</svg>',
    '',
  ].join('\n');
}

interface Style extends CellColours {
  readonly isBold: boolean;
  readonly isItalic: boolean;
}

/** Collects backgrounds, shapes and text, which are drawn in this order. */
class Drawing {
  readonly #theme: Theme;
  /** The path data for each colour. */
  readonly #backgrounds = new Map<string, string>();
  readonly #shapes = new Map<string, string>();
  #texts = '';
  /** The current run of characters. */
  #run: { text: string; row: number; column: number; columns: number; style: Style } | undefined;

  constructor(theme: Theme) {
    this.#theme = theme;
  }

  background(color: string | undefined, left: number, top: number, right: number, bottom: number): void {
    if (color === undefined || color === this.#theme.background) return;
    append(this.#backgrounds, `fill="${color}"`, rectangle(left, top, right, bottom));
  }

  shape(attributes: string, path: string): void {
    append(this.#shapes, attributes, path);
  }

  text(text: string, row: number, column: number, columns: number, style: Style): void {
    const isOrdinary = columns === 1 && ORDINARY.test(text);
    const run = this.#run;
    const gap = run === undefined ? 0 : column - run.column - run.columns;
    if (isOrdinary && run !== undefined && run.row === row && gap <= MAX_GAP && isSame(run.style, style)) {
      run.text += ' '.repeat(gap) + text;
      run.columns += gap + 1;
      return;
    }
    this.endRun();
    if (isOrdinary) this.#run = { text, row, column, columns, style };
    else {
      const middle = (column + columns / 2) * WIDTH;
      this.#texts += `<text class="m${classOf(style)}" x="${middle}" y="${row * HEIGHT + BASELINE}" fill="${style.foreground}">${escapeXml(text)}</text>\n`;
    }
  }

  endRun(): void {
    if (this.#run === undefined) return;
    const { text, row, column, columns, style } = this.#run;
    this.#run = undefined;
    const names = classOf(style).trim();
    const attribute = names === '' ? '' : ` class="${names}"`;
    this.#texts += `<text${attribute} x="${column * WIDTH}" y="${row * HEIGHT + BASELINE}" textLength="${columns * WIDTH}" lengthAdjust="spacingAndGlyphs" fill="${style.foreground}">${escapeXml(text)}</text>\n`;
  }

  get isEmpty(): boolean {
    this.endRun();
    return this.#backgrounds.size + this.#shapes.size === 0 && this.#texts === '';
  }

  toString(): string {
    this.endRun();
    const paths = (all: ReadonlyMap<string, string>) =>
      [...all].map(([attributes, path]) => `<path ${attributes} d="${path}"/>\n`).join('');
    // With antialiasing, a line would show between adjacent backgrounds. Without it, thin lines could vanish.
    return `<g shape-rendering="crispEdges">\n${paths(this.#backgrounds)}</g>\n${paths(this.#shapes)}${this.#texts.trimEnd()}`;
  }
}

function append(paths: Map<string, string>, attributes: string, path: string): void {
  if (path !== '') paths.set(attributes, `${paths.get(attributes) ?? ''}${path}`);
}

const isSame = (a: Style, b: Style): boolean =>
  a.foreground === b.foreground && a.isBold === b.isBold && a.isItalic === b.isItalic;

const classOf = ({ isBold, isItalic }: Style): string => `${isBold ? ' b' : ''}${isItalic ? ' i' : ''}`;

/** @param at the row of the drawing. */
function drawRow(screen: Screen, row: number, at: number, showsCursor: boolean, drawing: Drawing, theme: Theme): void {
  const cell = screen.emptyCell();
  const { cursor } = screen;
  const line = screen.line(row);
  const [top, bottom] = [at * HEIGHT, (at + 1) * HEIGHT];
  /** The current background: neighbouring cells of one colour become one rectangle. */
  let gathered: { color: string | undefined; from: number } = { color: undefined, from: 0 };
  for (let column = 0; column < screen.columns && line?.getCell(column, cell) !== undefined; column++) {
    const columns = cell.getWidth();
    if (columns === 0) continue;
    const hasCursor = showsCursor && row === cursor.row && column <= cursor.column && cursor.column < column + columns;
    const colours = withCursor(coloursOf(cell, theme), hasCursor, theme);
    if (colours.background !== gathered.color) {
      drawing.background(gathered.color, gathered.from * WIDTH, top, column * WIDTH, bottom);
      gathered = { color: colours.background, from: column };
    }
    drawCell(cell, at, column, columns, colours, drawing);
  }
  drawing.background(gathered.color, gathered.from * WIDTH, top, screen.columns * WIDTH, bottom);
}

/** A block in the colour of the text, with the character in the colour of the background. */
function withCursor({ foreground, background }: CellColours, hasCursor: boolean, theme: Theme): CellColours {
  if (!hasCursor) return { foreground, background };
  return { foreground: background ?? theme.background, background: foreground };
}

function drawCell(
  cell: ScreenCell,
  row: number,
  column: number,
  columns: number,
  colours: CellColours,
  drawing: Drawing,
): void {
  if (cell.isInvisible() !== 0) return;
  const [x, y, width] = [column * WIDTH, row * HEIGHT, columns * WIDTH];
  for (const [has, at] of [
    [cell.isUnderline(), y + BASELINE + 2],
    [cell.isStrikethrough(), y + 9],
    [cell.isOverline(), y],
  ] as const)
    if (has !== 0) drawing.shape(`fill="${colours.foreground}"`, rectangle(x, at, x + width, at + 1));
  const text = cell.getChars();
  if (text.trim() === '') return;
  const shape = shapeOf(text, { x, y, width, height: HEIGHT });
  if (shape === undefined) {
    const style = { ...colours, isBold: cell.isBold() !== 0, isItalic: cell.isItalic() !== 0 };
    drawing.text(text, row, column, columns, style);
  } else {
    const opacity = shape.opacity === 1 ? '' : ` opacity="${shape.opacity}"`;
    const paint = shape.isStroke
      ? `fill="none" stroke="${colours.foreground}"`
      : `fill="${colours.foreground}"${opacity}`;
    drawing.shape(paint, shape.path);
  }
}
