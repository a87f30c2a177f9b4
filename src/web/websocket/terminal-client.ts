/**
 * A WebSocket that carries plain output and input of a terminal, without Telnet (`terminal.mudstandards.org`). Sessions
 * speak Telnet, so a Telnet client runs here, between the session and the WebSocket: its terminal is 80×24, and the
 * messages are what a user of this client would see and type.
 *
 * Rejected: sessions without Telnet. Every shell and every option would have to know them.
 */
import {
  binary,
  charset,
  echo,
  type SendKind,
  suppressGoAhead,
  Telnet,
  terminalType,
  windowSize,
} from '../../protocol/index.ts';
import type { Transport, TransportUser } from '../../transport/stream/transport.ts';
import type { WebSocketTransport } from './transport.ts';

/** The terminal that the messages are for; there is no way to ask. */
const TERMINAL = 'xterm-256color';
const COLUMNS = 80;
const ROWS = 24;

export class TerminalClient implements Transport, TransportUser {
  readonly #carrier: WebSocketTransport;
  readonly #telnet: Telnet;
  #user: TransportUser | undefined;
  /** Whether the session is sending. */
  #isSending = false;
  /** Answers to negotiation, which the session receives after its current call. */
  #answers: Buffer[] = [];

  constructor(carrier: WebSocketTransport) {
    this.#carrier = carrier;
    const both = { local: true, remote: true };
    const window = windowSize({ report: true });
    const options = [
      ...[binary(both), echo({ remote: true }), suppressGoAhead(both)],
      ...[terminalType({ names: [TERMINAL] }), window],
      charset({ role: 'client', accept: names => names.find(name => /^utf-?8$/i.test(name)) }),
    ];
    const handlers = {
      send: (bytes: Uint8Array) => this.#sendToSession(bytes),
      data: (bytes: Uint8Array) => carrier.send(bytes),
      event: () => {},
    };
    this.#telnet = new Telnet(handlers, { options, carriageReturn: 'text' });
    this.#telnet.handler(window).report(COLUMNS, ROWS);
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
    return this.#carrier.finished;
  }

  get destroyed(): boolean {
    return this.#carrier.destroyed;
  }

  get encrypted(): boolean {
    return this.#carrier.encrypted;
  }

  open(user: TransportUser): void {
    this.#user = user;
    this.#carrier.open(this);
  }

  pause(): void {
    this.#carrier.pause();
  }

  resume(): void {
    this.#carrier.resume();
  }

  send(bytes: Uint8Array, _kind: SendKind): void {
    const wasSending = this.#isSending;
    this.#isSending = true;
    this.#telnet.receive(bytes);
    this.#isSending = wasSending;
  }

  discardData(): number {
    return this.#carrier.discardData();
  }

  end(done: () => void): void {
    this.#carrier.end(done);
  }

  destroy(): void {
    this.#carrier.destroy();
  }

  #sendToSession(bytes: Uint8Array): void {
    if (!this.#isSending) {
      this.#user!.arrived(Buffer.from(bytes));
      return;
    }
    // Not within the call of the session: see TransportUser.
    if (this.#answers.length === 0) process.nextTick(() => this.#answer());
    this.#answers.push(Buffer.from(bytes));
  }

  #answer(): void {
    const answers = Buffer.concat(this.#answers);
    this.#answers = [];
    if (!this.destroyed) this.#user!.arrived(answers);
  }

  // Calls by the carrier.

  arrived(bytes: Buffer): void {
    this.#telnet.write(bytes);
    // A Return takes effect at once: the NUL after its CR does not wait for the next key.
    this.#telnet.flush();
  }

  urgent(): void {}

  ended(): void {
    this.#user!.ended();
  }

  room(): void {
    this.#user!.room();
  }

  finishing(): void {
    this.#user!.finishing();
  }

  closed(): void {
    this.#user!.closed();
  }
}
