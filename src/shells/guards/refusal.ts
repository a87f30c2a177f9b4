import type { Session } from '../../session/session.ts';
import type { RefusalReason } from './session-limits.ts';

/** Sessions that were turned away and are told so, at a time, in this process. Each may take seconds to close its side. */
const MOST_TOLD = 64;

/** Those of this moment. */
let told = 0;

/** Why a session was turned away; what a guard gives as its result then. */
export interface Refused {
  readonly refused: RefusalReason;
}

/** What a client that is turned away reads. */
const REFUSALS: Readonly<Record<RefusalReason, string>> = {
  denied: 'telpty: connections from your address are not taken here',
  'connect-rate': 'telpty: too many connections from your address in a short time, try again later',
  'too-many-sessions': 'telpty: too many sessions, try again later',
  'too-many-from-address': 'telpty: too many sessions from your address',
  'too-many-negotiating': 'telpty: too many are connecting at this moment, try again later',
  'no-user-id': 'telpty: no user id is free for your session, try again later',
  robot: 'telpty: this is for people; neither your terminal nor you gave the answer',
};

/**
 * Turns a session away: the client is told why in one sentence, and the shell that gives this as its result ends it. When
 * many are being told already, which only a flood comes to, the connection is closed at once.
 */
export function refuse(session: Session, reason: RefusalReason): Refused {
  if (told >= MOST_TOLD) session.destroy();
  else if (session.writable) {
    told++;
    session.once('close', () => {
      told--;
    });
    session.write(`${REFUSALS[reason]}\r\n`);
  }
  return { refused: reason };
}
