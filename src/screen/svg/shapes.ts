/**
 * Characters that join their neighbours, as shapes: box drawing (U+2500 to U+257F) and block elements (U+2580 to
 * U+259F). As text they would have gaps: fonts are not as high as a line, and fallback fonts may have another width.
 *
 * A line character has four arms from the centre of the cell: up, right, down and left. Each is absent (0), light (1),
 * heavy (2) or double (3).
 */

/** The cell to draw to, in pixels. */
export interface Cell {
  readonly x: number;
  readonly y: number;
  readonly width: number;
  readonly height: number;
}

/** A shape of one character: the data of a path, and its opacity. */
export interface Shape {
  readonly path: string;
  readonly opacity: number;
  /** Drawn as a line of one pixel instead of being filled. */
  readonly isStroke: boolean;
}

/** U+2500 to U+257F, each as the arms up, right, down and left. Those with zeros alone are not made of arms. */
const LINES = `
  0101 0202 1010 2020 0101 0202 1010 2020 0101 0202 1010 2020 0110 0210 0120 0220
  0011 0012 0021 0022 1100 1200 2100 2200 1001 1002 2001 2002 1110 1210 2110 1120
  2120 2210 1220 2220 1011 1012 2011 1021 2021 2012 1022 2022 0111 0112 0211 0212
  0121 0122 0221 0222 1101 1102 1201 1202 2101 2102 2201 2202 1111 1112 1211 1212
  2111 1121 2121 2112 2211 1122 1221 2212 1222 2122 2221 2222 0101 0202 1010 2020
  0303 3030 0310 0130 0330 0013 0031 0033 1300 3100 3300 1003 3001 3003 1310 3130
  3330 1013 3031 3033 0313 0131 0333 1303 3101 3303 1313 3131 3333 0000 0000 0000
  0000 0000 0000 0000 0001 1000 0100 0010 0002 2000 0200 0020 0201 1020 0102 2010
`
  .trim()
  .split(/\s+/);

/** The number of dashes of a line. */
const DASHES: ReadonlyMap<number, number> = new Map([
  ...[0x2504, 0x2505, 0x2506, 0x2507].map(code => [code, 3] as const),
  ...[0x2508, 0x2509, 0x250a, 0x250b].map(code => [code, 4] as const),
  ...[0x254c, 0x254d, 0x254e, 0x254f].map(code => [code, 2] as const),
]);

/** U+2596 to U+259F: the quarters that are filled, upper left 1, upper right 2, lower left 4, lower right 8. */
const QUADRANTS = [4, 8, 1, 13, 9, 7, 11, 2, 6, 14];

/** The shape of a character; undefined for one that is text. */
export function shapeOf(text: string, cell: Cell): Shape | undefined {
  const code = text.codePointAt(0)!;
  if (text.length !== 1 || code < 0x2500 || code > 0x259f) return undefined;
  if (code >= 0x2580) return block(code, cell);
  if (code >= 0x256d && code <= 0x2570) return arc(code, cell);
  if (code >= 0x2571 && code <= 0x2573) return diagonal(code, cell);
  const arms = [...LINES[code - 0x2500]!].map(Number) as [number, number, number, number];
  return filled(DASHES.has(code) ? dashed(arms, DASHES.get(code)!, cell) : lines(arms, cell));
}

const filled = (path: string, opacity = 1): Shape => ({ path, opacity, isStroke: false });

/** A rectangle by its edges; empty if it has no area. */
export function rectangle(left: number, top: number, right: number, bottom: number): string {
  if (right <= left || bottom <= top) return '';
  return `M${round(left)} ${round(top)}H${round(right)}V${round(bottom)}H${round(left)}z`;
}

const round = (value: number): number => Math.round(value * 100) / 100;

const LIGHT = 1;
const HEAVY = 3;
const DOUBLE = 3;
/** The distance of the two lines of a double line from its middle. */
const APART = 2;

const thickness = (weight: number): number => (weight === 2 ? HEAVY : LIGHT);

/** The middle of a cell, on half a pixel: lines of an odd thickness then cover whole pixels. */
function middle({ x, y, width, height }: Cell): readonly [x: number, y: number] {
  return [x + Math.floor(width / 2) + 0.5, y + Math.floor(height / 2) + 0.5];
}

/** Up, right, down, left: the direction of each arm. */
const DIRECTIONS = [
  [0, -1],
  [1, 0],
  [0, 1],
  [-1, 0],
] as const;

function lines(arms: readonly [number, number, number, number], cell: Cell): string {
  let path = '';
  for (const [index, weight] of arms.entries()) {
    if (weight === 0) continue;
    // The neighbours of the arm, clockwise and counterclockwise, and the opposite arm.
    const [next, opposite, previous] = [1, 2, 3].map(turn => arms[(index + turn) % 4]!) as [number, number, number];
    if (weight === DOUBLE) {
      path += arm(index, APART, doubleStart(next, previous), LIGHT, cell);
      path += arm(index, -APART, doubleStart(previous, next), LIGHT, cell);
    } else path += arm(index, 0, singleStart(weight, next, opposite, previous), thickness(weight), cell);
  }
  return path;
}

