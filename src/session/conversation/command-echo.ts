/** The echo of a command in the output. */
import { endsIn } from './conversation.ts';
import type { GrowingText } from './growing-text.ts';
import { isPromptLike, isSamePrompt, render } from './prompts.ts';
import type { Pattern } from './search.ts';

/** The minimum column at which a row is wrapped: windows are not narrower. */
const NARROWEST = 20;
/**
 * The maximum length of an echo: this factor per character of the command, plus {@link LONGEST}. An editor may redraw
 * each key.
 */
const LONGEST_FACTOR = 16;
const LONGEST = 4_096;

const ESCAPE = /\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)|[ -/]*[0-Z\\^-~])/y;

/**
 * Text that changes neither the row that {@link render} draws nor what a {@link Follower} sees: control sequences and
 * control characters that do not move the cursor.
 */
const HIDDEN =
  /\x1b(?:\[[0-?]*[ -/]*[ABEFH-OQ-~]|\][^\x07\x1b\n]*(?:\x07|\x1b\\)|[ -/]*[0-Z\\^-~])|[\x00-\x07\x09\x0b\x0c\x0e-\x1a\x1c-\x1f\x7f]/g;
/** Control characters except those that end a line. (With DEL in the class, the search would take twice as long.) */
const CONTROL = /[\x00-\x09\x0b\x0c\x0e-\x1f]|\r(?![\r\n])/;
const hasControl = (text: string) => CONTROL.test(text) || text.includes('\x7f');
const CONTROLS = /[\x00-\x1f\x7f]/g;

/** The position of an echo in a text, its line end included. */
export interface Echo {
  readonly start: number;
  readonly end: number;
}

/**
 * Searches for the echo of a command. The echo is the first text after the command, or, if an earlier command still had
 * output, the text after a prompt. A line that only ends like the command, or comes later, is output.
 */
export class EchoFinder {
  readonly #lines: readonly string[];
  readonly #prompt: string | undefined;
  readonly #given: Pattern | undefined;
  /** The start of the current line, or the position from which its end is searched. */
  #at = 0;
  /** The state of that line so far. */
  #line: Line | undefined;
  #skips = false;
  #isOver = false;
  readonly #filter: LineFilter;
  /** The position from which the end of the current line is searched. */
  #searched = 0;
  /** Up to this position, each line is checked separately. */
  #mixedUntil = 0;

  /**
   * @param prompt the prompt before the command, as it is displayed.
   * @param given the pattern of prompts, if the caller has given one.
   */
  constructor(command: string, prompt: string | undefined, given: Pattern | undefined) {
    this.#lines = command.split(/\r?\n/);
    this.#prompt = prompt;
    this.#given = given;
    this.#filter = new LineFilter(this.#lines[0]!.trimEnd(), prompt);
  }

  /** Text before this position is no longer needed, except for a line that is drawn once when it is complete. */
  get needed(): number {
    return this.#isOver ? Number.POSITIVE_INFINITY : (this.#line?.needed ?? this.#at);
  }

