import {
  type Linemode,
  type LinemodeEvent,
  Option,
  type SpecialCharactersEvent,
  type SpecialFunctionName,
  specialCharactersOf,
  type TelnetEvent,
  type TerminalControls,
  terminalControls,
  terminalControlsOf,
} from '../../protocol/index.ts';
import type { Modes, Pty } from '../../pty/index.ts';
import type { Session } from '../../session/session.ts';
import { flowControlOption, linemodeOption } from '../../session/shared-options.ts';
import { onTerminal } from '../program/on-terminal.ts';
import { endsLine, keysOfLines, LineInput } from './line-input.ts';

/** For so long, in milliseconds, a terminal has to be in ICANON, with nothing typed or unread, before the client is told to edit. */
const REST_MS = 100;
/**
 * The same for a program that has left ICANON before, until a line has been typed: nearly always it is a shell with an editor
 * of its own, in which some command runs that reads nothing. Commands that took longer than this to no avail double it.
 */
const PATIENCE_MS = 1_000;
const MOST_PATIENCE_MS = 3_600_000;
/** A program that comes to ICANON without a word is looked for after that time, and twice as long each time, up to this. */
const LAST_LOOK_MS = 3_200;
/**
 * So long after a program has set the modes, in milliseconds, the client is told what has time, and EXTPROC is set. Programs
 * set them several times in a row, or look whether they got what they wanted (`stty` does); and whoever sets one sets them all.
 */
const SETTLE_MS = 10;
/**
 * The same for echo that comes back, which is waited for by who types next: just long enough for a shell that has read a
 * password to leave ICANON, too.
 */
const ECHO_MS = 2;

/**
 * Editing by the client (RFC 1184): follows what the program does to its terminal.
 *
 * Theory of operation. The program's terminal is in one of two kinds of modes, and so is the client.
 *
 *   ICANON on:  MODE EDIT, with TRAPSIG as ISIG, SOFT_TAB as XTABS, LIT_ECHO as not ECHOCTL. The client edits and sends lines;
 *               what it types as signals or end of file it sends as commands. ECHO is ours (WILL) exactly while the terminal's
 *               is off: then the client shows nothing, for a password. Else the client echoes, and the terminal must not,
 *               though a program sees its ECHO on: that is EXTPROC, which also makes the system tell of each change.
 *   ICANON off: MODE 0. Each key is sent as it is, and the terminal does what it would do without any of this.
 *
 * EXTPROC is on from the client's acknowledgement of EDIT on, for what comes before it in the stream was not edited; and off
 * again when ICANON is off or the client has left EDIT. Who leaves ICANON, or switches echo off, is followed at once. Who
 * enters it is followed when it has lasted, and at the beginning of a line: a shell with an editor of its own (readline)
 * leaves and enters it around each command, and to switch the client in the middle of what is being typed would leave half a
 * line on either side. Nothing tells whether that command reads lines, and a switch of ECHO, BINARY and MODE to and fro for
 * each that does not is of no use. So a program that comes back to ICANON is waited for until it has read a line, which the
 * terminal has edited, or for longer than its commands took so far that were typed no line. A program that has not read what was typed ahead is not waiting for a line, however long it takes.
 * Where EXTPROC is off, changes are found with the output that goes with them, or when somebody has typed.
 *
 * Our BINARY is off in EDIT: GNU telnet would print the echo of a line's end, which is its own then, without CR.
 */
export class LineMode {
  readonly #session: Session;
  readonly #pty: Pty;
  readonly #handler: Linemode;
  readonly #input: LineInput;
  /** Whether the client is to edit: we have said so, or it has. */
  #edits = false;
  /** The client has left EDIT by itself, and has not come back. */
  #declines = false;
  /** Whether it has ever said anything of this option but WILL: there are clients that agree to all they are offered. */
  #proven = false;
  /** Whether BINARY is to be restored behind EDIT. */
  #binary = false;
  /** Whether ICANON was on when last looked. */
  #canonical = true;
  /** In the middle of a line that the client does not edit. */
  #inLine = false;
  /** Whether the program has ever left ICANON. */
  #leaves = false;
  /** Whether a line was typed since the program came to ICANON. */
  #hasLine = false;
  /** When it came to ICANON, by the monotonic clock. */
  #since = performance.now();
  /** For how long it has to last if no line was typed, where the program has left ICANON before. */
  #patience = PATIENCE_MS;
  /** The terminal's control characters, as the client knows them. */
  #controls: TerminalControls;
  #rest: NodeJS.Timeout | undefined;
  #settle: NodeJS.Timeout | undefined;
  #show: NodeJS.Timeout | undefined;

  /** For a session whose client performs LINEMODE. */
  constructor(session: Session, pty: Pty) {
    this.#session = session;
    this.#pty = pty;
    this.#handler = session.telnet.handler(linemodeOption);
    this.#input = new LineInput(pty, () => session.more());
    if (session.telnet.has(flowControlOption)) session.telnet.request(Option.LFLOW, 'remote', true);
    const told = clientControls(session);
    this.#proven = Object.keys(told).length > 0;
    this.#set(told);
    this.#controls = controlsOf(pty.modes());
    this.#handler.setUsual(specialCharactersOf(this.#controls));
    pty.master.followModes(true);
    this.look();
    this.#touch();
  }

