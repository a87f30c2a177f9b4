/** Sends the lines that the user's terminal has edited to the server. */
import { Command, Option } from '../../protocol/index.ts';
import type { Session } from '../../session/session.ts';
import type { Keyboard } from './keys/keyboard.ts';
import type { KeySignal, LocalTerminal } from './terminal/local-terminal.ts';

const LF = 0x0a;
const CR = 0x0d;

export class Lines {
  readonly #session: Session;
  readonly #keyboard: Keyboard;
  readonly #terminal: LocalTerminal;
  readonly #signal: (signal: KeySignal) => void;

  /** @param signal is called for a key that is a signal in the local terminal. */
  constructor(session: Session, keyboard: Keyboard, terminal: LocalTerminal, signal: (signal: KeySignal) => void) {
    this.#session = session;
    this.#keyboard = keyboard;
    this.#terminal = terminal;
    this.#signal = signal;
  }

  /**
   * Sends what was read from the terminal.
   *
   * @param signals whether keys such as ^C are signals in the local terminal.
   */
  type(bytes: Buffer, signals: boolean): void {
    // The terminal ends an edited line with one of these two.
    const isLine = bytes.at(-1) === LF || bytes.at(-1) === this.#terminal.endOfFile;
    if (isLine || !signals) this.#typeLines(bytes);
    else this.#typeKeys(bytes);
  }

  /**
   * Handles keys that were pressed before local editing was switched on, and are read after it: the terminal has not
   * turned them into lines or signals, and the server, which knows about the change, does not do so any more either.
   */
  #typeKeys(bytes: Buffer): void {
    let begin = 0;
    bytes.forEach((byte, at) => {
      const signal = this.#terminal.signalOf(byte);
      if (signal === undefined && byte !== CR) return;
      this.#typeLines(bytes.subarray(begin, at));
      begin = at + 1;
      if (signal === undefined) this.#typeLines(Buffer.of(LF));
      else this.#signal(signal);
    });
    this.#typeLines(bytes.subarray(begin));
  }

  /** The end-of-file key only ends the input if the line is empty; else it sends the line without its end. */
  #typeLines(bytes: Buffer): void {
    const key = this.#terminal.endOfFile;
    let rest = bytes;
    for (let at = key === null ? -1 : rest.indexOf(key); at >= 0; at = rest.indexOf(key!)) {
      const before = rest.subarray(0, at);
      if (before.length > 0) this.#keyboard.lines(before);
      if (before.length === 0 || before.at(-1) === LF) this.#typeEndOfFile(key!);
      rest = rest.subarray(at + 1);
    }
    if (rest.length > 0) this.#keyboard.lines(rest);
  }

  #typeEndOfFile(key: number): void {
    const { telnet } = this.#session;
    if (telnet.isEnabled(Option.LINEMODE, 'local')) telnet.command(Command.EOF);
    else this.#keyboard.keys(Buffer.of(key));
  }
}
