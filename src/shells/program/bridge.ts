import { LONGEST_TIMER } from '../../options.ts';
import type { Speed, TelnetEvent } from '../../protocol/index.ts';
import type { ExitStatus, Pty } from '../../pty/index.ts';
import type { PtyUser } from '../../pty/master.ts';
import type { HangupReason } from '../../session/ending.ts';
import type { SessionListeners } from '../../session/events.ts';
import { BlockTable, type ProgramBlock } from '../../session/fast-path.ts';
import type { SessionConsumer } from '../../session/link.ts';
import type { Session } from '../../session/session.ts';
import { dimension } from '../../session/terminal.ts';
import { SilenceTimer } from '../../transport/silence-timer.ts';
import { Editing } from '../line-editing/driver.ts';
import { PromptMark } from '../output/prompt-mark.ts';
import { StaleOutput } from '../output/stale-output.ts';
import { SynchronizedOutput } from '../output/synchronized-output.ts';
import { type OutputTaker, TranslatedOutput } from '../output/translated-output.ts';
import type { Translation } from '../output/translation.ts';
import { Commands, type TypedAhead } from './commands.ts';
import { LOOKED_AT } from './early-death.ts';
import { FinalOutput } from './final-output.ts';
import { type ShellMode, speedMode } from './modes.ts';
import { onTerminal } from './on-terminal.ts';
import type { PtyShellSettings } from './options.ts';
import { ResizeThrottle } from './resize.ts';

/** Limit of the wait for a client that accepts none of the last output of a program, in milliseconds. */
const STALL_MS = 30_000;

/** The settings of a {@link Bridge}, which are the same for all sessions of a shell. */
export interface BridgeOptions extends Omit<PtyShellSettings, 'mode'> {
  readonly mode: ShellMode;
  /** Whether the client may edit: see line-editing/decision.ts. */
  readonly lineMode: boolean;
}

/** The initial state of the terminal. */
export interface StartedWith {
  /** The erase character. */
  readonly erase: number;
  /** Whether it echoes, if its echo follows the client. */
  readonly echo: boolean;
  /** Set if the program runs in a character set independent of the client's. */
  readonly translation: Translation | undefined;
}

/**
 * The bridge of each session. An entry is deleted at the end of the bridge. V8's scavenger treats the values of a
 * WeakMap in the old generation as live, whatever their keys are. It would retain each session and everything it
 * references.
 */
const bridges = new WeakMap<Session, Bridge>();
const bridgeOf = (session: Session): Bridge => bridges.get(session)!;

/**
 * Connects one session to one program until both have ended.
 *
 * In both directions the bytes are passed on as they arrive, without a copy and without the streams. If a side cannot
 * accept more, the source is paused: input waits in the session's bounded read-ahead, output in the kernel.
 *
 * There is one end, whatever its cause: the program has ended and all its output has been read. It ends by itself, or
 * it was hung up. There are three reasons for a hangup. The connection was lost, the client closed its sending half for
 * longer than `linger`, or the session was asked to end.
 */
export class Bridge implements SessionConsumer, PtyUser, TypedAhead, OutputTaker {
  readonly #session: Session;
  readonly #pty: Pty;
  readonly #options: BridgeOptions;
  readonly #output: SynchronizedOutput;
  readonly #prompt: PromptMark | undefined;
  readonly #editing: Editing;
  readonly #translation: Translation | undefined;
  readonly #translated: TranslatedOutput | undefined;
  /** The start of the program's output. */
  firstOutput: string | undefined;
  /** Output is being converted, and no more is accepted meanwhile. */
  #isBehind = false;
  /** The client accepts no output. */
  #isFull = false;
  /** Output has no reader any more: it is read from the terminal and dropped. */
  #isDropping = false;
  /** Set by a hangup: limits how long output waits for the client. */
  #final: FinalOutput | undefined;
  #resize: ResizeThrottle | undefined;
  /** Created at the first command. */
  #commands: Commands | undefined;
  #resolve!: (status: Promise<ExitStatus>) => void;
  #exited = false;
  #outputEnded = false;
  #isFinishing = false;
  /** Ends the watch over the remaining output. */
  #unwatch: (() => void) | undefined;
  #linger: SilenceTimer | undefined;
  /** Created at the first flush. */
  #stale: StaleOutput | undefined;

  constructor(session: Session, pty: Pty, options: BridgeOptions, { erase, echo, translation }: StartedWith) {
    const { mode, lineMode } = options;
    this.#session = session;
    this.#pty = pty;
    this.#options = options;
    this.#output = new SynchronizedOutput(bytes => this.#show(bytes));
    this.#prompt = mode.mayPrompt && !options.neverSendGa ? new PromptMark(session, mode.goAhead) : undefined;
    this.#editing = new Editing(session, pty, { mode, lineMode, erase, echo });
    this.#translation = translation;
    this.#translated = translation && new TranslatedOutput(translation, this);
    bridges.set(session, this);
  }

