import type { Duplex } from 'node:stream';

/**
 * Writes to a transport: what is sent in answer to one chunk leaves as one packet, a writer is told when it may go on, and a
 * peer that takes nothing of what it is owed can be given up.
 */
export class Outlet {
  /** Bytes handed to the transport so far. */
  sent = 0;
  readonly #transport: Duplex;
  /** While a chunk is being answered: the answers, to leave together and not as one packet for each of 20,000. */
  #answers: Uint8Array[] | undefined;
  /** What goes on when the transport has room again. */
  #waiting: (() => void) | undefined;
  #watch: NodeJS.Timeout | undefined;

  /** @param onDrain is called when the transport has taken what waited. */
  constructor(transport: Duplex, onDrain: () => void) {
    this.#transport = transport;
    transport.on('drain', () => {
      this.#proceed();
      onDrain();
    });
  }

  /** Bytes that the transport has not passed on yet. */
  get unsent(): number {
    return this.#transport.writableLength;
  }

  /** Sends bytes, in order. They must stay unchanged until the transport has taken them. Does nothing after the end. */
  send(bytes: Uint8Array): void {
    if (this.#transport.writableEnded || this.#transport.destroyed) return;
    this.sent += bytes.length;
    if (this.#answers === undefined) this.#transport.write(bytes);
    else this.#answers.push(bytes);
  }

  /** Runs `block`, and sends everything that is sent meanwhile in one write. */
  answering(block: () => void): void {
    this.#answers = [];
    try {
      block();
    } finally {
      this.flush();
    }
  }

  /** Sends what `answering` has collected so far. */
  flush(): void {
    const answers = this.#answers;
    this.#answers = undefined;
    if (answers === undefined || answers.length === 0 || this.#transport.destroyed) return;
    this.#transport.write(answers.length === 1 ? answers[0] : Buffer.concat(answers));
  }

  /**
   * Calls `proceed` now if there is room for more, else when there is. What the kernel took at once is gone: to ask for the
   * length, and not for write()'s answer, spares a round of pause and resume for each chunk that is larger than the
   * transport's mark but was not queued at all.
   */
  whenRoom(proceed: () => void): void {
    if (this.unsent < this.#transport.writableHighWaterMark || this.#transport.destroyed) proceed();
    else this.#waiting = proceed;
  }

  /** Runs `block` and sends what is written until it returns as one packet. Returns what it returns. */
  together<T>(block: () => T): T {
    this.#transport.cork();
    try {
      return block();
    } finally {
      this.#transport.uncork();
    }
  }

  /** Ends the sending half once everything has been passed on. */
  end(done: () => void): void {
    this.flush();
    this.#transport.end(done);
  }

  /** Calls `stalled` when something waits and nothing of it has gone out for `ms` milliseconds. Returns what ends this. */
  watch(ms: number, stalled: () => void): () => void {
    clearInterval(this.#watch);
    let last = -1;
    const watch = setInterval(() => {
      const passed = this.sent - this.unsent;
      if (this.unsent > 0 && passed === last) stalled();
      last = passed;
    }, ms);
    this.#watch = watch;
    return () => clearInterval(watch);
  }

  /** The transport is gone: nobody waits for it any more. */
  stop(): void {
    clearInterval(this.#watch);
    this.#proceed();
  }

  #proceed(): void {
    const proceed = this.#waiting;
    this.#waiting = undefined;
    proceed?.();
  }
}
