/** Recordings in other players, and recordings of others here: the last screens are those of the program itself. */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { openRecording, type RecordingFormat } from '../../src/index.ts';
import { RECORDING_FORMATS } from '../../src/recording/recording.ts';
import { Terminal } from '../support/clients/tmux.ts';
import { XTERM } from '../support/servers/host.ts';
import { recordSession } from '../support/servers/record-session.ts';
import { CLI } from '../support/servers/server.ts';
import { requireTool } from '../support/system/tools.ts';

const TIMEOUT = { timeout: 60_000 };
const SIZE = { cols: 60, rows: 15 };
/** The size of a ttyrec file that does not set one. */
const USUAL_SIZE = { cols: 80, rows: 24 };

/** Colours, attributes, wide characters, some that are cut between two writes, line drawing, positions. */
const PROGRAM = String.raw`
printf '\033[2J\033[H\033[1;31mred\033[m \033[4munder\033[m \033[38;5;202morange\033[m \033[97;44mwhite\033[m\n'
printf 'wide: 漢字 ｶﾅ|\ncombined: e\314\201|\n'
printf 'cut: \303'; sleep 0.1; printf '\251 \346\274'; sleep 0.1; printf '\242|\n'
printf '\033(0lqqk\033(B\n\tTab\033[1;20Hover\033[2;2H\033[1P'
printf '\033[10;5H\033[7m reversed\033[m\033[14;3Hlast'
columns=$(stty size | cut -d ' ' -f 2)
printf "\033[12;$((columns - 3))Hwraps here\033[14;7H"
exit 3
`;

interface Shown {
  /** With colours. */
  readonly screen: string;
  readonly cursor: string;
}

/** The screen of a terminal when a program has ended. */
async function shownBy(command: readonly string[], size = SIZE): Promise<Shown> {
  await using terminal = await Terminal.start(command, size);
  await terminal.exitStatus(30_000);
  return { screen: withLines(await terminal.capture({ colours: true })), cursor: String(await terminal.cursor()) };
}

/** The characters of line drawing that the program uses. tmux gives them as letters between SO and SI. */
const DRAWN: Readonly<Record<string, string>> = { l: '┌', q: '─', k: '┐' };
const withLines = (screen: string): string =>
  screen.replace(/\x0e([^\x0f]*)\x0f/g, (_, letters: string) => letters.replace(/[lqk]/g, letter => DRAWN[letter]!));

const textOf = (screen: string): string => screen.replace(/\x1b\[[\d;]*m/g, '').replace(/ +$/gm, '');

let directory: string;
let program: string;
/** The screens of the program itself. */
let own: Shown;
let usual: Shown;
before(async () => {
  directory = mkdtempSync(join(tmpdir(), 'telpty-players-'));
  program = join(directory, 'program');
  writeFileSync(program, PROGRAM);
  own = await shownBy(['sh', program]);
  usual = await shownBy(['sh', program], USUAL_SIZE);
  assert.match(textOf(own.screen), /漢字[\s\S]*cut: é 漢\|[\s\S]* wrap\ns here/);
  assert.match(own.screen, /\x1b\[38;5;202morange/);
});
after(() => rmSync(directory, { recursive: true }));

const files = new Map<RecordingFormat, Promise<string>>();

/** A recording of the program. */
function recording(format: RecordingFormat): Promise<string> {
  const options = { format, directory: join(directory, 'recordings') };
  const size = [SIZE.cols, SIZE.rows] as const;
  const file = files.get(format) ?? recordSession(['sh', program], options, { ...XTERM, size });
  files.set(format, file);
  return file;
}

describe('a recording of telpty', () => {
  for (const [format, command] of [
    ['asciicast-v2', ['asciinema', 'play']],
    ['asciicast-v2', ['asciinema', 'cat']],
    ['ttyrec', ['ttyplay']],
    ['ttyrec', ['ttyplay', '-n']],
  ] as const) {
    it(`shows the same in ${command.join(' ')}`, TIMEOUT, async () => {
      const [player, ...words] = command;
      assert.deepEqual(await shownBy([requireTool(player), ...words, await recording(format)]), own);
    });
  }

  for (const format of RECORDING_FORMATS) {
    it(`shows the same in telpty play, and in openRecording(): ${format}`, TIMEOUT, async () => {
      const file = await recording(format);
      assert.equal((await shownBy([process.execPath, CLI, 'play', file])).screen, own.screen);
      const { text, cursor } = await (await openRecording(file)).screenAt(60);
      assert.equal(text, textOf(own.screen));
      assert.equal(`${cursor.column},${cursor.row}`, own.cursor);
    });
  }
});

describe('a recording shows the same in telpty play, and in openRecording()', () => {
  for (const [recorder, arguments_] of [
    ['asciinema', (file: string) => ['rec', '-q', '-c', `sh ${program}`, file]],
    ['ttyrec', (file: string) => ['-e', `sh ${program}`, file]],
  ] as const) {
    it(`of ${recorder}`, TIMEOUT, async () => {
      const file = join(directory, recorder);
      await shownBy([requireTool(recorder), ...arguments_(file)], USUAL_SIZE);
      assert.equal((await shownBy([process.execPath, CLI, 'play', file], USUAL_SIZE)).screen, usual.screen);
      assert.equal((await (await openRecording(file)).screenAt(60)).text, textOf(usual.screen));
    });
  }
});
