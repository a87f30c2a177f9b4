/** The default patterns of prompts and questions. */

/** The maximum length of a prompt or a question, in characters. */
const LONGEST = 200;

const ESCAPE = /\x1b(?:\[([0-?]*)[ -/]*([@-~])|\][^\x07\x1b]*(?:\x07|\x1b\\)|[ -/]*[0-Z\\^-~])/y;

/** Moves on a line, erases or colours it, at one position: a control sequence, a backspace, a return. */
export const LINE_CONTROL = new RegExp(`(?:${ESCAPE.source})|[\\b\\r\\0]`, 'y');

const HIDDEN_END = new RegExp(`(?:${ESCAPE.source})*$`);

/** A row of a screen. */
export interface Row {
  readonly text: string;
  /** The column of the cursor. */
  readonly cursor: number;
}

/**
 * The line as a terminal without a right edge shows it. Colours do not count, backspaces and returns move the cursor,
 * and overwritten text is replaced.
 *
 * @param keepsTabs whether a tab is shown, as a character of one column.
 */
export function render(line: string, keepsTabs = false): Row {
  // The fast case: most lines.
  if (!/[\x00-\x1f\x7f]/.test(line)) return { text: line, cursor: line.length };
  const row = new Editor(line.length);
  for (let at = 0; at < line.length; at++) {
    const character = line[at]!;
    if (character === '\x1b') {
      ESCAPE.lastIndex = at;
      const found = ESCAPE.exec(line);
      // An incomplete sequence is not applied yet.
      if (found === null) row.write(character);
      else {
        at = ESCAPE.lastIndex - 1;
        row.control(found[2], Number.parseInt(found[1] ?? '', 10) || 0);
      }
    } else if (character === '\b') row.cursor = Math.max(0, row.cursor - 1);
    else if (character === '\r') row.cursor = 0;
    else if ((character >= ' ' && character !== '\x7f') || (keepsTabs && character === '\t')) row.write(character);
  }
  return { text: row.toString(), cursor: row.cursor };
}

/** The maximum number of columns that a control sequence moves. */
const LONGEST_MOVE = LONGEST * 10;
/** The maximum number of cells that insertions and deletions move, per character of the line. */
const MOVES = 1_000;

/** A row that is being drawn. The cost of a hostile line with many control sequences is bounded by its length. */
class Editor {
  cursor = 0;
  readonly #cells: string[] = [];
  readonly #widest: number;
  #moves: number;

  /** @param length the length of the line. */
  constructor(length: number) {
    this.#widest = length + LONGEST_MOVE;
    this.#moves = MOVES * length;
  }

  write(character: string): void {
    this.#cells[this.cursor++] = character;
  }

