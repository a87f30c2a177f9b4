/**
 * Hostile text in the places where people read it: the log, at every level and in both formats, and recordings. One
 * record is one line, and its text cannot move the cursor, set a title, or hide or reorder the text around it.
 */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { sendUrgent } from '../../src/native/sockets.ts';
import { spawnPty } from '../../src/pty/index.ts';
import { closed } from '../pty/support.ts';
import { disposeAll } from '../support/cleanup.ts';
import { Peer } from '../support/clients/peer.ts';
import { CMD, Wire } from '../support/clients/test-client.ts';
import { CLI, startServer } from '../support/servers/server.ts';
import { bytes, descriptorOf, START_NOW, Target } from './support.ts';

/** Characters that must not appear in a log line. The line end is not checked. */
const UNFIT = /[\p{Cc}\p{Cf}\p{Cs}\p{Co}\p{Zl}\p{Zp}]/u;

/** Pieces of text in the notation, and their effect on other logs. */
const texts: readonly (readonly [id: string, wentWrong: string, notation: string])[] = [
  ['CVE-2003-0020', 'Apache wrote ESC into its log of errors', '"a" 1B "[2J" 1B "[31mred" 1B "[0m"'],
  [
    'CVE-2003-0063',
    'sets and queries the window title: the shell reads it',
    '1B "]2;;id;" 07 1B "[21t" 1B "P$q" 9C 05',
  ],
  ['CVE-2025-55754', 'Tomcat logged OSC 52, which fills the clipboard', '1B "]52;c;Y3VybCB4fHNo" 07'],
  [
    'CVE-2021-42574',
    'Trojan Source: text that reads in another order than it stands',
    '"user" E2 80 AE "nimda" E2 81 A6 "x" E2 81 A9 E2 80 AC',
  ],
  [
    'RUSTSEC-2025-0055',
    'tracing-subscriber let ANSI sequences of strangers through',
    'C2 9B "31m" C2 9D "0;x" C2 9C 9B "2J" 9D "0;x" 9C',
  ],
  ['CVE-2021-44228', 'a log that interprets its messages', '"$" "{jndi:ldap://127.0.0.1/x}" "%n%s" "{{7*7}}" "$(id)"'],
  [
    'a forged record',
    'a separate line',
    '0D 0A "{\\"level\\":60,\\"msg\\":\\"forged\\"}" 0A "2026-01-01 00:00:00.000 FATAL: forged" 0D 0A',
  ],
  ['other line ends', 'line ends for some readers', '"a" 0B "b" 0C "c" C2 85 "d" E2 80 A8 "e" E2 80 A9 "f" 1D 1E'],
  [
    'invisible characters',
    'zero width, tags, byte order marks',
    '"r" E2 80 8B "oot" EF BB BF C2 AD F3 A0 81 81 E2 80 8D E1 85 9F',
  ],
  ['invalid UTF-8', 'decoded differently by two decoders', 'C3 28 C0 AF ED A0 80 F4 90 80 80 FE FF FF F0 28 8C 28 80'],
  ['quotes', 'the end of a string and of a word', '"x\\" y=\\"z\\\\" 5C "x1b[2J" 5C 5C "n" "\'"'],
  ['NUL', 'the end of a string in C', '"visible" 02 00 "hidden" 7F 08 08 08'],
];

