/**
 * All code that reads text: converters of character sets, the screens and keys of home computers, names of sets,
 * escaping for logs, the first bytes of a connection, and the client's prompt. Nothing throws, the result does not
 * depend on how the bytes are cut, and it is bounded.
 */
import assert from 'node:assert/strict';
import { isIP } from 'node:net';
import { Converter, canonicalCharset, charsetOfLocale, localeCodeset } from '../../src/charset/index.ts';
import { type Controls, runCommand } from '../../src/cli/connect/commands.ts';
import { describeRecord } from '../../src/cli/log/describe.ts';
import { Command } from '../../src/protocol/index.ts';
import { loadScreens, MachineScreen, machineOf } from '../../src/screen/machines/index.ts';
import { AnswerReader } from '../../src/shells/guards/cursor-probe.ts';
import { escapeText } from '../../src/shells/output/escape.ts';
import { foreignProtocol } from '../../src/transport/pre-session/foreign-protocol.ts';
import { LONGEST_PROXY_HEADER, parseProxyHeader } from '../../src/transport/proxy/header.ts';
import { Random } from '../lib/random.ts';
import type { Target } from '../lib/target.ts';

await loadScreens();

const SETS = [
  ...['UTF-8', 'ISO-8859-1', 'IBM437', 'KOI8-R', 'Shift_JIS', 'EUC-JP', 'GB18030', 'Big5', 'Big5-UAO', 'EUC-KR'],
  ...['windows-1258', 'UTF-7', 'ATARI-ST', 'VISCII', 'US-ASCII'],
].flatMap(name => canonicalCharset(name) ?? []);
const MACHINES = ['PETSCII', 'ATASCII'].map(name => machineOf(canonicalCharset(name)!)!);
/** The most that one byte can become: a control sequence that asks for the whole screen to be drawn. */
const GROWTH = 16;
const SCREEN = 80 * 50 * 16;

type Way = (bytes: Uint8Array, random: Random) => void;

function pieces(bytes: Uint8Array, random: Random): Uint8Array[] {
  const parts: Uint8Array[] = [];
  for (let at = 0; at < bytes.length; ) {
    const size = 1 + random.below(6);
    parts.push(bytes.slice(at, at + size));
    at += size;
  }
  return parts;
}

