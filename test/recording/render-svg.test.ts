/** Recordings in asciicast v2, read and drawn. */
import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { AsciicastWriter } from '../../src/recording/asciicast.ts';
import { parseAsciicast } from '../../src/recording/asciicast-reader.ts';
import { renderStill } from '../../src/recording/render-svg.ts';

const HEADER = '{"version":2,"width":20,"height":5}';

describe('a recording', () => {
  it('is read as it was written', () => {
    const directory = mkdtempSync(join(tmpdir(), 'telpty-recording-'));
    try {
      const file = join(directory, 'a.cast');
      const writer = new AsciicastWriter(file, { columns: 20, rows: 5, term: 'xterm' }, error => assert.fail(error));
      writer.output(Buffer.from('Grüße\x1b[31m\x7f\u202e'), 'utf-8');
      writer.resize(30, 6);
      writer.end();
      const { columns, rows, events } = parseAsciicast(readFileSync(file, 'utf8'), file);
      assert.deepEqual([columns, rows], [20, 5]);
      assert.deepEqual(
        events.map(({ type, data }) => [type, data]),
        [
          ['o', 'Grüße\x1b[31m\x7f\u202e'],
          ['r', '30x6'],
        ],
      );
    } finally {
      rmSync(directory, { recursive: true });
    }
  });

  it('may end in the middle of its last line', () => {
    assert.equal(parseAsciicast(`${HEADER}\n[0,"o","a"]\n[1,"o",`, 'a.cast').events.length, 1);
  });

  for (const [text, message] of [
    ['', /^a\.cast:1: not a header with "version": 2/],
    ['{"version":1,"width":80,"height":24,"stdout":[]}', /^a\.cast:1: not a header/],
    ['null', /^a\.cast:1: not a header/],
    ['{"version":2,"width":0,"height":24}', /^a\.cast:1: "width" and "height"/],
    ['{"version":2,"width":"80","height":24}', /^a\.cast:1: "width" and "height"/],
    [`${HEADER}\n[0,"o","a"]\n[0,"o"]\n[0,"o","a"]\n`, /^a\.cast:3: not an event/],
    [`${HEADER}\n["0","o","a"]\n\n`, /^a\.cast:2: not an event/],
  ] as const) {
    it(`is refused with the line that is wrong: ${JSON.stringify(text).slice(0, 60)}`, () => {
      assert.throws(() => parseAsciicast(text, 'a.cast'), { code: 'ERR_RUNTIME', message });
    });
  }
});

describe('a still image of a recording', () => {
  const recording = parseAsciicast(
    [HEADER, '[0.5,"o","first"]', '[1,"r","30x6"]', '[1,"i","typed"]', '[1.5,"o","\\r\\nsecond"]', '[2,"r","x"]'].join(
      '\n',
    ),
    'a.cast',
  );

  it('shows the end, in the size that the window had then', async () => {
    const svg = await renderStill(recording);
    assert.match(svg, />first<\/text>\n.*>second<\/text>/);
    assert.match(svg, new RegExp(`<svg x="12" y="46" width="${30 * 9}" height="${6 * 18}">`));
    assert.doesNotMatch(svg, /typed/);
  });

  it('shows the time that is asked for', async () => {
    const svg = await renderStill(recording, { at: 0.75 });
    assert.match(svg, />first</);
    assert.doesNotMatch(svg, />second</);
    assert.match(svg, new RegExp(`<svg x="12" y="46" width="${20 * 9}" height="${5 * 18}">`));
  });
});
