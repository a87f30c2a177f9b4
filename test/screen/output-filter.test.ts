/** The cost of a program's output is bounded before it reaches xterm.js. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { OutputFilter } from '../../src/screen/output-filter.ts';

/** The result of a filter for a screen of 80x24: the text that it passes on, and `<…>` for its calls. */
function filtered(...pieces: readonly string[]): string {
  let passed = '';
  const filter = new OutputFilter(
    {
      columns: 80,
      rows: 24,
      isAlternate: false,
      put: text => {
        passed += text;
      },
      intercept: (parameters, final) => {
        passed += `<${parameters}${final}>`;
        return final !== 'J';
      },
      reset: () => {
        passed += '<reset>';
      },
      title: title => {
        passed += `<title ${title.length > 20 ? title.length : title}>`;
      },
    },
    2,
  );
  for (const piece of pieces) filter.write(piece);
  return passed;
}

describe('the output filter', () => {
  for (const [what, output, passed] of [
    ['passes text and control characters', 'a\tß日😀\r\n\x07', 'a\tß日😀\r\n\x07'],
    [
      'passes sequences',
      '\x1b[1;31m\x1b[?25l\x1b(0\x1b7\x1b[4;5H\x1b[!p',
      '\x1b[1;31m\x1b[?25l\x1b(0\x1b7\x1b[4;5H\x1b[!p',
    ],
    ['makes ESC and a letter of C1 controls', '\x9b2K\x84', '\x1b[2K\x1bD'],
    [
      'keeps counts of lines to the screen',
      '\x1b[999999999L\x1b[25M\x1b[5S\x1b[0099T',
      '\x1b[24L\x1b[24M\x1b[5S\x1b[24T',
    ],
    ['keeps counts of columns to the screen', 'a\x1b[999999999b\x1b[81@\x1b[80P', 'a\x1b[80b\x1b[80@\x1b[80P'],
    ['keeps other numbers below 10,000', '\x1b[99999999999999999999;7H\x1b[?2004h', '\x1b[9999;7H\x1b[?2004h'],
    ['runs a control character inside of a sequence before it', '\x1b[1\r\n2C', '\r\n\x1b[12C'],
    [
      'forgets a sequence at CAN, SUB, another one, and what is no part of one',
      '\x1b[1\x18a\x1b[1\x1b[2mb\x1b[3äc',
      'a\x1b[2mbc',
    ],
    ['removes a sequence that is too long', `a\x1b[${'1;'.repeat(200)}mb`, 'ab'],
    ['removes control strings', 'a\x1bP+q\x1b\\b\x1b_x\x1b\\c\x1b^x\x9cd\x1bXx\x07e\x1b]8;;http://x\x1b\\f', 'abcdef'],
    ['says the title', '\x1b]0;one\x07\x1b]2;two\x1b\\\x1b]1;icon\x07', '<title one><title two>'],
    ['cuts a long title', `\x1b]2;${'x'.repeat(9_999)}\x07`, '<title 254>'],
    ['asks about DA, DSR and ED, and passes ED on if it is not done', 'a\x1b[cb\x1b[6n\x1b[1J', 'a<c>b<6n><1J>\x1b[1J'],
    ['says RIS in its place', 'a\x1bcb', 'a<reset>b'],
    ['passes two combining marks for a character', `e${'\u0301'.repeat(1_000)}x\u0301`, 'e\u0301\u0301x\u0301'],
    ['passes no mark that has no character before it', '\u0301a\x1b[m\u0301b\r\u0301', 'a\x1b[mb\r'],
  ] as const) {
    it(what, () => {
      // The end of a string is a separate sequence, which does nothing.
      assert.equal(filtered(output).replaceAll('\x1b\\', ''), passed);
    });
  }

  it('passes the same however the output is cut (property)', () => {
    const piece = fc.oneof(
      fc.string({ unit: 'binary' }),
      fc.constantFrom(
        '\x1b[',
        '\x1b]2;',
        '\x1b\\',
        '\x07',
        '999999',
        ';',
        'L',
        'H',
        '\x1bP',
        'e\u0301\u0301\u0301',
        '\x9b',
        '\x1bc',
      ),
    );
    fc.assert(
      fc.property(fc.array(piece), pieces => {
        const text = pieces.join('');
        assert.equal(filtered(...text), filtered(text));
      }),
    );
  });

  it('passes and keeps nothing of a control string without an end', () => {
    let passed = 0;
    const sink = {
      columns: 80,
      rows: 24,
      isAlternate: false,
      put(text: string) {
        passed += text.length;
      },
      intercept: () => false,
      reset() {},
      title() {},
    };
    for (const start of ['\x1b]52;c;', '\x1bP', '\x1b_', '\x1b[1']) {
      const filter = new OutputFilter(sink, 2);
      filter.write(start);
      for (let times = 0; times < 100; times++) filter.write('1'.repeat(1_000));
    }
    assert.equal(passed, 0);
  });
});
