/** The user's own terminal: set as the session needs it, and always restored. */
import type { ReadStream } from 'node:tty';
import { type TerminalControl, type TerminalControls, terminalControls } from '../../../protocol/index.ts';
import { Tty } from '../../../pty/tty.ts';
import type { Discipline } from '../discipline.ts';
import { isForeground } from '../signals.ts';

/** The end-of-file key of a terminal whose modes cannot be read. */
const END_OF_FILE = 0x04;

/** Keys with another function here: they end a line at once, see {@link LocalTerminal.apply}. */
const TAKEN: ReadonlySet<TerminalControl> = new Set(['veof', 'veol', 'veol2']);

/** The signals that keys can be. */
export type KeySignal = 'SIGINT' | 'SIGQUIT' | 'SIGTSTP';

export class LocalTerminal {
  readonly #stdin: ReadStream;
  /**
   * Undefined without the addon: then Node's raw mode is used, and in lines the escape key works only at the end of a
   * line.
   */
  readonly #tty: Tty | undefined;
  /** The settings that were applied last. */
  #last: { discipline: Discipline; escapeKey: number | undefined; isOurs: boolean } | undefined;
  /** Whether another program may have the terminal now. */
  #isGiven = false;
  /** Keys that the server has set (SLC), which are used instead of the user's own. */
  #keys: TerminalControls = {};

  /** @param fd the terminal's descriptor. */
  constructor(stdin: ReadStream, fd: number) {
    this.#stdin = stdin;
    this.#tty = Tty.open(fd);
  }

  /** The user's own control characters, which are sent to the server. */
  get controls(): TerminalControls {
    const found = this.#tty?.found ?? {};
    return Object.fromEntries(Object.values(terminalControls).map(name => [name, found[name]]));
  }

  /** The line speed in bits per second, if it is known and a standard one. */
  get speed(): number | undefined {
    return this.#tty?.found.speed;
  }

  /** Whether keys arrive only with the end of their line while lines are edited, because no modes can be set. */
  get givesWholeLines(): boolean {
    return this.#tty === undefined;
  }

  /** Whether the terminal shows LF as CR LF. (Node's raw mode keeps that on.) */
  get addsReturns(): boolean {
    if (this.#tty === undefined) return true;
    const { opost, onlcr } = this.#tty.found;
    if (this.#last === undefined || this.#isGiven) return opost !== false && onlcr !== false;
    const { edit, echo } = this.#last.discipline;
    return onlcr !== false && (edit ? opost !== false : echo);
  }

  /** The end-of-file key; `null` if there is none. */
  get endOfFile(): number | null {
    return (this.#last?.isOurs ? undefined : this.#keys.veof) ?? this.#tty?.found.veof ?? END_OF_FILE;
  }

  /** The signal of a key, if it has one where keys are signals. */
  signalOf(key: number): KeySignal | undefined {
    const { vintr, vquit, vsusp } = { ...this.controls, ...this.#keys };
    if (key === vintr) return 'SIGINT';
    if (key === vquit) return 'SIGQUIT';
    return key === vsusp ? 'SIGTSTP' : undefined;
  }

  /** Uses the keys that the server has set. */
  useKeys(keys: TerminalControls): void {
    this.#keys = { ...this.#keys, ...keys };
    this.#applyLast();
  }

  /**
   * Sets the terminal. The escape key must arrive when it is pressed, even in the middle of a line. The end-of-file
   * key must arrive as a byte, not as the end of standard input, which could not be read again. Both are therefore set
   * as keys that end a line, whatever the server has set: the server cannot take the escape key away, nor, if the
   * input `isOurs`, the letters of the command that ends the connection.
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
      // With local echo, Return must be shown as a new line.
      const plain = { icanon: false, iexten: false, istrip: false, inlcr: false, igncr: false, vmin: 1, vtime: 0 };
      this.#tty.set({ ...keys, ...plain, icrnl: echo, opost: echo, echo, isig: signals, ixon: flow });
    }
  }

  /** Applies the last settings again, after the user's shell has used the terminal. */
  reapply(): void {
    // Only if the terminal was restored: otherwise these would be our own modes.
    if (this.#isGiven) this.#tty?.look();
    this.#applyLast();
  }

  #applyLast(): void {
    if (this.#last !== undefined) this.apply(this.#last.discipline, this.#last.escapeKey, this.#last.isOurs);
  }

  /** Restores the terminal. */
  restore(): void {
    if (this.#last === undefined || this.#isGiven) return;
    this.#isGiven = true;
    // Stopped by another process and continued in the background: the shell has set its own modes.
    if (isForeground() === false) return;
    if (this.#tty === undefined) this.#stdin.setRawMode(false);
    else this.#tty.restore();
  }
}
