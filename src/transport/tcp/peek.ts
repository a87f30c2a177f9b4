import type { Socket } from 'node:net';
import type { NativePeek } from '../../native/addon.ts';
import { addon } from '../../native/load.ts';
import { descriptor } from '../../native/node-internals.ts';
import { systemFailure } from '../../native/system-error.ts';

/** The most that is seen of a connection, in bytes. */
export const MOST_SEEN = 16 * 1024;

/** Who looks. */
export interface PeekUser {
  /**
   * What has come so far: lent, and never less than the last time.
   *
   * @returns whether to go on looking; it is called again when more has come.
   */
  seen(bytes: Uint8Array): boolean;
  /** No more will be seen than the last time: the connection has ended, or broke, or goes on with urgent data. */
  over(): void;
}

/** Set by the class's static block, which alone can reach the private parts that the addon's callback needs. */
let setup: () => void;

/** Looks at the first bytes of a connection, which stay in the kernel for whoever is to read them. */
export class Peek {
  readonly #user: PeekUser;
  readonly #native: NativePeek;
  #seen = 0;

  /**
   * @param socket a connection of which nothing has been read, and from which nobody reads until {@link close}.
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

  /** Ends it. The socket is as it was. */
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

/** One for all: what is seen is lent. */
const buffer = Buffer.allocUnsafeSlow(MOST_SEEN);
