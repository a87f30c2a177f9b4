/**
 * How connections are accepted.
 *
 * A server that has no descriptors left does not accept: clients wait in the kernel's queue, and are served as soon as there
 * are some.
 */
import type { Server } from 'node:net';
import { loadAddon } from '../../native/load.ts';
import { descriptor } from '../../native/node-internals.ts';
import { unwatchListener } from '../../native/sockets.ts';
import { sessionsThatFit } from './descriptors.ts';

/** How often it is looked whether there are descriptors again, in milliseconds. */
const LOOK_MS = 100;

/** Why a listener does not accept. */
export const Closed = {
  /** There are too few descriptors left. */
  SHORTAGE: 1,
  /** The owner of the listener wants it so. */
  OWNER: 2,
} as const;
export type ClosedReason = (typeof Closed)[keyof typeof Closed];

/** A listener, as far as it can stop accepting. */
export interface Acceptor {
  readonly isListening: boolean;
  /** Stops accepting for a reason, until {@link continueAccepting}. */
  stopAccepting(reason: ClosedReason): void;
  /** Goes on accepting if this was the last reason not to. */
  continueAccepting(reason: ClosedReason): void;
}

/**
 * Sees to it that a listener accepts only those for whom there are descriptors.
 *
 * To ask the system for each connection would be much. So it is asked how many fit, and again when so many have come,
 * wherever they have gone meanwhile.
 */
export class ShortageGuard {
  readonly #listener: Acceptor;
  readonly #onChange: (isShort: boolean) => void;
  #fitting: number;
  #timer: NodeJS.Timeout | undefined;

  /** @param onChange is told when the listener stops accepting (true), and when it goes on (false). */
  constructor(listener: Acceptor, onChange: (isShort: boolean) => void = () => {}) {
    this.#listener = listener;
    this.#onChange = onChange;
    this.#fitting = sessionsThatFit();
  }

  /** A connection was accepted, and what it needs at once has been opened. */
  accepted(): void {
    if (--this.#fitting >= 1) return;
    this.#fitting = sessionsThatFit();
    if (this.#fitting < 1) this.failed();
  }

  /** The system had no descriptor, or no memory, for a connection, which waits. */
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
 * Takes a connection that was accepted, by its descriptor, which belongs to the function. The address and the port are those of the
 * peer; `''` and 0 on a UNIX socket.
 */
export type TakeDescriptor = (fd: number, address: string, port: number) => void;

/** Turns of the loop in which libuv begins to watch a listener: the next one, or the one after it. */
const WATCH_TURNS = 16;

/**
 * Accepts connections in place of Node.js, which makes a socket of each: as much work as all else until the first byte is
 * sent. What has to look at a connection before its session begins needs that socket, and must not use this.
 */
export class DirectAcceptor {
  readonly #close: () => void;
  readonly #hold: (held: boolean) => void;

  private constructor(close: () => void, hold: (held: boolean) => void) {
    this.#close = close;
    this.#hold = hold;
  }

  /**
   * @param server listens. Connections that Node.js accepts before its watch ends come to the server as ever.
   * @param keepAliveMs as for Node's `createServer()`; `undefined` on a UNIX socket.
   * @param failed the system has no descriptor, or no memory, for a connection.
   * @returns `undefined` where it cannot be done: without the addon, outside Linux, and for a server without a descriptor.
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

  /** Whether connections wait in the kernel's queue. */
  hold(held: boolean): void {
    this.#hold(held);
  }

  /** To be called before the server is closed: the socket listens as long as this is open. */
  close(): void {
    this.#close();
  }
}

/** Ends Node's watch for connections as soon as it has begun. Should it not begin in so many turns, both accept. */
function endWatch(server: Server, turns: number): void {
  setImmediate(() => {
    const fd = descriptor(server);
    if (fd !== undefined && turns > 0 && !unwatchListener(fd, true)) endWatch(server, turns - 1);
  });
}
