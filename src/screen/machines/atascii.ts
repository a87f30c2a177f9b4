import { ATASCII, ATASCII_CONTROLS, ATASCII_REVERSED } from '../../charset/tables.ts';
import { cursorKey, type Effect, type KeyTable, looksOf, type Machine, REVERSE } from './machine.ts';

const looks = looksOf(ATASCII, ATASCII_REVERSED);
const characters = [...ATASCII];

const CLEAR = 125;
const DELETE = 126;
const TAB = 127;
const ESCAPE = 27;
const [UP, DOWN, LEFT, RIGHT] = [28, 29, 30, 31];
const RETURN = 155;
const [DELETE_LINE, INSERT_LINE, CLEAR_TAB, SET_TAB] = [156, 157, 158, 159];
const [BELL, DELETE_NEXT, INSERT] = [253, 254, 255];
const INVERSE = 0x80;

const EFFECTS: ReadonlyMap<number, Effect> = new Map<number, Effect>([
  [ESCAPE, 'literal'],
  [UP, 'up'],
  [DOWN, 'down'],
  [LEFT, 'left'],
  [RIGHT, 'right'],
  [CLEAR, 'clear'],
  [DELETE, 'erase-before'],
  [TAB, 'tab'],
  [RETURN, 'newline'],
  [DELETE_LINE, 'delete-line'],
  [INSERT_LINE, 'insert-line'],
  [CLEAR_TAB, 'clear-tab'],
  [SET_TAB, 'set-tab'],
  [BELL, 'bell'],
  [DELETE_NEXT, 'delete'],
  [INSERT, 'insert'],
]);

/** Keys that are not characters (Atari Operating System User's Manual, "E: display handler"). */
const KEYS: KeyTable = {
  [RETURN]: '\r',
  [UP]: keys => cursorKey('A', keys),
  [DOWN]: keys => cursorKey('B', keys),
  [LEFT]: keys => cursorKey('D', keys),
  [RIGHT]: keys => cursorKey('C', keys),
  // Clear screen: programs redraw their screen for this key. Delete line: Ctrl-U.
  [CLEAR]: '\f',
  [DELETE_LINE]: '\x15',
  [DELETE]: ({ erase }) => String.fromCharCode(erase),
  [TAB]: '\t',
  [DELETE_NEXT]: '\x1b[3~',
  [INSERT]: '\x1b[2~',
  // The other functions of the editor: insert a line, set and clear a tab stop, the buzzer.
  [INSERT_LINE]: '',
  [CLEAR_TAB]: '',
  [SET_TAB]: '',
  [BELL]: '',
};

/** The Atari 8-bit computers, with the codes of their screen editor. */
export const atari8bit: Machine = {
  charset: 'ATASCII',
  columns: 40,
  rows: 24,
  start: [CLEAR],
  codes: { clear: CLEAR, up: UP, down: DOWN, left: LEFT, right: RIGHT, newline: RETURN, bell: BELL },
  look: codePoint => looks.get(codePoint),
  reversed: code => code | INVERSE,
  effect: code => EFFECTS.get(code),
  shown: code => (code >= INVERSE ? (code - INVERSE) | REVERSE : code),
  glyph: code => ATASCII_CONTROLS.get(code) ?? characters[code]!,
  cursorFlows: false,
  tabStops: [7, 15, 23, 31, 39],
  eraseKey: DELETE,
  keys: KEYS,
  preferredKeys: [],
  key(code, keys) {
    const key = KEYS[code];
    if (key !== undefined) return typeof key === 'string' ? key : key(keys);
    // A character typed in inverse video is the same character, and Ctrl with a key is a control character, not a
    // graphic. So `` ` `` and `{`, for which an Atari has no keys, can be typed too.
    return String.fromCharCode(code & ~INVERSE);
  },
};
