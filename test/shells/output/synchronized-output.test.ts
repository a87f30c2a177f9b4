import assert from 'node:assert/strict';
import { mock, test } from 'node:test';
import fc from 'fast-check';
import { SynchronizedOutput } from '../../../src/shells/output/synchronized-output.ts';

const BEGIN = '\x1b[?2026h';
const END = '\x1b[?2026l';

function collector() {
  const writes: string[] = [];
  const output = new SynchronizedOutput(bytes => writes.push(bytes.toString('latin1')));
  return { writes, push: (text: string) => output.push(Buffer.from(text, 'latin1')), output };
}

test('output without frames is passed on immediately, as the same buffer', () => {
  const seen: Buffer[] = [];
  const output = new SynchronizedOutput(bytes => seen.push(bytes));
  const chunk = Buffer.from('plain \x1b[1mbold\x1b[0m text');
  output.push(chunk);
  assert.equal(seen.length, 1);
  assert.equal(seen[0], chunk);
});

test('a frame that is split anywhere is written at once', () => {
  const text = `${BEGIN}line one\r\nline two${END}`;
  for (let a = 1; a < text.length; a++) {
    for (let b = a + 1; b < text.length; b += 3) {
      const { writes, push } = collector();
      push(text.slice(0, a));
      push(text.slice(a, b));
      push(text.slice(b));
      assert.deepEqual(writes, [text], `cut at ${a} and ${b}`);
    }
  }
});

test('output before a frame is written before it, output after a frame with it or after it', () => {
  const { writes, push } = collector();
  push(`before${BEGIN}half`);
  assert.deepEqual(writes, ['before']);
  push(`other half${END}behind`);
  assert.equal(writes.join(''), `before${BEGIN}halfother half${END}behind`);
  assert.ok(writes.includes(`${BEGIN}halfother half${END}`));
});

test('complete frames in one chunk do not split the chunk', () => {
  const { writes, push } = collector();
  const text = `a${BEGIN}1${END}b${BEGIN}2${END}c`;
  push(text);
  assert.deepEqual(writes, [text]);
});

test('a frame is written when it exceeds 256 KiB, and the stream continues', () => {
  const { writes, push } = collector();
  push(BEGIN);
  const piece = 'x'.repeat(64 * 1024);
  for (let i = 0; i < 4; i++) push(piece);
  assert.equal(writes.length, 1);
  assert.equal(writes[0]?.length, BEGIN.length + 4 * piece.length);
  push('more');
  push(END);
  assert.deepEqual(writes.slice(1), ['more', END]);
});

test('a frame is written one second after its start, whatever arrives in that time', () => {
  mock.timers.enable({ apis: ['setTimeout'] });
  try {
    const { writes, push } = collector();
    push(`${BEGIN}a`);
    mock.timers.tick(900);
    push('b');
    assert.deepEqual(writes, []);
    mock.timers.tick(100);
    assert.deepEqual(writes, [`${BEGIN}ab`]);
    push('c');
    assert.deepEqual(writes, [`${BEGIN}ab`, 'c']);
  } finally {
    mock.timers.reset();
  }
});

test('the possible start of a split sequence is not held for long', () => {
  mock.timers.enable({ apis: ['setTimeout'] });
  try {
    const { writes, push } = collector();
    push('text\x1b[?2');
    assert.deepEqual(writes, ['text']);
    mock.timers.tick(10);
    assert.deepEqual(writes, ['text', '\x1b[?2']);
  } finally {
    mock.timers.reset();
  }
});

test('flush writes everything that is held, discard nothing', () => {
  const kept = collector();
  kept.push(`${BEGIN}rest`);
  kept.output.flush();
  assert.deepEqual(kept.writes, [`${BEGIN}rest`]);
  const dropped = collector();
  dropped.push(`${BEGIN}rest`);
  dropped.output.discard();
  dropped.output.flush();
  assert.deepEqual(dropped.writes, []);
});

test('property: nothing is lost, added or reordered, and no closed frame is ever split', () => {
  const piece = fc.oneof(
    fc.constantFrom(BEGIN, END, '\x1b', '\x1b[', '\x1b[?2026', '\x1b[?25h', 'text'),
    fc.string({ maxLength: 5 }).map(text => Buffer.from(text).toString('latin1')),
  );
  fc.assert(
    fc.property(fc.array(piece, { maxLength: 30 }), fc.array(fc.nat(12), { maxLength: 60 }), (pieces, cuts) => {
      const text = pieces.join('');
      const { writes, push, output } = collector();
      let at = 0;
      for (const length of cuts) {
        push(text.slice(at, at + length));
        at += length;
      }
      push(text.slice(at));
      output.flush();
      assert.equal(writes.join(''), text);
      let end = 0;
      const edges = new Set(writes.map(write => (end += write.length)));
      for (let begin = text.indexOf(BEGIN); begin >= 0; ) {
        const close = text.indexOf(END, begin + BEGIN.length);
        if (close < 0) break;
        for (let i = begin + 1; i < close + END.length; i++)
          assert.ok(!edges.has(i), `a write ends inside a frame at ${i}`);
        begin = text.indexOf(BEGIN, close + END.length);
      }
    }),
  );
});
