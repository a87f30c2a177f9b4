import type { Duplex } from 'node:stream';
import { encoder } from '../charset/index.ts';
import { TelptyError } from '../errors.ts';
import { Command, Option, type TelnetEvent, WindowSize } from '../protocol/index.ts';
import { addressOf, type Peer } from '../transport/peer.ts';
import type { Transport } from '../transport/stream/transport.ts';
import { AreYouThere } from './are-you-there.ts';
import {
  type ExecOptions,
  exec,
  type LineOptions,
  type LoginOptions,
  login,
  sendLine,
} from './conversation/dialogue.ts';
import { type Pattern, type ReadOptions, type ReadResult, readUntil } from './conversation/reading.ts';
import { type OptionState, type WaitOptions, waitFor } from './conversation/waiting.ts';
import { causeOf } from './end-cause.ts';
import { TelnetStream } from './telnet-stream.ts';
import { Terminal } from './terminal.ts';
import type { SessionOptions } from './types.ts';

/** How long a session may last after it was hung up and nobody listened, in milliseconds. */
const HANGUP_MS = 5_000;

/** Commands that edit data; where that is dropped, there is nothing to edit (RFC 854, "Synch"). */
const EDITING_COMMANDS: ReadonlySet<number> = new Set([Command.EC, Command.EL]);

/**
 * One Telnet connection: a transport with the Telnet language on it. Reading gives what the user typed, writing shows
 * it to the user; everything else that Telnet carries is in properties and events.
 *
 * It is an ordinary Duplex, so it pipes, and backpressure works both ways. Other than a Duplex it closes, after 10 s, when it has
 * nothing more to do and nobody reads it; what it has not given can then still be read. While a program of `ptyShell` has it, its input
 * goes to the terminal past the stream: {@link Session.tap} sees it.
 */
export class Session extends TelnetStream {
  /** A number for logs. */
  readonly id: number;
  /** What the client told about its terminal and itself. */
  readonly terminal = new Terminal();
  /** The other end, where it is known: an address, or a user and a process of this machine. */
  readonly peer: Peer | undefined;

  readonly #encoding: string;
  #abort: AbortController | undefined;
  #hangupReason: string | undefined;
  #areYouThere: AreYouThere | undefined;

  constructor(transport: Duplex | Transport, options: SessionOptions) {
    super(transport, options);
    this.id = options.id ?? 0;
    this.peer = options.peer;
    this.#encoding = options.encoding ?? 'UTF-8';
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

  /** The character set that text is in: what the other end has said, if it is known here, else the one that was given. */
  override get encoding(): string {
    return this.terminal.encoding(this.#encoding);
  }

  /** @internal */
  protected override get fallbackEncoding(): string {
    return this.#encoding;
  }

  /** The environment the client sent, as it sent it. */
  get environ(): ReadonlyMap<string, string> {
    return this.terminal.environ;
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

  /** As of every stream. */
  override end(callback?: () => void): this;
  /** As of every stream, behind a last chunk: text as with `write()`. */
  override end(chunk: unknown, callback?: () => void): this;
  /** As of every stream, behind a last chunk in the encoding that is given. */
  override end(chunk: unknown, encoding?: BufferEncoding, callback?: () => void): this;
  override end(chunk?: unknown, ...rest: unknown[]): this {
    return super.end(this.#encoded(chunk, rest[0]), ...(rest as [BufferEncoding]));
  }

  #encoded(chunk: unknown, encoding: unknown): unknown {
    if (typeof chunk !== 'string' || typeof encoding === 'string') return chunk;
    const own = this.encoding;
    return own === 'UTF-8' ? chunk : encoder(own).write(chunk);
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
   * Reads text until a pattern matches what has come, each part in the {@link encoding} that was in force when it arrived. A
   * regular expression is matched against all that this call has read so far: `^` is its beginning, `$` its end at that moment,
   * which suits prompts; the flags `g` and `y` mean nothing. What stands behind the match is left for the next reader. When it
   * fails, nothing is lost: the error's `text` is what has come, and it can be read again, also when the session is over.
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
   * prompt that waits for the command; what was not is dropped. If a command before this one was given up, its output and
   * prompt are waited for first, within `timeout`, and this one is not sent before.
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
   * Asks for an end: aborts {@link signal} and tells the shell by `'hangup'`. What was written is still delivered. A
   * shell that does not listen is not waited for. Once the shell has settled this does nothing.
   */
  hangup(reason: string): void {
    if (this.#hangupReason !== undefined || this.writableEnded || this.destroyed) return;
    this.#hangupReason = reason;
    this.noteEnd(causeOf(reason));
    this.#abort?.abort(reason);
    if (this.emit('hangup', reason)) return;
    this.end();
    // Nor is a client that does not close its side.
    const timer = setTimeout(() => this.destroy(), HANGUP_MS);
    this.once('close', () => clearTimeout(timer));
  }

  /** @internal */
  protected override lost(): void {
    this.#abort?.abort(this.#hangupReason);
  }

  /** @internal */
  override _destroy(error: Error | null, callback: (error: Error | null) => void): void {
    this.#abort?.abort(this.#hangupReason);
    super._destroy(error, callback);
  }

  /** Takes down a fact on which the character set depends. */
  #recordEncoding(event: TelnetEvent): void {
    const before = this.terminal.namedEncoding;
    this.terminal.record(event);
    if (this.terminal.namedEncoding !== before) this.encodingChanged(before);
  }

  /** @internal */
  protected override heard(event: TelnetEvent, stale: boolean): void {
    if (event.type === 'charset' || event.type === 'environment') this.#recordEncoding(event);
    else this.terminal.record(event);
    // What a client answered would be typed.
    if (event.type === 'command' && event.command === Command.AYT && !this.isClient) {
      this.#areYouThere ??= new AreYouThere();
      this.#areYouThere.answer(this.telnet);
    }
    this.emit('telnet', event);
    if (event.type === 'command') {
      if (!stale || !EDITING_COMMANDS.has(event.command)) this.emit('command', event.command);
      return;
    }
    // (What TypeScript cannot see: that name and event are of one kind.)
    (this as Duplex).emit(event.type, event);
    if (event.type === 'window-size') this.emit('resize', event.columns, event.rows);
    else if (event.type === 'logout') this.hangup('logout');
  }
}
