/**
 * Flow control for clients whose transport has none. A browser reads a WebSocket whether its page can display the data
 * or not, so the socket always has room, and the memory of the page is the queue. Instead the page itself is asked how
 * far it is: DO TIMING-MARK (RFC 860) after the first output and then after each 64 KiB; its answer means that it has
 * processed everything before. WILL and WONT are both answers.
 *
 * A client that has never answered is paced by its transport alone: some clients ignore TIMING-MARK.
 */
import type { OutputGate } from './send-queue.ts';

/** A mark is requested after this much output, in bytes. */
const MARK_BYTES = 64 * 1024;
/** The most output that may be unanswered, in bytes. Twice what a fast terminal in a browser displays in a frame. */
const MOST_UNANSWERED = 512 * 1024;
/** The most outstanding marks; the option itself has a limit of 255, which the keep-alive also uses. */
const MOST_MARKS = 64;

/** The pace of one session. */
export class Pacing implements OutputGate {
  readonly #request: (answered: () => void) => void;
  readonly #onOpen: () => void;
  #written = 0;
  #answered = 0;
  /** The output that precedes the last mark. */
  #marked = 0;
  #outstanding = 0;
  #answersMarks = false;

  /**
   * @param request requests a mark of the client. @param onOpen called when more output is allowed again.
   */
  constructor(request: (answered: () => void) => void, onOpen: () => void) {
    this.#request = request;
    this.#onOpen = onOpen;
  }

  get isClosed(): boolean {
    return this.unanswered >= MOST_UNANSWERED;
  }

  /** Output that the client has not confirmed, in bytes; 0 for a client that does not answer marks. */
  get unanswered(): number {
    return this.#answersMarks ? this.#written - this.#answered : 0;
  }

  get answered(): number {
    return this.#answered;
  }

  /** Output was written; {@link mark} follows, once a command may be sent. */
  wrote(bytes: number): void {
    this.#written += bytes;
  }

  /** Requests a mark if it is time for one. */
  mark(): void {
    const isDue = this.#marked === 0 ? this.#written > 0 : this.#written - this.#marked >= MARK_BYTES;
    if (isDue && this.#outstanding < MOST_MARKS) this.#ask();
  }

  #ask(): void {
    const position = this.#written;
    this.#marked = position;
    this.#outstanding++;
    this.#request(() => {
      const wasClosed = this.isClosed;
      this.#outstanding--;
      this.#answersMarks = true;
      this.#answered = position;
      // No mark was requested while the limit of marks was reached, so this answer may be the last one.
      if (this.isClosed && this.#outstanding === 0) this.#ask();
      else if (wasClosed && !this.isClosed) this.#onOpen();
    });
  }
}