// Messages with client text at `@`; some belong to no option and are only counted.
const carriers = [
  'FF FB 18  FF FA 18 00 @ FF F0  FF FA 18 00 "MTTS " @ FF F0', // terminal type
  'FF FB 27  FF FA 27 00 00 "USER" 01 @ 03 "FOO" 01 @ FF F0', // variables: values
  'FF FA 27 02 00 @ 01 "x" 03 @ 01 @ FF F0', // … and names
  'FF FB 24  FF FA 24 00 00 @ 01 @ FF F0', // the old ENVIRON
  'FF FA 27 01 03 @ FF F0',
  'FF FB 23  FF FA 23 00 @ FF F0', // X display
  'FF FB 20  FF FA 20 00 @ FF F0', // speed
  'FF FB 17  FF FA 17 @ FF F0', // location
  'FF FD 2A FF FB 2A  FF FA 2A 01 ";" @ ";" @ FF F0  FF FA 2A 02 @ FF F0  FF FA 2A 04 @ FF F0', // character sets
  'FF FB C9 FF FD C9  FF FA C9 "Core.Hello " @ FF F0', // GMCP
  'FF FA 45 01 @ 02 @ FF F0  FF FA 46 01 @ FF F0  FF FA 5D @ 00 @ 00 FF F0', // MSDP, MSSP, ZMP
  'FF FD 05  FF FA 05 00 @ FF F0', // STATUS
  'FF FB 22  FF FA 22 03 @ FF F0  FF FA 22 FB @ FF F0', // LINEMODE
  'FF FB 1F  FF FA 1F @ FF F0', // window size
  '@ 0D 00', // typed input
];

/** The attack of one text, by all messages. 255 is doubled where the text contains it. */
const attackOf = (text: string): Buffer => bytes(carriers.join(' ').replaceAll('@', text));

const levels = ['info', 'debug', 'trace'] as const;

