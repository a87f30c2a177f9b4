/** Home computers use UTF-8 programs: real programs, a real server, and the screen that the user would see. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Atari800, Commodore64 } from '../support/clients/home-computer.ts';
import { Wire } from '../support/clients/test-client.ts';
import { startServer } from '../support/servers/server.ts';
import { hermeticBash, INTERRUPTIBLE } from '../support/system/programs.ts';
import { requireTool } from '../support/system/tools.ts';

const UTF8 = ['--program-encoding', 'utf-8', '--env', 'LANG=C.UTF-8'];
const C64 = [...UTF8, '--encoding', 'petscii'];

const UP = 145;
const DOWN = 17;
const LEFT = 157;
const RIGHT = 29;
const DELETE = 20;
const RETURN = 13;

/** Encodes text as a C64 types it. */
function keys(text: string): number[] {
  return [...Buffer.from(text)].map(code => {
    if (code >= 0x61 && code <= 0x7a) return code - 0x20;
    return code >= 0x41 && code <= 0x5a ? code + 0x80 : code;
  });
}

/** A modem that refuses all Telnet options, and the computer connected to it. */
async function connect(port: number, computer: Commodore64 | Atari800): Promise<Wire> {
  const wire = await Wire.connect(port);
  wire.onData(bytes => computer.feed(bytes));
  return wire;
}

const GAME = `
import curses, locale
locale.setlocale(locale.LC_ALL, '')
def main(screen):
    curses.start_color()
    curses.init_pair(1, curses.COLOR_RED, curses.COLOR_BLACK)
    curses.init_pair(2, curses.COLOR_WHITE, curses.COLOR_BLUE)
    row, column, typed = 12, 20, ''
    while True:
        screen.erase()
        screen.border()
        screen.addstr(0, 2, '╡ Zürich ╞')
        screen.addstr(2, 2, '%dx%d %s' % (*screen.getmaxyx(), curses.termname().decode()))
        screen.addstr(3, 2, 'red', curses.color_pair(1))
        screen.addstr(3, 6, 'paper', curses.color_pair(2))
        screen.addstr(3, 12, 'reverse', curses.A_REVERSE)
        screen.addstr(4, 2, '❤ ½ “日本” → … █▀')
        screen.addstr(5, 2, 'typed: ' + typed)
        screen.addch(row, column, '@')
        screen.move(row, column)
        key = screen.get_wch()
        if key == curses.KEY_UP: row -= 1
        elif key == curses.KEY_DOWN: row += 1
        elif key == curses.KEY_LEFT: column -= 1
        elif key == curses.KEY_RIGHT: column += 1
        elif key == 'q': return
        else: typed += repr(key)
curses.wrapper(main)
`;

test('a Commodore 64 plays a curses program', async () => {
  await using server = await startServer(C64, { program: [requireTool('python3'), '-c', GAME] });
  const computer = new Commodore64();
  await using wire = await connect(server.port, computer);
  await computer.waitFor(/@/);
  const line = (row: number): string => computer.line(row);
  assert.equal(line(0), '┌─│ Zurich │──────────────────────────┐'.replace('│ Zurich │', '┤ Zurich ├'));
  assert.equal(line(1), `│${' '.repeat(37)}│`);
  assert.equal(line(2).slice(0, 14), '│ 25x39 xterm ');
  assert.equal(line(4), '│ * ? "????" > .  ▄                   │');
  assert.equal(line(24), `└${'─'.repeat(37)}┘`);
  assert.deepEqual([computer.row, computer.column], [12, 20]);
  const look = (row: number, column: number) => {
    const { reverse, colour } = computer.places[row]![column]!;
    return [reverse, colour];
  };
  assert.deepEqual(look(3, 2), [false, 28]);
  assert.deepEqual(look(3, 6), [true, 154]);
  assert.equal(look(3, 12)[0], true);
  assert.equal(look(4, 17)[0], true);
  assert.ok(computer.lowerCase && !computer.joinedLines);

  for (const [key, row, column] of [
    [UP, 11, 20],
    [LEFT, 11, 19],
    [DOWN, 12, 19],
    [RIGHT, 12, 20],
    [DOWN, 13, 20],
  ] as const) {
    wire.send([key]);
    await computer.waitFor(() => computer.row === row && computer.column === column && line(row)[column] === '@');
  }
  wire.send([...keys('aZ|_'), 0xdc, 0x5f, DELETE, 133]);
  await computer.waitFor(/typed: 'a''Z''│''▁''│''▁'/);
  wire.send(keys('q'));
  await wire.untilEnd();
});

