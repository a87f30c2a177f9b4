/** The state of a terminal's screen. */
import assert from 'node:assert/strict';
import { describe, it, mock } from 'node:test';
import headless from '@xterm/headless';
import fc from 'fast-check';
import { MAX_COLUMNS, MAX_ROWS, Screen, type ScreenOptions } from '../../src/screen/screen.ts';
import { loadScreens } from '../../src/screen/xterm.ts';

await loadScreens();

function screenWith(output: string, options: ScreenOptions = {}): Screen {
  const screen = new Screen(20, 5, options);
  screen.write(output);
  return screen;
}

/** The rows without trailing blanks. */
function rowsOf(screen: Screen): string[] {
  return Array.from({ length: screen.rows }, (_, row) => screen.line(row)!.translateToString().trimEnd());
}

/** Everything visible: characters, widths, colours and attributes of all cells, the cursor, the modes. */
function stateOf(screen: Screen): unknown {
  const cell = screen.emptyCell();
  const rows = Array.from({ length: screen.rows }, (_, row) =>
    Array.from({ length: screen.columns }, (_, column) => {
      screen.line(row)!.getCell(column, cell);
      const attributes = [
        cell.isBold(),
        cell.isDim(),
        cell.isItalic(),
        cell.isUnderline(),
        cell.isBlink(),
        cell.isInverse(),
      ];
      const colours = [
        cell.isFgDefault() || `${cell.isFgRGB()} ${cell.getFgColor()}`,
        cell.isBgDefault() || `${cell.isBgRGB()} ${cell.getBgColor()}`,
      ];
      return [cell.getChars() || ' ', cell.getWidth(), ...attributes.map(Boolean), ...colours].join(',');
    }),
  );
  return { rows, cursor: screen.cursor, modes: screen.modes, title: screen.title, isAlternate: screen.isAlternate };
}

const small = fc.integer({ min: 0, max: 25 });
const outputs = fc.array(
  fc.oneof(
    fc.string({ maxLength: 30 }),
    fc.constantFrom(
      '\r\n',
      '\n',
      '\b',
      '\t',
      '日本',
      'e\u0301',
      '😀',
      '\x1b7',
      '\x1b8',
      '\x1bM',
      '\x1b(0',
      '\x1b(B',
      '\x1b)0',
      '\x0e',
      '\x0f',
      '\x1b[!p',
      '\x1b[s',
      '\x1b[u',
      '\x1b[22;23;24;39m',
      '\x1b[95;104m',
      '\x1b[38:2::9:8:7m',
      '\x1b[m',
    ),
    fc.tuple(small, fc.constantFrom(...'ABCDGHdPLM@XKJS')).map(([n, final]) => `\x1b[${n}${final}`),
    fc.tuple(small, small).map(([row, column]) => `\x1b[${row};${column}H`),
    fc.tuple(small, small).map(([top, bottom]) => `\x1b[${top};${bottom}r`),
    fc.constantFrom('\x1b[1;31m', '\x1b[7m', '\x1b[48;5;200m', '\x1b[38;2;1;2;3m', '\x1b[4;9m', '\x1b[44m'),
    fc.constantFrom(
      '\x1b[?1049h',
      '\x1b[?1049l',
      '\x1b[?7l',
      '\x1b[?7h',
      '\x1b[?1h',
      '\x1b[?6h',
      '\x1b[4h',
      '\x1b[?25l',
    ),
    fc.constantFrom('\x1b]2;title\x07', '\x1b[?2004h', '\x1b[?1002h', '\x1bc', '\x1b[!p'),
  ),
  { maxLength: 30 },
);

