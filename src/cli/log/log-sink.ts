/**
 * Where the lines of the log go: to standard error, at once, as long as it takes them. The log is worth much, but less than
 * the sessions: a pipe that nobody reads and a disk that is full stop nobody, and cost no more than a little memory.
 */

import { writeNonblocking } from '../../native/files.ts';
import { systemError } from '../../native/system-error.ts';

/** What waits for a reader, in bytes; beyond it lines are lost. */
const MOST_WAITING = 256 * 1024;
/** How often it is tried again, in milliseconds. */
const RETRY_MS = 50;

interface Entry {
  /** What is left of it. */
  bytes: Buffer;
  /** How many lines of the log are lost if it is. */
  readonly lines: number;
  /** Whether a part of a line was written, by it or before it. */
  isTorn: boolean;
}

/** Writes lines to a descriptor, without ever waiting for it. */
export class LogSink {
  readonly #fd: number;
  readonly #lostLine: (count: number) => string;
  #queue: Entry[] = [];
  #queued = 0;
  #lost = 0;
  /** Whether what was written last is a part of a line, and its rest is lost. */
  #isTorn = false;
  #timer: NodeJS.Timeout | undefined;

  /** @param lostLine makes the line, with its end, that says how many are missing at its place. */
  constructor(fd: number, lostLine: (count: number) => string) {
    this.#fd = fd;
    this.#lostLine = lostLine;
    process.on('exit', () => this.#flush());
  }

  /** @param line with its end. */
  write(line: string): void {
    if (this.#queued > 0 && this.#queued + line.length > MOST_WAITING) {
      this.#lost++;
      return;
    }
    this.#tellLost();
    this.#push(line, 1);
    // While some wait, the timer tries.
    if (this.#timer === undefined) this.#flush();
  }

  #tellLost(): void {
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
      if (this.#queue.length === 0) this.#tellLost();
    }
    clearInterval(this.#timer);
    this.#timer = undefined;
  }

  /** The disk is full, or the reader has gone: the next line tries again. */
  #giveUp({ isTorn }: Entry): void {
    this.#isTorn = isTorn;
    for (const { lines } of this.#queue) this.#lost += lines;
    this.#queue = [];
    this.#queued = 0;
  }
}
