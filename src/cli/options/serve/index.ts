/**
 * The options of `telpty serve`, in the order of its help. A setting has the name of its option (`--idle-timeout`:
 * `settings.idleTimeout`), so a new option needs a row here and the code that uses it. A row that names an option of
 * the library (`library`) needs no other code: `optionsFor()` passes its value to the library.
 */
import type { OptionSection, OptionTable } from '../options.ts';
import { limitOptions } from './limits.ts';
import { listenOptions, tlsOptions } from './listen.ts';
import { endOptions, programOptions, resourceOptions } from './program.ts';
import { recordingOptions } from './record.ts';
import { sessionOptions } from './session.ts';
import { operationOptions } from './watch.ts';
import { webOptions } from './web.ts';

export const serveSections: readonly OptionSection[] = [
  { title: 'Listening', options: listenOptions },
  { title: 'TLS', options: tlsOptions },
  { title: 'Browsers', options: webOptions },
  { title: 'Telnet', options: sessionOptions },
  { title: 'Program', options: programOptions },
  { title: 'Resources of the program', options: resourceOptions },
  { title: 'End of sessions', options: endOptions },
  { title: 'Limits', options: limitOptions },
  { title: 'Recordings', options: recordingOptions },
  { title: 'Operation', options: operationOptions },
];

export const serveOptions = {
  ...listenOptions,
  ...tlsOptions,
  ...webOptions,
  ...sessionOptions,
  ...programOptions,
  ...resourceOptions,
  ...endOptions,
  ...limitOptions,
  ...recordingOptions,
  ...operationOptions,
} as const satisfies OptionTable;
