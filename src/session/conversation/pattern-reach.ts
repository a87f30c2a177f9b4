/**
 * The reach of a regular expression, computed from its source.
 *
 * A text that grows by packets is searched at each of them. Searching all of it each time would take quadratic time, so
 * a search begins where a new match can begin. Whether a match begins at a position depends on a stretch of text around
 * it. If the whole stretch was present at the last search, the position need not be searched again. The stretch is
 * measured in characters and in line feeds. `[a-z]{2}\$ ` reaches over four characters. `router.*# ` reaches over any
 * number of characters, but over no line feed. The one that is nearer to the end decides. Upper bounds are sufficient,
 * so every rare construct counts as unbounded.
 *
 * Some patterns reach over the whole text (`begin.*end` with the flag `s`), and some try many ways to match
 * (`(\w+ ?)*# `). These are still not searched at each packet. If their last part, which is short, is not found in the
 * new text, no new match ends there.
 */

/** A length of text, as upper bounds. `Infinity`: unbounded. */
interface Extent {
  readonly characters: number;
  /** Line feeds. */
  readonly lines: number;
}

/** See the top of this file. */
export interface Reach {
  /** From the beginning of a match forwards, lookaheads included. */
  readonly ahead: Extent;
  /** From the beginning of a match backwards. */
  readonly behind: Extent;
  /** The pattern's last part, if that reaches over few characters: each match ends in a match of it. */
  readonly tail: Tail | undefined;
}

/** See {@link Reach.tail}. */
export interface Tail {
  readonly pattern: RegExp;
  readonly ahead: Extent;
  readonly behind: Extent;
}

const NOTHING: Extent = { characters: 0, lines: 0 };
const UNBOUNDED: Extent = { characters: Number.POSITIVE_INFINITY, lines: Number.POSITIVE_INFINITY };
/** The character next to a position: `$`, `^` and `\b` look at it, and it may be a line feed. */
const NEIGHBOUR: Extent = { characters: 1, lines: 1 };

/** The maximum reach of the last part of a pattern, in characters. */
const LONGEST_TAIL = 64;

const WHOLE: Reach = { ahead: UNBOUNDED, behind: UNBOUNDED, tail: undefined };

/** Computes the reach of `pattern`. */
export function reachOf(pattern: RegExp): Reach {
  try {
    return new Analysis(pattern).result();
  } catch (error) {
    // Syntax newer than this code, or a backreference: the length of its match is not bounded by the pattern's source.
    if (error instanceof Unknown) return WHOLE;
    throw error;
  }
}

class Unknown extends Error {}

const QUANTIFIER = /(?:([*+?])|\{(\d+)(,?)(\d*)\})\??/y;
/** An escape for one character. */
const ESCAPED = /\\(?:u\{[0-9a-f]+\}|u[0-9a-f]{4}|x[0-9a-f]{2}|c[a-z]|[pP]\{[^}]*\}|[dDwWsSfnrtv0]|[^\w\s])/iy;

const plus = (a: Extent, b: Extent): Extent => ({ characters: a.characters + b.characters, lines: a.lines + b.lines });
const max = (a: Extent, b: Extent): Extent => ({
  characters: Math.max(a.characters, b.characters),
  lines: Math.max(a.lines, b.lines),
});
/** (Zero times infinity is zero here: any number of atoms without a line feed contains no line feed.) */
const times = (extent: Extent, count: number): Extent => ({
  characters: extent.characters === 0 ? 0 : extent.characters * count,
  lines: extent.lines === 0 ? 0 : extent.lines * count,
});

class Analysis {
  readonly #source: string;
  readonly #flags: string;
  #at = 0;
  #behind: Extent = NEIGHBOUR;
  #depth = 0;
  /** The sources of the last parts of the alternatives; undefined if one has no such part. */
  #tails: string[] | undefined = [];
  #tailAhead: Extent = NOTHING;

  constructor({ source, flags }: RegExp) {
    // With the flag `v`, a class may contain strings.
    if (flags.includes('v')) throw new Unknown();
    this.#source = source;
    this.#flags = flags.replace(/[gyd]/g, '');
  }

