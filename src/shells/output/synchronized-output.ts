/**
 * Synchronized updates: DEC private mode 2026, as terminals and multiplexers implement it today.
 *
 * A program brackets one frame of its screen with `CSI ? 2026 h` and `CSI ? 2026 l`, so that a terminal that supports
 * the mode draws it at once. Over a network that only works if the frame also arrives at once. Terminals without the
 * mode would draw the parts of a frame one by one, as they arrive. So each frame is written in one piece. Everything
 * outside a frame is passed on unchanged and immediately.
 *
 * Outside a frame, at most 7 bytes are ever held: those that may be the start of a `CSI ? 2026 h`
 * that was split between two reads. They are held until the next read, at most {@link SEAM_MS}.
 */

const ESC = 0x1b;
const OPEN_BRACKET = 0x5b;

/** A control sequence: complete, and without its `ESC [`. */
interface Sequence {
  readonly whole: Buffer;
  readonly tail: Buffer;
  readonly length: number;
}

const BEGIN = sequence('?2026h');
const END = sequence('?2026l');

function sequence(tail: string): Sequence {
  const whole = Buffer.from(`\x1b[${tail}`, 'latin1');
  return { whole, tail: whole.subarray(2), length: whole.length };
}

/** How long the possible start of a split sequence is held, in milliseconds. */
const SEAM_MS = 10;
/**
 * A frame larger than this, in bytes, is written before its end: holding it longer has no benefit.
 */
const FRAME_BYTES = 256 * 1024;
/**
 * A frame older than this, in milliseconds, is written before its end: the output of a program that stalls in a frame
 * must be visible.
 */
const FRAME_MS = 1000;

/** Splits a program's output into the part that can be written now and the frame that is held until its end. */
export class SynchronizedOutput {
  readonly #sink: (bytes: Buffer) => void;
  /** The open frame, or the possible start of one; empty if nothing is held. */
  #held: Buffer[] = [];
  #heldBytes = 0;
  #inFrame = false;
  #timer: NodeJS.Timeout | undefined;

  /** @param sink receives the output, in order; called synchronously from {@link push}, or from a timer. */
  constructor(sink: (bytes: Buffer) => void) {
    this.#sink = sink;
  }

  /** Accepts the next chunk of output, split at any byte. The chunk is borrowed: held bytes are copied. */
  push(chunk: Buffer): void {
    if (this.#inFrame) this.#continueFrame(chunk);
    else if (this.#heldBytes > 0) this.#pass(Buffer.concat([this.#take(), chunk]));
    else this.#pass(chunk);
  }

  /** Whether nothing is held. Then output without ESC passes unchanged. */
  get isEmpty(): boolean {
    return this.#heldBytes === 0;
  }

  /** Writes everything that is held, e.g. when the program has ended. */
  flush(): void {
    if (this.#heldBytes > 0) this.#sink(this.#take());
  }

  /** Discards what is held and stops the timer, when the client is gone. */
  discard(): void {
    this.#take();
  }

  /** Outside a frame: searches for a frame that starts in this chunk and does not end in it. */
  #pass(chunk: Buffer): void {
    // Most echoes of typed text contain no ESC.
    if (!chunk.includes(ESC)) {
      this.#sink(chunk);
      return;
    }
    let searched = 0;
    for (;;) {
      const begin = find(chunk, BEGIN, searched);
      if (begin < 0) break;
      const end = find(chunk, END, begin + BEGIN.length);
      if (end < 0) {
        if (begin > 0) this.#sink(chunk.subarray(0, begin));
        this.#inFrame = true;
        this.#hold(chunk.subarray(begin), FRAME_MS);
        return;
      }
      searched = end + END.length;
    }
    const seam = seamLength(chunk, searched);
    if (seam < chunk.length) this.#sink(seam === 0 ? chunk : chunk.subarray(0, chunk.length - seam));
    if (seam > 0) this.#hold(chunk.subarray(chunk.length - seam), SEAM_MS);
  }

  #continueFrame(chunk: Buffer): void {
    const end = this.#endOfFrame(chunk);
    if (end < 0) {
      this.#hold(chunk, undefined);
      return;
    }
    this.#held.push(chunk.subarray(0, end));
    this.#heldBytes += end;
    this.#sink(this.#take());
    if (end < chunk.length) this.#pass(chunk.subarray(end));
  }

  /** The offset in `chunk` after the frame's END, or -1. END may start in the held bytes. */
  #endOfFrame(chunk: Buffer): number {
    const before = this.#lastHeld(END.length - 1);
    const seam = Buffer.concat([before, chunk.subarray(0, END.length - 1)]);
    const across = find(seam, END, 0);
    if (across >= 0) return across + END.length - before.length;
    const inside = find(chunk, END, 0);
    return inside < 0 ? -1 : inside + END.length;
  }

  /** The last `count` held bytes, from several pieces if these are shorter. */
  #lastHeld(count: number): Buffer {
    const pieces: Buffer[] = [];
    let missing = count;
    for (let i = this.#held.length - 1; i >= 0 && missing > 0; i--) {
      const piece = this.#held[i]!.subarray(-missing);
      pieces.unshift(piece);
      missing -= piece.length;
    }
    return Buffer.concat(pieces);
  }

  #hold(piece: Buffer, timeoutMs: number | undefined): void {
    this.#held.push(Buffer.from(piece));
    this.#heldBytes += piece.length;
    if (this.#heldBytes > FRAME_BYTES) {
      this.flush();
    } else if (timeoutMs !== undefined) {
      this.#timer = setTimeout(() => this.flush(), timeoutMs);
    }
  }

  /** Removes and returns the held bytes and ends the frame. */
  #take(): Buffer {
    clearTimeout(this.#timer);
    const taken = this.#held.length === 1 ? this.#held[0]! : Buffer.concat(this.#held);
    this.#held = [];
    this.#heldBytes = 0;
    this.#inFrame = false;
    return taken;
  }
}

/**
 * `chunk.indexOf(sequence, from)`, by searching for the text after `ESC [`. A search by indexOf() for a short needle
 * looks for its first byte. In coloured output there is an ESC every few bytes, but hardly ever a `?`.
 */
function find(chunk: Buffer, sequence: Sequence, from: number): number {
  for (let at = chunk.indexOf(sequence.tail, from + 2); at >= 0; at = chunk.indexOf(sequence.tail, at + 1)) {
    if (chunk[at - 2] === ESC && chunk[at - 1] === OPEN_BRACKET) return at - 2;
  }
  return -1;
}

/** How many bytes at the end of `chunk`, after `from`, may be the start of a split BEGIN. */
function seamLength(chunk: Buffer, from: number): number {
  const earliest = Math.max(from, chunk.length - BEGIN.length + 1);
  const start = chunk.lastIndexOf(ESC);
  if (start < earliest) return 0;
  return BEGIN.whole.subarray(0, chunk.length - start).equals(chunk.subarray(start)) ? chunk.length - start : 0;
}
