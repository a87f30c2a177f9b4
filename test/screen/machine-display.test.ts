/** Output for home computers on a modern terminal: it shows what the machine shows. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { displaySize, type Machine, MachineDisplay, MachineText, machineOf } from '../../src/screen/machines/index.ts';
import { Atari800, Commodore64 } from '../support/clients/home-computer.ts';
import { Screen } from '../support/clients/screen.ts';

const c64 = machineOf('PETSCII')!;
const atari = machineOf('ATASCII')!;

const CLEAR_C64 = 147;
const SET_SELECTIONS = [14, 142];

/** Codes that the test's C64 knows: characters, and the controls of its screen. */
const C64_CONTROLS = [
  ...[5, 7, 10, 13, 14, 17, 18, 19, 20, 28, 29, 30, 31, 129, 141, 142, 144, 145, 146, 147, 148],
  ...Array.from({ length: 11 }, (_, at) => 149 + at),
];
const isC64Control = (code: number): boolean => (code & 0x7f) < 0x20;
const allCodes = Array.from({ length: 256 }, (_, code) => code);

const kinds = [
  {
    machine: c64,
    create: (rows: number, columns: number) => new Commodore64(rows, columns),
    codes: allCodes.filter(code => !isC64Control(code) || C64_CONTROLS.includes(code)),
    moves: [13, 17, 29, 157, 145, 20, 148],
  },
  {
    machine: atari,
    create: (rows: number, columns: number) => new Atari800(rows, columns),
    codes: allCodes.filter(code => code !== 0x60 + 0x1b),
    moves: [0x9b, 28, 29, 30, 31, 126, 127, 156, 157, 254, 255],
  },
] as const;

/** Output of a bulletin board: text, cursor codes, and repeated codes. */
const output = ({ codes, moves }: (typeof kinds)[number]): fc.Arbitrary<number[]> =>
  fc
    .array(
      fc.oneof(
        { weight: 4, arbitrary: fc.array(fc.constantFrom(...codes), { maxLength: 60 }) },
        { weight: 2, arbitrary: fc.array(fc.constantFrom(...moves), { maxLength: 40 }) },
        fc.tuple(fc.constantFrom(...moves), fc.integer({ min: 1, max: 45 })).map(([code, n]) => Array(n).fill(code)),
      ),
      { maxLength: 12 },
    )
    .map(parts => parts.flat());

/** Asserts that the part of the terminal that ends in the machine's screen shows the same, cursor included. */
function assertSame(screen: Screen, computer: Commodore64 | Atari800): void {
  const buffer = screen.terminal.buffer.active;
  const [x, y] = screen.cursor;
  assert.equal(x, computer.column, 'column of the cursor');
  const first = buffer.baseY + y - computer.row;
  assert.ok(first >= 0);
  computer.places.forEach((places, row) => {
    const line = buffer.getLine(first + row);
    const cells = Array.from({ length: screen.terminal.cols }, (_, column) => line?.getCell(column)?.getChars() || ' ');
    const wanted = places.map(place => place.character.replace('\u00a0', ' '));
    assert.equal(cells.slice(0, computer.columns).join(''), wanted.join(''), `row ${row}`);
    assert.equal(cells.slice(computer.columns).join('').trim(), '', `behind row ${row}`);
    places.forEach((place, column) => {
      const isReverse = Boolean(line?.getCell(column)?.isInverse());
      assert.equal(isReverse, place.reverse, `reverse video at ${row}, ${column}`);
    });
  });
  for (let row = first + computer.rows; row < buffer.length; row++)
    assert.equal(buffer.getLine(row)!.translateToString(true), '', 'below the screen');
}

const SIZES = [
  [80, 30],
  [132, 60],
  [40, 25],
  [40, 24],
  [33, 7],
] as const;