describe('a screen', () => {
  it('shows what a program wrote, with colours and attributes', () => {
    const screen = screenWith('\x1b]2;a title\x07plain \x1b[1;31mred\x1b[m\r\n日本\x1b[3;10H\x1b[?1h');
    assert.deepEqual(rowsOf(screen), ['plain red', '日本', '', '', '']);
    assert.deepEqual(screen.cursor, { row: 2, column: 9 });
    assert.equal(screen.title, 'a title');
    assert.equal(screen.modes.applicationCursorKeysMode, true);
    const cell = screen.line(0)!.getCell(6)!;
    assert.deepEqual([cell.getChars(), cell.isBold() !== 0, cell.getFgColor()], ['r', true, 1]);
    assert.equal(screen.line(1)!.getCell(2)!.getWidth(), 2);
  });

  it('has from 2x1 to 1000x400 cells, whatever size is requested', () => {
    for (const [columns, rows, cells] of [
      [65_535, 65_535, [MAX_COLUMNS, MAX_ROWS]],
      [1, 1, [2, 1]],
      [0, -5, [2, 1]],
      [Number.NaN, Number.POSITIVE_INFINITY, [2, MAX_ROWS]],
      [80.9, 24.1, [80, 24]],
    ] as const) {
      const screen = new Screen(columns, rows);
      assert.deepEqual([screen.columns, screen.rows], cells);
      const other = new Screen(80, 24, { scrollback: 10 });
      other.resize(columns, rows);
      assert.deepEqual([other.columns, other.rows], cells);
      screen.dispose();
      other.dispose();
    }
    assert.deepEqual([MAX_COLUMNS, MAX_ROWS], [1_000, 400]);
  });

  it('is the same however its input is cut (property)', () => {
    fc.assert(
      fc.property(
        fc.oneof(
          outputs.map(pieces => pieces.join('')),
          fc.string({ unit: 'binary' }),
        ),
        text => {
          const whole = screenWith('', { scrollback: 3 });
          whole.write(Buffer.from(text));
          const cut = screenWith('', { scrollback: 3 });
          for (const byte of Buffer.from(text)) cut.write(Uint8Array.of(byte));
          assert.deepEqual(stateOf(cut), stateOf(whole));
        },
      ),
      { numRuns: 150 },
    );
  });

  it('is what xterm.js shows of harmless output, with a scrollback and without (property)', async () => {
    await fc.assert(
      fc.asyncProperty(outputs, fc.constantFrom(0, 5), async (pieces, scrollback) => {
        // Widths, RIS and the shift that DECRC restores differ intentionally; with a scrollback, xterm.js moves a saved
        // cursor.
        const text = pieces.join('').replaceAll(/[^\x00-\x7f]|[\x0e\x0f]|\x1bc|\x1b\[1?J/g, '');
        const terminal = new headless.Terminal({ cols: 20, rows: 5, scrollback: 0, allowProposedApi: true });
        await new Promise<void>(resolve => terminal.write(text, resolve));
        const screen = screenWith(text, { scrollback });
        const { active } = terminal.buffer;
        assert.deepEqual(
          rowsOf(screen),
          Array.from({ length: 5 }, (_, row) => active.getLine(row)!.translateToString().trimEnd()),
        );
        assert.deepEqual(screen.cursor, { row: active.cursorY, column: Math.min(active.cursorX, 19) });
        terminal.dispose();
      }),
      { numRuns: 150 },
    );
  });

  it('restores G0, G1 and the shift with the cursor (DECRC, and the end of the alternate screen)', () => {
    for (const [save, restore] of [
      ['\x1b7', '\x1b8'],
      ['\x1b[s', '\x1b[u'],
      ['\x1b[?1049h', '\x1b[?1049l'],
    ]) {
      // Saved: ASCII in G0, graphics in G1, G0 in use.
      const screen = screenWith(`\x1b)0${save}\x1b(0\x1b)B\x0e${restore}j\x0ej\x0fj`);
      assert.equal(rowsOf(screen)[0], 'j┘j', JSON.stringify(restore));
    }
  });

  it('keeps the position of a saved cursor while text scrolls', () => {
    const screen = screenWith('\x1b[3;4H\x1b7\x1b[5;1H\n\n\n\x1b8x', { scrollback: 10 });
    assert.deepEqual(screen.cursor, { row: 2, column: 4 });
  });

  it('reports how many lines have scrolled off, and keeps them', () => {
    const screen = screenWith('1\r\n2\r\n3\r\n4\r\n5', { scrollback: 10 });
    assert.equal(screen.takeScrolled(), 0);
    screen.write('\x1b[2J\x1b[Ha\r\nb\r\nc\r\nd\r\ne\r\nf\r\ng');
    assert.equal(screen.scrolled, 2);
    assert.deepEqual(
      [-2, -1, 0].map(row => screen.line(row)!.translateToString(true)),
      ['a', 'b', 'c'],
    );
    assert.equal(screen.takeScrolled(), 2);
    assert.equal(screen.scrolled, 0);
    screen.write('\n'.repeat(50));
    assert.equal(screen.takeScrolled(), 10, 'more than are kept');
    assert.equal(screen.line(-11), undefined);
    screen.write('\x1b[?1049h\n\n\n\n\n\n\n');
    assert.equal(screen.takeScrolled(), 0, 'on the alternate screen');
    screen.write('\x1b[?1049l\x1b[3J');
    assert.equal(screen.takeScrolled(), 0);
    screen.write('\x1bc\n\n\n\n\n\n');
    assert.equal(screen.takeScrolled(), 2, 'after RIS');
    screen.resize(30, 4);
    screen.write('\x1b[4;1H\n');
    assert.equal(screen.takeScrolled(), 1, 'after another size');
  });

  it('answers DA and DSR, and nothing else', () => {
    const answers: string[] = [];
    const screen = screenWith('\x1b[c\x1b[0c\x1b[5n\x1b[3;7H\x1b[6n', { onAnswer: text => answers.push(text) });
    assert.deepEqual(answers.splice(0), ['\x1b[?6c', '\x1b[?6c', '\x1b[0n', '\x1b[3;7R']);
    screen.write(
      '\x1b[>c\x1b[=c\x1b[?6n\x1b[>q\x1b[18t\x1b[?25$p\x1bP$qm\x1b\\\x1bP+q544e\x1b\\\x1b]10;?\x07\x1b]52;c;?\x07\x1bZ\x05',
    );
    assert.deepEqual(answers, []);
    screenWith('\x1b[c\x1b[6n');
  });

  it('rings the bell', () => {
    let bells = 0;
    screenWith('\x07\x07', { onBell: () => bells++ });
    assert.equal(bells, 2);
  });

  it('limits the repetition count of a sequence', { timeout: 600_000 }, () => {
    const screen = new Screen(1_000, 400);
    for (const final of 'LMSTbIZ@PXABCDEFGHJKdrqtug') screen.write(`x\x1b[2147483647${final}`);
    assert.equal(screen.columns, 1_000);
  });

  it('keeps a few combining marks in a cell, of a flood of them', () => {
    const screen = screenWith(`e${'\u0301'.repeat(100_000)}f`);
    assert.deepEqual([screen.line(0)!.getCell(0)!.getChars(), screen.cursor.column], ['e\u0301\u0301\u0301\u0301', 2]);
  });

  it('can be erased up to its last cell, on the alternate screen as well', () => {
    for (const start of ['', '\x1b[?1049h', '\x1b[2;3r\x1b[?47h']) {
      for (const erase of ['\x1b[1J', '\x1b[?1J', '\x1b[1;5J', '\x1b[01J']) {
        const screen = screenWith(`${start}abc\x1b[999;999H${erase}\x1b[41mx`);
        assert.deepEqual(rowsOf(screen), ['', '', '', '', `${' '.repeat(19)}x`]);
      }
    }
  });

  it('is empty after an error of xterm.js, and continues', () => {
    const screen = screenWith('before', { scrollback: 4 });
    const once = mock.method(
      headless.Terminal.prototype,
      'write',
      () => {
        throw new TypeError('a bug');
      },
      { times: 1 },
    );
    screen.write('lost');
    assert.equal(once.mock.callCount(), 1);
    screen.write('after');
    assert.deepEqual(rowsOf(screen), ['after', '', '', '', '']);
  });

  it('throws with a version of xterm.js that does not parse synchronously', () => {
    const screen = screenWith('');
    const later = mock.method(headless.Terminal.prototype, 'write', () => {}, { times: 1 });
    assert.throws(() => screen.write('x'), /has not parsed at once/);
    assert.equal(later.mock.callCount(), 1);
  });

  it('ignores output after it was disposed', () => {
    const screen = screenWith('x');
    assert.equal(screen.disposed, false);
    screen.dispose();
    screen.dispose();
    screen.write('y');
    screen.resize(30, 10);
    assert.equal(screen.disposed, true);
  });

  it('returns a snapshot that makes another screen the same (property)', () => {
    fc.assert(
      fc.property(outputs, pieces => {
        const screen = screenWith(pieces.join(''), { scrollback: 3 });
        const other = screenWith('\x1b[?1049h\x1b[31mleftovers', {});
        other.write(screen.snapshot());
        assert.deepEqual(stateOf(other), stateOf(screen));
        // The next characters have the same colours and the same character set.
        for (const each of [screen, other]) each.write('jkZ');
        assert.deepEqual(stateOf(other), stateOf(screen));
        // Also the margins, and the screen from before the alternate screen.
        for (const each of [screen, other]) each.write('\x1b[m\x1b(B\x1b[4l\r\n\n\n\n\nend\x1b[?1049l');
        assert.deepEqual(rowsOf(other), rowsOf(screen));
      }),
      { numRuns: 200, examples: [[['\x0e', '\x1b[?1049l', '\x1b(0']]] },
    );
  });
});
