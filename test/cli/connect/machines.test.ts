/** `telpty connect` as the terminal of a home computer, in a real terminal. */
import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { openClient, openPrompt, withPeer } from '../../support/clients/connect.ts';
import { CMD, naws, OPT } from '../../support/clients/test-client.ts';
import { startServer } from '../../support/servers/server.ts';
import { requireTool } from '../../support/system/tools.ts';

const TIMEOUT = { timeout: 600_000 };
const { WILL, DO } = CMD;

const PROGRAM = `
import curses, locale
locale.setlocale(locale.LC_ALL, '')
def main(screen):
    curses.start_color()
    curses.init_pair(1, curses.COLOR_RED, curses.COLOR_BLACK)
    row, column, typed = 12, 20, ''
    while True:
        screen.erase()
        screen.border()
        screen.addstr(2, 2, '%dx%d' % screen.getmaxyx())
        screen.addstr(3, 2, 'Red', curses.color_pair(1))
        screen.addstr(3, 12, 'reverse', curses.A_REVERSE)
        screen.addstr(5, 2, typed)
        screen.addch(row, column, '@')
        screen.move(row, column)
        key = screen.get_wch()
        if key == curses.KEY_UP: row -= 1
        elif key == curses.KEY_DOWN: row += 1
        elif key == curses.KEY_LEFT: column -= 1
        elif key == curses.KEY_RIGHT: column += 1
        elif key == curses.KEY_BACKSPACE: typed = typed[:-1]
        elif key == chr(10): typed += '/'
        elif key == 'q': return
        elif isinstance(key, str): typed += key
        else: typed += curses.keyname(key).decode()
curses.wrapper(main)
`;

