/** An interactive session: a person at a terminal. */
import { setImmediate as nextTurn } from 'node:timers/promises';
import { Command, Option, type TelnetEvent, terminalControlsOf } from '../../protocol/index.ts';
import { displaySize, machineOf } from '../../screen/machines/index.ts';
import type { Session } from '../../session/session.ts';
import type { Controls } from './commands.ts';
import {
  COOKED,
  type Discipline,
  describeDiscipline,
  disciplineOf,
  disciplineOfMachine,
  SILENT,
  type TerminalOptions,
} from './discipline.ts';
import { KeyReader } from './keys/key-reader.ts';
import { Keyboard } from './keys/keyboard.ts';
import { Lines } from './lines.ts';
import { caret } from './options.ts';
import { Prompt } from './prompt.ts';
import type { InputMode } from './settings.ts';
import { handleSignals, isForeground, stopSelf } from './signals.ts';
import type { LocalTerminal } from './terminal/local-terminal.ts';
import { openOutput, type TerminalOutput, terminalSize } from './terminal/output.ts';
import { Screen } from './terminal/screen.ts';
import { sessionToggles, type Toggle } from './toggles.ts';

/** How long output is discarded after an interrupt that the server does not acknowledge, in milliseconds. */
const DROP_MS = 1_000;
/** How long the server may take to close its side after the user has closed this side, in milliseconds. */
const LEAVE_MS = 1_000;

/** The options with which a server echoes each key itself. */
const AT_ONCE = [Option.SGA, Option.ECHO] as const;

/** The parts of an interactive session. */
export interface InteractiveOptions {
  readonly session: Session;
  readonly terminal: LocalTerminal;
  readonly options: TerminalOptions;
  readonly mode: InputMode;
  readonly escapeKey: number | undefined;
  /** The character set of the user's terminal. */
  readonly local: string;
  /** Whether home computers are sent the sequences of cursor and function keys. */
  readonly ansiKeys: boolean;
  /** Whether the connection uses TLS. */
  readonly isSecure: boolean;
}

