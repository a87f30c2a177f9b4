/** Home computers as terminals: they show what a terminal shows. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { loadScreens, type Machine, MachineScreen, machineOf } from '../../src/screen/machines/index.ts';
import { Atari800, Commodore64 } from '../support/clients/home-computer.ts';
import { Screen } from '../support/clients/screen.ts';

await loadScreens();

const COLUMNS = 39;
const c64 = machineOf('PETSCII')!;
const atari = machineOf('ATASCII')!;

const kinds = [
  { machine: c64, rows: 25, create: () => new Commodore64() },
  { machine: atari, rows: 24, create: () => new Atari800() },
] as const;

function screenOf(machine: Machine, rows = machine.rows): { screen: MachineScreen; answers: string[] } {
  const answers: string[] = [];
  return { screen: new MachineScreen(machine, COLUMNS, rows, text => answers.push(text)), answers };
}

/** The screen of a C64 for a program's output. */
function shownOn(text: string): Commodore64 {
  const computer = new Commodore64();
  computer.feed(screenOf(c64).screen.write(text));
  return computer;
}

/**
 * Output of curses programs and people that all terminals support: text, controls, and the sequences of xterm's
 * terminfo entry.
 */
const small = fc.integer({ min: 0, max: 30 });
const number = fc.oneof(fc.constant(''), small.map(String), fc.constant('9999'));
const words = fc
  .array(fc.constantFrom(...'abcXYZ 019.,:#*+-=()<>"\'/'), { minLength: 1, maxLength: 50 })
  .map(letters => letters.join(''));
const controls = fc.constantFrom('\r', '\n', '\r\n', '\b', '\x1bD', '\x1bM', '\x1bE', '\x1b7', '\x1b8');
const counted = fc.tuple(number, fc.constantFrom(...'ABCDEFGXPLMSTdae`@')).map(([n, letter]) => `\x1b[${n}${letter}`);
const erased = fc.constantFrom('\x1b[J', '\x1b[0J', '\x1b[2J', '\x1b[K', '\x1b[0K', '\x1b[1K', '\x1b[2K');
// (xterm.js throws for 1J on the last line.)
const erasedAbove = small.map(row => `\x1b[${Math.min(row, 20)};5H\x1b[1J`);
const placed = fc.tuple(number, number).map(([row, column]) => `\x1b[${row};${column}H`);
// After the last column, xterm and xterm.js differ for these.
const atPlace = (sequences: fc.Arbitrary<string>) => fc.tuple(placed, sequences).map(parts => parts.join(''));
const margins = fc.tuple(small, small).map(([top, bottom]) => `\x1b[${top};${bottom}r`);
const styled = fc.constantFrom('\x1b[7m', '\x1b[27m', '\x1b[m', '\x1b[0;7m', '\x1b[1m', '\x1b[?7l', '\x1b[?7h');
const modes = fc.constantFrom('\x1b[4h', '\x1b[4l', '\x1b[?25l', '\x1b[?1h', '\x1b(B');
const repeated = fc.tuple(fc.constantFrom('a', 'b'), small).map(([letter, n]) => `${letter}\x1b[${n}b`);
const titles = fc.constantFrom(
  '\x1b]0;title\x07',
  '\x1bP1$r\x1b\\',
  '\x1b]2;t\x1b\\',
  '\x1b[>c',
  '\x1b[?2004h',
  '\x1b[6 q',
);
const output = fc.array(
  fc.oneof(
    words,
    words,
    controls,
    atPlace(fc.constant('\t')),
    atPlace(counted),
    atPlace(erased),
    erasedAbove,
    placed,
    margins,
    styled,
    modes,
    repeated,
    titles,
  ),
  { maxLength: 40 },
);

