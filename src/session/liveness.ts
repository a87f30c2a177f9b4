/** Liveness of a connection: answers to AYT, and bytes that keep the connection open. */
import { Command, type Telnet, type TimingMark } from '../protocol/index.ts';
import { timingMarkOption } from './option-table.ts';

/** AYT is answered at most this often per {@link WINDOW_MS}; a user does not send more, only a program does. */
const LIMIT = 3;
const WINDOW_MS = 1000;
const ANSWER = Buffer.from('\r\n[telpty: yes]\r\n', 'latin1');

/**
 * Answers AYT (RFC 854) with text that a user can see. The rate of answers is limited, for peers that send it in a
 * loop.
 */
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
  readonly bytesRead: number;
  readonly bytesWritten: number;
  /** Bytes that wait to be sent. */
  readonly unsent: number;
  /** Whether the peer has sent a Telnet command. */
  readonly hasReceivedTelnet: boolean;
  readonly telnet: Telnet;
  readonly ending: { hangup(reason: string): void };
  readonly fastPath: { offer(): void };
}

/** The times of the keep-alive: when something is sent, and how long the peer may take to answer. */
export interface KeepAliveTimes {
  /** Milliseconds without output after which NOP or DO TIMING-MARK is sent; it is sent up to half as much later. */
  readonly interval: number;
  /** How long the peer may take to answer TIMING-MARK, in milliseconds; 0: NOP is sent, which has no answer. */
  readonly timeout: number;
}

/** How often the output is checked within the interval of {@link KeepAlive}. The fast path only counts its bytes. */
const LOOKS = 2;

/**
 * Sends NOP or asks for TIMING-MARK after some time without output, so that routers with address translation keep the
 * connection. As for everything that is sent from JavaScript, the fast path is closed before and opened again after it.
 *
 * If a peer does not answer DO TIMING-MARK, its connection is lost, and the session ends. But some peers never answer
 * it (telnetd of busybox), and others answer it late, after much output. So silence counts only after a first answer,
 * and any byte that arrives counts as an answer. The kernel's keep-alive probes cannot detect such a loss. The kernel
 * of the peer answers them even if the program there hangs, and so does a proxy.
 */
export class KeepAlive {
  readonly #link: KeptConnection;
  readonly #times: KeepAliveTimes;
  readonly #timer: NodeJS.Timeout;
  #written = 0;
  #quiet = 0;
  /** Whether the peer has answered a mark. */
  #answersMarks = false;
  /** Runs while an answer is outstanding. */
  #deadline: NodeJS.Timeout | undefined;

  constructor(link: KeptConnection, times: KeepAliveTimes) {
    this.#link = link;
    this.#times = times;
    this.#timer = setInterval(() => this.#look(), Math.ceil(times.interval / LOOKS)).unref();
  }

  #look(): void {
    const { bytesWritten, unsent, hasReceivedTelnet } = this.#link;
    this.#quiet = bytesWritten === this.#written ? this.#quiet + 1 : 0;
    this.#written = bytesWritten;
    // If output waits, the peer does not read, and anything sent to keep the connection open would wait after that
    // output.
    if (this.#quiet < LOOKS || unsent > 0 || !hasReceivedTelnet) return;
    this.#send();
    this.#link.fastPath.offer();
    this.#written = this.#link.bytesWritten;
    this.#quiet = 0;
  }

  #send(): void {
    const { telnet } = this.#link;
    // (An application may have replaced this definition in the table of options.)
    if (this.#times.timeout === 0 || !telnet.has(timingMarkOption)) {
      telnet.command(Command.NOP);
      return;
    }
    // One outstanding mark proves as much as several. A peer that does not answer it gets NOP in between.
    if (this.#deadline !== undefined) telnet.command(Command.NOP);
    else this.#askForMark(telnet.handler(timingMarkOption));
  }

  #askForMark(marks: TimingMark): void {
    const { timeout } = this.#times;
    let read = this.#link.bytesRead;
    const missing = () => {
      if (this.#deadline === undefined) return;
      const { bytesRead } = this.#link;
      const isSilent = bytesRead === read;
      read = bytesRead;
      if (isSilent && this.#answersMarks) this.#link.ending.hangup('keep-alive-timeout');
      else this.#deadline.refresh();
    };
    // If this process was stopped for this long, the answer has arrived but has not been read yet.
    this.#deadline = setTimeout(() => setImmediate(missing), timeout).unref();
    marks.ask(() => {
      this.#answersMarks = true;
      clearTimeout(this.#deadline);
      this.#deadline = undefined;
    });
  }

  stop(): void {
    clearInterval(this.#timer);
    clearTimeout(this.#deadline);
    this.#deadline = undefined;
  }
}
