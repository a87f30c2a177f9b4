/** What `telpty play` sends to the user's terminal: frames arrive as they are, and nothing else does. */
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import fc from 'fast-check';
import { encoder } from '../../../src/charset/index.ts';
import { KeyDecoder } from '../../../src/cli/play/keys.ts';
import { depthOf } from '../../../src/cli/play/stage.ts';
import { follow, frameOf } from '../../../src/recording/player/frame.ts';
import type { Key } from '../../../src/recording/player/key.ts';
import { Painter } from '../../../src/recording/player/painter.ts';
import { Screen } from '../../../src/screen/screen.ts';
import { loadScreens } from '../../../src/screen/xterm.ts';
import { assertNothingHeld } from '../../support/leaks.ts';

before(loadScreens);
after(assertNothingHeld);

/** Text without controls, CUP, SGR, ED 2, and the modes of wrapping, cursor and alternate screen. */
const ALLOWED =
  /^(?:[^\x00-\x1f\x7f-\x9f\u061c\u200b\u200e\u200f\u2028-\u202e\u2060-\u2069]|\r\n|\x1b\[(?:\d+;\d+H|[\d;]*m|2J|\?(?:7|25|1049)[hl]))*$/u;

const HOSTILE = [
  ...[
    '\x1b[c',
    '\x1b[>c',
    '\x1b[=c',
    '\x1b[5n',
    '\x1b[6n',
    '\x1b[?6n',
    '\x1b[>q',
    '\x1b[x',
    '\x1b[?1$p',
    '\x05',
    '\x1bZ',
  ],
  ...[
    '\x1b]52;c;aGk=\x07',
    '\x1b]10;?\x07',
    '\x1b]11;?\x1b\\',
    '\x1b]4;1;?\x07',
    '\x1b]0;title\x07',
    '\x1b]9;note\x07',
  ],
  ...[
    '\x1b]777;notify;a;b\x07',
    '\x1b]8;;http://a\x07link\x1b]8;;\x07',
    '\x1b]1337;File=:AAAA\x07',
    '\x9d52;c;aGk=\x9c',
  ],
  ...[
    '\x1b[21t',
    '\x1b[8;1;1t',
    '\x1b[5i',
    '\x1bP$qm\x1b\\',
    '\x1bP+q544e\x1b\\',
    '\x90q#0\x9c',
    '\x1b_Gi=1;AAAA\x1b\\',
  ],
  ...['\x1b^private\x1b\\', '\x1bXstring\x1b\\', '\x1b[?1000;1006h', '\x1b[?2004h', '\x1b[?1004h', '\x1b[>1u', '\x1bc'],
  ...[
    '\x1b(0lqk',
    '\x0e',
    '\x1b#8',
    '\x1b[3g',
    '\x1b[4h',
    '\x1b[20h',
    '\x1b[2;3r',
    '\x1b[?6h',
    '\x1b[?5h',
    '\x1b%@',
    '\x07',
  ],
  ...[
    '\x1b]52;c;',
    '\x1bP',
    '\x1b[',
    '\x9b',
    'a\u202eb',
    'c\u200bd\u2066e',
    '\u0301',
    '\u{1f469}\u200d\u{1f680}',
    '中',
    '\ufeff',
    '\ue000',
  ],
] as const;

const output = fc.array(
  fc.oneof(
    fc.constantFrom(...HOSTILE),
    fc.string({ unit: 'binary', maxLength: 12 }),
    fc.constantFrom(
      'text ',
      '\r\n',
      '\x1b[31;44;1m',
      '\x1b[38;2;1;200;3m',
      '\x1b[m',
      '漢字',
      '\x1b[3;70H',
      '\x1b[2J',
      '\t',
    ),
  ),
  { maxLength: 30 },
);

const encodeIn = (charset: string) => (text: string) => encoder(charset).write(text);

describe('the painter', () => {
  it('lets only text, positions and attributes of a recording reach the terminal', () => {
    fc.assert(
      fc.property(
        fc.array(output, { maxLength: 4 }),
        fc.constantFrom('utf-8', 'iso-8859-1', 'cp437'),
        (parts, charset) => {
          const screen = new Screen(80, 6);
          const painter = new Painter(encodeIn(charset));
          const size = { columns: 40, rows: 5 };
          const sent = [painter.enter()];
          let view = { row: 0, column: 0 };
          for (const part of parts) {
            screen.write(part.join(''));
            view = follow(screen, size, view);
            const frame = frameOf(screen, size, view, 256);
            sent.push(painter.paint(frame), painter.lines(frame));
          }
          sent.push(painter.leave(size));
          screen.dispose();
          const bytes = Buffer.concat(sent);
          // Bytes from 0x80 are letters and box drawing in CP437.
          const text = charset === 'utf-8' ? bytes.toString() : bytes.toString('latin1');
          if (charset === 'cp437') assert.match(text.replace(/[\x80-\xff]/g, 'x'), ALLOWED);
          else assert.match(text, ALLOWED);
        },
      ),
      { numRuns: 300 },
    );
  });

  it('makes a terminal of the same size show the same, by differences', () => {
    fc.assert(
      fc.property(fc.array(output, { minLength: 1, maxLength: 6 }), parts => {
        const size = { columns: 60, rows: 8 };
        const [screen, terminal] = [new Screen(60, 8), new Screen(60, 8)];
        const painter = new Painter(encodeIn('utf-8'));
        terminal.write(painter.enter());
        for (const part of parts) {
          screen.write(part.join(''));
          const frame = frameOf(screen, size, { row: 0, column: 0 }, 'rgb');
          terminal.write(painter.paint(frame));
          const shown = frameOf(terminal, size, { row: 0, column: 0 }, 'rgb');
          assert.deepEqual(shown, frame);
        }
        screen.dispose();
        terminal.dispose();
      }),
      { numRuns: 300 },
    );
  });

  it('sends nothing for a frame that is shown already, and little for a small change', () => {
    const screen = new Screen(80, 24);
    const painter = new Painter(encodeIn('utf-8'));
    const paint = () =>
      painter.paint(frameOf(screen, { columns: 80, rows: 24 }, { row: 0, column: 0 }, 256)).toString();
    screen.write('\x1b[10;1Hsome text\x1b[10;40H');
    paint();
    assert.equal(paint(), '');
    screen.write('x');
    assert.equal(paint(), '\x1b[?25l\x1b[10;40H\x1b[mx\x1b[m\x1b[10;41H\x1b[?25h');
    screen.dispose();
  });
});

describe('the colours of a terminal', () => {
  const shown = (sequence: string, env: NodeJS.ProcessEnv) => {
    const screen = new Screen(2, 1);
    screen.write(`\x1b[${sequence}mx`);
    const [row] = frameOf(screen, { columns: 2, rows: 1 }, { row: 0, column: 0 }, depthOf(env)).rows;
    screen.dispose();
    return row!.styles[0];
  };

  it('are those that it has', () => {
    const xterm = { TERM: 'xterm-256color' };
    assert.equal(shown('38;2;255;0;0', { ...xterm, COLORTERM: 'truecolor' }), ';38;2;255;0;0');
    assert.equal(shown('38;2;255;0;0', xterm), ';38;5;196');
    assert.equal(shown('38;2;255;0;0', { TERM: 'ansi' }), ';31;1');
    assert.equal(shown('48;5;196', { TERM: 'ansi' }), ';41');
    assert.equal(shown('93', { TERM: 'ansi' }), ';33;1');
    assert.equal(shown('1;38;2;255;0;0', { TERM: 'vt100' }), ';1');
    assert.equal(shown('31', { ...xterm, NO_COLOR: '1' }), '');
  });
});

describe('keys', () => {
  const decode = (...pieces: readonly string[]): readonly Key[] => {
    const decoder = new KeyDecoder();
    return pieces.flatMap(piece => decoder.decode(Buffer.from(piece)));
  };

  it('are recognized in both forms, and in pieces', () => {
    assert.deepEqual(decode('\x1b[A\x1bOB', '\x1b', '[', '5~', 'q\x03\r'), [
      ...(['up', 'down', 'page-up'] as const),
      { character: 'q' },
      ...(['interrupt', 'enter'] as const),
    ]);
  });

  it('that are unknown are left out', () => {
    assert.deepEqual(decode('\x1b[15~\x1b[1;5P\x1b\x1b[C\x1bx\xe9'), ['right', { character: 'x' }]);
  });
});
