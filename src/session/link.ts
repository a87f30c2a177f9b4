/**
 * The link of a session: a transport with the Telnet engine on top, and the queues on either side of them. The
 * transport, the receive scheduler and the engine call it; it serves the session's stream or, past the stream, one
 * consumer.
 *
 * - In: transport → `arrived` → receive scheduler → `receive` → engine → `data` → input buffer → stream or consumer.
 * - Out: `write` (the consumer) or `writeChunk` (the stream) → engine → `send` → send queue → transport.
 */
import type { Duplex } from 'node:stream';
import {
  Command,
  type SendKind,
  Telnet,
  type TelnetConfig,
  type TelnetEvent,
  type TelnetHandlers,
  type TraceRecord,
} from '../protocol/index.ts';
import type { Peer } from '../transport/peer.ts';
import { type ForeignProtocol, mayBecomeForeign } from '../transport/pre-session/foreign-protocol.ts';
import { InputBuffer, type InputConsumer } from '../transport/stream/input-buffer.ts';
import { Pacing } from '../transport/stream/pacing.ts';
import { ReceiveBlock, ReceiveScheduler, type ReceiveUser } from '../transport/stream/receive-scheduler.ts';
import { SendQueue } from '../transport/stream/send-queue.ts';
import { StreamTransport, type Transport, type TransportUser } from '../transport/stream/transport.ts';
import { followCompression } from './compression.ts';
import { EncodingHistory, type EncodingRun } from './encoding-history.ts';
import { Ending } from './ending.ts';
import { BlockTable, FastPath, type SessionBlock } from './fast-path.ts';
import { LateAnswers } from './late-answers.ts';
import { AreYouThere, KeepAlive, type KeepAliveTimes } from './liveness.ts';
import {
  type ByteObserver,
  Observers,
  type ObserversUser,
  type SessionTap,
  type SessionTrace,
} from './observing/observers.ts';
import { type ObserveOptions, SessionReader } from './observing/session-reader.ts';
import { timingMarkOption } from './option-table.ts';
import { Terminal } from './terminal.ts';

/** How far a writer may be ahead of the transport, in bytes: slightly more than one whole drain of a terminal. */
export const OUTPUT_AHEAD = 128 * 1024;
/**
 * Reading stops above this much unsent output, in bytes. Program output alone cannot reach this limit, so answers have
 * accumulated: the peer sends requests and does not read.
 */
const UNSENT_ANSWERS = 4 * OUTPUT_AHEAD;

const CR = 0x0d;
/** In one turn, writes after one that ends in a CR are collected up to this many bytes. */
const RETURN_BYTES = 64 * 1024;
/**
 * How long a session without a reader may last, in milliseconds, after it has sent everything or its connection has
 * ended. A stream ends only when it has been read, so without this limit such a session would never end.
 */
export const UNREAD_MS = 10_000;

/** Commands that clients send to keep a connection open: they do not count as input of a user. */
const IDLE_COMMANDS: ReadonlySet<number> = new Set([Command.NOP, Command.AYT, Command.DM, Command.GA]);
/** Commands that edit data; if the data is dropped, there is nothing to edit (RFC 854, "Synch"). */
const EDITING_COMMANDS: ReadonlySet<number> = new Set([Command.EC, Command.EL]);

/** The parameters of a session. */
export interface SessionOptions {
  /** A number for logs; unique within a server. */
  readonly id?: number;
  /** The Telnet options that this side supports and is willing to use. */
  readonly telnet: TelnetConfig;
  /** The other end, if it is known. */
  readonly peer?: Peer | undefined;
  /** The result of the listener's address check: see `SessionLimits.ticket()`. */
  readonly ticket?: object | undefined;
  /** When NOP or TIMING-MARK is sent to keep the connection open; default never. */
  readonly keepAlive?: KeepAliveTimes | undefined;
  /** The character set of text if none is negotiated; default UTF-8. */
  readonly encoding?: string | undefined;
  /**
   * Called with the first bytes of the other end, which are borrowed. All bytes together may be the beginning of a line
   * of another protocol. As long as this is so, it is called again, with the bytes received since then included. `cut`
   * is then the length of the first piece, else 0. If it returns a protocol, the peer does not use Telnet, and the
   * session ends at once.
   */
  readonly recognize?: ((first: Uint8Array, cut: number) => ForeignProtocol | undefined) | undefined;
}

