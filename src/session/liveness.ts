/** Whether a connection still works: answers to a peer that asks, and bytes that keep it open. */
import { Command, type Telnet } from '../protocol/index.ts';

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

/** The connection that a {@link KeepAlive} keeps open. */
interface KeptConnection {
  readonly bytesWritten: number;
  /** Bytes that wait to be sent. */
  readonly unsent: number;
  /** Whether the peer has sent a command of Telnet. */
  readonly hasHeardTelnet: boolean;
  readonly telnet: Telnet;
}

/** How often within the time of {@link KeepAlive} the output is looked at: the fast path only counts its bytes. */
const LOOKS = 2;

/**
 * Sends NOP when nothing was sent for some time, so that routers with address translation keep the connection. The fast path is
 * closed for it, as for all that is sent here, and opened again at the end of the next turn.
 */
export class KeepAlive {
  readonly #timer: NodeJS.Timeout;
  #written = 0;
  #quiet = 0;

  /** @param ms milliseconds without output; the NOP comes up to half as much later. */
  constructor(link: KeptConnection, ms: number) {
    this.#timer = setInterval(() => this.#look(link), Math.ceil(ms / LOOKS)).unref();
  }

  #look(link: KeptConnection): void {
    const { bytesWritten, unsent } = link;
    this.#quiet = bytesWritten === this.#written ? this.#quiet + 1 : 0;
    this.#written = bytesWritten;
    // Where output waits, the peer does not read, and what keeps the connection open waits behind it.
    if (this.#quiet < LOOKS || unsent > 0 || !link.hasHeardTelnet) return;
    link.telnet.command(Command.NOP);
    this.#written = link.bytesWritten;
    this.#quiet = 0;
  }

  stop(): void {
    clearInterval(this.#timer);
  }
}
