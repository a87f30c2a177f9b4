/** Draws the picture of the README from its recording. */
import { fileURLToPath } from 'node:url';
import { openRecording } from '../../src/recording/recording-file.ts';
import { renderStill } from '../../src/recording/render-svg.ts';

export const RECORDING = 'docs/picture.cast';

export async function picture(): Promise<string> {
  const recording = await openRecording(fileURLToPath(new URL(`../../${RECORDING}`, import.meta.url)));
  return renderStill(recording, {
    title: 'telpty serve -- nethack',
    description:
      'A terminal with two panes: telpty serve above logs a session, and a Telnet client below plays NetHack on it.',
  });
}
