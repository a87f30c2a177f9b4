/**
 * Window sizes as they come from a client, made fit for a terminal: bounded, and few.
 */

/** What a client that says no size has. */
export const DEFAULT_COLUMNS = 80;
export const DEFAULT_ROWS = 24;

/**
 * The largest size passed on, in cells. A curses program keeps several bytes for every cell, so that the 65535 × 65535
 * that NAWS can say would make it ask for tens of gigabytes; no real screen comes near this.
 */
export const MAX_CELLS = 4096;

/** How long a size must be at rest before the next change counts as the first again, in milliseconds. */
const QUIET_MS = 100;

/** A dimension as NAWS says it (0 means unknown, RFC 1073) as the terminal gets it. */
export function dimension(said: number | undefined, fallback: number): number {
  return said === undefined || said === 0 ? fallback : Math.min(said, MAX_CELLS);
}

/**
 * Thins a storm of sizes, as dragging a window's edge makes it: the first change after quiet is applied at once, then
 * one in {@link QUIET_MS}, and the last always. Every applied size costs the program a SIGWINCH and a full redraw.
 */
export class ResizeThrottle {
  readonly #apply: (columns: number, rows: number) => void;
  #pending: { columns: number; rows: number } | undefined;
  #timer: NodeJS.Timeout | undefined;

  constructor(apply: (columns: number, rows: number) => void) {
    this.#apply = apply;
  }

  /** Takes a new size, in cells. */
  push(columns: number, rows: number): void {
    if (this.#timer !== undefined) {
      this.#pending = { columns, rows };
      return;
    }
    this.#apply(columns, rows);
    this.#timer = setTimeout(() => this.#rest(), QUIET_MS);
  }

  /** Stops the clock; a size still waiting is forgotten. */
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
