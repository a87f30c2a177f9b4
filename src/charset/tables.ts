/**
 * The sets of three home computers, which no conversion library has. They are mapped as Unicode does it (proposal
 * L2/19-025, "Symbols for Legacy Computing", where there are several possibilities).
 */

const range = (first: number, last: number): string =>
  String.fromCodePoint(...Array.from({ length: last - first + 1 }, (_, at) => first + at));

const ASCII = range(0, 127);
/** Codes without a character. */
const NONE = '\ufffd';
const none = (count: number): string => NONE.repeat(count);

/** Atari ST, from Unicode's mapping ATARIST.TXT: ASCII, and the characters of TOS above it. */
export const ATARI_ST =
  ASCII +
  'ÇüéâäàåçêëèïîìÄÅÉæÆôöòûùÿÖÜ¢£¥ßƒáíóúñÑªº¿⌐¬½¼¡«»ãõØøœŒÀÃÕ¨´†¶©®™' +
  'ĳĲאבגדהוזחטיכלמנסעפצקרשתןךםףץ§∧∞αβΓπΣσµτΦΘΩδ∮φ∈∩≡±≥≤⌠⌡÷≈°∙·√ⁿ²³¯';

/** Between `@` and the end of the lower case, a C64 has the letters of ASCII with their cases swapped. */
const PETSCII_LOWER = '@abcdefghijklmnopqrstuvwxyz[£]↑←';
const PETSCII_UPPER = '─ABCDEFGHIJKLMNOPQRSTUVWXYZ┼🮌│🮖🮘';
const PETSCII_GRAPHICS = '\u00a0▌▄▔▁▏▒▕🮏🮙🮇├▗└┐▂┌┴┬┤▎▍🮈🮂🮃▃✓▖▝┘▘▚';

/**
 * PETSCII of the Commodore 64 with its second ("shifted", lower case) character set. Codes 60 to 7F and E0 to FE repeat
 * the characters of C0 to DF and A0 to BE, and FF is DE. All controls except RETURN are left out.
 */
export const PETSCII =
  none(13) +
  '\r' +
  none(18) +
  range(0x20, 0x3f) +
  PETSCII_LOWER +
  PETSCII_UPPER +
  none(32) +
  PETSCII_GRAPHICS +
  PETSCII_UPPER +
  [...PETSCII_GRAPHICS].slice(0, 31).join('') +
  '🮖';

/**
 * The characters that differ in the first ("unshifted", upper case) character set of the C64, by their codes: what
 * 41 to 5A, C0 to DF, A9 and BA display after the code 8E. Only a screen needs them: see `screen/machines/petscii.ts`.
 */
export const PETSCII_UPPER_CASE: ReadonlyMap<number, string> = new Map([
  ...[...range(0x41, 0x5a)].map((letter, at) => [0x41 + at, letter] as const),
  ...[...'─♠🭲🭸🭷🭶🭺🭱🭴╮╰╯🭼╲╱🭽🭾●🭻♥🭰╭╳○♣🭵♦┼🮌│π◥'].map((character, at) => [0xc0 + at, character] as const),
  [0xa9, '◤'],
  [0xba, '🭿'],
]);

/** The characters that a C64 displays as another one in reverse, each with that other one. */
export const PETSCII_REVERSED = '█ ▀▄▐▌▛▗▜▖▙▝▟▘▞▚▇▔▆🮂▅🮃▉▕▊🮇▋🮈🮅▂🮆▁🮄▃';

const ATASCII_GRAPHICS = '♥├⎹┘┤┐╱╲◢▗◣▝▘⎺⎽▖♣┌─┼•▄⎸┬┴▌└';

/**
 * ATASCII of the Atari 8-bit computers, with its first character set. The upper half is the lower in reverse video. All
 * controls except the end of line, 9B, are left out.
 */
const ATASCII_LOWER = `${ATASCII_GRAPHICS}${none(5)}${range(0x20, 0x5f)}♦${range(0x61, 0x7a)}♠|${none(3)}`;

/** Without the characters that exist in reverse video only: see {@link ATASCII_REVERSED}. */
export const ATASCII = `${ATASCII_LOWER}${none(27)}\n${none(100)}`;

/** The characters of the codes that control an Atari's screen. It displays them after ESC. */
export const ATASCII_CONTROLS: ReadonlyMap<number, string> = new Map([
  ...[...'␛↑↓←→'].map((character, at) => [0x1b + at, character] as const),
  ...[...'↰◀▶'].map((character, at) => [0x7d + at, character] as const),
]);

/** The characters that an Atari displays as another one in reverse, each with that other one. */
export const ATASCII_REVERSED = '█ ◤◢▛▗◥◣▙▝▟▘▜▖◘•▀▄▐▌';

/**
 * The codes of a table's characters. A character that PETSCII has twice gets the code of the C64's keyboard: in C0 to
 * DF, otherwise the lower code.
 */
export function codesOf(table: string): Map<number, number> {
  const characters = [...table];
  const codes = new Map<number, number>();
  const add = (code: number): void => {
    const character = characters[code]!;
    if (character !== NONE && !codes.has(character.codePointAt(0)!)) codes.set(character.codePointAt(0)!, code);
  };
  for (let code = 0xc0; code <= 0xdf; code++) add(code);
  for (let code = 0; code < characters.length; code++) add(code);
  return codes;
}
