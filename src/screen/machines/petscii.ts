import { PETSCII, PETSCII_REVERSED, PETSCII_UPPER_CASE } from '../../charset/tables.ts';
import { cursorKey, type Effect, type KeyTable, looksOf, type Machine } from './machine.ts';

const looks = looksOf(PETSCII, PETSCII_REVERSED);
const characters = [...PETSCII];

const LOWER_CASE = 14;
const UPPER_CASE = 142;
const CLEAR = 147;
const DELETE = 20;
const INSERT = 148;
const HOME = 19;
const UP = 145;
const DOWN = 17;
const LEFT = 157;
const RIGHT = 29;
const RETURN = 13;
const BELL = 7;
const [REVERSE_ON, REVERSE_OFF] = [18, 146];

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

/**
 * The colours of a C64 on a terminal, in the order of the machine. A terminal has neither orange nor brown; light grey
 * is what most machines show first, and what a program without colours gets.
 */
const COLOURS: ReadonlyMap<number, number | undefined> = new Map([
  ...([
    [144, 0],
    [5, 15],
    [28, 1],
    [159, 6],
    [156, 5],
    [30, 2],
    [31, 4],
    [158, 11],
  ] as const),
  ...([
    [129, 3],
    [149, 3],
    [150, 9],
    [151, 8],
    [152, 7],
    [153, 10],
    [154, 12],
    [155, undefined],
  ] as const),
]);

/** The codes that its screen obeys; a code without a character has no effect. */
const EFFECTS: ReadonlyMap<number, Effect> = new Map<number, Effect>([
  [BELL, 'bell'],
  [RETURN, 'newline'],
  [RETURN | 0x80, 'newline'],
  [LOWER_CASE, 'lower-case'],
  [UPPER_CASE, 'upper-case'],
  [UP, 'up'],
  [DOWN, 'down'],
  [LEFT, 'left'],
  [RIGHT, 'right'],
  [REVERSE_ON, 'reverse-on'],
  [REVERSE_OFF, 'reverse-off'],
  [HOME, 'home'],
  [CLEAR, 'clear'],
  [DELETE, 'delete-before'],
  [INSERT, 'insert'],
  ...[...COLOURS].map(([code, colour]) => [code, { colour }] as const),
]);

/** Keys that are not characters. Those of the colours, of the case and of reverse video mean nothing to a program. */
const KEYS: KeyTable = {
  [RETURN]: '\r',
  141: '\r',
  [DOWN]: keys => cursorKey('B', keys),
  [UP]: keys => cursorKey('A', keys),
  [RIGHT]: keys => cursorKey('C', keys),
  [LEFT]: keys => cursorKey('D', keys),
  [HOME]: keys => cursorKey('H', keys),
  // CLR, the shifted HOME key: programs redraw their screen for this key.
  [CLEAR]: '\f',
  [DELETE]: ({ erase }) => String.fromCharCode(erase),
  [INSERT]: '\x1b[2~',
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
    home: HOME,
    up: UP,
    down: DOWN,
    left: LEFT,
    right: RIGHT,
    newline: RETURN,
    bell: BELL,
    reverse: [REVERSE_ON, REVERSE_OFF],
    colours: COLOUR_CODES,
  },
  look: codePoint => looks.get(codePoint),
  reversed: code => code,
  effect: code => EFFECTS.get(code) ?? (isControl(code) ? 'nothing' : undefined),
  shown: code => code,
  glyph: (code, isUpper) => (isUpper ? PETSCII_UPPER_CASE.get(upperCode(code)) : undefined) ?? characters[code]!,
  cursorFlows: true,
  tabStops: [],
  eraseKey: DELETE,
  keys: KEYS,
  // Shift with the keys from 40 to 5F.
  preferredKeys: Array.from({ length: 32 }, (_, at) => 0xc0 + at),
  key(code, keys) {
    const key = KEYS[code];
    if (key !== undefined) return typeof key === 'string' ? key : key(keys);
    if (code <= LAST_CONTROL) return String.fromCharCode(code);
    if (isControl(code)) return '';
    return asciiKey(code) ?? characters[code]!;
  },
};

const isControl = (code: number): boolean => (code & 0x7f) < 0x20;

/** The codes 60 to 7F, E0 to FE and FF repeat others; see {@link PETSCII}. */
function upperCode(code: number): number {
  if (code === 0xff) return 0xde;
  if (code >= 0xe0) return code - 0x40;
  return code >= 0x60 && code < 0x80 ? code + 0x60 : code;
}

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