  /** Whether the session's client has agreed to LINEMODE, and a shell may use it. */
  static isOffered({ telnet }: Session): boolean {
    return telnet.has(linemodeOption) && telnet.isEnabled(Option.LINEMODE, 'remote');
  }

  /** The end: of the option, or of the program. */
  stop(): void {
    clearTimeout(this.#rest);
    clearTimeout(this.#settle);
    clearTimeout(this.#show);
    this.#input.discard();
  }

  /** Whether keys and output are nothing to this at the moment. */
  get isIdle(): boolean {
    return !this.#edits && !this.#handler.mode.edit && !this.#canonical;
  }

  /** Types input that has come from the client. Returns whether more may come at once. */
  type(bytes: Uint8Array): boolean {
    const modes = this.#pty.modes();
    if (modes.icanon && endsLine(bytes, modes)) this.#hasLine = true;
    if (this.#handler.mode.edit) {
      // The client has not heard yet that it is to send keys: as with these, somebody has typed.
      if (!this.#edits) this.#touch();
      if (!modes.icanon) return this.#pty.master.type(keysOfLines(bytes));
      if (modes.echonl && !modes.echo) this.#session.send(Buffer.from('\r\n'));
      if (modes.extproc) return this.#input.type(bytes, modes);
    } else {
      this.#inLine = !endsLine(bytes, modes);
      this.#touch();
    }
    return this.#pty.master.type(bytes);
  }

  /** The terminal has taken what was typed. Returns whether more may come. */
  drained(): boolean {
    return this.#input.drained();
  }

  /** Forgets what was typed ahead. */
  discard(): void {
    this.#input.discard();
  }

  /** The client, or the terminal, has something new to say. */
  negotiated(event: TelnetEvent): void {
    if (event.type === 'linemode') this.#entered(event);
    else if (event.type === 'special-characters') this.#charactersSet(event);
  }

  /** The option was switched off: each key is sent again, and the terminal echoes. */
  disabled(): void {
    clearTimeout(this.#rest);
    clearTimeout(this.#settle);
    clearTimeout(this.#show);
    this.#pty.master.followModes(false);
    this.#pty.master.setExternalProcessing(false);
    this.#session.telnet.request(Option.ECHO, 'local', true);
    if (this.#edits && this.#binary) this.#session.telnet.request(Option.BINARY, 'local', true);
    this.#typeRest();
  }

  /** Types what waits for the program to read, which it shall not do by lines any more. */
  #typeRest(): void {
    const rest = this.#input.take();
    if (rest.length === 0) return;
    this.#pty.master.type(keysOfLines(rest));
    this.#session.more();
  }

  /** Looks at the terminal's modes, which may have changed. */
  look(): void {
    const modes = this.#pty.modes();
    this.#see(modes);
    this.#tellFlow(modes);
    if (this.#edits && !this.#canonical) {
      this.#leave();
    } else if (this.#edits && this.#proven) {
      if (!modes.echo) this.#echo(modes);
      else this.#show ??= setTimeout(() => onTerminal(() => this.#showAgain()), ECHO_MS);
    }
    // The rest has time. EXTPROC also where a program has put back modes that it had saved when that was otherwise.
    if (this.#edits || modes.extproc !== this.#wantsExtproc)
      this.#settle ??= setTimeout(() => onTerminal(() => this.#settled()), SETTLE_MS);
  }

  /** Takes note of ICANON: the time until the client is told to edit begins with it. */
  #see({ icanon }: Modes): void {
    const was = this.#canonical;
    this.#canonical = icanon === true;
    if (was !== this.#canonical) this.#turned();
    if (this.#edits || was || !this.#canonical) return;
    // What was typed before was no line.
    this.#inLine = false;
    this.#touch();
  }

  /** The program has left ICANON, or come to it. */
  #turned(): void {
    if (!this.#canonical) {
      this.#leaves = true;
      const lasted = performance.now() - this.#since;
      // (What was typed ahead is for the shell.)
      if (this.#hasLine && this.#pty.master.inputWaiting === 0) this.#patience = PATIENCE_MS;
      else this.#patience = Math.min(Math.max(this.#patience, 2 * lasted), MOST_PATIENCE_MS);
    }
    this.#since = performance.now();
    this.#hasLine = false;
  }

  get #wantsExtproc(): boolean {
    return this.#canonical && this.#handler.mode.edit;
  }

  #showAgain(): void {
    this.#show = undefined;
    const modes = this.#pty.modes();
    if (this.#edits && modes.icanon) this.#echo(modes);
  }

  /** The program has done with its terminal, for now. */
  #settled(): void {
    clearTimeout(this.#settle);
    this.#settle = undefined;
    const modes = this.#pty.modes();
    this.#see(modes);
    this.#pty.master.setExternalProcessing(this.#wantsExtproc);
    if (!this.#edits) return;
    if (!this.#canonical) {
      this.#leave();
      return;
    }
    this.#session.together(() => {
      this.#handler.propose(modeOf(modes));
      if (this.#proven) this.#echo(modes);
      this.#tellControls(modes);
    });
  }

  /** Somebody has typed, or the terminal has come to ICANON. */
  #touch(): void {
    if (this.#edits || this.#declines) return;
    clearTimeout(this.#rest);
    const isPatient = this.#canonical && this.#leaves && !this.#hasLine;
    this.#restFor(isPatient ? this.#patience : REST_MS);
  }

  #restFor(ms: number): void {
    this.#rest = setTimeout(() => onTerminal(() => this.#rested(ms)), ms);
  }

  #rested(ms: number): void {
    this.#rest = undefined;
    this.look();
    // A look that has found ICANON has begun the time anew.
    if (this.#rest !== undefined || this.#edits) return;
    if (!this.#canonical) {
      if (ms < LAST_LOOK_MS) this.#restFor(2 * ms);
    } else if (this.#pty.master.inputWaiting > 0) {
      this.#restFor(ms);
    } else if (!this.#inLine) {
      this.#enter();
    }
  }

  #enter(): void {
    const { telnet } = this.#session;
    const modes = this.#pty.modes();
    this.#edits = true;
    this.#binary = telnet.isEnabled(Option.BINARY, 'local');
    this.#session.together(() => {
      if (this.#proven) this.#echo(modes);
      if (this.#binary) telnet.request(Option.BINARY, 'local', false);
      this.#tellControls(modes);
      this.#handler.propose(modeOf(modes));
    });
  }

  #leave(): void {
    this.#edits = false;
    const { telnet } = this.#session;
    this.#session.together(() => {
      // Before ECHO: so the client does not take the two for a password that is to be edited.
      this.#handler.propose({});
      telnet.request(Option.ECHO, 'local', true);
      if (this.#binary) telnet.request(Option.BINARY, 'local', true);
    });
    this.#typeRest();
  }

  /** A mode is in force from here on in what the client sends. */
  #entered({ mode, by }: LinemodeEvent): void {
    this.#proven = true;
    if (by === 'peer' && mode.edit !== this.#edits) {
      // Its user has said so; it stands until the program does something.
      this.#declines = !mode.edit;
      if (mode.edit) this.#enter();
      else this.#leave();
    }
    // At once, since from here on the client echoes, or does not; unless the program is just about to set modes.
    if ((mode.edit && this.#edits) || this.#settle === undefined) this.#settled();
    else this.look();
  }

  /** RFC 857: ECHO is ours where the terminal's is off, so that the client shows nothing. */
  #echo(modes: Modes): void {
    this.#session.telnet.request(Option.ECHO, 'local', !modes.echo);
  }

  #charactersSet({ changed }: SpecialCharactersEvent): void {
    this.#proven = true;
    this.#set(present(terminalControlsOf(changed)));
    this.#controls = controlsOf(this.#pty.modes());
  }

  /** Sets the terminal's control characters as the client has them. */
  #set(controls: Modes): void {
    if (Object.keys(controls).length > 0) this.#pty.setModes(controls);
  }

  /** Tells the client which control characters the program has changed. */
  #tellControls(modes: Modes): void {
    const controls = controlsOf(modes);
    const news = Object.entries(controls).filter(
      ([name, value]) => value !== this.#controls[name as keyof TerminalControls],
    );
    this.#controls = controls;
    if (news.length > 0) this.#handler.setCharacters(specialCharactersOf(Object.fromEntries(news)));
  }

  #tellFlow({ ixon, ixany }: Modes): void {
    const { telnet } = this.#session;
    if (!telnet.has(flowControlOption)) return;
    telnet.handler(flowControlOption).control({ enabled: ixon === true, restart: ixany ? 'any' : 'xon' });
  }
}

/** The control characters that the client of a session has told, for its program's terminal. */
export function clientControls(session: Session): Modes {
  if (!LineMode.isOffered(session)) return {};
  const handler = session.telnet.handler(linemodeOption);
  const names = Object.keys(terminalControls) as SpecialFunctionName[];
  return present(terminalControlsOf(names.map(name => handler.character(name))));
}

/** What a client has no key for stays as it is: the terminal may be typed at by others, or by a script. */
function present(controls: TerminalControls): Modes {
  return Object.fromEntries(Object.entries(controls).filter(([, value]) => value));
}

function controlsOf(modes: Modes): TerminalControls {
  return Object.fromEntries(Object.values(terminalControls).map(name => [name, modes[name]]));
}

function modeOf({ isig, xtabs, echoctl }: Modes) {
  return { edit: true, trapsig: isig === true, softTab: xtabs === true, litEcho: echoctl === false };
}
