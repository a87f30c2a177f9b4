/** Recordings of telpty in asciinema-player: the last screen is that of the program, also after changes of the size. */
import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { isDeepStrictEqual } from 'node:util';
import { openRecording } from '../../src/index.ts';
import { RECORDING_FORMATS } from '../../src/recording/recording.ts';
import { PATIENCE_MS } from '../support/patience.ts';
import { XTERM } from '../support/servers/host.ts';
import { recordSession } from '../support/servers/record-session.ts';
import { eventually, launchChromium } from './web-host.ts';

const PROGRAM = String.raw`
printf '\033[2J\033[H\033[1;31mred\033[m \033[38;5;202morange\033[m\n'
printf 'wide: 漢字|\ncut: \303'; sleep 0.1; printf '\251|\n\033(0lqqk\033(B\n'
read line
printf "\033[18;60Hbottom right\033[19;1H$line"
exit 3
`;

const bundle = (name: string) =>
  createRequire(import.meta.url).resolve(`asciinema-player/dist/bundle/asciinema-player.${name}`);

let directory: string;
before(() => {
  directory = mkdtempSync(join(tmpdir(), 'telpty-player-'));
});
after(() => rmSync(directory, { recursive: true }));

/** Plays a recording, and asserts that the player's terminal then has these lines. */
async function assertPlayed(file: string, expected: readonly string[]): Promise<void> {
  const browser = await launchChromium();
  try {
    const page = await browser.newPage({ viewport: { width: 1200, height: 800 } });
    page.setDefaultTimeout(PATIENCE_MS);
    const errors: string[] = [];
    page.on('pageerror', error => errors.push(String(error)));
    page.on('console', message => message.type() === 'error' && errors.push(message.text()));
    await page.setContent('<!doctype html><div id="player"></div>');
    await page.addStyleTag({ path: bundle('css') });
    await page.addScriptTag({ path: bundle('min.js') });
    const data = readFileSync(file).toString('base64');
    const parser = file.endsWith('.ttyrec') ? 'ttyrec' : 'asciicast';
    await page.evaluate(`(async () => {
      const data = Uint8Array.from(atob('${data}'), character => character.charCodeAt(0)).buffer;
      const source = { data: '${parser}' === 'ttyrec' ? data : new TextDecoder().decode(data), parser: '${parser}' };
      const player = AsciinemaPlayer.create(source, document.getElementById('player'), { speed: 10, autoPlay: true });
      window.isEnded = new Promise(resolve => player.addEventListener('ended', () => resolve(true)));
    })()`);
    await page.evaluate('window.isEnded');
    // The player draws the last events after it reports the end.
    let lines: string[] = [];
    await eventually(async () => {
      const texts = await page.evaluate<string[]>(
        `[...document.querySelectorAll('.ap-term .ap-line')].map(line => line.textContent)`,
      );
      lines = texts.map(line => line.trimEnd());
      return isDeepStrictEqual(lines, expected);
    }).catch(() => assert.deepEqual(lines, expected));
    assert.deepEqual(errors, []);
  } finally {
    await browser.close();
  }
}

describe('a recording of telpty', () => {
  for (const format of RECORDING_FORMATS) {
    it(`shows the same in asciinema-player: ${format}`, { timeout: 300_000 }, async () => {
      const file = await recordSession(
        ['bash', '-c', PROGRAM],
        { directory, format },
        { ...XTERM, size: format === 'ttyrec' ? [75, 20] : [60, 15] },
        async wire => {
          await wire.expect('cut: é');
          // The player takes the size of a ttyrec file from its beginning.
          if (format !== 'ttyrec') wire.resize(75, 20);
          wire.type('typed\r');
        },
      );
      const { lines, columns, rows } = await (await openRecording(file)).screenAt(60);
      assert.deepEqual([columns, rows, lines[17]?.slice(59), lines[18]], [75, 20, 'bottom right', 'typed']);
      await assertPlayed(file, lines);
    });
  }
});
