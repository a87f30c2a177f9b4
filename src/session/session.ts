import { Duplex } from 'node:stream';
import { encoder } from '../charset/index.ts';
import { TelptyError } from '../errors.ts';
import { pauseUntilListener } from '../native/node-internals.ts';
import { Option, type Telnet, WindowSize } from '../protocol/index.ts';
import { addressOf, type Peer } from '../transport/peer.ts';
import type { ForeignProtocol } from '../transport/pre-session/foreign-protocol.ts';
import type { Transport } from '../transport/stream/transport.ts';
import { Conversation } from './conversation/conversation.ts';
import { type LineOptions, sendLine } from './conversation/dialogue.ts';
import { type ExecOptions, exec } from './conversation/exec.ts';
import { type EnableOptions, enable, type LoginOptions, login } from './conversation/login.ts';
import { type Pattern, type ReadOptions, type ReadResult, readUntil } from './conversation/reading.ts';
import { type FindPromptOptions, findPrompt, type ResyncOptions, resync } from './conversation/resync.ts';
import { type OptionState, type WaitOptions, waitFor } from './conversation/waiting.ts';
import { disposeSession } from './ending.ts';
import type { AllEvents, Listener, OtherEvent } from './events.ts';
import { Link, OUTPUT_AHEAD, type SessionOptions, UNREAD_MS } from './link.ts';
import type { SessionTap, SessionTrace } from './observers.ts';
import { type LinesOptions, lines } from './received-lines.ts';
import type { Terminal } from './terminal.ts';
import { type ReadLineOptions, readLine, readLines } from './typed-lines.ts';

// An interface that is merged with its class is how the types of Node's streams do it, too.
// biome-ignore-start lint/suspicious/noUnsafeDeclarationMerging: it has only what the class inherits, with closer types
// biome-ignore-start lint/suspicious/noExplicitAny: as EventEmitter has it
export interface Session {
  addListener<Name extends keyof AllEvents>(event: Name, listener: Listener<Name>): this;
  addListener<Name extends string | symbol>(event: OtherEvent<Name>, listener: (...args: any[]) => void): this;
  on<Name extends keyof AllEvents>(event: Name, listener: Listener<Name>): this;
  on<Name extends string | symbol>(event: OtherEvent<Name>, listener: (...args: any[]) => void): this;
  once<Name extends keyof AllEvents>(event: Name, listener: Listener<Name>): this;
  once<Name extends string | symbol>(event: OtherEvent<Name>, listener: (...args: any[]) => void): this;
  prependListener<Name extends keyof AllEvents>(event: Name, listener: Listener<Name>): this;
  prependListener<Name extends string | symbol>(event: OtherEvent<Name>, listener: (...args: any[]) => void): this;
  prependOnceListener<Name extends keyof AllEvents>(event: Name, listener: Listener<Name>): this;
  prependOnceListener<Name extends string | symbol>(event: OtherEvent<Name>, listener: (...args: any[]) => void): this;
  removeListener<Name extends keyof AllEvents>(event: Name, listener: Listener<Name>): this;
  removeListener<Name extends string | symbol>(event: OtherEvent<Name>, listener: (...args: any[]) => void): this;
  off<Name extends keyof AllEvents>(event: Name, listener: Listener<Name>): this;
  off<Name extends string | symbol>(event: OtherEvent<Name>, listener: (...args: any[]) => void): this;
  emit<Name extends keyof AllEvents>(event: Name, ...args: AllEvents[Name]): boolean;
  emit<Name extends string | symbol>(event: OtherEvent<Name>, ...args: any[]): boolean;
}
// biome-ignore-end lint/suspicious/noExplicitAny: as above

/**
 * One Telnet connection: a transport with the Telnet language on it. Reading gives what the user typed, writing shows
 * it to the user; everything else that Telnet carries is in properties and events.
 *
 * It is an ordinary Duplex, so it pipes, and backpressure works both ways. Other than a Duplex it closes, after 10 s, when it has
 * nothing more to do and has no reader; input that was not read can then still be read. While a program of `ptyShell` has it, its input
 * goes to the terminal past the stream: {@link Session.tap} sees it.
 */
export class Session extends Duplex {
  /** A number for logs. */
  readonly id: number;
  /** The other end, where it is known: an address, or a user and a process of this machine. */
  readonly peer: Peer | undefined;
  /** @internal What the address check of the listener returned, for `limit`. */
  readonly ticket: object | undefined;
  /** When the session began, in milliseconds since the epoch. */
  readonly startedAt = Date.now();
  /** @internal The connection below the stream, for those who use it past the stream. */
  readonly link: Link;
  /** Made at the first call that needs it. */
  #conversation: Conversation | undefined;

