/**
 * How connections are accepted.
 *
 * A server that has no descriptors left does not accept. Clients wait in the kernel's queue, and are served as soon as
 * descriptors are free again.
 */
import type { Server } from 'node:net';
import { loadAddon } from '../../native/load.ts';
import { descriptor } from '../../native/node-internals.ts';
import { unwatchListener } from '../../native/sockets.ts';
import { sessionsThatFit } from './descriptors.ts';

/** How often to check whether descriptors are free again, in milliseconds. */
const LOOK_MS = 100;

/** Why a listener does not accept connections. */
export const Closed = {
  /** Too few descriptors are left. */
  SHORTAGE: 1,
  /** The owner of the listener has paused it. */
  OWNER: 2,
} as const;
export type ClosedReason = (typeof Closed)[keyof typeof Closed];

/** A listener that can stop accepting. */
export interface Acceptor {
  readonly isListening: boolean;
  /** Stops accepting for a reason, until {@link continueAccepting}. */
  stopAccepting(reason: ClosedReason): void;
  /** Accepts again if this was the last reason not to. */
  continueAccepting(reason: ClosedReason): void;
}

/**
 * Makes a listener accept only connections for which there are descriptors.
 *
 * A query to the system for each connection would cost too much. So it asks how many sessions fit, and asks again after
 * that many connections, even if some of them have closed since.
 */
export class ShortageGuard {
  readonly #listener: Acceptor;
  readonly #onChange: (isShort: boolean) => void;
  #fitting: number;
  #timer: NodeJS.Timeout | undefined;

  /** @param onChange called when the listener stops accepting (true), and when it accepts again (false). */
  constructor(listener: Acceptor, onChange: (isShort: boolean) => void = () => {}) {
    this.#listener = listener;
    this.#onChange = onChange;
    this.#fitting = sessionsThatFit();
  }

  /** A connection was accepted, and the descriptors that it needs at once are open. */
  accepted(): void {
    if (--this.#fitting >= 1) return;
    this.#fitting = sessionsThatFit();
    if (this.#fitting < 1) this.failed();
  }

  /** The system had no descriptor or memory for a connection; the connection waits in the queue. */
  failed(): void {
    if (this.#timer !== undefined || !this.#listener.isListening) return;
    this.#listener.stopAccepting(Closed.SHORTAGE);
    this.#timer = setInterval(() => this.#look(), LOOK_MS).unref();
    this.#onChange(true);
  }

  #look(): void {
    if (!this.#listener.isListening) {
      this.stop();
      return;
    }
    this.#fitting = sessionsThatFit();
    if (this.#fitting < 1) return;
    this.stop();
    this.#listener.continueAccepting(Closed.SHORTAGE);
    this.#onChange(false);
  }

  /** The listener is closed. */
  stop(): void {
    clearInterval(this.#timer);
    this.#timer = undefined;
  }
}

/**
 * Takes an accepted connection by its descriptor; the function owns the descriptor from then on. The address and the
 * port are those of the peer; `''` and 0 on a UNIX socket.
 */
export type TakeDescriptor = (fd: number, address: string, port: number) => void;

/**
 * Turns of the event loop to wait for libuv to begin polling a listener. It does so in the next turn or the one after
 * it.
 */
const WATCH_TURNS = 16;

/**
 * Accepts connections instead of Node.js, which makes a socket for each: as much work as everything else until the
 * first byte is sent. Listeners whose stages inspect a connection before its session begins need that socket, and must
 * not use this class.
 */
export class DirectAcceptor {
  readonly #close: () => void;
  readonly #hold: (held: boolean) => void;

  private constructor(close: () => void, hold: (held: boolean) => void) {
    this.#close = close;
    this.#hold = hold;
  }

  /**
   * @param server listens. Connections that Node.js accepts before its polling ends are passed to the server as usual.
   * @param keepAliveMs as for Node's `createServer()`; `undefined` on a UNIX socket.
   * @param failed called when the system has no descriptor or memory for a connection.
   * @returns `undefined` where this is not possible: without the addon, outside Linux, and for a server without a
   *   descriptor.
   */
  static open(
    server: Server,
    keepAliveMs: number | undefined,
    take: TakeDescriptor,
    failed: () => void,
  ): DirectAcceptor | undefined {
    const fd = descriptor(server);
    const addon = loadAddon();
    if (fd === undefined || addon === undefined) return undefined;
    const accepted = (result: number, address = '', port = 0): void => {
      if (result < 0) failed();
      else take(result, address, port);
    };
    const native = addon.acceptOpen(accepted, fd, Math.ceil((keepAliveMs ?? 0) / 1_000));
    if (typeof native === 'number') return undefined;
    endWatch(server, WATCH_TURNS);
    return new DirectAcceptor(
      () => addon.acceptClose(native),
      isPaused => addon.acceptPause(native, isPaused),
    );
  }

  /** Pauses accepting: connections wait in the kernel's queue while `held` is true. */
  hold(held: boolean): void {
    this.#hold(held);
  }

  /** Call this before the server is closed: the socket listens until this is closed. */
  close(): void {
    this.#close();
  }
}

/**
 * Ends Node's polling of the listener as soon as it has begun. If it does not begin within that many turns, both
 * accept.
 */
function endWatch(server: Server, turns: number): void {
  setImmediate(() => {
    const fd = descriptor(server);
    if (fd !== undefined && turns > 0 && !unwatchListener(fd, true)) endWatch(server, turns - 1);
  });
}
