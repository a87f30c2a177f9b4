import type { Duplex } from 'node:stream';
import { pauseUntilListener } from '../native/node-internals.ts';
import { Command, type SendKind, Telnet, type TelnetEvent } from '../protocol/index.ts';
import { type ForeignProtocol, mayBecomeForeign } from '../transport/pre-session/foreign-protocol.ts';
import { Input } from '../transport/stream/input-buffer.ts';
import { Hold, Intake } from '../transport/stream/receive-scheduler.ts';
import { Outlet } from '../transport/stream/send-queue.ts';
import { StreamTransport, type Transport } from '../transport/stream/transport.ts';
import { Wire } from '../transport/stream/wire.ts';
import { followCompression } from './compression.ts';
import type { EncodingRun } from './conversation/speaker.ts';
import type { EndCause } from './end-cause.ts';
import { EventDuplex } from './events.ts';
import { BlockTable, FastPath, type SessionBlock } from './fast-path.ts';
import { LateAnswers } from './late-answers.ts';
import type { SessionConsumer, SessionOptions, SessionTap, SessionTrace } from './types.ts';

/** Output a writer may be ahead of the transport, in bytes: one whole drain of a terminal and some. */
const OUTPUT_AHEAD = 128 * 1024;
/**
 * Above this much unsent output, in bytes, nothing more is read. Program output alone cannot come this far, so what has
 * piled up are answers: the peer asks and asks and does not read.
 */
const UNSENT_ANSWERS = 4 * OUTPUT_AHEAD;

const CR = 0x0d;
/** What is written behind a CR in the same turn is collected up to this many bytes. */
const RETURN_BYTES = 64 * 1024;
/**
 * How long a session may last, in milliseconds, when nobody reads it and it has nothing more to do: it has sent all, or the
 * connection is over. Else it would last for ever, for a stream ends only when it has been read.
 */
const UNREAD_MS = 10_000;

/** Changes of the character set that are remembered: a peer that makes more of them loses the first. */
const MOST_ENCODINGS = 256;
const NO_ENCODINGS = Object.freeze([]);
const NO_TAPS = Object.freeze([]);

/** Commands that programs send to keep a connection alive; nobody is at the keyboard for them. */
const IDLE_COMMANDS: ReadonlySet<number> = new Set([Command.NOP, Command.AYT, Command.DM, Command.GA]);

/**
 * The stream of a {@link Session}: a transport with the Telnet language on it, as a Duplex. What is no data it only passes on.
 */
export abstract class TelnetStream extends EventDuplex {
  /** The protocol engine, for everything that has no shorter name here. */
  readonly telnet: Telnet;
  /** @internal */
  readonly fastPath: FastPath;
  /** Whether this is the client's end. What is said of the client below then holds for the server. */
  readonly isClient: boolean;
  /** When the session began, in milliseconds since the epoch. */
  readonly startedAt = Date.now();
  /** Whether the client has closed its sending half, though input from before may still be unread. */
  inputFinished = false;
  /** What the client turned out to speak in place of Telnet. The session has ended at that. */
  foreign: ForeignProtocol | undefined;