for (const kind of kinds) {
  describe(`the display of ${kind.machine.charset}`, () => {
    it('shows what the machine shows, on terminals of every size', async () => {
      const property = fc.asyncProperty(
        output(kind),
        fc.constantFrom(...SIZES),
        fc.nat({ max: 70 }),
        async (codes, [columns, rows], above) => {
          const size = displaySize(kind.machine, columns, rows);
          const computer = kind.create(size.rows, size.columns);
          const display = new MachineDisplay(kind.machine, columns, rows);
          const screen = new Screen(columns, rows);
          // The lower case is the one that this character set is named for.
          if (computer instanceof Commodore64) computer.lowerCase = true;
          await screen.feed('$ telpty connect\r\n'.repeat(above));
          await screen.feed(display.write(Uint8Array.from(codes)));
          computer.feed(Uint8Array.from(codes));
          assertSame(screen, computer);
          // The memory of the screen is the same, too: another character set redraws everything.
          if (computer instanceof Commodore64) {
            const codes = Uint8Array.of(computer.lowerCase ? 142 : 14);
            await screen.feed(display.write(codes));
            computer.feed(codes);
            assertSame(screen, computer);
          }
          await screen.feed(`\r\n${display.resume()}`);
          const { baseY } = screen.terminal.buffer.active;
          const [x, y] = screen.cursor;
          assert.equal(x, computer.column);
          const line = screen.terminal.buffer.active.getLine(baseY + y)!;
          for (const [column, place] of computer.places[computer.row]!.slice(0, x).entries()) {
            const cell = line.getCell(column)!;
            assert.equal(cell.getChars() || ' ', place.character.replace('\u00a0', ' '));
            assert.equal(cell.isInverse() !== 0, place.reverse);
          }
          screen.dispose();
        },
      );
      await fc.assert(property, { numRuns: 150 });
    });

    it('shows the same wherever the output is cut', async () => {
      const cuts = fc.array(fc.integer({ min: 1, max: 20 }), { minLength: 1 });
      const property = fc.asyncProperty(output(kind), cuts, async (codes, lengths) => {
        const whole = new MachineDisplay(kind.machine, 80, 30);
        const pieces = new MachineDisplay(kind.machine, 80, 30);
        const expected = whole.write(Uint8Array.from(codes));
        let text = '';
        for (let at = 0, index = 0; at < codes.length; index++) {
          const length = lengths[index % lengths.length]!;
          text += pieces.write(Uint8Array.from(codes.slice(at, at + length)));
          at += length;
        }
        const computer = kind.create(kind.machine.rows, kind.machine.columns);
        if (computer instanceof Commodore64) computer.lowerCase = true;
        computer.feed(Uint8Array.from(codes));
        const screen = new Screen(80, 30);
        await screen.feed(text);
        assertSame(screen, computer);
        screen.dispose();
        // A new character set is shown at the end of a piece; everything else at once. (Lines that have scrolled off by
        // then keep the old one.)
        const selects = kind.machine === c64 && codes.some(code => SET_SELECTIONS.includes(code));
        if (!selects) assert.equal(text, expected);
      });
      await fc.assert(property, { numRuns: 100 });
    });

    it('needs a bounded number of characters for each code', () => {
      for (const code of allCodes) {
        const display = new MachineDisplay(kind.machine, 80, 30);
        const screenful = Uint8Array.from({ length: 40 * 25 }, () => 0x23);
        display.write(screenful);
        const { length } = display.write(Uint8Array.from({ length: 1_000 }, () => code));
        assert.ok(length <= 60_000, `${code}: ${length}`);
      }
    });
  });
}

/** What a terminal shows for output of one of the machines. */
async function shown(machine: Machine, ...parts: readonly (string | readonly number[])[]): Promise<Screen> {
  const screen = new Screen(80, 30);
  const display = new MachineDisplay(machine, 80, 30);
  for (const part of parts) {
    const bytes = typeof part === 'string' ? Buffer.from(part, 'latin1') : Uint8Array.from(part);
    await screen.feed(display.write(bytes));
  }
  return screen;
}

describe('a Commodore 64 on a terminal', () => {
  it('has 16 colours, of which a terminal has most', async () => {
    const screen = await shown(c64, [0x41, 28, 0x42, 5, 0x43, 158, 0x44, 129, 0x45, 155, 0x46]);
    const line = screen.terminal.buffer.active.getLine(0)!;
    const colours = Array.from({ length: 6 }, (_, column) => {
      const cell = line.getCell(column)!;
      return cell.isFgDefault() ? undefined : cell.getFgColor();
    });
    assert.deepEqual(colours, [undefined, 1, 15, 11, 3, undefined]);
    screen.dispose();
  });

  it('shows everything in the other character set when that is selected', async () => {
    const screen = await shown(c64, [0x41, 0xc1, 0x61, 13, 0xde], [142]);
    assert.equal(screen.text(), 'A♠♠\nπ');
    assert.deepEqual(screen.cursor, [1, 1]);
    const again = await shown(c64, [0x41, 0xc1, 0x61], [142], [0xc1, 14]);
    assert.equal(again.text(), 'aAAA');
    for (const each of [screen, again]) each.dispose();
  });

  it('ends reverse video at the end of a line, and ignores the LF of a CR LF', async () => {
    const screen = await shown(c64, [18, 0x41, 13, 10, 0x42]);
    assert.equal(screen.text(), 'a\nb');
    const isInverse = (row: number) => screen.terminal.buffer.active.getLine(row)!.getCell(0)!.isInverse() !== 0;
    assert.deepEqual([isInverse(0), isInverse(1)], [true, false]);
    screen.dispose();
  });

  it('clears the terminal, and rings its bell', async () => {
    const display = new MachineDisplay(c64, 80, 24);
    assert.equal(display.write(Uint8Array.of(CLEAR_C64, 7)), '\x1b[H\x1b[2J\x07');
  });
});

