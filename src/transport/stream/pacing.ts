/**
 * Flow control for clients whose transport has none. A browser reads a WebSocket whether its page can display the data
 * or not, so the socket always has room, and the memory of the page is the queue. Instead the page itself is asked how
 * far it is: DO TIMING-MARK (RFC 860), whose answer means that the client has processed everything before. WILL and
 * WONT are both answers. A client that has never answered is paced by its transport alone: some ignore TIMING-MARK. So
 * the first mark is requested at once, and answered before a program prints anything.
 *
 * The limit is a time: as long as the client processes unanswered output, the user does not see that ^C has ended the
 * program. So output is limited to a window of as much as the client processes in its round trip and {@link QUEUE_MS}.
 * Both factors are measured, as TCP's BBR does:
 *
 * - The rate is the answered output over the time in which the client had output to process, in samples of
 *   {@link QUEUE_MS} or more. In less time a page only parses; it paints in the pauses, and answers in bunches. If the
 *   window was never full, the program was the limit and not the client: such a sample can raise the rate but not lower
 *   it. So neither pauses nor small outputs shrink the window.
 * - The round trip is the shortest time to the answer of a mark before which nothing was unanswered, of the last
 *   {@link ROUND_TRIPS}. Without it, the window of a distant client would be too small for its rate. The rate would
 *   fall, and then the window again.
 */
import type { OutputGate } from './send-queue.ts';

/** The time that a client may need for unanswered output, besides its round trip, in milliseconds. */
const QUEUE_MS = 100;
/** The limits of the window, and its size before the first sample, in bytes. */
const SMALLEST_WINDOW = 32 * 1024;
const LARGEST_WINDOW = 512 * 1024;
const FIRST_WINDOW = 64 * 1024;
/** The number of marks in a window: each is requested after 4 to 64 KiB of output. */
const MARKS = 8;
/** The most outstanding marks; the option itself has a limit of 255, which the keep-alive also uses. */
const MOST_MARKS = 64;
const ROUND_TRIPS = 8;

const CR = 0x0d;

/** The callbacks of a {@link Pacing}. */
export interface PacingUser {
  /** Sends output. The bytes are lent. */
  pass(bytes: Uint8Array): void;
  /** Requests a mark of the client. */
  request(answered: () => void): void;
  /** Calls `block`, and sends everything that it sends together. */
  batch(block: () => void): void;
  /** More output is accepted. */
  opened(): void;
}

/** The pace of one session. */
export class Pacing implements OutputGate {
  readonly #user: PacingUser;
  readonly #now: () => number;
  #window = FIRST_WINDOW;
  #sent = 0;
  #answered = 0;
  /** The output that precedes the last mark, in bytes. */
  #marked = 0;
  #outstanding = 0;
  #answersMarks = false;
  /** Output for which the window has no room. */
  #rest: Buffer | undefined;
  /** Since when the client has had output to process, without its round trip. */
  #busySince = 0;
  /** The current sample. */
  #bytes = 0;
  #ms = 0;
  #wasFull = false;
  /** In bytes per millisecond. */
  #rate = 0;
  /** The last ones, in milliseconds. */
  readonly #roundTrips: number[] = [];

  /** @param now the time in milliseconds. */
  constructor(user: PacingUser, now: () => number = () => performance.now()) {
    this.#user = user;
    this.#now = now;
  }

  /** Requests the first mark. */
  start(): void {
    this.#ask();
  }

  /** Whether a writer should wait. */
  get isClosed(): boolean {
    return this.#rest !== undefined || this.#isFull;
  }

