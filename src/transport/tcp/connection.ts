import type { NativeConnection, NativePty } from '../../native/addon.ts';
import { addon } from '../../native/load.ts';
import { peerState } from '../../native/sockets.ts';
import { systemFailure } from '../../native/system-error.ts';
import type { SendKind } from '../../protocol/index.ts';
import type { FastPathCounts, FastPathPort, Transport, TransportUser } from '../stream/transport.ts';
import { UnsentQueue } from '../stream/unsent-queue.ts';

/** What one read takes at most, in bytes. */
const INBOX_BYTES = 64 * 1024;
/** Up to this many bytes arrive as a view that was made before: what a person types. */
const SMALL_VIEWS = 16;
/** More than this unsent, in bytes, and a writer should wait. The kernel has a queue of its own, which is larger. */
const MARK = 16 * 1024;
/** How often the connections that nobody reads from are looked at, in milliseconds. */
const LOOK_MS = 500;

/** Set by the class's static block, which alone can reach the private parts that the addon's callbacks need. */
let setup: () => void;

/**
 * A TCP connection without Node's streams: the addon receives and sends.
 *
 * What cannot be sent at once waits here, as copies, for the kernel to have room. There is no limit: a writer asks for
 * `unsent`.
 */
export class Connection implements Transport, FastPathPort {
  readonly mark = MARK;
  readonly encrypted = false;
  readonly #native: NativeConnection;
  #user: TransportUser | undefined;
  /** What the kernel has not taken yet. */
  #waiting: UnsentQueue | undefined;
  /** The last byte it has taken. */
  #lastSent = 0;
  #ended = false;
  #shut = false;
  #inputOver = false;
  #destroyed = false;
  #joined = false;
  #done: (() => void) | undefined;

  /**
   * @param fd a connected socket's descriptor.
   * @param isCopied whether it is copied, and stays the caller's; else it belongs to this object, or is closed if this throws.
   * @throws the system's error, e.g. `EMFILE`.
   */
  constructor(fd: number, isCopied = true) {
    setup();
    const native = addon().connOpen(this, fd, isCopied);
    if (typeof native === 'number') throw systemFailure('dup', native);
    this.#native = native;
  }

  get unsent(): number {
    return this.#waiting?.length ?? 0;
  }

  get undelivered(): number {
    return this.#destroyed ? 0 : this.unsent + addon().connUndelivered(this.#native);
  }

  get finished(): boolean {
    return this.#ended || this.#destroyed;
  }

  get destroyed(): boolean {
    return this.#destroyed;
  }

