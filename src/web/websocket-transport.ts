/** A WebSocket as the transport of a session: binary messages in both directions, whose boundaries mean nothing. */
import type { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import type { WebSocket } from 'ws';
import { descriptor } from '../native/node-internals.ts';
import { peerState } from '../native/sockets.ts';
import type { Transport, TransportUser } from '../transport/stream/transport.ts';

/**
 * With more unsent data than this, in bytes, a writer should wait. It is not smaller than the mark of Node's sockets:
 * these report room only after they had more than their own.
 */
const MARK = 64 * 1024;
/** How often a paused connection is checked, in milliseconds. */
const LOOK_MS = 1_000;

/** Close codes of RFC 6455, 7.4.1. */
const NORMAL = 1000;
const GOING_AWAY = 1001;
const UNSUPPORTED_DATA = 1003;
/** A frame with FIN and the opcode for binary data. */
const BINARY_FRAME = 0x82;

/** The reason of the end of a session for its page; `undefined` if the program ended by itself. */
export type EndReason = () => string | undefined;

export class WebSocketTransport implements Transport {
  readonly mark: number;
  readonly needsPacing = true;
  readonly encrypted: boolean;
  readonly #webSocket: WebSocket;
  readonly #socket: Duplex;
  #user: TransportUser | undefined;
  #ended = false;
  #isClosed = false;
  #isPaused = false;
  /** Whether a ping is unanswered. */
  #isPinged = false;
  /** Set by the gateway, once there is a session. */
  endReason: EndReason = () => undefined;

  /**
   * @param webSocket open, without listeners. @param socket the connection below it.
   * @param encrypted whether the client uses HTTPS.
   */
  constructor(webSocket: WebSocket, socket: Duplex, encrypted: boolean) {
    this.#webSocket = webSocket;
    this.#socket = socket;
    this.encrypted = encrypted;
    this.mark = Math.max(MARK, socket.writableHighWaterMark);
  }

  get unsent(): number {
    return this.#socket.writableLength;
  }

  get undelivered(): number {
    return this.unsent;
  }

  get finished(): boolean {
    return this.#ended || this.destroyed;
  }

  get destroyed(): boolean {
    return this.#isClosed || this.#socket.destroyed;
  }

  open(user: TransportUser): void {
    this.#user = user;
    const { OPEN } = this.#webSocket;
    this.#webSocket
      .on('message', (data, isBinary) => {
        if (isBinary) user.arrived(data as Buffer);
        else this.#webSocket.close(UNSUPPORTED_DATA, 'binary messages only');
      })
      // A client that reads nothing must not fill the queue with answers. Only the last ping needs one (RFC 6455).
      .on('ping', data => this.unsent < this.mark && this.#webSocket.pong(data))
      .on('pong', () => {
        this.#isPinged = false;
      })
      // An invalid frame: ws answers with a close frame, and 'close' follows.
      .on('error', () => {})
      .on('close', code => this.#closed(code));
    this.#socket.on('drain', () => this.#webSocket.readyState === OPEN && user.room());
  }

  #closed(code: number): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    paused.delete(this);
    // 1006: without a close frame of the client.
    if (code !== 1006) this.#user?.finishing();
    this.#user?.closed();
  }

  pause(): void {
    if (this.finished) return;
    this.#isPaused = true;
    this.#webSocket.pause();
    watch(this);
  }

  resume(): void {
    this.#isPaused = false;
    paused.delete(this);
    this.#webSocket.resume();
  }

  /**
   * Sends the bytes as one message. The frame is written here: the library would write the header and the data as two
   * chunks, and the data has to be copied anyway.
   */
  send(bytes: Uint8Array): void {
    if (this.finished || this.#webSocket.readyState !== this.#webSocket.OPEN) return;
    const { length } = bytes;
    const header = length < 126 ? 2 : length < 65_536 ? 4 : 10;
    const frame = Buffer.allocUnsafe(header + length);
    frame[0] = BINARY_FRAME;
    if (header === 2) frame[1] = length;
    else if (header === 4) {
      frame[1] = 126;
      frame.writeUInt16BE(length, 2);
    } else {
      frame[1] = 127;
      frame.writeBigUInt64BE(BigInt(length), 2);
    }
    frame.set(bytes, header);
    this.#socket.write(frame);
  }

  discardData(): number {
    return 0;
  }

  end(done: () => void): void {
    if (this.finished) return;
    this.#ended = true;
    const reason = this.endReason() ?? '';
    this.#webSocket.close(reason === 'shutdown' ? GOING_AWAY : NORMAL, reason);
    // Input after it is dropped; the close frame of the client is not noticed otherwise.
    this.#webSocket.resume();
    this.#socket.write('', () => done());
  }

  destroy(): void {
    this.#webSocket.terminate();
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
      this.#webSocket.ping();
    }
  }

  /** @internal While input is paused, nothing else notices that the client has gone. */
  look(): void {
    const fd = descriptor(this.#socket as Socket);
    const state = fd === undefined ? undefined : peerState(fd);
    if (state === 'gone') this.destroy();
    else if (state === 'finished') this.#user?.finishing();
  }
}

const paused = new Set<WebSocketTransport>();
let looking: NodeJS.Timeout | undefined;

function watch(transport: WebSocketTransport): void {
  paused.add(transport);
  looking ??= setInterval(() => {
    for (const one of paused) one.look();
    if (paused.size > 0) return;
    clearInterval(looking);
    looking = undefined;
  }, LOOK_MS);
}
