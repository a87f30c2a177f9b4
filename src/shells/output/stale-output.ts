import { Option } from '../../protocol/index.ts';
import type { Session } from '../../session/session.ts';

/** Less queued output than this, in bytes, is about one screen, which is not worth discarding. */
const SCREEN_BYTES = 2 * 1024;

/**
 * Written after the mark. Many clients (especially of MUDs) do not set SO_OOBINLINE, so the kernel removes DM from the
 * stream. IAC would consume the first byte of the prompt. These clients receive `IAC NUL`, which is not a command. All
 * others ignore a NUL (RFC 854).
 */
const NUL = new Uint8Array(1);

/**
 * Output that is obsolete. The interrupt key was pressed, so the terminal has discarded its output. The output that is
 * queued for the client should not be displayed either. A Synch (RFC 854) is sent, which overtakes it.
 *
 * Unlike in other servers it is not sent each time. At a prompt there is nothing to overtake, and a client may lose
 * output that it is about to display. It is not sent again until there is new output to discard, however long the key
 * is held down. It is only sent to Telnet clients: `nc` would print it.
 */
export class StaleOutput {
  readonly #session: Session;
  /** The value of `bytesWritten` when the last Synch was sent. */
  #last = 0;

  constructor(session: Session) {
    this.#session = session;
  }

  /**
   * The terminal has discarded its output. With `asked`, the Synch is the response to an AO, which requires one (RFC
   * 854).
   * @returns whether a Synch was sent: the client may not have displayed the output before it.
   */
  skip(asked: boolean): boolean {
    const session = this.#session;
    if (!session.writable || !knowsCommands(session)) return false;
    const sent = session.bytesWritten - this.#last;
    // A browser has received output that its page has not processed.
    const outdated = Math.max(session.undelivered, session.link.unprocessed);
    if (asked ? sent === 0 : sent < SCREEN_BYTES || outdated < SCREEN_BYTES) return false;
    session.sendSynch();
    session.link.write(NUL);
    this.#last = session.bytesWritten;
    return true;
  }
}

/** Whether the client has ever responded to the options that every client is asked for. */
function knowsCommands({ telnet }: Session): boolean {
  return [Option.NAWS, Option.TTYPE].some(code => telnet.isSettled(code, 'remote'));
}