const WAYS: readonly Way[] = [
  function convert(bytes, random) {
    const [from, to] = [random.of(SETS), random.of(SETS)];
    const options = random.below(2) === 0 ? {} : { halvesMayBeApart: true };
    const [whole, parts] = [new Converter(from, to, options), new Converter(from, to, options)];
    const expected = Buffer.concat([whole.write(bytes), whole.end()]);
    const actual = Buffer.concat([...pieces(bytes, random).map(piece => Buffer.from(parts.write(piece))), parts.end()]);
    assert.equal(actual.toString('hex'), expected.toString('hex'), `${from} to ${to}: the cut shows`);
    assert(expected.length <= GROWTH * (bytes.length + 4));
  },
  function paint(bytes, random) {
    const machine = random.of(MACHINES);
    const text = Buffer.from(bytes).toString(random.below(2) === 0 ? 'utf8' : 'latin1');
    let answers = 0;
    const screen = new MachineScreen(machine, machine.columns, machine.rows, answer => {
      answers += answer.length;
    });
    for (const letter of text.match(/.{1,7}/gsu) ?? []) {
      assert(screen.write(letter).length <= SCREEN, 'a piece of output becomes more than the screen');
      if (random.below(16) > 0) continue;
      // Large screens take most of the time, and reach no other code.
      const longest = random.below(8) > 0 ? 60 : 300;
      screen.resize(random.below(longest), random.below(longest));
    }
    assert(answers <= GROWTH * (bytes.length + 4), 'more answers than questions');
    for (const byte of bytes) machine.key(byte, { application: random.below(2) === 0, erase: 8 });
  },
  function nameSet(bytes) {
    const text = Buffer.from(bytes).toString('latin1');
    charsetOfLocale(text);
    const charset = canonicalCharset(text);
    if (charset !== undefined) assert.equal(typeof (localeCodeset(charset) ?? ''), 'string');
  },
  function show(bytes, random) {
    const text = Buffer.from(bytes).toString(random.below(2) === 0 ? 'utf8' : 'latin1');
    const shown = escapeText(text, 200);
    assert.doesNotMatch(shown, /[\x00-\x1f\x7f-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069]/, 'a control passes');
    assert(shown.length <= 4_000);
    const [option = 0, ...payload] = bytes;
    const line = describeRecord({ kind: 'subnegotiation', option, payload: Uint8Array.from(payload) });
    assert.doesNotMatch(line, /[\x00-\x1f\x7f-\x9f]/, 'a control passes');
    assert(line.length <= 8_000);
  },
  function atTheDoor(bytes) {
    const header = parseProxyHeader(bytes);
    foreignProtocol(bytes);
    if (header.state !== 'whole') return;
    assert(header.length <= LONGEST_PROXY_HEADER && header.length <= bytes.length);
    assert(header.address === undefined || isIP(header.address) !== 0, 'not an address');
    for (let length = 0; length < header.length; length++)
      assert.equal(
        parseProxyHeader(bytes.subarray(0, length)).state,
        'partial',
        'the beginning of a header is not a header',
      );
    assert.deepEqual(parseProxyHeader(Uint8Array.from([...bytes, 0x41])), header, 'data after a header matters');
  },
  function answers(bytes, random) {
    const [whole, parts] = [new AnswerReader(), new AnswerReader()];
    whole.take(bytes);
    for (const piece of pieces(bytes, random)) parts.take(piece);
    assert.deepEqual(parts.answers, whole.answers, 'the cut shows');
  },
  function prompt(bytes) {
    const controls = {
      session: { telnet: { command: (code: number) => assert(code >= Command.EOF) } },
      mode: 'auto',
      escapeKey: 0x1d,
      discipline: 'none',
      toggles: new Map([['crlf', { help: 'x', get: () => true, set() {} }]]),
      typeEscape() {},
      sendSynch() {},
      suspend() {},
      leave() {},
      print: (line: string) => assert.doesNotMatch(line, /[\x00-\x08\x0a-\x1f\x7f]/, 'a control passes'),
    } as unknown as Controls;
    // `status` reports the session, not the line.
    const line = Buffer.from(bytes).toString('utf8');
    if (!line.trim().startsWith('st')) runCommand(controls, line);
  },
];

export const target: Target = {
  name: 'text',
  longest: 512,
  seeds: () => {
    const texts = [
      'plain text\r\n',
      'Grüße, Привет, 日本語, 한국어, 中文 ─│┌┐ ▒█ ✓\n',
      '\x1b[2J\x1b[1;1Hab\x1b[7mcd\x1b[m\x1b[5;10r\x1b[10;3H\x1b[L\x1b[3M\x1b[2@\x1b[4P\x1b[9X\x1b[?25l\x1b[?1049h\x1b(0lqk\x1b(B',
      '\x1b[6n\x1b[c\x1b[5n\x1b]0;title\x07\x1bP+q\x1b\\\x1b7\x1b8\x1bM\x1bD\x1bE\x1b[100b',
      'iso_8859-15:1998',
      'de_DE.ISO-8859-1@euro',
      'send ayt ip synch escape',
      'toggle crlf',
      'set escape ^]',
      'mode line',
      'help',
      'PROXY TCP4 192.0.2.1 198.51.100.7 56324 443\r\nhello',
      'PROXY TCP6 2001:db8::1 2001:db8::2 65535 1\r\n',
      'PROXY UNKNOWN\r\n',
      '\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x0cabcdefghijklmn',
      '\r\n\r\n\0\r\nQUIT\n\x20\0\0\0',
      '\x1b[12;40R\x1b[1;1Rkeys\x1b[99',
      'GET / HTTP/1.1\r\n',
    ];
    return texts.flatMap((text, at) => WAYS.map((_, way) => Uint8Array.from([way, at, ...Buffer.from(text)])));
  },
  run(input) {
    const [way = 0, seed = 0] = input;
    WAYS[way % WAYS.length]!(input.subarray(2), new Random(seed));
  },
};
