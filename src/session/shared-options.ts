/**
 * Options of which one definition serves all sessions, so that a shell can reach its handler whichever server it is in:
 * `session.telnet.handler(linemodeOption)`. A server may have been made with another definition instead; ask
 * `session.telnet.has(linemodeOption)` first.
 */
import { flowControl, linemode, status } from '../protocol/index.ts';

/** Editing by the client (RFC 1184): off until a shell asks for it, since only a shell knows who echoes. */
export const linemodeOption = linemode({ role: 'server', consent: 'request' });

/** Whether the client's ^S and ^Q stop and restart its output (RFC 1372): off until a shell asks for it. */
export const flowControlOption = flowControl({ remote: 'request' });

/** How each end sees the options (RFC 859), both ways. `session.telnet.handler(statusOption).ask()` asks the client. */
export const statusOption = status({ local: true, remote: true });
