import type { Session } from '../../session/session.ts';

/**
 * Output that a session may still queue for its client after a hangup, in bytes. It is more than a terminal and the reader of a
 * flood hold, so what was printed before the hangup is delivered if the client ever reads, and so are some last words.
 */
const QUEUE_BYTES = 256 * 1024;
/**
 * Of that, what may be queued before the program has its SIGHUP, which comes a moment later where it was blocked. A program that
 * floods would else fill the queue meanwhile, and its last words would be dropped. It suffices to end the write that was blocked.
 */
const BEFORE_SIGNAL_BYTES = 64 * 1024;
/** When the program has its SIGHUP for certain: in milliseconds, and at most this part of its time. */
const SIGNALLED_MS = 100;
const SIGNALLED_PART = 0.2;
/** If the client takes nothing for so long after that, in milliseconds, the rest is dropped. */
const LONGEST_STALL_MS = 250;

/**
 * The output of a program that is hung up, for a client that takes it slowly or not at all.
 *
 * Before a hangup a client that reads nothing blocks the program, as a slow terminal does. After it the program has only the
 * kill timeout to save what it has to save, and bash, vim and others print first. So the output is queued, then it waits for as
 * long as the client takes any of it, and then it is dropped: the program is never blocked until its SIGKILL.
 */
export class FinalOutput {
  readonly #session: Session;
  readonly #stallMs: number;
  readonly #drop: () => void;
  #timer: NodeJS.Timeout | undefined;
  /** What may be unsent, in bytes. */
  #most: number;
  readonly #signalled: NodeJS.Timeout;
  /** Bytes that had left the process when the timer was started. */
  #taken = 0;

  /**
   * @param killTimeout milliseconds between SIGHUP and SIGKILL.
   * @param drop is called once, when no more output is to be queued.
   * @param more is called when more may be queued than before.
   */
  constructor(session: Session, killTimeout: number, drop: () => void, more: () => void) {
    this.#session = session;
    // The program needs most of its time for itself.
    this.#stallMs = Math.min(killTimeout / 4, LONGEST_STALL_MS);
    this.#drop = drop;
    this.#most = session.unsent + BEFORE_SIGNAL_BYTES;
    const signalledMs = Math.min(SIGNALLED_MS, killTimeout * SIGNALLED_PART);
    this.#signalled = setTimeout(() => {
      this.stop();
      this.#most = Math.max(session.unsent, this.#most) + QUEUE_BYTES - BEFORE_SIGNAL_BYTES;
      more();
    }, signalledMs);
  }

  /** The session has no room for more. @returns whether the program has to wait for it. */
  mustWait(): boolean {
    if (this.#session.unsent < this.#most) return false;
    if (this.#timer === undefined) this.#watch();
    return true;
  }

  #watch(): void {
    this.#taken = this.#takenByClient();
    this.#timer = setTimeout(() => {
      this.#timer = undefined;
      if (this.#takenByClient() === this.#taken) this.#drop();
      else this.#watch();
    }, this.#stallMs);
  }

  #takenByClient(): number {
    return this.#session.bytesWritten - this.#session.unsent;
  }

  /** Output ends. */
  end(): void {
    clearTimeout(this.#signalled);
    this.stop();
  }

  /** The session has room again: stops the clock. */
  stop(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
  }
}
