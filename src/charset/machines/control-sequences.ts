/**
 * Finds the control sequences in a program's output (ECMA-48, and the private ones of the VT100 and xterm), cut anywhere.
 * What is kept between two calls is bounded: a few numbers.
 */

/** What is done with the parts. */
export interface SequenceHandler {
  print(codePoint: number): void;
  /** A control character, but ESC. */
  control(code: number): void;
  /** `ESC` and one letter, with the character between them, if any (`ESC ( B`). */
  escape(intermediate: string, final: string): void;
  /** `ESC [`, a private mark or `''`, numbers (-1: left out), other characters between, a letter. The numbers are lent. */
  sequence(mark: string, numbers: readonly number[], intermediate: string, final: string): void;
}

const MAX_NUMBERS = 16;
const MAX_NUMBER = 9_999;

const GROUND = 0;
const ESCAPE = 1;
const SEQUENCE = 2;
/** A string for the terminal itself, a title for one: nothing of it is shown. */
const STRING = 3;
const STRING_ESCAPE = 4;

const BEL = 0x07;
const CAN = 0x18;
const SUB = 0x1a;
const ESC = 0x1b;
const CSI = 0x9b;
const ST = 0x9c;

export class SequenceParser {
  readonly #handler: SequenceHandler;
  #state = GROUND;
  #mark = '';
  #intermediate = '';
  #numbers: number[] = [];

  constructor(handler: SequenceHandler) {
    this.#handler = handler;
  }

  write(text: string): void {
    for (const character of text) this.#take(character.codePointAt(0)!);
  }

  #take(code: number): void {
    if (this.#state === STRING || this.#state === STRING_ESCAPE) {
      this.#inString(code);
    } else if (code === ESC) {
      this.#begin(ESCAPE);
    } else if (code === CAN || code === SUB) {
      this.#state = GROUND;
    } else if (code < 0x20) {
      // In the middle of a sequence, too, a control character does what it does.
      this.#handler.control(code);
    } else if (this.#state === GROUND) {
      this.#ground(code);
    } else if (this.#state === ESCAPE) {
      this.#inEscape(code);
    } else {
      this.#inSequence(code);
    }
  }

  #begin(state: number): void {
    this.#state = state;
    this.#mark = '';
    this.#intermediate = '';
    this.#numbers = [];
  }

  #ground(code: number): void {
    if (code === CSI) this.#begin(SEQUENCE);
    else if (code >= 0x7f && code < 0xa0) {
      if (code >= 0x80) this.#secondControl(code);
    } else this.#handler.print(code);
  }

  /** Control characters of the second kind are the same as ESC and a letter. */
  #secondControl(code: number): void {
    this.#begin(ESCAPE);
    this.#inEscape(code - 0x40);
  }

  #inEscape(code: number): void {
    const character = String.fromCharCode(code);
    if (character === '[' && this.#intermediate === '') this.#begin(SEQUENCE);
    else if (']PX^_'.includes(character) && this.#intermediate === '') this.#state = STRING;
    else if (code < 0x30) this.#intermediate = character;
    else {
      this.#state = GROUND;
      this.#handler.escape(this.#intermediate, character);
    }
  }

  #inSequence(code: number): void {
    if (code >= 0x30 && code <= 0x39) {
      const numbers = this.#numbers;
      if (numbers.length === 0) numbers.push(-1);
      const last = numbers.length - 1;
      numbers[last] = Math.min(Math.max(numbers[last]!, 0) * 10 + code - 0x30, MAX_NUMBER);
    } else if (code === 0x3a || code === 0x3b) {
      if (this.#numbers.length === 0) this.#numbers.push(-1);
      // Behind the last there may be, numbers change nothing: they go where nobody looks.
      if (this.#numbers.length <= MAX_NUMBERS) this.#numbers.push(-1);
    } else if (code >= 0x3c && code <= 0x3f) this.#mark = String.fromCharCode(code);
    else if (code < 0x30) this.#intermediate = String.fromCharCode(code);
    else {
      this.#state = GROUND;
      if (code >= 0x40 && code < 0x7f)
        this.#handler.sequence(this.#mark, this.#numbers, this.#intermediate, String.fromCharCode(code));
    }
  }

  #inString(code: number): void {
    const wasEscape = this.#state === STRING_ESCAPE;
    this.#state = STRING;
    if (code === ESC) this.#state = STRING_ESCAPE;
    else if (code === BEL || code === ST || code === CAN || code === SUB) this.#state = GROUND;
    else if (wasEscape) {
      // ESC \ is the string's end; any other sequence ends it as well, and is one.
      this.#begin(ESCAPE);
      if (code === 0x5c) this.#state = GROUND;
      else this.#inEscape(code);
    }
  }
}
