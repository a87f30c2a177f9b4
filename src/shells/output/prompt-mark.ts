import { Command, Option } from '../../protocol/index.ts';
import type { Session } from '../../session/session.ts';
import { hidesOnEcho } from '../line-editing/echo.ts';

const LF = 0x0a;
const NOTHING = Buffer.alloc(0);
/** The beginning of a line that is longer, in bytes, or grows for so long, in milliseconds, is no prompt, and is shown. */
const LONGEST_PROMPT = 1024;
const SLOWEST_PROMPT_MS = 500;

/** Without output for so long, in milliseconds, a program is taken to wait for input. */
const SILENCE_MS = 100;

/**
 * Tells clients that ask for it when it is their turn: IAC GA (RFC 854), or IAC EOR where that was negotiated
 * (RFC 885). A real go-ahead would need to know that the program reads; silence after output is the nearest sign of it
 * that a terminal gives. Old half-duplex clients print nothing until they see it.
 *
 * A MUD client takes what is behind the last line's end, when the mark comes, for the prompt. TinTin++ shows an empty prompt
 * instead of one whose mark comes in a later packet, and an empty line for a mark behind a whole line. So the beginning of a
 * line waits for the silence, and is sent together with its mark.
 */
export class PromptMark {
  readonly #session: Session;
  /** Whether a client that never spoke of SGA is sent GA too: true where SGA is not offered. */
  readonly #unasked: boolean;
  #timer: NodeJS.Timeout | undefined;
  #due = false;
  /** The beginning of a line, which waits for its mark. */
  #held: Uint8Array = NOTHING;
  #heldSince = 0;

  constructor(session: Session, unasked: boolean) {
    this.#session = session;
    this.#unasked = unasked;
  }

  /** Output on its way, which is lent. Returns what is to be written now; the rest is kept for its mark. */
  pass(bytes: Uint8Array): Uint8Array {
    const mayHold = this.#mark() === Command.EOR && hidesOnEcho(this.#session) === true;
    if (!mayHold && this.#held.length === 0) return bytes;
    const output = this.#held.length > 0 ? Buffer.concat([this.#held, bytes]) : bytes;
    const begin = output.lastIndexOf(LF) + 1;
    if (begin > 0 || this.#held.length === 0) this.#heldSince = performance.now();
    const isPrompt = output.length - begin <= LONGEST_PROMPT && performance.now() - this.#heldSince < SLOWEST_PROMPT_MS;
    if (!mayHold || !isPrompt) {
      this.#held = NOTHING;
      return output;
    }
    this.#held = Buffer.from(output.subarray(begin));
    return output.subarray(0, begin);
  }

  /** What was kept, of which this then knows nothing. */
  take(): Uint8Array {
    const held = this.#held;
    this.#held = NOTHING;
    return held;
  }

  /** Output has just been written: the silence begins anew. */
  touch(): void {
    if (this.#mark() === undefined) return;
    this.#due = true;
    if (this.#timer === undefined) this.#timer = setTimeout(() => this.#silence(), SILENCE_MS);
    else this.#timer.refresh();
  }

  /** Whether output is to be told to this, by {@link touch}. */
  get isWanted(): boolean {
    return this.#mark() !== undefined;
  }

  /** Stops the clock. */
  stop(): void {
    clearTimeout(this.#timer);
    this.#due = false;
  }

  #silence(): void {
    const mark = this.#mark();
    if (!this.#due || this.#session.destroyed) return;
    this.#due = false;
    // Output that still waits for a slow line is a stream that has not ended.
    if (mark !== undefined && this.#session.unsent > 0) {
      this.touch();
      return;
    }
    const held = this.take();
    const isMarked = mark !== undefined && (held.length > 0 || hidesOnEcho(this.#session) !== true);
    this.#session.batch(() => {
      if (held.length > 0 && this.#session.writable) this.#session.link.write(held);
      if (isMarked) this.#session.telnet.command(mark);
    });
  }

  /** The command that marks a prompt for this client now, if any. */
  #mark(): number | undefined {
    const { telnet } = this.#session;
    if (telnet.isEnabled(Option.EOR, 'local')) return Command.EOR;
    if (telnet.isEnabled(Option.SGA, 'local')) return undefined;
    return this.#unasked || telnet.isSettled(Option.SGA, 'local') ? Command.GA : undefined;
  }
}