  result(): Reach {
    const ahead = this.#alternatives();
    if (this.#at < this.#source.length) throw new Unknown();
    const tails = this.#tails?.map(tail => `(?:${tail})`).join('|');
    const tail = tails && {
      pattern: new RegExp(tails, `${this.#flags}g`),
      ahead: this.#tailAhead,
      behind: this.#behind,
    };
    return { ahead, behind: this.#behind, tail: tail || undefined };
  }

  #alternatives(): Extent {
    let widest = NOTHING;
    let sequence = NOTHING;
    let terms: { start: number; extent: Extent }[] = [];
    const isOutermost = this.#depth++ === 0;
    while (this.#at < this.#source.length && this.#source[this.#at] !== ')') {
      if (this.#source[this.#at] === '|') {
        if (isOutermost) this.#addTail(terms);
        this.#at++;
        widest = max(widest, sequence);
        sequence = NOTHING;
        terms = [];
      } else {
        const start = this.#at;
        const extent = this.#quantified(this.#term());
        terms.push({ start, extent });
        sequence = plus(sequence, extent);
      }
    }
    if (isOutermost) this.#addTail(terms);
    this.#depth--;
    return max(widest, sequence);
  }

  /** An alternative, which consists of these terms, ends here. */
  #addTail(terms: readonly { start: number; extent: Extent }[]): void {
    let ahead = NOTHING;
    let begin = this.#at;
    for (const { start, extent } of [...terms].reverse()) {
      const longer = plus(ahead, extent);
      if (longer.characters > LONGEST_TAIL) break;
      ahead = longer;
      begin = start;
    }
    if (begin === this.#at) this.#tails = undefined;
    this.#tails?.push(this.#source.slice(begin, this.#at));
    this.#tailAhead = max(this.#tailAhead, ahead);
  }

  #quantified(extent: Extent): Extent {
    QUANTIFIER.lastIndex = this.#at;
    const found = QUANTIFIER.exec(this.#source);
    if (found === null) return extent;
    this.#at = QUANTIFIER.lastIndex;
    const [, sign, least, comma, most] = found;
    if (sign === '?') return extent;
    if (sign !== undefined || (comma !== '' && most === '')) return times(extent, Number.POSITIVE_INFINITY);
    return times(extent, Number(most === '' ? least : most));
  }

  #term(): Extent {
    const character = this.#source[this.#at]!;
    if (character === '(') return this.#group();
    if (character === '[') return this.#class();
    if (character === '\\') return this.#escape();
    this.#at++;
    if (character === '^') return NOTHING;
    if (character === '$') return NEIGHBOUR;
    if (character === '.') return this.#one('.');
    return { characters: 1, lines: character === '\n' ? 1 : 0 };
  }

  #group(): Extent {
    const opening = /\((?:\?(?::|=|!|<=|<!|<[\p{L}_$][\p{L}\p{N}_$]*>))?/uy;
    opening.lastIndex = this.#at;
    const [open] = opening.exec(this.#source)!;
    this.#at += open.length;
    // Flags of a group, `(?i:`.
    if (open === '(' && this.#source[this.#at] === '?') throw new Unknown();
    // New text may be inside the lookahead only, and the last part of the match before it.
    if (open === '(?=' || open === '(?!') this.#tails = undefined;
    const extent = this.#alternatives();
    if (this.#source[this.#at++] !== ')') throw new Unknown();
    if (open === '(?<=' || open === '(?<!') {
      this.#behind = plus(this.#behind, extent);
      // A lookahead within it may reach past the position.
      return extent;
    }
    return extent;
  }

  #class(): Extent {
    const start = this.#at++;
    // (`[]` and `[^]` are whole classes.)
    if (this.#source[this.#at] === '^') this.#at++;
    while (this.#source[this.#at] !== ']') {
      if (this.#at >= this.#source.length) throw new Unknown();
      this.#at += this.#source[this.#at] === '\\' ? 2 : 1;
    }
    this.#at++;
    return this.#one(this.#source.slice(start, this.#at));
  }

  #escape(): Extent {
    const next = this.#source[this.#at + 1];
    if (next === 'b' || next === 'B') {
      this.#at += 2;
      return NEIGHBOUR;
    }
    ESCAPED.lastIndex = this.#at;
    const found = ESCAPED.exec(this.#source);
    if (found === null) throw new Unknown();
    this.#at = ESCAPED.lastIndex;
    // Without the flag `u`, these mean their letters, and the rest is literal.
    const isLetter = /^\\(?:u\{|p\{)/i.test(found[0]) && !this.#flags.includes('u');
    if (isLetter) throw new Unknown();
    return this.#one(found[0]);
  }

  /** An atom for one character, which with the flag `u` can be two code units. */
  #one(atom: string): Extent {
    const hasLineFeed = new RegExp(`^(?:${atom})$`, this.#flags).test('\n');
    return { characters: this.#flags.includes('u') ? 2 : 1, lines: hasLineFeed ? 1 : 0 };
  }
}
