/**
 * Applies the decisions of decision.ts to the program's terminal and to the client, and writes the client's input to
 * the terminal accordingly.
 *
 * It reads the terminal's modes when the kernel reports a change (packet mode with EXTPROC). It also reads them with
 * the output after a change (`Pty.followModes`), and when the user has typed. The delay of the reaction depends on what
 * waits for it:
 *
 *   immediately   the end of EDIT, an ECHO that is switched off (WILL ECHO), flow control
 *   after 2 ms    an ECHO that is switched on again (WONT ECHO)
 *   after 10 ms   all else: EXTPROC, the bits of MODE, control characters; each change restarts this time
 *   line-wait.ts  the start of EDIT
 *
 * For a client that sends keys none of this runs. Its terminal's modes are only read when the client's answer to WILL
 * ECHO changes.
 */
import { Command, Option, type TelnetEvent } from '../../protocol/index.ts';
import type { Modes, Pty } from '../../pty/index.ts';
import type { Session } from '../../session/session.ts';
import { SilenceTimer } from '../../transport/silence-timer.ts';
import { type CommandKey, interrupt, keyOf } from '../program/interrupts.ts';
import type { ShellMode } from '../program/modes.ts';
import { onTerminal } from '../program/on-terminal.ts';
import { type Client, type Decision, decide } from './decision.ts';
import { hidesOnEcho, refusesEcho } from './echo.ts';
import { EraseKey } from './erase-key.ts';
import { keysOfLines, LineInput } from './line-input.ts';
import { LinemodeClient, performsLinemode } from './linemode-client.ts';

/**
 * A program may return to ICANON without a report. Then its modes are read after the line wait, and at doubled
 * intervals up to this one.
 */
const LAST_LOOK_MS = 3_200;
/**
 * Programs set modes several times in a row, or read back what they set (`stty` does). A program that sets one mode
 * sets them all.
 */
const SETTLE_MS = 10;
/** How often a change restarts this time: a program that never stops setting modes is followed, too. */
const SETTLE_RESTARTS = 5;
/**
 * An echo that is switched on again delays the next key. This is just long enough for a shell that has read a password
 * to leave ICANON, too.
 */
const ECHO_MS = 2;
/**
 * TinTin++ obeys WONT ECHO without an answer. Before an answer no further request may be sent (RFC 1143), so the next
 * password would be displayed. A MUD client that has not answered after this time counts as having agreed.
 */
const UNANSWERED_MS = 300;

/** The options of {@link Editing}. */
export interface EditingOptions {
  readonly mode: ShellMode;
  /** Whether clients that perform LINEMODE may edit. */
  readonly lineMode: boolean;
  /** The initial erase character of the terminal. */
  readonly erase: number;
  /** Whether the terminal initially echoes, if its echo follows the client. */
  readonly echo: boolean;
}

/** Controls which side edits and echoes the input of a client. */
export class Editing {
  readonly #session: Session;
  readonly #pty: Pty;
  readonly #mode: ShellMode;
  readonly #lineMode: boolean;
  #eraseKey: EraseKey | undefined;
  /** `undefined` if clients do not follow the program. */
  #client: Client | undefined;
  #linemode: LinemodeClient | undefined;
  /** Created for the first client that may edit. */
  #input: LineInput | undefined;
  /** Whether we offer ECHO, and whether the client has refused it. */
  #echo = true;
  #refused = false;
  /** Set while the terminal's ECHO is off because the client echoes; its value is ICANON at the time of the change. */
  #echoTakenIn: boolean | undefined;
  /** Whether the program was to receive lines at the last decision. */
  #givesLines = false;
  #rest: NodeJS.Timeout | undefined;
  #settle: NodeJS.Timeout | undefined;
  /** Changes of modes since `#settle` was started. */
  #restarts = 0;
  #show: NodeJS.Timeout | undefined;
  #answer: SilenceTimer | undefined;

  constructor(session: Session, pty: Pty, { mode, lineMode, erase, echo }: EditingOptions) {
    this.#session = session;
    this.#pty = pty;
    this.#mode = mode;
    this.#lineMode = lineMode;
    this.#echoTakenIn = mode.echoFollows && !echo ? true : undefined;
    this.#eraseKey = mode.learnErase ? new EraseKey(pty, erase) : undefined;
  }

