/**
 * The observers of a session: taps, readers of `Session.observe()`, and the trace. They see its bytes and do not change
 * them.
 *
 * Bytes that JavaScript handles are passed to {@link Observers.input} and {@link Observers.output}. Bytes that take the
 * fast path are copied by the addon, in both directions and with their times, and are delivered here in batches: soon
 * after they have passed, and before anything that JavaScript does with the session. The link calls
 * {@link Observers.flush} where that begins. So observers see everything in the order in which it happened, and a key
 * and its echo do not wait for them.
 *
 * An observer may itself write to the session, or add and remove observers. Its output is delivered after the batch
 * that is being delivered, since it is sent after that, and not from within the call: a batch can have thousands of
 * records, and each might be answered.
 */
import type { TraceRecord } from '../../protocol/index.ts';
import { Direction, type DirectionBit, type PassedBatch } from '../../transport/stream/passed-bytes.ts';
import type { FastPathPort } from '../../transport/stream/transport.ts';

/**
 * An observer of the bytes of a session, without Telnet. The bytes passed to it are borrowed: copy them to keep them.
 *
 * It is called soon after the bytes have passed, in order with everything else that happens in the session. The members
 * are looked up when the tap is added.
 */
export interface SessionTap {
  /** Receives input from the client. */
  input?(bytes: Uint8Array): void;
  /** Receives output to the client. */
  output?(bytes: Uint8Array): void;
}

/** An observer for logs; see `Session.trace`. */
export interface SessionTrace {
  /** Receives the raw bytes, Telnet included. The bytes are borrowed. */
  bytes?(direction: 'sent' | 'received', bytes: Uint8Array): void;
  /** Receives commands, negotiations and subnegotiations. */
  telnet?(direction: 'sent' | 'received', record: TraceRecord): void;
}

/** What {@link Observers} calls. */
export interface ByteObserver {
  /** The directions that it observes, as bits. */
  readonly directions: number;
  /**
   * Bytes have passed, at a time of `performance.now()`. They are lent.
   *
   * @param encoding their character set, if it is not {@link Observers.encoding}.
   */
  passed(direction: DirectionBit, bytes: Uint8Array, time: number, encoding: string | undefined): void;
  /** The size of the client's window has changed. */
  resized?(columns: number, rows: number, time: number): void;
  /** The session has ended. */
  ended?(): void;
}

/** The callbacks of {@link Observers}. */
export interface ObserversUser {
  /** The character set of what passes. */
  readonly observedEncoding: string;
  /** Copies were delivered that the addon had collected. */
  observed(): void;
  /** An observer has begun or ceased to hold the session back; see {@link Observers.hold}. */
  observersChanged(): void;
}

/** An item of the queue: bytes that JavaScript has passed on. It is read as a {@link PassedBatch} is. */
class Passing {
  readonly direction: DirectionBit;
  readonly bytes: Uint8Array;
  readonly encoding: string | undefined;
  readonly time = performance.now();
  #isNext = true;

  constructor(direction: DirectionBit, bytes: Uint8Array, encoding: string | undefined) {
    this.direction = direction;
    this.bytes = bytes;
    this.encoding = encoding;
  }

  next(): boolean {
    const isNext = this.#isNext;
    this.#isNext = false;
    return isNext;
  }
}

/** The observers of bytes, and what is delivered to them. Exists while a session has observers. */
class Delivery {
  /** Directions as bits; 0 if the addon copies nothing. */
  directions = 0;
  /** Observers that hold the session back. */
  readonly holding = new Set<ByteObserver>();
  /** Whether the addon has no memory for copies, so that no bytes may pass without JavaScript. */
  isWithoutCopies = false;
  readonly #port: FastPathPort | undefined;
  readonly #user: ObserversUser;
  readonly #observers = new Set<ByteObserver>();
  /** The numbers of observers of input and of output. */
  #inputs = 0;
  #outputs = 0;
  /**
   * The observers as an array, made at the first record after a change: an observer that another one adds is called
   * from the next record on.
   */
  #audience: readonly ByteObserver[] | undefined;
  /** What has passed and is not delivered yet, in order. */
  readonly #queue: (PassedBatch | Passing)[] = [];
  #isDelivering = false;
  /** Whether the session has ended. */
  #isOver = false;

  constructor(port: FastPathPort | undefined, user: ObserversUser) {
    this.#port = port;
    this.#user = user;
  }

  get audience(): readonly ByteObserver[] {
    this.#audience ??= [...this.#observers];
    return this.#audience;
  }

  has(observer: ByteObserver): boolean {
    return this.#observers.has(observer);
  }

  /** Whether it has no observers, and delivers nothing at the moment. */
  get isUnused(): boolean {
    return this.#observers.size === 0 && this.#queue.length === 0 && !this.#isDelivering;
  }

  add(observer: ByteObserver): void {
    this.flush();
    this.#observers.add(observer);
    this.#changed(observer.directions, 1);
  }

  remove(observer: ByteObserver): void {
    if (!this.#observers.delete(observer)) return;
    this.#changed(observer.directions, -1);
    this.hold(observer, false);
  }

  /** See {@link Observers.hold}. */
  hold(observer: ByteObserver, isHeld: boolean): void {
    if (this.holding.has(observer) === isHeld) return;
    if (isHeld) this.holding.add(observer);
    else this.holding.delete(observer);
    this.#user.observersChanged();
  }

  #changed(changed: number, by: 1 | -1): void {
    this.#audience = undefined;
    if ((changed & Direction.INPUT) !== 0) this.#inputs += by;
    if ((changed & Direction.OUTPUT) !== 0) this.#outputs += by;
    const directions = (this.#inputs > 0 ? Direction.INPUT : 0) | (this.#outputs > 0 ? Direction.OUTPUT : 0);
    if (directions === this.directions) return;
    this.directions = directions;
    this.isWithoutCopies = this.#port?.copyPassed(directions, () => this.#copied()) === false;
  }

  /** Copies wait in the addon. The fast path stays open: what passes meanwhile comes after them. */
  #copied(): void {
    this.#take();
    this.#deliver();
    this.#user.observed();
  }

