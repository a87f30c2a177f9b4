import type { Duplex } from 'node:stream';
import { TelptyError } from '../errors.ts';
import { Command, Option, type SendKind, Telnet, type TelnetEvent, WindowSize } from '../protocol/index.ts';
import type { Pty } from '../pty/index.ts';
import { Input } from '../transport/input.ts';
import { Hold, Intake } from '../transport/intake.ts';
import { Outlet } from '../transport/outlet.ts';
import { StreamTransport, type Transport } from '../transport/transport.ts';
import { Wire } from '../transport/wire.ts';
import { AreYouThere } from './are-you-there.ts';
import { followCompression } from './compression.ts';
import { type ExecOptions, exec, type LineOptions, type LoginOptions, login, sendLine } from './dialogue.ts';
import { EventDuplex } from './events.ts';
import { type Pattern, type ReadOptions, type ReadResult, readUntil } from './reading.ts';
import { Terminal } from './terminal.ts';
import type { SessionConsumer, SessionOptions, SessionTap, SessionTrace } from './types.ts';
import { type OptionState, type WaitOptions, waitFor } from './waiting.ts';

/** Output a writer may be ahead of the transport, in bytes: one whole drain of a terminal and some. */
const OUTPUT_AHEAD = 128 * 1024;
/**
 * Above this much unsent output, in bytes, nothing more is read. Program output alone cannot come this far, so what has
 * piled up are answers: the peer asks and asks and does not read.
 */
const UNSENT_ANSWERS = 4 * OUTPUT_AHEAD;
/** How long a session may last after it was hung up and nobody listened, in milliseconds. */
const HANGUP_MS = 5_000;

/** Commands that programs send to keep a connection alive; nobody is at the keyboard for them. */
const IDLE_COMMANDS: ReadonlySet<number> = new Set([Command.NOP, Command.AYT, Command.DM, Command.GA]);

/** Commands that edit data; where that is dropped, there is nothing to edit (RFC 854, "Synch"). */
const EDITING_COMMANDS: ReadonlySet<number> = new Set([Command.EC, Command.EL]);

/**
 * One Telnet connection: a transport with the Telnet language on it. Reading gives what the user typed, writing shows
 * it to the user; everything else that Telnet carries is in properties and events.
 *
 * It is an ordinary Duplex, so it pipes, and backpressure works both ways. While a program of `ptyShell` has it, its input
 * goes to the terminal past the stream: {@link Session.tap} sees it.
 */
export class Session extends EventDuplex {
  /** A number for logs. */
  readonly id: number;
  /** What the client told about its terminal and itself. */
  readonly terminal = new Terminal();
  /** The protocol engine, for everything that has no shorter name here. */
  readonly telnet: Telnet;
  readonly remoteAddress: string | undefined;
  readonly remotePort: number | undefined;
  /** Whether this is the client's end. What is said of the client below then holds for the server. */
  readonly isClient: boolean;
  /** When the session began, in milliseconds since the epoch. */
  readonly startedAt = Date.now();
  /** Whether the client has closed its sending half, though input from before may still be unread. */
  inputFinished = false;

  readonly #encoding: string;
  readonly #transport: Transport;
  /** Times of the monotonic clock, which no change of the date disturbs. */
  readonly #began = performance.now();
  #lastInput = this.#began;
  #delivered: number | undefined;
  #trace: SessionTrace | undefined;
  #taps: SessionTap[] = [];
  #abort: AbortController | undefined;
  #hangupReason: string | undefined;
  readonly #intake: Intake;
  readonly #outlet: Outlet;
  readonly #input: Input;
  #consumer: SessionConsumer | undefined;
  /** Whether the consumer was told to wait for room. */
  #consumerWaits = false;
  #areYouThere: AreYouThere | undefined;
  /** Whether the bytes being received stand before the mark of a Synch. */
  #stale = false;
  /** The length of the chunk that was written last, while the stream waits for room behind it. */
  #writing = 0;
  /** Of what the stream holds behind that, in bytes: what was dropped. */
  #dropped = 0;

