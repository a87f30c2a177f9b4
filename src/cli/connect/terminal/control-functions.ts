/**
 * Finds the control functions (ECMA-48, and the private ones of DEC and xterm) in the bytes that are sent to a
 * terminal. The bytes may be split anywhere.
 *
 * The states are those of a VT500, which xterm and most others share: ESC, CAN and SUB abort an unfinished function,
 * and control characters inside a sequence are executed. Terminals differ in the rest: some treat C1 controls (U+009B
 * as CSI) as control functions, others show or drop them; screen(1) continues a string after an ESC. Each function is
 * therefore reported with a flag that says whether every terminal recognizes it: {@link ControlHandler} applies a
 * doubtful function if it sets something, never if it resets something.
 *
 * The memory between two calls is bounded by {@link LONGEST}.
 */

export interface ControlHandler {
  /** SO, SI, ENQ. */
  control(code: number, isSure: boolean): void;
  /**
   * The bytes after ESC: intermediate characters, if any, and a final one. C1 controls are reported in their 7-bit
   * form.
   */
  escape(text: string, isSure: boolean): void;
  /** `CSI`, a private mark or `''`, the parameters as written, intermediate characters, a final character. */
  sequence(mark: string, parameters: string, intermediates: string, final: string, isSure: boolean): void;
  /** A string: `P` DCS, `]` OSC, `_` APC, `^` PM, `X` SOS. `isWhole` is false if its end was cut off or dropped. */
  string(kind: string, text: string, isWhole: boolean, isSure: boolean): void;
}

/** The maximum number of bytes of a string or of parameters that are kept. */
const LONGEST = 1_024;
const LONGEST_INTERMEDIATES = 4;

type State = 'ground' | 'escape' | 'sequence' | 'string' | 'string-escape';

const SO = 0x0e;
const SI = 0x0f;
const ENQ = 0x05;
const BEL = 0x07;
const CAN = 0x18;
const SUB = 0x1a;
const ESC = 0x1b;
const BACKSLASH = 0x5c;
const DEL = 0x7f;
const STRINGS = 'PX^_]';
/** linux(4): `ESC ] P nrrggbb` sets a colour, `ESC ] R` resets all; neither has a terminator. */
const LINUX_COLOUR_LENGTH = 8;

/** Bytes that are not part of a control function unless one has begun. */
const IS_PLAIN = Uint8Array.from({ length: 256 }, (_, byte) =>
  Number(byte < 0x80 && ![ESC, SO, SI, ENQ].includes(byte)),
);

export class ControlParser {
  readonly #handler: ControlHandler;
  readonly #isUtf8: boolean;
  #state: State = 'ground';
  #kind = '';
  #text = '';
  #overflows = false;
  #mark = '';
  #intermediates = '';
  #isSure = true;
  /**
   * UTF-8: the number of continuation bytes still expected, and whether the next one is the second half of a C1
   * control.
   */
  #expected = 0;
  #afterC2 = false;

  /** @param isUtf8 whether the terminal uses UTF-8; else bytes from 0x80 to 0x9f are C1 controls. */
  constructor(handler: ControlHandler, isUtf8: boolean) {
    this.#handler = handler;
    this.#isUtf8 = isUtf8;
  }

  /** Whether no control function is unfinished. */
  get isIdle(): boolean {
    return this.#state === 'ground';
  }