test('a Commodore 64 edits a command line in bash', async () => {
  const bash = hermeticBash();
  await using server = await startServer([...bash.args, ...C64], { program: bash.program });
  const computer = new Commodore64();
  await using wire = await connect(server.port, computer);
  await computer.waitFor(/ready\$$/);
  wire.send([...keys('echo "[$TERM] [$LANG]"; stty sizX'), DELETE, ...keys('e'), RETURN]);
  await computer.waitFor(/\[xterm\] \[C\.▁?UTF-8\]\n25 39\nready\$$/);
  // The last line again, by the cursor keys; and a line longer than the screen.
  wire.send([UP, ...keys('; echo 0123456789012345678901234567890123456789'), RETURN]);
  await computer.waitFor(/25 39\n012345678901234567890123456789012345678\n9\nready\$$/);
  wire.send([...keys("printf 'caf\\u00e9 \\u2500\\n'".replaceAll('\\', '\x5c')), RETURN]);
  await computer.waitFor(/cafe ─\nready\$$/);
  wire.send([...keys(INTERRUPTIBLE), RETURN]);
  await computer.waitFor(/\nstarted$/);
  wire.send([3]);
  await computer.waitFor(/\nstarted\n(↑C)?\n?ready\$$/);
  // More than a screen: its end is shown, and no lines were joined.
  wire.send([...keys('seq 1 300; echo done'), RETURN]);
  await computer.waitFor(/298\n299\n300\ndone\nready\$$/);
  assert.ok(!computer.joinedLines);
  wire.send([...keys('exit'), RETURN]);
  await wire.untilEnd();
});

test('a Commodore 64 plays worm', async () => {
  await using server = await startServer(C64, { program: [requireTool('worm')] });
  const computer = new Commodore64();
  await using wire = await connect(server.port, computer);
  await computer.waitFor(/\*{39}|Worm|@/);
  await computer.waitFor(text => text.includes('o') && text.includes('@'));
  wire.send([RIGHT, RIGHT, RIGHT]);
  wire.send([3]);
  await wire.untilEnd();
  assert.ok(!computer.joinedLines);
});

test('an Atari 800 uses a curses program', async () => {
  const atari = [...UTF8, '--encoding', 'atascii'];
  await using server = await startServer(atari, { program: [requireTool('python3'), '-c', GAME] });
  const computer = new Atari800();
  await using wire = await connect(server.port, computer);
  await computer.waitFor(/@/);
  assert.equal(computer.line(0), '┌─┤ Zurich ├──────────────────────────┐');
  assert.equal(computer.line(2).slice(0, 14), '| 24x39 xterm ');
  assert.equal(computer.places[3]![12]!.reverse, true);
  wire.send([28, 30]);
  await computer.waitFor(() => computer.row === 11 && computer.column === 19);
  wire.send([...Buffer.from('hi'), 0x9b]);
  await computer.waitFor(/typed: 'h''i''\\n'/);
  wire.send([0x71]);
  await wire.untilEnd();
});

test('--encoding: a DOS terminal, a Russian terminal, an unknown character set', async () => {
  const program = ['/bin/sh', '-c', 'printf \'╔═╗ é ё\\n\'; read -r x; printf %s "$x" | od -An -tx1; read x'];
  for (const [encoding, shown, typed, read] of [
    ['cp437', [0xc9, 0xcd, 0xbb, 0x20, 0x82, 0x20, 0x65], [0x82], 'c3 a9'],
    ['koi8-r', [0xa5, 0xa0, 0xa8, 0x20, 0x65, 0x20, 0xa3], [0xa3], 'd1 91'],
  ] as const) {
    await using server = await startServer([...UTF8, '--encoding', encoding], { program });
    await using wire = await Wire.connect(server.port);
    await wire.expect(Uint8Array.from(shown));
    wire.type([...typed, RETURN]);
    await wire.expect(read);
  }
});
