/**
 * Sees whether the workers' event loops turn. A worker whose loop stands still serves nobody, and would be given clients
 * all the same as long as it has few.
 *
 * What is counted are questions without an answer and not seconds: when this process itself was stopped for a time, the
 * answers are there, but not read yet.
 */

/** A worker, as far as this is concerned. */
export interface Questioned {
  /** Whether it has begun to serve, and not ended. */
  readonly serving: boolean;
  /** Asks it. @returns whether anything has come from it since it was asked before. */
  ask(): boolean;
}

/** How often workers are asked, in milliseconds, and how many questions in a row may be without an answer. */
export interface VigilOptions {
  readonly interval: number;
  readonly most: number;
}

/** Six times five seconds: nothing that telpty does by itself takes a tenth of that. */
const usual: VigilOptions = { interval: 5_000, most: 6 };

/** Asks workers from time to time, and names those that do not answer. */
export class Vigil<Worker extends Questioned> {
  readonly #timer: NodeJS.Timeout;
  readonly #silent = new WeakMap<Worker, number>();

  /**
   * @param workers gives those of the moment.
   * @param onSilence is told of a worker that has not answered for so many milliseconds: after the first question, and after
   *   the last, when it is taken for one that hangs.
   */
  constructor(
    workers: () => Iterable<Worker>,
    onSilence: (worker: Worker, milliseconds: number, hangs: boolean) => void,
    { interval, most }: VigilOptions = usual,
  ) {
    this.#timer = setInterval(() => {
      for (const worker of workers()) {
        if (!worker.serving) continue;
        const silent = worker.ask() ? 0 : (this.#silent.get(worker) ?? 0) + 1;
        this.#silent.set(worker, silent);
        if (silent === 1 || silent === most) onSilence(worker, silent * interval, silent === most);
      }
    }, interval).unref();
  }

  /** Nobody is asked any more. */
  end(): void {
    clearInterval(this.#timer);
  }
}
