/**
 * The forms in which terminals send keys that have a byte of their own: `CSI 93 ; 5 u` (kitty's keyboard protocol, and
 * xterm's modifyOtherKeys with formatOtherKeys), `CSI 27 ; 5 ; 93 ~` (modifyOtherKeys), `CSI … _` (win32-input-mode).
 * A program at the other end switches them on; the escape key must be found whichever is active.
 *
 * A key is the escape key if a terminal in its initial state would send the byte of the escape key for it. This one
 * rule covers all forms, modifiers such as Num Lock, and layouts.
 */

/** The meaning of a key. A repetition or a release of the escape key goes neither to the server nor to the prompt. */
export type KeyMeaning = 'escape' | 'dropped' | 'other';

const SHIFT = 1;
const CTRL = 4;
const CAPS_LOCK = 64;
const NUM_LOCK = 128;

const RELEASE = 3;
const REPEAT = 2;

/** Keys with a byte of their own in every layout. */
const [TAB, ENTER, ESCAPE, SPACE, BACKSPACE] = [9, 13, 27, 32, 127] as const;

/**
 * The bytes of keys with Ctrl in a terminal in its initial state; other keys send the lower five bits of the
 * character.
 */
const WITH_CTRL: ReadonlyMap<number, number> = new Map([
  ...([...'/2345678?~'].map((key, at) => [key.charCodeAt(0), [31, 0, 27, 28, 29, 30, 31, 127, 127, 30][at]!]) as [
    number,
    number,
  ][]),
  [SPACE, 0],
  [TAB, TAB],
  [ENTER, ENTER],
  [ESCAPE, ESCAPE],
  [BACKSPACE, 8],
]);

/** Characters of the keys with Shift, as on most keyboards, for terminals that do not report them. */
const SHIFTED: ReadonlyMap<string, string> = new Map(
  [..."`1234567890-=[]\\;',./"].map((key, at) => [key, '~!@#$%^&*()_+{}|:"<>?'[at]!]),
);

/**
 * Determines whether a control sequence is the escape key.
 *
 * @param parameters the text between CSI and the final character
 * @param final `u`, `~` or `_`
 */
export function meaningOf(parameters: string, final: string, escapeKey: number): KeyMeaning {
  const fields = parameters.split(';');
  if (final === '_') {
    const [, , character, isDown] = fields.map(Number);
    if (character !== escapeKey) return 'other';
    return isDown === 1 ? 'escape' : 'dropped';
  }
  if (final === '~' && (fields.length !== 3 || fields[0] !== '27')) return 'other';
  const [codes = '', modifiers = '', text = ''] = final === 'u' ? fields : [fields[2], fields[1]];
  const [code = 0, shifted = 0, base = 0] = codes.split(':').map(Number);
  const [mask = 1, event = 1] = modifiers.split(':').map(number => Number(number || 1));
  const held = Math.max(mask - 1, 0);
  const bytes = held & CTRL ? withCtrl(code, shifted, base, held) : plain(code, shifted, held, text);
  if (!bytes.includes(escapeKey)) return 'other';
  return event === RELEASE || event === REPEAT ? 'dropped' : 'escape';
}

/** Modifiers other than Ctrl and Shift change nothing. */
function withCtrl(code: number, shifted: number, base: number, held: number): (number | undefined)[] {
  const keys = [code, shifted];
  // The key at this position on a US keyboard, if the layout has no such letter at all.
  if (code > 0x7f) keys.push(base);
  if (held & SHIFT) keys.push(withShift(code), code > 0x7f ? withShift(base) : 0);
  return keys.filter(key => key !== 0).map(controlOf);
}

function controlOf(key: number): number | undefined {
  const isLetter = (key >= 0x40 && key <= 0x5f) || (key >= 0x61 && key <= 0x7d);
  return WITH_CTRL.get(key) ?? (isLetter ? key & 0x1f : undefined);
}

function plain(code: number, shifted: number, held: number, text: string): number[] {
  if ((held & ~(SHIFT | CAPS_LOCK | NUM_LOCK)) !== 0) return [];
  if (text !== '') return [Number(text)];
  if (code < SPACE || code === BACKSPACE) return [code];
  const isLetter = code >= 0x61 && code <= 0x7a;
  const isShifted = (held & SHIFT) !== 0;
  if (isLetter) return [isShifted !== ((held & CAPS_LOCK) !== 0) ? code - 0x20 : code];
  if (!isShifted) return [code];
  return [shifted || withShift(code)];
}

function withShift(code: number): number {
  return SHIFTED.get(String.fromCharCode(code))?.charCodeAt(0) ?? code;
}