  #endCause: EndCause | undefined;
  readonly #transport: Transport;
  /** Times of the monotonic clock, which no change of the date disturbs. */
  readonly #began = performance.now();
  #lastInput = this.#began;
  #delivered: number | undefined;
  #hasSentAll = false;
  #trace: SessionTrace | undefined;
  #taps: Set<{ readonly tap: SessionTap }> | undefined;
  /** The same, made at the first byte after a change: what a tap adds or ends counts from the next bytes on. */
  #tapList: readonly SessionTap[] | undefined = NO_TAPS;
  /** Until it is clear that the other end speaks Telnet. */
  #recognize: SessionOptions['recognize'];
  /** What came so far, where that is the beginning of a line that another protocol may have. */
  #opening: Buffer | undefined;
  /** How many bytes the first piece of that had. */
  #openingCut = 0;
  readonly #intake: Intake;
  readonly #outlet: Outlet;
  readonly #input: Input;
  #consumer: SessionConsumer | undefined;
  /** Whether the consumer was told to wait for room. */
  #consumerWaits = false;
  /** Whether the bytes being received stand before the mark of a Synch. */
  #stale = false;
  /** The length of the chunk that was written last, while the stream waits for room behind it. */
  #writing = 0;
  /** Of what the stream holds behind that, in bytes: what was dropped. */
  #dropped = 0;
  /** How many chunks were received. */
  #chunks = 0;
  /** Made for peers that switch options too often. */
  #lateAnswers: LateAnswers | undefined;
  /** How many bytes wait for the end of this turn, since the last of them is a CR; see {@link #holdReturn}. */
  #returning = 0;
  /** The connection is over, but not all that came was read. */
  #lost: { readonly error: Error | undefined } | undefined;
  #unreadTimer: NodeJS.Timeout | undefined;
  /** Where in the input the character set has changed: the one that the peer had named before (or none), and up to which byte. */
  #encodings: readonly { readonly named: string | undefined; readonly until: number }[] = NO_ENCODINGS;

  constructor(transport: Duplex | Transport, options: Pick<SessionOptions, 'telnet' | 'recognize'>) {
    // Half-open on purpose: `printf … | nc -N` closes its sending half and still wants the answer.
    // What waits for the reader waits in #input, not here.
    super({ readableHighWaterMark: 1, writableHighWaterMark: OUTPUT_AHEAD, allowHalfOpen: true });
    this.#recognize = options.recognize;
    this.isClient = options.telnet.carriageReturn === 'text';
    const wire = new Wire(this);
    // (Not by instanceof: there are streams of other makes.)
    this.#transport = 'discardData' in transport ? transport : new StreamTransport(transport);
    this.telnet = new Telnet(wire, options.telnet);
    this.#intake = new Intake(this.#transport, wire);
    this.#input = new Input(this, this.#intake);
    wire.intake = this.#intake;
    this.#outlet = new Outlet(this.#transport, () => this.room());
    this.fastPath = new FastPath(this.#transport.fastPath, { table: TelnetStream.#blocks, owner: this });
    this.#transport.open(wire);
  }

  static readonly #blocks: BlockTable<SessionBlock, TelnetStream> = new BlockTable({
    tap: stream => (stream.#taps?.size ?? 0) > 0,
    trace: stream => stream.#trace !== undefined,
    recognition: stream => stream.#recognize !== undefined,
    engine: stream => !stream.telnet.allowsFastPath,
    receiving: stream => !stream.#intake.isIdle,
    input: stream => !stream.#input.isIdle,
    stream: stream => stream.writableLength > 0,
    sending: stream => !stream.#outlet.isIdle,
    end: stream => !stream.writable,
  });

