/**
 * Writes log lines to standard error, at once, as long as they can be written. The log is valuable, but less than the
 * sessions: a pipe without a reader or a full disk blocks no session, and costs only a little memory.
 */

import { writeNonblocking } from '../../native/files.ts';
import { systemError } from '../../native/system-error.ts';

/** The limit of bytes that wait for the reader; further lines are lost. */
const MOST_WAITING = 256 * 1024;
/** The interval between two attempts to write, in milliseconds. */
const RETRY_MS = 50;

interface Entry {
  /** The bytes not yet written. */
  bytes: Buffer;
  /** The number of log lines that are lost with this entry. */
  readonly lines: number;
  /** Whether a part of a line has been written, by this entry or before it. */
  isTorn: boolean;
}

/** Writes lines to a descriptor, and never blocks. */
export class LogSink {
  readonly #fd: number;
  readonly #lostLine: (count: number) => string;
  #queue: Entry[] = [];
  #queued = 0;
  #lost = 0;
  /** Whether the last bytes written are the beginning of a line whose rest is lost. */
  #isTorn = false;
  #timer: NodeJS.Timeout | undefined;

  /** @param lostLine returns the line, with its line end, that reports how many lines are missing at its place. */
  constructor(fd: number, lostLine: (count: number) => string) {
    this.#fd = fd;
    this.#lostLine = lostLine;
    process.on('exit', () => this.#flush());
  }

  /** @param line with its line end. */
  write(line: string): void {
    if (this.#queued > 0 && this.#queued + line.length > MOST_WAITING) {
      this.#lost++;
      return;
    }
    this.#reportLost();
    this.#push(line, 1);
    // While lines wait, the timer writes them.
    if (this.#timer === undefined) this.#flush();
  }

  #reportLost(): void {
    if (this.#lost === 0) return;
    this.#push(this.#lostLine(this.#lost), this.#lost);
    this.#lost = 0;
  }

  #push(line: string, lines: number): void {
    const bytes = Buffer.from(this.#isTorn ? `\n${line}` : line);
    this.#queue.push({ bytes, lines, isTorn: this.#isTorn });
    this.#queued += bytes.length;
    this.#isTorn = false;
  }

  #flush(): void {
    for (let first = this.#queue[0]; first !== undefined; first = this.#queue[0]) {
      const written = writeNonblocking(this.#fd, first.bytes);
      if (written < 0 && systemError(-written).name !== 'EAGAIN') {
        this.#giveUp(first);
        break;
      }
      this.#queued -= Math.max(0, written);
      if (written < first.bytes.length) {
        first.bytes = first.bytes.subarray(Math.max(0, written));
        first.isTorn ||= written > 0;
        this.#timer ??= setInterval(() => this.#flush(), RETRY_MS).unref();
        return;
      }
      this.#queue.shift();
      if (this.#queue.length === 0) this.#reportLost();
    }
    clearInterval(this.#timer);
    this.#timer = undefined;
  }

  /** The disk is full, or the reader has closed the pipe: the next line tries again. */
  #giveUp({ isTorn }: Entry): void {
    this.#isTorn = isTorn;
    for (const { lines } of this.#queue) this.#lost += lines;
    this.#queue = [];
    this.#queued = 0;
  }
}
