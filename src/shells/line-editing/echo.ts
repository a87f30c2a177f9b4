/**
 * Which clients are sent WILL ECHO, and when (RFC 857).
 *
 * To nearly all clients WILL ECHO is what makes them send each key. MUD clients send lines, echo themselves, and take it for
 * the sign of a password prompt: they hide what is typed. Only their terminal types tell them from others, and so WILL ECHO
 * waits for these, or for the certainty that there are none.
 */
import { clientKind, Option, type TelnetEvent } from '../../protocol/index.ts';
import type { Session } from '../../session/session.ts';
import { isTerminalFamily } from '../../session/terminal.ts';

/** A client of which nothing is known after this time, in milliseconds, has nothing to tell, or is far away. */
const SILENCE_MS = 500;

/** Whether a client takes WILL ECHO for a password prompt; `undefined` while that cannot be told. */
export function hidesOnEcho({ terminal, telnet }: Session): boolean | undefined {
  const { types, mtts } = terminal;
  if (clientKind(types, mtts) === 'mud') return true;
  const first = types[0];
  const second = types[1];
  if (first !== undefined && isTerminalFamily(first)) return false;
  // None but MUD clients name themselves first and a terminal second (MTTS).
  if (second !== undefined && isTerminalFamily(second)) return true;
  const refused = telnet.isSettled(Option.TTYPE, 'remote') && !telnet.isEnabled(Option.TTYPE, 'remote');
  return terminal.typesComplete || refused ? false : undefined;
}

/** Whether a client has refused WILL ECHO, before anything else was said about it. */
export function refusesEcho(session: Session): boolean {
  const { telnet } = session;
  const isOff = telnet.isSettled(Option.ECHO, 'local') && !telnet.isEnabled(Option.ECHO, 'local');
  return isOff && hidesOnEcho(session) !== true;
}

/**
 * Says WILL ECHO to a client as soon as it is known not to misunderstand it: in the turn in which its terminal type arrives or
 * is refused, in which a key arrives, or when nothing has for a while. A MUD client is sent no WILL ECHO, or WONT ECHO if it turns
 * out to be one too late; it is offered EOR instead, by which it knows prompts.
 *
 * @returns what is to be called when the program is about to start: then it cannot wait any longer.
 */
export function offerEcho(session: Session): () => void {
  const { telnet } = session;
  // A client that asks for it knows what it is; and PuTTY, once refused, would never agree to it again.
  telnet.allow(Option.ECHO, 'local', true);
  let begun = false;
  const untap = session.tap({ input: begin });
  const timer = setTimeout(begin, SILENCE_MS);
  session.on('telnet', look).once('close', stop);
  look();
  return begin;

  function begin(): void {
    if (begun) return;
    begun = true;
    clearTimeout(timer);
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
    // What looks like a terminal may still turn out to be a MUD client, by the last of its names.
    const { types, typesComplete } = session.terminal;
    if (hides || typesComplete || types.length === 0) stop();
  }

  function stop(): void {
    clearTimeout(timer);
    untap();
    session.off('telnet', look).off('close', stop);
  }
}