  open(user: TransportUser): void {
    this.#user = user;
    addon().connRead(this.#native, true);
  }

  pause(): void {
    if (this.#inputOver || this.#destroyed) return;
    addon().connRead(this.#native, false);
    watch(this);
  }

  resume(): void {
    if (this.#inputOver || this.#destroyed) return;
    unwatched.delete(this);
    addon().connRead(this.#native, true);
  }

  send(bytes: Uint8Array, kind: SendKind): void {
    if (this.finished) return;
    const taken = this.#waiting === undefined ? this.#offer(bytes, kind) : 0;
    if (taken === bytes.length || this.#destroyed) return;
    this.#waiting ??= new UnsentQueue();
    this.#waiting.push(bytes, taken, kind);
  }

  /** Gives bytes to the kernel. Returns how many it took; after a failure none. */
  #offer(bytes: Uint8Array, kind: SendKind): number {
    const native = addon();
    const taken = kind === 'urgent' ? native.connSendUrgent(this.#native, bytes) : native.connSend(this.#native, bytes);
    if (taken > 0) this.#lastSent = bytes[taken - 1]!;
    if (taken >= 0) return taken;
    this.#fail('write', taken);
    return 0;
  }

  discardData(): number {
    return this.#waiting?.discardData(this.#lastSent) ?? 0;
  }

  /** The kernel has room again. */
  #flush(): void {
    const waiting = this.#waiting;
    for (let next = waiting?.next(); waiting !== undefined && next !== undefined; next = waiting.next()) {
      const taken = this.#offer(next.bytes, next.kind);
      if (this.#destroyed) return;
      waiting.advance(taken);
      if (taken < next.bytes.length) return;
    }
    this.#waiting = undefined;
    if (this.#ended) this.#shutDown();
    else this.#user?.room();
  }

  end(done: () => void): void {
    if (this.finished) return;
    this.#ended = true;
    this.#done = done;
    if (this.#waiting === undefined) this.#shutDown();
  }

  #shutDown(): void {
    this.#shut = true;
    // What fails here fails because the peer is gone, which the next read tells.
    addon().connFinish(this.#native);
    this.#done?.();
    if (this.#inputOver) this.destroy();
  }

  destroy(error?: Error): void {
    if (this.#destroyed) return;
    this.#destroyed = true;
    this.#waiting = undefined;
    unwatched.delete(this);
    if (unwatched.size === 0) stopLooking();
    addon().connClose(this.#native);
    // Later, as with every stream: whoever sends or ends is not told of an end in the middle of it.
    setImmediate(() => this.#user?.closed(error));
  }

  get fastPath(): FastPathPort {
    return this;
  }

  joinTerminal(terminal: NativePty | undefined): void {
    this.#joined = terminal !== undefined;
    if (terminal !== undefined) addon().connJoin(this.#native, terminal);
    else addon().connPart(this.#native);
  }

  openFastPath(on: boolean): void {
    if (this.#joined) addon().connOpenFastPath(this.#native, on && !this.finished && this.#waiting === undefined);
  }

  fastPathCounts(): FastPathCounts {
    addon().connFastPathCounts(this.#native, counts);
    return { toTerminal: counts[0]!, fromTerminal: counts[1]!, age: counts[2]! };
  }

  #fail(action: string, result: number): void {
    this.destroy(systemFailure(action, result));
  }

  #input(result: number, stale: boolean): void {
    if (result > 0) {
      this.#user!.arrived(views[result] ?? inbox.subarray(0, result), stale);
    } else if (result < 0) {
      this.#fail('read', result);
    } else {
      this.#inputOver = true;
      this.#user!.finishing();
      this.#user!.ended();
      if (this.#shut) this.destroy();
    }
  }

  /**
   * While nothing is read (a program does not take what was typed) nothing is polled. A client that resets the connection
   * would be noticed only when the program prints something, and one that closes it never, for its FIN stands behind what is
   * not read. So those connections are looked at: one that was reset is destroyed; a FIN is announced by `finishing`, while
   * `ended` still comes in its place. And urgent data that stands behind more than the kernel takes is found out.
   */
  look(): void {
    const state = peerState(addon().connDescriptor(this.#native));
    if (state === 'gone') this.destroy();
    else if (addon().connFindMark(this.#native)) this.#user?.urgent();
    else if (state === 'finished') this.#user?.finishing();
  }

  static {
    let done = false;
    setup = () => {
      if (done) return;
      done = true;
      addon().connSetup<Connection>(
        {
          input: (connection, result, stale) => connection.#input(result, stale === 1),
          writable: connection => connection.#flush(),
          urgent: (connection, marked) => (marked === 1 ? connection.#user?.urgent() : connection.look()),
        },
        inbox,
      );
    };
  }
}

/** One for all: what has arrived is lent for the time of a call. */
const inbox = Buffer.allocUnsafeSlow(INBOX_BYTES);
const views = Array.from({ length: SMALL_VIEWS + 1 }, (_, length) => inbox.subarray(0, length));

const counts = new Float64Array(3);

const unwatched = new Set<Connection>();
let looking: NodeJS.Timeout | undefined;

function watch(connection: Connection): void {
  unwatched.add(connection);
  looking ??= setInterval(look, LOOK_MS);
}

/** Not when the last is read again, for it may be paused again in a moment; but nothing is to be left when all are gone. */
function look(): void {
  if (unwatched.size === 0) stopLooking();
  for (const connection of unwatched) connection.look();
}

function stopLooking(): void {
  clearInterval(looking);
  looking = undefined;
}
