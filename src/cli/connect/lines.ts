/** Lines that the user's terminal has edited, on their way to the server. */
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

  /** @param signal does what a key does that is a signal here. */
  constructor(session: Session, keyboard: Keyboard, terminal: LocalTerminal, signal: (signal: KeySignal) => void) {
    this.#session = session;
    this.#keyboard = keyboard;
    this.#terminal = terminal;
    this.#signal = signal;
  }

  /**
   * Types what was read from the terminal.
   *
   * @param signals whether keys such as ^C are signals there.
   */
  type(bytes: Buffer, signals: boolean): void {
    // The terminal ends what it has edited by one of these.
    const isLine = bytes.at(-1) === LF || bytes.at(-1) === this.#terminal.endOfFile;
    if (isLine || !signals) this.#typeLines(bytes);
    else this.#typeKeys(bytes);
  }

  /**
   * Keys that were pressed before lines came to be edited here, and are read after it: the terminal has made neither lines nor
   * signals of them, and the server, which has been told of the change, does so no more.
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

  /** The key for the end of a file is none where it ends what was typed on a line. */
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
