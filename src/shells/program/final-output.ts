import type { Session } from '../../session/session.ts';
import { SilenceTimer } from '../../transport/silence-timer.ts';

/**
 * Output that a session may still queue for its client after a hangup, in bytes. It exceeds the buffers of a terminal
 * and of a reader. So the output from before the hangup is delivered if the client ever reads, and some final output as
 * well.
 */
const QUEUE_BYTES = 256 * 1024;
/**
 * The part of this that may be queued before the program has its SIGHUP, which is slightly delayed if the program was
 * blocked. Otherwise a program that floods would fill the queue in that time, and its final output would be dropped.
 * The part is sufficient to complete the write that was blocked.
 */
const BEFORE_SIGNAL_BYTES = 64 * 1024;
/**
 * When the program certainly has its SIGHUP: after this time in milliseconds, at most this part of the kill timeout.
 */
const SIGNALLED_MS = 100;
const SIGNALLED_PART = 0.2;
/** If the client accepts nothing for this time after that, in milliseconds, the rest is dropped. */
const LONGEST_STALL_MS = 250;

/**
 * The output of a program after a hangup, for a client that reads slowly or not at all.
 *
 * Before a hangup, a client that reads nothing blocks the program, as a slow terminal does. After it, the program has
 * only the kill timeout to save its data, and bash, vim and others print first. So the output is first queued, then it
 * waits as long as the client accepts any of it, and then it is dropped. The program is never blocked until its
 * SIGKILL.
 */
export class FinalOutput {
  readonly #session: Session;
  readonly #stallMs: number;
  readonly #drop: () => void;
  #timer: SilenceTimer | undefined;
  /** Limit of bytes that the client has not processed. */
  #most: number;
  readonly #signalled: NodeJS.Timeout;
  /** Bytes that had left the process when the timer was started. */
  #taken = 0;

  /**
   * @param killTimeout milliseconds between SIGHUP and SIGKILL.
   * @param drop is called once, when no more output may be queued.
   * @param more is called when the limit has increased.
   */
  constructor(session: Session, killTimeout: number, drop: () => void, more: () => void) {
    this.#session = session;
    // The program needs most of the time for itself.
    this.#stallMs = Math.min(killTimeout / 4, LONGEST_STALL_MS);
    this.#drop = drop;
    this.#most = session.link.unprocessed + BEFORE_SIGNAL_BYTES;
    const signalledMs = Math.min(SIGNALLED_MS, killTimeout * SIGNALLED_PART);
    this.#signalled = setTimeout(() => {
      this.stop();
      this.#most = Math.max(session.link.unprocessed, this.#most) + QUEUE_BYTES - BEFORE_SIGNAL_BYTES;
      more();
    }, signalledMs);
  }

  /** The session cannot accept more. @returns whether the program has to wait. */
  mustWait(): boolean {
    if (this.#session.link.unprocessed < this.#most) return false;
    if (this.#timer === undefined) this.#watch();
    return true;
  }

  #watch(): void {
    this.#taken = this.#takenByClient();
    this.#timer = new SilenceTimer(this.#stallMs, () => {
      this.#timer = undefined;
      if (this.#takenByClient() === this.#taken) this.#drop();
      else this.#watch();
    });
  }

  #takenByClient(): number {
    return this.#session.bytesWritten - this.#session.link.unprocessed;
  }

  /** There is no more output. */
  end(): void {
    clearTimeout(this.#signalled);
    this.stop();
  }

  /** The session accepts output again: stops the timer. */
  stop(): void {
    this.#timer?.stop();
    this.#timer = undefined;
  }
}
