import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { Parser } from '../../src/protocol/engine/parser.ts';
import { Telnet } from '../../src/protocol/index.ts';
import { cuts } from './support/recorder.ts';
import { definitionOf } from './support/tables.ts';

/** Sections of one kind each, long enough to include words of four bytes, whole slabs, and the ends of both. */
const stretch = fc.oneof(
  fc.uint8Array({ maxLength: 300 }),
  fc
    .tuple(fc.constantFrom(255, 13, 10, 0, 65), fc.integer({ min: 0, max: 700 }))
    .map(([byte, n]) => Array(n).fill(byte)),
  fc
    .tuple(fc.constantFrom('\r\n', '\r\0', '\r', '\xff', '\xff\r', '\xff\xff'), fc.integer({ min: 1, max: 40 }))
    .map(([mark, gap]) => [...Buffer.from(`${'x'.repeat(gap)}${mark}`.repeat(20), 'latin1')]),
  fc
    .tuple(fc.constantFrom(255, 13), fc.integer({ min: 3000, max: 9000 }))
    .map(([byte, n]) => [...Array<number>(n).fill(66), byte, 67]),
);
/** The bytes before the data in its memory, so that words are read at every alignment. */
const data = fc
  .tuple(fc.integer({ min: 0, max: 9 }), fc.array(stretch, { maxLength: 8 }))
  .map(([before, parts]) =>
    Uint8Array.from([...Array<number>(before).fill(255), ...parts.flatMap(part => [...part])]).subarray(before),
  );

const latin1 = (bytes: Uint8Array): string => Buffer.from(bytes).toString('latin1');

/** The escaped form, in an independent and simple implementation. */
function escaped(bytes: Uint8Array, isBinary: boolean): string {
  const doubled = latin1(bytes).replaceAll('\xff', '\xff\xff');
  return isBinary ? doubled : doubled.replace(/\r(?![\n])/g, '\r\0');
}

interface Held {
  /** The bytes that were handed over, and a copy of their content at that time. */
  readonly bytes: Uint8Array;
  readonly once: Uint8Array;
}

const hold = (held: Held[], bytes: Uint8Array): void => void held.push({ bytes, once: bytes.slice() });

function assertUnchanged(held: readonly Held[]): void {
  for (const { bytes, once } of held) assert.deepEqual(bytes, once);
}

test('long data with sparse and dense escapes at any alignment: the output is correct, and is not overwritten later', () => {
  fc.assert(
    fc.property(fc.array(data, { minLength: 1, maxLength: 6 }), fc.boolean(), (writes, isBinary) => {
      const sent: Held[] = [];
      const handlers = { send: (bytes: Uint8Array) => hold(sent, bytes), data() {}, event() {} };
      // Two connections with shared output memory.
      const engines = [0, 1].map(() => new Telnet(handlers, { options: [definitionOf('binary')] }));
      for (const telnet of engines) if (isBinary) telnet.receive(Uint8Array.of(255, 253, 0));
      for (const bytes of writes) {
        for (const telnet of engines) {
          const from = sent.length;
          telnet.write(bytes);
          telnet.flush();
          assert.equal(
            sent
              .slice(from)
              .map(({ bytes }) => latin1(bytes))
              .join(''),
            escaped(bytes, isBinary),
          );
        }
      }
      assertUnchanged(sent);
    }),
    { numRuns: 300 },
  );
});

test('long input in any cut: the data is correct, and stays unchanged as long as the chunks do', () => {
  const sizes = fc.array(fc.integer({ min: 1, max: 5000 }), { maxLength: 12 });
  const ends = fc.constantFrom('key' as const, 'text' as const);
  fc.assert(
    fc.property(
      fc.array(data, { minLength: 1, maxLength: 4 }),
      sizes,
      ends,
      fc.boolean(),
      (parts, pieces, end, isBinary) => {
        // A command between the parts. A CR before it still waits for the next byte.
        const wire = Buffer.from(parts.map(part => escaped(part, isBinary)).join('\xff\xf1'), 'latin1');
        const whole = parts.map(latin1);
        const got: Held[] = [];
        const handlers = { send() {}, data: (view: Uint8Array) => hold(got, view), event() {} };
        for (const cutSizes of [[], pieces]) {
          const telnet = new Telnet(handlers, { options: [definitionOf('binary')], carriageReturn: end });
          if (isBinary) telnet.receive(Uint8Array.of(255, 251, 0));
          const from = got.length;
          const chunks = [...cuts(wire, cutSizes)];
          for (const chunk of chunks) telnet.receive(chunk);
          assert.deepEqual(Buffer.concat(chunks), wire, 'the input is not modified');
          const keeps = isBinary || end === 'text';
          const expected = whole.map(text => (keeps ? text : text.replaceAll('\r\n', '\r'))).join('');
          assert.equal(
            got
              .slice(from)
              .map(({ bytes }) => latin1(bytes))
              .join(''),
            expected,
          );
        }
        assertUnchanged(got);
      },
    ),
    { numRuns: 300 },
  );
});

test('short runs are gathered into pieces of bounded size; long ones are views', () => {
  const runs = (chunk: Uint8Array, isBinary = false): Uint8Array[] => {
    const parser = new Parser('key', 100);
    parser.feed(chunk);
    const found: Uint8Array[] = [];
    for (let token = parser.next(isBinary); token !== undefined; token = parser.next(isBinary)) {
      assert(token.kind === 'data');
      found.push(token.view);
    }
    return found;
  };
  const lines = Buffer.from('a line of text\r\n'.repeat(4096));
  for (const [chunk, isBinary] of [
    [lines, false],
    [Buffer.alloc(65_536, 255), false],
    [Buffer.alloc(65_536, 255), true],
    [Buffer.from('\r\0'.repeat(32_768)), false],
  ] as const) {
    const found = runs(chunk, isBinary);
    assert(found.length <= 9, `${found.length} runs`);
    assert(found.every(view => view.length <= 8192));
  }
  const long = Buffer.from(`${'x'.repeat(3000)}\r\n`.repeat(3));
  assert(
    runs(long).every(view => view.buffer === long.buffer),
    'no copy',
  );
  const one = Buffer.from('ls\r\n');
  assert(
    runs(one).every(view => view.buffer === one.buffer),
    'no copy at the end of the chunk',
  );
});
