/**
 * Options of which one definition serves all sessions, so that a shell can reach its handler whichever server it is in:
 * `session.telnet.handler(linemodeOption)`. A server may have been made with another definition instead; ask
 * `session.telnet.has(linemodeOption)` first.
 */
import { flowControl, linemode, specialCharactersOf, status } from '../protocol/index.ts';

/** The control characters of a terminal that nobody has changed, for clients that ask before there is one. */
const USUAL = specialCharactersOf({
  ...{ vintr: 3, vquit: 28, verase: 127, vkill: 21, veof: 4, vstart: 17, vstop: 19, vsusp: 26 },
  ...{ vreprint: 18, vdiscard: 15, vwerase: 23, vlnext: 22 },
});

/** Editing by the client (RFC 1184): off until a shell asks for it, since only a shell knows who echoes. */
export const linemodeOption = linemode({ role: 'server', consent: 'request', usual: USUAL });

/** Whether the client's ^S and ^Q stop and restart its output (RFC 1372): off until a shell asks for it. */
export const flowControlOption = flowControl({ remote: 'request' });

/** How each end sees the options (RFC 859), both ways. `session.telnet.handler(statusOption).ask()` asks the client. */
export const statusOption = status({ local: true, remote: true });