/** Takes the input of a session past its stream: see {@link Link.consume}. All bytes are borrowed. */
export interface SessionConsumer extends InputConsumer {
  /** Called when there is room again, after `write()` returned false. */
  room(): void;
  /** Called when all input that has arrived has been taken or queued. */
  settled(): void;
  /** Called before the character set of the peer may change: output that waits is in the present one. */
  encodingChanges?(): void;
}

/** See the top of this file. */
export class Link implements TelnetHandlers, TransportUser, ReceiveUser, ObserversUser {
  readonly telnet: Telnet;
  /** The facts that the peer reported about its terminal and itself. */
  readonly terminal = new Terminal();
  readonly ending: Ending;
  readonly fastPath: FastPath;
  readonly isClient: boolean;
  /** The character set of text if the peer has not named one. */
  readonly defaultEncoding: string;
  /** The same for the program that was started last, if there was one. */
  #programEncoding: string | undefined;
  /** Whether the peer has closed its sending half. */
  inputFinished = false;
  /** The protocol that the peer uses instead of Telnet. */
  foreign: ForeignProtocol | undefined;
  /** Whether the peer has sent a Telnet command or negotiated an option. */
  hasReceivedTelnet = false;
  /** Whether the session was ended, and all its output has been passed to the transport's system. */
  hasSentAll = false;

  readonly #stream: Duplex;
  readonly #transport: Transport;
  readonly #scheduler: ReceiveScheduler;
  readonly #input: InputBuffer;
  readonly #output: SendQueue;
  readonly #observers: Observers;
  /** Times of the monotonic clock, so that changes of the date have no effect. */
  readonly #began = performance.now();
  #lastInput = this.#began;
  #delivered: number | undefined;
  /** Set until it is certain that the other end uses Telnet. */
  #recognize: SessionOptions['recognize'];
  /** The bytes received so far, if they may be the beginning of a line of another protocol. */
  #opening: Buffer | undefined;
  /** The length of the first piece of those bytes. */
  #openingCut = 0;
  #consumer: SessionConsumer | undefined;
  /** Whether `write()` returned false to the consumer, so that its `room()` must be called. */
  #consumerWaits = false;
  /** Continues the stream's write that waits for an observer. */
  #writeOn: (() => void) | undefined;
  /** Whether the bytes being received precede the Data Mark of a Synch. */
  #stale = false;
  /** The length of the chunk that was written last, while the stream waits for room to write the next. */
  #writing = 0;
  /** Number of dropped bytes among those in the stream after that chunk. */
  #dropped = 0;
  /** The number of chunks received. */
  #chunks = 0;
  /** Number of bytes that wait for the end of this turn, because the last of them is a CR; see {@link #holdReturn}. */
  #returning = 0;
  /** Set when the connection has ended and received input is still unread. */
  #lost: { readonly error: Error | undefined } | undefined;
  #unreadTimer: NodeJS.Timeout | undefined;
  /** Created at the first change of the character set. */
  #encodings: EncodingHistory | undefined;
  /** The same for output that waits during a change. */
  #outputEncodings: EncodingHistory | undefined;
  /** Number of bytes of the output that were sent by {@link #pass}, or dropped. */
  #outputPosition = 0;
  /** Created for peers that switch options too often. */
  #lateAnswers: LateAnswers | undefined;
  /** Created at the first AYT. */
  #areYouThere: AreYouThere | undefined;
  readonly #keepAlive: KeepAlive | undefined;
  /** Only if the transport needs it. */
  readonly #pacing: Pacing | undefined;

