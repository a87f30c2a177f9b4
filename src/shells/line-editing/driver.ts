/**
 * Has the program's terminal and the client follow what decision.ts decides, and types what the client sends accordingly.
 *
 * It looks at the terminal's modes when the system reports a change (packet mode with EXTPROC), with the output after a
 * change (`Pty.followModes`), and when somebody has typed. When it acts on what it sees depends on who waits for it:
 *
 *   at once       the end of EDIT, an ECHO that goes off (WILL ECHO), flow control
 *   after 2 ms    an ECHO that comes back (WONT ECHO)
 *   after 10 ms   the rest: EXTPROC, the bits of MODE, control characters
 *   line-wait.ts  the beginning of EDIT
 *
 * For a client that sends keys none of this runs: its terminal is looked at when the client's answer to WILL ECHO changes.
 */
import { Command, Option, type TelnetEvent } from '../../protocol/index.ts';
import type { Modes, Pty } from '../../pty/index.ts';
import type { Session } from '../../session/session.ts';
import { type CommandKey, interrupt, keyOf } from '../program/interrupts.ts';
import type { ShellMode } from '../program/modes.ts';
import { onTerminal } from '../program/on-terminal.ts';
import { type Client, type Decision, decide } from './decision.ts';
import { hidesOnEcho, refusesEcho } from './echo.ts';
import { EraseKey } from './erase-key.ts';
import { keysOfLines, LineInput } from './line-input.ts';
import { LinemodeClient, performsLinemode } from './linemode-client.ts';

/** A program that comes to ICANON without a word is looked for after that time, and twice as long each time, up to this. */
const LAST_LOOK_MS = 3_200;
/** Programs set modes several times in a row, or look whether they got what they wanted (`stty` does); and whoever sets one sets all. */
const SETTLE_MS = 10;
/** The next key waits for an echo that comes back: just long enough for a shell that has read a password to leave ICANON, too. */
const ECHO_MS = 2;
/**
 * TinTin++ follows WONT ECHO without an answer. Until there is one nothing more may be said (RFC 1143), so the next password would be shown.
 * A client for MUDs that has not answered after this time has agreed.
 */
const UNANSWERED_MS = 300;

/** What {@link Editing} begins with. */
export interface EditingOptions {
  readonly mode: ShellMode;
  /** Whether clients that perform LINEMODE may edit. */
  readonly lineMode: boolean;
  /** The erase character that the terminal was started with. */
  readonly erase: number;
  /** Whether the terminal was started with an echo, where that follows the client. */
  readonly echo: boolean;
}

/** Who edits and who echoes what a client types. */
export class Editing {
  readonly #session: Session;
  readonly #pty: Pty;
  readonly #mode: ShellMode;
  readonly #lineMode: boolean;
  #eraseKey: EraseKey | undefined;
  /** `undefined` where clients do not follow the program. */
  #client: Client | undefined;
  #linemode: LinemodeClient | undefined;
  /** Made for the first client that may edit. */
  #input: LineInput | undefined;
  /** Whether we say that we echo, and whether the client has refused it. */
  #echo = true;
  #refused = false;
  /** Set while the terminal's ECHO is off because the client echoes: whether that was in ICANON. */
  #echoTakenIn: boolean | undefined;
  /** Whether the program was to be given lines when last looked. */
  #givesLines = false;
  #rest: NodeJS.Timeout | undefined;
  #settle: NodeJS.Timeout | undefined;
  #show: NodeJS.Timeout | undefined;
  #answer: NodeJS.Timeout | undefined;

  constructor(session: Session, pty: Pty, { mode, lineMode, erase, echo }: EditingOptions) {
    this.#session = session;
    this.#pty = pty;
    this.#mode = mode;
    this.#lineMode = lineMode;
    this.#echoTakenIn = mode.echoFollows && !echo ? true : undefined;
    this.#eraseKey = mode.learnErase ? new EraseKey(pty, erase) : undefined;
  }

  /** Follows what was negotiated while the program was being started. */
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
    clearTimeout(this.#answer);
    this.#input?.discard();
  }

  /** Whether keys and their echo may pass without this. */
  get isIdle(): boolean {
    const linemode = this.#linemode;
    if (linemode === undefined) return this.#client !== 'line';
    return !linemode.toldEdit && !linemode.inEdit && !linemode.wait.isCanonical;
  }

