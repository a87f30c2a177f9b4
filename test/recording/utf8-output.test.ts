/** Output in UTF-8 in a recording: the addon encodes it, and the result is the same as that of JavaScript. */
import assert from 'node:assert/strict';
import { mkdtempSync, openSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import fc from 'fast-check';
import { addon } from '../../src/native/load.ts';
import { AsciicastEncoder, DATA_END } from '../../src/recording/asciicast.ts';
import type { RecordingFormat } from '../../src/recording/recording.ts';
import { RecordingWriter } from '../../src/recording/writing/recording-writer.ts';

const HEADER = { columns: 80, rows: 24 };
const root = mkdtempSync(join(tmpdir(), 'telpty-utf8-'));
after(() => rmSync(root, { recursive: true }));

const decode = (bytes: Uint8Array): string => new TextDecoder('utf-8', { ignoreBOM: true }).decode(bytes);

/** The text of a JSON string, by the addon. */
function jsonText(bytes: Uint8Array): string {
  const out = Buffer.alloc(bytes.length * 6 + 1);
  return out.subarray(1, addon().jsonText(bytes, out, 1)).toString();
}

type Piece = readonly [bytes: Uint8Array, encoding?: string];

/** The lines of a recording of these pieces of output. */
function linesOf(pieces: readonly Piece[], format: RecordingFormat = 'asciicast'): string[] {
  const file = join(root, 'recording');
  const writer = new RecordingWriter(openSync(file, 'w'), format, HEADER, assert.fail);
  for (const [index, [bytes, encoding = 'utf-8']] of pieces.entries())
    writer.data('output', bytes, encoding, index / 8);
  writer.end();
  return readFileSync(file, 'latin1').split('\n').slice(1, -1);
}

/** The text of these lines, which must be JSON without a character that is not shown. */
function textOf(lines: readonly string[]): string {
  return lines
    .map(line => {
      const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(Buffer.from(line, 'latin1'));
      assert.doesNotMatch(utf8, /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/u);
      return (JSON.parse(utf8) as [number, 'o', string])[2];
    })
    .join('');
}

test('the addon quotes the same characters as JavaScript, of all that exist', () => {
  for (let first = 0; first < 0x110000; first += 0x400) {
    if (first >= 0xd800 && first < 0xe000) continue;
    const data = String.fromCodePoint(...Array.from({ length: 0x400 }, (_, index) => first + index));
    const line = Buffer.from(new AsciicastEncoder(3).event({ time: 0, type: 'output', data })).toString();
    const own = `${new AsciicastEncoder(3).beginData('output', 0)}${jsonText(Buffer.from(data))}${DATA_END}`;
    assert.equal(own, line, `from ${first.toString(16)}`);
  }
});

/** Parts of valid and invalid UTF-8. */
const part = fc.oneof(
  fc.string({ unit: 'binary', maxLength: 12 }).map(text => Buffer.from(text)),
  fc.uint8Array({ maxLength: 12 }),
  fc.array(fc.integer({ min: 0x80, max: 0xff }), { maxLength: 6 }).map(bytes => Buffer.from(bytes)),
  fc.array(fc.integer({ min: 0, max: 0x22 }), { maxLength: 9 }).map(bytes => Buffer.from(bytes)),
  // Surrogates, encodings that are too long, and beginnings of characters.
  fc
    .constantFrom('eda080edb080', 'eda0', 'c080', 'e08080', 'f0808080', 'f4908080', 'f09f98', 'e282', 'c3', 'efbbbf')
    .map(hex => Buffer.from(hex, 'hex')),
  fc
    .tuple(fc.constantFrom('a', '"', '\x1b', 'é', '漢', '🙂'), fc.integer({ min: 0, max: 70 }))
    .map(([text, count]) => Buffer.from(text.repeat(count))),
);
const parts = fc.array(part, { maxLength: 10 }).map(list => Buffer.concat(list));

test('the addon decodes as TextDecoder does', () => {
  fc.assert(
    fc.property(parts, bytes => {
      assert.equal(JSON.parse(`"${jsonText(bytes)}"`), decode(bytes));
    }),
    { numRuns: 2_000 },
  );
});

test('output is recorded as its text, wherever it is cut', () => {
  const places = fc
    .array(fc.nat({ max: 40 }), { minLength: 1, maxLength: 8 })
    .filter(list => list.some(length => length > 0));
  fc.assert(
    fc.property(parts, places, fc.constantFrom('asciicast', 'asciicast-v2'), (bytes, lengths, format) => {
      const pieces: Piece[] = [];
      for (let at = 0, turn = 0; at < bytes.length; turn++) {
        const length = lengths[turn % lengths.length]!;
        // Memory is lent, and is then used again.
        pieces.push([Buffer.from(bytes.subarray(at, at + length))]);
        at += length;
      }
      assert.equal(textOf(linesOf(pieces, format)), decode(bytes));
    }),
    { numRuns: 300 },
  );
  const bytes = Buffer.concat([Buffer.from('é漢🙂'), Buffer.from('f09f98e282c3eda080f09f', 'hex'), Buffer.from('"é')]);
  for (let first = 0; first <= bytes.length; first++)
    for (let second = first; second <= bytes.length; second++) {
      const pieces: Piece[] = [[bytes.subarray(0, first)], [bytes.subarray(first, second)], [bytes.subarray(second)]];
      assert.equal(textOf(linesOf(pieces)), decode(bytes), `cut at ${first} and ${second}`);
    }
});

test('a character that another character set cuts is recorded as invalid, once', () => {
  const lines = linesOf([
    [Buffer.from('aé').subarray(0, 2)],
    [Buffer.from([0xe9]), 'ISO-8859-1'],
    [Buffer.from('漢').subarray(0, 2)],
    [Buffer.from('漢').subarray(2)],
    [Buffer.from('é').subarray(0, 1)],
  ]);
  assert.equal(textOf(lines), 'a\ufffdé漢\ufffd');
});

test('a long piece of output becomes several events, of a length that can be read', () => {
  for (const [text, count] of [
    ['\x1b', 400_000],
    ['漢', 100_000],
    ['line "of" text\r\n', 30_000],
  ] as const) {
    const lines = linesOf([[Buffer.from(text.repeat(count))]]);
    assert.ok(lines.length > 3, `${lines.length} events`);
    assert.ok(lines.every(line => line.length < 500_000));
    assert.equal(textOf(lines), text.repeat(count));
  }
});

test('nothing is written without room for the longest text', () => {
  const out = Buffer.alloc(20, '-');
  assert.equal(addon().jsonText(Buffer.from('abc'), out, 3), -1);
  assert.equal(addon().jsonText(Buffer.from('abc'), out, 21), -1);
  assert.equal(out.toString(), '-'.repeat(20));
  assert.equal(addon().jsonText(Buffer.from('\x01\x02\x03'), out, 2), 20);
});

test('bytes are copied to shared memory, and without room an error is thrown', () => {
  const out = new Uint8Array(new SharedArrayBuffer(5));
  addon().copyBytes(Buffer.from('abc'), out, 2);
  assert.equal(Buffer.from(out).toString('latin1'), '\0\0abc');
  addon().copyBytes(Buffer.alloc(0), out, 5);
  for (const at of [3, 5, 6, 4_000_000_000])
    assert.throws(() => addon().copyBytes(Buffer.from('xyz'), out, at), RangeError);
  assert.equal(Buffer.from(out).toString('latin1'), '\0\0abc');
});
