import { LONGEST_TIMER } from '../check.ts';
import { TelptyError } from '../errors.ts';
import { Option, type TelnetEvent } from '../protocol/index.ts';
import type { ExitStatus, Pty } from '../pty/index.ts';
import type { PtyUser } from '../pty/pty.ts';
import type { Session } from '../session.ts';
import type { SessionConsumer, SessionEvents } from '../session-types.ts';
import { EraseKey } from './erase-key.ts';
import { interrupt, keyOf } from './interrupts.ts';
import { type ShellMode, terminalEchoes } from './modes.ts';
import { PromptMark } from './prompt-mark.ts';
import { dimension, ResizeThrottle } from './resize.ts';
import { SynchronizedOutput } from './synchronized-output.ts';

/** The last output of a program waits for a client that takes none of it at most this long, in milliseconds. */
const STALL_MS = 30_000;

/** The same signal again, within this time and with no input in between, is the same press of the key. In ms. */
const SAME_SIGNAL_MS = 10;

/** The events of a session that a bridge lives on. */
interface ListenedEvents extends SessionEvents {
  close: [];
}

/** How a {@link Bridge} behaves. */
export interface BridgeOptions {
  readonly mode: ShellMode;
  /** The erase character the terminal was started with. */
  readonly erase: number;
  /** Whether the terminal was started with echo, where that follows the client. */
  readonly echo: boolean;
  readonly neverSendGa: boolean;
  /** Milliseconds between SIGHUP and SIGKILL; 0 is for ever. */
  readonly killTimeout: number;
  /** Milliseconds a program may go on after the client closed its sending half; 0 is for ever. */
  readonly linger: number;
}

/**
 * Joins one session to one program until both are done.
 *
 * Either way the bytes pass as they come, without a copy and past the streams, and a side that cannot take more stops the other at its
 * source: what the client types waits in the session's bounded look-ahead, what the program prints in the kernel.
 *
 * Every end is the same end: the program is gone and all it printed has been read. It comes by itself, or because the
 * program was hung up: the client vanished, closed its sending half for longer than `linger`, or somebody asked.
 */
export class Bridge implements SessionConsumer, PtyUser {
  readonly #session: Session;
  readonly #pty: Pty;
  readonly #options: BridgeOptions;
  readonly #output: SynchronizedOutput;
  readonly #prompt: PromptMark | undefined;
  readonly #resize: ResizeThrottle;
  readonly #eraseKey: EraseKey | undefined;
  readonly #listeners: [event: string, listener: (...args: unknown[]) => void][] = [];
  #linger: NodeJS.Timeout | undefined;
  /** True while what was typed is thrown away: nothing more of it is to be taken then. */
  #discarding = false;
  /** The last signal that a command was, and when, if no input came since. */
  #lastSignal: NodeJS.Signals | undefined;
  #lastSignalAt = 0;

  constructor(session: Session, pty: Pty, options: BridgeOptions) {
    const { mode } = options;
    this.#session = session;
    this.#pty = pty;
    this.#options = options;
    this.#output = new SynchronizedOutput(bytes => this.#show(bytes));
    this.#prompt = mode.mayPrompt && !options.neverSendGa ? new PromptMark(session, mode.goAhead) : undefined;
    this.#resize = new ResizeThrottle((columns, rows) => this.#onTerminal(() => pty.resize(columns, rows)));
    this.#eraseKey = mode.learnErase ? new EraseKey(pty, options.erase) : undefined;
  }

  /**
   * Runs until the program has ended and all its output is written to the session. Then the session is as it was before:
   * another program may have it next. Never rejects.
   */
  async run(): Promise<ExitStatus> {
    const over = this.#outputEnds();
    this.#listen();
    await over;
    clearTimeout(this.#linger);
    this.#resize.stop();
    this.#output.flush();
    this.#prompt?.stop();
    for (const [event, listener] of this.#listeners) this.#session.off(event, listener);
    this.#session.join(undefined);
    this.#session.consume(undefined);
    this.#pty.attach(undefined);
    this.#session.handOver();
    this.#pty.destroy();
    return this.#pty.exited;
  }

  async #outputEnds(): Promise<void> {
    const pty = this.#pty;
    const read = new Promise<void>(resolve => {
      pty.once('end', resolve);
      // A terminal that fails closes without 'end'.
      pty.once('close', resolve);
      pty.on('error', () => {});
    });
    await pty.exited;
    // What is left to show has to be taken: from here on a client that reads nothing holds up an end.
    const unwatch = this.#session.destroyWhenStalled(STALL_MS);
    await read;
    unwatch();
  }

  #listen(): void {
    const session = this.#session;
    const pty = this.#pty;
    pty.attach(this);
    this.#on('resize', (columns, rows) => this.#resize.push(dimension(columns, pty.cols), dimension(rows, pty.rows)));
    this.#on('command', command => this.#command(command));
    this.#on('telnet', event => this.#negotiated(event));
    this.#on('hangup', () => this.#hangup());
    this.#on('close', () => this.#clientGone());
    this.#on('finishing', () => this.#clientFinished());
    this.#catchUp();
    if (session.destroyed) this.#clientGone();
    else if (session.hangupReason !== undefined) this.#hangup();
    else if (session.inputFinished) this.#clientFinished();
    // Last, because it starts the flow of what was typed before the program ran.
    session.consume(this);
    session.join(pty);
  }

