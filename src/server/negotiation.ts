/** What a server speaks, and what it asks at the beginning. */
import { canonicalCharset } from '../charset/index.ts';
import { charset, Option, type OptionDefinition } from '../protocol/index.ts';
import { serverTable } from '../session/option-table.ts';
import type { Session } from '../session/session.ts';
import { USUAL_VARIABLES } from '../session/terminal.ts';

/** The character sets a server proposes behind the operator's, the one that suits all first: what terminals speak. */
const CHARSETS = [
  ...['UTF-8', 'ISO-8859-1', 'ISO-8859-15', 'windows-1252', 'IBM437', 'IBM850', 'KOI8-R', 'KOI8-U', 'IBM866'],
  ...['windows-1251', 'Shift_JIS', 'EUC-JP', 'GB18030', 'Big5', 'EUC-KR', 'US-ASCII'],
];

/** The same for all servers and sessions; what it asks for is said by {@link charsetProposal}. */
export const charsetOption = charset({ role: 'server', accept: firstKnown });

/** The options of a server; `compression`: MCCP2 and MCCP3 are offered, too. */
export function optionTable(
  variables: readonly string[] = USUAL_VARIABLES,
  own: readonly OptionDefinition[] = [],
  compression = false,
): OptionDefinition[] {
  return serverTable({ variables, charset: charsetOption, compression }, own);
}

/** So long after the last word of the client, in milliseconds, all that it has to say about options has been said. */
const QUIET_MS = 150;
/** What a client leaves unanswered is waited for so long, in milliseconds; where it has said nothing at all, so long. */
const UNANSWERED_MS = 5_000;
const SILENCE_MS = 1_000;

/**
 * Offers to compress, and to be sent what is compressed. The latter comes last and alone: a client that agrees sends its mark, and all
 * that it sends after the mark is compressed; but some (telnetlib3) begin to compress only when they are through with all that they
 * have read, and send in the clear what they answer to the rest of it.
 */
export function offerCompression(session: Session): void {
  const { telnet } = session;
  telnet.request(Option.MCCP2, 'local', true);
  const deadline = performance.now() + UNANSWERED_MS;
  let timer = setTimeout(offer, SILENCE_MS);
  const isSettled = () =>
    !telnet.codes().some(code => telnet.isPending(code, 'local') || telnet.isPending(code, 'remote'));
  function heard(): void {
    clearTimeout(timer);
    const left = Math.max(deadline - performance.now(), 0);
    timer = setTimeout(offer, isSettled() ? Math.min(QUIET_MS, left) : left);
  }
  function stop(): void {
    clearTimeout(timer);
    session.off('telnet', heard).off('close', stop);
  }
  function offer(): void {
    stop();
    if (session.writable) telnet.request(Option.MCCP3, 'local', true);
  }
  session.on('telnet', heard).once('close', stop);
}

/**
 * What every server wants to know. The environment and the character set come first, so that clients, which answer in
 * order, have agreed to tell them before terminal type and size, for which a program waits, are complete.
 */
export function openNegotiation(session: Session, proposeCharsets: ((this: Session) => void) | undefined): void {
  if (proposeCharsets !== undefined) session.on('telnet', proposeCharsets);
  session.telnet.request(Option.NEW_ENVIRON, 'remote', true);
  session.telnet.request(Option.CHARSET, 'local', true);
  session.telnet.request(Option.NAWS, 'remote', true);
  session.telnet.request(Option.TTYPE, 'remote', true);
}

/**
 * A listener that proposes character sets, the same for all sessions, once the client has agreed to hear of them *and* has shown that it knows subnegotiations: there
 * are clients that agree to every WILL and then send back the beginning of what they do not understand (npm's
 * telnet-client), so that everything typed later would be inside an unended subnegotiation of theirs.
 */
export function charsetProposal(preferred: string): (this: Session) => void {
  const charsets = [...new Set(['UTF-8', preferred, ...CHARSETS])];
  return function look(): void {
    if (!this.telnet.isEnabled(Option.CHARSET, 'local') || !this.speaksTelnet) return;
    this.off('telnet', look);
    this.telnet.handler(charsetOption).ask(charsets);
  };
}

/** A client asks for the sets it can show, the one it likes best first; any that has a name will do. */
function firstKnown(offered: readonly string[]): string | undefined {
  return offered.find(name => canonicalCharset(name) !== undefined);
}
