/**
 * What only a terminal can answer: text is written that moves the cursor in ways that have to be known, and the cursor's
 * column is asked for (DSR 6, ECMA-48 8.3.35; the answer is CPR, 8.3.14).
 *
 * A column that is always the same can be recorded once and given back for ever, so the text is made by chance for each
 * session; and there are three, so that a guess is right once in thousands. It has what costs a script the most to get
 * right: tabs, and characters that are two columns wide, so that neither bytes nor characters are columns. It has only that
 * on which terminals agree: no combining characters (the Linux console gave each a column for long), nothing ambiguous in
 * width (Unicode's UAX 11 leaves that open), no emoji (as wide as the version of Unicode), no movement but within one line,
 * which is left empty.
 */

/** As wide a window is needed, in columns. */
export const PROBE_COLUMNS = 40;

/**
 * Wide characters. None of the bytes of their UTF-8 is a C1 control, so that on a terminal that takes each byte for a
 * character nothing happens but that the column is another.
 */
const WIDE = [...'水山天女米竹馬空海'];
const LETTERS = [...'abcdefghijklmnopqrstuvwxyz'];
const ESC = '\x1b';
/** Erases the line (EL), from its beginning. */
const CLEAR = `\r${ESC}[K`;
const ASK = `${ESC}[6n`;
const TAB_WIDTH = 8;
const QUESTIONS = 3;

/** A whole number from `min` up to `max`, by chance. */
export type Chance = (min: number, max: number) => number;

/** What is written, and where the cursor then is. */
export interface Probe {
  readonly text: string;
  /** The column at each question, from 1. */
  readonly columns: readonly number[];
}

/** @param wide whether the terminal shows UTF-8. */
export function makeProbe(wide: boolean, chance: Chance): Probe {
  const parts = Array.from({ length: QUESTIONS }, () => makePart(wide, chance));
  return { text: parts.map(part => part.text).join('') + CLEAR, columns: parts.map(part => part.column) };
}

/** Text within the first 39 columns, in the last of which the cursor would wait to wrap. */
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
  // No tab stands behind these: it would end in the same column whether they are wide or not.
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

/** An answer: where the cursor is, from 1. */
export interface CursorPosition {
  readonly row: number;
  readonly column: number;
}

/** Whether these are the answers of a terminal that was written the probe. @param rows the window's, where it is known. */
export function isAnswered(probe: Probe, answers: readonly CursorPosition[], rows: number | undefined): boolean {
  const first = answers[0];
  if (first === undefined || answers.length !== probe.columns.length) return false;
  if (first.row < 1 || (rows && first.row > rows)) return false;
  return answers.every(({ row, column }, at) => row === first.row && column === probe.columns[at]);
}

/** The longest answer: rows and columns of five digits. */
const LONGEST_ANSWER = '\x1b[65535;65535R'.length;
/** The beginning of an answer. */
const BEGINNING = /\x1b(?:\[(?:\d{1,5}(?:;(?:\d{1,5})?)?)?)?$/;
const ANSWER = /\x1b\[(\d{1,5});(\d{1,5})R/g;

/** Takes answers out of what comes from a client. What else there is is input, and is kept in its order. */
export class AnswerReader {
  readonly answers: CursorPosition[] = [];
  /** Input, a byte a character. */
  #rest = '';
  /** What may be the beginning of an answer. */
  #pending = '';

  /** Takes bytes, which are lent. */
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

  /** What else has come. */
  get input(): Buffer {
    return Buffer.from(this.#rest, 'latin1');
  }

  /** Behind that: what may be the beginning of an answer. */
  get unfinished(): Buffer {
    return Buffer.from(this.#pending, 'latin1');
  }
}