  /** What the client told while the program was being started has come too late for its terminal. */
  #catchUp(): void {
    const session = this.#session;
    const pty = this.#pty;
    const columns = dimension(session.terminal.columns, pty.cols);
    const rows = dimension(session.terminal.rows, pty.rows);
    if (columns !== pty.cols || rows !== pty.rows) this.#resize.push(columns, rows);
    const echo = terminalEchoes(session);
    if (this.#options.mode.echoFollows && echo !== this.#options.echo) this.#onTerminal(() => pty.setModes({ echo }));
  }

  #on<E extends keyof ListenedEvents>(event: E, listener: (...args: ListenedEvents[E]) => void): void {
    // One list of listeners of all shapes: each is taken off under the name it was put on under.
    const untyped = listener as (...args: unknown[]) => void;
    this.#listeners.push([event, untyped]);
    this.#session.on(event, untyped);
  }

  /** @internal Input, on its way to the program. */
  input(bytes: Uint8Array): boolean {
    this.#lastSignal = undefined;
    const input =
      this.#options.mode.delErases && !this.#session.telnet.isEnabled(Option.BINARY, 'remote')
        ? EraseKey.deleteAsBackspace(bytes)
        : bytes;
    if (this.#eraseKey?.concerns(input)) this.#onTerminal(() => this.#eraseKey?.observe(input));
    return this.#pty.type(input);
  }

  /** @internal The program's terminal takes input again. */
  drained(): void {
    if (!this.#discarding) this.#session.more();
  }

  /** @internal Output of the program. */
  output(bytes: Buffer): void {
    this.#output.push(bytes);
    this.settled();
  }

  /**
   * A turn is over. If nothing here, nor in the session, would do anything with the next key or its echo, they need not come
   * here.
   *
   * @internal
   */
  settled(): void {
    if (this.#output.isEmpty && this.#lastSignal === undefined && !this.#prompt?.isWanted) this.#session.letPass();
  }

  /** Output, on its way to the client. */
  #show(bytes: Buffer): void {
    if (!this.#session.writable) return;
    // What is not taken at once waits in the kernel, in one piece, and not here, in as many as the program makes.
    if (!this.#session.send(bytes)) this.#pty.hold();
    this.#prompt?.touch();
  }

  /** @internal The client takes output again. */
  room(): void {
    this.#pty.release();
  }

  #command(command: number): void {
    const key = keyOf(command);
    if (key === undefined) return;
    const now = performance.now();
    // Held down, a key repeats; a machine repeats faster, and means no more by it.
    if (
      key.signal !== undefined &&
      key.signal === this.#lastSignal &&
      now - this.#lastSignalAt < SAME_SIGNAL_MS &&
      this.#session.inputLength === 0
    )
      return;
    this.#discarding = true;
    const typed = this.#onTerminal(() => interrupt(this.#pty, key)) ?? key.usual;
    this.#discarding = false;
    if (typed !== 'signalled') {
      this.#session.insertInput(Buffer.of(typed));
      return;
    }
    this.#lastSignal = key.signal;
    this.#lastSignalAt = now;
    // As a terminal does at its interrupt key: what was typed ahead of it is forgotten.
    this.#session.discardInput();
    this.#session.more();
  }

  /** RFC 857: whoever has echo enabled does it. A client that takes it over must not see everything twice. */
  #negotiated(event: TelnetEvent): void {
    if (!this.#options.mode.echoFollows || event.type !== 'option') return;
    if (event.option !== Option.ECHO || event.side !== 'local') return;
    this.#onTerminal(() => this.#pty.setModes({ echo: event.enabled }));
  }

  /**
   * Does something to the terminal at the client's wish. The program may end at any time and its terminal with it; the
   * end is then already on its way here, and the wish has become void.
   */
  #onTerminal<T>(action: () => T): T | undefined {
    try {
      return action();
    } catch (error) {
      if (error instanceof TelptyError && error.code === 'ERR_PTY_IO') return undefined;
      throw error;
    }
  }

  #hangup(): void {
    void this.#pty.hangup({ timeout: this.#options.killTimeout || LONGEST_TIMER });
  }

  /** The connection is broken or closed: nobody reads what the program still prints. */
  #clientGone(): void {
    this.#output.discard();
    this.#pty.release();
    this.#hangup();
  }

  /**
   * The client has sent all it ever will. The program may go on for a while, since `printf … | nc -N` wants its answer; but
   * one that waits for input would wait for ever. As long as it still takes input that is queued, the time begins anew.
   */
  #clientFinished(): void {
    const { linger } = this.#options;
    if (linger === 0) return;
    const taken = this.#inputTaken();
    clearTimeout(this.#linger);
    this.#linger = setTimeout(() => {
      if (this.#inputTaken() !== taken) this.#clientFinished();
      else this.#session.hangup('the client closed its sending half');
    }, linger);
  }

  /** Grows as input goes to the terminal: what has come from the client, less what waits for the program. In bytes. */
  #inputTaken(): number {
    return this.#session.bytesRead - this.#session.inputLength - this.#pty.unwritten;
  }
}
