import { LONGEST_TIMER } from '../../options.ts';
import type { Speed, TelnetEvent } from '../../protocol/index.ts';
import type { ExitStatus, Pty } from '../../pty/index.ts';
import type { PtyUser } from '../../pty/master.ts';
import type { HangupReason } from '../../session/ending.ts';
import type { SessionListeners } from '../../session/events.ts';
import { BlockTable, type ProgramBlock } from '../../session/fast-path.ts';
import type { SessionConsumer } from '../../session/link.ts';
import type { Session } from '../../session/session.ts';
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
import { dimension, ResizeThrottle } from './resize.ts';

/** The last output of a program waits for a client that takes none of it at most this long, in milliseconds. */
const STALL_MS = 30_000;

/** How a {@link Bridge} behaves; the same for all sessions of a shell. */
export interface BridgeOptions extends Omit<PtyShellSettings, 'mode'> {
  readonly mode: ShellMode;
  /** Whether the client may edit: see line-editing/decision.ts. */
  readonly lineMode: boolean;
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

/**
 * Which bridge a session belongs to. An entry is deleted at the end of the bridge: V8's scavenger takes the values of an old
 * WeakMap as alive, whatever their keys are, and would keep each session with all that belongs to it.
 */
const bridges = new WeakMap<Session, Bridge>();
const bridgeOf = (session: Session): Bridge => bridges.get(session)!;

/**
 * Joins one session to one program until both are done.
 *
 * Either way the bytes pass as they come, without a copy and past the streams, and a side that cannot take more stops the other at its
 * source: what the client types waits in the session's bounded look-ahead, what the program prints in the kernel.
 *
 * Every end is the same end: the program is gone and all it printed has been read. It comes by itself, or because the
 * program was hung up: the client vanished, closed its sending half for longer than `linger`, or somebody asked.
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
  /** The beginning of what the program has printed. */
  firstOutput: string | undefined;
  /** Output is being converted, and no more can be taken meanwhile. */
  #isBehind = false;
  /** The client takes no output. */
  #isFull = false;
  /** Nobody reads output any more: it is read from the terminal and dropped. */
  #isDropping = false;
  /** From the hangup on: how long output waits for the client. */
  #final: FinalOutput | undefined;
  #resize: ResizeThrottle | undefined;
  /** Made at the first command. */
  #commands: Commands | undefined;
  #resolve!: (status: Promise<ExitStatus>) => void;
  #exited = false;
  #outputEnded = false;
  #isFinishing = false;
  /** Ends the watch over what is left to show. */
  #unwatch: (() => void) | undefined;
  #linger: NodeJS.Timeout | undefined;
  /** Made at the first flush. */
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
    this.#session.link.ending.record('program');
    if (this.#outputEnded) this.#programGone();
    else if (this.#isFull) this.#watchClient();
  }

  /** What is left to show has to be taken: once the program has ended, a client that reads nothing holds up the end. */
  #watchClient(): void {
    this.#unwatch ??= this.#session.destroyWhenStalled(STALL_MS);
  }

  /** @internal The terminal gives no more output. */
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
    clearTimeout(this.#linger);
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
    // Last, because it starts the flow of what was typed before the program ran.
    session.link.consume(this);
    session.link.fastPath.join(pty.master.native, { table: Bridge.#blocks, owner: this });
  }

  // Listeners are the same functions for all bridges: a closure for each would be most of what a bridge keeps.

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

  /** 0 is a dimension that the client does not know: it stays as it is. */
  #resized(columns: number, rows: number): void {
    const pty = this.#pty;
    this.#resize ??= new ResizeThrottle((width, height) => onTerminal(() => pty.resize(width, height)));
    this.#resize.push(dimension(columns, pty.columns), dimension(rows, pty.rows));
  }

  /** What the client told while the program was being started has come too late for its terminal. */
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

  /** @internal Input, on its way to the program. */
  input(received: Uint8Array): boolean {
    this.#commands?.keyTyped();
    const bytes = this.#translation?.input(received) ?? received;
    return bytes.length === 0 || this.#editing.type(bytes);
  }

  /** @internal The program's terminal takes input again. */
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

  /** @internal The terminal has dropped its output. */
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

  /** @internal A turn is over. */
  settled(): void {
    this.#session.link.fastPath.offer();
  }

  /** Output, on its way to the client. */
  #show(bytes: Buffer): void {
    if (this.#translated === undefined) this.send(bytes);
    else this.#translated.show(bytes);
  }

  /** @internal Output that has to be converted holds up what comes behind it. */
  behind(isBehind: boolean): void {
    this.#isBehind = isBehind;
    if (!isBehind && this.#exited && this.#outputEnded) this.#programGone();
    else this.#regulate();
  }

  /** Stops output while it has to wait, and lets it go on. */
  #regulate(): void {
    const isBlocked = this.#isFull && !this.#isDropping && (this.#final?.mustWait() ?? true);
    if (this.#isBehind || isBlocked) this.#pty.master.pauseOutput();
    else this.#pty.master.resumeOutput();
  }

  /** @internal Output in the client's character set. */
  send(bytes: Uint8Array | undefined): void {
    if (bytes === undefined || bytes.length === 0 || !this.#session.writable) return;
    // What is not taken at once waits in the kernel, in one piece, and not here, in as many as the program makes.
    const ready = this.#prompt?.pass(bytes) ?? bytes;
    if (ready.length > 0 && !this.#session.link.write(ready)) {
      this.#isFull = true;
      if (this.#exited) this.#watchClient();
      this.#regulate();
    }
    this.#prompt?.touch();
  }

  /** @internal The client takes output again. */
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
    if (event.type === 'charset' || event.type === 'environment') {
      this.#translated?.finish();
      this.#translation?.follow();
    }
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

  /** The connection is broken or closed: nobody reads what the program still prints. */
  #clientGone(): void {
    this.#dropOutput();
    this.#hangup();
  }

  /** The program must not wait for a client that takes nothing: what it prints from here on is dropped. */
  #dropOutput(): void {
    this.#isDropping = true;
    this.#final?.end();
    this.#output.discard();
    this.#translated?.discard();
    this.#prompt?.take();
    this.#regulate();
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
      else this.#session.hangup('client-closed' satisfies HangupReason);
    }, linger);
  }

  /** Grows as input goes to the terminal: what has come from the client, less what waits for the program. In bytes. */
  #inputTaken(): number {
    return this.#session.bytesRead - this.#session.inputLength - this.#pty.unwritten;
  }
}

function ignore(): void {}