  constructor(transport: Duplex | Transport, options: SessionOptions) {
    // Half-open on purpose: `printf … | nc -N` closes its sending half and still wants the answer.
    // What waits for the reader waits in #input, not here.
    super({ readableHighWaterMark: 1, writableHighWaterMark: OUTPUT_AHEAD, allowHalfOpen: true });
    this.id = options.id ?? 0;
    this.remoteAddress = options.remoteAddress;
    this.remotePort = options.remotePort;
    this.isClient = options.telnet.carriageReturn === 'text';
    this.#encoding = options.encoding ?? 'UTF-8';
    const wire = new Wire(this);
    // (Not by instanceof: there are streams of other makes.)
    this.#transport = 'letPass' in transport ? transport : new StreamTransport(transport);
    this.telnet = new Telnet(wire, options.telnet);
    this.#intake = new Intake(this.#transport, wire);
    this.#input = new Input(this, this.#intake);
    wire.intake = this.#intake;
    this.#outlet = new Outlet(this.#transport, () => this.room());
    this.#transport.open(wire);
  }

  /** What the client calls its character set, by CHARSET; `undefined` where it agreed to none. */
  get charset(): string | undefined {
    return this.terminal.charset;
  }

  /** The character set that text is in: what the other end has said, if it is known here, else the one that was given. */
  get encoding(): string {
    return this.terminal.encoding(this.#encoding);
  }

  /** The environment the client sent, as it sent it. */
  get environ(): ReadonlyMap<string, string> {
    return this.terminal.environ;
  }

  /**
   * Whether the client performs an option that is made of subnegotiations: TTYPE, NAWS or NEW-ENVIRON. One that agrees to
   * all that is offered but performs none of these may not know what a subnegotiation is, and is better not sent any.
   */
  get speaksTelnet(): boolean {
    return [Option.NAWS, Option.TTYPE, Option.NEW_ENVIRON].some(code => this.telnet.isEnabled(code, 'remote'));
  }

  /** Aborts when the session is asked to end ({@link hangup}) or is gone; its reason is the hang-up's. */
  get signal(): AbortSignal {
    if (this.#abort === undefined) {
      this.#abort = new AbortController();
      if (this.#hangupReason !== undefined || this.destroyed) this.#abort.abort(this.#hangupReason);
    }
    return this.#abort.signal;
  }

  /** Why the session was asked to end, once it was. */
  get hangupReason(): string | undefined {
    return this.#hangupReason;
  }

  /** How long the session has lasted, in milliseconds: until now, or until the last output was delivered. */
  get age(): number {
    return (this.#delivered ?? performance.now()) - this.#began;
  }

  /** How long ago the client last sent data or a command, in milliseconds. Negotiation does not count. */
  get idleTime(): number {
    return Math.min(performance.now() - this.#lastInput, this.#transport.passed().age);
  }

  /** Bytes received from the transport so far, Telnet included, and as they came where they were compressed. */
  get bytesRead(): number {
    return this.#intake.received + this.#transport.passed().toTerminal;
  }

  /** Bytes sent to the transport so far, Telnet included, and as they went where they were compressed. */
  get bytesWritten(): number {
    return this.#outlet.sent + this.#transport.passed().fromTerminal;
  }

  /** Bytes written that the transport has not taken yet. */
  get unsent(): number {
    return this.writableLength + this.#outlet.unsent;
  }

  /**
   * For a client: tells the server the size of the window, now or as soon as it wants to know (NAWS, RFC 1073).
   *
   * @param columns characters, 0 to 65535; 0: not told. @param rows lines, likewise.
   * @throws TelptyError `ERR_INVALID_ARGUMENT` out of that range; `ERR_OPTION` if this end does not offer NAWS.
   */
  resize(columns: number, rows: number): void {
    const handler = this.telnet.find(Option.NAWS);
    if (!(handler instanceof WindowSize)) throw new TelptyError('ERR_OPTION', 'NAWS is not in the table of options');
    handler.report(columns, rows);
  }

  /**
   * Waits until an option is in a state, `waitFor({ option: Option.ECHO, side: 'remote' })`, or anything else is true of
   * the session, `waitFor(({ terminal }) => terminal.typesComplete)`: looked at now, and after everything that Telnet
   * tells. That the other end refuses an option is no end of the waiting, for it may come to agree.
   *
   * @throws (rejects) TelptyError `ERR_TIMEOUT`; `ERR_SESSION_CLOSED` when the session is closed first; the signal's reason.
   */
  waitFor(wanted: OptionState | ((session: Session) => boolean), options?: WaitOptions): Promise<void> {
    return waitFor(this, typeof wanted === 'function' ? () => wanted(this) : wanted, options);
  }

  /**
   * Reads text, in {@link encoding}, until a pattern matches what has come. What stands behind the match is left for the next
   * reader; a regular expression with `$` at its end matches only when nothing does, which suits prompts. When it fails,
   * nothing is lost: the error's `text` is what has come, and it can be read again (but for what has come before the end of
   * the session).
   *
   * @throws (rejects) TelptyError `ERR_TIMEOUT`; `ERR_TOO_LONG`; `ERR_SESSION_CLOSED` when the session ends first;
   *   `ERR_INVALID_ARGUMENT` while another call reads; the signal's reason.
   */
  readUntil(pattern: Pattern, options?: ReadOptions): Promise<ReadResult> {
    return readUntil(this, pattern, options);
  }

  /**
   * Writes text and ends the line, as the Return key does, in {@link encoding}. A line end within the text is sent likewise.
   *
   * @returns as `write()`: whether more may be written at once.
   */
  sendLine(text: string, options?: LineOptions): boolean {
    return sendLine(this, text, options);
  }

  /**
   * Sends a command as a line and reads until the prompt is there again. What has come before must have been read, up to the
   * prompt that waits for the command.
   *
   * @returns the output, without the echo of the command and the prompt; lines end in LF.
   * @throws (rejects) as {@link readUntil}.
   */
  exec(command: string, options?: ExecOptions): Promise<string> {
    return exec(this, command, options);
  }

  /**
   * Answers the questions for a name and a password, in whatever order and number they come, until the prompt is there.
   *
   * @returns all that was said, the prompt included; lines end in LF.
   * @throws (rejects) `ERR_LOGIN` when the other end refuses, or asks for a password and there is none; as {@link readUntil}.
   */
  login(options: LoginOptions): Promise<string> {
    return login(this, options);
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
    const queued = this.writableLength - this.#writing - this.#dropped;
    this.#dropped += queued;
    const taken = this.#outlet.discardData();
    this.telnet.command(Command.DM);
    this.room();
    return queued + taken;
  }

  /**
   * Asks for an end: aborts {@link signal} and tells the shell by `'hangup'`. What was written is still delivered. A
   * shell that does not listen is not waited for. Once the shell has settled this does nothing.
   */
  hangup(reason: string): void {
    if (this.#hangupReason !== undefined || this.writableEnded || this.destroyed) return;
    this.#hangupReason = reason;
    this.#abort?.abort(reason);
    if (this.emit('hangup', reason)) return;
    this.end();
    // Nor is a client that does not close its side.
    const timer = setTimeout(() => this.destroy(), HANGUP_MS);
    this.once('close', () => clearTimeout(timer));
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
    this.pause();
    // A stream that was paused stays so until it is resumed; null is "nobody has come yet".
    (this as { readableFlowing: boolean | null }).readableFlowing = null;
  }

  /** Set to see every command, negotiation and subnegotiation both ways, and the raw bytes. For logs. */
  get trace(): SessionTrace | undefined {
    return this.#trace;
  }

  set trace(trace: SessionTrace | undefined) {
    this.#trace = trace;
    this.#transport.letPass(false);
  }

  /** Observes the bytes of the session. Returns the function that ends it. */
  tap(tap: SessionTap): () => void {
    this.#taps = [...this.#taps, tap];
    this.#transport.letPass(false);
    return () => {
      this.#taps = this.#taps.filter(other => other !== tap);
    };
  }

  /** Input that has arrived and was not read yet, in bytes. */
  get inputLength(): number {
    return this.#input.length;
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

  /** @internal Says to whose terminal keys may pass: see {@link letPass}. */
  join(pty: Pty | undefined): void {
    this.#transport.join(pty);
  }

  /**
   * Lets keys and echoes pass without JavaScript until anything else happens, if nothing here would do anything with them.
   *
   * @internal
   */
  letPass(): void {
    const nobodyLooks = this.#taps.length === 0 && this.#trace === undefined;
    const nothingWaits = this.#intake.isIdle && this.#input.isIdle && this.writableLength === 0 && this.#outlet.isIdle;
    if (nobodyLooks && nothingWaits && this.writable && this.telnet.isPlain) this.#transport.letPass(true);
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
    this.#show(bytes);
    this.#consumerWaits = !this.#outlet.hasRoom;
    return !this.#consumerWaits;
  }

  #show(bytes: Uint8Array): void {
    for (const tap of this.#taps) tap.output?.(bytes);
    this.telnet.write(bytes);
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

  override _read(): void {
    this.#input.more();
  }

  override _write(chunk: Buffer, _encoding: BufferEncoding, callback: (error?: Error | null) => void): void {
    if (this.#dropped > 0) {
      this.#dropped -= chunk.length;
      callback();
      return;
    }
    this.#writing = chunk.length;
    this.#show(chunk);
    this.#outlet.whenRoom(() => {
      this.#writing = 0;
      callback();
    });
  }

  override _final(callback: (error?: Error | null) => void): void {
    this.#delivered = performance.now();
    this.telnet.flush();
    this.#outlet.end(callback);
  }

  override _destroy(error: Error | null, callback: (error: Error | null) => void): void {
    this.#delivered ??= performance.now();
    this.#transport.destroy();
    this.#abort?.abort(this.#hangupReason);
    this.#outlet.stop();
    this.#intake.stop();
    callback(error);
  }

  /** @internal The transport's bytes. */
  receive(chunk: Buffer, stale: boolean): void {
    this.#trace?.bytes?.('received', chunk);
    this.#outlet.collect();
    this.#stale = stale;
    try {
      this.telnet.receive(chunk);
    } finally {
      this.#stale = false;
      this.#outlet.sendCollected();
    }
    if (this.#outlet.unsent > UNSENT_ANSWERS) this.#intake.hold(Hold.ANSWERS);
    this.#consumer?.settled();
  }

  /** @internal The client has sent a Synch, the mark of which is still to come. */
  urgent(): void {
    this.discardInput();
    this.emit('synch');
  }

  /** @internal The transport has no more. */
  exhaust(): void {
    this.#input.end();
  }

  /** @internal The transport may have room again. */
  room(): void {
    this.#outlet.room();
    if (!this.#outlet.hasRoom) return;
    this.#intake.release(Hold.ANSWERS);
    this.#tellRoom();
  }

  /** @internal The transport is over. */
  gone(error?: Error): void {
    // Both directions have ended well: the stream is destroyed by itself when the rest of the input has been read.
    if (error === undefined && this.#intake.hasEnded && this.writableFinished && !this.readableEnded) return;
    this.destroy(error);
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
    for (const tap of this.#taps) tap.input?.(view);
    this.insertInput(view);
  }

  /** @internal What else the engine found. */
  report(event: TelnetEvent): void {
    this.terminal.record(event);
    if (event.type === 'compression' || event.type === 'option')
      followCompression(event, this, this.#outlet, this.#intake, this.#transport.encrypted);
    if (event.type === 'command') {
      if (!IDLE_COMMANDS.has(event.command)) this.#lastInput = performance.now();
      // What a client answered would be typed.
      if (event.command === Command.AYT && !this.isClient) {
        this.#areYouThere ??= new AreYouThere();
        this.#areYouThere.answer(this.telnet);
      }
    }
    this.emit('telnet', event);
    if (event.type === 'command') {
      if (!this.#stale || !EDITING_COMMANDS.has(event.command)) this.emit('command', event.command);
      return;
    }
    // (What TypeScript cannot see: that name and event are of one kind.)
    (this as Duplex).emit(event.type, event);
    if (event.type === 'window-size') this.emit('resize', event.columns, event.rows);
    else if (event.type === 'logout') this.hangup('logout');
  }
}
