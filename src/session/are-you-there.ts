import type { Telnet } from '../protocol/index.ts';

/** "Are you there" is answered at most this often in {@link WINDOW_MS}; the rest were asked by a machine. */
const LIMIT = 3;
const WINDOW_MS = 1000;
const ANSWER = Buffer.from('\r\n[telpty: yes]\r\n', 'latin1');

/** Answers AYT (RFC 854): with something a person can see, and not a machine as often as it asks. */
export class AreYouThere {
  #count = 0;
  #since = 0;

  answer(telnet: Telnet): void {
    const now = performance.now();
    if (now - this.#since >= WINDOW_MS) {
      this.#since = now;
      this.#count = 0;
    }
    if (this.#count++ < LIMIT) telnet.write(ANSWER);
  }
}
