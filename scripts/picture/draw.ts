/** Draws the picture of the README from its recording. */
import { readFileSync } from 'node:fs';
import { parseAsciicast } from '../../src/recording/asciicast-reader.ts';
import { renderStill } from '../../src/recording/render-svg.ts';

export const RECORDING = 'docs/picture.cast';

export function picture(): Promise<string> {
  const text = readFileSync(new URL(`../../${RECORDING}`, import.meta.url), 'utf8');
  return renderStill(parseAsciicast(text, RECORDING), {
    title: 'telpty serve -- nethack',
    description:
      'A terminal with two panes: telpty serve above logs a session, and a Telnet client below plays NetHack on it.',
  });
}