  /** Delivers what has passed until now. Closes the fast path. */
  flush(): void {
    if (this.directions === 0) return;
    this.#port?.openFastPath(false);
    this.#take();
    this.#deliver();
  }

  /** Bytes that JavaScript passes on. They are lent. */
  pass(direction: DirectionBit, bytes: Uint8Array, encoding?: string): void {
    if ((this.directions & direction) === 0) return;
    this.flush();
    this.#queue.push(new Passing(direction, this.#isDelivering ? Buffer.from(bytes) : bytes, encoding));
    this.#deliver();
  }

  #take(): void {
    const batch = this.#port?.takePassed();
    if (batch !== undefined) this.#queue.push(batch);
  }

  #deliver(): void {
    if (this.#isDelivering) return;
    this.#isDelivering = true;
    try {
      // If an observer throws, the rest is delivered the next time.
      for (let item = this.#queue[0]; item !== undefined; item = this.#queue[0]) {
        while (item.next()) this.#show(item);
        this.#queue.shift();
        if (!(item instanceof Passing)) this.#port!.returnBatch(item);
      }
    } finally {
      this.#isDelivering = false;
      if (this.#isOver) this.#end();
    }
  }

  /** Shows the current record to those who observe its direction. One of them may remove another. */
  #show(item: PassedBatch | Passing): void {
    const { direction, bytes, time } = item;
    const encoding = item instanceof Passing ? item.encoding : undefined;
    for (const observer of this.audience) {
      if ((observer.directions & direction) === 0 || !this.has(observer)) continue;
      observer.passed(direction, bytes, time, encoding);
    }
  }

  /** The session has ended. If an observer has ended it, the others first see the rest of what has passed. */
  end(): void {
    this.#isOver = true;
    this.flush();
    if (!this.#isDelivering) this.#end();
  }

  #end(): void {
    for (const observer of this.audience) {
      this.remove(observer);
      observer.ended?.();
    }
  }
}

/** See the top of this file. */
export class Observers {
  /** Observes all Telnet commands and the raw bytes. */
  trace: SessionTrace | undefined;
  readonly #port: FastPathPort | undefined;
  readonly #user: ObserversUser;
  #delivery: Delivery | undefined;

  constructor(port: FastPathPort | undefined, user: ObserversUser) {
    this.#port = port;
    this.#user = user;
  }

  /** Whether bytes must not take the fast path. */
  get blockFastPath(): boolean {
    return this.isHeld || this.#delivery?.isWithoutCopies === true;
  }

  /** Whether an observer holds the session back: no more output is to be accepted. */
  get isHeld(): boolean {
    return (this.#delivery?.holding.size ?? 0) > 0;
  }

  /** Whether such an observer also observes input, so that no input is to be read. */
  get isInputHeld(): boolean {
    for (const { directions } of this.#delivery?.holding ?? []) if ((directions & Direction.INPUT) !== 0) return true;
    return false;
  }

  /** Adds a tap. Returns the function that removes it. */
  tap(tap: SessionTap): () => void {
    const input = tap.input === undefined ? 0 : Direction.INPUT;
    const output = tap.output === undefined ? 0 : Direction.OUTPUT;
    return this.add({
      directions: input | output,
      passed: (direction, bytes) => (direction === Direction.INPUT ? tap.input?.(bytes) : tap.output?.(bytes)),
    });
  }

  /** Adds an observer. Returns the function that removes it, after it has seen what has passed until then. */
  add(observer: ByteObserver): () => void {
    this.#delivery ??= new Delivery(this.#port, this.#user);
    this.#delivery.add(observer);
    return () => {
      const delivery = this.#delivery;
      if (delivery?.has(observer) !== true) return;
      delivery.flush();
      delivery.remove(observer);
      // Most sessions are observed only until their client has been recognized, and then last for days.
      if (delivery.isUnused) this.#delivery = undefined;
    };
  }

  /** The session has to wait for this observer, or no longer. */
  hold(observer: ByteObserver, isHeld: boolean): void {
    this.#delivery?.hold(observer, isHeld);
  }

  /** Input that JavaScript passes on; lent. */
  input(bytes: Uint8Array): void {
    this.#delivery?.pass(Direction.INPUT, bytes);
  }

  /**
   * Output that JavaScript sends next; lent.
   *
   * @param encoding its character set, if the session has another one now.
   */
  output(bytes: Uint8Array, encoding?: string): void {
    this.#delivery?.pass(Direction.OUTPUT, bytes, encoding);
  }

  /** The character set of the session. Input and what takes the fast path is observed before it changes. */
  get encoding(): string {
    return this.#user.observedEncoding;
  }

  /** Delivers what has passed without JavaScript, before JavaScript acts. */
  flush(): void {
    this.#delivery?.flush();
  }

  resized(columns: number, rows: number): void {
    for (const observer of this.#delivery?.audience ?? []) observer.resized?.(columns, rows, performance.now());
  }

  /** The session has ended: nothing more is observed. */
  end(): void {
    this.#delivery?.end();
  }
}