  /** @param stream the session: events are emitted on it, and it is destroyed with the connection. */
  constructor(stream: Duplex, transport: Duplex | Transport, options: SessionOptions) {
    this.#stream = stream;
    this.#recognize = options.recognize;
    this.defaultEncoding = options.encoding ?? 'UTF-8';
    this.isClient = options.telnet.carriageReturn === 'text';
    // (Not by instanceof: some streams are not instances of Node's classes.)
    this.#transport = 'discardData' in transport ? transport : new StreamTransport(transport);
    this.telnet = new Telnet(this, options.telnet);
    this.ending = new Ending(stream);
    this.#scheduler = new ReceiveScheduler(this.#transport, this);
    this.#input = new InputBuffer(stream, this.#scheduler);
    this.#output = new SendQueue(this.#transport, () => this.room());
    this.#observers = new Observers(this.#transport.fastPath, this);
    this.fastPath = new FastPath(this.#transport.fastPath, { table: Link.#blocks, owner: this, telnet: this.telnet });
    // (An application may have replaced this definition in the table of options.)
    if (this.#transport.needsPacing && this.telnet.has(timingMarkOption)) {
      const marks = this.telnet.handler(timingMarkOption);
      this.#pacing = new Pacing({
        pass: bytes => this.#pass(bytes),
        request: answered => marks.ask(answered),
        batch: block => this.batch(block),
        opened: () => this.room(),
      });
      this.#output.gate = this.#pacing;
    }
    if (options.keepAlive?.interval) this.#keepAlive = new KeepAlive(this, options.keepAlive);
    this.#transport.open(this);
    this.#pacing?.start();
  }

  static readonly #blocks: BlockTable<SessionBlock, Link> = new BlockTable({
    observer: link => link.#observers.blockFastPath,
    trace: link => link.#observers.trace !== undefined,
    recognition: link => link.#recognize !== undefined,
    engine: link => !link.telnet.allowsFastPath,
    receiving: link => !link.#scheduler.isIdle,
    input: link => !link.#input.isIdle,
    stream: link => link.#stream.writableLength > 0,
    sending: link => !link.#output.isIdle,
    end: link => !link.#stream.writable,
  });

  // State.

  /** As `Session.age`. */
  get age(): number {
    return (this.#delivered ?? performance.now()) - this.#began;
  }

  /** As `Session.idleTime`. */
  get idleTime(): number {
    return Math.min(performance.now() - this.#lastInput, this.fastPath.counts.age);
  }

  /** As `Session.bytesRead`. */
  get bytesRead(): number {
    return this.#scheduler.received + this.fastPath.counts.toTerminal;
  }

  /** As `Session.bytesWritten`. */
  get bytesWritten(): number {
    return this.#output.sent + this.fastPath.counts.fromTerminal;
  }

  /** As `Session.unsent`. */
  get unsent(): number {
    return this.#stream.writableLength + this.#output.unsent;
  }

  /** Output that the client has not processed, as far as that is known, in bytes. */
  get unprocessed(): number {
    return this.unsent + this.#paced + (this.#pacing?.unanswered ?? 0);
  }

  /** As `Session.undelivered`. */
  get undelivered(): number {
    return this.#queued + this.#paced + this.#output.undelivered;
  }

  /** The bytes that wait for a client that has too much to process. */
  get #paced(): number {
    return this.#pacing?.waiting ?? 0;
  }

  /** The bytes that wait in the stream and were not dropped. */
  get #queued(): number {
    return this.#stream.writableLength - this.#writing - this.#dropped;
  }

  /** As `Session.trace`. */
  get observer(): SessionTrace | undefined {
    return this.#observers.trace;
  }

  set observer(trace: SessionTrace | undefined) {
    this.#observers.trace = trace;
    this.fastPath.close();
  }

  /** As `Session.tap`. */
  tap(tap: SessionTap): () => void {
    return this.#observers.tap(tap);
  }

  /** As `Session.observe`. */
  observe(options: ObserveOptions): SessionReader {
    const reader = new SessionReader(this.#observers, this.#began, options);
    if (this.#stream.destroyed) reader.ended();
    return reader;
  }

  /** Adds an observer. Returns the function that removes it, after it has seen what has passed until then. */
  watch(observer: ByteObserver): () => void {
    const remove = this.#observers.add(observer);
    if (this.#stream.destroyed) observer.ended?.();
    return remove;
  }

  /** The session has to wait for an observer, or no longer. */
  hold(observer: ByteObserver, isHeld: boolean): void {
    this.#observers.hold(observer, isHeld);
  }

  /** Observers see all that has passed until now. */
  flushObservers(): void {
    this.#observers.flush();
  }

  /** Observers have seen what has passed. They may have closed the fast path. */
  observed(): void {
    if (this.#observers.blockFastPath) this.fastPath.close();
    else this.fastPath.offer();
  }

  /** An observer holds the session back, or no longer. */
  observersChanged(): void {
    if (this.#observers.isInputHeld) this.#scheduler.block(ReceiveBlock.OBSERVER);
    else this.#scheduler.unblock(ReceiveBlock.OBSERVER);
    if (this.#observers.isHeld) {
      this.fastPath.close();
      return;
    }
    const writeOn = this.#writeOn;
    this.#writeOn = undefined;
    writeOn?.();
    this.#callForOutput();
  }

  // Input.

  /** Input that has arrived and was not read yet, in bytes. */
  get inputLength(): number {
    return this.#input.length;
  }

  /** Number of bytes of the input that have been read. */
  get inputPosition(): number {
    return this.#input.position;
  }

  /** The character set of text. */
  get encoding(): string {
    return this.terminal.encoding(this.defaultEncoding);
  }

  /** The character set of what observers see: that of a program and its client, if there is a program. */
  get observedEncoding(): string {
    return this.terminal.encoding(this.#programEncoding ?? this.defaultEncoding);
  }

  /** A program starts. @param encoding the character set for it if the peer has not named one. */
  programStarts(encoding: string): void {
    this.#observers.flush();
    this.#programEncoding = encoding;
  }

  /**
   * The parts of a chunk that was just read, or is just passed to the consumer. Each has the character set that was in
   * force when it arrived. Input waits for its reader, so `encoding` may have changed since then.
   *
   * @param encoding the current set. @param fallback the set if the peer has not named one.
   */
  encodingRuns<B extends Uint8Array>(
    chunk: B,
    encoding = this.encoding,
    fallback = this.defaultEncoding,
  ): readonly EncodingRun<B>[] {
    if (this.#encodings === undefined) return [{ bytes: chunk, encoding }];
    return this.#encodings.runs(chunk, this.#input.position, encoding, fallback);
  }

  /** As `Session.discardInput`. */
  discardInput(): void {
    this.#input.discard();
  }

  /** As `Session.insertInput`. */
  insertInput(bytes: Uint8Array): void {
    this.#input.insert(bytes);
  }

  /** Puts back what was read last; also when the session has ended. */
  putBack(bytes: Buffer): void {
    this.#input.putBack(bytes);
  }

  /** Called when the reader of the stream, or the consumer, takes input again. */
  resumeInput(): void {
    this.#input.more();
  }

  /**
   * Passes all input to `consumer`, past the stream, which must not be read meanwhile; `undefined` ends this. For a key
   * and its echo, two streams would cost more than all other work together.
   */
  consume(consumer: SessionConsumer | undefined): void {
    this.#consumer = consumer;
    this.#input.consume(consumer);
  }

  /** Whether the session has a reader, however slow. */
  get #isRead(): boolean {
    const stream = this.#stream;
    return this.#consumer !== undefined || stream.listenerCount('data') > 0 || stream.listenerCount('readable') > 0;
  }

  /**
   * Called when a reader of the stream got `chunk` from it. Returns what the reader gets, including input that is left
   * after the end of the session.
   */
  read(chunk: Buffer | null): Buffer | null {
    const stream = this.#stream;
    const found = chunk ?? (stream.destroyed || stream.readableEnded ? this.#input.takeRest() : null);
    if (this.#lost !== undefined) process.nextTick(() => this.#leaveWhenRead());
    return found;
  }

  // Output.

  /**
   * Works as `write()` of the stream, but past it, for the consumer. The bytes are borrowed.
   *
   * @returns whether more may be written at once; else the consumer's `room()` will be called.
   */
  write(bytes: Uint8Array): boolean {
    if (this.#stream.writableLength > 0) {
      // Keeps the order: something was written to the stream before.
      this.#consumerWaits = true;
      this.#stream.write(Buffer.from(bytes), () => this.#callForOutput());
      return false;
    }
    this.#sendReturn();
    if (bytes[bytes.length - 1] === CR) this.#showReturn(bytes);
    else this.#show(bytes);
    this.#consumerWaits = !this.#hasRoom;
    return !this.#consumerWaits;
  }

  #show(bytes: Uint8Array): void {
    if (this.#pacing === undefined) this.#pass(bytes);
    else this.#pacing.write(bytes);
  }

  #pass(bytes: Uint8Array): void {
    this.#outputPosition += bytes.length;
    if (this.#outputEncodings === undefined) this.#observers.output(bytes);
    else {
      const runs = this.#outputEncodings.runs(
        bytes,
        this.#outputPosition,
        this.observedEncoding,
        this.#programEncoding ?? this.defaultEncoding,
      );
      for (const { bytes, encoding } of runs) this.#observers.output(bytes, encoding);
    }
    this.telnet.write(bytes);
  }

  /** Whether more output is accepted. */
  get #hasRoom(): boolean {
    return this.#output.hasRoom && !this.#observers.isHeld;
  }

  /** Calls `proceed` when there is room for more output. */
  #whenRoom(proceed: () => void): void {
    this.#output.whenRoom(() => {
      if (this.#observers.isHeld) this.#writeOn = () => this.#whenRoom(proceed);
      else proceed();
    });
  }

  /**
   * Sends bytes that end in a CR, with its NUL in the same packet. Some clients print nothing from a packet that begins
   * with NUL (libtelnet's telnet-client). No LF follows at once, since the addon has looked for it (read.c).
   */
  #showReturn(bytes: Uint8Array): void {
    this.batch(() => {
      this.#show(bytes);
      this.telnet.flush();
    });
  }

  /**
   * The same for the stream, where a CR LF may be cut between two writes: to a server, CR NUL LF would be two keys. So
   * a chunk that ends in a CR waits until the end of this turn, with everything that is sent after it. Any longer wait
   * would be a guess.
   */
  #holdReturn(chunk: Buffer): void {
    if (this.#returning === 0) {
      this.#output.collect();
      process.nextTick(() => this.#sendReturn());
    }
    this.#returning += chunk.length;
    // Copied, since the writer may reuse its memory before that.
    this.#show(Buffer.from(chunk));
  }

  /** Sends the bytes that wait because they ended in a CR. */
  #sendReturn(): void {
    if (this.#returning === 0) return;
    this.#returning = 0;
    this.telnet.flush();
    this.#output.sendCollected();
  }

  #callForOutput(): void {
    if (!this.#consumerWaits || this.#stream.writableLength > 0 || !this.#hasRoom) return;
    this.#consumerWaits = false;
    this.#consumer?.room();
  }

  /** As `Session.batch`. */
  batch<T>(block: () => T): T {
    this.#output.collect();
    try {
      return block();
    } finally {
      this.#output.sendCollected();
    }
  }

  /** As `Session.sendSynch`. */
  sendSynch(): number {
    if (this.#output.isFinished) return 0;
    this.#sendReturn();
    const queued = this.#queued;
    this.#dropped += queued;
    const paced = this.#pacing?.discard() ?? 0;
    const taken = this.#output.discardData() + paced;
    this.#outputPosition += queued + paced;
    this.telnet.command(Command.DM);
    this.room();
    return queued + taken;
  }

  /** As `Session.destroyWhenStalled`. */
  destroyWhenStalled(ms: number): () => void {
    return this.#stream.destroyed ? () => {} : this.#output.watch(ms, () => this.#stream.destroy());
  }

  /** Sends a chunk of the stream. */
  writeChunk(chunk: Buffer, callback: () => void): void {
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
    this.#whenRoom(() => {
      this.#writing = 0;
      callback();
    });
  }

  /** Ends the sending half after all that was written. */
  end(callback: () => void): void {
    this.#delivered = performance.now();
    this.#keepAlive?.stop();
    this.#observers.flush();
    this.#pacing?.flush();
    this.telnet.flush();
    this.#output.end(() => {
      this.hasSentAll = true;
      this.#closeWhenUnread();
      callback();
    });
  }

  /** The session is destroyed. */
  destroy(): void {
    this.ending.abort();
    clearInterval(this.#unreadTimer);
    this.#keepAlive?.stop();
    this.#delivered ??= performance.now();
    this.#sendReturn();
    this.#observers.end();
    this.#transport.destroy();
    this.#output.stop();
    this.#scheduler.stop();
    this.#lateAnswers?.stop();
  }

  // End.

  /** Only unread input is left: closes the session if it has no reader. The input can still be read after that. */
  #closeWhenUnread(): void {
    const stream = this.#stream;
    if (stream.destroyed) return;
    // The timer does not keep the process alive: an open connection does.
    this.#unreadTimer ??= setInterval(() => {
      if (this.#isRead) return;
      if (stream.writableEnded || this.#lost !== undefined) stream.destroy(this.#lost?.error);
      else stream.end(() => stream.destroy());
    }, UNREAD_MS).unref();
  }

  /** The connection has ended: ends the session when all input has been read. */
  #leaveWhenRead(): void {
    if (this.#lost === undefined || this.inputLength > 0 || this.#scheduler.hasRest) return;
    this.#stream.destroy(this.#lost.error);
  }

  // Calls by the transport.

  arrived(bytes: Buffer, stale?: boolean): void {
    if (this.#recognize !== undefined && this.#isForeign(bytes, this.#recognize)) return;
    this.#scheduler.arrived(bytes, stale);
  }

  /**
   * Whether these bytes show that the other end does not use Telnet. Checks the first bytes, and those after them as
   * long as all together may be the beginning of a line of another protocol.
   */
  #isForeign(bytes: Buffer, recognize: NonNullable<SessionOptions['recognize']>): boolean {
    const opening = this.#opening === undefined ? bytes : Buffer.concat([this.#opening, bytes]);
    const cut = this.#opening === undefined ? 0 : this.#openingCut;
    this.foreign = recognize(opening, cut);
    if (this.foreign === undefined && mayBecomeForeign(opening, cut)) {
      if (cut === 0) this.#openingCut = opening.length;
      this.#opening = Buffer.from(opening);
      return false;
    }
    this.#recognize = undefined;
    this.#opening = undefined;
    if (this.foreign === undefined) return false;
    this.#stream.destroy();
    return true;
  }

  /** The peer has sent a Synch, the Data Mark of which has not arrived yet. */
  urgent(): void {
    this.#observers.flush();
    this.#scheduler.urgent();
    this.discardInput();
    this.#stream.emit('synch');
  }

  ended(): void {
    this.#observers.flush();
    this.#scheduler.ended();
  }

  room(): void {
    this.#output.room();
    // Answers of the client, which open the gate, are among the input.
    if (this.#output.transportHasRoom) this.#scheduler.unblock(ReceiveBlock.ANSWERS);
    if (this.#output.hasRoom) this.#callForOutput();
  }

  finishing(): void {
    if (this.inputFinished) return;
    this.#observers.flush();
    this.inputFinished = true;
    this.#stream.emit('finishing');
  }

  closed(error?: Error): void {
    this.#observers.flush();
    const stream = this.#stream;
    // Both directions have ended normally: the stream destroys itself when the rest of the input has been read.
    if (error === undefined && this.#scheduler.hasEnded && stream.writableFinished && !stream.readableEnded) {
      this.#closeWhenUnread();
      return;
    }
    this.ending.record(this.inputFinished ? 'client-closed' : 'client-reset');
    const isUnread = this.#consumer === undefined && (this.inputLength > 0 || this.#scheduler.hasRest);
    if (!isUnread || stream.destroyed || this.#lost !== undefined) {
      stream.destroy(error);
      return;
    }
    this.#lost = { error };
    this.ending.abort();
    this.#closeWhenUnread();
  }

  // Calls by the receive scheduler.

  receive(chunk: Buffer, stale: boolean): void {
    this.#observers.flush();
    this.#observers.trace?.bytes?.('received', chunk);
    this.#output.collect();
    this.#stale = stale;
    this.#chunks++;
    try {
      this.telnet.receive(chunk);
    } finally {
      this.#stale = false;
      this.#output.sendCollected();
    }
    if (this.#output.unsent > UNSENT_ANSWERS) this.#scheduler.block(ReceiveBlock.ANSWERS);
    this.#consumer?.settled();
    if (this.#lost !== undefined) process.nextTick(() => this.#leaveWhenRead());
  }

  exhausted(): void {
    this.#input.end();
    if (this.isClient) this.#closeWhenUnread();
  }

  spoiled(reason: string): void {
    this.ending.hangup(reason);
  }

  // Calls by the engine.

  send(bytes: Uint8Array, kind: SendKind): void {
    this.#observers.trace?.bytes?.('sent', bytes);
    this.#output.send(bytes, kind);
  }

  data(view: Uint8Array): void {
    this.#lastInput = performance.now();
    if (this.#stale) return;
    this.#observers.input(view);
    this.#input.insert(view);
  }

  event(event: TelnetEvent): void {
    if (event.type !== 'warning') this.hasReceivedTelnet = true;
    if (event.type === 'compression' || event.type === 'option')
      followCompression(event, this.telnet, this.ending, this.#scheduler, this.#output, this.#transport.encrypted);
    if (event.type === 'command' && !IDLE_COMMANDS.has(event.command)) this.#lastInput = performance.now();
    if (event.type === 'charset' || event.type === 'environment') this.#recordEncoding(event);
    else this.terminal.record(event);
    // A client does not answer AYT: the server would take the answer as typed input.
    if (event.type === 'command' && event.command === Command.AYT && !this.isClient) {
      this.#areYouThere ??= new AreYouThere();
      this.#areYouThere.answer(this.telnet);
    }
    this.#emit(event);
  }

  /** Records a fact on which the character set depends. */
  #recordEncoding(event: TelnetEvent): void {
    this.#consumer?.encodingChanges?.();
    const before = this.terminal.namedEncoding;
    this.terminal.record(event);
    if (this.terminal.namedEncoding === before) return;
    this.#encodings ??= new EncodingHistory();
    this.#encodings.add(before, this.#input.arrived);
    const waiting = this.#queued + this.#paced;
    if (waiting === 0) return;
    this.#outputEncodings ??= new EncodingHistory();
    this.#outputEncodings.add(before, this.#outputPosition + waiting);
  }

  #emit(event: TelnetEvent): void {
    const stream = this.#stream;
    // (Read before a listener runs: it may begin another chunk.)
    const isStale = this.#stale;
    stream.emit('telnet', event);
    if (isStale && event.type === 'command' && EDITING_COMMANDS.has(event.command)) return;
    stream.emit(event.type, event);
    if (event.type === 'window-size') {
      this.#observers.resized(event.columns, event.rows);
      stream.emit('resize', { columns: event.columns, rows: event.rows });
    } else if (event.type === 'logout') this.ending.hangup('logout');
  }

  now(): number {
    return performance.now();
  }

  /** The peer has had too many answers: the next ones are late. */
  deferred(): void {
    this.#lateAnswers ??= new LateAnswers(
      () => this.batch(() => this.telnet.sendDeferred()),
      () => this.#chunks,
      () => this.telnet.lateRequests,
      this.#began,
    );
    this.#lateAnswers.defer();
  }

  trace(direction: 'sent' | 'received', record: TraceRecord): void {
    this.#observers.trace?.telnet?.(direction, record);
  }
}
