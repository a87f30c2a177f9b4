/**
 * Limits the cost of a program's output on a screen. xterm.js expects output that its only user has asked for. Here a
 * process serves many sessions, and output may come from anywhere:
 *
 * | output | xterm.js 6.0 | here |
 * |---|---|---|
 * | `CSI 999999999 L`, and other counts | repeats or allocates that often | limited to the screen's size |
 * | control strings (OSC, DCS, APC, PM, SOS) | keeps up to 10 MB of each | removed, except part of a title |
 * | combining marks | keeps all of them in one cell | a few per character |
 * | hyperlinks (OSC 8) | keeps an object for each | removed |
 * | ED 1 in the last cell of the alternate screen | throws a TypeError | {@link OutputSink.intercept} |
 *
 * A sequence is passed on when it is complete, so xterm.js is never in the middle of one between two calls. The state
 * that is kept between two calls is bounded.
 */
import { columnsOf } from '../charset/width.ts';
import { Rendition } from './rendition.ts';

/** Receives the output. */
export interface OutputSink {
  /** The size of the screen, which limits counts. */
  readonly columns: number;
  readonly rows: number;
  /** Whether the alternate screen is shown. All output before has been put when it is read. */
  readonly isAlternate: boolean;
  /** Text, control characters and complete sequences. */
  put(text: string): void;
  /**
   * A sequence whose answer or effect is not left to xterm.js: DA (`c`), DSR (`n`) or ED (`J`). All output before it
   * has been put. Returns whether the sequence has been handled.
   */
  intercept(parameters: string, final: string): boolean;
  /** RIS. All output before it has been put. */
  reset(): void;
  /** The title of the window (OSC 0, OSC 2). All output before it has been put. */
  title(title: string): void;
}

/** The longest control sequence: parameters and intermediate characters. Longer ones are removed. */
const MAX_SEQUENCE = 256;
/** The number of characters of a title that are kept. */
const MAX_TITLE = 256;
/** The largest parameter that is not a count: the numbers of all modes are less. */
const MAX_NUMBER = 9_999;

const GROUND = 0;
const ESCAPE = 1;
const SEQUENCE = 2;
/** A sequence that is too long, until its end. */
const OVERLONG = 3;
const STRING = 4;

const BEL = 0x07;
const SO = 0x0e;
const SI = 0x0f;
const CAN = 0x18;
const SUB = 0x1a;
const ESC = 0x1b;
const DEL = 0x7f;
const ST = 0x9c;

/** Final characters of sequences whose parameter is a count of lines, or of columns. */
const LINE_COUNTS = 'LMST';
const COLUMN_COUNTS = '@PXbIZ';
const INTERCEPTED = 'cnJ';
/** Modes that save the cursor when they are set, and restore it when they are reset. */
const SAVES_CURSOR = /^\?(?:.*;)?104[89](?:;|$)/;

export class OutputFilter {
  /** How the next characters are drawn. */
  readonly rendition = new Rendition();
  readonly #sink: OutputSink;
  readonly #maxMarks: number;
  #state = GROUND;
  /** The received part of a sequence or a title, without ESC and `[`. */
  #held = '';
  /** Whether the control string is an OSC, which may contain a title. */
  #isCommand = false;
  /** The number of combining marks that may still follow. */
  #marks = 0;
  /** Output to pass on at the end of the call, or before something that the sink must receive in order. */
  #passed = '';

  /** @param maxMarks the number of combining marks that a character keeps. */
  constructor(sink: OutputSink, maxMarks: number) {
    this.#sink = sink;
    this.#maxMarks = maxMarks;
  }

  /** Whether the output so far does not end in the middle of a sequence. */
  get isIdle(): boolean {
    return this.#state === GROUND;
  }

  /** Takes output, which may be split between any two characters. */
  write(text: string): void {
    let at = 0;
    while (at < text.length) at = this.#state === GROUND ? this.#text(text, at) : this.#control(text, at);
    this.#flush();
  }

