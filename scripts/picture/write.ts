/**
 * Makes the picture of the README: `npm run picture` makes a recording in docs/picture.cast and draws its end as
 * docs/picture.svg; with `--draw` it draws the existing recording. It needs tmux, telnet and nethack.
 */
import { rmSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { picture, RECORDING } from './draw.ts';
import { record } from './record.ts';

const root = fileURLToPath(new URL('../../', import.meta.url));

if (!process.argv.includes('--draw')) {
  rmSync(`${root}${RECORDING}`, { force: true });
  await record(`${root}${RECORDING}`);
}
writeFileSync(`${root}docs/picture.svg`, await picture());