/** Start of one line of a double arm, in its direction: at the inner or outer line of the double arm that it meets. */
function doubleStart(near: number, far: number): number {
  if (near === DOUBLE) return APART - LIGHT / 2;
  return far === DOUBLE ? -APART - LIGHT / 2 : -LIGHT / 2;
}

/** The same for a single arm. It fills the corner with its neighbours, but does not pass through a double one. */
function singleStart(weight: number, next: number, opposite: number, previous: number): number {
  const doubles = [next, previous].filter(other => other === DOUBLE).length;
  if (doubles > 0 && opposite === 0) return doubles === 2 ? APART - LIGHT / 2 : -APART - LIGHT / 2;
  return -Math.max(thickness(weight), thickness(next), thickness(previous)) / 2;
}

/** @param aside how far the line is from the middle, clockwise from its direction. */
function arm(index: number, aside: number, start: number, thick: number, cell: Cell): string {
  const [x, y] = middle(cell);
  const [dx, dy] = DIRECTIONS[index]!;
  const half = thick / 2;
  if (dx === 0) {
    const at = x - dy * aside;
    const from = y + dy * start;
    return dy < 0
      ? rectangle(at - half, cell.y, at + half, from)
      : rectangle(at - half, from, at + half, cell.y + cell.height);
  }
  const at = y + dx * aside;
  const from = x + dx * start;
  return dx < 0
    ? rectangle(cell.x, at - half, from, at + half)
    : rectangle(from, at - half, cell.x + cell.width, at + half);
}

function dashed([up, right]: readonly [number, number, number, number], count: number, cell: Cell): string {
  const [x, y] = middle(cell);
  const half = thickness(up || right) / 2;
  const length = (up === 0 ? cell.width : cell.height) / count;
  const gap = length * 0.4;
  return Array.from({ length: count }, (_, number) => {
    const from = number * length + gap / 2;
    const to = (number + 1) * length - gap / 2;
    return up === 0
      ? rectangle(cell.x + from, y - half, cell.x + to, y + half)
      : rectangle(x - half, cell.y + from, x + half, cell.y + to);
  }).join('');
}

function arc(code: number, cell: Cell): Shape {
  const [x, y] = middle(cell);
  const isDown = code <= 0x256e;
  const isRight = code === 0x256d || code === 0x2570;
  const radius = Math.floor(cell.width / 2);
  const [dx, dy] = [isRight ? 1 : -1, isDown ? 1 : -1];
  const end = isDown ? cell.y + cell.height : cell.y;
  const path = `M${x} ${end}V${y + dy * radius}Q${x} ${y} ${x + dx * radius} ${y}H${isRight ? cell.x + cell.width : cell.x}`;
  return { path, opacity: 1, isStroke: true };
}

function diagonal(code: number, { x, y, width, height }: Cell): Shape {
  const rising = `M${x} ${y + height}L${x + width} ${y}`;
  const falling = `M${x} ${y}L${x + width} ${y + height}`;
  const path = `${code === 0x2572 ? '' : rising}${code === 0x2571 ? '' : falling}`;
  return { path, opacity: 1, isStroke: true };
}

function block(code: number, { x, y, width, height }: Cell): Shape {
  const [right, bottom] = [x + width, y + height];
  if (code === 0x2580) return filled(rectangle(x, y, right, y + height / 2));
  if (code <= 0x2588) return filled(rectangle(x, bottom - ((code - 0x2580) * height) / 8, right, bottom));
  if (code <= 0x258f) return filled(rectangle(x, y, x + ((0x2590 - code) * width) / 8, bottom));
  if (code === 0x2590) return filled(rectangle(x + width / 2, y, right, bottom));
  if (code <= 0x2593) return filled(rectangle(x, y, right, bottom), (code - 0x2590) / 4);
  if (code === 0x2594) return filled(rectangle(x, y, right, y + height / 8));
  if (code === 0x2595) return filled(rectangle(right - width / 8, y, right, bottom));
  const quarters = QUADRANTS[code - 0x2596]!;
  const [halfX, halfY] = [x + width / 2, y + height / 2];
  return filled(
    (quarters & 1 ? rectangle(x, y, halfX, halfY) : '') +
      (quarters & 2 ? rectangle(halfX, y, right, halfY) : '') +
      (quarters & 4 ? rectangle(x, halfY, halfX, bottom) : '') +
      (quarters & 8 ? rectangle(halfX, halfY, right, bottom) : ''),
  );
}
