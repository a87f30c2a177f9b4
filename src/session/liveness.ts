/** Whether a connection still works: answers to a peer that asks, and bytes that keep it open. */
import { Command, type Telnet, type TimingMark } from '../protocol/index.ts';
import { timingMarkOption } from './option-table.ts';

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
  readonly bytesRead: number;
  readonly bytesWritten: number;
  /** Bytes that wait to be sent. */
  readonly unsent: number;
  /** Whether the peer has sent a command of Telnet. */
  readonly hasHeardTelnet: boolean;
  readonly telnet: Telnet;
  readonly ending: { hangup(reason: string): void };
  readonly fastPath: { offer(): void };
}

/** When a `KeepAlive` sends what. */
export interface KeepAliveTimes {
  /** Milliseconds without output; what keeps the connection open is sent up to half as much later. */
  readonly interval: number;
  /** How long the peer may take for its answer to TIMING-MARK, in milliseconds; 0: NOP is sent, which has no answer. */
  readonly timeout: number;
}

/** How often within the interval of {@link KeepAlive} the output is looked at: the fast path only counts its bytes. */
const LOOKS = 2;

/**
 * Sends NOP or asks for TIMING-MARK when nothing was sent for some time, so that routers with address translation keep the
 * connection. The fast path is closed for it, as for all that is sent here, and opened again behind it.
 *
 * A peer that does not answer DO TIMING-MARK is lost, and the session ends. But some peers never answer it (telnetd of busybox), and others
 * answer it late, behind much output. So silence counts only after a first answer, and any byte that arrives counts as one.
 * The kernel's keep-alive probes cannot find this out: they are answered by the kernel of a peer whose program hangs, and by a proxy.
 */
export class KeepAlive {
  readonly #link: KeptConnection;
  readonly #times: KeepAliveTimes;
  readonly #timer: NodeJS.Timeout;
  #written = 0;
  #quiet = 0;
  /** Whether the peer has answered a mark. */
  #answersMarks = false;
  /** Runs while an answer is missing. */
  #deadline: NodeJS.Timeout | undefined;

  constructor(link: KeptConnection, times: KeepAliveTimes) {
    this.#link = link;
    this.#times = times;
    this.#timer = setInterval(() => this.#look(), Math.ceil(times.interval / LOOKS)).unref();
  }

  #look(): void {
    const { bytesWritten, unsent, hasHeardTelnet } = this.#link;
    this.#quiet = bytesWritten === this.#written ? this.#quiet + 1 : 0;
    this.#written = bytesWritten;
    // Where output waits, the peer does not read, and what keeps the connection open waits behind it.
    if (this.#quiet < LOOKS || unsent > 0 || !hasHeardTelnet) return;
    this.#send();
    this.#link.fastPath.offer();
    this.#written = this.#link.bytesWritten;
    this.#quiet = 0;
  }

  #send(): void {
    const { telnet } = this.#link;
    // (The table of options may have another definition in place of it.)
    if (this.#times.timeout === 0 || !telnet.has(timingMarkOption)) {
      telnet.command(Command.NOP);
      return;
    }
    // One mark at a time shows as much as many; a peer that answers none has NOP in between.
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
    // Where this process was stopped for as long, the answer is there, but was not read yet.
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
