/** Searching growing text: the same result as searching the whole text each time, at the cost of one search. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { GrowingText } from '../../src/session/conversation/growing-text.ts';
import { reachOf } from '../../src/session/conversation/pattern-reach.ts';
import { type Pattern, Search } from '../../src/session/conversation/search.ts';

/** Searches `text` incrementally, in pieces. */
function grow(pattern: Pattern, pieces: readonly string[]): { at: number; match: string; pieces: number } | undefined {
  const search = new Search(pattern);
  const text = new GrowingText();
  for (const [index, piece] of pieces.entries()) {
    text.add(piece);
    const found = search.in(text, true);
    if (typeof found === 'object') return { at: found.at, match: found.match, pieces: index };
    text.release(search.needed);
  }
  return undefined;
}

/** The same by a search of the whole text so far, at each piece. */
function plain(pattern: RegExp, pieces: readonly string[]): ReturnType<typeof grow> {
  const all = new RegExp(pattern.source, pattern.flags.replace(/[gy]/g, ''));
  let text = '';
  for (const [index, piece] of pieces.entries()) {
    text += piece;
    const found = all.exec(text);
    if (found !== null) return { at: found.index, match: found[0], pieces: index };
  }
  return undefined;
}

/** The compiler's target does not support it as a flag of a literal. */
const SETS = 'v';

const PATTERNS = [
  ...[
    /b\$ /,
    /\$ $/,
    /^\$ $/m,
    /^ab/,
    /^ab/m,
    /b$/,
    /b$/m,
    /a*b/,
    /a.*\$ $/,
    /a.*b/s,
    /a[\s\S]*\n\$/,
    /a[^\n]*\$/,
    /[^b]+\$/,
  ],
  ...[/(?<=\n)\$/, /(?<=a.*)\$/, /(?<=a[\s\S]*)\$/, /(?<!a)b\$/, /(?<!a.*)b/, /(?<=^a)b/, /(?<=^a)b/m, /(?<=^.*)\$ $/],
  ...[
    /b(?=a)/,
    /b(?!a)/,
    /b(?=.*\$)/,
    /b(?=[\s\S]*\$)/,
    /(?=[\s\S]*\$ )a/,
    /b(?![\s\S]*a)/,
    /(?!.*b$)a/m,
    /(?=a.*\n)./,
  ],
  ...[/\bb/, /b\b/, /a\B/, /\Bb/, /\b\$|b\B/, /(a)b\1/, /(?<x>a)\k<x>b/, /a|b\$ |\n\n/, /(?:ab|\$)+ /, /(?:a+)+\$/],
  ...[
    /\s\$/,
    /\W \n/,
    /a\sb/,
    /a{2,3}b{2}/,
    /a{2,}\n/,
    /[\]\n]b/,
    /[\s\S]b\$/,
    /a\nb/,
    /\u0061\x62\$/,
    /ab/g,
    /ab/y,
    /A.B/i,
  ],
  ...[
    /\u{61}b/u,
    /\p{L}\$ $/u,
    /a.b/su,
    new RegExp('[\\p{L}&&[ab]]\\$', SETS),
    /(?:)/,
    /x*/,
    /\$?$/m,
    /^$/m,
    /b?$/,
    /a\cJb/,
    /[a-b]+?\n$/,
  ],
];

test('a search in pieces finds the same as a search of the whole text, for every kind of pattern', () => {
  const piece = fc.string({ unit: fc.constantFrom('a', 'b', '$', ' ', '\n', '\r', 'x'), maxLength: 5 });
  for (const pattern of PATTERNS) {
    fc.assert(
      fc.property(
        fc.array(
          piece.filter(one => one !== ''),
          { maxLength: 12 },
        ),
        pieces => {
          assert.deepEqual(grow(pattern, pieces), plain(pattern, pieces), `${pattern}`);
        },
      ),
      { numRuns: 300 },
    );
  }
});

test('of several patterns, the first match is found, also in long texts that are set aside meanwhile', () => {
  const filler = `${'lorem ipsum '.repeat(8)}\n`.repeat(1_000);
  const pieces = [...filler.match(/[\s\S]{1,80}/g)!, 'se', 'cond', ' first'];
  assert.deepEqual(grow(['first', /s[e]cond/], pieces), {
    at: filler.length,
    match: 'second',
    pieces: pieces.length - 2,
  });
  const whole = grow(/lorem[\s\S]*second/, pieces);
  assert.deepEqual([whole?.at, whole?.match.length], [0, filler.length + 'second'.length]);
});

/**
 * The number of characters, from the start of each search to the end, that are searched in a text of `lines` lines in
 * pieces of 80.
 */
function work(pattern: RegExp, lines: number): number {
  const line = 'GigabitEthernet0/0/1 is up, line protocol is up, 5 minute rate 1000 bits/sec\r\n';
  const pieces = `${line.repeat(lines)}router# `.match(/[\s\S]{1,80}/g)!;
  const { exec } = RegExp.prototype;
  let count = 0;
  RegExp.prototype.exec = function counted(this: RegExp, text: string) {
    if (this.global) count += text.length - this.lastIndex;
    return exec.call(this, text);
  };
  try {
    assert.ok(grow(pattern, pieces), `${pattern}`);
  } finally {
    RegExp.prototype.exec = exec;
  }
  return count;
}

test('twice the text is twice the work, for every kind of pattern', () => {
  for (const pattern of [
    ...[/# $/, /^\S+# $/m, /\n.*# $/, /router.*# $/s, /Gig.*router# $/s, /(?<=\n)router# $/, /(?<=Gig[\s\S]*)router/],
    ...[
      /[^\r\n]{0,200}[$#%>] $/,
      /(?:\w+ ?)+# $/,
      /(?:\S+\s)*router# /,
      /router(?=# $)/,
      /router\b/,
      /# $/y,
      /ROUTER/gi,
    ],
    ...[/(router)# $/u, /router|never/, /^Gig[\s\S]*# $/, /router[#>] $|login: $/],
  ]) {
    const once = work(pattern, 500);
    const twice = work(pattern, 1_000);
    assert.ok(twice < 2.5 * once, `${pattern}: ${once} characters are searched, and ${twice} in twice the text`);
  }
});

test('a search that would take too large a share of the time is deferred, and returns for how long', () => {
  const text = new GrowingText();
  const search = new Search(/^x[\s\S]*never[\s\S]*/);
  let putOff = 0;
  for (let n = 0; n < 2_000; n++) {
    text.add(`${'x'.repeat(1_000)}\n`);
    const next = search.in(text);
    if (typeof next === 'number') putOff++;
  }
  assert.ok(putOff > 1_500, `${putOff} of 2,000 were deferred`);
  text.add('never');
  assert.equal((search.in(text, true) as { at: number }).at, 0);
});

test('the reach of a pattern', () => {
  const infinite = Number.POSITIVE_INFINITY;
  assert.deepEqual(reachOf(/ab{2,3}/).ahead, { characters: 4, lines: 0 });
  assert.deepEqual(reachOf(/a.*b/).ahead, { characters: infinite, lines: 0 });
  assert.deepEqual(reachOf(/a.*b/s).ahead, { characters: infinite, lines: infinite });
  assert.deepEqual(reachOf(/(?:a|bcd)\n$/).ahead, { characters: 5, lines: 2 });
  assert.deepEqual(reachOf(/(?<=abc)d/).behind, { characters: 4, lines: 1 });
  assert.equal(reachOf(/(a)\1/).ahead.characters, infinite);
});