  write(bytes: Uint8Array): void {
    const { length } = bytes;
    for (let at = 0; at < length; at++) {
      let byte = bytes[at]!;
      if (this.#state === 'ground' && IS_PLAIN[byte] === 1) {
        while (++at < length && IS_PLAIN[bytes[at]!] === 1);
        this.#expected = 0;
        if (at === length) return;
        byte = bytes[at]!;
      }
      if (byte >= 0x80) this.#high(byte);
      else {
        this.#expected = 0;
        if (this.#state !== 'ground') this.#take(byte);
        else this.#control(byte);
      }
    }
  }

  /** Ends the input: an unfinished string may have taken effect. */
  abandon(): void {
    if (this.#state === 'string' || this.#state === 'string-escape') this.#endString(false);
    this.#state = 'ground';
  }

  #high(byte: number): void {
    if (this.#isUtf8) {
      if (byte >= 0xc0) {
        this.#expected = byte >= 0xf0 ? 3 : byte >= 0xe0 ? 2 : 1;
        this.#afterC2 = byte === 0xc2;
        this.#printed();
        return;
      }
      if (this.#expected > 0) {
        this.#expected--;
        if (!this.#afterC2 || byte >= 0xa0) this.#printed();
        else this.#second(byte);
        this.#afterC2 = false;
        return;
      }
    }
    // Not UTF-8: a terminal that was switched out of UTF-8 (ESC % @) treats the byte as C1.
    if (byte < 0xa0) this.#second(byte);
    else this.#printed();
  }

  /** A character without a function: part of a string, or the end of a function that cannot contain it. */
  #printed(): void {
    if (this.#state === 'string') this.#collect('\ufffd');
    else if (this.#state === 'string-escape') {
      this.#endString(false);
      this.#state = 'ground';
    } else this.#state = 'ground';
  }

  /** C1: the same as ESC and an upper-case character. */
  #second(byte: number): void {
    const wasString = this.#state === 'string' || this.#state === 'string-escape';
    if (wasString) this.#endString(byte === 0x9c);
    if (byte === 0x9c) {
      this.#state = 'ground';
      return;
    }
    this.#begin('escape', false);
    this.#inEscape(byte - 0x40);
  }

  #control(byte: number): void {
    if (byte === ESC) this.#begin('escape', true);
    else if (byte === SO || byte === SI || byte === ENQ) this.#handler.control(byte, true);
  }

  #begin(state: State, isSure: boolean): void {
    this.#state = state;
    this.#isSure = isSure;
    this.#mark = '';
    this.#intermediates = '';
    this.#text = '';
    this.#overflows = false;
  }

  #take(byte: number): void {
    if (this.#state === 'string' || this.#state === 'string-escape') this.#inString(byte);
    else if (byte === ESC) this.#begin('escape', true);
    else if (byte === CAN || byte === SUB) this.#state = 'ground';
    else if (byte < 0x20) this.#control(byte);
    else if (byte === DEL) return;
    else if (this.#state === 'escape') this.#inEscape(byte);
    else this.#inSequence(byte);
  }

  #inEscape(byte: number): void {
    const character = String.fromCharCode(byte);
    if (byte < 0x30) {
      if (this.#intermediates.length < LONGEST_INTERMEDIATES) this.#intermediates += character;
    } else if (this.#intermediates === '' && character === '[') this.#state = 'sequence';
    else if (this.#intermediates === '' && STRINGS.includes(character)) {
      this.#state = 'string';
      this.#kind = character;
    } else {
      this.#state = 'ground';
      this.#handler.escape(this.#intermediates + character, this.#isSure);
    }
  }

  #inSequence(byte: number): void {
    const character = String.fromCharCode(byte);
    if (byte >= 0x40) {
      this.#state = 'ground';
      this.#handler.sequence(this.#mark, this.#text, this.#intermediates, character, this.#isSure);
    } else if (byte < 0x30) {
      if (this.#intermediates.length < LONGEST_INTERMEDIATES) this.#intermediates += character;
    } else if (byte >= 0x3c) this.#mark += this.#mark.length < LONGEST_INTERMEDIATES ? character : '';
    else this.#collect(character);
  }

  #inString(byte: number): void {
    if (this.#state === 'string-escape') {
      this.#endString(byte === BACKSLASH);
      this.#begin('escape', false);
      if (byte === BACKSLASH) this.#state = 'ground';
      else this.#take(byte);
    } else if (byte === ESC) this.#state = 'string-escape';
    else if (byte === CAN || byte === SUB || (byte === BEL && this.#kind === ']')) {
      this.#endString(byte === BEL);
      this.#state = 'ground';
    } else if (byte === SO || byte === SI || byte === ENQ) this.#handler.control(byte, false);
    else {
      this.#collect(String.fromCharCode(byte));
      if (this.#kind !== ']' || !this.#isLinuxColour) return;
      this.#endString(true);
      this.#state = 'ground';
    }
  }

  get #isLinuxColour(): boolean {
    const text = this.#text;
    return text === 'R' || (text.length === LINUX_COLOUR_LENGTH && text.startsWith('P'));
  }

  #collect(character: string): void {
    if (this.#text.length < LONGEST) this.#text += character;
    else this.#overflows = true;
  }

  #endString(isWhole: boolean): void {
    const text = this.#text;
    this.#text = '';
    this.#handler.string(this.#kind, text, isWhole && !this.#overflows, this.#isSure && isWhole);
  }
}
