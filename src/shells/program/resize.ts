/** Limits the rate of window sizes from a client. */

/** How long a size must not change before the next change is applied immediately again, in milliseconds. */
const QUIET_MS = 100;

/**
 * Limits the rate of size changes, e.g. while the edge of a window is dragged. The first change after a pause is
 * applied immediately, then one per {@link QUIET_MS}, and always the last. Every applied size costs the program a
 * SIGWINCH and a full redraw.
 */
export class ResizeThrottle {
  readonly #apply: (columns: number, rows: number) => void;
  #pending: { columns: number; rows: number } | undefined;
  #timer: NodeJS.Timeout | undefined;

  constructor(apply: (columns: number, rows: number) => void) {
    this.#apply = apply;
  }

  /** Accepts a new size, in cells. */
  push(columns: number, rows: number): void {
    if (this.#timer !== undefined) {
      this.#pending = { columns, rows };
      return;
    }
    this.#apply(columns, rows);
    this.#timer = setTimeout(() => this.#rest(), QUIET_MS);
  }

  /** Stops the timer; a pending size is discarded. */
  stop(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#pending = undefined;
  }

  #rest(): void {
    this.#timer = undefined;
    const size = this.#pending;
    this.#pending = undefined;
    if (size !== undefined) this.push(size.columns, size.rows);
  }
}
