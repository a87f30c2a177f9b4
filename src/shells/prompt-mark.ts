import { Command, Option } from '../protocol/index.ts';
import type { Session } from '../session/session.ts';

/** Without output for so long, in milliseconds, a program is taken to wait for input. */
const SILENCE_MS = 100;

/**
 * Tells clients that ask for it when it is their turn: IAC GA (RFC 854), or IAC EOR where that was negotiated
 * (RFC 885). A real go-ahead would need to know that the program reads; silence after output is the nearest sign of it
 * that a terminal gives. Old half-duplex clients print nothing until they see it.
 */
export class PromptMark {
  readonly #session: Session;
  /** Whether a client that never spoke of SGA is sent GA too: true where SGA is not offered. */
  readonly #unasked: boolean;
  #timer: NodeJS.Timeout | undefined;
  #due = false;

  constructor(session: Session, unasked: boolean) {
    this.#session = session;
    this.#unasked = unasked;
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
    if (!this.#due || mark === undefined || this.#session.destroyed) return;
    this.#due = false;
    // Output that still waits for a slow line is a stream that has not ended.
    if (this.#session.unsent > 0) this.touch();
    else this.#session.telnet.command(mark);
  }

  /** The command that marks a prompt for this client now, if any. */
  #mark(): number | undefined {
    const { telnet } = this.#session;
    if (telnet.isEnabled(Option.EOR, 'local')) return Command.EOR;
    if (telnet.isEnabled(Option.SGA, 'local')) return undefined;
    return this.#unasked || telnet.isSettled(Option.SGA, 'local') ? Command.GA : undefined;
  }
}
