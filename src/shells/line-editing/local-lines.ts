import { Command, Option } from '../../protocol/index.ts';
import type { Modes, Pty } from '../../pty/index.ts';
import type { Session } from '../../session/session.ts';
import { type CommandKey, interrupt, keyOf } from '../program/interrupts.ts';
import { onTerminal } from '../program/on-terminal.ts';
import { LineInput } from './line-input.ts';

/** So long after a program has set the modes, in milliseconds, ours is set: programs set them several times in a row. */
const SETTLE_MS = 10;

/**
 * Lines from a client that edits and echoes by itself, whatever is negotiated, and hides what is typed where we say that we
 * echo: MUD clients (see echo.ts).
 *
 * While its program wants lines, the terminal has EXTPROC, so that it does not echo, though the program sees its ECHO on; and
 * when the program switches that off, for a password, and only then, the client is told WILL ECHO. A program that reads keys
 * gets the lines all the same; it echoes them itself, or not, and nobody can tell that to such a client.
 */
export class LocalLines {
  readonly #session: Session;
  readonly #pty: Pty;
  readonly #input: LineInput;
  #settle: NodeJS.Timeout | undefined;

  constructor(session: Session, pty: Pty) {
    this.#session = session;
    this.#pty = pty;
    this.#input = new LineInput(pty, () => session.more());
    pty.master.followModes(true);
    this.#settled();
  }

  /** Input has to be given to the terminal by the line. */
  readonly isIdle = false;

  /** Types input that has come from the client. Returns whether more may come at once. */
  type(bytes: Uint8Array): boolean {
    let rest = bytes;
    // (A loop: a chunk may be nothing but signal keys.)
    while (rest.length > 0) {
      const modes = this.#pty.modes();
      if (!modes.icanon || !modes.extproc) return this.#pty.master.type(rest);
      const at = modes.isig ? rest.findIndex(byte => signalKeyOf(byte, modes) !== undefined) : -1;
      if (at < 0) return this.#input.type(rest, modes);
      // With EXTPROC a terminal makes no signals of characters. (Nor is it taken away for them: the kernel looks at a character
      // some time after it was written, and by then it may be back.)
      if (at > 0) this.#input.type(rest.subarray(0, at), modes);
      if (!modes.noflsh) this.#input.discard();
      interrupt(this.#pty, signalKeyOf(rest[at]!, modes)!);
      rest = rest.subarray(at + 1);
    }
    return this.#input.isIdle;
  }

  /** The terminal has taken what was typed. Returns whether more may come. */
  drained(): boolean {
    return this.#input.drained();
  }

  /** Forgets what was typed ahead. */
  discard(): void {
    this.#input.discard();
  }

  /** Looks at the terminal's modes, which may have changed. */
  look(): void {
    const modes = this.#pty.modes();
    const hides = modes.icanon === true && modes.echo === false;
    this.#session.telnet.request(Option.ECHO, 'local', hides);
    if (modes.extproc !== modes.icanon) this.#settle ??= setTimeout(() => onTerminal(() => this.#settled()), SETTLE_MS);
  }

  #settled(): void {
    this.#settle = undefined;
    const { icanon } = this.#pty.modes();
    this.#pty.master.setExternalProcessing(icanon === true);
    if (!icanon) this.#typeRest();
    this.look();
  }

  /** Types what waits for the program to read, which it shall not do by lines any more. */
  #typeRest(): void {
    const rest = this.#input.take();
    if (rest.length > 0) this.#pty.master.type(rest);
  }

  /** The end. The terminal is as it was, for whoever comes next. */
  stop(): void {
    clearTimeout(this.#settle);
    this.#input.discard();
    onTerminal(() => {
      this.#pty.master.followModes(false);
      this.#pty.master.setExternalProcessing(false);
    });
  }
}

/** The commands for keys that are signals. */
const SIGNALS = [Command.IP, Command.ABORT, Command.SUSP] as const;

/** The key of a signal that a character is to the terminal, if it is one. */
function signalKeyOf(character: number, modes: Modes): CommandKey | undefined {
  return SIGNALS.map(keyOf).find(key => key !== undefined && modes[key.name] === character);
}
