import { ATASCII, ATASCII_REVERSED } from '../../charset/tables.ts';
import { cursorKey, type KeyModes, looksOf, type Machine } from './machine.ts';

const looks = looksOf(ATASCII, ATASCII_REVERSED);

const CLEAR = 0x7d;
const DELETE = 126;
const INVERSE = 0x80;

/** Keys that are not characters (Atari Operating System User's Manual, "E: display handler"). */
const KEYS: Readonly<Record<number, string | ((keys: KeyModes) => string)>> = {
  155: '\r',
  28: keys => cursorKey('A', keys),
  29: keys => cursorKey('B', keys),
  30: keys => cursorKey('D', keys),
  31: keys => cursorKey('C', keys),
  // Clear screen: programs redraw their screen for this key. Delete line: Ctrl-U.
  125: '\f',
  156: '\x15',
  [DELETE]: ({ erase }) => String.fromCharCode(erase),
  127: '\t',
  254: '\x1b[3~',
  255: '\x1b[2~',
  // The other functions of the editor: insert a line, set and clear a tab stop, the buzzer.
  157: '',
  158: '',
  159: '',
  253: '',
};

/** The Atari 8-bit computers, with the codes of their screen editor. */
export const atari8bit: Machine = {
  charset: 'ATASCII',
  columns: 40,
  rows: 24,
  start: [CLEAR],
  codes: { clear: CLEAR, up: 28, down: 29, left: 30, right: 31, newline: 0x9b, bell: 253 },
  look: codePoint => looks.get(codePoint),
  reversed: code => code | INVERSE,
  eraseKey: DELETE,
  key(code, keys) {
    const key = KEYS[code];
    if (key !== undefined) return typeof key === 'string' ? key : key(keys);
    // A character typed in inverse video is the same character, and Ctrl with a key is a control character, not a
    // graphic. So `` ` `` and `{`, for which an Atari has no keys, can be typed too.
    return String.fromCharCode(code & ~INVERSE);
  },
};
