/**
 * Output that is queued for xterm.js, which gets one piece at a time.
 *
 * xterm.js itself keeps what it cannot process yet, but nothing can be removed there. After ^C, the output that a flood
 * has left in the page would be displayed before the prompt, however slow the page is. Here it can be discarded when
 * the server reports that it is obsolete (Synch, RFC 854).
 */

/** xterm.js parses a piece without a pause, so a longer one would delay keys. */
const PIECE_BYTES = 8 * 1024;

/** Ends a control sequence of which the rest was discarded. */
const CANCEL = Uint8Array.of(0x18);

/** Displays bytes, and calls `done` after that. */
export type Display = (bytes: Uint8Array, done: () => void) => void;

export class OutputQueue {
  readonly #display: Display;
  /** Pieces of output, and callbacks for when everything before them was displayed. */
  readonly #waiting: (Uint8Array | (() => void))[] = [];
  #isDisplaying = false;

  constructor(display: Display) {
    this.#display = display;
  }

  /** Displays output. The bytes must stay unchanged until then. */
  write(bytes: Uint8Array): void {
    for (let at = 0; at < bytes.length; at += PIECE_BYTES) this.#waiting.push(bytes.subarray(at, at + PIECE_BYTES));
    this.#next();
  }

  /** Calls `done` when everything written so far is displayed or discarded. */
  after(done: () => void): void {
    this.#waiting.push(done);
    this.#next();
  }

  /** Discards the output that has not reached xterm.js. Callbacks are called as if it had been displayed. */
  discard(): void {
    const callbacks = this.#waiting.filter(one => typeof one === 'function');
    const isCut = callbacks.length < this.#waiting.length;
    this.#waiting.splice(0, Number.POSITIVE_INFINITY, ...(isCut ? [CANCEL] : []), ...callbacks);
    this.#next();
  }

  #next(): void {
    while (!this.#isDisplaying) {
      const next = this.#waiting.shift();
      if (next === undefined) return;
      if (typeof next === 'function') next();
      else {
        this.#isDisplaying = true;
        this.#display(next, () => {
          this.#isDisplaying = false;
          this.#next();
        });
      }
    }
  }
}