  constructor(transport: Duplex | Transport, options: SessionOptions) {
    // Half-open on purpose: `printf … | nc -N` closes its sending half and still wants the answer.
    // What waits for the reader waits in the link, not here.
    super({ readableHighWaterMark: 1, writableHighWaterMark: OUTPUT_AHEAD, allowHalfOpen: true });
    this.id = options.id ?? 0;
    this.peer = options.peer;
    this.ticket = options.ticket;
    this.link = new Link(this, transport, options);
  }

  /** The protocol engine, for everything that has no shorter name here. */
  get telnet(): Telnet {
    return this.link.telnet;
  }

  /** What the client reported about its terminal and itself. */
  get terminal(): Terminal {
    return this.link.terminal;
  }

  /** Whether this is the client's end. Where these comments say client, the server is meant then. */
  get isClient(): boolean {
    return this.link.isClient;
  }

  /** The address at the other end; `undefined` for a local process, and where it is unknown. */
  get remoteAddress(): string | undefined {
    return addressOf(this.peer);
  }

  get remotePort(): number | undefined {
    return this.peer?.kind === 'ip' ? this.peer.port : undefined;
  }

  /** What the client calls its character set, by CHARSET; `undefined` where it agreed to none. */
  get charset(): string | undefined {
    return this.terminal.charset;
  }

