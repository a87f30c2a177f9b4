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
import type { SessionTap, SessionTrace } from './observing/observers.ts';
import type { ObservedEvents, ObserveOptions } from './observing/session-reader.ts';
import { type LinesOptions, lines } from './received-lines.ts';
import type { Terminal } from './terminal.ts';
import { type ReadLineOptions, readLine, readLines } from './typed-lines.ts';

// The types of Node's streams also merge an interface with its class.
// biome-ignore-start lint/suspicious/noUnsafeDeclarationMerging: only inherited members, with narrower types
// biome-ignore-start lint/suspicious/noExplicitAny: the same types as in EventEmitter
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
 * One Telnet connection: a transport with the Telnet protocol on top. Reading returns what the user typed, writing
 * shows text to the user; everything else that Telnet carries is in properties and events.
 *
 * A session is an ordinary Duplex: it can be piped, and backpressure works both ways. Unlike other Duplex streams, it
 * closes after 10 s if it has no reader and either everything is sent or its connection has ended. Unread input can
 * still be read after that. While a program of `ptyShell` uses the session, input goes to the terminal past the stream;
 * {@link Session.tap} observes it.
 */
export class Session extends Duplex {
  /** A number for logs. */
  readonly id: number;
  /** The other end, if it is known: an address, or a user and a process of this machine. */
  readonly peer: Peer | undefined;
  /** @internal The result of the listener's address check, for `limit`. */
  readonly ticket: object | undefined;
  /** When the session began, in milliseconds since the epoch. */
  readonly startedAt = Date.now();
  /** @internal The connection below the stream, for code that uses it past the stream. */
  readonly link: Link;
  /** Created at the first call that needs it. */
  #conversation: Conversation | undefined;