  /** Types input of the client, which is lent. Returns whether more may come at once. */
  type(bytes: Uint8Array): boolean {
    const input =
      this.#mode.delErases && !this.#session.telnet.isEnabled(Option.BINARY, 'remote')
        ? EraseKey.deleteAsBackspace(bytes)
        : bytes;
    if (this.#eraseKey?.concerns(input)) onTerminal(() => this.#eraseKey?.observe(input));
    if (this.#input === undefined) return this.#pty.master.type(input);
    return onTerminal(() => this.#type(input)) ?? this.#pty.master.type(input);
  }

  /** The terminal takes input again. Returns whether more may come. */
  drained(): boolean {
    return this.#input?.drained() !== false;
  }

  /** Forgets what was typed and has not reached the terminal. */
  discard(): void {
    this.#input?.discard();
  }

  /** The program has set its terminal's modes. */
  modesSet(): void {
    if (this.#input !== undefined) onTerminal(() => this.#look());
  }

  /** The client has something new to say. */
  negotiated(event: TelnetEvent): void {
    if (!this.#mode.echoFollows) return;
    const linemode = this.#linemode;
    if (event.type === 'terminal-type' || (event.type === 'option' && event.option === Option.LINEMODE))
      this.#identify();
    else if (event.type === 'option' && event.option === Option.ECHO) this.#echoAnswered();
    else if (event.type === 'linemode' && linemode !== undefined)
      onTerminal(() => {
        linemode.entered(event.mode, event.by);
        // At once, since from here on the client echoes, or does not; unless the program is just about to set modes.
        if ((linemode.inEdit && linemode.toldEdit) || this.#settle === undefined) this.#settled();
        else this.#look();
      });
    else if (event.type === 'special-characters') onTerminal(() => linemode?.charactersSet(event.changed));
  }

  /** Finds out of which kind the client is: it may turn out late to be one for MUDs, or begin or end LINEMODE. */
  #identify(): void {
    const session = this.#session;
    const isLinemode = this.#lineMode && performsLinemode(session);
    const isMud = this.#client === 'line' || hidesOnEcho(session) === true;
    const client = isLinemode ? 'linemode' : isMud ? 'line' : 'character';
    if (client !== this.#client) onTerminal(() => this.#become(client));
  }

  #become(client: Client): void {
    // (A client for MUDs was not asked.)
    if (this.#client === undefined) this.#echo = client !== 'line';
    this.#client = client;
    if (client === 'character' && this.#input === undefined) {
      this.#setEcho(!this.#refused);
      return;
    }
    const pty = this.#pty;
    const former = this.#linemode;
    clearTimeout(this.#rest);
    // A client that edits lines uses its erase key itself.
    this.#eraseKey = undefined;
    this.#input ??= new LineInput(pty, () => this.#session.link.resumeInput());
    this.#linemode = client === 'linemode' ? new LinemodeClient(this.#session, pty) : undefined;
    pty.master.followModes(client !== 'character');
    this.#settled();
    former?.setBinary(true);
    this.#touch();
  }

  /** The client has agreed to our ECHO, or refused it, or ended it. */
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
      toldEdit: linemode?.toldEdit === true,
      inEdit: linemode?.inEdit === true,
      declined: linemode?.declined === true,
      proven: linemode?.proven === true,
      rested,
      inLine: linemode?.wait.inLine === true,
    });
  }

  /** Looks at the terminal's modes, which may have changed. */
  #look(): void {
    const modes = this.#see();
    const decision = this.#decide(modes);
    const { edit, say } = decision;
    const wasEdit = this.#linemode?.toldEdit === true;
    if (wasEdit && !edit) this.#follow(decision, modes);
    else if (say !== false || this.#client === 'line') this.#sayEcho(say);
    else this.#show ??= setTimeout(() => onTerminal(() => this.#showAgain()), ECHO_MS);
    // EXTPROC also where a program has put back modes that it had saved when that was otherwise.
    if (wasEdit || modes.extproc !== decision.extproc) this.#settleLater();
  }

  /** Reads the terminal's modes. The time until the client is told EDIT begins with ICANON. */
  #see(): Modes {
    const modes = this.#pty.modes();
    const linemode = this.#linemode;
    linemode?.tellFlow(modes);
    if (linemode?.wait.look(modes.icanon === true, this.#pty) === true && !linemode.toldEdit) {
      // What was typed before was no line.
      linemode.wait.inLine = false;
      this.#touch();
    }
    return modes;
  }

  #showAgain(): void {
    this.#show = undefined;
    const { edit, say } = this.#decide(this.#pty.modes());
    if (edit) this.#sayEcho(say);
  }

  #settleLater(): void {
    this.#settle ??= setTimeout(() => onTerminal(() => this.#settled()), SETTLE_MS);
  }

  /** The program has done with its terminal, for now. */
  #settled(): void {
    clearTimeout(this.#settle);
    this.#settle = undefined;
    const modes = this.#see();
    const decision = this.#decide(modes);
    this.#pty.master.setExternalProcessing(decision.extproc);
    this.#follow(decision, modes);
  }

  /** Says and does what has been decided, as far as it was not. */
  #follow({ edit, say, ownEcho }: Decision, modes: Modes): void {
    const linemode = this.#linemode;
    this.#session.batch(() => {
      // Before ECHO: so the client does not take the two for a password that is to be edited.
      if (!edit) linemode?.setMode(false, modes);
      this.#sayEcho(say);
      linemode?.setBinary(!edit);
      if (!edit) return;
      linemode?.tellControls(modes);
      linemode?.setMode(true, modes);
    });
    this.#setEcho(ownEcho);
    const hadLines = this.#givesLines;
    this.#givesLines = this.#client === 'line' ? modes.icanon === true : edit;
    if (!hadLines || this.#givesLines) return;
    // The program is not to read by lines any more what it has not read yet.
    const rest = this.#input!.take();
    if (rest.length === 0) return;
    this.#pty.master.type(keysOfLines(rest));
    this.#session.link.resumeInput();
  }

