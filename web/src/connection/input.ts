/** Passes the keys of the user to the program. */
import type { Link } from './link.ts';
import { LocalLines } from './local-lines.ts';

/** A server that does not echo need not send WONT ECHO. After this time without output, keys are echoed here. */
const SILENT_MS = 1_000;
/** Limit of the input that is kept before it is known which side echoes, in characters. */
const TYPE_AHEAD = 4_096;

const encoder = new TextEncoder();

/** Sends keys to the open connection: at once, or by lines if the server does not echo. */
export class Input {
  readonly #lines: LocalLines;
  #link: Link | undefined;
  #isReady = false;
  #typedAhead = '';
  #timer: number | undefined;

  /** @param show shows what is typed, where the server does not echo it */
  constructor(show: (text: string) => void) {
    this.#lines = new LocalLines({
      line: text => this.#link?.write(encoder.encode(`${text}\r\n`)),
      command: code => this.#link?.command(code),
      show,
    });
  }

  /** A connection is being made, or has ended: later input is for the next one. */
  reset(): void {
    clearTimeout(this.#timer);
    this.#link = undefined;
    this.#isReady = false;
    this.#lines.take();
  }

  /** Discards the type-ahead: the user has not typed it for another program. */
  forget(): void {
    this.#typedAhead = '';
  }

  /** A connection is open. */
  use(link: Link): void {
    this.reset();
    this.#link = link;
    this.#timer = window.setTimeout(() => this.#begin(), SILENT_MS);
    this.echoChanged();
  }

  /** The first output arrives after WILL ECHO, if the server sends that at all. */
  received(): void {
    if (!this.#isReady) this.#begin();
  }

  echoChanged(): void {
    const editing = this.#link?.lines;
    this.#lines.isShown = editing === 'shown';
    if (this.#link === undefined || editing !== undefined) return;
    if (!this.#isReady) this.#begin();
    // From now on the server has every key at once, and edits the line itself.
    const begun = this.#lines.take();
    if (begun !== '') this.#link.write(encoder.encode(begun));
  }

  type(data: string): void {
    if (this.#link === undefined || !this.#isReady) {
      if (this.#typedAhead.length + data.length <= TYPE_AHEAD) this.#typedAhead += data;
    } else if (this.#link.lines === undefined) this.#link.write(encoder.encode(data));
    else this.#lines.type(data);
  }

  /** Sends bytes that are not text. */
  bytes(bytes: Uint8Array): void {
    if (this.#isReady) this.#link?.write(bytes);
  }

  #begin(): void {
    clearTimeout(this.#timer);
    this.#isReady = true;
    const typed = this.#typedAhead;
    this.#typedAhead = '';
    if (typed !== '') this.type(typed);
  }
}
