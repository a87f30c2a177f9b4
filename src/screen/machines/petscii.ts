import { PETSCII, PETSCII_REVERSED } from '../../charset/tables.ts';
import { cursorKey, type KeyModes, looksOf, type Machine } from './machine.ts';

const looks = looksOf(PETSCII, PETSCII_REVERSED);
const characters = [...PETSCII];

const LOWER_CASE = 14;
const CLEAR = 147;
const DELETE = 20;

/**
 * The colours of a terminal on a C64, whose screen is dark: black would be invisible, so it becomes dark grey, and
 * dark blue becomes light blue. A Commodore 64 Programmer's Reference Guide, appendix C.
 */
const COLOUR_CODES = [
  ...[151, 28, 30, 129, 154, 156, 159, 155],
  ...[152, 150, 153, 158, 154, 156, 159, 5],
  // If the program has set no colour.
  155,
];

/** Keys that are not characters. Those of the colours, of the case and of reverse video mean nothing to a program. */
const KEYS: Readonly<Record<number, string | ((keys: KeyModes) => string)>> = {
  13: '\r',
  141: '\r',
  17: keys => cursorKey('B', keys),
  145: keys => cursorKey('A', keys),
  29: keys => cursorKey('C', keys),
  157: keys => cursorKey('D', keys),
  19: keys => cursorKey('H', keys),
  // CLR, the shifted HOME key: programs redraw their screen for this key.
  147: '\f',
  [DELETE]: ({ erase }) => String.fromCharCode(erase),
  148: '\x1b[2~',
  133: '\x1bOP',
  137: '\x1bOQ',
  134: '\x1bOR',
  138: '\x1bOS',
  135: '\x1b[15~',
  139: '\x1b[17~',
  136: '\x1b[18~',
  140: '\x1b[19~',
  160: ' ',
  224: ' ',
};
/**
 * Ctrl with a letter, and ESC (Ctrl with the colon): the same as on other computers, unless it is one of the keys
 * above.
 */
const LAST_CONTROL = 27;

/** The Commodore 64 in lower case, with the codes of the screen editor of its KERNAL. */
export const commodore64: Machine = {
  charset: 'PETSCII',
  columns: 40,
  rows: 25,
  start: [LOWER_CASE, CLEAR],
  codes: {
    clear: CLEAR,
    home: 19,
    up: 145,
    down: 17,
    left: 157,
    right: 29,
    newline: 13,
    bell: 7,
    reverse: [18, 146],
    colours: COLOUR_CODES,
  },
  look: codePoint => looks.get(codePoint),
  reversed: code => code,
  eraseKey: DELETE,
  key(code, keys) {
    const key = KEYS[code];
    if (key !== undefined) return typeof key === 'string' ? key : key(keys);
    if (code <= LAST_CONTROL) return String.fromCharCode(code);
    if (code < 0x20 || (code >= 0x80 && code < 0xa0)) return '';
    return asciiKey(code) ?? characters[code]!;
  },
};

/**
 * A C64 has no keys for \ ^ _ ` { | } and ~, but it has keys with the same codes: £ ↑ ← and the graphics of * + - and
 * ↑. They type the ASCII characters, because programs need those more.
 */
function asciiKey(code: number): string | undefined {
  const place = code >= 0xc0 && code < 0xe0 ? code - 0x60 : code === 0xff ? 0x7e : code;
  if (place < 0x40 || place >= 0x80) return undefined;
  const isLetter = (place & 0x1f) >= 1 && (place & 0x1f) <= 26;
  return place === 0x7f ? undefined : String.fromCharCode(isLetter ? place ^ 0x20 : place);
}
