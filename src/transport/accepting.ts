/**
 * Whether a listening socket accepts. A server that has no descriptors left does not: who connects waits in the kernel's
 * queue, and is served as soon as there are some.
 */
import type { Server } from 'node:net';
import { holdListener } from '../native/sockets.ts';
import { descriptor } from '../node-internals.ts';
import { sessionsThatFit } from './descriptors.ts';

/** How often it is looked whether there are descriptors again, in milliseconds. */
const LOOK_MS = 100;

/** Why nobody is accepted at the moment. */
export const Closed = {
  /** There are too few descriptors left. */
  SHORTAGE: 1,
  /** Whoever has the listener wants it so. */
  OWNER: 2,
} as const;
type ClosedReason = (typeof Closed)[keyof typeof Closed];

const reasons = new WeakMap<Server, number>();

/** Stops accepting for a reason, until {@link continueAccepting} is told of it. (Outside Linux it does nothing.) */
export function stopAccepting(server: Server, reason: ClosedReason): void {
  const before = reasons.get(server) ?? 0;
  reasons.set(server, before | reason);
  if (before === 0) hold(server, true);
}

/** Goes on accepting if this was the last reason not to. */
export function continueAccepting(server: Server, reason: ClosedReason): void {
  const before = reasons.get(server) ?? 0;
  reasons.set(server, before & ~reason);
  if (before === reason) hold(server, false);
}

function hold(server: Server, held: boolean): void {
  const fd = descriptor(server);
  if (fd !== undefined) holdListener(fd, held);
}

/**
 * Sees to it that a listener accepts only those for whom there are descriptors.
 *
 * To ask the system for each connection would be much. So it is asked how many fit, and again when so many have come,
 * wherever they have gone meanwhile.
 */
export class ShortageGuard {
  readonly #server: Server;
  readonly #onChange: (isShort: boolean) => void;
  #fitting: number;
  #timer: NodeJS.Timeout | undefined;

  /** @param server listens. @param onChange is told when it stops accepting (true), and when it goes on (false). */
  constructor(server: Server, onChange: (isShort: boolean) => void = () => {}) {
    this.#server = server;
    this.#onChange = onChange;
    this.#fitting = sessionsThatFit();
    server.once('close', () => this.#stop());
  }

  /** A connection was accepted, and what it needs at once has been opened. */
  accepted(): void {
    if (--this.#fitting >= 1) return;
    this.#fitting = sessionsThatFit();
    if (this.#fitting >= 1 || this.#timer !== undefined || !this.#server.listening) return;
    stopAccepting(this.#server, Closed.SHORTAGE);
    this.#timer = setInterval(() => this.#look(), LOOK_MS).unref();
    this.#onChange(true);
  }

  #look(): void {
    if (!this.#server.listening) {
      this.#stop();
      return;
    }
    this.#fitting = sessionsThatFit();
    if (this.#fitting < 1) return;
    this.#stop();
    continueAccepting(this.#server, Closed.SHORTAGE);
    this.#onChange(false);
  }

  #stop(): void {
    clearInterval(this.#timer);
    this.#timer = undefined;
  }
}
