/**
 * Converts window sizes from a client for a terminal: limits their values and their rate.
 */

/** The size for a client that does not send one. */
export const DEFAULT_COLUMNS = 80;
export const DEFAULT_ROWS = 24;

/**
 * The largest size passed on, in cells. A curses program keeps several bytes for every cell, so the largest size in
 * NAWS, 65535 × 65535, would make it allocate tens of gigabytes. No real screen comes near this limit.
 */
export const MAX_CELLS = 4096;

/** How long a size must not change before the next change is applied immediately again, in milliseconds. */
const QUIET_MS = 100;

/** Converts a dimension of NAWS (0 means unknown, RFC 1073) to that of the terminal. */
export function dimension(reported: number | undefined, fallback: number): number {
  return reported === undefined || reported === 0 ? fallback : Math.min(reported, MAX_CELLS);
}

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