  find(text: GrowingText): Echo | undefined {
    while (!this.#isOver) {
      if (this.#skips) {
        const window = text.from(this.#at);
        const lineFeed = window.indexOf('\n');
        this.#at += lineFeed < 0 ? window.length : lineFeed + 1;
        if (lineFeed < 0) return undefined;
        this.#skips = false;
      }
      // Otherwise each line of a long output would be followed and drawn.
      if (this.#at > 0 && this.#line === undefined && !this.#findCandidate(text)) return undefined;
      const start = this.#at;
      const end = this.#echoAt(text, start);
      if (end === undefined) return undefined;
      if (end > 0) return { start, end };
      this.#line = undefined;
      this.#skips = true;
      // A Return alone cannot be recognized in later lines.
      this.#isOver = this.#lines[0]!.trim() === '';
    }
    return undefined;
  }

  /**
   * Advances to the next line, after the first one, that can be the echo. A line is checked when it is complete.
   *
   * @returns whether there is one; if not, more text is needed.
   */
  #findCandidate(text: GrowingText): boolean {
    while (true) {
      const from = Math.max(this.#at, this.#searched);
      const isMixed = this.#at < this.#mixedUntil;
      const window = text.from(from);
      const lineFeed = isMixed ? window.indexOf('\n') : window.lastIndexOf('\n');
      this.#searched = from + (lineFeed < 0 ? window.length : lineFeed + 1);
      if (lineFeed < 0) return this.#searched - this.#at > this.#longest;
      const lines = text.from(this.#at).slice(0, this.#searched - this.#at);
      const passes = this.#filter.passes(lines);
      if (passes && isMixed) return true;
      if (passes) this.#mixedUntil = this.#searched;
      else this.#at = this.#searched;
      if (passes) this.#searched = this.#at;
    }
  }

  /** The maximum length of a line of output that is drawn, in characters. */
  get #longest(): number {
    return LONGEST + this.#lines[0]!.length * LONGEST_FACTOR;
  }

  /** @returns the end of the echo; 0 if there is no echo; undefined if more text is needed. */
  #echoAt(text: GrowingText, start: number): number | undefined {
    const [command, ...more] = this.#lines as [string, ...string[]];
    const isFirst = start === 0;
    if (this.#line === undefined) {
      const expected = isFirst ? [command] : [];
      if (this.#prompt !== undefined) expected.push(this.#prompt + command);
      this.#line = new Line(start, expected);
    }
    const line = this.#line;
    const base = line.needed;
    const window = text.from(base);
    const end = line.follow(window, base);
    if (end > 0) return this.#rest(text, end, more);
    const longest = this.#longest;
    const lineFeed = line.findEnd(window, base);
    if (lineFeed === undefined) {
      // An editor may still draw the rest of it.
      return line.isPartial || text.length - start <= longest ? undefined : 0;
    }
    if (!line.isDrawn && lineFeed - start <= longest) {
      line.isDrawn = true;
      if (this.#isShown(text.from(start).slice(0, lineFeed - start), isFirst))
        return this.#rest(text, lineFeed + 1, more);
    }
    return line.isPartial ? undefined : 0;
  }

  #isPrompt(line: string): boolean {
    if (this.#given !== undefined && endsIn(line, this.#given)) return true;
    return this.#prompt === undefined ? isPromptLike(line) : isSamePrompt(line, this.#prompt);
  }

  /** Whether a complete line, when it is drawn, shows the command. */
  #isShown(line: string, isFirst: boolean): boolean {
    const command = this.#lines[0]!.trimEnd();
    const row = render(line).text.trimEnd();
    const prompt = this.#prompt ?? '';
    if ((isFirst && row === command) || (prompt !== '' && row === prompt + command)) return true;
    // After other output on the line, only if that output is a prompt: `cost in $ 5` is not the echo of `5`.
    const before = command !== '' && row.endsWith(command) ? row.slice(0, row.length - command.length) : '';
    if (before !== '' && this.#isPrompt(before)) return true;
    // If a terminal cannot wrap, the end of a long line is shown after a mark: "<" in readline, "$" in Cisco's IOS.
    const shown = row.slice(1);
    return isFirst && /^[<$]/.test(row) && shown.length >= NARROWEST / 2 && command.endsWith(shown);
  }

  /** Skips further lines of the command that were echoed immediately. */
  #rest(text: GrowingText, end: number, lines: readonly string[]): number {
    let at = end;
    for (const line of lines) {
      const next = new Follower(at, line, true).follow(text.from(at), at);
      if (next === undefined || next === 0) break;
      at = next;
    }
    return at;
  }
}

/**
 * A fast check that lines of output, none of them the first, do not show a command. For 16 MB of output, a {@link Line}
 * for each line of it would take 20 times as long as reading it.
 */
class LineFilter {
  /** Match a line that ends like the command, or begins like a long command that the terminal may wrap. */
  readonly #patterns: readonly RegExp[];
  /** For a line on which the cursor moves: all characters of one of these sets must appear on the line. */
  readonly #sets: readonly (readonly string[])[];

  /** @param prompt the prompt before the command, if it is known. */
  constructor(command: string, prompt: string | undefined) {
    const expected = [command, `${prompt}${command}`].map(text => text.replace(CONTROLS, ''));
    const end = expected[0]!;
    const begin =
      prompt === undefined || expected[1]!.length < NARROWEST ? undefined : expected[1]!.slice(0, NARROWEST);
    // (One expression with two alternatives would take twice as long as two expressions.)
    this.#patterns = [`${literally(end)}[^\\S\\n]*\\n`, ...(begin === undefined ? [] : [literally(begin)])].map(
      source => new RegExp(source),
    );
    this.#sets = [end, ...(begin === undefined ? [] : [begin])].map(text => [...new Set(text.replace(/\s/g, ''))]);
  }

  /** Whether one of these complete lines may show the command. */
  passes(lines: string): boolean {
    if (!hasControl(lines)) return this.#matches(lines);
    const shown = lines.replace(HIDDEN, '');
    if (!hasControl(shown)) return this.#matches(shown);
    return this.#sets.some(set => set.every(character => shown.includes(character)));
  }

  #matches(shown: string): boolean {
    return this.#patterns.some(pattern => pattern.test(shown));
  }
}

