/** The Telnet options of a server, and its requests at the beginning of a session. */
import { canonicalCharset } from '../charset/index.ts';
import { charset, Option, type OptionDefinition } from '../protocol/index.ts';
import { serverTable } from '../session/option-table.ts';
import type { Session } from '../session/session.ts';
import { USUAL_VARIABLES } from '../session/terminal.ts';
import { SilenceTimer } from '../transport/silence-timer.ts';

/** The character sets that a server proposes after the configured one, UTF-8 first: those that terminals support. */
const CHARSETS = [
  ...['UTF-8', 'ISO-8859-1', 'ISO-8859-15', 'windows-1252', 'IBM437', 'IBM850', 'KOI8-R', 'KOI8-U', 'IBM866'],
  ...['windows-1251', 'Shift_JIS', 'EUC-JP', 'GB18030', 'Big5', 'EUC-KR', 'US-ASCII'],
];

/** The same for all servers and sessions; {@link charsetProposal} determines the proposed sets. */
export const charsetOption = charset({ role: 'server', accept: firstKnown });

/** The options of a server. With `compression`, MCCP2 and MCCP3 are offered as well. */
export function optionTable(
  variables: readonly string[] = USUAL_VARIABLES,
  own: readonly OptionDefinition[] = [],
  compression = false,
): OptionDefinition[] {
  return serverTable({ variables, charset: charsetOption, compression }, own);
}

/**
 * After this time without a Telnet event of the client, in milliseconds, its part of the negotiation counts as
 * complete.
 */
const QUIET_MS = 150;
/** How long to wait for a client that leaves requests unanswered, in milliseconds. */
const UNANSWERED_MS = 5_000;
/** How long to wait for a client that has sent no Telnet command, in milliseconds. */
const SILENCE_MS = 1_000;

/**
 * Offers compression of output (MCCP2) and of input (MCCP3). MCCP3 is offered last and alone: a client that agrees
 * sends its start marker, and everything after the marker is compressed. But some clients (telnetlib3) start to
 * compress only after they have processed all that they have read, and send their answers to the rest uncompressed.
 */
export function offerCompression(session: Session): void {
  const { telnet } = session;
  telnet.request(Option.MCCP2, 'local', true);
  const deadline = performance.now() + UNANSWERED_MS;
  let timer = new SilenceTimer(SILENCE_MS, offer);
  const isSettled = () =>
    !telnet.codes().some(code => telnet.isPending(code, 'local') || telnet.isPending(code, 'remote'));
  function restart(): void {
    timer.stop();
    const left = Math.max(deadline - performance.now(), 0);
    timer = new SilenceTimer(isSettled() ? Math.min(QUIET_MS, left) : left, offer);
  }
  function stop(): void {
    timer.stop();
    session.off('telnet', restart).off('close', stop);
  }
  function offer(): void {
    stop();
    if (session.writable) telnet.request(Option.MCCP3, 'local', true);
  }
  session.on('telnet', restart).once('close', stop);
}

/**
 * The requests of every server. The environment and the character set come first. Clients answer in order. So they have
 * agreed to send both before the terminal type and the window size are complete, for which the start of a program
 * waits.
 */
export function openNegotiation(session: Session, proposeCharsets: ((this: Session) => void) | undefined): void {
  if (proposeCharsets !== undefined) session.on('telnet', proposeCharsets);
  session.telnet.request(Option.NEW_ENVIRON, 'remote', true);
  session.telnet.request(Option.CHARSET, 'local', true);
  session.telnet.request(Option.NAWS, 'remote', true);
  session.telnet.request(Option.TTYPE, 'remote', true);
}

/**
 * A listener, the same for all sessions, that proposes character sets once the client has agreed to CHARSET and has
 * shown that it supports subnegotiations. Some clients (npm's telnet-client) agree to every WILL and then echo the
 * beginning of a subnegotiation that they do not understand. All later input would then be inside an unterminated
 * subnegotiation.
 */
export function charsetProposal(preferred: string): (this: Session) => void {
  const charsets = [...new Set(['UTF-8', preferred, ...CHARSETS])];
  return function look(): void {
    if (!this.telnet.isEnabled(Option.CHARSET, 'local') || !this.speaksTelnet) return;
    this.off('telnet', look);
    this.telnet.handler(charsetOption).ask(charsets);
  };
}

/**
 * A client requests the sets that it supports in its order of preference; the first one with a known name is accepted.
 */
function firstKnown(offered: readonly string[]): string | undefined {
  return offered.find(name => canonicalCharset(name) !== undefined);
}
