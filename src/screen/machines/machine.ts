/**
 * A home computer as a terminal. It has no control sequences, only codes: for the cursor, for clearing, for reverse
 * video, and some for colours. The output of a program for a modern terminal is therefore written to a screen in
 * memory ({@link MachineScreen}), and the machine receives the codes that make its own screen look the same.
 *
 * The other direction, output for such a machine on a modern terminal, is in {@link MachineDisplay}.
 */

import { codesOf } from '../../charset/tables.ts';

/** A character as a machine shows it: its code, and {@link REVERSE} if it is in reverse video. */
export type Look = number;

/** Flag in a {@link Look}. */
export const REVERSE = 0x100;

/** The number of colours of a terminal: 0 to 15, as in ECMA-48 and its bright ones. */
export const COLOURS = 16;

/** What a code does on the machine's own screen, if it is not a character. */
export type Effect =
  | Movement
  | ('clear' | 'bell' | 'reverse-on' | 'reverse-off' | 'lower-case' | 'upper-case')
  /** Remove the character before the cursor: the rest of the line moves up, or a space takes its place. */
  | ('delete-before' | 'erase-before')
  | ('delete' | 'insert' | 'delete-line' | 'insert-line')
  | ('tab' | 'set-tab' | 'clear-tab')
  /** The next code is displayed, whatever it is. */
  | 'literal'
  | 'nothing'
  /** The colour of the next characters, as that of a terminal; `undefined` is that of the terminal's default. */
  | { readonly colour: number | undefined };

/** Effects that only move the cursor. */
export type Movement = 'home' | 'up' | 'down' | 'left' | 'right' | 'newline';

/** The properties of a machine that matter for a terminal. */
export interface Machine {
  /** The name of its character set. */
  readonly charset: string;
  /** The size of its screen, in characters. */
  readonly columns: number;
  readonly rows: number;
  /** The codes that bring it into a known state: lower case, an empty screen, the cursor in the upper left corner. */
  readonly start: readonly number[];
  readonly codes: {
    /** Clears the screen and moves to the upper left corner. */
    readonly clear: number;
    /** Moves to the upper left corner. */
    readonly home?: number;
    readonly up: number;
    readonly down: number;
    readonly left: number;
    readonly right: number;
    /** Moves to the beginning of the next line; on the last line, the screen scrolls. */
    readonly newline: number;
    readonly bell: number;
    /** Switch reverse video on and off. Undefined for a machine whose reverse characters have their own codes. */
    readonly reverse?: readonly [on: number, off: number];
    /** Select a colour for the next characters; the last one is used if the program has set none. */
    readonly colours?: readonly number[];
  };
  /** The look of a character, or `undefined` if the machine does not have it. */
  look(codePoint: number): Look | undefined;
  /** The code of a look on a machine whose reverse characters have their own codes. */
  reversed(code: number): number;
  /** What a code does; `undefined` if it displays a character. */
  effect(code: number): Effect | undefined;
  /** The look of the character that a code displays; the other direction is {@link look}. */
  shown(code: number): Look;
  /** The character of a look, which is reversed elsewhere. `isUpper` selects the character set with capitals only. */
  glyph(code: number, isUpper: boolean): string;
  /**
   * Whether the cursor goes from the end of a line to the next one, and scrolls at the end of the screen. Otherwise it
   * stays in its line or column, and goes from one end to the other.
   */
  readonly cursorFlows: boolean;
  /** The columns with a tab stop. */
  readonly tabStops: readonly number[];
  /** The code of its erase key. */
  readonly eraseKey: number;
  /** The codes of keys that are not characters, and the input of a program for each: see {@link key}. */
  readonly keys: KeyTable;
  /** Codes that its keyboard sends for characters which have other codes, too. */
  readonly preferredKeys: readonly number[];
  /** The input of a program with a modern terminal for the code of a key. */
  key(code: number, keys: KeyModes): string;
}

/** The input of a program for the codes of keys; it may depend on the modes of the terminal. */
export type KeyTable = Readonly<Record<number, string | ((keys: KeyModes) => string)>>;

/** How keys are reported to the program. */
export interface KeyModes {
  /** Whether the program has requested the application sequences of cursor keys (DECCKM). */
  readonly application: boolean;
  /** The code that the erase key sends to the program. */
  readonly erase: number;
}

/** The sequences of the cursor keys: `A` up, `B` down, `C` right, `D` left, `H` home. */
export function cursorKey(letter: string, { application }: KeyModes): string {
  return `\x1b${application ? 'O' : '['}${letter}`;
}

const LINE_FEED = 0x0a;
const CARRIAGE_RETURN = 0x0d;

/**
 * The looks of a table of 256 characters, and of the characters that have another form in reverse video (pairs of that
 * form and its original).
 */
export function looksOf(table: string, reversed: string): Map<number, Look> {
  const looks: Map<number, Look> = codesOf(table);
  for (const control of [CARRIAGE_RETURN, LINE_FEED]) looks.delete(control);
  const pairs = [...reversed];
  for (let at = 0; at < pairs.length; at += 2) {
    const code = looks.get(pairs[at + 1]!.codePointAt(0)!);
    if (code !== undefined) looks.set(pairs[at]!.codePointAt(0)!, code | REVERSE);
  }
  return looks;
}
