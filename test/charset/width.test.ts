/** The columns of text, compared with Unicode's data in Python, in V8, and in a package with its table. */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { describe, test } from 'node:test';
import { eastAsianWidthType } from 'get-east-asian-width';
import { columnsOf, columnsOfText, joinsCluster } from '../../src/charset/width.ts';
import { requireTool } from '../support/system/tools.ts';

const LAST = 0x10ffff;
const isSurrogate = (codePoint: number) => codePoint >= 0xd800 && codePoint < 0xe000;

/** Planes 4 to 13, which have no characters: one code point in 256 represents the others. */
const isSkipped = (codePoint: number) =>
  codePoint >= 0x40000 && codePoint < 0xe0000 && (codePoint & 0xff) !== codePoint >> 16;

/** The code points for which `isWrong` returns true, in hexadecimal. */
function wrong(isWrong: (codePoint: number, character: string) => boolean): string[] {
  const found: string[] = [];
  for (let codePoint = 0; codePoint <= LAST; codePoint++) {
    if (!isSurrogate(codePoint) && !isSkipped(codePoint) && isWrong(codePoint, String.fromCodePoint(codePoint))) {
      found.push(codePoint.toString(16));
    }
  }
  return found;
}

describe('the columns of a code point', () => {
  test('that is wide or full-width are two, unless it joins another one', () => {
    const differing = wrong((codePoint, character) => {
      const isWide = ['wide', 'fullwidth'].includes(eastAsianWidthType(codePoint));
      const joins = /[\p{M}\p{Cf}]/u.test(character);
      return isWide && !joins ? columnsOf(codePoint) !== 2 : !isWide && columnsOf(codePoint) === 2;
    });
    assert.deepEqual(differing, []);
  });

  test("match Python's East Asian Width and categories", () => {
    // Python has an older Unicode: characters that it does not know, and those that became wide in Unicode 16, are left
    // out.
    const script = `
import unicodedata, sys
for c in range(0x110000):
    s = chr(c)
    sys.stdout.write('-' if unicodedata.category(s) in ('Cn', 'Co', 'Cs') else
      'C' if unicodedata.category(s) == 'Cc' else
      '0' if unicodedata.category(s) in ('Mn', 'Me', 'Cf', 'Zl', 'Zp') else
      '2' if unicodedata.east_asian_width(s) in 'WF' else '1')`;
    const table = execFileSync(requireTool('python3'), ['-c', script], { maxBuffer: 2 * LAST }).toString('latin1');
    const widened = (codePoint: number) =>
      [
        [0x2630, 0x2637],
        [0x268a, 0x268f],
        [0x4dc0, 0x4dff],
        [0x1d300, 0x1d376],
      ].some(([first, last]) => codePoint >= first! && codePoint <= last!);
    // See SHOWN and NO_WIDTH in width.ts. U+1171E has become a spacing mark.
    const ours =
      /[\u00ad\u0600-\u0605\u06dd\u070f\u0890\u0891\u08e2\u1160-\u11ff\ud7b0-\ud7fb\u{110bd}\u{110cd}\u{1171e}]/u;
    const differing = wrong((codePoint, character) => {
      const theirs = table[codePoint]!;
      if (theirs === '-' || widened(codePoint) || ours.test(character)) return false;
      return columnsOf(codePoint) !== (theirs === 'C' ? 0 : Number(theirs));
    });
    assert.deepEqual(differing, []);
  });

  test('are two for every emoji that is displayed as one by itself', () => {
    const emoji = wrong((codePoint, character) => {
      const isFlagLetter = /\p{Regional_Indicator}/u.test(character);
      return /\p{Emoji_Presentation}/u.test(character) && columnsOf(codePoint) !== (isFlagLetter ? 1 : 2);
    });
    assert.deepEqual(emoji, []);
  });

  test('are zero for marks, controls and characters that are never displayed', () => {
    const shown = wrong(
      (codePoint, character) => /[\p{Cc}\p{Mn}\p{Me}]/u.test(character) && columnsOf(codePoint) !== 0,
    );
    assert.deepEqual(shown, []);
    for (const character of '\u200b\u200c\u200d\u2060\ufeff\u034f\ufe0f\u{e0061}\u1160\u11a8\ud7b0\ud7fb\u2066') {
      assert.equal(columnsOf(character.codePointAt(0)!), 0, character.codePointAt(0)!.toString(16));
    }
    for (const character of '\u00ad\u0600\u06dd\uffa0') assert.equal(columnsOf(character.codePointAt(0)!), 1);
    for (const character of '\u115f\u3164\u1100\u25fd\u25fe☕⌚⚡⭐')
      assert.equal(columnsOf(character.codePointAt(0)!), 2);
  });
});

describe('the columns of a text', () => {
  const cases: [text: string, columns: number][] = [
    ['', 0],
    ['plain', 5],
    ['界面', 4],
    ['e\u0301', 1],
    ['한글', 4],
    ['\u1112\u1161\u11ab', 2],
    // Two consonants and a vowel with its own column.
    ['क्षि', 3],
    ['❤', 1],
    ['❤\ufe0f', 2],
    ['☕\ufe0f', 2],
    ['⌚\ufe0e', 2],
    ['1\ufe0f\u20e3', 2],
    ['1\u20e3', 1],
    ['👍🏽', 2],
    ['☝\ufe0f🏽', 2],
    ['👨\u200d👩\u200d👧\u200d👦', 2],
    ['❤\ufe0f\u200d🔥', 2],
    ['🏳\ufe0f\u200d🌈', 2],
    ['🏴\u{e0067}\u{e0062}\u{e0065}\u{e006e}\u{e0067}\u{e007f}', 2],
    ['🇩🇪', 2],
    ['🇩🇪🇫🇷', 4],
    ['🇩', 1],
    // These do not join anything that is displayed as one.
    ['a🏽', 3],
    ['a\u200db', 2],
    ['a\ufe0f', 1],
    ['👨\u200da', 3],
    ['x👨\u200d👩\u200d👧y', 4],
  ];
  for (const [text, columns] of cases) {
    test(`${JSON.stringify(text)}: ${columns}`, () => assert.equal(columnsOfText(text), columns));
  }

  test('of an emoji of several characters are two, with or without a skin tone', () => {
    const rests = ['\u200d♀\ufe0f', '\u200d⚕\ufe0f', '\u200d🚀', '\u200d🤝\u200d🧑🏻', '\u200d❤\ufe0f\u200d👨', ''];
    for (const person of ['👩', '🧑', '👮', '🤷', '🏃']) {
      for (const tone of ['', '🏻', '🏿']) {
        for (const rest of rests) assert.equal(columnsOfText(person + tone + rest), 2, person + tone + rest);
      }
    }
  });
});

test('a cluster of thousands of marks is split', () => {
  assert.ok(joinsCluster('e', '\u0301'));
  assert.ok(joinsCluster('👨', '\u200d') && joinsCluster('👨\u200d', '👩') && joinsCluster('🇩', '🇪'));
  assert.ok(!joinsCluster('🇩🇪', '🇫') && !joinsCluster('a', 'b') && !joinsCluster('界', '面'));
  assert.ok(!joinsCluster(`e${'\u0301'.repeat(1_000)}`, '\u0301'));
});
