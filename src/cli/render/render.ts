/** `telpty render`: draws a recording as an SVG image. */
import { writeFile } from 'node:fs/promises';
import { TelptyError } from '../../errors.ts';
import { errorText } from '../../native/system-error.ts';
import { openRecording } from '../../recording/recording-file.ts';
import { renderAnimation, renderStill } from '../../recording/render-svg.ts';
import { escapeText } from '../../shells/output/escape.ts';
import { parseRender, type RenderSettings } from './settings.ts';

/**
 * Runs `telpty render`. Returns `'help'` if help was requested.
 *
 * @throws TelptyError `ERR_USAGE`; `ERR_RUNTIME` if a file cannot be read or written; a broken file is drawn up to
 *   there first.
 */
export async function runRender(argv: readonly string[]): Promise<'help' | undefined> {
  const settings = parseRender(argv);
  if (settings === 'help') return 'help';
  const { file, encoding, at, from, to, title, speed } = settings;
  const recording = await openRecording(file, { encoding });
  const { idleLimit = recording.idleLimit } = settings;
  if (at !== undefined) {
    await write(await renderStill(recording, { at, title }), settings);
    return undefined;
  }
  const { svg, interval, isThinned, problem } = await renderAnimation(recording, { from, to, title, speed, idleLimit });
  await write(svg, settings);
  if (isThinned) {
    const seconds = Number(interval.toPrecision(2));
    process.stderr.write(`telpty: render: frames are at least ${seconds} s apart, to bound the size of the image\n`);
  }
  if (problem !== undefined) throw problem;
  return undefined;
}

async function write(svg: string, { output }: RenderSettings): Promise<void> {
  if (output === undefined) {
    await new Promise<void>(resolve => process.stdout.write(svg, () => resolve()));
    return;
  }
  try {
    await writeFile(output, svg);
  } catch (error) {
    const words = `--output: cannot write ${escapeText(output)}: ${errorText(error)}`;
    throw new TelptyError('ERR_RUNTIME', words, { file: output, cause: error });
  }
}
