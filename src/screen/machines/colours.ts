/** Maps the colours and attributes of a terminal's cell to a machine with a single background colour. */
import type { ScreenCell } from '../screen.ts';

const BLACK = 0;

/** The sixteen colours as xterm shows them. */
const PALETTE: readonly (readonly [number, number, number])[] = [
  ...([
    [0, 0, 0],
    [205, 0, 0],
    [0, 205, 0],
    [205, 205, 0],
    [0, 0, 238],
    [205, 0, 205],
    [0, 205, 205],
  ] as const),
  ...([
    [229, 229, 229],
    [127, 127, 127],
    [255, 0, 0],
    [0, 255, 0],
    [255, 255, 0],
    [92, 92, 255],
  ] as const),
  ...([
    [255, 0, 255],
    [0, 255, 255],
    [255, 255, 255],
  ] as const),
];

/**
 * A character has one colour on such a machine. On a background other than that of the screen, which is dark, it is in
 * reverse video and has the colour of that background. `undefined` is the colour of a cell for which the program has
 * set none.
 */
export function appearance(cell: ScreenCell): { readonly reverse: boolean; readonly colour: number | undefined } {
  let ink = cell.isFgDefault() ? undefined : ofSixteen(cell.getFgColor(), cell.isFgRGB());
  if (ink !== undefined && ink < 8 && cell.isBold()) ink += 8;
  let paper = cell.isBgDefault() ? undefined : ofSixteen(cell.getBgColor(), cell.isBgRGB());
  if (paper === BLACK) paper = undefined;
  if (!cell.isInverse())
    return paper === undefined ? { reverse: false, colour: ink } : { reverse: true, colour: paper };
  // Black in reverse video is a background like that of the screen.
  return ink === BLACK ? { reverse: false, colour: paper } : { reverse: true, colour: ink };
}

/** The nearest of the sixteen colours to one of the 256, or to 0xRRGGBB. */
function ofSixteen(colour: number, isRgb: boolean): number {
  if (isRgb) return nearest(colour >> 16, (colour >> 8) & 0xff, colour & 0xff);
  if (colour < 16) return colour;
  if (colour >= 232) {
    const grey = 8 + 10 * (colour - 232);
    return nearest(grey, grey, grey);
  }
  const cube = colour - 16;
  return nearest(level(Math.floor(cube / 36)), level(Math.floor(cube / 6) % 6), level(cube % 6));
}

const level = (step: number): number => (step === 0 ? 0 : 55 + 40 * step);

function nearest(red: number, green: number, blue: number): number {
  let best = 0;
  let least = Number.POSITIVE_INFINITY;
  PALETTE.forEach(([r, g, b], colour) => {
    const distance = (r - red) ** 2 + (g - green) ** 2 + (b - blue) ** 2;
    if (distance < least) {
      least = distance;
      best = colour;
    }
  });
  return best;
}
