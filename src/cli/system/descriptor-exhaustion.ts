/**
 * Log lines about the exhaustion of descriptors: a warning at the start, one line when it begins, one when it has
 * ended.
 */
import { descriptorLimit } from '../../native/files.ts';
import { sessionsThatFit } from '../../transport/tcp/descriptors.ts';
import type { Log } from '../log/log.ts';
import type { ServeSettings } from '../serve/settings.ts';

/**
 * At the limit each ended session admits one client, which interrupts the shortage for a moment. The shortage counts
 * as ended after this time without one, in milliseconds.
 */
const CALM_MS = 10_000;
const REMEDY = 'raise the limit (LimitNOFILE= of systemd, ulimit -n)';

/** Warns at the start if more sessions are allowed than there are descriptors for. */
export function warnOfDescriptors({ maxSessions, workers }: ServeSettings, log: Log): void {
  const fitting = sessionsThatFit() * workers;
  if (!Number.isFinite(maxSessions) || fitting >= maxSessions) return;
  log.warn(
    { descriptors: descriptorLimit(), fitting, maxSessions },
    `${descriptorLimit()} descriptors are enough for ${fitting} sessions, --max-sessions allows ${maxSessions}: ` +
      `${REMEDY}, or more clients than that will wait`,
  );
}

/** Logs two lines for a shortage, however often it is interrupted. */
export class DescriptorExhaustionLog {
  readonly #log: Log;
  #began: number | undefined;
  #calm: NodeJS.Timeout | undefined;

  constructor(log: Log) {
    this.#log = log;
  }

  /** Called when a listener has stopped accepting because no descriptors are left, or continues. */
  changed(isShort: boolean): void {
    clearTimeout(this.#calm);
    if (!isShort) this.#calm = setTimeout(() => this.#over(), CALM_MS).unref();
    else if (this.#began === undefined) {
      this.#began = performance.now();
      this.#log.error(
        { descriptors: descriptorLimit() },
        `out of descriptors: clients wait until some are free; ${REMEDY}`,
      );
    }
  }

  #over(): void {
    const seconds = Math.round((performance.now() - this.#began! - CALM_MS) / 1_000);
    this.#began = undefined;
    this.#log.info({ seconds }, `descriptors are free again, after ${seconds} s`);
  }
}
