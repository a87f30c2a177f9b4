import { Command, Option } from '../../protocol/index.ts';
import type { Session } from '../../session/session.ts';
import { SilenceTimer } from '../../transport/silence-timer.ts';
import { hidesOnEcho } from '../line-editing/echo.ts';

const LF = 0x0a;
const NOTHING = Buffer.alloc(0);
/**
 * Limits of a prompt, in bytes and in milliseconds. The start of a line that exceeds one of them is not a prompt and is
 * sent.
 */
const LONGEST_PROMPT = 1024;
const SLOWEST_PROMPT_MS = 500;

/** A program without output for this time, in milliseconds, is assumed to wait for input. */
const SILENCE_MS = 100;

/**
 * Signals to clients that request it that they may send: IAC GA (RFC 854), or IAC EOR if that was negotiated (RFC 885).
 * For a real go-ahead, the server would have to know that the program reads. Silence after output is the best
 * indication that a terminal provides. Old half-duplex clients print nothing until they receive the mark.
 *
 * A MUD client interprets the text between the end of the last line and the mark as the prompt. TinTin++ shows an empty
 * prompt if the mark comes in a later packet than its prompt. It shows an empty line if the mark follows a whole line.
 * So the start of a line is kept until the silence, and is sent together with its mark.
 */
export class PromptMark {
  readonly #session: Session;
  /** Whether clients that have not negotiated SGA are sent GA, too: true if SGA is not offered. */
  readonly #unasked: boolean;
  #timer: SilenceTimer | undefined;
  #due = false;
  /** The start of a line, which is kept until its mark is sent. */
  #held: Uint8Array = NOTHING;
  #heldSince = 0;

  constructor(session: Session, unasked: boolean) {
    this.#session = session;
    this.#unasked = unasked;
  }

  /** Filters output, which is borrowed. Returns the part to write now; the rest is kept until its mark is sent. */
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

  /** Removes and returns the kept output. */
  take(): Uint8Array {
    const held = this.#held;
    this.#held = NOTHING;
    return held;
  }

  /** Output has been written: restarts the timer. */
  touch(): void {
    if (this.#mark() === undefined) return;
    this.#due = true;
    if (this.#timer === undefined) this.#timer = new SilenceTimer(SILENCE_MS, () => this.#silence());
    else this.#timer.restart();
  }

  /** Whether {@link touch} has to be called after output. */
  get isWanted(): boolean {
    return this.#mark() !== undefined;
  }

  /** Stops the timer. */
  stop(): void {
    this.#timer?.stop();
    this.#due = false;
  }

  #silence(): void {
    const mark = this.#mark();
    if (!this.#due || this.#session.destroyed) return;
    this.#due = false;
    // Output that is still queued for a slow client is not followed by silence.
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