  #flush(): void {
    const text = this.#passed;
    this.#passed = '';
    if (text !== '') this.#sink.put(text);
  }

  /**
   * Passes text and control characters on, up to the beginning of a sequence. Returns the position where it stopped.
   */
  #text(text: string, start: number): number {
    let from = start;
    let at = start;
    for (; at < text.length; at++) {
      const code = text.charCodeAt(at);
      if (code >= 0x20 && code < DEL) this.#marks = this.#maxMarks;
      else if (code === ESC || (code >= 0x80 && code < 0xa0)) break;
      else if (code < 0xa0) {
        this.#marks = 0;
        if (code === SO || code === SI) this.rendition.shift(code);
      } else {
        const codePoint = text.codePointAt(at)!;
        const units = codePoint > 0xffff ? 2 : 1;
        if (columnsOf(codePoint) > 0) this.#marks = this.#maxMarks;
        else if (this.#marks > 0) this.#marks--;
        else {
          this.#passed += text.slice(from, at);
          from = at + units;
        }
        at += units - 1;
      }
    }
    this.#passed += text.slice(from, at);
    return at < text.length ? this.#begin(text, at) : at;
  }

  /** At ESC, or at a C1 control, which is the same as ESC and the character with a code lower by 0x40. */
  #begin(text: string, at: number): number {
    const code = text.charCodeAt(at);
    this.#state = ESCAPE;
    this.#held = '';
    this.#marks = 0;
    if (code !== ESC) this.#escape(code - 0x40);
    return at + 1;
  }

  /** Processes one character inside a sequence or string. Returns the position of the next. */
  #control(text: string, at: number): number {
    const code = text.charCodeAt(at);
    // ST, which ends strings, is also a C1 control.
    if (this.#state === STRING && (code === BEL || code === ST)) this.#endString(true);
    else if (code === ESC || (code >= 0x80 && code < 0xa0)) {
      if (this.#state === STRING) this.#endString(code === ESC);
      return this.#begin(text, at);
    } else if (code === CAN || code === SUB) this.#state = GROUND;
    else if (this.#state === STRING) {
      if (this.#isCommand && this.#held.length < MAX_TITLE) this.#held += text[at];
    } else if (code < 0x20) this.#passed += text[at];
    else if (code !== DEL) {
      if (code > DEL) this.#state = GROUND;
      else if (this.#state === ESCAPE) this.#escape(code);
      else this.#sequence(code);
    }
    return at + 1;
  }

  #escape(code: number): void {
    const letter = String.fromCharCode(code);
    if (code < 0x30) {
      this.#held += letter;
      if (this.#held.length > 2) this.#state = OVERLONG;
    } else if (this.#held === '' && letter === '[') this.#state = SEQUENCE;
    else if (this.#held === '' && ']PX^_'.includes(letter)) {
      this.#state = STRING;
      this.#isCommand = letter === ']';
    } else {
      this.#state = GROUND;
      if (this.#held === '' && letter === 'c') {
        this.#flush();
        this.#sink.reset();
        this.rendition.reset();
        return;
      }
      const sequence = `\x1b${this.#held}${letter}`;
      if (this.#held === '' && letter === '8') {
        this.#restore(sequence);
        return;
      }
      if (this.#held === '' && letter === '7') this.#save();
      else if (this.#held !== '') this.rendition.designate(this.#held, letter);
      this.#passed += sequence;
    }
  }

  #sequence(code: number): void {
    const letter = String.fromCharCode(code);
    if (code < 0x40) {
      if (this.#held.length < MAX_SEQUENCE) this.#held += letter;
      else this.#state = OVERLONG;
      return;
    }
    const isWhole = this.#state === SEQUENCE;
    this.#state = GROUND;
    if (!isWhole) return;
    const parameters = this.#bounded(letter);
    if (INTERCEPTED.includes(letter)) {
      this.#flush();
      if (this.#sink.intercept(parameters, letter)) return;
    }
    const sequence = `\x1b[${parameters}${letter}`;
    if (letter === 'u' && parameters === '') this.#restore(sequence);
    else if (letter === 'l' && SAVES_CURSOR.test(parameters)) this.#restore(sequence, 'normal');
    else {
      this.#trackRendition(parameters, letter);
      this.#passed += sequence;
    }
  }

  /** Follows the sequences that change how characters are drawn. */
  #trackRendition(parameters: string, final: string): void {
    if (final === 'm' && /^[\d;:]*$/.test(parameters)) this.rendition.select(parameters);
    else if (final === 'p' && parameters === '!') this.rendition.reset();
    else if ((final === 's' && parameters === '') || (final === 'h' && SAVES_CURSOR.test(parameters))) this.#save();
  }

  #save(): void {
    this.#flush();
    this.rendition.save(this.#sink.isAlternate ? 'alternate' : 'normal');
  }

  /** DECRC, or a sequence with its effect. */
  #restore(sequence: string, screen?: 'normal'): void {
    this.#flush();
    this.rendition.restore(screen ?? (this.#sink.isAlternate ? 'alternate' : 'normal'));
    // xterm.js restores the character set that was in use, but neither G0 to G3 nor the shift.
    this.#passed += sequence + this.rendition.characterSets;
  }

  #bounded(final: string): string {
    const { columns, rows } = this.#sink;
    const limit = LINE_COUNTS.includes(final) ? rows : COLUMN_COUNTS.includes(final) ? columns : MAX_NUMBER;
    return this.#held.replace(/\d+/g, digits => String(Math.min(Number(digits), limit)));
  }

  #endString(isComplete: boolean): void {
    this.#state = GROUND;
    const [, title] = /^[02];(.*)$/su.exec(this.#held) ?? [];
    this.#held = '';
    if (!isComplete || !this.#isCommand || title === undefined) return;
    this.#flush();
    this.#sink.title(title);
  }
}
