import type { Duplex } from 'node:stream';
import type { NativePty } from '../../native/addon.ts';
import type { Escaping, SendKind } from '../../protocol/index.ts';
import type { PassedBatch } from './passed-bytes.ts';

/**
 * The callbacks of a transport. All calls come from the event loop, never from within a call of a method of the
 * transport.
 */
export interface TransportUser {
  /**
   * Bytes were received. They are lent: valid until this returns. `stale`: they come before the mark of a Synch (RFC
   * 854), so commands in them are obeyed and data is discarded.
   */
  arrived(bytes: Buffer, stale?: boolean): void;
  /**
   * The peer has sent urgent data, which is a Synch: reported ahead of everything before its mark, and also while
   * paused.
   */
  urgent(): void;
  /** No more will be received. */
  ended(): void;
  /** There is room again for output that had to wait. */
  room(): void;
  /** The peer has closed its sending half, though data from before may still be unread. */
  finishing(): void;
  /** The transport is closed: it was destroyed, it failed, or both directions have ended. */
  closed(error?: Error): void;
}

/** Carries the bytes of a session. */
export interface Transport {
  /** Bytes that were sent and are still in this process. */
  readonly unsent: number;
  /** Bytes that were sent and that the peer has not acknowledged yet, as far as that is known. */
  readonly undelivered: number;
  /** With this many unsent bytes a writer should wait for `room`; with fewer, `room` is not called. */
  readonly mark: number;
  /** Whether nothing more can be sent. */
  readonly finished: boolean;
  readonly destroyed: boolean;
  /** Whether the transport encrypts, as TLS does. */
  readonly encrypted: boolean;
  /** Starts to read. Called once, before all other methods. */
  open(user: TransportUser): void;
  /** Stops reading; data that was read before may still arrive. */
  pause(): void;
  /** Reads again. */
  resume(): void;
  /** Sends bytes, in order. They are lent: what cannot be sent at once is copied. */
  send(bytes: Uint8Array, kind: SendKind): void;
  /** Sends pieces as {@link send}, together. Without this method they are joined, which copies them. */
  sendTogether?(pieces: readonly Uint8Array[], kind: SendKind): void;
  /** Discards unsent data, and nothing else. Returns how many bytes; 0 where this is not possible. */
  discardData(): number;
  /** Ends the sending half after everything that was sent. `done` is called when all of it has been passed on. */
  end(done: () => void): void;
  /** Ends both directions at once; unsent output is lost. */
  destroy(error?: Error): void;
  /**
   * Whether the transport accepts output faster than the peer processes it, as a WebSocket to a browser does. The
   * session then limits its output by TIMING-MARK (RFC 860). Default false.
   */
  readonly needsPacing?: boolean;
  /** @internal Only transports of the addon have it: see src/session/fast-path.ts. */
  readonly fastPath?: FastPathPort;
}

/** The part of a transport that passes bytes to and from a terminal without JavaScript. */
export interface FastPathPort {
  /** Sets the terminal that bytes may pass to and from; `undefined` removes it. */
  joinTerminal(terminal: NativePty | undefined): void;
  /**
   * Opens the path until the next call to or from JavaScript about the connection or the terminal, or closes it.
   *
   * @param escaping how output is escaped that is not plain; by default, such output does not pass.
   */
  openFastPath(on: boolean, escaping?: Escaping): void;
  /** The counts of bytes that have passed. */
  fastPathCounts(): FastPathCounts;
  /**
   * From now on, bytes that pass in these directions (bits of `Direction`) are copied; 0: none, and copies that wait
   * are dropped. Closes the path. `onPassed` is called from the event loop, soon after copies begin to wait.
   *
   * @returns whether there was memory for it.
   */
  copyPassed(directions: number, onPassed: () => void): boolean;
  /**
   * Takes the copies that wait, also after the transport was destroyed; `undefined` if there are none. A batch that was
   * read to its end should be returned by `returnBatch`.
   */
  takePassed(): PassedBatch | undefined;
  returnBatch(batch: PassedBatch): void;
}

/** The bytes that have passed through the fast path. JavaScript sees them only in these counts. */
export interface FastPathCounts {
  /** In bytes. */
  readonly toTerminal: number;
  readonly fromTerminal: number;
  /** Time since bytes last passed to the terminal, in milliseconds. */
  readonly age: number;
}

/** Any stream as a transport: a TLS socket, the stream of a WebSocket, an ssh2 channel, a test's pair of streams. */
export class StreamTransport implements Transport {
  readonly #stream: Duplex;

  constructor(stream: Duplex) {
    this.#stream = stream;
  }

  get unsent(): number {
    return this.#stream.writableLength;
  }

  /** Only what the stream itself holds is known. */
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
    // A property of TLSSocket.
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
