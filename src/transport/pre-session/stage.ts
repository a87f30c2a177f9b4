/**
 * A stage checks accepted connections before their sessions begin. This file has what all stages share: pending
 * connections and time limits.
 */
import type { Socket } from 'node:net';
import { isAvailable } from '../../native/load.ts';
import { descriptor } from '../../native/node-internals.ts';
import { type Peer, type PeerFields, peerFields } from '../peer.ts';
import { SilenceTimer } from '../silence-timer.ts';
import { expectDescriptors, SESSION_DESCRIPTORS } from '../tcp/descriptors.ts';
import { Peek, type PeekUser } from '../tcp/peek.ts';
import type { ForeignProtocol } from './foreign-protocol.ts';

/** Limit of pending connections of one stage. When another arrives, the oldest is rejected. */
const MOST_WAITING = 1024;
/** How long a rejected client may take to read the notice, in milliseconds. */
const NOTICE_MS = 1_000;

/**
 * Why a connection did not become a session:
 *
 * - `'tls'`, `'proxy'`: a handshake or header is missing, wrong or late, or was sent where none is expected;
 * - `'http'` and the like: the client sent that protocol;
 * - `'busy'`: too many connections are pending at the same stage, and this one was the oldest;
 * - `'denied'`, `'connect-rate'`: the address check refused it;
 * - `'local-user'`: `telpty serve --local-user same`, and the client is not a process of the server's own user;
 * - `'probe'`: it was closed before a byte was received, as by a health check;
 * - `'web'`: the web gateway does not accept the Host, Origin, login or subprotocol of a WebSocket.
 */
export type RefusedConnection = ForeignProtocol | 'busy' | 'local-user' | 'probe' | 'web' | UnwelcomeReason;

/** Why an address check refuses a connection. */
export type UnwelcomeReason = 'denied' | 'connect-rate';

/** A connection that did not become a session. */
export interface Refusal extends PeerFields {
  readonly reason: RefusedConnection;
  /** In words. Text from the peer in it is not escaped. */
  readonly message: string;
}

/** The result of a stage for one connection: one of these is called once, or none if the stage closes. */
export interface StageUser<Result> {
  /** The connection has passed. */
  passed(result: Result): void;
  /** The connection was rejected and is closed. */
  refused(refusal: Refusal): void;
  /** A system error, e.g. descriptors are exhausted; the connection is closed. */
  failed(error: Error): void;
}

/** The pending connections of a stage. */
export class PendingConnections {
  readonly #pending = new Set<PendingConnection>();

  add(pending: PendingConnection): void {
    if (this.#pending.size >= MOST_WAITING) {
      // Legitimate clients pass quickly, so the oldest one is the least likely to be legitimate.
      const [first] = this.#pending;
      if (first?.gone) first.drop();
      else first?.reject('busy', 'too many connections are waiting');
    }
    this.#pending.add(pending);
  }

  delete(pending: PendingConnection): void {
    this.#pending.delete(pending);
  }

  /** Closes all of them. */
  close(): void {
    for (const pending of [...this.#pending]) pending.drop();
  }
}

/** One connection at a stage. */
export class PendingConnection {
  readonly socket: Socket;
  readonly peer: Peer;
  readonly #waiting: PendingConnections;
  readonly #user: Omit<StageUser<never>, 'passed'>;
  #deadline: SilenceTimer | undefined;
  #notice: NodeJS.Timeout | undefined;
  #peek: Peek | undefined;
  #gone = false;
  /** The descriptors that its session will need. */
  readonly #expected = expectDescriptors(SESSION_DESCRIPTORS - 1);

  constructor(waiting: PendingConnections, socket: Socket, peer: Peer, user: Omit<StageUser<never>, 'passed'>) {
    this.#waiting = waiting;
    this.socket = socket;
    this.peer = peer;
    this.#user = user;
    // An error appears at the next peek, or TLS reports it.
    socket.on('error', ignore);
    // A process that received the socket from another one gets it from Node without half-open support.
    socket.allowHalfOpen = true;
    waiting.add(this);
  }

  /** Whether it is no longer pending. */
  get gone(): boolean {
    return this.#gone;
  }

  /** Calls `late` if it is still pending after `ms` milliseconds. Replaces an earlier deadline. */
  setDeadline(ms: number, late: () => void): void {
    this.#deadline?.stop();
    this.#deadline = new SilenceTimer(ms, late);
  }

  /** Peeks at its first bytes. @returns false if that is not possible. */
  look(user: PeekUser): boolean {
    if (!isAvailable() || descriptor(this.socket) === undefined) return false;
    try {
      this.#peek = new Peek(this.socket, user);
    } catch (error) {
      this.fail(error as Error);
    }
    return true;
  }

  /** Reads the first bytes, which must have been peeked at. */
  take(count: number): void {
    this.#peek?.take(count);
  }

  /** Ends the peek: the socket may be read again. */
  stopLooking(): void {
    this.#peek?.close();
    this.#peek = undefined;
  }

  /** The connection passes: the caller owns the socket. */
  leave(): void {
    this.#end();
    this.#waiting.delete(this);
  }

  /** Closes the connection; with a `notice`, only after the client has read it, or after {@link NOTICE_MS}. */
  reject(reason: RefusedConnection, message: string, notice?: string): void {
    if (this.#gone) return;
    this.#end();
    this.#user.refused({ ...peerFields(this.peer), reason, message });
    if (notice === undefined) {
      this.drop();
      return;
    }
    // Its input is discarded meanwhile: a close with unread input resets the connection, and the notice may be lost.
    this.#notice = setTimeout(() => this.drop(), NOTICE_MS);
    this.socket.once('close', () => this.drop());
    this.socket.resume().end(notice);
  }

  fail(error: Error): void {
    if (this.#gone) return;
    this.drop();
    this.#user.failed(error);
  }

  /** Closes the connection without a notice. */
  drop(): void {
    this.#end();
    this.#waiting.delete(this);
    this.socket.destroy();
  }

  #end(): void {
    this.#gone = true;
    this.#expected();
    this.#deadline?.stop();
    clearTimeout(this.#notice);
    this.stopLooking();
  }
}

function ignore(): void {}
