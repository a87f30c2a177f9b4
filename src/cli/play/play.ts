/** `telpty play`: plays a recording on the terminal, or lets the user pick one of a directory. */
import { stat } from 'node:fs/promises';
import { TelptyError } from '../../errors.ts';
import { systemClock } from '../../recording/player/clock.ts';
import { type Outcome, Player } from '../../recording/player/player.ts';
import { openRecording } from '../../recording/recording-file.ts';
import { loadScreens } from '../../screen/xterm.ts';
import { escapeText } from '../../shells/output/escape.ts';
import { List, listRecordings, printList } from './list.ts';
import type { PlaySettings } from './settings.ts';
import { Stage } from './stage.ts';

/**
 * @throws TelptyError `ERR_RUNTIME` if a file cannot be read; at the place where it is broken, after what is before.
 */
export async function runPlay(settings: PlaySettings): Promise<void> {
  const isDirectory = await stat(settings.path).then(
    found => found.isDirectory(),
    () => false,
  );
  const { isTTY } = process.stdout;
  if (!isDirectory && !isTTY) {
    const advice = 'telpty render makes an image';
    throw new TelptyError('ERR_RUNTIME', `play: standard output is not a terminal (${advice})`);
  }
  if (isDirectory) await playDirectory(settings, isTTY);
  else await playFile(settings);
}

async function playFile(settings: PlaySettings): Promise<void> {
  const stage = new Stage();
  try {
    await play(settings.path, settings, stage);
  } finally {
    stage.close();
  }
}

async function playDirectory(settings: PlaySettings, isTTY: boolean): Promise<void> {
  const entries = listRecordings(settings.path);
  if (!isTTY || !process.stdin.isTTY) {
    await printList(entries, settings.encoding);
    return;
  }
  const stage = new Stage();
  const list = new List(entries, stage, settings.encoding);
  stage.open();
  let message = '';
  try {
    for (;;) {
      const entry = await list.pick(message);
      if (entry === undefined) return;
      message = '';
      try {
        if ((await play(entry.file, settings, stage)) === 'interrupt') return;
      } catch (error) {
        if (!(error instanceof TelptyError)) throw error;
        message = escapeText(error.message, 300);
      }
    }
  } finally {
    stage.close();
  }
}

/**
 * Plays one recording. If the stage is not open yet, it is open only for this recording, and the last screen stays on
 * the terminal, as the output of a program would.
 */
async function play(file: string, settings: PlaySettings, stage: Stage): Promise<Outcome> {
  const [recording] = await Promise.all([openRecording(file, { encoding: settings.encoding }), loadScreens()]);
  const { idleLimit = recording.idleLimit ?? 0 } = settings;
  const player = new Player(recording, stage, systemClock, { ...settings, idleLimit });
  const isAlone = !stage.isOpen;
  if (isAlone) stage.open();
  stage.actor = player;
  try {
    return await player.run();
  } finally {
    stage.actor = undefined;
    if (isAlone) stage.close(player.lastFrame);
  }
}