describe('after other output on the terminal', () => {
  it('the line of the cursor is shown again', async () => {
    const screen = new Screen(80, 30);
    const display = new MachineDisplay(c64, 80, 30);
    await screen.feed(display.write(Uint8Array.of(0x41, 13, 28, 0x42, 0x3a)));
    await screen.feed('\r\ntelpty> status\r\n');
    await screen.feed(display.resume());
    await screen.feed(display.write(Uint8Array.of(0x43)));
    assert.equal(screen.text(), 'a\nb:\ntelpty> status\nb:c');
    screen.dispose();
  });

  it('a line that the terminal has edited and echoed is one line of the machine', async () => {
    const screen = new Screen(80, 30);
    const display = new MachineDisplay(atari, 80, 30);
    await screen.feed(display.write(Buffer.from('Name? ')));
    await screen.feed('Ada\r\n');
    display.lineTyped();
    await screen.feed(display.write(Buffer.from('Hello')));
    assert.equal(screen.text(), 'Name? Ada\nHello');
    assert.deepEqual(screen.cursor, [5, 1]);
    screen.dispose();
  });
});

describe('a terminal that changes its size', () => {
  it('keeps the line of the cursor', async () => {
    const screen = new Screen(80, 30);
    const display = new MachineDisplay(c64, 80, 30);
    await screen.feed(display.write(Uint8Array.from(Array.from({ length: 20 }, (_, at) => [0x41 + at, 13]).flat())));
    screen.resize(80, 10);
    display.resize(80, 10);
    await screen.feed(display.write(Uint8Array.of(0x5a, 145, 0x59)));
    assert.match(screen.text(), /t\.?y?\nz$|ty\nz$|t\ny?z$/);
    assert.deepEqual(screen.cursor, [2, screen.cursor[1]]);
    screen.dispose();
  });
});

describe('output of home computers as text', () => {
  const textOf = (machine: Machine, bytes: readonly number[] | Buffer): string =>
    new MachineText(machine).write(Uint8Array.from(bytes));

  it('has a line feed for each Return, and no colours', () => {
    assert.equal(textOf(c64, [147, 14, 28, 0xc8, 0x49, 13, 18, 0x41, 146, 0x42, 13, 13, 0x43]), 'Hi\nab\n\nc');
    assert.equal(textOf(atari, Buffer.from('Hi\x9b\xe1b\x9b', 'latin1')), 'Hi\nab\n');
  });

  it('has spaces where the cursor was moved to the right, and lines where it was moved down', () => {
    assert.equal(textOf(c64, [0x41, 29, 29, 0x42, 17, 17, 0x43]), 'a  b\n\n    c');
    assert.equal(textOf(atari, Buffer.from('a\x1f\x1fb\x1dc', 'latin1')), 'a  b\n    c');
  });

  it('puts text that is written over other text in a line of its own', () => {
    assert.equal(textOf(c64, [0x41, 0x42, 157, 157, 0x43, 13, 0x44]), 'ab\nc\nd');
    assert.equal(textOf(c64, [0x41, 13, 0x42, 19, 0x43, 147, 0x44]), 'a\nb\nc\nd');
  });

  it('breaks a line after the last column, as the machine does', () => {
    assert.equal(textOf(atari, Buffer.from(`${'x'.repeat(41)}\x9by`, 'latin1')), `${'x'.repeat(40)}\nx\ny`);
  });

  it('is the same wherever the output is cut', () => {
    for (const kind of kinds) {
      const property = fc.property(output(kind), fc.nat(), (codes, position) => {
        const cut = position % (codes.length + 1);
        const pieces = new MachineText(kind.machine);
        const text = [codes.slice(0, cut), codes.slice(cut)].map(part => pieces.write(Uint8Array.from(part))).join('');
        assert.equal(text, textOf(kind.machine, codes));
      });
      fc.assert(property);
    }
  });
});
