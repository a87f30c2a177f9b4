/**
 * Lines that are edited here, for a server that does not echo (RFC 857), such as `telpty serve --mode line`. The user's
 * own terminal does the same for a Telnet client.
 */
import { Command } from '../../../src/protocol/index.ts';

/** Actions that the lines use. */
export interface LineUser {
  /** Sends a complete line, without its end. */
  line(text: string): void;
  /** Sends a Telnet command. */
  command(code: number): void;
  /** Shows text on the terminal. */
  show(text: string): void;
}

/** The keys that are Telnet commands, as in a terminal whose lines the kernel edits. */
const SIGNALS: ReadonlyMap<string, number> = new Map([
  ['\x03', Command.IP],
  ['\x1c', Command.ABORT],
  ['\x1a', Command.SUSP],
]);

const WIDE =
  /^[\u1100-\u115f\u2e80-\u303e\u3041-\ua4cf\uac00-\ud7a3\uf900-\ufaff\ufe30-\ufe6f\uff00-\uff60\uffe0-\uffe6]|^\p{Emoji_Presentation}|^[\u{20000}-\u{3fffd}]/u;
const graphemes = new Intl.Segmenter(undefined, { granularity: 'grapheme' });

/** The line that is being typed. */
export class LocalLines {
  readonly #user: LineUser;
  /** The line, by the characters that Backspace removes one by one. */
  #line: string[] = [];
  isShown = true;

  constructor(user: LineUser) {
    this.#user = user;
  }

  /** Gives up the line that has been begun, and returns it. */
  take(): string {
    const line = this.#line.join('');
    this.#line = [];
    return line;
  }

  type(data: string): void {
    // Keys such as arrows have no meaning in a line that is edited so simply.
    const text = data.replace(/\x1b(?:\[[\x20-\x3f]*[\x40-\x7e]|O.|.)/g, '').replace(/\r\n?/g, '\n');
    for (const { segment } of graphemes.segment(text)) this.#key(segment);
  }

  #key(key: string): void {
    const signal = SIGNALS.get(key);
    if (key === '\n') {
      this.#show('\r\n');
      this.#user.line(this.#line.join(''));
      this.#line = [];
    } else if (key === '\x7f' || key === '\b') this.#erase(1);
    else if (key === '\x15') this.#erase(this.#line.length);
    else if (key === '\x17') this.#erase(/\S*\s*$/.exec(this.#line.map(one => one[0]).join(''))![0].length);
    else if (key === '\x04') {
      if (this.#line.length === 0) this.#user.command(Command.EOF);
    } else if (signal !== undefined) {
      this.#line = [];
      this.#show(`${caret(key)}\r\n`);
      this.#user.command(signal);
    } else if (key >= ' ' || key === '\t') {
      this.#line.push(key);
      this.#show(key === '\t' ? ' ' : key);
    }
  }

  #erase(count: number): void {
    const removed = this.#line.splice(this.#line.length - count, count);
    for (const one of removed) this.#show(WIDE.test(one) ? '\b\b  \b\b' : '\b \b');
  }

  #show(text: string): void {
    if (this.isShown || text === '\r\n') this.#user.show(text);
  }
}

const caret = (key: string) => `^${String.fromCharCode(key.charCodeAt(0) ^ 0x40)}`;
