/** Whatever bytes a server sends, a client neither crashes nor discloses values that it was not given to send. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { Duplex } from 'node:stream';
import { test } from 'node:test';
import fc from 'fast-check';
import { connect } from '../../src/index.ts';

/** A stream whose other end is the test. */
class Line extends Duplex {
  sent = 0;
  readonly #log: Buffer[] = [];

  override _read(): void {}

  override _write(chunk: Buffer, _encoding: BufferEncoding, done: () => void): void {
    this.sent += chunk.length;
    this.#log.push(Buffer.from(chunk));
    done();
  }

  get said(): string {
    return Buffer.concat(this.#log).toString('latin1');
  }
}

// Weighted towards bytes with a meaning: IAC, the verbs, known options, SB and SE, SEND and IS.
const byte = fc.oneof(
  { weight: 4, arbitrary: fc.constant(255) },
  { weight: 4, arbitrary: fc.constantFrom(240, 250, 251, 252, 253, 254) },
  { weight: 4, arbitrary: fc.constantFrom(0, 1, 3, 5, 6, 18, 24, 25, 31, 32, 34, 35, 36, 39, 42) },
  { weight: 2, arbitrary: fc.constantFrom(0, 1, 2, 3, 10, 13) },
  { weight: 3, arbitrary: fc.nat(255) },
);

test('random bytes, cut anywhere: no error, and no variable is sent that was not given', async () => {
  process.env.TELPTY_TEST_SECRET = 'never to be told';
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.uint8Array({ maxLength: 40 }), { maxLength: 6 }),
      fc.array(byte, { maxLength: 200 }),
      async (chunks, more) => {
        const line = new Line();
        const session = await connect({
          stream: line,
          environ: { LANG: 'C' },
          terminal: { type: ['a', 'b'], columns: 80, rows: 24, display: 'x:0', location: 'y' },
        });
        session.on('error', error => assert.fail(error));
        session.resume();
        for (const chunk of [...chunks, Uint8Array.from(more)]) if (chunk.length > 0) line.push(Buffer.from(chunk));
        line.push(null);
        await once(session, 'close');
        assert.equal(session.errored, null);
        assert.doesNotMatch(line.said, /never to be told/);
      },
    ),
    { numRuns: 300 },
  );
  delete process.env.TELPTY_TEST_SECRET;
});
