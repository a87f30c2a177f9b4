/** The notices that sessions get when the server stops: one when it begins to drain, and one at the end. */
import type { Server } from '../../server/server.ts';
import type { HangupReason, ProtocolError } from '../../session/ending.ts';
import type { Session } from '../../session/session.ts';
import { runShell } from '../../shells/guards/run-shell.ts';
import { formatDuration } from '../log/format.ts';

/**
 * Writes to all sessions that the server stops. This overwrites part of the program's screen, as wall(1) does:
 * programs cannot be asked, and the user can save their work. Servers of full-screen programs can suppress it
 * (`--drain-quietly`).
 *
 * @param timeout how long the sessions may continue, in milliseconds.
 */
export function announceDrain(server: Server, timeout: number): void {
  const words = `\r\ntelpty: the server is shutting down; this session ends in ${formatDuration(timeout)}\r\n`;
  for (const session of server.sessions) if (session.writable) session.write(words);
}

const TEXTS: ReadonlyMap<string, string> = new Map<HangupReason | ProtocolError, string>([
  ['shutdown', 'the server is shutting down'],
  [
    'corrupt-compressed-input',
    'the compressed input of your client (MCCP3) is corrupt; turn compression off in the client',
  ],
  ['compression-bomb', 'the compressed input of your client (MCCP3) expands too much'],
  ['nested-compression', 'your client started compression (MCCP3) inside compressed input'],
]);

/**
 * Middleware that writes why the session was hung up, if the client cannot know, after the last output of the program.
 */
export function shutdownNotice<T>(shell: (session: Session) => T | Promise<T>): (session: Session) => Promise<T> {
  return session => runShell(shell, session, () => writeReason(session));
}

function writeReason(session: Session): void {
  const text = TEXTS.get(session.hangupReason ?? '');
  if (text !== undefined && session.writable) session.write(`\r\ntelpty: closed: ${text}\r\n`);
}
