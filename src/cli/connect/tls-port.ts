/** Detects a TLS port to which the user has connected without TLS. */
import type { Session } from '../../session/session.ts';
import { TLS_ONLY } from '../../transport/tls/stage.ts';

const ALERT = 0x15;
const HANDSHAKE = 0x16;

/**
 * Detects whether the server speaks TLS, by the first bytes that it sends: the alert with which it answers the
 * client's bytes, or the message of a telpty server that accepts only TLS. An alert is not shown, and it ends the
 * session.
 *
 * @returns a function that returns whether TLS was detected
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
