/**
 * A WebSocket as the transport of a session, above the transport of its connection: binary messages in both directions,
 * whose boundaries mean nothing.
 *
 * Rejected: the library ws, which would be a dependency of every installation. Here the addon receives and sends, as
 * for Telnet clients, and payloads are passed on before their message is complete. `bench/websocket.ts` on two cores: a
 * flood costs 0.53 s of CPU per GB at 1,870 MB/s, with ws 0.76 s at 1,320 MB/s. A key and its echo cost 24 µs of CPU,
 * with ws 29 µs. Idle connections need the same memory. Messages, ends and close codes are those of ws, also for random
 * frames: see test/web/frames.test.ts.
 */
import type { Transport, TransportUser } from '../../transport/stream/transport.ts';
import { binaryFrame, CloseCode, closeFrame, FrameReader, pingFrame, pongFrame } from './frames.ts';

/** How long a client may take to close its connection after the last close frame, ours or its own, in milliseconds. */
const CLOSE_MS = 2_000;

/** What a WebSocket carries. */
export interface WebSocketOptions {
  /** Whether messages of clients may be text. */
  readonly takesText: boolean;
  /** Whether clients answer TIMING-MARK. */
  readonly needsPacing: boolean;
  /** Whether the client uses HTTPS. */
  readonly isSecure: boolean;
  /** What has been read from the connection after the handshake. */
  readonly read: Buffer;
}

export class WebSocketTransport implements Transport, TransportUser {
  readonly needsPacing: boolean;
  readonly encrypted: boolean;
  readonly #carrier: Transport;
  readonly #reader: FrameReader;
  #read: Buffer | undefined;
  #user: TransportUser | undefined;
  /** Whether our close frame was sent. */
  #isClosing = false;
  #isClosed = false;
  #isPaused = false;
  /** Whether a ping is unanswered. */
  #isPinged = false;
  /** Called when our last bytes have been passed on. */
  #done: (() => void) | undefined;
  #timer: NodeJS.Timeout | undefined;
  /** The reason of the end of the session for its page; `undefined` if the program ended by itself. */
  endReason: () => string | undefined = () => undefined;

  /** @param carrier the connection, after the answer to the handshake. */
  constructor(carrier: Transport, { takesText, needsPacing, isSecure, read }: WebSocketOptions) {
    this.#carrier = carrier;
    this.#reader = new FrameReader(takesText);
    this.needsPacing = needsPacing;
    this.encrypted = isSecure;
    this.#read = read.length > 0 ? read : undefined;
  }

  get unsent(): number {
    return this.#carrier.unsent;
  }

  get undelivered(): number {
    return this.#carrier.undelivered;
  }

  get mark(): number {
    return this.#carrier.mark;
  }

  get finished(): boolean {
    return this.#isClosing || this.destroyed;
  }

  get destroyed(): boolean {
    return this.#isClosed || this.#carrier.destroyed;
  }

  open(user: TransportUser): void {
    this.#user = user;
    const read = this.#read;
    this.#read = undefined;
    // Not within this call: see TransportUser. And before anything that the carrier reads.
    if (read !== undefined) process.nextTick(() => this.arrived(read));
    this.#carrier.open(this);
  }

  pause(): void {
    if (this.finished) return;
    this.#isPaused = true;
    this.#carrier.pause();
  }

  resume(): void {
    this.#isPaused = false;
    this.#carrier.resume();
  }

  /** Sends the bytes as one message. */
  send(bytes: Uint8Array): void {
    this.sendTogether([bytes]);
  }

  /** Sends all pieces as one message. */
  sendTogether(pieces: readonly Uint8Array[]): void {
    if (!this.finished) this.#carrier.send(binaryFrame(pieces), 'data');
  }

  /** A frame cannot be dropped in part. */
  discardData(): number {
    return 0;
  }

  end(done: () => void): void {
    if (this.finished) return;
    const reason = this.endReason() ?? '';
    this.#done = done;
    this.#close(reason === 'shutdown' ? CloseCode.GOING_AWAY : CloseCode.NORMAL, reason);
    this.#awaitClose();
  }

  destroy(): void {
    this.#carrier.destroy();
  }

  /**
   * Sends a ping: proxies close a WebSocket that is silent. A client that did not answer the last ping is gone, and its
   * connection is closed.
   */
  ping(): void {
    if (this.finished) return;
    if (this.#isPinged && !this.#isPaused) this.destroy();
    else {
      this.#isPinged = true;
      this.#control(pingFrame());
    }
  }

  /** A client that reads nothing must not fill the queue with answers. */
  #control(frame: Buffer): void {
    if (this.unsent < this.mark) this.#carrier.send(frame, 'data');
  }

  /**
   * Gives the client time to close the connection, from when our close frame has been passed on. Whether a slow client
   * makes progress until then is observed by its session. Some transports do not call {@link room} for the last bytes.
   */
  #awaitClose(): void {
    const isPassedOn = this.#carrier.unsent === 0;
    if (isPassedOn) process.nextTick(() => this.#passedOn());
    this.#timer = setTimeout(() => (isPassedOn ? this.destroy() : this.#awaitClose()), CLOSE_MS).unref();
  }

  #close(code: number, words: string): void {
    if (this.#isClosing) return;
    this.#isClosing = true;
    this.#carrier.send(closeFrame(code, words), 'data');
    // Else the answer would not be read.
    this.#isPaused = false;
    this.#carrier.resume();
  }

  #passedOn(): void {
    const done = this.#done;
    this.#done = undefined;
    done?.();
  }

  // Calls by the carrier.

  arrived(bytes: Buffer): void {
    const reader = this.#reader;
    const length = reader.read(bytes);
    if (length > 0 && !this.finished) this.#user!.arrived(length === bytes.length ? bytes : bytes.subarray(0, length));
    if (reader.hasPong) this.#isPinged = false;
    if (reader.ping !== undefined && !this.finished) this.#control(pongFrame(reader.ping));
    if (reader.violation !== undefined) this.#finish(reader.violation.code, reader.violation.words);
    else if (reader.closed !== undefined) this.#finish(reader.closed, '');
  }

  /** The client has sent its close frame, or an invalid one: no more is read. */
  #finish(code: number, words: string): void {
    if (this.#carrier.finished) return;
    if (!this.#isClosing) this.#user!.finishing();
    this.#close(code, words);
    this.#timer ??= setTimeout(() => this.destroy(), CLOSE_MS).unref();
    this.#carrier.end(() => this.#passedOn());
  }

  /** Urgent data has no meaning in a WebSocket. */
  urgent(): void {}

  /** The client has closed the connection without a close frame. */
  ended(): void {
    this.destroy();
  }

  room(): void {
    if (this.#isClosing) this.#passedOn();
    else this.#user!.room();
  }

  finishing(): void {
    this.#user!.finishing();
  }

  closed(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    clearTimeout(this.#timer);
    this.#passedOn();
    this.#user!.closed();
  }
}