/** The source of a regular expression that matches a text literally. */
const literally = (text: string) => text.replace(/[\\^$.*+?()[\]{}|/-]/g, '\\$&');

/**
 * The part received so far of a line that may be the echo. Each character is read once, in however many packets it
 * comes.
 */
class Line {
  /** Whether it is complete and was drawn. */
  isDrawn = false;
  /** Whether it may still become the echo, character by character. */
  isPartial = true;
  readonly #followers: readonly Follower[];
  /** The position from which the end of the line is searched. */
  #searched: number;

  /** @param expected possible echoes; the echo is one of these. */
  constructor(start: number, expected: readonly string[]) {
    this.#followers = expected.flatMap(one => [new Follower(start, one, true), new Follower(start, one, false)]);
    this.#searched = start;
  }

  /** The start of the text that the next call reads. */
  get needed(): number {
    return this.#followers.reduce((least, one) => (one.isOver ? least : Math.min(least, one.at)), this.#searched);
  }

  /** @param window the text from `base` on. @returns the position after the echo; 0 if it has not been found. */
  follow(window: string, base: number): number {
    this.isPartial = false;
    for (const follower of this.#followers) {
      const end = follower.follow(window, base);
      if (end !== undefined && end > 0) return end;
      this.isPartial ||= end === undefined;
    }
    return 0;
  }

  /** @returns the position of the line feed, if it has arrived. */
  findEnd(window: string, base: number): number | undefined {
    const lineFeed = window.indexOf('\n', this.#searched - base);
    this.#searched = base + (lineFeed < 0 ? window.length : lineFeed);
    return lineFeed < 0 ? undefined : this.#searched;
  }
}

/**
 * Follows an echo character by character, past colours, padding, and the characters that wrap a row at the edge of a
 * window. These are a blank and a return, a return, or a line end.
 */
class Follower {
  /** The position up to which the result is final: later text changes nothing before it. */
  at: number;
  /** Whether this is certainly not the echo. */
  isOver = false;
  readonly #command: string;
  readonly #wrapsFirst: boolean;
  #column = 0;
  #matched = 0;

  /** @param wrapsFirst whether a blank before a return is a wrap, even if it may also be a character of the command. */
  constructor(start: number, command: string, wrapsFirst: boolean) {
    this.at = start;
    this.#command = command;
    this.#wrapsFirst = wrapsFirst;
  }

  /**
   * @param text the text from `base` on.
   * @returns the position after its line end; 0 if the text is not the echo; undefined if it ends before that is
   *   decided.
   */
  follow(text: string, base: number): number | undefined {
    if (this.isOver) return 0;
    const command = this.#command;
    let column = this.#column;
    let matched = this.#matched;
    for (let at = this.at - base; at < text.length; ) {
      // The meaning of a character may depend on the next two.
      if (at + 2 < text.length) {
        this.at = base + at;
        this.#column = column;
        this.#matched = matched;
      }
      const character = text[at]!;
      const next = text[at + 1];
      if (character === '\x1b') {
        ESCAPE.lastIndex = at;
        if (ESCAPE.exec(text) === null) {
          this.isOver = text.length - at > LONGEST;
          return text.length - at < NARROWEST ? undefined : 0;
        }
        at = ESCAPE.lastIndex;
        continue;
      }
      const isWrap = character === ' ' && next === '\r' && text[at + 2] !== '\n' && column >= NARROWEST;
      if (matched < command.length && character === command[matched] && !(this.#wrapsFirst && isWrap)) {
        matched++;
        column++;
        at++;
      } else if (matched === command.length && character === '\n') return base + at + 1;
      else if (matched === command.length && /[ \r\0]/.test(character)) at++;
      else if (character === '\0' || character === '\x07' || (character === '\r' && matched === 0)) at++;
      else if (isWrap) {
        at += 2;
        column = 0;
      } else if (character === '\r' && next === undefined) return undefined;
      else if (/[\r\n]/.test(character) && (column >= NARROWEST || (column === 0 && matched > 0))) {
        at++;
        column = 0;
      } else {
        this.isOver = at + 2 < text.length;
        return 0;
      }
    }
    return undefined;
  }
}
