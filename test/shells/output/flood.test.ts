/** Large output on both code paths: the fast path for output that needs no processing, JavaScript for the rest. */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import fc from 'fast-check';
import { OPT, Wire } from '../../support/clients/test-client.ts';
import { hostScript, XTERM } from '../../support/servers/host.ts';

const directory = mkdtempSync(join(tmpdir(), 'telpty-'));
after(() => rmSync(directory, { recursive: true }));

/** With BINARY, a CR would not be followed by NUL. */
const NVT = { ...XTERM, refuse: [OPT.BINARY] };

const END = '[that was all]';

/** Sequences that the server processes, and sequences that only resemble them. */
const pieces = [
  ...['\r', '\r\n', '\r\0', '\n', '\xff', '\xff\xff', '\x1b', '\x1b[', '\x1b[?', '\x1b[?25l', '\x1b[?20', '?', '??'],
  ...['\x1b[?2026h', '\x1b[?2026l', '\x1b[?2026hin a frame\x1b[?2026l', '\x1b[31mred\x1b[m', 'x', '2026h', '[?2026h'],
];

/**
 * Runs a program that prints `text`, and returns the data that a client received, with CR NUL and doubled 255 decoded.
 */
async function shown(text: string): Promise<string> {
  const file = join(directory, 'text');
  writeFileSync(file, text + END, 'latin1');
  await using host = await hostScript(`stty raw; cat ${file}`);
  const wire = await Wire.connect(host.port, NVT);
  await wire.until(() => wire.data.bytes.includes(END));
  await wire.close();
  const got = wire.data.bytes.toString('latin1');
  return got.slice(0, got.lastIndexOf(END));
}

test('property: floods full of bytes that are escaped or held arrive unchanged', async () => {
  const piece = fc.oneof(
    { weight: 3, arbitrary: fc.constantFrom(...pieces) },
    // Most of each read is then plain text, and its end may be anywhere.
    {
      weight: 1,
      arbitrary: fc.integer({ min: 1, max: 70_000 }).map(length => 'plain text, '.repeat(length).slice(0, length)),
    },
  );
  await fc.assert(
    fc.asyncProperty(fc.array(piece, { minLength: 1, maxLength: 60 }), async all => {
      const text = all.join('');
      const got = await shown(text);
      assert.ok(got === text, `${got.length} bytes, ${text.length} expected`);
    }),
    { numRuns: 40 },
  );
});

test('every sequence is split at each of its bytes by the end of a read', async () => {
  // Reads end at multiples of 4095 bytes: each repetition moves the sequence by one byte relative to these.
  let text = '';
  for (const piece of pieces) text += `${'-'.repeat(4095 * 3)}${piece}`.repeat(40);
  assert.ok((await shown(text)) === text);
});

test('a client that stops reading in the middle gets the rest in order', async () => {
  const text = Array.from({ length: 300_000 }, (_, n) => `${n} ${n % 97 === 0 ? '\xff\r' : 'plain'}\r\n`).join('');
  const file = join(directory, 'rows');
  writeFileSync(file, text + END, 'latin1');
  await using host = await hostScript(`stty raw; cat ${file}`);
  const wire = await Wire.connect(host.port, NVT);
  let pauses = 0;
  for (let enough = 1 << 19; enough < text.length; enough += 1 << 19) {
    await wire.until(() => wire.data.length > enough);
    wire.pause();
    pauses++;
    // All buffers up to the client are full when the program waits.
    const [session] = host.server.sessions;
    let written: number;
    do {
      written = session!.bytesWritten;
      await new Promise(resolve => setImmediate(resolve));
    } while (session!.bytesWritten > written);
    wire.resume();
  }
  await wire.until(() => wire.data.bytes.includes(END));
  await wire.close();
  const got = wire.data.bytes.toString('latin1');
  assert.ok(got.slice(0, got.lastIndexOf(END)) === text);
  assert.ok(pauses > 3);
});

test('a CR at the end of the output is sent together with its NUL, and the keys after it still arrive', async () => {
  await using host = await hostScript(
    "stty raw -echo; printf ready; while dd bs=1 count=1 2>/dev/null; do printf 'a\\r'; done",
  );
  const wire = await Wire.connect(host.port, NVT);
  await wire.expect('ready');
  for (let i = 0; i < 5; i++) {
    wire.type('k');
    await wire.until(() => wire.data.length === 'ready'.length + 3 * (i + 1));
  }
  await wire.close();
  assert.equal(wire.raw.bytes.toString('latin1').slice(-25), `ready${'ka\r\0'.repeat(5)}`);
});
