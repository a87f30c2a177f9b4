import { eastAsianWidth } from 'get-east-asian-width';

/**
 * What has no width of its own: marks that stand on the letter before, and what only steers the shaping of text.
 * The soft hyphen is shown by terminals, so it counts (as it does for wcwidth(3) of the C library).
 */
const NO_WIDTH = /^[\p{Mn}\p{Me}\p{Cf}\u{1160}-\u{11ff}]$/u;
const SOFT_HYPHEN = 0xad;

/** How many columns of a terminal a code point takes: 0 for controls and combining marks, 1, or 2. */
export function columnsOf(codePoint: number): 0 | 1 | 2 {
  if (codePoint >= 0x20 && codePoint < 0x7f) return 1;
  if (codePoint < 0xa0) return 0;
  if (codePoint < 0x300 || (codePoint >= 0x2500 && codePoint < 0x2600)) return 1;
  if (codePoint !== SOFT_HYPHEN && NO_WIDTH.test(String.fromCodePoint(codePoint))) return 0;
  return eastAsianWidth(codePoint);
}

/** The columns of a text without control characters. */
export function columnsOfText(text: string): number {
  let columns = 0;
  for (const character of text) columns += columnsOf(character.codePointAt(0)!);
  return columns;
}
