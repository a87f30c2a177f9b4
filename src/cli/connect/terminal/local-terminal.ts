/** The user's own terminal: set as the session needs it, and given back as it was, whatever happens. */
import type { ReadStream } from 'node:tty';
import { type TerminalControl, type TerminalControls, terminalControls } from '../../../protocol/index.ts';
import { Tty } from '../../../pty/tty.ts';
import type { Discipline } from '../discipline.ts';
import { isForeground } from '../signals.ts';

/** What a terminal without modes to read has at these keys. */
const END_OF_FILE = 0x04;

/** Keys that are needed here for something else: they end a line at once, see {@link LocalTerminal.apply}. */
const TAKEN: ReadonlySet<TerminalControl> = new Set(['veof', 'veol', 'veol2']);

/** What keys are where keys are signals. */
export type KeySignal = 'SIGINT' | 'SIGQUIT' | 'SIGTSTP';

export class LocalTerminal {
  readonly #stdin: ReadStream;
  /** Undefined without the addon: then Node's raw mode has to do, and in lines the escape key works at their end. */
  readonly #tty: Tty | undefined;
  /** What has been set last. */
  #last: { discipline: Discipline; escapeKey: number | undefined; isOurs: boolean } | undefined;
  /** Whether somebody else may have the terminal now. */
  #isGiven = false;
  /** Keys that the server has named (SLC), which are used instead of the user's own. */
  #keys: TerminalControls = {};

  /** @param fd the terminal's descriptor. */
  constructor(stdin: ReadStream, fd: number) {
    this.#stdin = stdin;
    this.#tty = Tty.open(fd);
  }

  /** The user's own control characters, for the server. */
  get controls(): TerminalControls {
    const found = this.#tty?.found ?? {};
    return Object.fromEntries(Object.values(terminalControls).map(name => [name, found[name]]));
  }

  /** The line speed in bits per second, if it is known and a standard one. */
  get speed(): number | undefined {
    return this.#tty?.found.speed;
  }

  /** Whether keys arrive only with the end of their line, where lines are edited: nothing can be set here. */
  get givesWholeLines(): boolean {
    return this.#tty === undefined;
  }

  /** Whether the terminal shows LF as CR LF. (Node's raw mode has it do so, too.) */
  get addsReturns(): boolean {
    if (this.#tty === undefined) return true;
    const { opost, onlcr } = this.#tty.found;
    if (this.#last === undefined || this.#isGiven) return opost !== false && onlcr !== false;
    const { edit, echo } = this.#last.discipline;
    return onlcr !== false && (edit ? opost !== false : echo);
  }

  /** The key that means the end of a file; `null` if there is none. */
  get endOfFile(): number | null {
    return (this.#last?.isOurs ? undefined : this.#keys.veof) ?? this.#tty?.found.veof ?? END_OF_FILE;
  }

  /** The signal that a key is where keys are signals, if any. */
  signalOf(key: number): KeySignal | undefined {
    const { vintr, vquit, vsusp } = { ...this.controls, ...this.#keys };
    if (key === vintr) return 'SIGINT';
    if (key === vquit) return 'SIGQUIT';
    return key === vsusp ? 'SIGTSTP' : undefined;
  }

  /** Takes over keys that the server has named. */
  useKeys(keys: TerminalControls): void {
    this.#keys = { ...this.#keys, ...keys };
    this.#applyLast();
  }

  /**
   * Sets the terminal. The escape key has to arrive when it is pressed, also in the middle of a line, and the key for the
   * end of a file as a byte, not as the end of standard input, which could not be read again: so both are made keys that end
   * a line. Whatever the server has named: it can neither take the escape key away nor, where what is typed `isOurs`, the
   * letters of the command that ends the connection.
   */
  apply(discipline: Discipline, escapeKey: number | undefined, isOurs = false): void {
    this.#last = { discipline, escapeKey, isOurs };
    this.#isGiven = false;
    if (this.#tty === undefined) {
      this.#stdin.setRawMode(!discipline.edit);
      return;
    }
    const { edit, echo, signals, flow } = discipline;
    const named = edit && !isOurs ? Object.entries(this.#keys) : [];
    const keys = Object.fromEntries(
      named.filter(([name, key]) => !TAKEN.has(name as TerminalControl) && key !== escapeKey),
    );
    if (edit) {
      const line = { veol: escapeKey ?? null, veol2: this.endOfFile, veof: null };
      this.#tty.set({ ...keys, icanon: true, iexten: true, icrnl: true, echo, isig: signals, ixon: flow, ...line });
    } else {
      // With an echo here, Return is to be shown as a new line.
      const plain = { icanon: false, iexten: false, istrip: false, inlcr: false, igncr: false, vmin: 1, vtime: 0 };
      this.#tty.set({ ...keys, ...plain, icrnl: echo, opost: echo, echo, isig: signals, ixon: flow });
    }
  }

  /** Sets again what was set last, after the user's shell has had the terminal. */
  reapply(): void {
    // Not where it was not given back: then these would be our own modes.
    if (this.#isGiven) this.#tty?.look();
    this.#applyLast();
  }

  #applyLast(): void {
    if (this.#last !== undefined) this.apply(this.#last.discipline, this.#last.escapeKey, this.#last.isOurs);
  }

  /** Gives the terminal back as it was. */
  restore(): void {
    if (this.#last === undefined || this.#isGiven) return;
    this.#isGiven = true;
    // Stopped from outside and continued in the background: the shell has set its own modes.
    if (isForeground() === false) return;
    if (this.#tty === undefined) this.#stdin.setRawMode(false);
    else this.#tty.restore();
  }
}
