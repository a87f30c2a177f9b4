/**
 * A home computer as a terminal. It has no control sequences, only codes: for the cursor, for clearing, for reverse video,
 * some for colours. What a program writes for a terminal of today is therefore put on a screen in memory
 * ({@link MachineScreen}), and the machine gets the codes that make its own screen look the same.
 */

import { codesOf } from '../../charset/tables.ts';

/** A character as a machine shows it: its code, and {@link REVERSE} if it is in reverse video. */
export type Look = number;

/** In a {@link Look}. */
export const REVERSE = 0x100;

/** The colours of a terminal, 0 to 15 as in ECMA-48 and its bright ones. */
export const COLOURS = 16;

/** What a machine is, as far as a terminal goes. */
export interface Machine {
  /** The name of its character set. */
  readonly charset: string;
  /** Its screen, in characters. */
  readonly columns: number;
  readonly rows: number;
  /** What brings it into a state that is known: its set of lower case, an empty screen, the cursor in the corner. */
  readonly start: readonly number[];
  readonly codes: {
    /** Empties the screen and goes into the corner. */
    readonly clear: number;
    /** Goes into the corner. */
    readonly home?: number;
    readonly up: number;
    readonly down: number;
    readonly left: number;
    readonly right: number;
    /** Goes to the beginning of the next line; on the last, everything moves up. */
    readonly newline: number;
    readonly bell: number;
    /** From here on in reverse video, and no more. Where there are none, reverse characters have codes of their own. */
    readonly reverse?: readonly [on: number, off: number];
    /** From here on in this colour; the last is the one where the program does not say. */
    readonly colours?: readonly number[];
  };
  /** The look of a character, or `undefined` if the machine does not have it. */
  look(codePoint: number): Look | undefined;
  /** The code of a look where reverse characters have their own. */
  reversed(code: number): number;
  /** The code of its erase key. */
  readonly eraseKey: number;
  /** What a program with a terminal of today gets for the code of a key. */
  key(code: number, keys: KeyModes): string;
}

/** How keys are told to the program. */
export interface KeyModes {
  /** Whether the program asked for the other sequences of cursor keys (DECCKM). */
  readonly application: boolean;
  /** What the erase key sends. */
  readonly erase: number;
}

/** The sequences of the cursor keys: `A` up, `B` down, `C` right, `D` left, `H` home. */
export function cursorKey(letter: string, { application }: KeyModes): string {
  return `\x1b${application ? 'O' : '['}${letter}`;
}

const LINE_FEED = 0x0a;
const CARRIAGE_RETURN = 0x0d;

/** The looks of a table of 256 characters, and of those that are others in reverse (`of` and `is` by turns). */
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
