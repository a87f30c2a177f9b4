import type { NativeConnection, NativePty } from '../../native/addon.ts';
import { addon } from '../../native/load.ts';
import { peerState } from '../../native/sockets.ts';
import { systemFailure } from '../../native/system-error.ts';
import type { Escaping, SendKind } from '../../protocol/index.ts';
import { PassedBatch } from '../stream/passed-bytes.ts';
import type { FastPathCounts, FastPathPort, Transport, TransportUser } from '../stream/transport.ts';
import { UnsentQueue } from '../stream/unsent-queue.ts';

/** The most that one read returns, in bytes. */
const INBOX_BYTES = 64 * 1024;
/** Reads of up to this many bytes are passed as a view that was made in advance: typed input. */
const SMALL_VIEWS = 16;
/**
 * With more unsent data than this, in bytes, a writer should wait. The kernel has a queue of its own, which is larger.
 */
const MARK = 16 * 1024;
/** The codes of the addon. IAC NOP after a NUL is not one of them: such a client has no fast path for bare CRs. */
const ESCAPING_CODES = { nvt: 1, binary: 2, 'nvt-separated': 0 } as const;
/** How often paused connections are checked, in milliseconds. */
const LOOK_MS = 500;

/**
 * Set by the static block of the class, because only it can reach the private members that the addon's callbacks need.
 */
let setup: () => void;

/**
 * A TCP connection without Node's streams: the addon receives and sends.
 *
 * Data that cannot be sent at once is copied and queued here until the kernel has room. The queue has no limit: a
 * writer checks `unsent`.
 */
export class Connection implements Transport, FastPathPort {
  readonly mark = MARK;
  readonly encrypted = false;
  readonly #native: NativeConnection;
  #user: TransportUser | undefined;
  /** Data that the kernel has not taken yet. */
  #waiting: UnsentQueue | undefined;
  /** The last byte that the kernel has taken. */
  #lastSent = 0;
  #ended = false;
  #shut = false;
  #inputOver = false;
  #destroyed = false;
  #joined = false;
  /** Set while bytes that pass are copied. */
  #onPassed: (() => void) | undefined;
  #done: (() => void) | undefined;

  /**
   * @param fd the descriptor of a connected socket.
   * @param isCopied whether to duplicate it, so that the caller keeps its own; else this object owns it, and closes it
   *   if the constructor throws.
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

  /** Writes bytes to the kernel. Returns how many it took; 0 after a failure. */
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
    // A failure here means that the peer is gone, which the next read reports.
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
    // In a later turn, as with every stream: a caller of `send` or `end` does not get the close event inside its call.
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

  openFastPath(on: boolean, escaping?: Escaping): void {
    if (!this.#joined) return;
    addon().connOpenFastPath(
      this.#native,
      on && !this.finished && this.#waiting === undefined,
      escaping ? ESCAPING_CODES[escaping] : 0,
    );
  }

  fastPathCounts(): FastPathCounts {
    addon().connFastPathCounts(this.#native, counts);
    return { toTerminal: counts[0]!, fromTerminal: counts[1]!, age: counts[2]! };
  }

  copyPassed(directions: number, onPassed: () => void): boolean {
    const isCopied = addon().connTee(this.#native, directions);
    this.#onPassed = isCopied && directions !== 0 ? onPassed : undefined;
    return isCopied;
  }

  takePassed(): PassedBatch | undefined {
    if (this.#onPassed === undefined) return undefined;
    const batch = spareBatch ?? new PassedBatch(addon().teeBytes);
    const length = addon().connTakeTee(this.#native, batch.memory, age);
    spareBatch = length > 0 ? undefined : batch;
    if (length === 0) return undefined;
    batch.begin(length, performance.now() - age[0]!);
    return batch;
  }

  returnBatch(batch: PassedBatch): void {
    spareBatch = batch;
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
   * While input is paused (the program does not read what was typed) nothing is polled. A client that resets the
   * connection would be noticed only when the program prints something. One that closes it would never be noticed,
   * because its FIN comes after the unread data. So paused connections are checked periodically: one that was reset is
   * destroyed; a FIN is announced by `finishing`, while `ended` still comes in order. The check also finds urgent data
   * that comes after more than the kernel's receive buffer takes.
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
          passed: connection => connection.#onPassed?.(),
        },
        inbox,
      );
    };
  }
}

/** Shared by all connections: received data is lent for the duration of a call. */
const inbox = Buffer.allocUnsafeSlow(INBOX_BYTES);
const views = Array.from({ length: SMALL_VIEWS + 1 }, (_, length) => inbox.subarray(0, length));

const counts = new Float64Array(3);

/** The time since the first record of a batch, in milliseconds. */
const age = new Float64Array(1);
/** A batch that no observer is reading: usually one is enough for all connections. */
let spareBatch: PassedBatch | undefined;

const unwatched = new Set<Connection>();
let looking: NodeJS.Timeout | undefined;

function watch(connection: Connection): void {
  unwatched.add(connection);
  looking ??= setInterval(look, LOOK_MS);
}

/**
 * Stops the timer here and not in `resume`, for the connection may be paused again soon; no timer remains after the
 * last one.
 */
function look(): void {
  if (unwatched.size === 0) stopLooking();
  for (const connection of unwatched) connection.look();
}

function stopLooking(): void {
  clearInterval(looking);
  looking = undefined;
}
