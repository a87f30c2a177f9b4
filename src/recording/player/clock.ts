/** Where a player has its time from. */
import { LONGEST_TIMER } from '../../options.ts';

export interface Clock {
  /** In milliseconds. */
  now(): number;
  /** Resolves after this time or earlier, or when the signal is aborted. */
  wait(ms: number, signal: AbortSignal): Promise<void>;
}

/** The time of the system. */
export const systemClock: Clock = {
  now: () => performance.now(),
  wait: (ms, signal) =>
    new Promise(resolve => {
      // The player looks at the time again after each wait. While it is paused, a wait has no end. Timers with a longer
      // time than this would end at once.
      const timer = setTimeout(resolve, Math.min(ms, LONGEST_TIMER));
      const stop = () => {
        clearTimeout(timer);
        resolve();
      };
      if (signal.aborted) stop();
      else signal.addEventListener('abort', stop, { once: true });
    }),
};
