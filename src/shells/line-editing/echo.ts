/**
 * Which clients are sent WILL ECHO, and when (RFC 857).
 *
 * WILL ECHO makes nearly all clients send each key. MUD clients send lines, echo themselves, and interpret WILL ECHO as
 * a password prompt: they hide the input. Only the terminal type distinguishes them from other clients, so WILL ECHO is
 * delayed. It is sent when the terminal types are known, or when it is certain that there are none.
 */
import { clientKind, Option, type TelnetEvent } from '../../protocol/index.ts';
import type { Session } from '../../session/session.ts';
import { isTerminalFamily } from '../../session/terminal.ts';
import { SilenceTimer } from '../../transport/silence-timer.ts';

/**
 * If nothing is known about a client after this time, in milliseconds, it sends no terminal type, or its network is
 * slow.
 */
const SILENCE_MS = 500;

/** Whether a client interprets WILL ECHO as a password prompt; `undefined` while that is unknown. */
export function hidesOnEcho({ terminal, telnet }: Session): boolean | undefined {
  const { types, mtts } = terminal;
  if (clientKind(types, mtts) === 'mud') return true;
  const first = types[0];
  const second = types[1];
  if (first !== undefined && isTerminalFamily(first)) return false;
  // Only MUD clients send their own name first and a terminal second (MTTS).
  if (second !== undefined && isTerminalFamily(second)) return true;
  const refused = telnet.isSettled(Option.TTYPE, 'remote') && !telnet.isEnabled(Option.TTYPE, 'remote');
  return terminal.typesComplete || refused ? false : undefined;
}

/** Whether a client has refused WILL ECHO, before any other negotiation about it. */
export function refusesEcho(session: Session): boolean {
  const { telnet } = session;
  const isOff = telnet.isSettled(Option.ECHO, 'local') && !telnet.isEnabled(Option.ECHO, 'local');
  return isOff && hidesOnEcho(session) !== true;
}

/**
 * Sends WILL ECHO to a client as soon as it is known not to misinterpret it. That is in the event loop turn in which
 * its terminal type arrives or is refused, or a key arrives, or after a timeout. A MUD client is not sent WILL ECHO, or
 * is sent WONT ECHO if it is recognized too late. It is offered EOR instead, by which it recognizes prompts.
 *
 * @returns a function to call just before the program starts, which ends the delay.
 */
export function offerEcho(session: Session): () => void {
  const { telnet } = session;
  // A client that requests ECHO interprets it correctly. PuTTY, once refused, would never agree to it again.
  telnet.allow(Option.ECHO, 'local', true);
  let begun = false;
  const untap = session.tap({ input: begin });
  const timer = new SilenceTimer(SILENCE_MS, begin);
  session.on('telnet', look).once('close', stop);
  look();
  return begin;

  function begin(): void {
    if (begun) return;
    begun = true;
    timer.stop();
    untap();
    if (hidesOnEcho(session) !== true) telnet.request(Option.ECHO, 'local', true);
  }

  function look(event?: TelnetEvent): void {
    if (event !== undefined && event.type !== 'terminal-type' && event.type !== 'option') return;
    const hides = hidesOnEcho(session);
    if (hides === undefined) return;
    begin();
    if (hides) {
      telnet.request(Option.ECHO, 'local', false);
      if (telnet.codes().includes(Option.EOR)) telnet.request(Option.EOR, 'local', true);
    }
    // A client that looks like a terminal may turn out to be a MUD client by the last of its names.
    const { types, typesComplete } = session.terminal;
    if (hides || typesComplete || types.length === 0) stop();
  }

  function stop(): void {
    timer.stop();
    untap();
    session.off('telnet', look).off('close', stop);
  }
}
