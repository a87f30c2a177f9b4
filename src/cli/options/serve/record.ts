/** Recordings of the sessions. */
import { recordOptions as record } from '../../../recording/record.ts';
import * as library from '../library.ts';
import type { OptionTable } from '../options.ts';
import * as values from '../values.ts';

export const recordingOptions = {
  record: {
    argument: 'DIR',
    parse: values.text,
    defaultWords: 'off',
    help: 'record the output of each session in a file of its own in this directory, which only the user of the server may use; it is created if needed. Users get one line that says so',
    see: 'docs/recording-sessions.md',
  },
  'record-format': {
    ...library.choice(record.format),
    help: '`asciicast`: version 3 (asciinema 3); `asciicast-v2`: version 2, for older players; `ttyrec`: without exit status',
  },
  'record-input': {
    ...library.flag(record.input),
    help: 'record input, too; it contains passwords',
  },
  'record-keep': {
    argument: 'T',
    ...library.setsWithDefault(record.keep, values.age, String),
    help: 'delete recordings that are older than this, for example `30d`; 0: never',
  },
  'record-max': {
    argument: 'SIZE',
    ...library.setsWithDefault(record.maxSize, values.size, bytes => `${bytes / 2 ** 30}G`),
    help: 'delete the oldest recordings when all together are larger than this; if that is not enough, current ones end; 0: no limit',
  },
  'record-quietly': { ...library.flag(record.quietly), help: 'leave out the line for users' },
} as const satisfies OptionTable;
