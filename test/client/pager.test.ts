/** The text of pagers and its removal, and output as a user reads it. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { cleanOutput } from '../../src/session/conversation/exec.ts';
import { Pager, removalLength } from '../../src/session/conversation/pager.ts';

describe('the text of a pager', () => {
  const known: readonly (readonly [line: string, key: string])[] = [
    [' --More-- ', ' '],
    ['--More--(23%)', ' '],
    ['---(more 54%)---', ' '],
    ['---(more)---', ' '],
    ['<--- More --->', ' '],
    ['  ---- More ----', ' '],
    ["---- More ( Press 'Q' to break ) ----", ' '],
    ['-- MORE --, next page: Space, next line: Enter, quit: Control-C', ' '],
    ['More: <space>,  Quit: q or CTRL+Z, One line: <return> ', ' '],
    ['Press any key to continue', ' '],
    ['Press any key to continue (Q to quit)', ' '],
    ['Press <SPACE> to continue, <Q> to quit', ' '],
    ['Press <RETURN> to continue', '\r'],
    ['Type <CR> to continue, Q<CR> to stop:', '\r'],
    ['CTRL+C ESC q Quit SPACE n Next Page ENTER Next Entry a All', ' '],
    ['\x1b[7m--More--\x1b[27m', ' '],
    ['(END)', 'q'],
  ];
  for (const [line, key] of known) {
    it(`is answered: ${JSON.stringify(line)}`, () => assert.equal(new Pager(true).keyFor(line)?.key, key));
  }

  for (const line of [
    '',
    'sw1#',
    'more or less',
    'no more',
    '--',
    '-- more to come\r\nthan this',
    'press x',
    'pressed any key',
  ]) {
    it(`is not: ${JSON.stringify(line)}`, () =>
      assert.equal(new Pager(true).keyFor(line.split('\n').at(-1)!), undefined));
  }

  it('is the pattern of the caller, if one is given', () => {
    const pager = new Pager(/^weiter\?$/g);
    assert.equal(pager.keyFor('weiter?')?.key, ' ');
    assert.equal(pager.keyFor('weiter?')?.key, ' ');
    assert.equal(pager.keyFor('--More--'), undefined);
  });

  it('is recognized at the second page, whatever number it shows', () => {
    const pager = new Pager(true);
    assert.equal(pager.keyFor('---(more 5%)---')?.isKnown, false);
    pager.answered(0, '---(more 5%)---');
    assert.equal(pager.keyFor('---(more 97%)---')?.isKnown, true);
    assert.equal(pager.keyFor('--More--')?.isKnown, false);
  });
});

/** How devices remove the text of their pager, by its length. */
const REMOVALS: Readonly<Record<string, (length: number) => string>> = {
  'backspaces, blanks, backspaces': n => '\b'.repeat(n) + ' '.repeat(n) + '\b'.repeat(n),
  'each character by itself': n => '\b \b'.repeat(n),
  'a return and blanks': n => `\r${' '.repeat(n + 10)}\r`,
  'a return and an erasure': () => '\r\x1b[K',
  'an erasure of the line': () => '\x1b[2K\r',
  'the cursor to the left, and blanks': () => `\x1b[42D${' '.repeat(42)}\x1b[42D`,
  'NUL between': n => `\r\0${' '.repeat(n)}\0\r`,
};

describe('its removal', () => {
  const line = fc.constantFrom('--More--', ' --More-- ', '  ---- More ----', '---(more 54%)---');
  for (const [name, removal] of Object.entries(REMOVALS)) {
    it(`${name}: exactly this is removed, whatever follows (property)`, () => {
      fc.assert(
        fc.property(line, fc.string({ unit: 'grapheme-ascii' }), (shown, text) => {
          const removed = removal(shown.length);
          assert.equal(removalLength(shown, removed + text), removed.length);
        }),
      );
    });
  }

  it('is the line end, if a device only starts a new line', () => {
    assert.equal(removalLength('--More--', '\r\n  next'), 2);
  });

  it('ends before text that is printed over it, leading blanks of the text not included', () => {
    assert.equal(removalLength('--More--', '\r   a line that is longer'), 1);
  });

  it('ends within a bound, whatever follows', () => {
    fc.assert(
      fc.property(
        fc.string({ unit: fc.constantFrom('\b', ' ', '\r', '\x1b', '[', 'K', '9', 'D', 'x', '\n') }),
        rest => {
          const length = removalLength('--More--', rest);
          assert.ok(length >= 0 && length <= rest.length, `${length} of ${rest.length}`);
        },
      ),
    );
  });
});

describe('clean output', () => {
  const cases: readonly (readonly [name: string, text: string, clean: string])[] = [
    ['colours', '\x1b[1;31mred\x1b[0m\r\n', 'red\n'],
    ['backspaces', 'abd\bc\r\n', 'abc\n'],
    ['a progress bar', '  0%\r 50%\r100%\r\n', '100%\n'],
    ['a line that was erased', 'working\r\x1b[Kdone\r\n', 'done\n'],
    ['LF CR', 'one\n\rtwo\n\r', 'one\ntwo\n'],
    ['tabs', '\ra\tb\r\n', 'a\tb\n'],
    ['rows of a screen', '\x1b[5;1Hone\x1b[K\x1b[6;1Htwo\x1b[K', '\none\ntwo'],
    ['the title of a window', '\x1b]0;title\x07text\r\n', 'text\n'],
    ['trailing blanks of plain lines stay', 'a  \r\nb \n', 'a  \nb \n'],
  ];
  for (const [name, text, clean] of cases) it(name, () => assert.equal(cleanOutput(text), clean));

  it('contains no control characters except tabs and line feeds, and cleaning twice changes nothing (property)', () => {
    fc.assert(
      fc.property(
        fc.string({
          unit: fc.constantFrom('a', ' ', '\r', '\n', '\t', '\b', '\x1b', '[', 'm', 'K', '2', 'H', ';', '\0', '\x7f'),
        }),
        text => {
          const clean = cleanOutput(text);
          assert.doesNotMatch(clean, /[\x00-\x08\x0b-\x1f\x7f]/);
          assert.equal(cleanOutput(clean), clean);
        },
      ),
    );
  });
});
