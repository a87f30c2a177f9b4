/** Searches for patterns in a text that grows, in time linear in its length. */
import { checkValue, where } from '../../options.ts';
import type { GrowingText } from './growing-text.ts';
import { type Reach, reachOf } from './pattern-reach.ts';

/**
 * A string to find literally, or a regular expression to match against all text read so far; of several, the first
 * match counts.
 */
export type Pattern = string | RegExp | readonly (string | RegExp)[];

const isPattern = (one: unknown) => (typeof one === 'string' && one !== '') || one instanceof RegExp;
export const patternOption = where<Pattern>('a string that is not empty, a RegExp, or a list of these', value =>
  Array.isArray(value) ? value.length > 0 && value.every(isPattern) : isPattern(value),
);

/** The position of a match. */
export interface Found {
  /** In characters from the beginning of the text. */
  readonly at: number;
  readonly match: string;
  readonly groups: readonly (string | undefined)[];
  /** The index of the pattern. */
  readonly index: number;
}

/** The start of the next search for a pattern. */
interface Place {
  /** No match begins before this position. */
  start: number;
  /** The start of the text that a match beginning there may look back at. */
  context: number;
  /** Unless it was found, no last part of a match begins before this position. */
  tail: number;
}

/**
 * The share of elapsed time that searches may take. A pattern that reaches over the whole text cannot be searched at
 * each of ten thousand packets. Above this share, searches wait and then process several packets at once.
 */
const SHARE = 0.2;
/** The maximum credit that accumulates, in milliseconds: short texts are always searched at once. */
const CREDIT_MS = 5;

/** Searches for patterns in one text. */
export class Search {
  readonly #patterns: readonly (string | RegExp)[];
  readonly #reaches: readonly (Reach | undefined)[];
  readonly #places: Place[];
  #searched = 0;
  #found: Found | undefined;
  #credit = CREDIT_MS;
  #creditAt = performance.now();

  /** @throws TelptyError `ERR_INVALID_ARGUMENT` */
  constructor(pattern: Pattern, name = 'a pattern') {
    checkValue(name, patternOption, pattern);
    const patterns = Array.isArray(pattern) ? (pattern as readonly (string | RegExp)[]) : [pattern as string | RegExp];
    this.#patterns = patterns.map(one => {
      // A copy: `lastIndex` of the caller's own expression is neither used nor changed, so `y` has no effect here.
      return one instanceof RegExp ? new RegExp(one.source, `${one.flags.replace(/[gy]/g, '')}g`) : one;
    });
    this.#reaches = this.#patterns.map(one => (typeof one === 'string' ? undefined : reachOf(one)));
    this.#places = this.#patterns.map(() => ({ start: 0, context: 0, tail: 0 }));
  }

  /** Text before this position is no longer needed, in characters. */
  get needed(): number {
    return Math.min(...this.#places.map(place => place.context));
  }

  /** Whether the result would be the same with any text after the present end. */
  isDecided({ at }: Found, text: GrowingText): boolean {
    const ahead = this.#patterns.map((one, index) =>
      typeof one === 'string' ? one.length : this.#reaches[index]!.ahead.characters,
    );
    return at + Math.max(...ahead) < text.length;
  }

  /** From now on, matches that begin before `from` do not count. */
  skipTo(from: number): void {
    for (const place of this.#places) if (place.start < from) place.start = from;
    this.#searched = 0;
  }

  /** Whether a match still holds after more text has arrived. */
  holds({ at, match, index }: Found, text: GrowingText): boolean {
    const pattern = this.#patterns[index]!;
    if (typeof pattern === 'string') return true;
    const here = new RegExp(pattern.source, pattern.flags.replace('g', 'y'));
    here.lastIndex = at;
    return here.exec(text.toString())?.[0] === match;
  }

  /**
   * Searches the text received since the last call.
   *
   * @param text the whole text, the same object at each call.
   * @param isLast whether to search now at any cost.
   * @returns the match that begins first; if the search was deferred, the number of milliseconds after which to call
   *   again.
   */
  in(text: GrowingText, isLast = false): Found | number | undefined {
    if (text.length === this.#searched && this.#searched > 0) return this.#found;
    const began = performance.now();
    this.#credit = Math.min(CREDIT_MS, this.#credit + (began - this.#creditAt) * SHARE);
    this.#creditAt = began;
    if (this.#credit < 0 && !isLast) return Math.ceil(-this.#credit / SHARE);
    this.#found = this.#search(text);
    this.#credit -= performance.now() - began;
    return this.#found;
  }

  #search(text: GrowingText): Found | undefined {
    let first: Found | undefined;
    for (const [index, pattern] of this.#patterns.entries()) {
      const place = this.#places[index]!;
      const window = text.from(place.context);
      const from = place.start - place.context;
      const found =
        typeof pattern === 'string'
          ? indexOf(window, pattern, from)
          : this.#exec(window, pattern, place, this.#reaches[index]!);
      if (found === undefined) {
        this.#advance(place, pattern, this.#reaches[index], window);
        continue;
      }
      const at = place.context + found.at;
      if (first === undefined || at < first.at) first = { ...found, at, index };
    }
    this.#searched = text.length;
    return first;
  }

  /** `window` is the text from the place's context on. */
  #exec(window: string, pattern: RegExp, { start, context, tail: tailAt }: Place, { tail }: Reach) {
    if (tail !== undefined) {
      tail.pattern.lastIndex = Math.max(start, tailAt) - context;
      if (!tail.pattern.test(window)) return undefined;
    }
    pattern.lastIndex = start - context;
    const found = pattern.exec(window);
    return found === null ? undefined : { at: found.index, match: found[0], groups: found.slice(1) };
  }

  /**
   * Nothing was found: computes where to begin when there is more. `window` is the text from the position's context on.
   */
  #advance(place: Place, pattern: string | RegExp, reach: Reach | undefined, window: string): void {
    const { context } = place;
    if (typeof pattern === 'string') {
      place.start = Math.max(place.start, context + window.length - pattern.length + 1);
      place.context = place.start;
      return;
    }
    const { ahead, behind, tail } = reach!;
    if (tail !== undefined) place.tail = context + back(window, window.length, tail.ahead.characters, tail.ahead.lines);
    const start = context + back(window, window.length, ahead.characters, ahead.lines);
    place.start = Math.max(place.start, start);
    const seen = back(window, place.start - context, behind.characters, behind.lines);
    place.context = context + seen;
  }

  toString(): string {
    return this.#patterns
      .map(one => (typeof one === 'string' ? JSON.stringify(one) : `/${one.source}/${one.flags.replace('g', '')}`))
      .join(' or ');
  }
}

/**
 * The nearer of two positions before `at`: the one `characters` before it, and the one after the line feed that is
 * `lines` + 1 before it.
 */
function back(text: string, at: number, characters: number, lines: number): number {
  const byCharacters = Math.max(0, at - characters);
  if (lines === Number.POSITIVE_INFINITY) return byCharacters;
  let lineFeed = at;
  for (let left = lines; left >= 0; left--) {
    if (lineFeed <= byCharacters) return byCharacters;
    lineFeed = text.lastIndexOf('\n', lineFeed - 1);
  }
  return Math.max(byCharacters, lineFeed + 1);
}

function indexOf(text: string, pattern: string, from: number) {
  const at = text.indexOf(pattern, from);
  return at < 0 ? undefined : { at, match: pattern, groups: [] };
}
