import { Command, Option } from '../../protocol/index.ts';
import type { Session } from '../../session/session.ts';
import { isTerminalFamily } from '../../session/terminal.ts';

/**
 * When a program may start: as soon as the client's terminal type and window size are known or refused.
 *
 * The facts that cannot be had later (the environment and the character set, which a program reads once) are waited for
 * as well, but only where the client has already agreed to tell them. A terminal type that the host does not know is waited
 * behind for the next, until the client has named all it has: MUD clients give their own name first, and new terminals one
 * that few hosts have. Each wait is short: a client that answered one question answers the next after one more round
 * trip, and how long that takes we have just seen.
 */

/** A further answer is waited for at least this long, in milliseconds… */
const GRACE_MS = 250;
/** … or for this many round trips, where the client is far away. */
const GRACE_ROUND_TRIPS = 3;
/** A client that has closed its sending half without a word has so long to answer by a reset, in milliseconds. */
const RESET_MS = 250;

/**
 * Resolves when the program may start: at the latest when the session is `timeout` milliseconds old (0: never), for it was
 * asked at its beginning, or at the session's end.
 *
 * @param isKnown whether a terminal type that the client gave can be used.
 */
export function readyToStart(
  session: Session,
  timeout: number,
  isKnown: (type: string) => boolean = isTerminalFamily,
): Promise<void> {
  const { telnet, terminal } = session;
  const asked = performance.now();
  let roundTrip: number | undefined;

  const essential = () => sizeSettled() && typeSettled();
  const sizeSettled = () =>
    terminal.columns !== undefined ||
    (telnet.isSettled(Option.NAWS, 'remote') && !telnet.isEnabled(Option.NAWS, 'remote'));
  const typeSettled = () =>
    terminal.types.length > 0 ||
    terminal.typesComplete ||
    (telnet.isSettled(Option.TTYPE, 'remote') && !telnet.isEnabled(Option.TTYPE, 'remote'));
  const moreToCome = () => typeUnknown() || environmentDue() || charsetDue();
  const typeUnknown = () => !terminal.typesComplete && terminal.types.length > 0 && !terminal.types.some(isKnown);
  let environmentKnown = false;
  const environmentDue = () => telnet.isEnabled(Option.NEW_ENVIRON, 'remote') && !environmentKnown;
  let charsetKnown = false;
  const charsetDue = () => session.speaksTelnet && telnet.isEnabled(Option.CHARSET, 'local') && !charsetKnown;

  return new Promise(resolve => {
    let grace: NodeJS.Timeout | undefined;
    let probe: NodeJS.Timeout | undefined;
    const limit = timeout === 0 ? undefined : setTimeout(finish, Math.max(timeout - session.age, 0));

    function finish() {
      clearTimeout(limit);
      clearTimeout(grace);
      clearInterval(probe);
      session.off('telnet', look);
      session.off('hangup', finish);
      session.off('close', finish);
      session.off('finishing', finished);
      resolve();
    }

    /**
     * A client that has closed its sending half has no answer left to give. If it never said anything, it may be a health check
     * that has closed both directions: then what it is sent is answered by a reset, and no program is to be started. What it was
     * sent before it may have read, so it is sent a command that means nothing, a few times.
     */
    function finished() {
      if (session.bytesRead > 0 || !session.writable) {
        finish();
        return;
      }
      session.telnet.command(Command.NOP);
      probe = setInterval(() => session.telnet.command(Command.NOP), RESET_MS / 3);
      grace ??= setTimeout(finish, RESET_MS);
    }

    function look(event?: { readonly type: string; readonly pending?: number; readonly kind?: string }) {
      if (event?.type === 'environment' && event.kind === 'is' && event.pending === 0) environmentKnown = true;
      if (event?.type === 'charset') charsetKnown = true;
      if (event?.type === 'option') roundTrip ??= performance.now() - asked;
      if (!essential()) return;
      // Each name of a terminal was one more round trip.
      if (event?.type === 'terminal-type') {
        clearTimeout(grace);
        clearInterval(probe);
        grace = undefined;
      }
      if (!moreToCome()) finish();
      else grace ??= setTimeout(finish, Math.max(GRACE_MS, GRACE_ROUND_TRIPS * (roundTrip ?? 0)));
    }

    session.on('telnet', look);
    session.on('hangup', finish);
    session.on('close', finish);
    session.on('finishing', finished);
    if (session.hangupReason !== undefined || session.destroyed) finish();
    else if (session.inputFinished) finished();
    else look();
  });
}