  /** Applies what was negotiated while the program was being started. */
  begin(): void {
    if (!this.#mode.echoFollows) return;
    this.#refused = refusesEcho(this.#session);
    this.#identify();
  }

  /** The program has ended. */
  stop(): void {
    clearTimeout(this.#rest);
    clearTimeout(this.#settle);
    clearTimeout(this.#show);
    this.#answer?.stop();
    this.#input?.discard();
  }

  /** Whether keys and their echo may bypass this class. */
  get isIdle(): boolean {
    const linemode = this.#linemode;
    if (linemode === undefined) return this.#client !== 'line';
    return !linemode.editProposed && !linemode.inEdit && !linemode.wait.isCanonical;
  }

  /** Writes input of the client, which is borrowed. Returns whether more is accepted immediately. */
  type(bytes: Uint8Array): boolean {
    const input =
      this.#mode.delErases && !this.#session.telnet.isEnabled(Option.BINARY, 'remote')
        ? EraseKey.deleteAsBackspace(bytes)
        : bytes;
    if (this.#eraseKey?.concerns(input)) onTerminal(() => this.#eraseKey?.observe(input));
    if (this.#input === undefined) return this.#pty.master.type(input);
    return onTerminal(() => this.#type(input)) ?? this.#pty.master.type(input);
  }

  /** The terminal accepts input again. Returns whether more input is accepted. */
  drained(): boolean {
    return this.#input?.drained() !== false;
  }

  /** Discards input that has not reached the terminal. */
  discard(): void {
    this.#input?.discard();
  }

  /** The program has set its terminal's modes. */
  modesSet(): void {
    if (this.#input === undefined) return;
    if (this.#restarts++ < SETTLE_RESTARTS) this.#settle?.refresh();
    onTerminal(() => this.#look());
  }

  /** The client has negotiated something. */
  negotiated(event: TelnetEvent): void {
    if (!this.#mode.echoFollows) return;
    const linemode = this.#linemode;
    if (event.type === 'terminal-type' || (event.type === 'option' && event.option === Option.LINEMODE))
      this.#identify();
    else if (event.type === 'option' && event.option === Option.ECHO) this.#echoAnswered();
    else if (event.type === 'linemode' && linemode !== undefined)
      onTerminal(() => {
        linemode.entered(event.mode, event.by);
        // Immediately, since from here on the client echoes, or does not; unless the program is just setting modes.
        if ((linemode.inEdit && linemode.editProposed) || this.#settle === undefined) this.#settled();
        else this.#look();
      });
    else if (event.type === 'special-characters') onTerminal(() => linemode?.charactersSet(event.changed));
  }

  /** Determines the kind of the client. A client may turn out to be a MUD client late, or start or end LINEMODE. */
  #identify(): void {
    const session = this.#session;
    const isLinemode = this.#lineMode && performsLinemode(session);
    const isMud = this.#client === 'line' || hidesOnEcho(session) === true;
    const client = isLinemode ? 'linemode' : isMud ? 'line' : 'character';
    if (client !== this.#client) onTerminal(() => this.#become(client));
  }

  #become(client: Client): void {
    // MUD clients are not offered ECHO.
    if (this.#client === undefined) this.#echo = client !== 'line';
    this.#client = client;
    if (client === 'character' && this.#input === undefined) {
      this.#setEcho(!this.#refused);
      return;
    }
    const pty = this.#pty;
    const former = this.#linemode;
    clearTimeout(this.#rest);
    // A client that edits lines handles its erase key itself.
    this.#eraseKey = undefined;
    this.#input ??= new LineInput(pty, () => this.#session.link.resumeInput());
    this.#linemode = client === 'linemode' ? new LinemodeClient(this.#session, pty) : undefined;
    pty.master.followModes(client !== 'character');
    this.#settled();
    former?.setBinary(true);
    this.#touch();
  }

  /** The client has agreed to our ECHO, refused it, or ended it. */
  #echoAnswered(): void {
    const { telnet } = this.#session;
    if (telnet.isPending(Option.ECHO, 'local')) return;
    const isOn = telnet.isEnabled(Option.ECHO, 'local');
    if (isOn || this.#echo) this.#refused = !isOn;
    if (this.#client === 'character') onTerminal(() => this.#setEcho(!this.#refused));
    else if (this.#client === 'linemode') this.#settleLater();
  }

  #decide({ icanon, echo }: Modes, rested = false): Decision {
    const linemode = this.#linemode;
    return decide({
      client: this.#client!,
      icanon: icanon === true,
      echo: echo === true || this.#echoTakenIn === icanon,
      refused: this.#refused,
      editProposed: linemode?.editProposed === true,
      inEdit: linemode?.inEdit === true,
      declined: linemode?.declined === true,
      proven: linemode?.proven === true,
      rested,
      inLine: linemode?.wait.inLine === true,
    });
  }

  /** Reads the terminal's modes and reacts to a change. */
  #look(): void {
    const modes = this.#see();
    const decision = this.#decide(modes);
    const { edit, willEcho } = decision;
    const wasEdit = this.#linemode?.editProposed === true;
    if (wasEdit && !edit) this.#follow(decision, modes);
    else if (willEcho !== false || this.#client === 'line') this.#sendEcho(willEcho);
    else this.#show ??= setTimeout(() => onTerminal(() => this.#showAgain()), ECHO_MS);
    // EXTPROC may also differ because the program has restored modes that it had saved before the change.
    if (wasEdit || modes.extproc !== decision.extproc) this.#settleLater();
  }

  /** Reads the terminal's modes. The wait before EDIT is sent starts with ICANON. */
  #see(): Modes {
    const modes = this.#pty.modes();
    const linemode = this.#linemode;
    linemode?.sendFlowControl(modes);
    if (linemode?.wait.look(modes.icanon === true, this.#pty) === true && !linemode.editProposed) {
      // The input before ICANON was not a line.
      linemode.wait.inLine = false;
      this.#touch();
    }
    return modes;
  }

  #showAgain(): void {
    this.#show = undefined;
    const { edit, willEcho } = this.#decide(this.#pty.modes());
    if (edit) this.#sendEcho(willEcho);
  }

  #settleLater(): void {
    if (this.#settle !== undefined) return;
    this.#settle = setTimeout(() => onTerminal(() => this.#settled()), SETTLE_MS);
    this.#restarts = 0;
  }

  /** The program does not change its terminal's modes any more, for now. */
  #settled(): void {
    clearTimeout(this.#settle);
    this.#settle = undefined;
    const modes = this.#see();
    const decision = this.#decide(modes);
    this.#pty.master.setExternalProcessing(decision.extproc);
    this.#follow(decision, modes);
  }

  /** Sends and applies a decision, as far as it is not in effect yet. */
  #follow({ edit, willEcho, ownEcho }: Decision, modes: Modes): void {
    const linemode = this.#linemode;
    this.#session.batch(() => {
      // Before ECHO: otherwise the client would treat the two together as a password that is to be edited.
      if (!edit) linemode?.setMode(false, modes);
      this.#sendEcho(willEcho);
      linemode?.setBinary(!edit);
      if (!edit) return;
      linemode?.sendCharacters(modes);
      linemode?.setMode(true, modes);
    });
    this.#setEcho(ownEcho);
    const hadLines = this.#givesLines;
    this.#givesLines = this.#client === 'line' ? modes.icanon === true : edit;
    if (!hadLines || this.#givesLines) return;
    // The program will read keys, not lines, so the unread lines are converted.
    const rest = this.#input!.take();
    if (rest.length === 0) return;
    this.#pty.master.type(keysOfLines(rest));
    this.#session.link.resumeInput();
  }

  #sendEcho(on: boolean | undefined): void {
    if (on === undefined || on === this.#echo) return;
    this.#echo = on;
    this.#session.telnet.request(Option.ECHO, 'local', on);
    if (this.#client === 'line') this.#expectAnswer();
  }

  #expectAnswer(): void {
    const { telnet } = this.#session;
    this.#answer?.stop();
    this.#answer = new SilenceTimer(UNANSWERED_MS, () => {
      telnet.assumeAgreed(Option.ECHO, 'local');
      // The request without an answer may have been the last but one.
      if (telnet.isPending(Option.ECHO, 'local')) this.#expectAnswer();
    });
  }

  /** Switches the terminal's ECHO off or on again. Not if the program has changed ICANON since then. */
  #setEcho(own: boolean): void {
    if (own === (this.#echoTakenIn === undefined)) return;
    const { echo, icanon } = this.#pty.modes();
    const isOurs = own ? this.#echoTakenIn === icanon : echo === true;
    if (own || isOurs) this.#echoTakenIn = own ? undefined : icanon === true;
    if (isOurs) this.#pty.setModes({ echo: own });
  }

  /** The user has typed, or the terminal has entered ICANON: EDIT is not sent for a while. */
  #touch(): void {
    const linemode = this.#linemode;
    if (linemode !== undefined && !linemode.editProposed && !linemode.declined) this.#restFor(linemode.wait.ms);
  }

  #restFor(ms: number): void {
    clearTimeout(this.#rest);
    this.#rest = setTimeout(() => onTerminal(() => this.#rested(ms)), ms);
  }

  #rested(ms: number): void {
    const { editProposed, wait } = this.#linemode!;
    this.#rest = undefined;
    this.#look();
    // A look that has found ICANON has restarted the timer.
    if (this.#rest !== undefined || editProposed) return;
    const modes = this.#pty.modes();
    if (wait.isCanonical && this.#pty.master.inputWaiting === 0) this.#follow(this.#decide(modes, true), modes);
    else if (wait.isCanonical) this.#restFor(ms);
    else if (ms < LAST_LOOK_MS) this.#restFor(2 * ms);
  }

  #type(bytes: Uint8Array): boolean {
    const linemode = this.#linemode;
    if (linemode === undefined) return this.#client === 'line' ? this.#typeLines(bytes) : this.#pty.master.type(bytes);
    const { inEdit } = linemode;
    const modes = this.#pty.modes();
    linemode.wait.typed(bytes, modes, inEdit);
    // The client is still in EDIT but was sent MODE without it: as with keys, the user has typed.
    this.#touch();
    if (!inEdit) return this.#pty.master.type(bytes);
    if (!modes.icanon) return this.#pty.master.type(keysOfLines(bytes));
    if (modes.echonl && !modes.echo) this.#session.link.write(Buffer.from('\r\n'));
    return modes.extproc ? this.#input!.type(bytes, modes) : this.#pty.master.type(bytes);
  }

  /**
   * Writes input of a client without LINEMODE, which sends signals as characters. A terminal with EXTPROC does not
   * generate signals from them. EXTPROC is not switched off for them either. The kernel processes each one some time
   * after it was written, and EXTPROC may be on again by then.
   */
  #typeLines(bytes: Uint8Array): boolean {
    const input = this.#input!;
    let rest = bytes;
    // A loop, because a chunk may consist of signal keys only.
    while (rest.length > 0) {
      const modes = this.#pty.modes();
      if (!modes.icanon || !modes.extproc) return this.#pty.master.type(rest);
      const at = modes.isig ? rest.findIndex(byte => signalKeyOf(byte, modes) !== undefined) : -1;
      if (at < 0) return input.type(rest, modes);
      if (at > 0) input.type(rest.subarray(0, at), modes);
      if (!modes.noflsh) input.discard();
      interrupt(this.#pty, signalKeyOf(rest[at]!, modes)!);
      rest = rest.subarray(at + 1);
    }
    return input.isIdle;
  }
}

/** The commands whose keys are signals. */
const SIGNALS = [Command.IP, Command.ABORT, Command.SUSP] as const;

/** The key that generates a signal from this character in the terminal, if there is one. */
function signalKeyOf(character: number, modes: Modes): CommandKey | undefined {
  return SIGNALS.map(keyOf).find(key => key !== undefined && modes[key.name] === character);
}