  constructor(transport: Duplex | Transport, options: SessionOptions) {
    // Half-open on purpose: `printf … | nc -N` closes its sending half and still expects the answer.
    // Input that waits for the reader is kept in the link, not here.
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

  /** The facts that the client reported about its terminal and itself. */
  get terminal(): Terminal {
    return this.link.terminal;
  }

  /** Whether this is the client's end. If so, "client" in these comments means the server. */
  get isClient(): boolean {
    return this.link.isClient;
  }

  /** The address at the other end; `undefined` for a local process, and if it is unknown. */
  get remoteAddress(): string | undefined {
    return addressOf(this.peer);
  }

  get remotePort(): number | undefined {
    return this.peer?.kind === 'ip' ? this.peer.port : undefined;
  }

  /** The client's name of the character set agreed by CHARSET; `undefined` if no set was agreed. */
  get charset(): string | undefined {
    return this.terminal.charset;
  }

  /** The character set of text: the one that the other end named, if telpty supports it, else the option `encoding`. */
  get encoding(): string {
    return this.link.encoding;
  }

  /** The environment variables from the client, unchanged. */
  get environ(): ReadonlyMap<string, string> {
    return this.terminal.environ;
  }

  /**
   * Whether the client performs an option that consists of subnegotiations: TTYPE, NAWS or NEW-ENVIRON. A client that
   * agrees to every option but performs none of these may not understand subnegotiations, and should not be sent any.
   */
  get speaksTelnet(): boolean {
    return [Option.NAWS, Option.TTYPE, Option.NEW_ENVIRON].some(code => this.telnet.isEnabled(code, 'remote'));
  }

  /** The protocol that the client uses instead of Telnet. The session ended when it was recognized. */
  get foreign(): ForeignProtocol | undefined {
    return this.link.foreign;
  }

  /** @internal Whether the session was ended, and all its output has been passed to the transport's system. */
  get hasSentAll(): boolean {
    return this.link.hasSentAll;
  }

  /** Whether the client has closed its sending half; input from before may still be unread. */
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

  /** Bytes received from the transport so far, Telnet included; compressed input counts in its compressed size. */
  get bytesRead(): number {
    return this.link.bytesRead;
  }

  /** Bytes sent to the transport so far, Telnet included; compressed output counts in its compressed size. */
  get bytesWritten(): number {
    return this.link.bytesWritten;
  }

  /** Bytes written that the transport has not accepted yet. */
  get unsent(): number {
    return this.link.unsent;
  }

  /**
   * Output that the peer has not acknowledged, in bytes: {@link unsent} and, on TCP, what the kernel keeps. If it is 0,
   * there is no output for {@link sendSynch} to overtake.
   */
  get undelivered(): number {
    return this.link.undelivered;
  }

  /** Input that has arrived and was not read yet, in bytes. */
  get inputLength(): number {
    return this.link.inputLength;
  }

  /** Drops the input that has arrived and was not read yet, as an interrupt flushes the input queue of a terminal. */
  discardInput(): void {
    this.link.discardInput();
  }

  /**
   * Adds bytes after the input that has arrived, as if the client had sent them: for a command that represents a key.
   */
  insertInput(bytes: Uint8Array): void {
    this.link.insertInput(bytes);
  }

  /**
   * Releases the stream for the next reader: until then input waits, and the next `'data'` listener starts it again.
   */
  releaseReader(): void {
    if (this.listenerCount('data') > 0) return;
    pauseUntilListener(this);
  }

  /**
   * Sends a Synch (RFC 854): output that is still in this process is dropped. Urgent data (on TCP) makes the client
   * discard output in transit, up to this point. For output that has become useless, as after an interrupt.
   *
   * Only data is dropped: negotiations, subnegotiations and commands arrive, whole and in order. The dropped bytes may
   * be any part of the data, so the client may have received half an escape sequence or character last. On other
   * transports than TCP, data in their streams is not dropped; nor is data that was already compressed.
   *
   * @returns how many bytes were dropped in this process.
   */
  sendSynch(): number {
    return this.link.sendSynch();
  }

  /** Runs `block` and sends what it writes and negotiates (until it returns) as one packet. Returns what it returns. */
  batch<T>(block: () => T): T {
    return this.link.batch(block);
  }

  /** Observes every command, negotiation and subnegotiation both ways, and the raw bytes. For logs. */
  get trace(): SessionTrace | undefined {
    return this.link.observer;
  }

  set trace(trace: SessionTrace | undefined) {
    this.link.observer = trace;
  }

  /**
   * Adds an observer of the bytes of the session. It sees exactly the bytes from now on, until it is removed, in order
   * with everything else that happens in the session. Keys and output that pass without JavaScript are delivered in
   * batches: after at most 10 ms (50 ms in a flood), unless the event loop is busy; and before JavaScript writes output
   * or gets input or an event of this session. Output that an observer writes is delivered when the batch is complete.
   *
   * @returns the function that removes it. That may call the tap a last time.
   */
  tap(tap: SessionTap): () => void {
    return this.link.tap(tap);
  }

  /**
   * Observes the session as a stream of events, for a reader that takes events when it can: a recording, a
   * worker, a network. It begins now, and ends when the session has ended. If the reader is too slow, the program waits
   * or data is dropped, see {@link ObserveOptions.whenFull}. To stop before, leave the loop or call `destroy()`.
   *
   * @throws TelptyError `ERR_INVALID_ARGUMENT` for invalid options.
   * @example
   * for await (const event of session.observe({ whenFull: 'drop' })) {
   *   if (event.type === 'output') await file.write(event.data);
   * }
   */
  observe(options: ObserveOptions = {}): ObservedEvents {
    return this.link.observe(options);
  }

  /**
   * For a client: reports the size of the window to the server, now or as soon as the server asks for it (NAWS, RFC
   * 1073).
   *
   * @param columns characters, 0 to 65535; 0: unknown. @param rows lines, with the same range.
   * @throws TelptyError `ERR_INVALID_ARGUMENT` out of that range; `ERR_OPTION` if this end does not offer NAWS.
   */
  resize(columns: number, rows: number): void {
    const handler = this.telnet.find(Option.NAWS);
    if (!(handler instanceof WindowSize)) throw new TelptyError('ERR_OPTION', 'NAWS is not in the table of options');
    handler.report(columns, rows);
  }

  /**
   * Waits until an option is in a state, `waitFor({ option: Option.ECHO, side: 'remote' })`, or another condition of
   * the session is true, `waitFor(({ terminal }) => terminal.typesComplete)`. The condition is checked now, and after
   * each event of the protocol engine. A refusal of the option by the other end does not end the wait: it may agree
   * later.
   *
   * @throws (rejects) TelptyError `ERR_TIMEOUT`; `ERR_SESSION_CLOSED` when the session is closed first; the signal's
   *   reason.
   */
  waitFor(wanted: OptionState | ((session: Session) => boolean), options?: WaitOptions): Promise<void> {
    return waitFor(this.#talk, typeof wanted === 'function' ? () => wanted(this) : wanted, options);
  }

  /**
   * Reads text until a pattern matches the text read, each part of which is decoded in the {@link encoding} that was in
   * force when it arrived. A regular expression is matched against all text that this call has read so far. `^` is its
   * beginning, `$` its current end, which suits prompts. The flags `g` and `y` have no effect. Text after the match is
   * left for the next reader. On failure, nothing is lost: the error's `text` is the text received, and it can be read
   * again, even after the session has ended.
   *
   * @throws (rejects) TelptyError `ERR_TIMEOUT`; `ERR_TOO_LONG`; `ERR_SESSION_CLOSED` when the session ends first;
   *   `ERR_INVALID_ARGUMENT` while another call reads; the signal's reason.
   */
  readUntil(pattern: Pattern, options?: ReadOptions): Promise<ReadResult> {
    return readUntil(this.#talk, pattern, options);
  }

  /**
   * Reads one line that the user types. Most clients edit a line, echo it themselves and send it whole. If this end
   * echoes (ECHO is enabled), they send each key, and the line is echoed and edited here: the erase keys and ^U work.
   * The line never contains control characters, escape sequences or characters that change the direction of writing, so
   * it can be shown to other users.
   *
   * Nothing is read beyond the line, so a program of `ptyShell` or another reader can use the session next.
   *
   * @returns the line without its end, or `undefined` if the session has ended or was asked to end: the shell should
   *   return.
   * @throws (rejects) TelptyError `ERR_INVALID_ARGUMENT` for invalid options, and while another line is read.
   * @example
   * const name = await session.readLine({ prompt: 'Name: ', maxLength: 20 });
   * const password = await session.readLine({ prompt: 'Password: ', hidden: true });
   */
  readLine(options?: ReadLineOptions): Promise<string | undefined> {
    return readLine(this, this.link, options);
  }

  /**
   * Reads lines that the user types, each as {@link readLine} does and with the same options, until the session ends.
   */
  readLines(options?: ReadLineOptions): AsyncGenerator<string, void, void> {
    return readLines(this, this.link, options);
  }

  /**
   * Reads received text line by line, until the session has ended: logs, events, records with tabs. A line ends in LF,
   * with CRs before it (CR LF) or after it (LF CR, which many MUDs send). Everything else is kept: tabs, control
   * sequences, a CR within a line. The text after the last line end is the last line. Each part is decoded in the
   * character set that was in force when it arrived.
   *
   * Nothing is read beyond a line that was returned: after `break`, `exec()` and other calls read the text after it.
   *
   * @throws (rejects) TelptyError `ERR_TOO_LONG` for a line of more than `maxLength` bytes, which can be read again.
   *   `ERR_TIMEOUT`; `ERR_SESSION_CLOSED` after the last line, if the connection broke; the signal's reason.
   */
  lines(options?: LinesOptions): AsyncGenerator<string, void, void> {
    return lines(this.#talk, options);
  }

  /**
   * Writes text and ends the line, as the Return key does, in {@link encoding}. Line ends within the text are converted
   * likewise.
   *
   * @returns as `write()`: whether more may be written at once.
   */
  sendLine(text: string, options?: LineOptions): boolean {
    return sendLine(this.#talk, text, options);
  }

  /**
   * Sends a command as a line and reads until the prompt appears again. Earlier output must have been read, up to the
   * prompt that waits for the command; unread text is dropped. If an earlier command was given up, its output and
   * prompt are waited for first, within `timeout`, and this command is sent only after that.
   *
   * @returns the output, without the echo of the command and the prompt; lines end in LF.
   * @throws (rejects) as {@link readUntil}.
   */
  exec(command: string, options?: ExecOptions): Promise<string> {
    return exec(this.#talk, command, options);
  }

  /**
   * Answers the questions for a name and a password, in any order and number, until the prompt appears.
   *
   * @returns all text received, the prompt included; lines end in LF.
   * @throws (rejects) `ERR_LOGIN` if the other end refuses the login, or asks for a password and none is given; as
   *   {@link readUntil}.
   */
  login(options: LoginOptions): Promise<string> {
    return login(this.#talk, options);
  }

  /**
   * Logs in a second time: sends a command such as `enable` or `su -`, and answers the questions that follow until a
   * prompt appears. If the password is refused, the session is returned to the previous prompt.
   *
   * @returns all text received, the prompt included; lines end in LF.
   * @throws (rejects) `ERR_LOGIN` if the other end refuses, shows the same prompt as before, or asks for an answer that
   *   is not given; as {@link readUntil}.
   * @example
   * await session.login({ username: 'ada', password });
   * await session.enable({ password: secret });
   * const configuration = await session.exec('show running-config', { pager: true });
   */
  enable(options: EnableOptions): Promise<string> {
    return enable(this.#talk, options);
  }

  /**
   * Learns the prompt: presses Return until the same line comes twice. From then on {@link exec} knows the exact
   * prompt. Unread text from before is dropped.
   *
   * @returns the prompt as a user sees it, such as `router1>`.
   * @throws (rejects) `ERR_LOGIN` if the other end asks for a name or a password; as {@link readUntil}.
   */
  findPrompt(options?: FindPromptOptions): Promise<string> {
    return findPrompt(this.#talk, options);
  }

  /**
   * Returns the conversation to a known state after an error, in particular after `ERR_TIMEOUT`. It sends `interrupt`
   * if it is given, drops received text until no more arrives, and finds the prompt as {@link findPrompt} does.
   *
   * @returns the prompt as a user sees it.
   * @throws (rejects) as {@link findPrompt}.
   */
  resync(options?: ResyncOptions): Promise<string> {
    return resync(this.#talk, options);
  }

  get #talk(): Conversation {
    this.#conversation ??= new Conversation(this, this.link);
    return this.#conversation;
  }

  /** Aborts when the session is asked to end ({@link hangup}) or has ended; its reason is that of the hangup. */
  get signal(): AbortSignal {
    return this.link.ending.signal;
  }

  /** The reason of the request to end the session; `undefined` before such a request. */
  get hangupReason(): string | undefined {
    return this.link.ending.reason;
  }

  /**
   * Requests the end of the session: aborts {@link signal} and emits `'hangup'` for the shell. Output already written
   * is still delivered. If the shell does not listen to the event, the session ends without waiting for it. After the
   * shell has settled, this does nothing.
   */
  hangup(reason: string): void {
    this.link.ending.hangup(reason);
  }

  /**
   * From now on, the peer must accept output: if none has been sent for `ms` milliseconds while some waits, the session
   * is destroyed. For the end of a session; before the end, a reader may pause for any time.
   *
   * @returns a function that ends this check.
   */
  destroyWhenStalled(ms: number): () => void {
    return this.link.destroyWhenStalled(ms);
  }

  /**
   * As `Duplex.read()`. Input that arrived before the session was closed, or was put back, can still be read after
   * that.
   */
  override read(size?: number): Buffer | null {
    return this.link.read(super.read(size) as Buffer | null);
  }

  /**
   * As `Duplex.write()`, but text without an encoding is sent in the session's {@link encoding}: characters that the
   * set lacks are replaced by similar ones. Bytes, and text with an encoding, are sent unchanged.
   */
  override write(chunk: unknown, callback?: (error?: Error | null) => void): boolean;
  /** As `Duplex.write()`: text is sent in the given encoding. */
  override write(chunk: unknown, encoding?: BufferEncoding, callback?: (error?: Error | null) => void): boolean;
  override write(chunk: unknown, ...rest: unknown[]): boolean {
    return super.write(this.#encoded(chunk, rest[0]), ...(rest as [BufferEncoding]));
  }

  /**
   * As `Duplex.end()`. On a client, the session is destroyed if the server accepts no output for 10 s while some waits.
   */
  override end(callback?: () => void): this;
  /** As `Duplex.end()`, after a last chunk: text as with `write()`. */
  override end(chunk: unknown, callback?: () => void): this;
  /** As `Duplex.end()`, after a last chunk in the given encoding. */
  override end(chunk: unknown, encoding?: BufferEncoding, callback?: () => void): this;
  override end(chunk?: unknown, ...rest: unknown[]): this {
    if (this.isClient && !this.writableEnded) this.destroyWhenStalled(UNREAD_MS);
    return super.end(this.#encoded(chunk, rest[0]), ...(rest as [BufferEncoding]));
  }

  /**
   * Ends the session and waits until it is closed, for `await using`. Output already written is delivered; unread input
   * is dropped. The session is destroyed if the peer accepts no output for 2 s, or has not closed its side 3 s after
   * the last byte. It is also destroyed if the whole takes 10 s.
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
