/**
 * How far a regular expression looks, from its source.
 *
 * A text that grows by packets is searched at each of them. To search all of it each time would take quadratic time, so a
 * search begins where a match that was not there before can begin. Whether a match begins at a place depends on a stretch of
 * text around it; places of which the whole stretch was there at the last search need no second look. The stretch is counted
 * in characters (`[a-z]{2}\$ ` looks at four) and in line feeds (`router.*# ` looks at any number of characters, but at no
 * line feed); the one that is nearer to the end decides. Upper bounds are enough, so everything that is rare is unbounded.
 *
 * A pattern that looks at all of the text (`begin.*end` with the flag `s`), and one that tries many ways to match (`(\w+ ?)*# `),
 * is still not searched for at each packet: where its last part, which is short, is not found in what is new, no new match ends.
 */

/** A length of text, as upper bounds. `Infinity`: there is none. */
interface Extent {
  readonly characters: number;
  /** Line feeds. */
  readonly lines: number;
}

/** See above. */
export interface Reach {
  /** From the beginning of a match onwards, what it looks ahead at included. */
  readonly ahead: Extent;
  /** From the beginning of a match backwards. */
  readonly behind: Extent;
  /** The pattern's last part, if it has one that looks at few characters: each match ends in a match of it. */
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
/** The character next to a place: `$`, `^` and `\b` look at it, and it may be a line feed. */
const NEIGHBOUR: Extent = { characters: 1, lines: 1 };

/** The most that the last part of a pattern may look at, in characters. */
const LONGEST_TAIL = 64;

const WHOLE: Reach = { ahead: UNBOUNDED, behind: UNBOUNDED, tail: undefined };

/** How far `pattern` looks. */
export function reachOf(pattern: RegExp): Reach {
  try {
    return new Analysis(pattern).result();
  } catch (error) {
    // Syntax that is newer than this, or backreferences: what they match is not bounded by what stands in the pattern.
    if (error instanceof Unknown) return WHOLE;
    throw error;
  }
}

class Unknown extends Error {}

const QUANTIFIER = /(?:([*+?])|\{(\d+)(,?)(\d*)\})\??/y;
/** An escape that stands for one character. */
const ESCAPED = /\\(?:u\{[0-9a-f]+\}|u[0-9a-f]{4}|x[0-9a-f]{2}|c[a-z]|[pP]\{[^}]*\}|[dDwWsSfnrtv0]|[^\w\s])/iy;

const plus = (a: Extent, b: Extent): Extent => ({ characters: a.characters + b.characters, lines: a.lines + b.lines });
const max = (a: Extent, b: Extent): Extent => ({
  characters: Math.max(a.characters, b.characters),
  lines: Math.max(a.lines, b.lines),
});
/** (Zero times infinity is zero here: no number of what is not a line feed has a line feed.) */
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
  /** The last parts of the alternatives, as source; undefined where one has none. */
  #tails: string[] | undefined = [];
  #tailAhead: Extent = NOTHING;

  constructor({ source, flags }: RegExp) {
    // In a class of the flag `v` there are strings.
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

  /** An alternative has ended here, of these terms. */
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
    // What is new may stand where it looks, and the last part of the match before that.
    if (open === '(?=' || open === '(?!') this.#tails = undefined;
    const extent = this.#alternatives();
    if (this.#source[this.#at++] !== ')') throw new Unknown();
    if (open === '(?<=' || open === '(?<!') {
      this.#behind = plus(this.#behind, extent);
      // A lookahead within it may look past the place.
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
    // Where the flag `u` is not set these stand for their letters, and what follows is literal.
    const isLetter = /^\\(?:u\{|p\{)/i.test(found[0]) && !this.#flags.includes('u');
    if (isLetter) throw new Unknown();
    return this.#one(found[0]);
  }

  /** What matches one character, which with the flag `u` can be two units. */
  #one(atom: string): Extent {
    const hasLineFeed = new RegExp(`^(?:${atom})$`, this.#flags).test('\n');
    return { characters: this.#flags.includes('u') ? 2 : 1, lines: hasLineFeed ? 1 : 0 };
  }
}