  /** How long the session has lasted, in milliseconds: until now, or until the last output was delivered. */
  get age(): number {
    return (this.#delivered ?? performance.now()) - this.#began;
  }

  /** How long ago the client last sent data or a command, in milliseconds. Negotiation does not count. */
  get idleTime(): number {
    return Math.min(performance.now() - this.#lastInput, this.fastPath.counts.age);
  }

  /** Bytes received from the transport so far, Telnet included, and as they came where they were compressed. */
  get bytesRead(): number {
    return this.#intake.received + this.fastPath.counts.toTerminal;
  }

  /** Bytes sent to the transport so far, Telnet included, and as they went where they were compressed. */
  get bytesWritten(): number {
    return this.#outlet.sent + this.fastPath.counts.fromTerminal;
  }

  /** Bytes written that the transport has not taken yet. */
  get unsent(): number {
    return this.writableLength + this.#outlet.unsent;
  }

  /**
   * Output of which the peer has not said that it has it, in bytes: {@link unsent} and, on TCP, what the kernel keeps. 0
   * means that a {@link synch} would find nothing to overtake.
   */
  get undelivered(): number {
    return this.writableLength - this.#writing - this.#dropped + this.#outlet.undelivered;
  }

  /**
   * Sends a Synch (RFC 854): output that is still in this process is dropped, and the client is told, by urgent data on TCP,
   * to throw away what is on its way, up to here. For output that has lost its worth, as after an interrupt.
   *
   * Only data is dropped: negotiations, subnegotiations and commands arrive, whole and in order. What is dropped may be any
   * part of the data, so half an escape sequence or character may be what the client saw last. On other transports
   * than TCP, what their streams hold is not dropped; nor is what was compressed already.
   *
   * @returns how many bytes were dropped here.
   */
  synch(): number {
    if (this.#outlet.isFinished) return 0;
    this.#sendReturn();
    const queued = this.writableLength - this.#writing - this.#dropped;
    this.#dropped += queued;
    const taken = this.#outlet.discardData();
    this.telnet.command(Command.DM);
    this.room();
    return queued + taken;
  }

  /** @internal Whether the session was ended, and all that was written has been passed to the transport's system. */
  get hasSentAll(): boolean {
    return this.#hasSentAll;
  }

  /**
   * From now on the peer has to take what it is owed: when nothing of it has gone out for `ms` milliseconds while
   * something waits, the session is destroyed. For the end of a session; before it, a reader may pause as it likes.
   *
   * @returns a function that ends this.
   */
  destroyWhenStalled(ms: number): () => void {
    return this.destroyed ? () => {} : this.#outlet.watch(ms, () => this.destroy());
  }

  /** Leaves reading to whoever comes next: until then input waits, and the next `'data'` listener starts it again. */
  handOver(): void {
    if (this.listenerCount('data') > 0) return;
    pauseUntilListener(this);
  }

  /** Set to see every command, negotiation and subnegotiation both ways, and the raw bytes. For logs. */
  get trace(): SessionTrace | undefined {
    return this.#trace;
  }

  set trace(trace: SessionTrace | undefined) {
    this.#trace = trace;
    this.fastPath.close();
  }

  /** Observes the bytes of the session. Returns the function that ends it. */
  tap(tap: SessionTap): () => void {
    const entry = { tap };
    this.#taps ??= new Set();
    const taps = this.#taps.add(entry);
    this.#tapList = undefined;
    this.fastPath.close();
    return () => {
      if (taps.delete(entry)) this.#tapList = undefined;
    };
  }

  get #tapped(): readonly SessionTap[] {
    this.#tapList ??= Array.from(this.#taps ?? [], ({ tap }) => tap);
    return this.#tapList;
  }

  /** Input that has arrived and was not read yet, in bytes. */
  get inputLength(): number {
    return this.#input.length;
  }

  /** @internal How many bytes of the input have been read. */
  get inputPosition(): number {
    return this.#input.position;
  }

  /** The character set that text is in. */
  abstract get encoding(): string;

  /** @internal The same where the other end has named none. */
  protected abstract get fallbackEncoding(): string;

  /**
   * The parts of a chunk that was just read, or is just given to the consumer, each with the character set that was in force
   * when it arrived. Input waits for its reader, so `encoding` may have changed since then.
   *
   * @param encoding the set at this moment. @param fallback the set where the peer has named none.
   * @internal
   */
  encodingRuns<B extends Uint8Array>(
    chunk: B,
    encoding = this.encoding,
    fallback = this.fallbackEncoding,
  ): readonly EncodingRun<B>[] {
    const end = this.#input.position;
    const start = end - chunk.length;
    if ((this.#encodings.at(-1)?.until ?? 0) <= start) return [{ bytes: chunk, encoding }];
    const runs: EncodingRun<B>[] = [];
    let at = start;
    for (const { named = fallback, until } of this.#encodings) {
      if (until <= at || at >= end) continue;
      const stop = Math.min(until, end);
      runs.push({ bytes: chunk.subarray(at - start, stop - start) as B, encoding: named });
      at = stop;
    }
    if (at < end) runs.push({ bytes: chunk.subarray(at - start) as B, encoding });
    return runs;
  }

  /**
   * The input that has arrived so far is in another character set than what follows. @param named the one that the peer had named.
   *
   * @internal
   */
  protected encodingChanged(named: string | undefined): void {
    const until = this.#input.arrived;
    if (until === (this.#encodings.at(-1)?.until ?? 0)) return;
    // (Those before the position stay, too: a reader may put back what it has read.)
    this.#encodings = [...this.#encodings, { named, until }].slice(-MOST_ENCODINGS);
  }

  /** Drops the input that has arrived and was not read yet: what an interrupt does to a terminal's queue. */
  discardInput(): void {
    this.#input.discard();
  }

  /** Puts bytes behind the input that has arrived, as if the client had sent them: what a command stands for. */
  insertInput(bytes: Uint8Array): void {
    this.#input.insert(bytes);
  }

  /**
   * Gives all input to `consumer`, past the stream, which nobody may read meanwhile; `undefined` ends this. For a key and
   * its echo: the machinery of two streams would cost more than all the rest.
   *
   * @internal
   */
  consume(consumer: SessionConsumer | undefined): void {
    this.#consumer = consumer;
    this.#input.consume(consumer);
  }

  /** @internal The consumer takes input again. */
  more(): void {
    this.#input.more();
  }

  /**
   * As `write()`, past the stream, for the consumer. The bytes are lent.
   *
   * @returns whether more may be sent at once; else the consumer's `room()` will be called.
   * @internal
   */
  send(bytes: Uint8Array): boolean {
    if (this.writableLength > 0) {
      // Somebody writes to the stream, too, and was first.
      this.#consumerWaits = true;
      this.write(Buffer.from(bytes), () => this.#tellRoom());
      return false;
    }
    this.#sendReturn();
    if (bytes[bytes.length - 1] === CR) this.#showReturn(bytes);
    else this.#show(bytes);
    this.#consumerWaits = !this.#outlet.hasRoom;
    return !this.#consumerWaits;
  }

  #show(bytes: Uint8Array): void {
    for (const tap of this.#tapped) tap.output?.(bytes);
    this.telnet.write(bytes);
  }

  /**
   * Shows bytes that end in a CR, with its NUL in the same packet: there are clients that print nothing of a packet that begins
   * with NUL (libtelnet's telnet-client). No LF follows at once, for the addon has looked for it (read.c).
   */
  #showReturn(bytes: Uint8Array): void {
    this.together(() => {
      this.#show(bytes);
      this.telnet.flush();
    });
  }

  /**
   * The same for the stream, where a CR LF may be cut between two writes: CR NUL LF would be two keys to a server. So what ends
   * in a CR waits until this turn of the program is over, with all that is sent behind it. Waiting for longer would be a guess.
   */
  #holdReturn(chunk: Buffer): void {
    if (this.#returning === 0) {
      this.#outlet.collect();
      process.nextTick(() => this.#sendReturn());
    }
    this.#returning += chunk.length;
    // The writer may use its memory again before that.
    this.#show(Buffer.from(chunk));
  }

  /** Sends what waits since it ended in a CR. */
  #sendReturn(): void {
    if (this.#returning === 0) return;
    this.#returning = 0;
    this.telnet.flush();
    this.#outlet.sendCollected();
  }

  #tellRoom(): void {
    if (!this.#consumerWaits || this.writableLength > 0 || !this.#outlet.hasRoom) return;
    this.#consumerWaits = false;
    this.#consumer?.room();
  }

  /** Runs `block` and sends what it writes and negotiates (until it returns) as one packet. Returns what it returns. */
  together<T>(block: () => T): T {
    this.#outlet.collect();
    try {
      return block();
    } finally {
      this.#outlet.sendCollected();
    }
  }

  /** @internal */
  override _read(): void {
    this.#input.more();
  }

  /** As of every stream; and what had come before the session was closed, or was put back, can still be read. */
  override read(size?: number): Buffer | null {
    const chunk =
      (super.read(size) as Buffer | null) ?? (this.destroyed || this.readableEnded ? this.#input.takeRest() : null);
    if (this.#lost !== undefined) process.nextTick(() => this.#leaveWhenRead());
    return chunk;
  }

  /** @internal Puts back what was read last; also when the session is over. */
  putBack(bytes: Buffer): void {
    this.#input.putBack(bytes);
  }

  /** As of every stream. A server that takes nothing of what it is owed is given up after 10 s. */
  override end(chunk?: unknown, encoding?: unknown, callback?: unknown): this {
    if (this.isClient && !this.writableEnded) this.destroyWhenStalled(UNREAD_MS);
    return super.end(chunk, encoding as BufferEncoding, callback as () => void);
  }

  /** Whether somebody reads, be it slowly. */
  get #isRead(): boolean {
    return this.#consumer !== undefined || this.listenerCount('data') > 0 || this.listenerCount('readable') > 0;
  }

  /** There is nothing more to do but to be read: closes the session when nobody does. What has come can still be read then. */
  #closeWhenUnread(): void {
    if (this.destroyed) return;
    // It keeps no process alive: where the connection still is, that does.
    this.#unreadTimer ??= setInterval(() => {
      if (this.#isRead) return;
      if (this.writableEnded || this.#lost !== undefined) this.destroy(this.#lost?.error);
      else this.end(() => this.destroy());
    }, UNREAD_MS).unref();
  }

  /** The connection is over: so is the session, when all that came has been read. */
  #leaveWhenRead(): void {
    if (this.#lost !== undefined && this.inputLength === 0 && !this.#intake.hasRest) this.destroy(this.#lost.error);
  }

  /** @internal Is called when the connection is over, though the session may still be read. */
  protected abstract lost(): void;

  /** @internal */
  override _write(chunk: Buffer, _encoding: BufferEncoding, callback: (error?: Error | null) => void): void {
    if (this.#dropped > 0) {
      this.#dropped -= chunk.length;
      callback();
      return;
    }
    this.#writing = chunk.length;
    if (chunk[chunk.length - 1] === CR && this.#returning < RETURN_BYTES) {
      this.#holdReturn(chunk);
    } else {
      this.#show(chunk);
      this.#sendReturn();
    }
    this.#outlet.whenRoom(() => {
      this.#writing = 0;
      callback();
    });
  }

  /** @internal */
  override _final(callback: (error?: Error | null) => void): void {
    this.#delivered = performance.now();
    this.telnet.flush();
    this.#outlet.end(() => {
      this.#hasSentAll = true;
      this.#closeWhenUnread();
      callback();
    });
  }

  /** @internal */
  override _destroy(error: Error | null, callback: (error: Error | null) => void): void {
    clearInterval(this.#unreadTimer);
    this.#delivered ??= performance.now();
    this.#sendReturn();
    this.#transport.destroy();
    this.#outlet.stop();
    this.#intake.stop();
    this.#lateAnswers?.stop();
    callback(error);
  }

  /**
   * Whether these bytes show that the other end does not speak Telnet. The first that are read are looked at, and those behind
   * them as long as all together may be the beginning of a line of another protocol.
   *
   * @internal
   */
  isForeign(bytes: Buffer): boolean {
    if (this.#recognize === undefined) return false;
    const opening = this.#opening === undefined ? bytes : Buffer.concat([this.#opening, bytes]);
    const cut = this.#opening === undefined ? 0 : this.#openingCut;
    this.foreign = this.#recognize(opening, cut);
    if (this.foreign === undefined && mayBecomeForeign(opening, cut)) {
      if (cut === 0) this.#openingCut = opening.length;
      this.#opening = Buffer.from(opening);
      return false;
    }
    this.#recognize = undefined;
    this.#opening = undefined;
    if (this.foreign === undefined) return false;
    this.destroy();
    return true;
  }

  /** @internal The transport's bytes. */
  receive(chunk: Buffer, stale: boolean): void {
    this.#trace?.bytes?.('received', chunk);
    this.#outlet.collect();
    this.#stale = stale;
    this.#chunks++;
    try {
      this.telnet.receive(chunk);
    } finally {
      this.#stale = false;
      this.#outlet.sendCollected();
    }
    if (this.#outlet.unsent > UNSENT_ANSWERS) this.#intake.hold(Hold.ANSWERS);
    this.#consumer?.settled();
    if (this.#lost !== undefined) process.nextTick(() => this.#leaveWhenRead());
  }

  /** @internal The client has sent a Synch, the mark of which is still to come. */
  urgent(): void {
    this.discardInput();
    this.emit('synch');
  }

  /** @internal The transport has no more. */
  exhaust(): void {
    this.#input.end();
    if (this.isClient) this.#closeWhenUnread();
  }

  /** @internal The transport may have room again. */
  room(): void {
    this.#outlet.room();
    if (!this.#outlet.hasRoom) return;
    this.#intake.release(Hold.ANSWERS);
    this.#tellRoom();
  }

  /** @internal What ended the session first; `undefined` while nothing has. */
  get endCause(): EndCause | undefined {
    return this.#endCause;
  }

  /** @internal Notes what ends the session, unless something else has ended it before. */
  noteEnd(cause: EndCause): void {
    this.#endCause ??= cause;
  }

  /** @internal The transport is over. */
  gone(error?: Error): void {
    // Both directions have ended well: the stream is destroyed by itself when the rest of the input has been read.
    if (error === undefined && this.#intake.hasEnded && this.writableFinished && !this.readableEnded) {
      this.#closeWhenUnread();
      return;
    }
    this.noteEnd(this.inputFinished ? 'client-closed' : 'client-reset');
    const isUnread = this.#consumer === undefined && (this.inputLength > 0 || this.#intake.hasRest);
    if (!isUnread || this.destroyed || this.#lost !== undefined) {
      this.destroy(error);
      return;
    }
    this.#lost = { error };
    this.lost();
    this.#closeWhenUnread();
  }

  /** @internal The peer has closed its sending half. */
  finishing(): void {
    if (this.inputFinished) return;
    this.inputFinished = true;
    this.emit('finishing');
  }

  /** @internal The engine's bytes for the wire. */
  transmit(bytes: Uint8Array, kind: SendKind): void {
    this.trace?.bytes?.('sent', bytes);
    this.#outlet.send(bytes, kind);
  }

  /** @internal Data the engine found in the transport's bytes. */
  deliver(view: Uint8Array): void {
    this.#lastInput = performance.now();
    if (this.#stale) return;
    for (const tap of this.#tapped) tap.input?.(view);
    this.insertInput(view);
  }

  /** @internal The peer has had too many answers: the next ones are late. */
  deferAnswers(): void {
    this.#lateAnswers ??= new LateAnswers(
      () => this.together(() => this.telnet.sendDeferred()),
      () => this.#chunks,
      () => this.telnet.lateWords,
      this.#began,
    );
    this.#lateAnswers.defer();
  }

  /** @internal What else the engine found. */
  report(event: TelnetEvent): void {
    if (event.type === 'compression' || event.type === 'option')
      followCompression(event, this, this.#outlet, this.#intake, this.#transport.encrypted);
    if (event.type === 'command' && !IDLE_COMMANDS.has(event.command)) this.#lastInput = performance.now();
    this.heard(event, this.#stale);
  }

  /** @internal Is told of everything that is no data. `stale`: it stands before the mark of a Synch, among data that is dropped. */
  protected abstract heard(event: TelnetEvent, stale: boolean): void;

  /** Asks for an end. */
  abstract hangup(reason: string): void;
}
