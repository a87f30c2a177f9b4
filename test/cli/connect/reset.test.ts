/** `telpty connect` resets everything that a server has set in the user's terminal, however the session ends. */
import assert from 'node:assert/strict';
import { Writable } from 'node:stream';
import { after, test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import fc from 'fast-check';
import { TerminalOutput } from '../../../src/cli/connect/terminal/output.ts';
import { type Pty, spawnPty } from '../../../src/pty/index.ts';
import { closed } from '../../pty/support.ts';
import { clientPid, command } from '../../support/clients/connect.ts';
import { Peer } from '../../support/clients/peer.ts';
import { Screen } from '../../support/clients/screen.ts';
import { CMD, OPT, type Wire } from '../../support/clients/test-client.ts';
import { Terminal } from '../../support/clients/tmux.ts';
import { assertNothingHeld, childrenOf, processInfo, untilTrue } from '../../support/leaks.ts';
import { PATIENCE_MS } from '../../support/patience.ts';
import { CLI } from '../../support/servers/server.ts';

after(assertNothingHeld);

const TIMEOUT = { timeout: 600_000 };
const SIZE = { columns: 80, rows: 24 };
const { WILL, DO } = CMD;

/** Standard output that only records what was written. */
class Sink extends Writable {
  text = '';
  override _write(chunk: Buffer, _: BufferEncoding, done: () => void): void {
    this.text += chunk.toString('latin1');
    done();
  }
}

function openOutput(isUtf8 = true): { output: TerminalOutput; sink: Sink } {
  const sink = new Sink();
  return { sink, output: new TerminalOutput(sink, () => SIZE, isUtf8) };
}

/** The bytes printed at the end of a session with this output. */
function resetAfter(printed: string, isUtf8 = true): string {
  const { output, sink } = openOutput(isUtf8);
  output.write(Buffer.from(printed, 'latin1'));
  sink.text = '';
  output.reset();
  return sink.text;
}

test('a session that has set nothing, or has reset all of it, prints nothing', () => {
  const plain = [
    'text\r\n\ttext\b\x07',
    'žluťoučký kůň Ý ě',
    '\x1b[2J\x1b[1;1H\x1b[K\x1b[5A',
    '\x1b[1;31mred\x1b[0m \x1b[4mline\x1b[24m \x1b[38;5;0mblack\x1b[39m \x1b[38;2;0;0;0m\x1b[m \x1b[4:3m\x1b[4:0m',
    '\x1b[?1049h\x1b[?25l\x1b[1;23r\x1b[?1h\x1b=\x1b[?2004h\x1b[?2004l\x1b[?1l\x1b>\x1b[1;24r\x1b[?25h\x1b[?1049l',
    '\x1b(0lqk\x1b(B \x0elqk\x0f',
    '\x1b]0;title\x07\x1b]2;title [?1000h\x1b\\\x1b]10;?\x07\x1b[c\x1b[6n',
    '\x1bP+q544e\x1b\\\x1b_Gi=1;AAAA\x1b\\',
    '\x1b[>1u\x1b[<u\x1b[=5u\x1b[=0u\x1b[>4;2m\x1b[>4m\x1b[>4;1m\x1b[>4;0m',
    '\x1b[2;5r\x1b[r\x1b[3 q\x1b[0 q\x1b[4h\x1b[4l\x1b[?1002;1006h\x1b[?1006;1002l',
    '\x1bP=1s\x1b\\\x1bP=2s\x1b\\\x1b[>1s\x1b[>s\x1b[1q\x1b[q\x1bl\x1bm\x1b]21;foreground=?\x07',
    '\x1b]4;1;red\x07\x1b]104\x07\x1b]11;#000\x07\x1b]111\x07\x1b]8;;http://a\x07a\x1b]8;;\x07',
    '\x1b[>1u\x1b[2;5r\x1b[?6h\x1b[3g\x1b[?1049h\x1bc',
  ];
  for (const printed of plain) {
    assert.equal(JSON.stringify(resetAfter(Buffer.from(printed).toString('latin1'))), '""', JSON.stringify(printed));
  }
});

test('everything that was set is reset, each mode in its own way', () => {
  const rows: readonly (readonly [printed: string, reset: string])[] = [
    ['\x1b[>1u', '\x1b[<1u'],
    ['\x1b[>1u\x1b[>3u\x1b[>u\x1b[<1u', '\x1b[<2u'],
    ['\x1b[=31;1u', '\x1b[=0;1u'],
    ['\x1b[>1u\x1b[=9;2u', '\x1b[<1u'],
    ['\x1b[?1049h\x1b[>1u', '\x1b[<1u\x1b[?1049l'],
    // Each screen has its own stack.
    ['\x1b[>5u\x1b[?1049h\x1b[>1u', '\x1b[<1u\x1b[?1049l\x1b[<1u'],
    ['\x1b[?1049h\x1b[>1u\x1b[?1049l', '\x1b[?1049h\x1b[<1u\x1b[?1049l'],
    ['\x1b[>1u'.repeat(100), '\x1b[<100u'],
    ['\x1b[>4;2m', '\x1b[>4m'],
    ['\x1b[>4;2m\x1b[>1;3m', '\x1b[>4m\x1b[>1m'],
    ['\x1b[>4;1f', '\x1b[>4f'],
    ...[9, 1000, 1001, 1002, 1003, 1004, 1005, 1006, 1015, 1016, 2004, 2026, 2031, 2048, 9001, 1, 5, 66, 69, 45].map(
      mode => [`\x1b[?${mode}h`, `\x1b[?${mode}l`] as const,
    ),
    ['\x1b[?25l', '\x1b[?25h'],
    ['\x1b[?7l', '\x1b[?7h'],
    ['\x1b[?0001000;;1006h', '\x1b[?1000l\x1b[?1006l'],
    ...[47, 1047, 1049].map(mode => [`\x1b[?${mode}h`, `\x1b[?${mode}l`] as const),
    ['\x1b[4h', '\x1b[4l'],
    ['\x1b[2;20h', '\x1b[2l\x1b[20l'],
    ['\x1b[12l', '\x1b[12h'],
    ['\x1b(0', '\x1b(B'],
    ['\x1b)0', '\x1b)B'],
    ['\x1b(%5', '\x1b(B'],
    ['\x0e', '\x0f'],
    ['\x1bn', '\x0f'],
    ['\x1b=', '\x1b>'],
    ['\x1b[2;5r', '\x1b7\x1b[r\x1b8'],
    ['\x1b[?6h', '\x1b[?6l\x1b[24;1H'],
    ['\x1b[5 q', '\x1b[0 q'],
    ['\x1b[?17;0;64c', '\x1b[?0c'],
    ['\x1b[38;5;0m', '\x1b[m'],
    ['\x1b[0;1m', '\x1b[m'],
    ['\x1b[11m\x1b[0m', '\x1b[10m\x1b[m'],
    ['\x1b%@', '\x1b%G'],
    ['\x1b G', '\x1b F'],
    ['\x1b[?2l', '\x1b<\x1b(B'],
    ['\x1b[5i', '\x1b[4i'],
    ['\x1b[?5i', '\x1b[?4i'],
    ['\x1b]10;red\x07\x1b]12;blue\x1b\\', '\x1b]110\x1b\\\x1b]112\x1b\\'],
    ['\x1b]4;1;red;2;green\x07\x1b]104;1\x07', '\x1b]104\x1b\\'],
    [`\x1b]4${';1;red'.repeat(1_000)}\x07`, '\x1b]104\x1b\\'],
    ['\x1b]P1ff0000', '\x1b]R\x1b\\'],
    ['\x1b]8;;http://a\x07', '\x1b]8;;\x1b\\'],
    ['\x1b]9;4;1;50\x07', '\x1b]9;4;0\x1b\\'],
    ['\x1b[22;0t\x1b]0;title\x07', '\x1b[23;0t'],
    ['\x1b[1$}', '\x1b[0$}'],
    ['\x1bP1;1|17/41\x1b\\', '\x1bP0;1|\x1b\\'],
    ['\x1b]21;foreground=red;4=blue\x1b\\', '\x1b]21;foreground\x1b\\\x1b]21;4\x1b\\'],
    ['\x1bP=1s\x1b\\', '\x1bP=2s\x1b\\'],
    ['\x1b[>1s', '\x1b[>0s'],
    ['\x1b[>2t', '\x1b[>T'],
    ['\x1b[2q', '\x1b[0q'],
    ['\x1b[10;440]\x1b[11;9]', '\x1b[10]\x1b[11]'],
    ['\x1bl', '\x1bm'],
    ['\x1b$B', '\x1b(B'],
    ['\x1b$)C', '\x1b)B'],
    ['\x1b[?38h', '\x1b\x03\x18\x1b[?38l'],
    ['\x1b[?1046l', '\x1b[?1046h'],
    ['\x1b[?80h', '\x1b[?80l'],
    // Saved and restored with the cursor.
    ['\x1b(0\x1b7\x1b(B\x1b8', '\x1b(B'],
    ['\x1b[31m\x1b[?1049h\x1b[m', '\x1b[?1049l\x1b[m'],
    ['\x1b[?1000h\x1b[?1000s\x1b[?1000l\x1b[?1000r', '\x1b[?1000l'],
    // A string that an ESC ends; C1, in UTF-8 and alone; a sequence that only some terminals recognise is not a reset.
    ['\x1b]0;title\x1b[?1000h', '\x1b[?1000l'],
    ['\xc2\x9b?1000h', '\x1b[?1000l'],
    ['\x9b?1000h', '\x1b[?1000l'],
    ['\x1b[?1000h\xc2\x9b?1000l', '\x1b[?1000l'],
    ['\x1b[?1000h\x1b]0;title\x1b[?1000l\x07', '\x1b[?1000l'],
    // Control characters in the middle of a sequence are executed; CAN aborts it.
    ['\x1b[?10\x0e00\rh', '\x0f\x1b[?1000l'],
    ['\x1b[?1000\x18h', ''],
    // An unfinished sequence is ended, so that the next output does not become its rest.
    ['\x1b[?100', '\x18\x1b\\'],
    ['\x1b]0;title', '\x18\x1b\\'],
    ['\x1bPq#0', '\x18\x1b\\'],
    ['\x1b', '\x18\x1b\\'],
  ];
  for (const [printed, reset] of rows) {
    assert.equal(JSON.stringify(resetAfter(printed)), JSON.stringify(reset), JSON.stringify(printed).slice(0, 200));
  }
  assert.equal(resetAfter('\x9b?1000h', false), '\x1b[?1000l');
  assert.equal(resetAfter('\x1b%G', false), '\x1b%@');
});

/** The part of a terminal's state that a person or a program can observe. */
async function stateOf(screen: Screen): Promise<unknown> {
  const { terminal } = screen;
  const { buffer, modes } = terminal;
  const core = (terminal as unknown as { _core: { coreService: { isCursorHidden: boolean } } })._core;
  const before = { ...modes };
  // The attributes of text, insert mode, the scroll region, and the tab stops.
  await screen.feed('\r\n\x1b[2Klqk~');
  const line = buffer.active.getLine(buffer.active.baseY + buffer.active.cursorY)!;
  const cell = line.getCell(0)!;
  const look = [
    cell.getChars(),
    cell.getFgColorMode(),
    cell.getBgColorMode(),
    cell.isBold(),
    cell.isInverse(),
    cell.isInvisible(),
  ];
  await screen.feed('\rX\r\t');
  const tab = buffer.active.cursorX;
  await screen.feed(`\r${'\n'.repeat(SIZE.rows)}`);
  const bottom = buffer.active.cursorY;
  return {
    ...{ type: buffer.active.type, hidden: core.coreService.isCursorHidden, before },
    ...{ look, text: line.translateToString(true), tab, bottom },
  };
}

const escapeSequence = fc.oneof(
  fc
    .tuple(
      fc.constantFrom(
        1,
        3,
        5,
        6,
        7,
        9,
        12,
        25,
        45,
        47,
        66,
        1000,
        1002,
        1003,
        1004,
        1006,
        1016,
        1047,
        1048,
        1049,
        2004,
        2026,
      ),
      fc.constantFrom('h', 'h', 'l'),
    )
    .map(([mode, final]) => `\x1b[?${mode}${final}`),
  fc.tuple(fc.constantFrom(4, 20), fc.constantFrom('h', 'l')).map(([mode, final]) => `\x1b[${mode}${final}`),
  fc
    .array(
      fc.constantFrom('0', '', '1', '4', '7', '8', '22', '27', '31', '39', '38;5;0', '48;2;0;0;0', '38:5:0', '100'),
      { maxLength: 4 },
    )
    .map(list => `\x1b[${list.join(';')}m`),
  fc.constantFrom(
    '\x1b(0',
    '\x1b)0',
    '\x1b(B',
    '\x1b)B',
    '\x0e',
    '\x0f',
    '\x1bn',
    '\x1bo',
    '\x1b=',
    '\x1b>',
    '\x1b7',
    '\x1b8',
  ),
  fc.constantFrom(
    '\x1b[s',
    '\x1b[u',
    '\x1b[2;5r',
    '\x1b[r',
    '\x1b[1;24r',
    '\x1b[3g',
    '\x1bH',
    '\x1b[!p',
    '\x1bc',
    '\x1b[5;9H',
  ),
  fc.constantFrom(
    '\x1b]0;ti',
    '\x1bP1$',
    '\x1b_G',
    '\x1b\\',
    '\x07',
    '\x18',
    '\x1a',
    '\x1b[',
    '\x1b',
    '\x9b',
    '\x9d',
    '\x90',
    '\x9c',
  ),
  fc.constantFrom('text', '\r\n', 'ž', '—', '漢', '\t', ';', '?', '1000', 'h', 'l'),
);

test('random output, cut anywhere: the terminal is like a new one afterwards', { timeout: 600_000 }, async () => {
  const fresh = new Screen(SIZE.columns, SIZE.rows);
  const expected = JSON.stringify(await stateOf(fresh));
  fresh.dispose();
  const cuts = fc.array(fc.integer({ min: 1, max: 9 }), { minLength: 1, maxLength: 5 });
  await fc.assert(
    fc.asyncProperty(fc.array(escapeSequence, { maxLength: 25 }), cuts, async (parts, lengths) => {
      const bytes = Buffer.from(parts.join(''));
      const { output, sink } = openOutput();
      for (let at = 0, n = 0; at < bytes.length; n++) {
        const end = at + lengths[n % lengths.length]!;
        output.write(bytes.subarray(at, end));
        at = end;
      }
      output.reset();
      const screen = new Screen(SIZE.columns, SIZE.rows);
      await screen.feed(Buffer.from(sink.text, 'latin1'));
      const state = JSON.stringify(await stateOf(screen));
      screen.dispose();
      assert.equal(state, expected, JSON.stringify(sink.text));
    }),
    { numRuns: 400 },
  );
});

test('what a program has set is restored after the shell or the prompt has used the terminal', () => {
  const { output, sink } = openOutput();
  const shown = (audience: TerminalOutput['audience']) => {
    sink.text = '';
    output.audience = audience;
    return sink.text;
  };
  output.write(
    Buffer.from('\x1b[>1u\x1b[?1049h\x1b[>3u\x1b[>5u\x1b[?1002;1006h\x1b[?25l\x1b[2;5r\x1b[31m\x1b]10;red\x07'),
  );
  assert.equal(
    JSON.stringify(shown('shell')),
    JSON.stringify('\x1b[<2u\x1b[?1049l\x1b[<1u\x1b[m\x1b[?1002l\x1b[?1006l\x1b[?25h\x1b]110\x1b\\\x1b7\x1b[r\x1b8'),
  );
  assert.equal(
    JSON.stringify(shown('program')),
    JSON.stringify(
      '\x1b[>1u\x1b[?1049h\x1b[>3u\x1b[>5u\x1b[?1002h\x1b[?1006h\x1b[?25l\x1b7\x1b[2;5r\x1b8\x1b[31m\x1b]10;red\x1b\\',
    ),
  );
  assert.equal(JSON.stringify(shown('prompt')), JSON.stringify('\x1b[>0u\x1b[?1002l\x1b[?25h'));
  assert.equal(JSON.stringify(shown('program')), JSON.stringify('\x1b[<1u\x1b[?1002h\x1b[?25l'));
  // While lines are edited locally, keys must be those that the terminal's line discipline knows.
  assert.equal(JSON.stringify(shown('line')), JSON.stringify('\x1b[>0u'));
  sink.text = '';
  output.write(Buffer.from('\x1b[>7u'));
  assert.equal(JSON.stringify(sink.text), JSON.stringify('\x1b[>7u\x1b[<2u\x1b[>7u\x1b[>0u'));
});

/** Everything that a crashed full-screen program leaves set. */
const CRASHED =
  '\x1b[22;0t\x1b]0;theirs\x07\x1b[?1049h\x1b[>1u\x1b[>4;2m\x1b[?1003h\x1b[?1006h\x1b[?1004h\x1b[?2004h\x1b[?1h\x1b=' +
  '\x1b[?25l\x1b[?7l\x1b[4h\x1b[2;5r\x1b[?5h\x1b(0\x1b)0\x0e\x1b[1;7;31m\x1b[5 q\x1b]10;red\x07text';
/** Requests to a terminal, and their answers. */
const QUERIES = '\x1b[c\x1b[>c\x1b[6n\x1b[5n\x1b[?2026$p\x1bP$qm\x1b\\\x1b]10;?\x07';

/** The client on its own emulated terminal, which answers as terminals do, after `delay`. */
class Drawn implements AsyncDisposable {
  readonly pty: Pty;
  readonly screen = new Screen();
  output = '';
  readonly #drawn: Promise<void>[] = [];

  constructor(port: number, args: readonly string[] = []) {
    const env = { PATH: process.env.PATH ?? '', TERM: 'xterm-256color', LANG: 'C.UTF-8' };
    this.pty = spawnPty(process.execPath, [CLI, 'connect', ...args, '127.0.0.1', String(port)], {
      env,
    });
    this.pty.on('data', (chunk: Buffer) => {
      this.output += chunk.toString('latin1');
      this.#drawn.push(this.screen.feed(chunk));
    });
    this.screen.terminal.onData(text => {
      if (!this.pty.destroyed) this.pty.write(text);
    });
  }

  async ended(): Promise<number | null> {
    const { code } = await this.pty.exited;
    await closed(this.pty);
    await Promise.all(this.#drawn);
    return code;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (!this.pty.closed) {
      await this.pty.hangup({ timeout: 0 });
      await closed(this.pty);
    }
    this.screen.dispose();
  }
}

/** A client whose server receives each key, and has printed something. */
async function drawn(peer: Peer, printed: string): Promise<{ client: Drawn; wire: Wire }> {
  const client = new Drawn(peer.port);
  const wire = await peer.accept();
  wire.negotiate(WILL, OPT.ECHO);
  wire.negotiate(WILL, OPT.SGA);
  await wire.expectNegotiation(DO, OPT.SGA);
  wire.send(printed);
  return { client, wire };
}

test('however the session ends, the terminal is restored, and sends no answers to the shell', {
  timeout: 300_000,
}, async () => {
  await using peer = await Peer.listen();
  const ends: readonly (readonly [status: number, end: (client: Drawn, wire: Wire) => void | Promise<void>])[] = [
    [0, (_, wire) => wire.halfClose()],
    [1, (_, wire) => wire.reset()],
    [
      0,
      async client => {
        client.pty.write('\x1d');
        await client.screen.waitFor(/telpty>/);
        client.pty.write('close\r');
      },
    ],
    [143, client => client.pty.kill('SIGTERM')],
    [129, client => client.pty.kill('SIGHUP')],
    [130, client => client.pty.kill('SIGINT')],
  ];
  const fresh = new Screen(SIZE.columns, SIZE.rows);
  const expected = await stateOf(fresh);
  fresh.dispose();
  for (const [status, end] of ends) {
    const { client, wire } = await drawn(peer, CRASHED);
    await using _ = client;
    // (A pty has no other signal that output was printed.)
    await untilTrue(() => client.output.includes('text'));
    // (A reset could overtake them.)
    if (status !== 1) await wire.sent(QUERIES);
    await end(client, wire);
    assert.equal(await client.ended(), status);
    assert.equal(client.pty.master.inputWaiting, 0, `left for the shell after ${status}`);
    assert.deepEqual(await stateOf(client.screen), expected, JSON.stringify(client.output));
    assert.match(client.output, /\x1b\[<[12]u\x1b\[\?1049l/);
    assert.match(client.output, /\x1b\[>4m/);
    assert.match(client.output, /\x1b\[23;0t/);
  }
});

test('a session that sets nothing prints only what the server sends', TIMEOUT, async () => {
  await using peer = await Peer.listen();
  const { client, wire } = await drawn(peer, 'plain \x1b[1mtext\x1b[m\r\n');
  await using _ = client;
  await wire.sent('');
  wire.halfClose();
  assert.equal(await client.ended(), 0);
  assert.equal(
    client.output.replace(/\r+\n/g, '\r\n'),
    "Connected to 127.0.0.1.\r\nEscape character is '^]'.\r\nplain \x1b[1mtext\x1b[m\r\n\r\nConnection closed by foreign host.\r\n",
  );
});

test('a script whose output is a terminal restores that, too', TIMEOUT, async () => {
  await using peer = await Peer.listen();
  await using term = await Terminal.start(['/bin/sh', '-i'], { env: { PS1: 'local> ' } });
  await term.waitFor(/^local>$/);
  await term.type(`sleep 60 | ${process.execPath} ${CLI} connect 127.0.0.1 ${peer.port}\r`);
  const wire = await peer.accept();
  wire.send(CRASHED, QUERIES);
  await wire.sent('');
  wire.halfClose();
  await untilTrue(() => childrenOf(term.pid).every(({ name }) => name !== 'node'));
  process.kill(childrenOf(term.pid)[0]!.pid, 'SIGKILL');
  await term.waitFor(/local>$/);
  assert.equal(await flagsOf(term), RESTED);
});

/**
 * A tmux terminal in its initial state: alternate screen, cursor shown, mouse, keys, insert, wrap, origin, scroll
 * region.
 */
const RESTED = '0 1 0 0 0 0 1 0 0 23';
const FLAGS = [
  ...['alternate_on', 'cursor_flag', 'mouse_any_flag', 'keypad_cursor_flag', 'keypad_flag', 'insert_flag', 'wrap_flag'],
  ...['origin_flag', 'scroll_region_upper', 'scroll_region_lower'],
];

const flagsOf = (term: Terminal) => term.flags(...FLAGS);

/** tmux does not signal that it has drawn, so this polls. */
async function untilFlags(term: Terminal, wanted: string): Promise<void> {
  const deadline = Date.now() + PATIENCE_MS;
  for (let flags = ''; flags !== wanted; flags = await flagsOf(term)) {
    if (Date.now() > deadline) assert.equal(flags, wanted);
    await delay(25);
  }
}

/** A shell without line editing, and the client in it. */
async function openFromShell(peer: Peer): Promise<{ term: Terminal; wire: Wire }> {
  const term = await Terminal.start(['/bin/sh', '-i'], { env: { PS1: 'local> ' } });
  await term.waitFor(/^local>$/);
  await term.type(`${process.execPath} ${CLI} connect 127.0.0.1 ${peer.port}\r`);
  const wire = await peer.accept();
  wire.negotiate(WILL, OPT.ECHO);
  wire.negotiate(WILL, OPT.SGA);
  await wire.expectNegotiation(DO, OPT.SGA);
  return { term, wire };
}

test('tmux: the next shell finds no modes set and no input', TIMEOUT, async () => {
  await using peer = await Peer.listen();
  const { term, wire } = await openFromShell(peer);
  await using _ = term;
  await wire.sent(CRASHED, QUERIES.repeat(50));
  wire.halfClose();
  await term.waitFor(/Connection closed by foreign host\.\nlocal>$/);
  await term.type('echo compared\r');
  assert.match(await term.waitFor(/\ncompared\nlocal>$/), /foreign host\.\nlocal> echo compared\ncompared\n/);
  assert.equal(await flagsOf(term), RESTED);
});

test(
  'tmux: a suspended session restores the terminal, and sets it again for the program when it continues',
  TIMEOUT,
  async () => {
    await using peer = await Peer.listen();
    const { term, wire } = await openFromShell(peer);
    await using _ = term;
    await wire.sent('\x1b[?1049h\x1b[?1003h\x1b[?1h\x1b=\x1b[?25l\x1b[4h\x1b[2;5r');
    const set = '1 0 1 1 1 1 1 0 1 4';
    await untilFlags(term, set);
    for (const stop of [() => command(term, 'z'), async () => void process.kill(await clientPid(term), 'SIGTSTP')]) {
      // Answers that arrive while it is being stopped are for the program.
      wire.send('\x1b[5n');
      await wire.expect(Buffer.from('\x1b[0n'));
      await stop();
      await term.waitFor(/Stopped[^\n]*\n(?:[^\n]*\n)?local>$/);
      assert.equal(await flagsOf(term), RESTED);
      await term.type('fg\r');
      await untilFlags(term, set);
    }
    wire.halfClose();
    await term.waitFor(/foreign host\.\nlocal>$/);
    assert.equal(await flagsOf(term), RESTED);
  },
);

test(
  'tmux: a suspended session ends on SIGTERM, in the background and without changing the terminal',
  TIMEOUT,
  async () => {
    await using peer = await Peer.listen();
    // By ^Z at the prompt, and by a signal that the client cannot handle.
    for (const stop of [
      (term: Terminal) => command(term, 'z'),
      async (term: Terminal) => void process.kill(await clientPid(term), 'SIGSTOP'),
    ]) {
      const { term, wire } = await openFromShell(peer);
      await using _ = term;
      await wire.sent(CRASHED, QUERIES);
      await untilFlags(term, '1 0 1 1 1 1 0 0 1 4');
      await stop(term);
      await term.waitFor(/Stopped/);
      // The same as the shell's `kill %1`.
      const pid = await clientPid(term);
      process.kill(pid, 'SIGTERM');
      process.kill(pid, 'SIGCONT');
      // (The shell reaps it at its next command.)
      await untilTrue(() => ['Z', undefined].includes(processInfo(pid)?.state));
      assert.equal(await flagsOf(term), RESTED);
    }
  },
);

test(
  'while lines are edited locally, CR LF of the server is CR LF on the terminal, wherever it is cut',
  TIMEOUT,
  async () => {
    await using peer = await Peer.listen();
    await using client = new Drawn(peer.port);
    const wire = await peer.accept();
    await untilTrue(() => client.output.includes("'^]'.\r\n"));
    client.output = '';
    await wire.sent('one\r\ntwo\nthree\rfour\r\n\r\nfive\r');
    await untilTrue(() => client.output.endsWith('five\r'));
    await wire.sent('\rsix');
    wire.halfClose();
    assert.equal(await client.ended(), 0);
    assert.equal(
      client.output,
      'one\r\ntwo\r\nthree\rfour\r\n\r\nfive\r\rsix\r\nConnection closed by foreign host.\r\n',
    );
  },
);
