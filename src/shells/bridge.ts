import type { Duplex } from 'node:stream';
import { LONGEST_TIMER } from '../check.ts';
import { Command, Option, type TelnetEvent } from '../protocol/index.ts';
import type { ExitStatus, Pty } from '../pty/index.ts';
import type { PtyUser } from '../pty/pty.ts';
import type { Session } from '../session/session.ts';
import type { SessionConsumer } from '../session/types.ts';
import { hidesOnEcho, terminalEchoes } from './echo.ts';
import { EraseKey } from './erase-key.ts';
import { interrupt, keyOf } from './interrupts.ts';
import { LineMode } from './line-mode.ts';
import { LocalLines } from './local-lines.ts';
import type { ShellMode } from './modes.ts';
import { onTerminal } from './on-terminal.ts';
import { PromptMark } from './prompt-mark.ts';
import { dimension, ResizeThrottle } from './resize.ts';
import { StaleOutput } from './stale-output.ts';
import { SynchronizedOutput } from './synchronized-output.ts';
import { TerminalEcho } from './terminal-echo.ts';
import type { Translation } from './translation.ts';

/** The last output of a program waits for a client that takes none of it at most this long, in milliseconds. */
const STALL_MS = 30_000;

/** The same signal again, within this time and with no input in between, is the same press of the key. In ms. */
const SAME_SIGNAL_MS = 10;

/** How a {@link Bridge} behaves; the same for all sessions of a shell. */
export interface BridgeOptions {
  readonly mode: ShellMode;
  readonly neverSendGa: boolean;
  /** Whether the client may edit: see {@link LineMode}. */
  readonly lineMode: boolean;
  /** Milliseconds between SIGHUP and SIGKILL; 0 is for ever. */
  readonly killTimeout: number;
  /** Milliseconds a program may go on after the client closed its sending half; 0 is for ever. */
  readonly linger: number;
}

/** What the terminal was started with. */
export interface StartedWith {
  /** The erase character. */
  readonly erase: number;
  /** Whether it echoes, where that follows the client. */
  readonly echo: boolean;
  /** Where the program runs in a character set of its own. */
  readonly translation: Translation | undefined;
}

