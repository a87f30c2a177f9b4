/** The echo of a command in the output. */
import { endsIn } from './conversation.ts';
import type { GrowingText } from './growing-text.ts';
import { isPromptLike, isSamePrompt, render } from './prompts.ts';
import type { Pattern } from './search.ts';

/** A row is wrapped at this column at least: a narrower window has nobody. */
const NARROWEST = 20;
/** So much text for each character of a command, and this much more, may be its echo: an editor shows each key as it likes. */
const LONGEST_FACTOR = 16;
const LONGEST = 4_096;

const ESCAPE = /\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)|[ -/]*[0-Z\\^-~])/y;

/** Where an echo stands in a text, its end of line included. */
export interface Echo {
  readonly start: number;
  readonly end: number;
}

/**
 * Looks for the echo of a command: the first of what comes behind the command, or, behind what an earlier command still had
 * to say, what stands behind a prompt. A line that only ends like the command, or comes later, is output.
 */
export class EchoFinder {
  readonly #lines: readonly string[];
  readonly #prompt: string | undefined;
  readonly #given: Pattern | undefined;
  /** The line that is looked at begins here; or its end is looked for from here on. */
  #at = 0;
  #skips = false;
  #isOver = false;

  /**
   * @param prompt what stood before the command, as it is seen.
   * @param given what prompts are, where the caller said so.
   */
  constructor(command: string, prompt: string | undefined, given: Pattern | undefined) {
    this.#lines = command.split(/\r?\n/);
    this.#prompt = prompt;
    this.#given = given;
  }

  /** Text before this is not needed any more. */
  get needed(): number {
    return this.#isOver ? Number.POSITIVE_INFINITY : this.#at;
  }

  find(text: GrowingText): Echo | undefined {
    if (this.#isOver) return undefined;
    const window = text.from(this.#at);
    const base = this.#at;
    for (let at = 0; ; ) {
      if (this.#skips) {
        const lineFeed = window.indexOf('\n', at);
        this.#at = base + (lineFeed < 0 ? window.length : lineFeed + 1);
        if (lineFeed < 0) return undefined;
        this.#skips = false;
        at = lineFeed + 1;
      }
      const start = base + at;
      const end = this.#echoAt(window, at, start === 0);
      if (end === undefined) return undefined;
      if (end > 0) return { start, end: base + end };
      this.#skips = true;
      // Of a Return alone nothing is seen in later lines.
      if (this.#lines[0]!.trim() === '') {
        this.#isOver = true;
        return undefined;
      }
    }
  }

  /** @returns the end of the echo; 0 if there is none; undefined if more has to come. */
  #echoAt(window: string, at: number, isFirst: boolean): number | undefined {
    const [command, ...more] = this.#lines as [string, ...string[]];
    const { length } = command;
    const expected = isFirst ? [command] : [];
    if (this.#prompt !== undefined) expected.push(this.#prompt + command);
    let isPartial = false;
    for (const one of expected) {
      for (const wrapsFirst of [true, false]) {
        const end = follow(window, at, one, wrapsFirst);
        if (end !== undefined && end > 0) return this.#rest(window, end, more);
        isPartial ||= end === undefined;
      }
    }
    const lineFeed = window.indexOf('\n', at);
    if (lineFeed >= 0) {
      if (lineFeed - at <= LONGEST + length * LONGEST_FACTOR && this.#isShown(window.slice(at, lineFeed), isFirst))
        return this.#rest(window, lineFeed + 1, more);
      return isPartial ? undefined : 0;
    }
    // An editor may still draw it.
    return isPartial || window.length - at <= LONGEST + length * LONGEST_FACTOR ? undefined : 0;
  }

  #isPrompt(line: string): boolean {
    if (this.#given !== undefined && endsIn(line, this.#given)) return true;
    return this.#prompt === undefined ? isPromptLike(line) : isSamePrompt(line, this.#prompt);
  }

  /** Whether a line, when all of it was drawn, shows the command. */
  #isShown(line: string, isFirst: boolean): boolean {
    const command = this.#lines[0]!.trimEnd();
    const row = render(line).text.trimEnd();
    const prompt = this.#prompt ?? '';
    if ((isFirst && row === command) || (prompt !== '' && row === prompt + command)) return true;
    // Behind another line of output, unless the prompt is known: `cost in $ 5` is not the echo of `5`.
    const before = command !== '' && row.endsWith(command) ? row.slice(0, row.length - command.length) : '';
    if (before !== '' && this.#isPrompt(before)) return true;
    // Where a terminal cannot wrap, the end of a long line is shown behind a mark: readline has "<", Cisco's IOS "$".
    const shown = row.slice(1);
    return isFirst && /^[<$]/.test(row) && shown.length >= NARROWEST / 2 && command.endsWith(shown);
  }

  /** Further lines of the command that were echoed at once. */
  #rest(window: string, end: number, lines: readonly string[]): number | undefined {
    let at = end;
    for (const line of lines) {
      const next = follow(window, at, line, true);
      if (next === undefined || next === 0) break;
      at = next;
    }
    return at;
  }
}

/**
 * Follows an echo character by character, past colours, padding, and what wraps a row at the edge of a window: a blank and a
 * return, a return, or a line end.
 *
 * @param wrapsFirst how a blank before a return is taken, which may also be a character of the command.
 * @returns the place behind its line end; 0 if this is not it; undefined if the text ends before that can be told.
 */
function follow(text: string, start: number, command: string, wrapsFirst: boolean): number | undefined {
  let column = 0;
  let matched = 0;
  for (let at = start; at < text.length; ) {
    const character = text[at]!;
    const next = text[at + 1];
    if (character === '\x1b') {
      ESCAPE.lastIndex = at;
      if (ESCAPE.exec(text) === null) return text.length - at < NARROWEST ? undefined : 0;
      at = ESCAPE.lastIndex;
      continue;
    }
    const isWrap = character === ' ' && next === '\r' && text[at + 2] !== '\n' && column >= NARROWEST;
    if (matched < command.length && character === command[matched] && !(wrapsFirst && isWrap)) {
      matched++;
      column++;
      at++;
    } else if (matched === command.length && character === '\n') return at + 1;
    else if (matched === command.length && /[ \r\0]/.test(character)) at++;
    else if (character === '\0' || character === '\x07' || (character === '\r' && matched === 0)) at++;
    else if (isWrap) {
      at += 2;
      column = 0;
    } else if (character === '\r' && next === undefined) return undefined;
    else if (/[\r\n]/.test(character) && (column >= NARROWEST || (column === 0 && matched > 0))) {
      at++;
      column = 0;
    } else return 0;
  }
  return undefined;
}