for (const { machine, rows, create } of kinds) {
  describe(machine.charset, () => {
    it('shows what a terminal shows, with the cursor at the same position (property)', async () => {
      await fc.assert(
        fc.asyncProperty(output, async pieces => {
          const terminal = new Screen(COLUMNS, rows);
          // With one, a saved cursor of xterm.js scrolls with the text.
          terminal.terminal.options.scrollback = 0;
          const computer = create();
          const { screen } = screenOf(machine);
          for (const piece of pieces) {
            await terminal.feed(piece);
            computer.feed(screen.write(piece));
            const { baseY } = terminal.terminal.buffer.active;
            for (let row = 0; row < rows; row++) {
              const line = terminal.terminal.buffer.active.getLine(baseY + row)!;
              for (let column = 0; column < COLUMNS; column++) {
                const cell = line.getCell(column)!;
                const place = computer.places[row]![column]!;
                const at = `${JSON.stringify(pieces)}: ${row},${column}`;
                assert.equal(place.character, cell.getChars() || ' ', at);
                assert.equal(place.reverse, cell.isInverse() !== 0, at);
              }
            }
            const [x, y] = terminal.cursor;
            assert.deepEqual([computer.column, computer.row], [Math.min(x, COLUMNS - 1), y], JSON.stringify(pieces));
          }
          assert.ok(!computer.joinedLines);
          terminal.dispose();
        }),
        { numRuns: 100 },
      );
    });

    it('shows the same however the output is cut, and accepts any output (property)', () => {
      fc.assert(
        fc.property(
          fc.oneof(
            output.map(pieces => pieces.join('')),
            fc.string({ unit: 'binary' }),
          ),
          fc.nat(),
          (text, cut) => {
            const [whole, parts] = [create(), create()];
            whole.feed(screenOf(machine).screen.write(text));
            const { screen } = screenOf(machine);
            const characters = [...text];
            const at = characters.length === 0 ? 0 : cut % characters.length;
            for (const part of [characters.slice(0, at), characters.slice(at)]) parts.feed(screen.write(part.join('')));
            assert.equal(parts.text(), whole.text());
          },
        ),
        { numRuns: 250 },
      );
    });

    it('fills a screen whose full width was reported, except for the corner that would scroll', () => {
      const computer = create();
      const screen = new MachineScreen(machine, 40, rows, () => {});
      computer.feed(screen.write(`${'x'.repeat(40 * rows)}\x1b[H`));
      assert.equal(computer.text(), `${`${'x'.repeat(40)}\n`.repeat(rows - 1)}${'x'.repeat(39)}`);
      assert.deepEqual([computer.row, computer.column], [0, 0]);
    });

    it('can type all of ASCII', () => {
      const typed = new Set<string>();
      const keys = { application: false, erase: 0x7f };
      for (let code = 0; code < 256; code++) typed.add(machine.key(code, keys));
      // A C64 has no Ctrl with these; 19, 17, 20, 29 and 18 are its other keys. An Atari's ~ is its erase key.
      const missing = machine === c64 ? [17, 19, 20, 28, 29, 30, 31] : [28, 29, 30, 31, 125, 126];
      for (let code = 1; code < 128; code++)
        assert.equal(typed.has(String.fromCharCode(code)), !missing.includes(code), String(code));
    });
  });
}

