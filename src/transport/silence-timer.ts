/**
 * Measures the silence of a peer, a terminal or a program.
 *
 * A plain timer also counts the time in which this process did not read: because it was stopped, the machine was busy,
 * or a turn of its event loop was long. Bytes that arrived in the meantime are read in the poll phase, which comes
 * after the timers of the same turn. So a timer that is due waits for one more poll phase. Also, the clock of timers
 * stands still during a turn: a timer that is set late in a long turn is due too early, and the rest of its time is
 * added.
 */
export class SilenceTimer {
  readonly #ms: number;
  readonly #onSilence: () => void;
  #since = 0;
  #timer: NodeJS.Timeout | undefined;
  #turn: NodeJS.Immediate | undefined;

  /**
   * The timer runs immediately.
   *
   * @param ms the time without anything from the other end, in milliseconds.
   * @param onSilence is called once, unless {@link stop} or {@link restart} is called before.
   */
  constructor(ms: number, onSilence: () => void) {
    this.#ms = ms;
    this.#onSilence = onSilence;
    this.restart();
  }

  /** Something has arrived: the time starts again. */
  restart(): void {
    clearImmediate(this.#turn);
    this.#turn = undefined;
    this.#since = performance.now();
    if (this.#timer === undefined) this.#wait(this.#ms);
    else this.#timer.refresh();
  }

  stop(): void {
    clearTimeout(this.#timer);
    clearImmediate(this.#turn);
    this.#timer = undefined;
    this.#turn = undefined;
  }

  #wait(ms: number): void {
    this.#timer = setTimeout(() => this.#due(), ms);
  }

  #due(): void {
    this.#timer = undefined;
    // A timer may be due up to a millisecond early, by rounding.
    const left = this.#since + this.#ms - performance.now();
    if (left >= 1) {
      this.#wait(left);
      return;
    }
    this.#turn = setImmediate(() => {
      this.#turn = undefined;
      this.#onSilence();
    });
  }
}
