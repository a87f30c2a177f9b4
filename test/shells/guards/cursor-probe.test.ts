import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import {
  AnswerReader,
  type Chance,
  type CursorPosition,
  isAnswered,
  makeProbe,
  PROBE_COLUMNS,
  type Probe,
} from '../../../src/shells/guards/cursor-probe.ts';
import { Screen } from '../../support/clients/screen.ts';

/** An arbitrary sequence of random numbers. */
const chances = fc.infiniteStream(fc.nat()).map((stream): Chance => {
  return (min, max) => min + (stream.next().value! % (max - min + 1));
});

/** Feeds a text to a terminal and returns its answers. */
async function answersOf(text: string, screen: Screen): Promise<AnswerReader> {
  const reader = new AnswerReader();
  const { dispose } = screen.terminal.onData(data => reader.take(Buffer.from(data)));
  await screen.feed(Buffer.from(text));
  dispose();
  return reader;
}

test('a terminal gives the right answers, and its line is empty afterwards', async () => {
  await fc.assert(
    fc.asyncProperty(chances, fc.boolean(), fc.nat(23), async (chance, wide, row) => {
      const screen = new Screen(PROBE_COLUMNS, 24);
      await screen.feed(`\x1b[${row + 1};1Habove\r`);
      const probe = makeProbe(wide, chance);
      const { answers } = await answersOf(probe.text, screen);
      assert.deepEqual(
        answers,
        probe.columns.map(column => ({ row: row + 1, column })),
      );
      assert.ok(
        isAnswered(probe, answers, 24) && isAnswered(probe, answers, undefined) && isAnswered(probe, answers, 0),
      );
      assert.equal(screen.text(), '');
      assert.deepEqual(screen.cursor, [0, row]);
      screen.dispose();
    }),
    { numRuns: 200 },
  );
});

const random: Chance = (min, max) => min + Math.floor(Math.random() * (max - min + 1));

/** The answers of a script that measures the text before each question. */
function guess(probe: Probe, measure: (part: string) => number): CursorPosition[] {
  const parts = probe.text.split('\x1b[6n').slice(0, -1);
  return parts.map(part => ({ row: 1, column: 1 + measure(part.replace(/\r|\x1b\[K/g, '')) }));
}

test('neither bytes nor characters equal columns: a count of them is right once in thousands', () => {
  const probes = Array.from({ length: 20_000 }, () => makeProbe(true, random));
  const right = (measure: (part: string) => number) =>
    probes.filter(probe => isAnswered(probe, guess(probe, measure), 24)).length;
  // The expected number is about five.
  assert.ok(right(part => Buffer.byteLength(part)) < 40);
  assert.ok(right(part => part.length) < 40);
});

test('if a terminal misinterprets wide characters, all three answers are wrong', async () => {
  await fc.assert(
    fc.asyncProperty(chances, async chance => {
      const probe = makeProbe(true, chance);
      const screen = new Screen(100, 24);
      const { answers } = await answersOf(Buffer.from(probe.text).toString('latin1'), screen);
      assert.equal(answers.length, probe.columns.length);
      for (const [at, { column }] of answers.entries()) assert.notEqual(column, probe.columns[at]);
      screen.dispose();
    }),
  );
});

test('the answers to one probe are wrong for another', () => {
  fc.assert(
    fc.property(chances, chances, (one, two) => {
      const probe = makeProbe(true, one);
      const other = makeProbe(true, two);
      fc.pre(other.columns.join() !== probe.columns.join());
      const recorded = other.columns.map(column => ({ row: 1, column }));
      assert.equal(isAnswered(probe, recorded, 24), false);
    }),
  );
});

test('random probes have thousands of different answers', () => {
  for (const wide of [true, false]) {
    const seen = new Set(Array.from({ length: 4_000 }, () => makeProbe(wide, random).columns.join()));
    assert.ok(seen.size > 2_000, `${seen.size} of 4,000`);
  }
});

test('rejects too few answers, too many, in different rows, outside the window', () => {
  const probe = makeProbe(true, min => min);
  const right = probe.columns.map(column => ({ row: 24, column }));
  assert.equal(isAnswered(probe, right, 24), true);
  assert.equal(isAnswered(probe, [], 24), false);
  assert.equal(isAnswered(probe, right.slice(1), 24), false);
  assert.equal(isAnswered(probe, [...right, right[0]!], 24), false);
  assert.equal(isAnswered(probe, [...right.slice(0, 2), { ...right[2]!, row: 23 }], 24), false);
  assert.equal(isAnswered(probe, right, 23), false);
  assert.equal(
    isAnswered(
      probe,
      right.map(({ column }) => ({ row: 0, column })),
      24,
    ),
    false,
  );
});

test('data that is not an answer is input, in its order, at any split', () => {
  const piece = fc.oneof(
    fc.record({ row: fc.nat(65_535), column: fc.nat(65_535) }),
    fc.constantFrom(
      'a',
      '\x1b',
      '\x1b[A',
      '\x1b[',
      '\x1b[1;2',
      '\x1b[6n',
      '\x1b[12',
      'R',
      ';',
      '\r\n',
      '\xc3\xa4',
      '\xff',
    ),
  );
  fc.assert(
    fc.property(fc.array(piece, { maxLength: 30 }), fc.array(fc.nat(12), { maxLength: 60 }), (pieces, cuts) => {
      const bytes = Buffer.from(
        pieces.map(one => (typeof one === 'string' ? one : `\x1b[${one.row};${one.column}R`)).join(''),
        'latin1',
      );
      const whole = new AnswerReader();
      whole.take(bytes);
      const pattern = /\x1b\[(\d{1,5});(\d{1,5})R/g;
      const text = bytes.toString('latin1');
      assert.deepEqual(
        whole.answers,
        [...text.matchAll(pattern)].map(([, row, column]) => ({ row: Number(row), column: Number(column) })),
      );
      assert.equal(Buffer.concat([whole.input, whole.unfinished]).toString('latin1'), text.replace(pattern, ''));
      const cut = new AnswerReader();
      let at = 0;
      for (const length of cuts) {
        cut.take(bytes.subarray(at, at + length));
        at += length;
      }
      cut.take(bytes.subarray(at));
      assert.deepEqual(cut.answers, whole.answers);
      assert.deepEqual([cut.input, cut.unfinished], [whole.input, whole.unfinished]);
    }),
    { numRuns: 500 },
  );
});
