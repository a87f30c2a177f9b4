/** Log lines about rejected clients: one line for each, and sums if there are many. */

import type { RefusalReason } from '../../shells/guards/session-limits.ts';
import { escapeText } from '../../shells/output/escape.ts';
import type { Refusal, RefusedConnection } from '../../transport/pre-session/stage.ts';
import { remoteOf } from './format.ts';
import type { Log } from './log.ts';

/** A flood must not fill a disk: within this time, in milliseconds, … */
const WINDOW_MS = 10_000;
/** … this number of refusals get a line of their own, and the others one line for each reason. */
const LINES = 20;

/** A client that was refused. All text is escaped already. */
export interface RefusedClient {
  readonly session: number;
  readonly remote: string;
  readonly refused: RefusalReason;
}

/** Logs refusals. */
export class RefusalLog {
  readonly #log: Log;
  #timer: NodeJS.Timeout | undefined;
  #lines = 0;
  readonly #more = new Map<RefusalReason | RefusedConnection, number>();

  constructor(log: Log) {
    this.#log = log;
  }

  /** @param fields further fields of the record. */
  refused(client: RefusedClient, fields: object = {}): void {
    const { session, remote, refused } = client;
    this.#write(refused, { ...client, ...fields }, `session ${session} refused: ${remote}, ${refused}`);
  }

  /** Logs a connection that did not become a session. */
  refusedConnection(refusal: Refusal): void {
    const { reason } = refusal;
    const remote = remoteOf(refusal);
    const message = escapeText(refusal.message, 200);
    if (reason === 'probe') {
      this.#log.debug({ remote, reason }, `probe: ${remote}, ${message}`);
      return;
    }
    this.#write(reason, { remote, refused: reason, message }, `refused: ${remote}, ${reason}: ${message}`);
  }

  #write(refused: RefusalReason | RefusedConnection, fields: object, words: string): void {
    // The timer does not keep the process alive; the sum is logged at the latest when the process ends.
    this.#timer ??= setTimeout(() => this.flush(), WINDOW_MS).unref();
    if (this.#lines < LINES) {
      this.#lines++;
      this.#log.info(fields, words);
      return;
    }
    if (this.#more.size === 0) process.once('exit', this.#flushAtExit);
    this.#more.set(refused, (this.#more.get(refused) ?? 0) + 1);
  }

  /** Logs the number of refusals without a line of their own, and starts the next window. */
  flush(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#lines = 0;
    process.off('exit', this.#flushAtExit);
    for (const [refused, count] of this.#more) {
      const words = `… and ${count.toLocaleString('en-US')} more refused (${refused})`;
      this.#log.info({ refused, count }, `${words} in the last ${WINDOW_MS / 1_000}s`);
    }
    this.#more.clear();
  }

  readonly #flushAtExit = (): void => this.flush();
}
