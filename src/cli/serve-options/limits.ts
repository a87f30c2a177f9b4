/** Who may have a session, and for how long. */
import type { OptionTable } from '../options.ts';
import * as values from '../values.ts';

export const limitOptions = {
  'max-sessions': {
    argument: 'N',
    parse: values.integer(0),
    default: '1000',
    help: 'sessions at a time; more are told so and closed; 0: any number',
  },
  'idle-timeout': {
    argument: 'T',
    parse: values.duration(Number.MAX_SAFE_INTEGER),
    default: '0',
    defaultWords: 'off',
    help: 'end a session without input for so long',
  },
  'session-timeout': {
    argument: 'T',
    parse: values.duration(Number.MAX_SAFE_INTEGER),
    default: '0',
    defaultWords: 'off',
    help: 'end a session after so long',
  },
} as const satisfies OptionTable;
