/** What stands between a connection that was accepted and a session: what is to be known of it first, and in which time. */
import type { Socket } from 'node:net';
import { isAvailable } from '../../native/load.ts';
import { descriptor } from '../../native/node-internals.ts';
import { type Peer, type PeerFields, peerFields } from '../peer.ts';
import { expectDescriptors, SESSION_DESCRIPTORS } from '../tcp/descriptors.ts';
import { Peek, type PeekUser } from '../tcp/peek.ts';
import type { ForeignProtocol } from './foreign-protocol.ts';

/** So many may stand at a gate. When another comes, the one that has stood there longest has to go. */
const MOST_WAITING = 1024;
/** How long someone who is turned away may take to read why, in milliseconds. */
const FAREWELL_MS = 1_000;

/**
 * Why a connection has become no session: `'tls'`, `'proxy'`: a handshake or header that is missing, wrong or late, or came where there
 * should be none; `'http'` and the like: that protocol; `'busy'`: too many others wait at the same gate, and have not waited
 * as long; `'denied'`, `'connect-rate'`: whoever knows the address does not want it; `'local-user'`: `telpty serve
 * --local-user same`, and the client is not a process of the server's own user; `'probe'`: it was closed before a byte came, as
 * by a health check.
 */
export type RefusedConnection = ForeignProtocol | 'busy' | 'local-user' | 'probe' | UnwelcomeReason;

/** What is said against an address. */
export type UnwelcomeReason = 'denied' | 'connect-rate';

/** A connection that has become no session. */
export interface Refusal extends PeerFields {
  readonly reason: RefusedConnection;
  /** In words. What comes from the peer in them is not escaped. */
  readonly message: string;
}

/** What becomes of a connection at a gate: one of these is called, once; or none, if the gate closes. */
export interface GateUser<Result> {
  /** It is through. */
  passed(result: Result): void;
  /** It is not let through, and closed. */
  refused(refusal: Refusal): void;
  /** The system failed, e.g. for want of descriptors, and it is closed. */
  failed(error: Error): void;
}

/** Those who stand at a gate. */
export class Waiting {
  readonly #guests = new Set<Guest>();

  add(guest: Guest): void {
    if (this.#guests.size >= MOST_WAITING) {
      // An honest client is through in a moment, so the first of them is the likeliest not to be one.
      const [first] = this.#guests;
      if (first?.gone) first.drop();
      else first?.refuse('busy', 'too many connections wait');
    }
    this.#guests.add(guest);
  }

  delete(guest: Guest): void {
    this.#guests.delete(guest);
  }

  /** Closes the connections of all. */
  close(): void {
    for (const guest of [...this.#guests]) guest.drop();
  }
}

/** One connection that stands at a gate. */
export class Guest {
  readonly socket: Socket;
  readonly peer: Peer;
  readonly #waiting: Waiting;
  readonly #user: Omit<GateUser<never>, 'passed'>;
  #timer: NodeJS.Timeout | undefined;
  #peek: Peek | undefined;
  #gone = false;
  /** It is going to have a session, and needs what that needs. */
  readonly #expected = expectDescriptors(SESSION_DESCRIPTORS - 1);

  constructor(waiting: Waiting, socket: Socket, peer: Peer, user: Omit<GateUser<never>, 'passed'>) {
    this.#waiting = waiting;
    this.socket = socket;
    this.peer = peer;
    this.#user = user;
    // That it broke is seen at the next look, or told by TLS.
    socket.on('error', ignore);
    // A process that was handed the socket has it from Node with both directions tied.
    socket.allowHalfOpen = true;
    waiting.add(this);
  }

  /** Whether it has left, through the gate or not. */
  get gone(): boolean {
    return this.#gone;
  }

  /** Calls `late` when it has not left in `ms` milliseconds. In place of what was said before. */
  hurry(ms: number, late: () => void): void {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(late, ms);
  }

  /** Looks at what it says first; where that cannot be, returns false. */
  look(user: PeekUser): boolean {
    if (!isAvailable() || descriptor(this.socket) === undefined) return false;
    try {
      this.#peek = new Peek(this.socket, user);
    } catch (error) {
      this.fail(error as Error);
    }
    return true;
  }

  /** Reads the first bytes, which were seen. */
  take(count: number): void {
    this.#peek?.take(count);
  }

  /** The socket may be read again. */
  stopLooking(): void {
    this.#peek?.close();
    this.#peek = undefined;
  }

  /** It leaves through the gate: the socket belongs to who takes it on. */
  leave(): void {
    this.#end();
    this.#waiting.delete(this);
  }

  /** Closes the connection; if there is a `farewell`, not before that was read, or a moment has passed. */
  refuse(reason: RefusedConnection, message: string, farewell?: string): void {
    if (this.#gone) return;
    this.#end();
    this.#user.refused({ ...peerFields(this.peer), reason, message });
    if (farewell === undefined) {
      this.drop();
      return;
    }
    // What it says meanwhile is dropped: with unread input a close resets the connection, and the words may be lost.
    this.#timer = setTimeout(() => this.drop(), FAREWELL_MS);
    this.socket.once('close', () => this.drop());
    this.socket.resume().end(farewell);
  }

  fail(error: Error): void {
    if (this.#gone) return;
    this.drop();
    this.#user.failed(error);
  }

  /** Closes the connection without a word. */
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
