import type { Session } from '../../session/session.ts';
import type { RefusalReason } from './session-limits.ts';

/**
 * Limit of rejected sessions of this process that are being sent their reason. Each may take seconds to close its side.
 */
const MOST_REJECTING = 64;

/** The number of such sessions at present. */
let rejecting = 0;

/** Why a session was rejected: the result of a guard. */
export interface Refused {
  readonly refused: RefusalReason;
}

/** The message to a rejected client. */
const REFUSALS: Readonly<Record<RefusalReason, string>> = {
  denied: 'telpty: connections from your address are not accepted',
  'connect-rate': 'telpty: too many connections from your address in a short time, try again later',
  'too-many-sessions': 'telpty: too many sessions, try again later',
  'too-many-from-address': 'telpty: too many sessions from your address',
  'too-many-negotiating': 'telpty: too many connections are being opened, try again later',
  'no-user-id': 'telpty: no user id is free for your session, try again later',
  robot: 'telpty: this server is for people; no valid answer was received',
};

/**
 * Rejects a session. The client gets the reason in one sentence, and the shell returns the result, which ends the
 * session. In a flood of rejections the connection is closed at once.
 */
export function reject(session: Session, reason: RefusalReason): Refused {
  if (rejecting >= MOST_REJECTING) session.destroy();
  else if (session.writable) {
    rejecting++;
    session.once('close', () => {
      rejecting--;
    });
    session.write(`${REFUSALS[reason]}\r\n`);
  }
  return { refused: reason };
}
