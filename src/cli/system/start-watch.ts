/** Detects starts of programs that hang: logs a line when this begins, and one when it has ended. */
import { addon } from '../../native/load.ts';
import type { Log } from '../log/log.ts';

/** The interval between two checks, in milliseconds. Nothing signals that time has passed, so we poll. */
const LOOK_MS = 1_000;

/** Why the server is not ready, for `/readyz`. */
export const STUCK = 'starts of programs hang';

/** Whether starts hang in this process now. */
export function startsHang(): boolean {
  return addon().starts().stuck > 0;
}

/** @param onChange is called when starts begin to hang, and when they no longer do. */
export function watchStarts(log: Log, onChange?: (hang: boolean) => void): void {
  let began: number | undefined;
  const look = () => {
    const { stuck, killed } = addon().starts();
    if (stuck > 0 === (began !== undefined)) return;
    if (began === undefined) {
      began = performance.now();
      log.error(
        { stuck, killed },
        'starts of programs hang: a file system does not answer, or a process of the same user stops them; ' +
          'each is killed after 5 s at most',
      );
    } else {
      const seconds = Math.round((performance.now() - began) / 1_000);
      began = undefined;
      log.info({ seconds, killed }, `starts of programs no longer hang, after ${seconds} s`);
    }
    onChange?.(began !== undefined);
  };
  setInterval(look, LOOK_MS).unref();
}
