import type { Duplex } from 'node:stream';

/** Whom a transport serves. All calls come from the event loop, never from within a call of the transport's own. */
export interface TransportUser {
  /** Bytes have arrived. They are lent: valid until this returns. */
  arrived(bytes: Buffer): void;
  /** No more will arrive. */
  ended(): void;
  /** There is room again for what had to wait. */
  room(): void;
  /** The peer has closed its sending half, though something from before may still be unread. */
  finishing(): void;
  /** It is over: the transport was destroyed, or broke, or both directions have ended. */
  closed(error?: Error): void;
}

/** What carries a session's bytes. */
export interface Transport {
  /** Bytes that were sent and are still in this process. */
  readonly unsent: number;
  /** With this much unsent, in bytes, a writer should wait for `room`; with less, none will be announced. */
  readonly mark: number;
  /** Whether nothing more can be sent. */
  readonly finished: boolean;
  readonly destroyed: boolean;
  /** Begins to read. Called once, before all others. */
  open(user: TransportUser): void;
  pause(): void;
  resume(): void;
  /** Sends bytes, in order. They are lent: what cannot leave at once is copied. */
  send(bytes: Uint8Array): void;
  /** Ends the sending half behind everything that was sent. `done` is called when it has all been passed on. */
  end(done: () => void): void;
  destroy(): void;
}

/** Any stream as a transport: a TLS socket, a WebSocket's stream, an ssh2 channel, a test's pair of streams. */
export class StreamTransport implements Transport {
  readonly #stream: Duplex;

  constructor(stream: Duplex) {
    this.#stream = stream;
  }

  get unsent(): number {
    return this.#stream.writableLength;
  }

  get mark(): number {
    return this.#stream.writableHighWaterMark;
  }

  get finished(): boolean {
    return this.#stream.writableEnded || this.#stream.destroyed;
  }

  get destroyed(): boolean {
    return this.#stream.destroyed;
  }

  open(user: TransportUser): void {
    let failure: Error | undefined;
    this.#stream
      .on('data', (chunk: Buffer) => user.arrived(chunk))
      .on('end', () => {
        user.finishing();
        user.ended();
      })
      .on('drain', () => user.room())
      .on('error', error => {
        failure = error;
        user.closed(error);
      })
      .on('close', () => user.closed(failure))
      .resume();
  }

  pause(): void {
    this.#stream.pause();
  }

  resume(): void {
    this.#stream.resume();
  }

  send(bytes: Uint8Array): void {
    this.#stream.write(Buffer.from(bytes));
  }

  end(done: () => void): void {
    this.#stream.end(done);
  }

  destroy(): void {
    this.#stream.destroy();
  }
}
