import { Command, Option } from '../../protocol/index.ts';
import type { Session } from '../../session/session.ts';
import { isTerminalFamily } from '../../session/terminal.ts';
import { SilenceTimer } from '../../transport/silence-timer.ts';

/**
 * Decides when a program may start: as soon as the client's terminal type and window size are known or refused.
 *
 * Facts that a program reads only once (the environment and the character set) are also waited for. This applies only
 * if the client has already agreed to send them. If the host does not know a terminal type, the wait continues for the
 * next one, until the client has sent all its types. MUD clients send their own name first, and new terminals a name
 * that few hosts have. Each wait is short: a client that has answered one request answers the next after one more round
 * trip, whose duration has just been measured.
 */

/** Shortest wait for a further answer, in milliseconds… */
const GRACE_MS = 250;
/** … or this many round trips, if these take longer, … */
const GRACE_ROUND_TRIPS = 3;
/** … or this part of the timeout: a longer timeout is for clients that are slow, not only far away. */
const GRACE_PART = 1 / 8;
/**
 * How long a client that has closed its sending half, and sent nothing before, may take to respond with a reset, in
 * milliseconds.
 */
const RESET_MS = 250;

/**
 * Resolves when the program may start. That is at the latest when the session is `timeout` milliseconds old (0: no
 * limit), or when the session ends. The requests were sent at its start.
 *
 * @param isKnown whether a terminal type of the client can be used.
 */
export function readyToStart(
  session: Session,
  timeout: number,
  isKnown: (type: string) => boolean = isTerminalFamily,
): Promise<void> {
  const { telnet, terminal } = session;
  const asked = performance.now();
  const leastGrace = Math.max(GRACE_MS, GRACE_PART * timeout);
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
    let grace: SilenceTimer | undefined;
    let probe: NodeJS.Timeout | undefined;
    const limit = timeout === 0 ? undefined : new SilenceTimer(Math.max(timeout - session.age, 0), finish);

    function finish() {
      limit?.stop();
      grace?.stop();
      clearInterval(probe);
      session.off('telnet', look);
      session.off('hangup', finish);
      session.off('close', finish);
      session.off('finishing', finished);
      resolve();
    }

    /**
     * A client that has closed its sending half cannot answer any more. If it has never sent anything, it may be a
     * health check that has closed both directions. Then its kernel responds with a reset to data, and no program
     * should be started. Data sent before the close may have been read, so a NOP is sent a few times.
     */
    function finished() {
      if (session.bytesRead > 0 || !session.writable) {
        finish();
        return;
      }
      session.telnet.command(Command.NOP);
      probe = setInterval(() => session.telnet.command(Command.NOP), RESET_MS / 3);
      grace ??= new SilenceTimer(RESET_MS, finish);
    }

    function look(event?: { readonly type: string; readonly pending?: number; readonly kind?: string }) {
      if (event?.type === 'environment' && event.kind === 'is' && event.pending === 0) environmentKnown = true;
      if (event?.type === 'charset') charsetKnown = true;
      if (event?.type === 'option') roundTrip ??= performance.now() - asked;
      if (!essential()) return;
      // Each terminal type takes one more round trip.
      if (event?.type === 'terminal-type') {
        grace?.stop();
        clearInterval(probe);
        grace = undefined;
      }
      if (!moreToCome()) finish();
      else grace ??= new SilenceTimer(Math.max(leastGrace, GRACE_ROUND_TRIPS * (roundTrip ?? 0)), finish);
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
