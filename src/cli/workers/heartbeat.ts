/**
 * Checks that the event loops of the workers run. A worker whose loop is blocked serves no clients, but would still
 * get new ones as long as it has few sessions.
 *
 * It counts unanswered pings, not seconds: if this process itself was stopped for a while, the answers have arrived
 * but have not been read yet.
 */

/** The part of a worker that {@link Heartbeat} uses. */
export interface Pinged {
  /** Whether it has begun to serve, and not ended. */
  readonly serving: boolean;
  /** Sends a ping. @returns whether any message was received since the ping before. */
  ping(): boolean;
}

/**
 * The interval of pings, in milliseconds, and the number of pings in a row without an answer after which a worker
 * hangs.
 */
export interface HeartbeatOptions {
  readonly interval: number;
  readonly most: number;
}

/** 30 s in all: nothing that telpty itself does takes a tenth of that. */
const DEFAULTS: HeartbeatOptions = { interval: 5_000, most: 6 };

/** Pings the workers at intervals and reports those that do not answer. */
export class Heartbeat<Worker extends Pinged> {
  readonly #timer: NodeJS.Timeout;
  readonly #silent = new WeakMap<Worker, number>();

  /**
   * @param workers the present workers.
   * @param onSilence called for a worker that has not answered for this time: after the first ping without an answer,
   *   and after the last one, when the worker counts as hanging.
   */
  constructor(
    workers: () => Iterable<Worker>,
    onSilence: (worker: Worker, milliseconds: number, hangs: boolean) => void,
    { interval, most }: HeartbeatOptions = DEFAULTS,
  ) {
    this.#timer = setInterval(() => {
      for (const worker of workers()) {
        if (!worker.serving) continue;
        const silent = worker.ping() ? 0 : (this.#silent.get(worker) ?? 0) + 1;
        this.#silent.set(worker, silent);
        if (silent === 1 || silent === most) onSilence(worker, silent * interval, silent === most);
      }
    }, interval).unref();
  }

  /** Stops the pings. */
  stop(): void {
    clearInterval(this.#timer);
  }
}
