/**
 * The colours of a drawn terminal: a palette of 16, the colour cube and the greys of xterm. Attributes such as bold and
 * inverse change them.
 */
import type { ScreenCell } from '../screen.ts';

export interface Theme {
  /** Colours 0 to 15 of the palette, as `#rrggbb`. */
  readonly palette: readonly string[];
  readonly foreground: string;
  readonly background: string;
  /** The title bar, its text, and the line around the window. */
  readonly bar: string;
  readonly title: string;
  readonly border: string;
}

/** Light text on a dark background. All colours but black have a contrast of at least 4.5 : 1 to it. */
export const DARK: Theme = {
  palette: [
    ...['#3b4048', '#f0716b', '#7fc97f', '#e0b45c', '#6ba8f5', '#cf8ef0', '#4fc4cf', '#c8ccd4'],
    ...['#7d8694', '#ff938c', '#a2e08f', '#f5d67b', '#90c2ff', '#e3b3ff', '#7fe3ea', '#ffffff'],
  ],
  foreground: '#d7dae0',
  background: '#16191f',
  bar: '#272c35',
  title: '#a9b1bf',
  border: '#3a414d',
};

export interface CellColours {
  readonly foreground: string;
  /** Undefined where the background of the window shows. */
  readonly background: string | undefined;
}

/**
 * Bold text in one of the first eight colours gets the bright colour, as in xterm. Programs that know only eight
 * colours use bold for the other eight.
 */
export function coloursOf(cell: ScreenCell, theme: Theme): CellColours {
  const isBright = cell.isBold() !== 0 && cell.isFgPalette() && cell.getFgColor() < 8;
  let foreground = cell.isFgDefault()
    ? theme.foreground
    : colour(cell.getFgColor() + (isBright ? 8 : 0), cell.isFgRGB(), theme);
  let background = cell.isBgDefault() ? undefined : colour(cell.getBgColor(), cell.isBgRGB(), theme);
  if (cell.isInverse() !== 0) [foreground, background] = [background ?? theme.background, foreground];
  if (cell.isDim() !== 0) foreground = mixed(foreground, background ?? theme.background);
  return { foreground, background };
}

const STEPS = [0, 95, 135, 175, 215, 255];

function colour(number: number, isRgb: boolean, { palette }: Theme): string {
  if (isRgb) return hex(number);
  if (number < 16) return palette[number]!;
  if (number >= 232) return hex((8 + (number - 232) * 10) * 0x010101);
  const index = number - 16;
  const [red, green, blue] = [Math.floor(index / 36), Math.floor(index / 6) % 6, index % 6].map(step => STEPS[step]!);
  return hex((red! << 16) | (green! << 8) | blue!);
}

/** Between two colours, nearer to the first. Opacity would show overlapping lines of one character twice. */
function mixed(first: string, second: string): string {
  const [a, b] = [first, second].map(text => Number.parseInt(text.slice(1), 16)) as [number, number];
  const channels = [16, 8, 0].map(shift => {
    const value = Math.round(((a >> shift) & 0xff) * 0.6 + ((b >> shift) & 0xff) * 0.4);
    return value << shift;
  });
  return hex(channels.reduce((sum, channel) => sum | channel, 0));
}

const hex = (number: number): string => `#${number.toString(16).padStart(6, '0')}`;
