import { TelptyError } from '../errors.ts';
import { Option, type TelnetEvent } from '../protocol/index.ts';
import type { ExitStatus, Pty } from '../pty/index.ts';
import type { Session } from '../session.ts';
import { EraseKey } from './erase-key.ts';
import { interrupt } from './interrupts.ts';
import type { ShellMode } from './modes.ts';
import { PromptMark } from './prompt-mark.ts';
import { dimension, ResizeThrottle } from './resize.ts';
import { SynchronizedOutput } from './synchronized-output.ts';

/** The last output of a program waits for a client that takes none of it at most this long, in milliseconds. */
const STALL_MS = 30_000;

/** The longest delay a Node.js timer takes, in milliseconds: 24 days. */
const LONGEST_TIMER = 2 ** 31 - 1;

/** How a {@link Bridge} behaves. */
export interface BridgeOptions {
  readonly mode: ShellMode;
  /** The erase character the terminal was started with. */
  readonly erase: number;
  readonly neverSendGa: boolean;
  /** Milliseconds between SIGHUP and SIGKILL; 0 is for ever. */
  readonly killTimeout: number;
  /** Milliseconds a program may go on after the client closed its sending half; 0 is for ever. */
  readonly linger: number;
}

/**
 * Joins one session to one program until both are done.
 *
 * Either way the bytes pass as they come, without a copy, and a side that cannot take more stops the other at its
 * source: what the client types waits in the session's bounded look-ahead, what the program prints in the kernel.
 *
 * Every end is the same end: the program is gone and all it printed has been read. It comes by itself, or because the
 * program was hung up: the client vanished, closed its sending half for longer than `linger`, or somebody asked.
 */
export class Bridge {
  readonly #session: Session;
  readonly #pty: Pty;
  readonly #options: BridgeOptions;
  readonly #output: SynchronizedOutput;
  readonly #prompt: PromptMark | undefined;
  readonly #resize: ResizeThrottle;
  readonly #eraseKey: EraseKey | undefined;
  #linger: NodeJS.Timeout | undefined;
  /** True while the session's look-ahead is thrown away. */
  #discarding = false;

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

  /** Runs until the program has ended and all its output is written to the session. Never rejects. */
  async run(): Promise<ExitStatus> {
    const over = this.#outputEnds();
    this.#listen();
    await over;
    clearTimeout(this.#linger);
    this.#resize.stop();
    this.#output.flush();
    this.#prompt?.stop();
    this.#pty.destroy();
    return this.#pty.exited;
  }

  #outputEnds(): Promise<void> {
    const pty = this.#pty;
    void pty.exited.then(() => this.#session.destroyWhenStalled(STALL_MS));
    return new Promise(resolve => {
      pty.once('end', resolve);
      // A terminal that fails closes without 'end'.
      pty.once('close', resolve);
      pty.on('error', () => {});
    });
  }

  #listen(): void {
    const session = this.#session;
    const pty = this.#pty;
    pty.on('data', (chunk: Buffer) => this.#output.push(chunk));
    pty.on('drain', () => session.resume());
    session.on('drain', () => pty.resume());
    session.on('resize', (columns, rows) => this.#resize.push(dimension(columns, pty.cols), dimension(rows, pty.rows)));
    session.on('command', command => this.#command(command));
    session.on('telnet', event => this.#negotiated(event));
    session.on('hangup', () => this.#hangup());
    session.once('close', () => this.#clientGone());
    session.once('finishing', () => this.#clientFinished());
    if (session.destroyed) this.#clientGone();
    else if (session.hangupReason !== undefined) this.#hangup();
    else if (session.inputFinished) this.#clientFinished();
    // Last, because it starts the flow of what was typed before the program ran.
    session.on('data', (chunk: Buffer) => this.#type(chunk));
  }

  /** Input, on its way to the program. */
  #type(chunk: Buffer): void {
    if (this.#discarding) return;
    let input = chunk;
    if (this.#options.mode.delErases && !this.#session.telnet.isEnabled(Option.BINARY, 'remote')) {
      input = EraseKey.deleteAsBackspace(chunk);
    }
    if (this.#eraseKey !== undefined) this.#onTerminal(() => this.#eraseKey?.observe(input));
    if (!this.#pty.write(input)) this.#session.pause();
  }

  /** Output, on its way to the client. */
  #show(bytes: Buffer): void {
    if (!this.#session.writable) return;
    if (!this.#session.write(bytes)) this.#pty.pause();
    this.#prompt?.touch();
  }

  #command(command: number): void {
    if (this.#onTerminal(() => interrupt(this.#pty, command)) !== 'signalled') return;
    // As a terminal does at its interrupt key: what was typed ahead of it is forgotten.
    this.#discarding = true;
    this.#session.discardInput();
    this.#discarding = false;
    this.#session.resume();
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
    this.#pty.resume();
    this.#hangup();
  }

  /**
   * The client has sent all it ever will. The program may go on for a while, since `printf … | nc -N` wants its answer; but
   * one that waits for input would wait for ever. As long as it still takes input that is queued, the time begins anew.
   */
  #clientFinished(): void {
    const { linger } = this.#options;
    if (linger === 0) return;
    const queued = this.#queuedInput();
    clearTimeout(this.#linger);
    this.#linger = setTimeout(() => {
      if (this.#queuedInput() !== queued) this.#clientFinished();
      else this.#session.hangup('the client closed its sending half');
    }, linger);
  }

  /** Input that the program has not taken, in bytes: here, and on its way here. */
  #queuedInput(): number {
    return this.#pty.unwritten + this.#session.readableLength;
  }
}
