/** A stage checks accepted connections before their sessions begin: what it has to know of them, and its time limits. */
import type { Socket } from 'node:net';
import { isAvailable } from '../../native/load.ts';
import { descriptor } from '../../native/node-internals.ts';
import { type Peer, type PeerFields, peerFields } from '../peer.ts';
import { expectDescriptors, SESSION_DESCRIPTORS } from '../tcp/descriptors.ts';
import { Peek, type PeekUser } from '../tcp/peek.ts';
import type { ForeignProtocol } from './foreign-protocol.ts';

/** Limit of pending connections of one stage. When another arrives, the oldest is rejected. */
const MOST_WAITING = 1024;
/** How long a rejected client may take to read the notice, in milliseconds. */
const NOTICE_MS = 1_000;

/**
 * Why a connection has become no session: `'tls'`, `'proxy'`: a handshake or header that is missing, wrong or late, or came where there
 * should be none; `'http'` and the like: that protocol; `'busy'`: too many connections are pending at the same stage, and this one was
 * the oldest; `'denied'`, `'connect-rate'`: the address check refused it; `'local-user'`: `telpty serve
 * --local-user same`, and the client is not a process of the server's own user; `'probe'`: it was closed before a byte came, as
 * by a health check.
 */
export type RefusedConnection = ForeignProtocol | 'busy' | 'local-user' | 'probe' | UnwelcomeReason;

/** Why an address check refuses a connection. */
export type UnwelcomeReason = 'denied' | 'connect-rate';

/** A connection that has become no session. */
export interface Refusal extends PeerFields {
  readonly reason: RefusedConnection;
  /** In words. What comes from the peer in them is not escaped. */
  readonly message: string;
}

/** The result of a stage for one connection: one of these is called, once; or none, if the stage closes. */
export interface StageUser<Result> {
  /** It has passed. */
  passed(result: Result): void;
  /** It was rejected, and is closed. */
  refused(refusal: Refusal): void;
  /** The system failed, e.g. for want of descriptors, and it is closed. */
  failed(error: Error): void;
}

/** The pending connections of a stage. */
export class PendingConnections {
  readonly #pending = new Set<PendingConnection>();

  add(pending: PendingConnection): void {
    if (this.#pending.size >= MOST_WAITING) {
      // Honest clients pass quickly, so the oldest one is the most likely to be none.
      const [first] = this.#pending;
      if (first?.gone) first.drop();
      else first?.reject('busy', 'too many connections are waiting');
    }
    this.#pending.add(pending);
  }

  delete(pending: PendingConnection): void {
    this.#pending.delete(pending);
  }

  /** Closes the connections of all. */
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
  #timer: NodeJS.Timeout | undefined;
  #peek: Peek | undefined;
  #gone = false;
  /** Descriptors that its session will need. */
  readonly #expected = expectDescriptors(SESSION_DESCRIPTORS - 1);

  constructor(waiting: PendingConnections, socket: Socket, peer: Peer, user: Omit<StageUser<never>, 'passed'>) {
    this.#waiting = waiting;
    this.socket = socket;
    this.peer = peer;
    this.#user = user;
    // An error shows at the next peek, or TLS reports it.
    socket.on('error', ignore);
    // A process that was handed the socket has it from Node with both directions tied.
    socket.allowHalfOpen = true;
    waiting.add(this);
  }

  /** Whether it is pending no more. */
  get gone(): boolean {
    return this.#gone;
  }

  /** Calls `late` if it is still pending after `ms` milliseconds. Replaces an earlier deadline. */
  setDeadline(ms: number, late: () => void): void {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(late, ms);
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

  /** Reads the first bytes, which were peeked at. */
  take(count: number): void {
    this.#peek?.take(count);
  }

  /** The socket may be read again. */
  stopLooking(): void {
    this.#peek?.close();
    this.#peek = undefined;
  }

  /** It passes: the socket belongs to the caller. */
  leave(): void {
    this.#end();
    this.#waiting.delete(this);
  }

  /** Closes the connection; with a `notice`, after the client has read that, or {@link NOTICE_MS}. */
  reject(reason: RefusedConnection, message: string, notice?: string): void {
    if (this.#gone) return;
    this.#end();
    this.#user.refused({ ...peerFields(this.peer), reason, message });
    if (notice === undefined) {
      this.drop();
      return;
    }
    // Its input is dropped meanwhile: a close with unread input resets the connection, and the notice may be lost.
    this.#timer = setTimeout(() => this.drop(), NOTICE_MS);
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
    clearTimeout(this.#timer);
    this.stopLooking();
  }
}

function ignore(): void {}