/** Which bridge a session or a terminal belongs to. */
const bridges = new WeakMap<Duplex, Bridge>();
const bridgeOf = (stream: Duplex): Bridge => bridges.get(stream)!;

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
  /** In modes where the terminal's echo follows the client. */
  readonly #echo: TerminalEcho | undefined;
  readonly #translation: Translation | undefined;
  #resize: ResizeThrottle | undefined;
  #eraseKey: EraseKey | undefined;
  /** Set while the client edits lines, or may be told to. */
  #lines: LineMode | LocalLines | undefined;
  #resolve!: (status: Promise<ExitStatus>) => void;
  #exited = false;
  #outputEnded = false;
  /** Ends the watch over what is left to show. */
  #unwatch: (() => void) | undefined;
  #linger: NodeJS.Timeout | undefined;
  /** True while what was typed is thrown away: nothing more of it is to be taken then. */
  #discarding = false;
  /** The last signal that a command was, and when, if no input came since. */
  #lastSignal: NodeJS.Signals | undefined;
  #lastSignalAt = 0;
  /** Made at the first flush. */
  #stale: StaleOutput | undefined;
  /** The client has asked for its output to be thrown away, and the terminal has not said yet that it has done so. */
  #aborting = false;

  constructor(session: Session, pty: Pty, options: BridgeOptions, { erase, echo, translation }: StartedWith) {
    const { mode } = options;
    this.#session = session;
    this.#pty = pty;
    this.#options = options;
    this.#output = new SynchronizedOutput(bytes => this.#show(bytes));
    this.#prompt = mode.mayPrompt && !options.neverSendGa ? new PromptMark(session, mode.goAhead) : undefined;
    this.#eraseKey = mode.learnErase ? new EraseKey(pty, erase) : undefined;
    this.#echo = mode.echoFollows ? new TerminalEcho(pty, echo) : undefined;
    this.#translation = translation;
    bridges.set(session, this);
    bridges.set(pty, this);
  }

  /**
   * Runs until the program has ended and all its output is written to the session. Then the session is as it was before:
   * another program may have it next. Never rejects.
   */
  run(): Promise<ExitStatus> {
    // Not an async function: what that keeps while it waits is more than all of this.
    return new Promise(resolve => {
      this.#resolve = resolve;
      this.#listen();
      void this.#pty.exited.then(() => this.#programEnded());
    });
  }

  #programEnded(): void {
    this.#exited = true;
    // What is left to show has to be taken: from here on a client that reads nothing holds up an end.
    if (this.#outputEnded) this.#finish();
    else this.#unwatch = this.#session.destroyWhenStalled(STALL_MS);
  }

  #terminalEnded(): void {
    if (this.#outputEnded) return;
    this.#outputEnded = true;
    if (this.#exited) this.#finish();
  }

  #finish(): void {
    const session = this.#session;
    this.#unwatch?.();
    clearTimeout(this.#linger);
    this.#resize?.stop();
    this.#lines?.stop();
    this.#output.flush();
    this.#send(this.#translation?.way?.end());
    const prompt = this.#prompt?.take();
    this.#prompt?.stop();
    if (prompt !== undefined && prompt.length > 0 && session.writable) session.send(prompt);
    for (const [event, listener] of Bridge.#sessionListeners) session.off(event, listener);
    session.join(undefined);
    session.consume(undefined);
    this.#pty.attach(undefined);
    session.handOver();
    bridges.delete(session);
    this.#pty.destroy();
    this.#resolve(this.#pty.exited);
  }

  #listen(): void {
    const session = this.#session;
    const pty = this.#pty;
    pty.attach(this);
    for (const [event, listener] of Bridge.#ptyListeners) pty.on(event, listener);
    for (const [event, listener] of Bridge.#sessionListeners) session.on(event, listener);
    this.#catchUp();
    if (session.destroyed) this.#clientGone();
    else if (session.hangupReason !== undefined) this.#hangup();
    else if (session.inputFinished) this.#clientFinished();
    // Last, because it starts the flow of what was typed before the program ran.
    session.consume(this);
    session.join(pty);
  }

  // Listeners are the same functions for all bridges: a closure for each would be most of what a bridge keeps.

  static readonly #ptyListeners = Object.entries({
    end(this: Pty): void {
      bridgeOf(this).#terminalEnded();
    },
    // A terminal that fails closes without 'end'.
    close(this: Pty): void {
      bridgeOf(this).#terminalEnded();
    },
    error(): void {},
  });

  static readonly #sessionListeners = Object.entries({
    resize(this: Session, columns: number, rows: number): void {
      bridgeOf(this).#resized(columns, rows);
    },
    command(this: Session, command: number): void {
      bridgeOf(this).#command(command);
    },
    telnet(this: Session, event: TelnetEvent): void {
      bridgeOf(this).#negotiated(event);
    },
    hangup(this: Session): void {
      bridgeOf(this).#hangup();
    },
    close(this: Session): void {
      bridgeOf(this).#clientGone();
    },
    finishing(this: Session): void {
      bridgeOf(this).#clientFinished();
    },
  });

  /** 0 is a dimension that the client does not know: it stays as it is. */
  #resized(columns: number, rows: number): void {
    const pty = this.#pty;
    this.#resize ??= new ResizeThrottle((cols, lines) => onTerminal(() => pty.resize(cols, lines)));
    this.#resize.push(dimension(columns, pty.cols), dimension(rows, pty.rows));
  }

  /** What the client told while the program was being started has come too late for its terminal. */
  #catchUp(): void {
    const session = this.#session;
    const pty = this.#pty;
    const columns = dimension(session.terminal.columns, pty.cols);
    const rows = dimension(session.terminal.rows, pty.rows);
    if (columns !== pty.cols || rows !== pty.rows) this.#resized(columns, rows);
    onTerminal(() => this.#echo?.follow(terminalEchoes(session)));
    if (this.#options.lineMode && LineMode.isOffered(session)) this.#begin(LineMode);
    else this.#beginLocalLines();
  }

  /** @internal Input, on its way to the program. */
  input(received: Uint8Array): boolean {
    this.#lastSignal = undefined;
    const bytes = this.#translation?.way?.input(received) ?? received;
    if (bytes.length === 0) return true;
    const input =
      this.#options.mode.delErases && !this.#session.telnet.isEnabled(Option.BINARY, 'remote')
        ? EraseKey.deleteAsBackspace(bytes)
        : bytes;
    if (this.#eraseKey?.concerns(input)) onTerminal(() => this.#eraseKey?.observe(input));
    return onTerminal(() => this.#lines?.type(input)) ?? this.#pty.type(input);
  }

  /** @internal The program's terminal takes input again. */
  drained(): void {
    if (this.#lines?.drained() === false) return;
    if (!this.#discarding) this.#session.more();
  }

  /** @internal Output of the program. */
  output(bytes: Buffer): void {
    this.#output.push(bytes);
    this.settled();
  }

  /** @internal The terminal has dropped its output. */
  flushed(): void {
    this.#output.discard();
    this.#prompt?.take();
    this.#stale ??= new StaleOutput(this.#session);
    if (this.#stale.skip(this.#aborting)) this.#translation?.way?.outputLost();
    this.#aborting = false;
    this.settled();
  }

  /** @internal The terminal's modes were set. */
  modesSet(): void {
    onTerminal(() => this.#lines?.look());
    this.settled();
  }

  /**
   * A turn is over. If nothing here, nor in the session, would do anything with the next key or its echo, they need not come
   * here.
   *
   * @internal
   */
  settled(): void {
    const nobodyLooks =
      this.#translation?.way === undefined && this.#lines?.isIdle !== false && !this.#prompt?.isWanted;
    if (this.#output.isEmpty && this.#lastSignal === undefined && nobodyLooks) this.#session.letPass();
  }

  /** Output, on its way to the client. */
  #show(bytes: Buffer): void {
    this.#send(this.#translation?.way?.output(bytes) ?? bytes);
  }

  #send(bytes: Uint8Array | undefined): void {
    if (bytes === undefined || bytes.length === 0 || !this.#session.writable) return;
    // What is not taken at once waits in the kernel, in one piece, and not here, in as many as the program makes.
    const ready = this.#prompt?.pass(bytes) ?? bytes;
    if (ready.length > 0 && !this.#session.send(ready)) this.#pty.hold();
    this.#prompt?.touch();
  }

  /** @internal The client takes output again. */
  room(): void {
    this.#pty.release();
  }

  #command(command: number): void {
    if (command === Command.AO) {
      // What the terminal drops, and what was read of it, is stale only once it says so.
      this.#aborting = this.#pty.flushOutput();
      return;
    }
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
    const typed = onTerminal(() => interrupt(this.#pty, key)) ?? key.usual;
    this.#discarding = false;
    if (typeof typed === 'number') {
      this.#session.insertInput(Buffer.of(this.#translation?.way?.keyOf(typed) ?? typed));
      return;
    }
    this.#lastSignal = key.signal;
    this.#lastSignalAt = now;
    // As a terminal does at its interrupt key: what was typed ahead of it is forgotten.
    if (typed === 'flushed and signalled') {
      this.#lines?.discard();
      this.#session.discardInput();
      this.#translation?.way?.discardInput();
    }
    this.#session.more();
  }

  #negotiated(event: TelnetEvent): void {
    if (event.type === 'charset' || event.type === 'environment') this.#translation?.follow();
    if (event.type === 'terminal-type') this.#beginLocalLines();
    if (event.type !== 'option') {
      const lines = this.#lines;
      if (lines instanceof LineMode) onTerminal(() => lines.negotiated(event));
    } else if (event.option === Option.LINEMODE && event.side === 'remote' && this.#options.lineMode) {
      if (event.enabled) this.#begin(LineMode);
      else this.#endLineMode();
    } else if (event.option === Option.ECHO && event.side === 'local' && !this.#clientEchoes) {
      if (!this.#session.telnet.isPending(Option.ECHO, 'local')) onTerminal(() => this.#echo?.follow(event.enabled));
    }
  }

  /** Whether it echoes by itself, and ECHO has another meaning for it. */
  get #clientEchoes(): boolean {
    return this.#lines !== undefined || hidesOnEcho(this.#session) === true;
  }

  #begin(Lines: typeof LineMode | typeof LocalLines): void {
    if (this.#lines instanceof Lines) return;
    this.#lines?.stop();
    onTerminal(() => {
      this.#lines = new Lines(this.#session, this.#pty);
    });
    // Who edits lines uses its erase key itself.
    this.#eraseKey = undefined;
  }

  #beginLocalLines(): void {
    if (this.#options.mode.echoFollows && this.#lines === undefined && hidesOnEcho(this.#session))
      this.#begin(LocalLines);
  }

  #endLineMode(): void {
    const lines = this.#lines;
    if (!(lines instanceof LineMode)) return;
    this.#lines = undefined;
    onTerminal(() => lines.disabled());
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
