import type { Duplex } from 'node:stream';
import type { NativePty } from '../../native/addon.ts';
import type { SendKind } from '../../protocol/index.ts';

/** Whom a transport serves. All calls come from the event loop, never from within a call of the transport's own. */
export interface TransportUser {
  /**
   * Bytes have arrived. They are lent: valid until this returns. `stale`: they stand before the mark of a Synch (RFC 854),
   * so that commands in them count and data does not.
   */
  arrived(bytes: Buffer, stale?: boolean): void;
  /** The peer has sent urgent data, which is a Synch: told ahead of all that stands before its mark, also while paused. */
  urgent(): void;
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
  /** Bytes that were sent and of which the peer has not said that it has them, as far as that can be known. */
  readonly undelivered: number;
  /** With this much unsent, in bytes, a writer should wait for `room`; with less, none will be announced. */
  readonly mark: number;
  /** Whether nothing more can be sent. */
  readonly finished: boolean;
  readonly destroyed: boolean;
  /** Whether what is sent is encrypted on its way, as by TLS. */
  readonly encrypted: boolean;
  /** Begins to read. Called once, before all others. */
  open(user: TransportUser): void;
  /** Stops reading, but for what is on its way already. */
  pause(): void;
  /** Reads on. */
  resume(): void;
  /** Sends bytes, in order. They are lent: what cannot leave at once is copied. */
  send(bytes: Uint8Array, kind: SendKind): void;
  /** Takes back data that is unsent, and nothing else. Returns how many bytes; 0 where it cannot be done. */
  discardData(): number;
  /** Ends the sending half behind everything that was sent. `done` is called when it has all been passed on. */
  end(done: () => void): void;
  /** Ends both directions at once; what was not sent yet is lost. */
  destroy(error?: Error): void;
  /** @internal Only transports of the addon have it: see src/session/fast-path.ts. */
  readonly fastPath?: FastPathPort;
}

/** The part of a transport by which bytes pass to and from a terminal without JavaScript. */
export interface FastPathPort {
  /** Names the terminal that bytes may pass to and from; `undefined`: none any more. */
  joinTerminal(terminal: NativePty | undefined): void;
  /** Opens the path until the next call to or from JavaScript about the connection or the terminal, or closes it. */
  openFastPath(on: boolean): void;
  /** What has passed so far. */
  fastPathCounts(): FastPathCounts;
}

/** What has passed by a fast path. Nothing else shows it. */
export interface FastPathCounts {
  /** In bytes. */
  readonly toTerminal: number;
  readonly fromTerminal: number;
  /** How long ago the last passed to the terminal, in milliseconds. */
  readonly age: number;
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

  /** What lies behind a stream cannot be seen. */
  get undelivered(): number {
    return this.unsent;
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

  get encrypted(): boolean {
    // What a TLSSocket calls itself.
    return (this.#stream as { encrypted?: unknown }).encrypted === true;
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

  discardData(): number {
    return 0;
  }

  end(done: () => void): void {
    this.#stream.end(done);
  }

  destroy(error?: Error): void {
    this.#stream.destroy(error);
  }
}