  get #isFull(): boolean {
    return this.#answersMarks && this.#sent - this.#answered >= this.#window;
  }

  /** Output that waits here, in bytes. */
  get waiting(): number {
    return this.#rest?.length ?? 0;
  }

  /** Output that was sent and not confirmed, in bytes; 0 for a client that does not answer marks. */
  get unanswered(): number {
    return this.#answersMarks ? this.#sent - this.#answered : 0;
  }

  get answered(): number {
    return this.#answered;
  }

  /** The most output that may be unanswered at present, in bytes. */
  get window(): number {
    return this.#window;
  }

  /** The output between two marks, in bytes. */
  get #step(): number {
    return this.#window / MARKS;
  }

  /** Infinite as long as it is not known. */
  get #roundTrip(): number {
    return Math.min(...this.#roundTrips);
  }

  /** Sends output, with marks, as far as the window has room for it. The rest waits. The bytes are lent. */
  write(bytes: Uint8Array): void {
    if (this.#rest !== undefined) this.#rest = Buffer.concat([this.#rest, bytes]);
    else if (!this.#isFull && this.#sent + bytes.length - this.#marked < this.#step) this.#pass(bytes);
    else this.#user.batch(() => this.#passAll(bytes));
  }

  /** Sends what waits: the session ends. */
  flush(): void {
    const rest = this.#rest;
    this.#rest = undefined;
    if (rest !== undefined) this.#user.pass(rest);
  }

  /** Drops what waits. @returns how many bytes. */
  discard(): number {
    const { waiting } = this;
    this.#rest = undefined;
    return waiting;
  }

  #passAll(bytes: Uint8Array): void {
    let rest = bytes;
    while (rest.length > 0 && !this.#isFull) {
      const piece = rest.subarray(0, this.#cut(rest));
      rest = rest.subarray(piece.length);
      this.#pass(piece);
      if (this.#sent - this.#marked >= this.#step && this.#outstanding < MOST_MARKS) this.#ask();
    }
    // A short end is not worth a copy: the window of a fast client is many reads of a terminal.
    const isShort = rest.length <= this.#step && rest.length < bytes.length;
    if (isShort && rest.length > 0) this.#pass(rest);
    this.#rest = isShort || rest.length === 0 ? undefined : Buffer.from(rest);
    this.#wasFull ||= this.#isFull;
  }

  /** The length of the piece up to the next mark, which must not separate CR and LF. */
  #cut(bytes: Uint8Array): number {
    const left = this.#step - (this.#sent - this.#marked);
    // (A mark is overdue if too many are outstanding.)
    const length = left > 0 ? left : this.#step;
    if (length >= bytes.length) return bytes.length;
    return bytes[length - 1] === CR ? length + 1 : length;
  }

  #pass(bytes: Uint8Array): void {
    this.#sent += bytes.length;
    this.#user.pass(bytes);
  }

  #ask(): void {
    const position = this.#sent;
    const requestedAt = this.#now();
    const isFirst = this.#outstanding === 0;
    if (isFirst) this.#busySince = requestedAt + this.#roundTrip;
    this.#marked = position;
    this.#outstanding++;
    this.#user.request(() => {
      const now = this.#now();
      const wasClosed = this.isClosed;
      this.#outstanding--;
      if (isFirst) this.#recordRoundTrip(now - requestedAt);
      this.#measure(position - this.#answered, now);
      this.#proceed(position);
      if (wasClosed && !this.isClosed) this.#user.opened();
    });
  }

  /** Everything up to a position is processed. */
  #proceed(position: number): void {
    this.#answersMarks = true;
    this.#answered = position;
    // No mark was requested while the limit of marks was reached, so this answer may be the last one.
    if (this.#isFull && this.#outstanding === 0) this.#ask();
    const rest = this.#rest;
    if (rest !== undefined && !this.#isFull) this.#user.batch(() => this.#passAll(rest));
  }

  #recordRoundTrip(ms: number): void {
    this.#roundTrips.push(ms);
    if (this.#roundTrips.length > ROUND_TRIPS) this.#roundTrips.shift();
  }

  /** Adds an answer to the sample. If the sample is complete, the window is adapted to it. */
  #measure(bytes: number, now: number): void {
    this.#bytes += bytes;
    this.#ms += Math.max(0, now - this.#busySince);
    this.#busySince = now;
    // (A client that is fast enough for the largest window need not be measured for as long.)
    if (this.#ms < QUEUE_MS && this.#bytes < LARGEST_WINDOW) return;
    const rate = this.#bytes / Math.max(this.#ms, 1);
    if (rate > this.#rate || this.#wasFull) this.#rate = rate;
    this.#bytes = 0;
    this.#ms = 0;
    this.#wasFull = this.#isFull;
    const wanted = this.#rate * (this.#roundTrip + QUEUE_MS);
    const size = Math.min(Math.max(wanted, SMALLEST_WINDOW), LARGEST_WINDOW);
    this.#window = Math.round(size / MARKS) * MARKS;
  }
}
