import { Option } from '../../protocol/index.ts';
import type { Session } from '../../session/session.ts';

/** Less than this on its way to the client, in bytes, is about a screen: not worth being skipped. */
const SCREEN_BYTES = 2 * 1024;

/**
 * Behind the mark. Many clients (of MUDs, above all) do not ask for urgent data in line, so that the system takes DM away from
 * them and IAC would eat the first byte of the prompt. They see `IAC NUL`, which is no command; to all others a NUL is
 * nothing (RFC 854).
 */
const NUL = new Uint8Array(1);

/**
 * Output that has lost its worth: the terminal has dropped what it held, since somebody pressed the interrupt key, and what is
 * still on its way to the client should not be shown either. So a Synch (RFC 854) is sent, which overtakes it.
 *
 * Not each time, as other servers do it: at a prompt there is nothing to overtake, and a client may lose what it was just
 * about to show. Nor again before there is something new to be skipped, however long the key is held down. And only to who
 * knows what it is: `nc` would print it.
 */
export class StaleOutput {
  readonly #session: Session;
  /** What had been written when the last Synch was sent, in bytes. */
  #last = 0;

  constructor(session: Session) {
    this.#session = session;
  }

  /**
   * The terminal has dropped its output. With `asked` a Synch is the answer to an AO, which is to have one (RFC 854).
   * Returns whether one was sent: the client may not have shown what came before.
   */
  skip(asked: boolean): boolean {
    const session = this.#session;
    if (!session.writable || !knowsCommands(session)) return false;
    const news = session.bytesWritten - this.#last;
    if (asked ? news === 0 : news < SCREEN_BYTES || session.undelivered < SCREEN_BYTES) return false;
    session.sendSynch();
    session.link.write(NUL);
    this.#last = session.bytesWritten;
    return true;
  }
}

/** Whether the client has ever answered what every client is asked. */
function knowsCommands({ telnet }: Session): boolean {
  return [Option.NAWS, Option.TTYPE].some(code => telnet.isSettled(code, 'remote'));
}