/** Connects the user's terminal to a session until the session ends. */
export class Interactive implements Controls {
  readonly session: Session;
  readonly toggles: ReadonlyMap<string, Toggle>;
  readonly #terminal: LocalTerminal;
  readonly #options: TerminalOptions;
  readonly #isSecure: boolean;
  readonly #screen: Screen;
  readonly #output: TerminalOutput;
  readonly #keys: KeyReader;
  readonly #keyboard: Keyboard;
  readonly #lines: Lines;
  readonly #prompt: Prompt;
  #mode: InputMode;
  #escapeKey: number | undefined;
  /** The user's choice of echo, which overrides the negotiated one. */
  #echo: boolean | undefined;
  #leaving = false;
  /** Whether the terminal is being restored for the user's shell, or has been. */
  #givesBack = false;
  /** The actions of keys that are signals locally. */
  #isQuitting = false;
  readonly #signals = {
    SIGINT: () => this.#interrupt(),
    SIGQUIT: () => this.#send(Command.ABORT, 'SIGQUIT'),
    SIGTSTP: () => this.#stop(),
  };
  #dropTimer: NodeJS.Timeout | undefined;

  constructor({ session, terminal, options, mode, escapeKey, local, ansiKeys, isSecure }: InteractiveOptions) {
    this.session = session;
    this.#terminal = terminal;
    this.#options = options;
    this.#isSecure = isSecure;
    this.#mode = mode;
    this.#escapeKey = escapeKey;
    this.#output = openOutput(local);
    this.#screen = new Screen(session, this.#output, local, terminalSize);
    this.#keys = new KeyReader({
      escapeKey: () => this.#escapeKey,
      hasKeyboardProtocol: () => this.#output.hasKeyboardProtocol,
      deliver: bytes => this.#typed(bytes),
    });
    this.#keyboard = new Keyboard(session, local, ansiKeys);
    this.#lines = new Lines(session, this.#keyboard, terminal, signal => this.#signals[signal]());
    this.#prompt = new Prompt(
      this,
      () => terminal.endOfFile,
      () => this.#escapeKey,
      () => this.#promptChanged(),
    );
    const localecho: Toggle = {
      help: 'show here what is typed',
      get: () => this.#discipline.echo,
      set: on => {
        this.#echo = on;
      },
    };
    const others = sessionToggles(session, this.#screen, line => this.print(line));
    this.toggles = new Map([...others, ['localecho', localecho]]);
  }

  /** Resolves when the session is closed and the terminal is restored. */
  async run(): Promise<void> {
    const { session } = this;
    const { stdin, stdout } = process;
    const restore = () => {
      this.#output.reset();
      this.#terminal.restore();
    };
    process.on('exit', restore);
    const continued = () => {
      // If the terminal is restored, this process has stopped itself, and continues in the code that stopped it.
      if (!this.#givesBack) void this.#untilForeground();
    };
    const forget = handleSignals({ ...this.#signals, SIGCONT: continued }, status => void this.#quit(status));
    const typed = this.#keys.read;
    const resized = () => this.#sendSize();
    // The terminal has hung up; or, if its modes cannot be set, the end-of-file key was pressed.
    const ended = () => {
      this.#keys.stop();
      this.leave();
    };
    session.on('telnet', event => this.#handleTelnetEvent(event)).on('drain', () => void stdin.resume());
    stdout.on('resize', resized);
    this.#adapt();
    stdin.on('data', typed).once('end', ended).once('error', ended).resume();
    try {
      if (!session.closed) await new Promise<void>(resolve => session.once('close', resolve));
      await this.#giveBack(() => this.#output.reset());
    } finally {
      forget();
      this.#keys.stop();
      clearTimeout(this.#dropTimer);
      stdout.off('resize', resized);
      stdin.off('data', typed).off('end', ended).off('error', ended).pause();
      process.off('exit', restore);
      restore();
    }
    if (!this.#leaving && session.errored === null) this.#printClosed();
  }

  /** Whether the user has ended the session. */
  get hasLeft(): boolean {
    return this.#leaving;
  }

  // Used by the commands of the prompt.

  get mode(): InputMode {
    return this.#mode;
  }

  set mode(mode: InputMode) {
    this.#mode = mode;
    this.#echo = undefined;
    if (mode === 'character') for (const code of AT_ONCE) this.session.telnet.request(code, 'remote', true);
    this.#insist();
  }

  get escapeKey(): number | undefined {
    return this.#escapeKey;
  }

  set escapeKey(key: number | undefined) {
    this.#escapeKey = key;
    this.print(key === undefined ? 'There is no escape character.' : `Escape character is '${caret(key)}'.`);
  }

  get discipline(): string {
    return describeDiscipline(this.#discipline);
  }

  typeEscape(): void {
    if (this.#escapeKey !== undefined) this.#keyboard.keys(Buffer.of(this.#escapeKey));
  }

  sendSynch(): void {
    this.session.sendSynch();
  }

  suspend(): void {
    if (!this.#givesBack) void this.#suspend();
  }

  async #suspend(): Promise<void> {
    this.#givesBack = true;
    this.#output.audience = 'shell';
    if (this.#prompt.isOpen) this.#prompt.close();
    else this.print('');
    this.#screen.held = true;
    await this.#giveBack(() => {});
    if (this.session.closed) return;
    this.#terminal.restore();
    stopSelf();
    await this.#untilForeground();
  }

  /**
   * Continues once this job is in the foreground. A shell that ends a stopped job sends it SIGTERM and SIGCONT: this
   * process is then in the background, and the handler of SIGTERM must run before anything touches the terminal.
   */
  async #untilForeground(): Promise<void> {
    this.#givesBack = true;
    this.#screen.held = true;
    while (isForeground() === false) {
      await nextTurn();
      await nextTurn();
      if (this.#isQuitting || this.session.closed) return;
      stopSelf();
    }
    this.#givesBack = false;
    this.#continued();
    const { isOpen } = this.#prompt;
    this.#screen.held = isOpen;
    if (!isOpen && !this.#leaving) this.#screen.resume();
  }

  /**
   * Restores the terminal without what the server has set, and without pending answers, which the user's shell would
   * receive as typed input. If answers may be pending, this asks the terminal to identify itself: terminals answer in
   * order, so everything that is read before that answer belongs to the session. If the session has ended, input that
   * the user types ahead during this time is lost with it.
   */
  async #giveBack(reset: () => void): Promise<void> {
    this.#givesBack = true;
    const isReadable = process.stdout.isTTY && !process.stdin.readableEnded && isForeground() !== false;
    const isAnswering = this.#output.isAnswering && isReadable;
    if (isAnswering) this.#terminal.apply(SILENT, this.#escapeKey);
    reset();
    if (!isAnswering) return;
    process.stdin.resume();
    await this.#keys.untilIdentity(this.#output.askIdentity());
  }

  /** Ends the process on a signal; a second signal ends it at once. */
  async #quit(status: number): Promise<void> {
    if (this.#isQuitting) process.exit(status);
    this.#isQuitting = true;
    this.#screen.dropping = true;
    await this.#giveBack(() => this.#output.reset());
    process.exit(status);
  }

  leave(): void {
    if (this.#leaving) return;
    this.#leaving = true;
    // Reading must go on, so that the server can close cleanly.
    this.#screen.dropping = true;
    this.#screen.held = false;
    this.session.end();
    const timer = setTimeout(() => this.session.destroy(), LEAVE_MS);
    this.session.once('close', () => clearTimeout(timer));
    this.#output.reset();
    this.print('Connection closed.');
  }

  print(line: string): void {
    // If each key is sent at once, the terminal does not process output (no LF to CR LF).
    const isPlain = process.stderr.isTTY && !this.#terminal.addsReturns;
    process.stderr.write(isPlain ? `${line.replace(/\n/g, '\r\n')}\r\n` : `${line}\n`);
  }

  #printClosed(): void {
    this.print('\nConnection closed by foreign host.');
    if (this.session.bytesRead === 0 && !this.#isSecure)
      this.print('The server sent nothing: it may speak TLS (--tls), or refuse your address.');
  }

  // The treatment of keys.

  get #discipline(): Discipline {
    const { telnet, link } = this.session;
    const wanted = this.#isForMachine
      ? disciplineOfMachine(telnet, this.#mode, this.#options, link.hasReceivedTelnet)
      : disciplineOf(telnet, this.#mode, this.#options);
    return this.#echo === undefined ? wanted : { ...wanted, echo: this.#echo };
  }

  /** Whether the server is one for home computers. */
  get #isForMachine(): boolean {
    return machineOf(this.session.encoding) !== undefined;
  }

  /** Whether echo is done by {@link Screen.echo}, not by the terminal: it would not show keys as the machine does. */
  #echoesCodes({ edit, echo }: Discipline): boolean {
    return echo && !edit && this.#isForMachine;
  }

  #adapt(): void {
    if (this.#givesBack || this.#leaving) return;
    const isOurs = this.#prompt.isOpen;
    const wanted = this.#discipline;
    const discipline = isOurs ? COOKED : this.#echoesCodes(wanted) ? { ...wanted, echo: false } : wanted;
    this.#terminal.apply(discipline, this.#escapeKey, isOurs);
    this.#output.audience = isOurs ? 'prompt' : discipline.edit ? 'line' : 'program';
    this.#screen.addsReturns = process.stdout.isTTY && this.#terminal.addsReturns;
  }

  /** In mode `line`, requests a server that would echo to stop. (A server that only echoes hides a password.) */
  #insist(): void {
    const { telnet } = this.session;
    const isOn = (code: number) => telnet.isEnabled(code, 'remote') && !telnet.isPending(code, 'remote');
    if (this.#mode === 'line' && AT_ONCE.every(isOn)) {
      for (const code of AT_ONCE) telnet.request(code, 'remote', false);
    }
  }

  #handleTelnetEvent(event: TelnetEvent): void {
    if (event.type === 'special-characters') this.#terminal.useKeys(terminalControlsOf(event.changed));
    else if (event.type === 'charset') {
      // The size to report may have changed: that of the terminal, or that of a home computer.
      if (process.stdout.isTTY) this.#sendSize();
      this.#adapt();
    } else if (event.type === 'timing-mark' && event.by === 'us') this.#stopDropping();
    else if (event.type === 'option' || event.type === 'linemode' || event.type === 'flow-control') {
      if (event.type === 'option') this.#insist();
      this.#adapt();
    }
  }

  #sendSize(): void {
    if (this.session.destroyed) return;
    const { columns, rows } = process.stdout;
    const machine = machineOf(this.session.encoding);
    const size = machine === undefined ? { columns, rows } : displaySize(machine, columns, rows);
    this.session.resize(size.columns, size.rows);
  }

  // Typed input.

  #typed(chunk: Buffer): void {
    if (this.#givesBack) {
      // Answers to the program that requested them, if the program still runs.
      if (!this.#isQuitting && !this.#leaving) this.#keyboard.keys(chunk);
      return;
    }
    let rest = chunk;
    while (rest.length > 0 && !this.#leaving) {
      if (this.#prompt.isOpen) {
        rest = this.#prompt.type(rest);
        continue;
      }
      const at = indexOf(rest, this.#escapeKey);
      this.#type(at < 0 ? rest : rest.subarray(0, at));
      rest = at < 0 ? rest.subarray(rest.length) : rest.subarray(at + 1);
      if (at < 0) continue;
      // The Return that was needed for the key to arrive is not input for the prompt.
      if (this.#terminal.givesWholeLines && this.#discipline.edit && rest[0] === LF) rest = rest.subarray(1);
      this.#prompt.open();
    }
    if (this.session.writableNeedDrain && !this.#prompt.isOpen) process.stdin.pause();
  }

  #type(bytes: Buffer): void {
    if (bytes.length === 0) return;
    const discipline = this.#discipline;
    const { edit, echo, signals } = discipline;
    if (edit) {
      this.#lines.type(bytes, signals);
      if (echo && bytes.at(-1) === LF) this.#screen.lineTyped();
    } else if (this.#echoesCodes(discipline)) this.#screen.echo(this.#keyboard.keys(bytes));
    else if (echo) this.#keyboard.lines(bytes);
    else this.#keyboard.keys(bytes);
  }

  #promptChanged(): void {
    const { isOpen } = this.#prompt;
    this.#screen.held = isOpen;
    this.#adapt();
    if (!isOpen && !this.#givesBack && !this.#leaving) this.#screen.resume();
  }

  // Signals.

  #interrupt(): void {
    if (this.#prompt.isOpen) this.#prompt.cancel();
    else this.#send(Command.IP, 'SIGINT');
  }

  /**
   * Handles a key that is a command. If keys are not signals in this mode, the signal came from another process and is
   * meant for this process.
   */
  #send(command: number, signal: 'SIGINT' | 'SIGQUIT'): void {
    if (!this.#discipline.signals) {
      void this.#quit(signal === 'SIGINT' ? 130 : 131);
      return;
    }
    // The mark comes first: output that the server sent before it reads the mark is stale. Output that the interrupt
    // causes is not, even if the urgent data of a Synch travels in its own packet.
    //
    // A Synch goes only to servers that support LINEMODE. Others (Twisted's, most devices) may not read urgent data in
    // line: the system then takes the DM away from them, and the IAC before it would consume the first byte that is
    // typed next.
    this.session.batch(() => {
      this.session.telnet.request(Option.TIMING_MARK, 'remote', true);
      this.session.telnet.command(command);
      if (this.session.telnet.isEnabled(Option.LINEMODE, 'local')) this.sendSynch();
    });
    this.#screen.dropping = true;
    clearTimeout(this.#dropTimer);
    this.#dropTimer = setTimeout(() => this.#stopDropping(), DROP_MS);
  }

  #stopDropping(): void {
    clearTimeout(this.#dropTimer);
    this.#screen.dropping = this.#leaving || this.#isQuitting;
  }

  #stop(): void {
    const isTheirs = this.session.telnet.isEnabled(Option.LINEMODE, 'local') && this.#discipline.signals;
    if (isTheirs && !this.#prompt.isOpen) this.session.telnet.command(Command.SUSP);
    else this.suspend();
  }

  /** Called when this process continues after a stop; another program may have used the terminal. */
  #continued(): void {
    if (this.#leaving || this.session.closed) return;
    this.#terminal.reapply();
    this.#adapt();
    // A change of the window size during the stop was not reported; Node checks the size on this signal.
    process.kill(process.pid, 'SIGWINCH');
    if (this.#prompt.isOpen) this.#prompt.show();
  }
}

const LF = 0x0a;

function indexOf(bytes: Buffer, byte: number | null | undefined): number {
  return byte === null || byte === undefined ? -1 : bytes.indexOf(byte);
}
