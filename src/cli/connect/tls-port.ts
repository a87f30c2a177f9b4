/** A port that speaks TLS, to which the user has connected without it. */
import type { Session } from '../../session/session.ts';
import { TLS_ONLY } from '../../transport/tls/stage.ts';

const ALERT = 0x15;
const HANDSHAKE = 0x16;

/**
 * Finds out whether the server speaks TLS, by what it says first: the alert with which it answers what is typed, or the words of
 * a server of telpty. An alert is not shown, and ends the session.
 *
 * @returns what tells
 */
export function watchForTls(session: Session): () => boolean {
  let isTls = false;
  const untap = session.tap({
    input: bytes => {
      untap();
      const isRecord = (bytes[0] === ALERT || bytes[0] === HANDSHAKE) && bytes[1] === 3 && bytes[2]! <= 4;
      isTls = isRecord || Buffer.from(bytes).toString('latin1').startsWith(TLS_ONLY);
      if (isRecord) session.destroy();
    },
  });
  return () => isTls;
}
