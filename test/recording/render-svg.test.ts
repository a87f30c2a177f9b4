/** Images of recordings. */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { openRecording } from '../../src/recording/recording-file.ts';
import type { Recording } from '../../src/recording/recording-reader.ts';
import { renderAnimation, renderStill } from '../../src/recording/render-svg.ts';

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

describe('an animation of a recording', () => {
  let directory: string;
  before(() => {
    directory = mkdtempSync(join(tmpdir(), 'telpty-animation-'));
  });
  after(() => rmSync(directory, { recursive: true }));
  const opened = (lines: readonly unknown[]) => {
    const file = join(directory, 'a.cast');
    writeFileSync(file, ['{"version":2,"width":20,"height":3}', ...lines.map(line => JSON.stringify(line))].join('\n'));
    return openRecording(file);
  };

  it('changes the rows at their times, and draws each distinct row once', async () => {
    const events = ['a', 'b', 'a', 'b', 'a'].map((text, time) => [time, 'o', `\x1b[H${text}\x1b[2;1H`]);
    const { svg, isThinned } = await renderAnimation(await opened(events), { showsCursor: false, speed: 2 });
    const [, values, times] = /<use y="0" [^>]*><animate [^>]*values="([^"]*)" keyTimes="([^"]*)"/.exec(svg)!;
    const [one, two] = values!.split(';').slice(-5) as [string, string];
    assert.deepEqual(values!.split(';').slice(-5), [one, two, one, two, one]);
    // Five changes, half a second apart, and two seconds at the end.
    assert.deepEqual(times!.split(';').slice(-4).map(Number), [0.125, 0.25, 0.375, 0.5]);
    assert.deepEqual([svg.match(/>a</g)?.length, svg.match(/>b</g)?.length, isThinned], [1, 1, false]);
  });

  it('leaves frames out to bound the size, and shows the last screen at the end', async () => {
    const events = Array.from({ length: 400 }, (_, index) => [index / 20, 'o', `\x1b[H${index} ${'x'.repeat(12)}`]);
    const whole = await renderAnimation(await opened(events));
    const small = await renderAnimation(await opened(events), { maxSize: 20_000 });
    assert.deepEqual([whole.isThinned, small.isThinned], [false, true]);
    assert.ok(small.svg.length < 22_000 && small.svg.length > 4_000, `${small.svg.length} bytes`);
    const [, last] = /<use y="0" href="#(\w+)"/.exec(small.svg)!;
    assert.match(small.svg, new RegExp(`id="${last}">[^]*?>399 x+`.replace('[^]', '[\\s\\S]')));
  });
});
