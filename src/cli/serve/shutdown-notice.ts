/** What sessions are told when the server stops: once when it begins to drain, and at the end. */
import type { Server } from '../../server/server.ts';
import type { Session } from '../../session/session.ts';
import { formatDuration } from '../log/format.ts';

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

const WORDS: ReadonlyMap<string, string> = new Map([
  ['shutdown', 'the server has been stopped'],
  ['corrupt compressed input', 'what your client compressed (MCCP3) cannot be read; switch compression off in it'],
  ['compression bomb', 'what your client compressed (MCCP3) becomes too much'],
  ['compression began twice', 'your client began to compress (MCCP3) what it had compressed'],
]);

/** A shell around another shell: the client reads behind the program's last output why it was hung up, where it cannot know. */
export function farewell<T>(shell: (session: Session) => Promise<T>): (session: Session) => Promise<T> {
  return session => shell(session).finally(() => sayWhy(session));
}

function sayWhy(session: Session): void {
  const words = WORDS.get(session.hangupReason ?? '');
  if (words !== undefined && session.writable) session.write(`\r\ntelpty: closed: ${words}\r\n`);
}
