/** The colours and attributes of a cell as parameters of SGR, for terminals with as many colours as they have. */
import type { IBufferCell } from '@xterm/headless';

/**
 * The colours of a terminal. `8`: those of ANSI.SYS, where bold text is bright, and attributes that it does not know
 * are ignored. `0`: none.
 */
export type ColourDepth = 'rgb' | 256 | 8 | 0;

const ATTRIBUTES: readonly (readonly [number: number, has: (cell: IBufferCell) => number])[] = [
  [1, cell => cell.isBold()],
  [2, cell => cell.isDim()],
  [3, cell => cell.isItalic()],
  [4, cell => cell.isUnderline()],
  [5, cell => cell.isBlink()],
  [7, cell => cell.isInverse()],
  [8, cell => cell.isInvisible()],
  [9, cell => cell.isStrikethrough()],
  [53, cell => cell.isOverline()],
];

/** The parameters of SGR after a 0; empty for a cell without colours and attributes. */
export function styleOf(cell: IBufferCell, depth: ColourDepth = 'rgb'): string {
  if (cell.isAttributeDefault()) return '';
  let style = '';
  for (const [number, has] of ATTRIBUTES) if (has(cell) !== 0) style += `;${number}`;
  if (depth === 0) return style;
  if (!cell.isFgDefault()) style += colour(30, cell.getFgColor(), cell.isFgRGB(), depth);
  if (!cell.isBgDefault()) style += colour(40, cell.getBgColor(), cell.isBgRGB(), depth);
  return style;
}

/** @param first the parameter for the first colour: 30 for the foreground, 40 for the background. */
function colour(first: number, number: number, isRgb: boolean, depth: ColourDepth): string {
  if (isRgb && depth === 'rgb') return `;${first + 8};2;${number >> 16};${(number >> 8) & 0xff};${number & 0xff}`;
  const index = isRgb ? nearestOfCube(number) : number;
  if (depth === 8) {
    const basic = index < 16 ? index : nearestOfBasic(index);
    return `;${first + (basic & 7)}${basic >= 8 && first === 30 ? ';1' : ''}`;
  }
  if (index < 8) return `;${first + index}`;
  return index < 16 ? `;${first + 60 + index - 8}` : `;${first + 8};5;${index}`;
}

const STEPS = [0, 95, 135, 175, 215, 255] as const;

function nearestOfCube(rgb: number): number {
  const [red, green, blue] = channels(rgb).map(value => {
    const distances = STEPS.map(step => Math.abs(step - value));
    return distances.indexOf(Math.min(...distances));
  }) as [number, number, number];
  return 16 + red * 36 + green * 6 + blue;
}

/** The one of the 16 colours that has the same channels, bright if one of them is strong. */
function nearestOfBasic(index: number): number {
  const grey = 8 + (index - 232) * 10;
  const levels =
    index >= 232
      ? [grey, grey, grey]
      : [Math.floor((index - 16) / 36), Math.floor((index - 16) / 6) % 6, (index - 16) % 6].map(at => STEPS[at]!);
  const most = Math.max(...levels);
  if (most < 48) return 0;
  const bits = levels.reduce((sum, level, at) => sum | (level > most / 2 ? 1 << at : 0), 0);
  return most > 192 ? bits + 8 : bits === 7 && most < 128 ? 8 : bits;
}

const channels = (rgb: number): number[] => [rgb >> 16, (rgb >> 8) & 0xff, rgb & 0xff];
