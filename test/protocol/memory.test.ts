import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { Telnet } from '../../src/protocol/index.ts';
import { definitionOf } from './support/tables.ts';

/** Stretches of one kind each, long enough that words of four bytes, whole slabs and the ends of both are met. */
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
/** What stands before the data in its memory, so that words are read at every alignment. */
const data = fc
  .tuple(fc.integer({ min: 0, max: 9 }), fc.array(stretch, { maxLength: 8 }))
  .map(([before, parts]) =>
    Uint8Array.from([...Array<number>(before).fill(255), ...parts.flatMap(part => [...part])]).subarray(before),
  );

const latin1 = (bytes: Uint8Array): string => Buffer.from(bytes).toString('latin1');

/** The escaped form, once more and plainly. */
function escaped(bytes: Uint8Array, isBinary: boolean): string {
  const doubled = latin1(bytes).replaceAll('\xff', '\xff\xff');
  return isBinary ? doubled : doubled.replace(/\r(?![\n])/g, '\r\0');
}

interface Held {
  /** What was handed over, and what was in it then. */
  readonly bytes: Uint8Array;
  readonly once: Uint8Array;
}

const hold = (held: Held[], bytes: Uint8Array): void => void held.push({ bytes, once: bytes.slice() });

function assertUnchanged(held: readonly Held[]): void {
  for (const { bytes, once } of held) assert.deepEqual(bytes, once);
}

test('long data, sparse and dense escapes, at any alignment: what is sent is right, and stays as it was', () => {
  fc.assert(
    fc.property(fc.array(data, { minLength: 1, maxLength: 6 }), fc.boolean(), (writes, isBinary) => {
      const sent: Held[] = [];
      const handlers = { send: (bytes: Uint8Array) => hold(sent, bytes), data() {}, event() {} };
      // Two connections, whose output shares memory.
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
