/**
 * The options of `telpty serve`, in the order of its help. A setting is named like its option (`--idle-timeout`:
 * `settings.idleTimeout`), so an option needs its row here, one in the README, and what heeds it.
 */
import { helpOption, type OptionTable } from '../options.ts';
import { limitOptions } from './limits.ts';
import { listenOptions } from './listen.ts';
import { programOptions } from './program.ts';
import { sessionOptions } from './session.ts';
import { watchOptions } from './watch.ts';

export const serveOptions = {
  ...listenOptions,
  ...sessionOptions,
  ...programOptions,
  ...limitOptions,
  ...watchOptions,
  help: helpOption,
} as const satisfies OptionTable;