  /** The character set of text: the one that the other end named, if it is known here, else the option `encoding`. */
  get encoding(): string {
    return this.link.encoding;
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

  /** What the client turned out to speak in place of Telnet. The session has ended at that. */
  get foreign(): ForeignProtocol | undefined {
    return this.link.foreign;
  }

  /** @internal Whether the session was ended, and all that was written has been passed to the transport's system. */
  get hasSentAll(): boolean {
    return this.link.hasSentAll;
  }

  /** Whether the client has closed its sending half, though input from before may still be unread. */
  get inputFinished(): boolean {
    return this.link.inputFinished;
  }

  /** How long the session has lasted, in milliseconds: until now, or until the last output was delivered. */
  get age(): number {
    return this.link.age;
  }

  /** How long ago the client last sent data or a command, in milliseconds. Negotiation does not count. */
  get idleTime(): number {
    return this.link.idleTime;
  }

  /** Bytes received from the transport so far, Telnet included, and as they came where they were compressed. */
  get bytesRead(): number {
    return this.link.bytesRead;
  }

  /** Bytes sent to the transport so far, Telnet included, and as they went where they were compressed. */
  get bytesWritten(): number {
    return this.link.bytesWritten;
  }

  /** Bytes written that the transport has not taken yet. */
  get unsent(): number {
    return this.link.unsent;
  }

  /**
   * Output that the peer has not acknowledged, in bytes: {@link unsent} and, on TCP, what the kernel keeps. 0
   * means that a {@link sendSynch} would find nothing to overtake.
   */
  get undelivered(): number {
    return this.link.undelivered;
  }

  /** Input that has arrived and was not read yet, in bytes. */
  get inputLength(): number {
    return this.link.inputLength;
  }

  /** Drops the input that has arrived and was not read yet: what an interrupt does to a terminal's queue. */
  discardInput(): void {
    this.link.discardInput();
  }

  /** Puts bytes behind the input that has arrived, as if the client had sent them: what a command stands for. */
  insertInput(bytes: Uint8Array): void {
    this.link.insertInput(bytes);
  }

  /** Leaves reading to whoever comes next: until then input waits, and the next `'data'` listener starts it again. */
  releaseReader(): void {
    if (this.listenerCount('data') > 0) return;
    pauseUntilListener(this);
  }

  /**
   * Sends a Synch (RFC 854): output that is still in this process is dropped, and urgent data (on TCP) makes the client
   * discard what is on its way, up to here. For output that is of no use any more, as after an interrupt.
   *
   * Only data is dropped: negotiations, subnegotiations and commands arrive, whole and in order. What is dropped may be any
   * part of the data, so half an escape sequence or character may be what the client saw last. On other transports
   * than TCP, what their streams hold is not dropped; nor is what was compressed already.
   *
   * @returns how many bytes were dropped here.
   */
  sendSynch(): number {
    return this.link.sendSynch();
  }

  /** Runs `block` and sends what it writes and negotiates (until it returns) as one packet. Returns what it returns. */
  batch<T>(block: () => T): T {
    return this.link.batch(block);
  }

  /** Set to see every command, negotiation and subnegotiation both ways, and the raw bytes. For logs. */
  get trace(): SessionTrace | undefined {
    return this.link.observer;
  }

  set trace(trace: SessionTrace | undefined) {
    this.link.observer = trace;
  }

  /** Observes the bytes of the session. Returns the function that ends it. */
  tap(tap: SessionTap): () => void {
    return this.link.tap(tap);
  }

  /**
   * For a client: tells the server the size of the window, now or as soon as it wants to know (NAWS, RFC 1073).
   *
   * @param columns characters, 0 to 65535; 0: unknown. @param rows lines, likewise.
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
    return waitFor(this.#talk, typeof wanted === 'function' ? () => wanted(this) : wanted, options);
  }

  /**
   * Reads text until a pattern matches what has come, each part in the {@link encoding} that was in force when it arrived. A
   * regular expression is matched against all that this call has read so far: `^` is its beginning, `$` its end at that moment,
   * which suits prompts; the flags `g` and `y` mean nothing. What stands behind the match is left for the next reader. When it
   * fails, nothing is lost: the error's `text` is what has come, and it can be read again, also when the session is over.
   *
   * @throws (rejects) TelptyError `ERR_TIMEOUT`; `ERR_TOO_LONG`; `ERR_SESSION_CLOSED` when the session ends first;
   *   `ERR_INVALID_ARGUMENT` while another call reads; the signal's reason.
   */
  readUntil(pattern: Pattern, options?: ReadOptions): Promise<ReadResult> {
    return readUntil(this.#talk, pattern, options);
  }

  /**
   * Reads one line that the user types. Most clients edit a line, echo it themselves and send it whole. Where this end echoes
   * (ECHO is enabled), they send each key, and it is echoed and edited here: the erase keys and ^U work. The line never contains
   * control characters, escape sequences or characters that change the direction of writing, so it can be shown to others.
   *
   * Nothing is read beyond the line, so a program of `ptyShell` or another reader can have the session next.
   *
   * @returns the line without its end, or `undefined` if the session has ended or was asked to end: the shell should return.
   * @throws (rejects) TelptyError `ERR_INVALID_ARGUMENT` for invalid options, and while another line is read.
   * @example
   * const name = await session.readLine({ prompt: 'Name: ', maxLength: 20 });
   * const password = await session.readLine({ prompt: 'Password: ', hidden: true });
   */
  readLine(options?: ReadLineOptions): Promise<string | undefined> {
    return readLine(this, this.link, options);
  }

  /** Reads lines that the user types, each as {@link readLine} does and with the same options, until the session ends. */
  readLines(options?: ReadLineOptions): AsyncGenerator<string, void, void> {
    return readLines(this, this.link, options);
  }

  /**
   * Reads received text line by line, until the session has ended: logs, events, records with tabs. A line ends in LF, with CRs
   * before it (CR LF) or after it (LF CR, which many MUDs send). Everything else is kept: tabs, control sequences, a CR within a
   * line. The text after the last line end is the last line. Each part is decoded in the character set in force when it arrived.
   *
   * Nothing is read beyond a line that was returned: after `break`, `exec()` and the like read what follows.
   *
   * @throws (rejects) TelptyError `ERR_TOO_LONG` for a line of more than `maxLength` bytes, which can be read again;
   *   `ERR_TIMEOUT`; `ERR_SESSION_CLOSED` after the last line, if the connection broke; the signal's reason.
   */
  lines(options?: LinesOptions): AsyncGenerator<string, void, void> {
    return lines(this.#talk, options);
  }

  /**
   * Writes text and ends the line, as the Return key does, in {@link encoding}. A line end within the text is sent likewise.
   *
   * @returns as `write()`: whether more may be written at once.
   */
  sendLine(text: string, options?: LineOptions): boolean {
    return sendLine(this.#talk, text, options);
  }

  /**
   * Sends a command as a line and reads until the prompt is there again. What has come before must have been read, up to the
   * prompt that waits for the command; what was not is dropped. If a command before this one was given up, its output and
   * prompt are waited for first, within `timeout`, and this one is not sent before.
   *
   * @returns the output, without the echo of the command and the prompt; lines end in LF.
   * @throws (rejects) as {@link readUntil}.
   */
  exec(command: string, options?: ExecOptions): Promise<string> {
    return exec(this.#talk, command, options);
  }

  /**
   * Answers the questions for a name and a password, in whatever order and number they come, until the prompt is there.
   *
   * @returns all that was received, the prompt included; lines end in LF.
   * @throws (rejects) `ERR_LOGIN` when the other end refuses, or asks for a password and there is none; as {@link readUntil}.
   */
  login(options: LoginOptions): Promise<string> {
    return login(this.#talk, options);
  }

  /**
   * Logs in a second time: sends a command such as `enable` or `su -`, and answers the questions that follow until a prompt is
   * there. If the password is refused, the session is brought back to the prompt before.
   *
   * @returns all that was said, the prompt included; lines end in LF.
   * @throws (rejects) `ERR_LOGIN` when the other end refuses, shows the same prompt as before, or asks for what was not given; as
   *   {@link readUntil}.
   * @example
   * await session.login({ username: 'ada', password });
   * await session.enable({ password: secret });
   * const configuration = await session.exec('show running-config', { pager: true });
   */
  enable(options: EnableOptions): Promise<string> {
    return enable(this.#talk, options);
  }

  /**
   * Learns the prompt: presses Return until the line that comes is the same twice. From then on {@link exec} knows it exactly. What
   * had come before and was not read is dropped.
   *
   * @returns the prompt as a person sees it, such as `router1>`.
   * @throws (rejects) `ERR_LOGIN` where a name or a password is asked for; as {@link readUntil}.
   */
  findPrompt(options?: FindPromptOptions): Promise<string> {
    return findPrompt(this.#talk, options);
  }

  /**
   * Brings the conversation back to a known state after an error, above all after `ERR_TIMEOUT`: sends `interrupt` if it is given,
   * drops what comes until nothing comes any more, and finds the prompt as {@link findPrompt} does.
   *
   * @returns the prompt as a person sees it.
   * @throws (rejects) as {@link findPrompt}.
   */
  resync(options?: ResyncOptions): Promise<string> {
    return resync(this.#talk, options);
  }

  get #talk(): Conversation {
    this.#conversation ??= new Conversation(this, this.link);
    return this.#conversation;
  }

  /** Aborts when the session is asked to end ({@link hangup}) or is gone; its reason is the hang-up's. */
  get signal(): AbortSignal {
    return this.link.ending.signal;
  }

  /** Why the session was asked to end, once it was. */
  get hangupReason(): string | undefined {
    return this.link.ending.reason;
  }

  /**
   * Asks for an end: aborts {@link signal} and tells the shell by `'hangup'`. What was written is still delivered. A
   * shell that does not listen is not waited for. Once the shell has settled this does nothing.
   */
  hangup(reason: string): void {
    this.link.ending.hangup(reason);
  }

  /**
   * From now on the peer has to take what it is owed: when nothing of it has gone out for `ms` milliseconds while
   * something waits, the session is destroyed. For the end of a session; before it, a reader may pause as it likes.
   *
   * @returns a function that ends this.
   */
  destroyWhenStalled(ms: number): () => void {
    return this.link.destroyWhenStalled(ms);
  }

  /** As of every stream; and what had come before the session was closed, or was put back, can still be read. */
  override read(size?: number): Buffer | null {
    return this.link.read(super.read(size) as Buffer | null);
  }

  /**
   * As of every stream, but text without an encoding goes out in the session's {@link encoding}: what that lacks is replaced
   * by something that looks like it. Bytes, and text with an encoding, are sent as they are.
   */
  override write(chunk: unknown, callback?: (error?: Error | null) => void): boolean;
  /** As of every stream: text in the encoding that is given. */
  override write(chunk: unknown, encoding?: BufferEncoding, callback?: (error?: Error | null) => void): boolean;
  override write(chunk: unknown, ...rest: unknown[]): boolean {
    return super.write(this.#encoded(chunk, rest[0]), ...(rest as [BufferEncoding]));
  }

  /** As of every stream. A server that takes nothing of what it is owed is given up after 10 s. */
  override end(callback?: () => void): this;
  /** As of every stream, behind a last chunk: text as with `write()`. */
  override end(chunk: unknown, callback?: () => void): this;
  /** As of every stream, behind a last chunk in the encoding that is given. */
  override end(chunk: unknown, encoding?: BufferEncoding, callback?: () => void): this;
  override end(chunk?: unknown, ...rest: unknown[]): this {
    if (this.isClient && !this.writableEnded) this.destroyWhenStalled(UNREAD_MS);
    return super.end(this.#encoded(chunk, rest[0]), ...(rest as [BufferEncoding]));
  }

  /**
   * Ends the session and waits until it is closed, for `await using`. What was written is delivered; input that was not read is
   * dropped. A peer that takes none of the output for 2 s, or has not closed its side 3 s after the last byte, is cut off, and any
   * peer after 10 s.
   */
  override [Symbol.asyncDispose](): Promise<void> {
    return disposeSession(this);
  }

  #encoded(chunk: unknown, encoding: unknown): unknown {
    if (typeof chunk !== 'string' || typeof encoding === 'string') return chunk;
    const own = this.encoding;
    return own === 'UTF-8' ? chunk : encoder(own).write(chunk);
  }

  /** @internal */
  override _read(): void {
    this.link.resumeInput();
  }

  /** @internal */
  override _write(chunk: Buffer, _encoding: BufferEncoding, callback: (error?: Error | null) => void): void {
    this.link.writeChunk(chunk, callback);
  }

  /** @internal */
  override _final(callback: (error?: Error | null) => void): void {
    this.link.end(callback);
  }

  /** @internal */
  override _destroy(error: Error | null, callback: (error: Error | null) => void): void {
    this.link.destroy();
    callback(error);
  }
}
// biome-ignore-end lint/suspicious/noUnsafeDeclarationMerging: as above