  #sayEcho(on: boolean | undefined): void {
    if (on === undefined || on === this.#echo) return;
    this.#echo = on;
    this.#session.telnet.request(Option.ECHO, 'local', on);
    if (this.#client === 'line') this.#expectAnswer();
  }

  #expectAnswer(): void {
    const { telnet } = this.#session;
    clearTimeout(this.#answer);
    this.#answer = setTimeout(() => {
      telnet.assumeAgreed(Option.ECHO, 'local');
      // It may have been our last request but one.
      if (telnet.isPending(Option.ECHO, 'local')) this.#expectAnswer();
    }, UNANSWERED_MS);
  }

  /** Switches the terminal's ECHO off, or on again: not where the program has changed to keys, or to lines, meanwhile. */
  #setEcho(own: boolean): void {
    if (own === (this.#echoTakenIn === undefined)) return;
    const { echo, icanon } = this.#pty.modes();
    const isOurs = own ? this.#echoTakenIn === icanon : echo === true;
    if (own || isOurs) this.#echoTakenIn = own ? undefined : icanon === true;
    if (isOurs) this.#pty.setModes({ echo: own });
  }

  /** Somebody has typed, or the terminal has come to ICANON: the client is not told EDIT for a while. */
  #touch(): void {
    const linemode = this.#linemode;
    if (linemode !== undefined && !linemode.toldEdit && !linemode.declined) this.#restFor(linemode.wait.ms);
  }

  #restFor(ms: number): void {
    clearTimeout(this.#rest);
    this.#rest = setTimeout(() => onTerminal(() => this.#rested(ms)), ms);
  }

  #rested(ms: number): void {
    const { toldEdit, wait } = this.#linemode!;
    this.#rest = undefined;
    this.#look();
    // A look that has found ICANON has begun the time anew.
    if (this.#rest !== undefined || toldEdit) return;
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
    // In EDIT the client has not heard yet that it is to send keys: as with these, somebody has typed.
    this.#touch();
    if (!inEdit) return this.#pty.master.type(bytes);
    if (!modes.icanon) return this.#pty.master.type(keysOfLines(bytes));
    if (modes.echonl && !modes.echo) this.#session.link.write(Buffer.from('\r\n'));
    return modes.extproc ? this.#input!.type(bytes, modes) : this.#pty.master.type(bytes);
  }

  /**
   * From a client without LINEMODE, which sends signals as characters. With EXTPROC a terminal makes no signals of them. (Nor is it
   * switched off for them: the kernel looks at a character some time after it was written, and by then it may be back.)
   */
  #typeLines(bytes: Uint8Array): boolean {
    const input = this.#input!;
    let rest = bytes;
    // (A loop: a chunk may be nothing but signal keys.)
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

/** The commands for keys that are signals. */
const SIGNALS = [Command.IP, Command.ABORT, Command.SUSP] as const;

/** The key of a signal that a character is to the terminal, if it is one. */
function signalKeyOf(character: number, modes: Modes): CommandKey | undefined {
  return SIGNALS.map(keyOf).find(key => key !== undefined && modes[key.name] === character);
}
