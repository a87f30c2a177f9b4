/** Still images of recordings. */
import { Screen } from '../screen/screen.ts';
import { renderSvg, type SvgOptions } from '../screen/svg/index.ts';
import { loadScreens } from '../screen/xterm.ts';
import type { Recording } from './asciicast-reader.ts';

export interface StillOptions extends SvgOptions {
  /** The time in the recording, in seconds. Default: its end. */
  readonly at?: number | undefined;
}

/** Draws the screen at a time of a recording. Sizes are limited to 2x1 to 1000x400. */
export async function renderStill(recording: Recording, options: StillOptions = {}): Promise<string> {
  await loadScreens();
  const screen = new Screen(recording.columns, recording.rows);
  try {
    for (const { time, type, data } of recording.events) {
      if (time > (options.at ?? Number.POSITIVE_INFINITY)) break;
      if (type === 'o') screen.write(data);
      else if (type === 'r') resize(screen, data);
    }
    return renderSvg(screen, options);
  } finally {
    screen.dispose();
  }
}

function resize(screen: Screen, size: string): void {
  const [, columns, rows] = /^(\d{1,5})x(\d{1,5})$/.exec(size) ?? [];
  if (columns !== undefined) screen.resize(Number(columns), Number(rows));
}
