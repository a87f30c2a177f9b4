/** `telpty connect` in a terminal. */
import { CLI } from '../../../support/servers/server.ts';
import type { Ground } from '../grounds.ts';
import type { Visitor } from '../visit.ts';

export const DISPLAY = 'desk:7.1';

export function telptyConnect(ground: () => Promise<Ground>, ...options: readonly string[]): Visitor {
  return {
    ground,
    command: port => [process.execPath, CLI, 'connect', '--send-env', 'DISPLAY', ...options, 'localhost', String(port)],
    options: { env: { DISPLAY } },
  };
}
