/** What sessions are told when the server stops: once when it begins to drain, and at the end. */
import type { Server } from '../server/server.ts';
import type { Session } from '../session/session.ts';
import { formatDuration } from './format.ts';

/**
 * Tells all sessions that the server stops. It is written over whatever a program shows there, as wall(1) does; no
 * program can be asked, and a person who knows can save their work. Who has only programs that fill the screen can
 * leave it out (`--drain-quietly`).
 *
 * @param timeout how long they may go on, in milliseconds.
 */
export function announceDrain(server: Server, timeout: number): void {
  const words = `\r\ntelpty: the server stops and hangs up in ${formatDuration(timeout)}\r\n`;
  for (const session of server.sessions) if (session.writable) session.write(words);
}

/** A shell around another shell: who is hung up because the server stops reads so behind the program's last output. */
export function farewell<T>(shell: (session: Session) => Promise<T>): (session: Session) => Promise<T> {
  return session => shell(session).finally(() => sayWhy(session));
}

function sayWhy(session: Session): void {
  if (session.hangupReason !== 'shutdown' || !session.writable) return;
  session.write('\r\ntelpty: closed: the server has been stopped\r\n');
}