describe('the log', { concurrency: 4 }, () => {
  for (const format of ['json', 'pretty'] as const) {
    for (const level of levels) {
      it(`${format}, at ${level}`, async () => {
        await using server = await startServer(
          ['--log-format', format, '--log-level', level, '--accept-env', 'USER', '--env', 'LANG=C.UTF-8'],
          { program: ['/bin/cat'] },
        );
        for (const [, , text] of texts) {
          await using wire = await Wire.connect(server.port, { silent: true });
          await wire.sent(attackOf(text), START_NOW);
          sendUrgent(descriptorOf(wire.socket), bytes('FF F2'));
          wire.negotiate(CMD.DO, 200);
          await wire.expectNegotiation(CMD.WONT, 200);
        }
        await server.assertNoLeaks();
        await server.stop();
        const lines = server.stderr.split('\n');
        assert.equal(lines.pop(), '');
        for (const line of lines) {
          assert.doesNotMatch(line, UNFIT);
          // Escaped text appears in the records, but the attacker cannot create a record.
          if (format === 'json') assert.notEqual(JSON.parse(line).msg, 'forged');
          else
            assert.match(
              line,
              /^\[?\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d{3}\]? (TRACE|DEBUG|INFO|WARN|ERROR): (?!forged)/,
            );
        }
        const text = lines.join('\n');
        assert.match(text, /not taken from the client: /);
        if (level !== 'info') assert.match(text, /received SB TTYPE IS .*\\x1b.*\[31mred/);
      });
    }
  }
});

describe('each text in the log records of a session', { concurrency: 4 }, () => {
  let target: Target;
  before(async () => {
    target = await Target.start(['--log-level', 'debug', '--negotiation-timeout', '60s']);
  });
  after(() => disposeAll(target));

  for (const [id, wentWrong, text] of texts) {
    it(`${id}: ${wentWrong}`, async () => {
      const wire = await target.attack(Buffer.concat([attackOf(text), START_NOW]));
      await target.program(wire);
      const from = target.server.stderr.length;
      await wire.sent(attackOf(text));
      await target.answers(wire);
      await wire.close();
      await target.logOf(wire, /"msg":"session \d+ ended: /);
      assert.ok(target.server.stderr.length > from + 1_000);
      for (const record of target.log) {
        assert.match(record.msg, /^(session \d|serving|the locale)/);
        // This is what a reader of the record gets: fields are escaped beyond what JSON requires.
        for (const value of textsIn(record)) assert.doesNotMatch(value, UNFIT);
      }
    });
  }
});

/** Returns all strings in a record, including those in lists and objects. */
function textsIn(value: unknown): string[] {
  if (typeof value === 'string') return [value];
  return typeof value === 'object' && value !== null ? Object.entries(value).flat().flatMap(textsIn) : [];
}

describe('metrics', () => {
  it('contain no client text, and no more lines after a hundred clients than after one', async () => {
    await using server = await startServer(['--metrics', '0', '--log-level', 'error'], { program: ['/bin/cat'] });
    const [, url] = /^listening (http:\S+)$/m.exec(server.stdout)!;
    const visit = async (text: string) => {
      await using wire = await Wire.connect(server.port, { silent: true });
      await wire.sent(attackOf(text), START_NOW);
      wire.negotiate(CMD.DO, 200);
      await wire.expectNegotiation(CMD.WONT, 200);
    };
    // The counters are published ten times per second.
    const scrapeAfter = async (count: number): Promise<string[]> => {
      for (;;) {
        const response = await fetch(`${url!.replace(/\/$/, '')}/metrics`, { headers: { connection: 'close' } });
        const lines = (await response.text()).trimEnd().split('\n');
        if (lines.includes(`telpty_connections_total ${count}`)) return lines;
      }
    };
    for (const [, , text] of texts) await visit(text);
    await server.assertNoLeaks();
    const first = await scrapeAfter(texts.length);
    for (let n = 0; n < 8; n++) await Promise.all(texts.map(([, , text]) => visit(text.replace('"', `"${n}`))));
    await server.assertNoLeaks();
    const last = await scrapeAfter(9 * texts.length);
    // A session may have ended for a reason that had not occurred before.
    assert.ok(last.length <= first.length + 4, `${first.length} lines, then ${last.length}`);
    for (const line of last) {
      assert.doesNotMatch(line, UNFIT);
      assert.doesNotMatch(line, /owned|forged|nimda|jndi|MTTS|hidden|31m/);
    }
  });
});

describe('a recording', () => {
  it('RUSTSEC-2025-0055: of a hostile server has the operator’s header and no control characters', async () => {
    const directory = mkdtempSync(join(tmpdir(), 'telpty-security-'));
    const file = join(directory, 'session.cast');
    try {
      await using peer = await Peer.listen();
      const env = { PATH: process.env.PATH ?? '', TERM: 'x\x1b]2;owned\x07', LANG: 'C.UTF-8' };
      const pty = spawnPty(process.execPath, [CLI, 'connect', '--record', file, '127.0.0.1', String(peer.port)], {
        env,
      });
      pty.resume();
      const wire = await peer.accept();
      const all = Buffer.concat(texts.map(([, , text]) => bytes(text)));
      wire.send(bytes('FF FD 18  FF FA 18 00 1B "]2;owned" 07 FF F0'), all, bytes('FF FD C8'));
      await wire.expectNegotiation(CMD.WONT, 200);
      wire.halfClose();
      assert.equal((await pty.exited).code, 0);
      await closed(pty);
      const lines = readFileSync(file, 'utf8').trimEnd().split('\n');
      for (const line of lines) assert.doesNotMatch(line, UNFIT);
      assert.equal(JSON.parse(lines[0]!).term.type, 'dumb');
      const shown = lines
        .slice(1)
        .map(line => JSON.parse(line)[2])
        .join('');
      assert.ok(
        shown.includes('\x1b]52;c;Y3VybCB4fHNo\x07') && shown.includes('user\u202enimda'),
        'the recording must contain the output',
      );
    } finally {
      rmSync(directory, { recursive: true });
    }
  });
});

describe('an error', () => {
  it('of the command line is one line with the argument escaped', async () => {
    for (const word of [
      '--\x1b]2;x\x07\n',
      '--port=\x9b31m\u202e1',
      '--host=a\r\nb',
      '--accept-env=\x1b[2J',
      '--env=\x1b=\n',
    ]) {
      const child = spawn(process.execPath, [CLI, 'serve', word, '--', 'cat'], { stdio: ['ignore', 'ignore', 'pipe'] });
      let complaint = '';
      child.stderr.setEncoding('utf8').on('data', text => {
        complaint += text;
      });
      assert.deepEqual(await once(child, 'close'), [2, null], word);
      assert.match(complaint, /^telpty: [^\p{Cc}\p{Cf}\p{Zl}\p{Zp}]+\n$/u);
    }
  });
});