for (const { encoding, rows, sides, keys } of [
  { encoding: 'petscii', rows: 25, sides: '│', keys: 'KEY_IC KEY_F(7)' },
  { encoding: 'atascii', rows: 24, sides: '|', keys: 'KEY_IC KEY_DC' },
]) {
  test(`a program that is served in ${encoding} is shown, and gets the keys of the terminal`, TIMEOUT, async () => {
    const args = ['--program-encoding', 'utf-8', '--env', 'LANG=C.UTF-8', '--encoding', encoding];
    await using server = await startServer(args, { program: [requireTool('python3'), '-c', PROGRAM] });
    await using term = await openClient(server.port, ['--encoding', encoding], { cols: 90, rows: 30 });
    const line = async (row: number): Promise<string> => (await term.capture()).split('\n')[row] ?? '';
    await term.waitFor(/@/);
    assert.equal(await line(0), `┌${'─'.repeat(38)}┐`);
    assert.equal(await line(2), `${sides} ${rows}x40${' '.repeat(32)}${sides}`);
    assert.match(await line(rows - 1), /^└─{38}/);
    const coloured = await term.capture({ colours: true });
    assert.match(coloured, /\x1b\[7mreverse/);
    if (encoding === 'petscii') assert.match(coloured, /\x1b\[31mRed/);
    await term.keys('Up', 'Left', 'Left', 'Down', 'Right');
    await term.waitFor(screen => screen.split('\n')[12]?.[19] === '@');
    assert.deepEqual(await term.cursor(), [19, 12]);
    await term.type('aZx\x7f|{\r');
    await term.keys('IC', ...(encoding === 'petscii' ? ['F7'] : ['DC']));
    await term.waitFor(screen => screen.includes(`${encoding === 'petscii' ? 'aZ│' : 'aZ|'}`));
    await term.waitFor(screen => screen.includes(`/${keys.replaceAll(' ', '').replaceAll('_', '▁').slice(0, 3)}`));
    const shown = (await line(5)).replaceAll('▁', '_');
    assert.match(shown, new RegExp(`/${keys.replace(' ', '').replace(/[()]/g, '\\$&')} `));
    await term.type('q');
    assert.equal(await term.exitStatus(), 0);
  });
}

test('a server that does not speak Telnet gets each key, and echoes it itself', TIMEOUT, () =>
  withPeer(
    async (term, wire) => {
      wire.send([147, 14, 0xce, 0x41, 0x4d, 0x45, 0x3f, 0x20]);
      await term.waitFor(/^Name\?$/);
      await term.untilModes('-icanon', '-echo');
      await term.type('Ab');
      await term.keys('Up', 'F1', 'Enter');
      await wire.expect(Buffer.of(0xc1, 0x42, 145, 133, 13, 0));
      wire.send([0xc1, 0x42, 0x44, 20, 13, 0x43]);
      await term.waitFor(/^Name\? Ab\nc$/);
      // The escape key opens the prompt; after it, the line of the server is shown again.
      await openPrompt(term);
      await term.type('status\r');
      await term.waitFor(/Character set: PETSCII\.[\s\S]*\nc$/);
      wire.send([0x44]);
      await term.waitFor(/\ncd$/);
      // A key with Alt, and ESC alone, which is complete after a pause.
      await term.type('\x1b');
      await wire.expect(Buffer.of(27));
      // A server that needs local echo.
      await openPrompt(term);
      await term.type('toggle localecho\r');
      await term.waitFor(/\ncd$/);
      await term.type('e\x7ffG');
      await wire.expect(Buffer.of(0x45, 20, 0x46, 0xc7));
      await term.waitFor(/\ncdfG$/);
      wire.halfClose();
      assert.equal(await term.exitStatus(), 0);
    },
    ['--encoding', 'petscii'],
  ),
);

test('a server that speaks Telnet and does not echo gets lines, edited and echoed locally', TIMEOUT, () =>
  withPeer(
    async (term, wire) => {
      wire.negotiate(DO, OPT.NAWS);
      // The screen of the machine on a terminal of 80 columns and 24 rows.
      await wire.expect(Buffer.from(naws(40, 24)));
      await term.untilModes('icanon', 'echo');
      wire.send(Buffer.from('Who? ', 'latin1'));
      await term.waitFor(/Who\?$/);
      await term.type('Mex');
      await term.keys('BSpace', 'Enter');
      await wire.expect(Buffer.from('Me\x9b', 'latin1'));
      wire.send(Buffer.from('Hi\x9b', 'latin1'));
      await term.waitFor(/\nWho\? Me\nHi$/);
    },
    ['--encoding', 'atascii'],
  ),
);

test('lines break after 40 columns, and --ansi-keys sends sequences', TIMEOUT, () =>
  withPeer(
    async (term, wire) => {
      wire.send([125], Buffer.from('x'.repeat(45)));
      await term.waitFor(/^x{40}\nx{5}$/);
      await term.untilModes('-icanon');
      await term.keys('Up', 'F1', 'BSpace', 'Enter');
      await wire.expect(Buffer.from('\x1b[A\x1bOP\x7e\x9b', 'latin1'));
    },
    ['--encoding', 'atascii', '--ansi-keys'],
  ),
);

test('a server that prefers UTF-8 gets the size of the terminal, and keys unchanged', TIMEOUT, () =>
  withPeer(
    async (term, wire) => {
      wire.negotiate(DO, OPT.NAWS);
      await wire.expect(Buffer.from(naws(40, 24)));
      wire.negotiate(WILL, OPT.ECHO);
      wire.negotiate(WILL, OPT.SGA);
      wire.negotiate(WILL, OPT.CHARSET);
      await wire.expectNegotiation(DO, OPT.CHARSET);
      wire.subnegotiate(OPT.CHARSET, Buffer.from('\x01;UTF-8', 'latin1'));
      await wire.expect(Buffer.from(naws(80, 24)));
      wire.send(Buffer.from('\x1b[H\x1b[2J→ ok'));
      await term.waitFor(/^→ ok$/);
      await term.keys('Up', 'F1');
      await wire.expect(Buffer.from('\x1b[A\x1bOP'));
    },
    ['--encoding', 'petscii'],
  ),
);

test('a recording has what was shown', TIMEOUT, async () => {
  const directory = mkdtempSync(join(tmpdir(), 'telpty-record-'));
  try {
    const file = join(directory, 'session.cast');
    await using server = await startServer(['--encoding', 'petscii'], {
      program: ['/bin/sh', '-c', "printf '\\223\\016\\034\\310I\\022A\\222\\015B'"],
    });
    await using term = await openClient(server.port, ['--encoding', 'petscii', '--record', file]);
    assert.equal(await term.exitStatus(), 0);
    const lines = readFileSync(file, 'utf8').trim().split('\n');
    const [header, ...events] = lines.map(line => JSON.parse(line));
    assert.deepEqual([header.term.cols, header.term.rows], [40, 25]);
    const text = events.map(([, type, data]) => (type === 'o' ? data : '')).join('');
    assert.equal(text, '\x1b[H\x1b[2J\x1b[0;31mHi\x1b[0;7;31ma\r\n\x1b[0;31mb');
  } finally {
    rmSync(directory, { recursive: true });
  }
});
