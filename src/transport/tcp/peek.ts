import type { Socket } from 'node:net';
import type { NativePeek } from '../../native/addon.ts';
import { addon } from '../../native/load.ts';
import { descriptor } from '../../native/node-internals.ts';
import { systemFailure } from '../../native/system-error.ts';

/** How far into a connection the peek reaches, in bytes. */
export const MOST_SEEN = 16 * 1024;

/** The callbacks of a peek. */
export interface PeekUser {
  /**
   * The data received so far: lent, and never less than the last time.
   *
   * @returns whether to continue; it is called again when more has arrived.
   */
  seen(bytes: Uint8Array): boolean;
  /** No more than the last time will be seen: the connection has ended, failed, or continues with urgent data. */
  over(): void;
}

/**
 * Set by the static block of the class, because only it can reach the private members that the addon's callback needs.
 */
let setup: () => void;

/** Peeks at the first bytes of a connection, which stay in the kernel for their later reader. */
export class Peek {
  readonly #user: PeekUser;
  readonly #native: NativePeek;
  #seen = 0;

  /**
   * @param socket a connection of which nothing has been read, and which nothing reads until {@link close}.
   * @throws the system's own error, e.g. `EMFILE`; TelptyError `ERR_PTY_UNSUPPORTED` without the addon.
   */
  constructor(socket: Socket, user: PeekUser) {
    setup();
    this.#user = user;
    const native = addon().peekOpen(this, descriptor(socket) ?? -1);
    if (typeof native === 'number') throw systemFailure('dup', native);
    this.#native = native;
  }

  /** Reads the first `count` bytes, which must have been seen. */
  take(count: number): void {
    const taken = addon().peekTake(this.#native, count);
    if (taken < 0) throw systemFailure('read', taken);
  }

  /** Ends the peek. The socket is unchanged. */
  close(): void {
    addon().peekClose(this.#native);
  }

  #peeked(result: number): void {
    if (result <= this.#seen) {
      this.#user.over();
      return;
    }
    this.#seen = result;
    if (!this.#user.seen(buffer.subarray(0, result))) return;
    if (addon().peekMore(this.#native, result) < 0) this.#user.over();
  }

  static {
    let done = false;
    setup = () => {
      if (done) return;
      done = true;
      addon().peekSetup<Peek>((peek, result) => peek.#peeked(result), buffer);
    };
  }
}

/** Shared by all peeks: the data is lent. */
const buffer = Buffer.allocUnsafeSlow(MOST_SEEN);
