/**
 * A question that only a terminal can answer. It consists of text that moves the cursor, whose effects the client has
 * to know. Then follows a request for the column of the cursor (DSR 6, ECMA-48 8.3.35; the answer is CPR, 8.3.14).
 *
 * A script could record a constant column once and send it forever, so the text is random for each session. There are
 * three requests, so that only one guess in thousands is right. The text contains what is hardest for a script to
 * compute: tabs, and characters that are two columns wide. So the column equals neither the number of bytes nor that of
 * characters. It contains only what terminals agree on. There are no combining characters (each took a column on the
 * Linux console for a long time), and no movement outside one line. The line is erased at the end. There are no
 * characters of ambiguous width (Unicode's UAX 11 does not define it), and no emoji (whose width depends on the version
 * of Unicode).
 */

/** The width that a window needs, in columns. */
export const PROBE_COLUMNS = 40;

/**
 * Wide characters. Their UTF-8 contains no byte that is a C1 control. On a terminal that treats each byte as a
 * character, only the column differs.
 */
const WIDE = [...'水山天女米竹馬空海'];
const LETTERS = [...'abcdefghijklmnopqrstuvwxyz'];
const ESC = '\x1b';
/** Moves the cursor to the start of the line and erases the line (EL). */
const CLEAR = `\r${ESC}[K`;
const ASK = `${ESC}[6n`;
const TAB_WIDTH = 8;
const QUESTIONS = 3;

/** Returns a random integer from `min` to `max`, inclusive. */
export type Chance = (min: number, max: number) => number;

/** The text to write and the resulting positions of the cursor. */
export interface Probe {
  readonly text: string;
  /** The column at each request, from 1. */
  readonly columns: readonly number[];
}

/** @param wide whether the terminal displays UTF-8. */
export function makeProbe(wide: boolean, chance: Chance): Probe {
  const parts = Array.from({ length: QUESTIONS }, () => makePart(wide, chance));
  return { text: parts.map(part => part.text).join('') + CLEAR, columns: parts.map(part => part.column) };
}

/** Text within the first 39 columns. In column 40 the cursor would wait to wrap. */
function makePart(wide: boolean, chance: Chance): { text: string; column: number } {
  let text = CLEAR;
  let column = 1;
  const letters = (count: number): void => {
    for (let left = count; left > 0; left--) text += LETTERS[chance(0, LETTERS.length - 1)];
    column += count;
  };
  const tab = (): void => {
    text += '\t';
    column += TAB_WIDTH - ((column - 1) % TAB_WIDTH);
  };
  letters(chance(1, 7));
  tab();
  if (chance(0, 1) === 1) tab();
  // No tab follows these: it would end in the same column whether they are wide or not.
  if (wide) {
    for (let left = chance(1, 4); left > 0; left--, column += 2) text += WIDE[chance(0, WIDE.length - 1)];
  }
  const typed = chance(3, 6);
  letters(typed);
  const back = chance(1, typed - 1);
  text += '\b'.repeat(back);
  column -= back;
  const right = chance(1, 7);
  text += `${ESC}[${right}C`;
  column += right;
  return { text: text + ASK, column };
}

/** An answer: the position of the cursor, from 1. */
export interface CursorPosition {
  readonly row: number;
  readonly column: number;
}

/** Whether these are the answers of a terminal to the probe. @param rows of the window, if known. */
export function isAnswered(probe: Probe, answers: readonly CursorPosition[], rows: number | undefined): boolean {
  const first = answers[0];
  if (first === undefined || answers.length !== probe.columns.length) return false;
  if (first.row < 1 || (rows && first.row > rows)) return false;
  return answers.every(({ row, column }, at) => row === first.row && column === probe.columns[at]);
}

/** The longest answer: rows and columns of five digits. */
const LONGEST_ANSWER = '\x1b[65535;65535R'.length;
/** An incomplete answer at the end of the input. */
const BEGINNING = /\x1b(?:\[(?:\d{1,5}(?:;(?:\d{1,5})?)?)?)?$/;
const ANSWER = /\x1b\[(\d{1,5});(\d{1,5})R/g;

/** Extracts answers from the data of a client. All other data is input, whose order is kept. */
export class AnswerReader {
  readonly answers: CursorPosition[] = [];
  /** Input, one byte per character. */
  #rest = '';
  /** The possible start of an answer. */
  #pending = '';

  /** Reads bytes, which are borrowed for the call. */
  take(bytes: Uint8Array): void {
    const text = this.#pending + Buffer.from(bytes).toString('latin1');
    let from = 0;
    for (const { 0: match, 1: row, 2: column, index } of text.matchAll(ANSWER)) {
      this.#rest += text.slice(from, index);
      from = index + match.length;
      this.answers.push({ row: Number(row), column: Number(column) });
    }
    const left = text.slice(from);
    const at = left.slice(-LONGEST_ANSWER).search(BEGINNING);
    const begins = at < 0 ? left.length : Math.max(left.length - LONGEST_ANSWER, 0) + at;
    this.#rest += left.slice(0, begins);
    this.#pending = left.slice(begins);
  }

  /** The data that is not an answer. */
  get input(): Buffer {
    return Buffer.from(this.#rest, 'latin1');
  }

  /** The data after `input`: the possible start of an answer. */
  get unfinished(): Buffer {
    return Buffer.from(this.#pending, 'latin1');
  }
}