  /** Applies the control sequences for line editing (ECMA-48). */
  control(final: string | undefined, parameter: number): void {
    const cells = this.#cells;
    const { cursor } = this;
    const count = Math.min(Math.max(1, parameter), LONGEST_MOVE);
    if (final === 'D') this.cursor = Math.max(0, cursor - count);
    if (final === 'C') this.cursor = Math.min(cursor + count, this.#widest);
    if (final === 'G') this.cursor = count - 1;
    if (final === 'P' && this.#mayMove()) cells.splice(cursor, count);
    if (final === '@' && this.#mayMove()) {
      const blanks = Math.min(count, this.#widest - cells.length);
      if (blanks > 0) cells.splice(cursor, 0, ...Array<string>(blanks).fill(' '));
    }
    if (final === 'K' && parameter === 0) cells.length = Math.min(cells.length, cursor);
  }

  #mayMove(): boolean {
    this.#moves -= Math.max(0, this.#cells.length - this.cursor);
    return this.#moves >= 0;
  }

  toString(): string {
    return Array.from(this.#cells, cell => cell ?? ' ').join('');
  }
}

/** The last line of a text. */
export interface LastLine {
  /** The line as received, from after the last line feed, or after a return if it starts again with one. */
  readonly raw: string;
  /** The displayed text up to the cursor. */
  readonly shown: string;
}

/**
 * Moves the cursor to the first column of a row (CUP and HVP, ECMA-48, 8.3.21 and 8.3.63). Microsoft's Telnet service
 * and ProCurve begin lines this way.
 */
export const ROW_START = /\x1b\[\d*(?:;1?)?[Hf]/g;

/** For a line that was placed on several rows: the last row that is not blank. */
function lastRow(line: string): string {
  if (!line.includes('\x1b[')) return line;
  let start = 0;
  for (const { index, 0: control } of line.matchAll(ROW_START)) {
    const rest = index + control.length;
    if (render(line.slice(rest)).text.trim() !== '') start = rest;
  }
  return line.slice(start);
}

/** @param end the end of a text; if it does not contain the whole last line, the line is too long for a prompt. */
export function lastLineOf(end: string): LastLine {
  const line = lastRow(end.slice(end.lastIndexOf('\n') + 1));
  const again = line.slice(line.lastIndexOf('\r') + 1);
  const { text, cursor } = render(again);
  if (text.trim() !== '' || again === line) return { raw: again, shown: text.slice(0, cursor) };
  const whole = render(line);
  return { raw: line, shown: whole.text.slice(0, whole.cursor) };
}

/** Questions for a name: the word is right before the mark, apart from an explanation. */
const NAME =
  /(?:^|[^\p{L}])(?:log[io]n|user|account)(?:[ _-]?(?:name|id|as))?(?: (?:for|on|at) \S{1,80})?\s*(?:[([][^()[\]]{0,60}[)\]]\s*)?:\s*$/iu;
/** With the mark of a prompt: the word must be separate, since machines also have names (`ada@user> `). */
const NAME_PROMPT =
  /(?:^|\s)(?:log[io]n|user|account)(?:[ _-]?(?:name|id|as))?\s*(?:[([][^()[\]]{0,60}[)\]]\s*)?>\s*$/iu;
const PASSWORD = /pass[ _-]?(?:word|phrase|code|wd)\b[^:\n]{0,80}:\s*$|passwd[^:\n]{0,80}:\s*$/i;
const PASSWORD_PROMPT =
  /(?:^|[\s'’])(?:pass[ _-]?(?:word|phrase|code)|passwd)(?: for \S{1,80})?\s*(?:[([][^()[\]]{0,60}[)\]]\s*)?>\s*$/iu;
/** Words that also appear in output (`RX pin: 3`), so the question must be the whole line. */
const SHORT_PASSWORD =
  /^\s*(?:(?:please )?(?:enter|type) (?:your |the )?)?(?:pwd|pin(?:[ -]?(?:code|number))?)(?: for \S{1,80})?\s*(?:[([][^()[\]]{0,60}[)\]]\s*)?:\s*$/iu;
/**
 * Words of reports, not of questions, although the line received so far may look like one: "Last login: …", "Your
 * password expires: …".
 */
const REPORT = /\b(?:last|previous|recent|failed|successful|unsuccessful|expire[sd]?|will|must|changed)\b/i;
/** Text that is not part of the question: sentences before it, and explanations ("Password (will not be shown): "). */
const ASIDE = /^.*[.!;] (?=\s*\p{L})|[([][^()[\]]*[)\]]/gu;

/** Returns what a line asks for, judging by the part received so far. */
export function questionOf(shown: string): 'name' | 'password' | undefined {
  if (shown.length > LONGEST || REPORT.test(shown.replace(ASIDE, ''))) return undefined;
  if ([PASSWORD, PASSWORD_PROMPT, SHORT_PASSWORD].some(one => one.test(shown))) return 'password';
  return NAME.test(shown) || NAME_PROMPT.test(shown) ? 'name' : undefined;
}

/**
 * Whether a line looks like the prompt of a shell or a device. A line that asks for a name or a password does not.
 *
 * @param hasNoSpace whether the mark may end the line, as in Cisco's `Router>`. Output ends in such characters more
 *   often, so this is set only if there is other evidence of a prompt.
 */
export function isPromptLike(shown: string, hasNoSpace = false): boolean {
  const isMarked = /[$#%>] $/.test(shown) || (hasNoSpace && endsInMark(shown));
  return isMarked && shown.length <= LONGEST && questionOf(shown) === undefined;
}

/** Whether a line ends in the mark of a prompt, without the space that follows it in most prompts. */
export function endsInMark(shown: string): boolean {
  return /[^\s$#%>][$#%>]$/.test(shown);
}

/** Whether a prompt is only a mark: lines of output also begin with marks (`> a quoted line`). */
export function isMarkAlone({ shown }: LastLine): boolean {
  return shown.trim().length <= 1;
}

/** A prompt at the end of a text. */
export interface PromptAtEnd {
  /** The length of the prompt, in characters from the end of the text. */
  readonly length: number;
  /**
   * `'exact'`: it is the known prompt, and its whole line. Otherwise it may be a part of the output: `'likely'` if it
   * resembles the known prompt, or no prompt is known. `'unlike'` if it does not resemble it.
   */
  readonly likeness: 'exact' | 'likely' | 'unlike';
}

/** Looks for a prompt at the end of a text. @param known the prompt that this session has shown before. */
export function promptAtEnd(end: string, known: LastLine | undefined): PromptAtEnd | undefined {
  const line = lastLineOf(end);
  const { length } = line.raw;
  if (known !== undefined && isSamePrompt(line.shown, known.shown)) {
    // If a packet ends here, the sequence that ends its colour has not arrived yet.
    const isWhole = hiddenEnd(line.raw) === hiddenEnd(known.raw);
    return { length, likeness: isWhole ? 'exact' : 'likely' };
  }
  // After output that does not end its last line.
  if (known !== undefined && known.raw !== '' && line.raw.endsWith(known.raw))
    return { length: known.raw.length, likeness: 'likely' };
  if (known !== undefined && isOtherView(line.shown, known.shown)) return { length, likeness: 'likely' };
  if (!isPromptLike(line.shown, known !== undefined && endsInMark(known.shown))) return undefined;
  return { length, likeness: known === undefined || isSimilar(line, known) ? 'likely' : 'unlike' };
}

/**
 * Removes from an output the remains, on its last line, of a prompt that was drawn several times.
 *
 * @param output the text before the prompt.
 */
export function withoutRedraws(output: string, prompt: string): string {
  const start = output.lastIndexOf('\n') + 1;
  const line = output.slice(start);
  if (!/[\r\x1b]/.test(line)) return output;
  const isDrawn = line.split('\r').every(part => {
    const shown = render(part).text.trim();
    return shown === '' || isSamePrompt(shown, prompt.trim());
  });
  return isDrawn ? output.slice(0, start) : output;
}

/** The control sequences at the end of a line. */
function hiddenEnd(raw: string): string {
  return raw.slice(raw.search(HIDDEN_END));
}

/** Whether two prompts are the same except for numbers: a time, a count of commands. */
export function isSamePrompt(one: string, other: string): boolean {
  return one === other || (one !== '' && one.replace(/\d+/g, '0') === other.replace(/\d+/g, '0'));
}

/** Whether two prompts are those of one Comware or VRP device: `<name>`, `[name]` and `[~name-interface]`. */
function isOtherView(shown: string, known: string): boolean {
  const name = /^[<[][~*]?([^<>[\]-]+)(?:-[^<>[\]]*)?[>\]]$/;
  const [, one] = name.exec(shown.trim()) ?? [];
  const [, other] = name.exec(known.trim()) ?? [];
  return one !== undefined && one === other;
}

/** The number of equal characters at the beginning from which two prompts are taken to be from one machine. */
const SIMILAR_LENGTH = 3;

/**
 * Whether two prompts differ only as those of one shell do: in the directory, the mode, the mark. A mark alone does not
 * change.
 */
function isSimilar(one: LastLine, known: LastLine): boolean {
  const [mark, other] = [one.shown.trimEnd().at(-1), known.shown.trimEnd().at(-1)];
  if (mark === other && !isMarkAlone(known)) return true;
  return one.shown.slice(0, SIMILAR_LENGTH) === known.shown.slice(0, SIMILAR_LENGTH);
}
