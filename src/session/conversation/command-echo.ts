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

/**
 * What changes nothing of the row that {@link render} draws and of what a {@link Follower} sees: control sequences that do not
 * move the cursor, and control characters but those that do.
 */
const HIDDEN =
  /\x1b(?:\[[0-?]*[ -/]*[ABEFH-OQ-~]|\][^\x07\x1b\n]*(?:\x07|\x1b\\)|[ -/]*[0-Z\\^-~])|[\x00-\x07\x09\x0b\x0c\x0e-\x1a\x1c-\x1f\x7f]/g;
/** Control characters, but for those that end a line. (With DEL among them the search would take twice as long.) */
const CONTROL = /[\x00-\x09\x0b\x0c\x0e-\x1f]|\r(?![\r\n])/;
const hasControl = (text: string) => CONTROL.test(text) || text.includes('\x7f');
const CONTROLS = /[\x00-\x1f\x7f]/g;

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
  /** What is known of that line so far. */
  #line: Line | undefined;
  #skips = false;
  #isOver = false;
  readonly #filter: LineFilter;
  /** Of the line that is looked at, the end is looked for from here on. */
  #searched = 0;
  /** Up to here each line is looked at by itself. */
  #mixedUntil = 0;

  /**
   * @param prompt what stood before the command, as it is seen.
   * @param given what prompts are, where the caller said so.
   */
  constructor(command: string, prompt: string | undefined, given: Pattern | undefined) {
    this.#lines = command.split(/\r?\n/);
    this.#prompt = prompt;
    this.#given = given;
    this.#filter = new LineFilter(this.#lines[0]!.trimEnd(), prompt);
  }

  /** Text before this is not needed any more, but for a line that is drawn once when it is complete. */
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
      // Of a long output each line would be followed and drawn.
      if (this.#at > 0 && this.#line === undefined && !this.#findCandidate(text)) return undefined;
      const start = this.#at;
      const end = this.#echoAt(text, start);
      if (end === undefined) return undefined;
      if (end > 0) return { start, end };
      this.#line = undefined;
      this.#skips = true;
      // Of a Return alone nothing is seen in later lines.
      this.#isOver = this.#lines[0]!.trim() === '';
    }
    return undefined;
  }

  /**
   * Goes on to the next line, behind the first one, that can be the echo. A line is looked at when all of it has come.
   *
   * @returns whether there is one; else more has to come.
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

  /** The most characters of a line of output that is drawn. */
  get #longest(): number {
    return LONGEST + this.#lines[0]!.length * LONGEST_FACTOR;
  }

  /** @returns the end of the echo; 0 if there is none; undefined if more has to come. */
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
      // An editor may still draw it.
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
 * Tells fast that lines of output, none of them the first, do not show a command: of 16 MB of output a {@link Line} for each would
 * take 20 times as long as to read it.
 */
class LineFilter {
  /** What ends like the command, or begins like what an end of line may wrap. */
  readonly #patterns: readonly RegExp[];
  /** The same for a line on which the cursor moves: each of the characters of one of these stands there. */
  readonly #sets: readonly (readonly string[])[];

  /** @param prompt what stands before the command, if it is known. */
  constructor(command: string, prompt: string | undefined) {
    const expected = [command, `${prompt}${command}`].map(text => text.replace(CONTROLS, ''));
    const end = expected[0]!;
    const begin =
      prompt === undefined || expected[1]!.length < NARROWEST ? undefined : expected[1]!.slice(0, NARROWEST);
    // (One expression with two alternatives would take twice as long as these.)
    this.#patterns = [`${literally(end)}[^\\S\\n]*\\n`, ...(begin === undefined ? [] : [literally(begin)])].map(
      source => new RegExp(source),
    );
    this.#sets = [end, ...(begin === undefined ? [] : [begin])].map(text => [...new Set(text.replace(/\s/g, ''))]);
  }

  /** Whether one of some whole lines may show the command. */
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

/** The source of a regular expression for a text as it is. */
const literally = (text: string) => text.replace(/[\\^$.*+?()[\]{}|/-]/g, '\\$&');

/** A line that may be the echo, as far as it has come. Each character is looked at once, however many packets it comes in. */
class Line {
  /** Whether it is complete and was drawn. */
  isDrawn = false;
  /** Whether it may still become the echo, character by character. */
  isPartial = true;
  readonly #followers: readonly Follower[];
  /** The end of the line is looked for from here on. */
  #searched: number;

  /** @param expected what the echo is, one of these. */
  constructor(start: number, expected: readonly string[]) {
    this.#followers = expected.flatMap(one => [new Follower(start, one, true), new Follower(start, one, false)]);
    this.#searched = start;
  }

  /** Where the text begins that the next call looks at. */
  get needed(): number {
    return this.#followers.reduce((least, one) => (one.isOver ? least : Math.min(least, one.at)), this.#searched);
  }

  /** @param window the text from `base` on. @returns the place behind the echo; 0 if it is not seen. */
  follow(window: string, base: number): number {
    this.isPartial = false;
    for (const follower of this.#followers) {
      const end = follower.follow(window, base);
      if (end !== undefined && end > 0) return end;
      this.isPartial ||= end === undefined;
    }
    return 0;
  }

  /** @returns where the line feed stands, if it has come. */
  findEnd(window: string, base: number): number | undefined {
    const lineFeed = window.indexOf('\n', this.#searched - base);
    this.#searched = base + (lineFeed < 0 ? window.length : lineFeed);
    return lineFeed < 0 ? undefined : this.#searched;
  }
}

/**
 * Follows an echo character by character, past colours, padding, and what wraps a row at the edge of a window: a blank and a
 * return, a return, or a line end.
 */
class Follower {
  /** How far it has come for good: what comes later changes nothing before this place. */
  at: number;
  /** Whether this is not the echo, whatever comes. */
  isOver = false;
  readonly #command: string;
  readonly #wrapsFirst: boolean;
  #column = 0;
  #matched = 0;

  /** @param wrapsFirst how a blank before a return is taken, which may also be a character of the command. */
  constructor(start: number, command: string, wrapsFirst: boolean) {
    this.at = start;
    this.#command = command;
    this.#wrapsFirst = wrapsFirst;
  }

  /**
   * @param text the text from `base` on.
   * @returns the place behind its line end; 0 if this is not it, as far as it has come; undefined if the text ends before that
   *   can be told.
   */
  follow(text: string, base: number): number | undefined {
    if (this.isOver) return 0;
    const command = this.#command;
    let column = this.#column;
    let matched = this.#matched;
    for (let at = this.at - base; at < text.length; ) {
      // What a character means may depend on the next two.
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
