/** Images of recordings. */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { openRecording, type Recording } from '../../src/recording/recording-file.ts';
import { renderStill } from '../../src/recording/render-svg.ts';

describe('a still image of a recording', () => {
  let directory: string;
  let recording: Recording;
  before(async () => {
    directory = mkdtempSync(join(tmpdir(), 'telpty-image-'));
    const file = join(directory, 'a.cast');
    const lines = ['[0.5,"o","first"]', '[1,"r","30x6"]', '[1,"i","typed"]', '[1.5,"o","\\r\\nsecond"]', '[2,"r","x"]'];
    writeFileSync(file, ['{"version":2,"width":20,"height":5}', ...lines].join('\n'));
    recording = await openRecording(file);
  });
  after(() => rmSync(directory, { recursive: true }));

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