  /**
   * Runs until the program has ended and all its output is written to the session. Then the session is in its previous
   * state and can run another program. Never rejects.
   */
  run(): Promise<ExitStatus> {
    // Not an async function: its state during the wait would take more memory than all of this.
    return new Promise(resolve => {
      this.#resolve = resolve;
      this.#listen();
      void this.#pty.exited.then(() => this.#programEnded());
    });
  }

  #programEnded(): void {
    this.#exited = true;
    this.#session.link.ending.record('program');
    if (this.#outputEnded) this.#programGone();
    else if (this.#isFull) this.#watchClient();
  }

  /**
   * Once the program has ended, a client that reads nothing would delay the end, so the remaining output has a time
   * limit.
   */
  #watchClient(): void {
    this.#unwatch ??= this.#session.destroyWhenStalled(STALL_MS);
  }

  /** @internal The terminal has no more output. */
  ended(): void {
    this.#outputEnded = true;
    if (this.#exited) this.#programGone();
  }

  #programGone(): void {
    if (!this.#isBehind && !this.#isFinishing) this.#finish();
  }

  #finish(): void {
    const session = this.#session;
    this.#isFinishing = true;
    this.#unwatch?.();
    this.#linger?.stop();
    this.#final?.end();
    this.#resize?.stop();
    this.#editing.stop();
    this.#output.flush();
    this.#translated?.finish();
    this.send(this.#translation?.way?.end());
    const prompt = this.#prompt?.take();
    this.#prompt?.stop();
    if (prompt !== undefined && prompt.length > 0 && session.writable) session.link.write(prompt);
    for (const [event, listener] of Bridge.#sessionListeners) session.off(event, listener);
    session.link.fastPath.part();
    session.link.consume(undefined);
    this.#pty.master.attach(undefined);
    session.releaseReader();
    bridges.delete(session);
    this.#pty.destroy();
    this.#resolve(this.#pty.exited);
  }

  #listen(): void {
    const session = this.#session;
    const pty = this.#pty;
    pty.master.attach(this);
    pty.on('error', ignore);
    for (const [event, listener] of Bridge.#sessionListeners) session.on(event, listener);
    this.#catchUp();
    if (session.destroyed) this.#clientGone();
    else if (session.hangupReason !== undefined) this.#hangup();
    else if (session.inputFinished) this.#clientFinished();
    // Last, because it starts the flow of input that arrived before the program ran.
    session.link.consume(this);
    session.link.fastPath.join(pty.master.native, { table: Bridge.#blocks, owner: this });
  }

  // All bridges share these listeners: closures would be most of the memory of a bridge.

  static readonly #sessionListeners = Object.entries({
    resize(this: Session, { columns, rows }): void {
      bridgeOf(this).#resized(columns, rows);
    },
    command(this: Session, { command }): void {
      bridgeOf(this).#take(command);
    },
    telnet(this: Session, event): void {
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
  } satisfies SessionListeners<Session>);

  /** 0 is a dimension that the client does not know: it is not changed. */
  #resized(columns: number, rows: number): void {
    const pty = this.#pty;
    this.#resize ??= new ResizeThrottle((width, height) => onTerminal(() => pty.resize(width, height)));
    this.#resize.push(dimension(columns, pty.columns), dimension(rows, pty.rows));
  }

  /** Applies changes that the client sent too late for the start of the terminal. */
  #catchUp(): void {
    const session = this.#session;
    const pty = this.#pty;
    const columns = dimension(session.terminal.columns, pty.columns);
    const rows = dimension(session.terminal.rows, pty.rows);
    if (columns !== pty.columns || rows !== pty.rows) this.#resized(columns, rows);
    if (session.terminal.speed !== undefined) this.#setSpeed(session.terminal.speed);
    this.#editing.begin();
  }

  #setSpeed(speed: Speed): void {
    onTerminal(() => this.#pty.setModes(speedMode(speed)));
  }

  /** @internal Input for the program. */
  input(received: Uint8Array): boolean {
    this.#commands?.keyTyped();
    const bytes = this.#translation?.input(received) ?? received;
    return bytes.length === 0 || this.#editing.type(bytes);
  }

  /** @internal The program's terminal accepts input again. */
  drained(): void {
    if (this.#editing.drained() && !this.#commands?.isDiscarding) this.#session.link.resumeInput();
  }

  /** @internal Output of the program. */
  output(bytes: Buffer): void {
    this.firstOutput ??= bytes.toString('latin1', 0, LOOKED_AT);
    if (this.#isDropping) return;
    this.#output.push(bytes);
    this.settled();
  }

  /** @internal The terminal has discarded its output. */
  flushed(): void {
    this.#output.discard();
    this.#translated?.discard();
    this.#prompt?.take();
    this.#stale ??= new StaleOutput(this.#session);
    if (this.#stale.skip(this.#commands?.flushed() === true)) this.#translation?.way?.outputLost();
    this.settled();
  }

  /** @internal The terminal's modes were set. */
  modesSet(): void {
    this.#editing.modesSet();
    this.settled();
  }

  static readonly #blocks: BlockTable<ProgramBlock, Bridge> = new BlockTable({
    'synchronized-update': bridge => !bridge.#output.isEmpty,
    command: bridge => bridge.#commands?.waitsForKey === true,
    conversion: bridge => bridge.#translation?.way !== undefined,
    editing: bridge => !bridge.#editing.isIdle,
    'prompt-mark': bridge => bridge.#prompt?.isWanted === true,
  });

  /** @internal An event loop turn has ended. */
  settled(): void {
    this.#session.link.fastPath.offer();
  }

  /** @internal Converts output for the present character set: observers see it in that. */
  encodingChanges(): void {
    this.#translated?.finish();
  }

  /** Output for the client, before conversion. */
  #show(bytes: Buffer): void {
    if (this.#translated === undefined) this.send(bytes);
    else this.#translated.show(bytes);
  }

  /** @internal Output that has to be converted delays the output after it. */
  behind(isBehind: boolean): void {
    this.#isBehind = isBehind;
    if (!isBehind && this.#exited && this.#outputEnded) this.#programGone();
    else this.#regulate();
  }

  /** Pauses the program's output while it has to wait, and resumes it. */
  #regulate(): void {
    const isBlocked = this.#isFull && !this.#isDropping && (this.#final?.mustWait() ?? true);
    if (this.#isBehind || isBlocked) this.#pty.master.pauseOutput();
    else this.#pty.master.resumeOutput();
  }

  /** @internal Output in the client's character set. */
  send(bytes: Uint8Array | undefined): void {
    if (bytes === undefined || bytes.length === 0 || !this.#session.writable) return;
    // Output that is not accepted immediately waits in the kernel, in one piece, and not here, in one piece for each
    // write of the program.
    const ready = this.#prompt?.pass(bytes) ?? bytes;
    if (ready.length > 0 && !this.#session.link.write(ready)) {
      this.#isFull = true;
      if (this.#exited) this.#watchClient();
      this.#regulate();
    }
    this.#prompt?.touch();
  }

  /** @internal The client accepts output again. */
  room(): void {
    this.#isFull = false;
    this.#final?.stop();
    this.#regulate();
  }

  #take(command: number): void {
    this.#commands ??= new Commands(this.#session, this.#pty, this);
    this.#commands.take(command);
  }

  /** @internal */
  keyFor(character: number): number {
    return this.#translation?.way?.keyOf(character) ?? character;
  }

  /** @internal */
  forget(): void {
    this.#editing.discard();
    this.#translation?.discardInput();
  }

  #negotiated(event: TelnetEvent): void {
    if (event.type === 'terminal-speed') this.#setSpeed(event);
    if (event.type === 'charset' || event.type === 'environment') this.#translation?.follow();
    this.#editing.negotiated(event);
  }

  #hangup(): void {
    const timeout = this.#options.killTimeout || LONGEST_TIMER;
    void this.#pty.hangup({ timeout });
    this.#final ??= new FinalOutput(
      this.#session,
      timeout,
      () => this.#dropOutput(),
      () => this.#regulate(),
    );
    this.#regulate();
  }

  /** The connection was lost or closed: further output of the program has no reader. */
  #clientGone(): void {
    this.#dropOutput();
    this.#hangup();
  }

  /** The program must not wait for a client that reads nothing: all further output is dropped. */
  #dropOutput(): void {
    this.#isDropping = true;
    this.#final?.end();
    this.#output.discard();
    this.#translated?.discard();
    this.#prompt?.take();
    this.#regulate();
  }

  /**
   * The client has closed its sending half. The program may continue for a while, since `printf … | nc -N` expects an
   * answer; but a program that waits for input would wait forever. While it still reads queued input, the timer is
   * restarted.
   */
  #clientFinished(): void {
    const { linger } = this.#options;
    if (linger === 0) return;
    const taken = this.#inputTaken();
    this.#linger?.stop();
    this.#linger = new SilenceTimer(linger, () => {
      if (this.#inputTaken() !== taken) this.#clientFinished();
      else this.#session.hangup('client-closed' satisfies HangupReason);
    });
  }

  /**
   * Increases as the terminal accepts input: the bytes received from the client minus those that wait for the program.
   */
  #inputTaken(): number {
    return this.#session.bytesRead - this.#session.inputLength - this.#pty.unwritten;
  }
}

function ignore(): void {}
