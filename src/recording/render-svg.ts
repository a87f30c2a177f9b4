/** Still images of recordings. */
import { renderSvg, type SvgOptions } from '../screen/svg/index.ts';
import type { Recording } from './recording-file.ts';

export interface StillOptions extends SvgOptions {
  /** The time in the recording, in seconds. Default: its end. */
  readonly at?: number | undefined;
}

/** Draws the screen at a time of a recording. Sizes are limited to 2x1 to 1000x400. */
export async function renderStill(recording: Recording, options: StillOptions = {}): Promise<string> {
  const { screen, rest } = await recording.screens.seek(options.at ?? Number.POSITIVE_INFINITY);
  try {
    return renderSvg(screen, options);
  } finally {
    screen.dispose();
    await rest.return(undefined);
  }
}