describe('a C64', () => {
  it('begins with lower case and an empty screen', () => {
    const { screen } = screenOf(c64);
    assert.deepEqual([...screen.write('aB\r\n')], [14, 147, 0x41, 0xc2, 13]);
  });

  it('shows lines, blocks and the nearest characters', () => {
    const computer = shownOn('┌─┬─┐ ╔═╗ █▀▐\r\n└─┴─┘ “é” … {x} a\\b');
    assert.equal(computer.line(0), '┌─┬─┐ ┌─┐  ▄▌');
    assert.deepEqual(
      [10, 11, 12].map(column => computer.places[0]![column]!.reverse),
      [true, true, true],
    );
    assert.equal(computer.line(1), '└─┴─┘ "e" . (x) a▚b');
  });

  it('uses two columns for a character of width two', () => {
    assert.equal(shownOn('日本|😀|e\u0301|ﬃ').line(0), '????│??│e│f');
  });

  it('draws with the line drawing of the VT100', () => {
    assert.equal(shownOn('\x1b(0lqk\x1b(Bq\x1b)0\x0ex\x0fx').line(0), '┌─┐q│x');
  });

  it('has one colour for a character: that of its background, in reverse video, if it has one', () => {
    const computer = shownOn(
      'a\x1b[31mb\x1b[1mc\x1b[0;30;47md\x1b[37;44;7me\x1b[0;38;5;196mf\x1b[38;2;0;250;5mg\x1b[39mh',
    );
    const looks = [...'abcdefgh'].map((_, column) => {
      const { character, reverse, colour } = computer.places[0]![column]!;
      return `${character} ${reverse ? 'reverse ' : ''}${colour}`;
    });
    assert.deepEqual(looks, ['a 0', 'b 28', 'c 150', 'd reverse 155', 'e reverse 155', 'f 150', 'g 153', 'h 155']);
  });

  it('answers requests as a terminal', () => {
    const { screen, answers } = screenOf(c64);
    screen.write('\x1b[3;5H\x1b[6n\x1b[5n\x1b[c');
    assert.deepEqual(answers, ['\x1b[3;5R', '\x1b[0n', '\x1b[?6c']);
  });

  it('restores the screen from before the alternate screen', () => {
    const { screen } = screenOf(c64);
    const computer = new Commodore64();
    computer.feed(screen.write('before\r\n\x1b[?1049h\x1b[2Jinside'));
    assert.equal(computer.text().trim(), 'inside');
    computer.feed(screen.write('\x1b[?1049l'));
    assert.equal(computer.text(), 'before');
    assert.deepEqual([computer.row, computer.column], [1, 0]);
  });

  for (const [what, lines] of [
    ['long', Array.from({ length: 200 }, (_, at) => `line ${at}`)],
    ['dense', Array.from({ length: 2_000 }, (_, at) => 'abcdefghij'[at % 10]!)],
    ['wide', Array.from({ length: 200 }, (_, at) => `${at}`.padEnd(COLUMNS, 'x'))],
  ] as const)
    it(`loses no line of a ${what} output`, () => {
      const { screen } = screenOf(c64);
      const computer = new Commodore64();
      const seen: string[] = [];
      for (const code of screen.write(lines.map(line => `${line}\r\n`).join(''))) {
        computer.feed([code] as unknown as Uint8Array);
        if (code === 13) seen.push(computer.line(computer.row - 1));
      }
      assert.deepEqual(seen, lines);
    });

  it('scrolls by codes if lines have moved up, however the program did that', () => {
    const full = Array.from({ length: 25 }, (_, row) => `line ${row} ${'abcdefgh'.repeat(3)}`);
    const drawn = full.map((line, row) => `\x1b[${row + 1};1H${line}`).join('');
    for (const move of ['\x1b[25;1H\n', '\x1b[S', '\x1b[1;1H\x1b[M', '\x1b[1;25r\x1b[25;1H\x1bD', '\x1b[3S']) {
      for (const start of ['', '\x1b[?1049h']) {
        const { screen } = screenOf(c64);
        const computer = new Commodore64();
        computer.feed(screen.write(start + drawn));
        const bytes = screen.write(`${move}\x1b[25;1Hthe last`);
        assert.ok(bytes.length < 60, `${JSON.stringify(start + move)}: ${bytes.length} bytes`);
        computer.feed(bytes);
        const by = move.endsWith('3S') ? 3 : 1;
        assert.equal(computer.text(), [...full.slice(by), ...Array(by - 1).fill(''), 'the last'].join('\n'));
      }
    }
  });

  it('is sent a bounded number of bytes, however often everything changes', () => {
    const { screen } = screenOf(c64);
    const computer = new Commodore64();
    const bytes = screen.write(`${'\x1b[41m\x1b[2J\n'.repeat(8_000)}\x1b[m\x1b[2J\x1b[Hthe end`);
    assert.ok(bytes.length < 300_000, `${bytes.length} bytes`);
    computer.feed(bytes);
    assert.equal(computer.text(), 'the end');
    computer.feed(screen.write('\r\nnext'));
    assert.equal(computer.text(), 'the end\nnext');
  });

  it('is sent everything again after bytes were lost', () => {
    const { screen } = screenOf(c64);
    screen.write('one\r\n\x1b[7mtwo');
    screen.beginAnew();
    const computer = new Commodore64();
    // The result of the loss: reverse video, and another colour.
    computer.feed(Uint8Array.of(14, 18, 28));
    computer.feed(screen.write('!'));
    assert.equal(computer.text(), 'one\ntwo!');
    assert.deepEqual(computer.places[0]![0], { character: 'o', reverse: false, colour: 155 });
    assert.equal(computer.places[1]![0]!.reverse, true);
  });

  it('spends little time on anything that a few bytes can request, at any reported size', () => {
    const asked = [
      '\n',
      'y\r\n',
      'a\x1b[999999999b',
      '\x1b[999999999S',
      '\x1b[999999999M',
      '\x1b[999999999L',
      '\x1b[2J',
      '\x1b[?1049h\x1b[?1049l',
    ];
    for (const [columns, rows] of [
      [40, 25],
      [80, 24],
      [4_096, 4_096],
    ] as const) {
      for (const sequence of asked) {
        const screen = new MachineScreen(c64, columns, rows, () => {});
        screen.write('x');
        // Work for each cell of the screen, each time, would take hours.
        screen.write(sequence.repeat(8_000 / sequence.length));
      }
    }
  });

  it('processes output in pieces, which are short on a large screen and do not cut a character', () => {
    const text = '😀'.repeat(100);
    for (const [columns, rows, longest] of [
      [39, 25, 32],
      [132, 132, 8],
      [65_535, 65_535, 8],
    ] as const) {
      const screen = new MachineScreen(c64, columns, rows, () => {});
      for (let at = 0; at < text.length; ) {
        const next = screen.take(text, at);
        assert.ok(next > at && next - at <= longest, `${next - at} units on ${columns}x${rows}`);
        assert.equal((next - at) % 2, 0, 'a character was cut');
        at = next;
      }
    }
  });

  it('starts again with an empty screen when the size has changed', () => {
    const { screen } = screenOf(c64);
    const computer = new Commodore64();
    computer.feed(screen.write('one\r\ntwo\r\nthree'));
    screen.resize(30, 2);
    computer.feed(screen.write('\r\nfour'));
    assert.equal(computer.text(), 'three\nfour');
    screen.resize(30, 2);
    assert.deepEqual([...screen.write('')], []);
  });

  it('respects the margins and origin mode', () => {
    assert.equal(shownOn('\x1b[5;7r\x1b[?6h\x1b[1;3Hx\x1b[9;1Hlow\x1b[?6l\x1b[Htop').text(), 'top\n\n\n\n  x\n\nlow');
  });

  it('has a terminal’s keys', () => {
    const keys = { application: false, erase: 0x7f };
    const type = (codes: number[], application = false) =>
      codes.map(code => c64.key(code, { ...keys, application })).join('');
    assert.equal(type([0x48, 0x49, 0xc8, 0x69, 13]), 'hiHI\r');
    assert.equal(type([145, 17, 29, 157, 19]), '\x1b[A\x1b[B\x1b[C\x1b[D\x1b[H');
    assert.equal(type([145, 17, 29, 157], true), '\x1bOA\x1bOB\x1bOC\x1bOD');
    assert.equal(type([20, 148, 133, 140, 3, 27, 160]), '\x7f\x1b[2~\x1bOP\x1b[19~\x03\x1b ');
    assert.equal(type([0x5c, 0x5e, 0x5f, 0xc0, 0xdb, 0xdc, 0xdd, 0xde]), '\\^_`{|}~');
    assert.equal(type([18, 146, 144, 28, 14 + 128, 0xbf]), '\x12▚');
  });
});

describe('an Atari', () => {
  it('sends the input that its keys mean to a program', () => {
    const keys = { application: false, erase: 8 };
    const type = (...codes: number[]) => codes.map(code => atari.key(code, keys)).join('');
    assert.equal(type(0x68, 0xe9, 0x9b), 'hi\r');
    assert.equal(type(28, 29, 30, 31, 126, 127, 27), '\x1b[A\x1b[B\x1b[D\x1b[C\b\t\x1b');
    assert.equal(type(3, 4, 0x60, 0x7b), '\x03\x04`{');
  });

  it('shows reverse video with its own codes', () => {
    const { screen } = screenOf(atari);
    assert.deepEqual([...screen.write('a\x1b[7mb\x1b[m█▀')], [125, 0x61, 0xe2, 0xa0, 0x95]);
  });
});
