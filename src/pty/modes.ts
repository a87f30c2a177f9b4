/**
 * Terminal modes and control characters by their POSIX names in lower case, as `stty` prints them:
 * `{ echo: false, icanon: true, verase: 0x08, vintr: null }`.
 *
 * The numeric values of the names differ between systems; the addon exports them as tables, and everything here is
 * derived from these. A name that this system does not know (`iuclc` on a BSD) is accepted and has no effect.
 */
import { TelptyError } from '../errors.ts';
import type { Addon } from '../native/addon.ts';
import { addon } from '../native/load.ts';

const INPUT_FLAGS = [
  'ignbrk',
  'brkint',
  'ignpar',
  'parmrk',
  'inpck',
  'istrip',
  'inlcr',
  'igncr',
  'icrnl',
  'iuclc',
  'ixon',
  'ixany',
  'ixoff',
  'imaxbel',
  'iutf8',
] as const;
const OUTPUT_FLAGS = ['opost', 'olcuc', 'onlcr', 'ocrnl', 'onocr', 'onlret', 'ofill', 'ofdel', 'xtabs'] as const;
const CONTROL_FLAGS = ['cstopb', 'cread', 'parenb', 'parodd', 'hupcl', 'clocal', 'crtscts'] as const;
const LOCAL_FLAGS = [
  'isig',
  'icanon',
  'echo',
  'echoe',
  'echok',
  'echonl',
  'noflsh',
  'tostop',
  'echoctl',
  'echoprt',
  'echoke',
  'flusho',
  'pendin',
  'iexten',
  'extproc',
] as const;
const CHARACTERS = [
  'vintr',
  'vquit',
  'verase',
  'vkill',
  'veof',
  'veol',
  'veol2',
  'vswtc',
  'vstart',
  'vstop',
  'vsusp',
  'vdsusp',
  'vreprint',
  'vdiscard',
  'vwerase',
  'vlnext',
  'vstatus',
] as const;
/**
 * Numbers in the array of control characters. Without ICANON they are the minimum number of bytes, and the time in
 * tenths of a second, that a read waits for.
 */
const COUNTS = ['vmin', 'vtime'] as const;

/** The name of a flag: `'echo'`, `'icanon'`, `'ixon'` … */
export type ModeFlag =
  | (typeof INPUT_FLAGS)[number]
  | (typeof OUTPUT_FLAGS)[number]
  | (typeof CONTROL_FLAGS)[number]
  | (typeof LOCAL_FLAGS)[number];

/** The name of a control character: `'vintr'`, `'verase'` … */
export type ControlCharacter = (typeof CHARACTERS)[number];

/**
 * Terminal modes by name. When modes are set, absent and `undefined` ones stay unchanged. When they are read, names
 * that this system lacks are absent.
 */
export type Modes = {
  /** A flag: on or off. */
  [name in ModeFlag]?: boolean | undefined;
} & {
  /** A control character as its byte 0–255, or `null`: the function is disabled (_POSIX_VDISABLE). */
  [name in ControlCharacter]?: number | null | undefined;
} & {
  /** Without ICANON: the minimum number of bytes that a read returns, 0–255. */
  vmin?: number | undefined;
  /** Without ICANON: how long a read waits, in tenths of a second, 0–255. */
  vtime?: number | undefined;
  /** Bits in a character, 5–8. A pseudo-terminal of Linux has 8, and refuses other values (EINVAL). */
  csize?: number | undefined;
  /**
   * The line speed in bits per second, one of those that the system has a constant for: 300, 9600, 38400 … Programs may
   * reduce or pad their output at low speeds. The terminal itself transfers at full speed.
   */
  speed?: number | undefined;
};

/** The initial modes of a terminal: the settings of `stty sane` and of telnetd, with UTF-8 erasing, at 38400 baud. */
export const saneModes: Readonly<Modes> = Object.freeze({
  ...{ brkint: true, icrnl: true, ixon: true, imaxbel: true, iutf8: true },
  ...{ opost: true, onlcr: true },
  ...{ csize: 8, cread: true, hupcl: true, speed: 38_400 },
  ...{ isig: true, icanon: true, iexten: true },
  ...{ echo: true, echoe: true, echok: true, echoctl: true, echoke: true },
  ...{ vintr: 0x03, vquit: 0x1c, verase: 0x7f, vkill: 0x15, veof: 0x04, veol: null, veol2: null, vswtc: null },
  ...{ vstart: 0x11, vstop: 0x13, vsusp: 0x1a, vreprint: 0x12, vwerase: 0x17, vlnext: 0x16, vdiscard: 0x0f },
  ...{ vdsusp: null, vstatus: null, vmin: 1, vtime: 0 },
} satisfies Modes);

/** Modes as the system's numbers. */
export interface RawModes {
  /** c_iflag, c_oflag, c_cflag, c_lflag, speed. */
  readonly words: Uint32Array;
  /** The control characters by index; -1, only when modes are set, leaves the character unchanged. */
  readonly cc: Int16Array;
}

const FLAG_WORDS = [INPUT_FLAGS, OUTPUT_FLAGS, CONTROL_FLAGS, LOCAL_FLAGS] as const;
const FLAG_NAMES = new Set<string>(FLAG_WORDS.flat());
const CHARACTER_NAMES = new Set<string>(CHARACTERS);
const COUNT_NAMES = new Set<string>(COUNTS);

function tables(termios: Addon['termios']) {
  return [termios.iflag, termios.oflag, termios.cflag, termios.lflag] as const;
}

function invalid(name: string, wanted: string, value: unknown): TelptyError {
  return new TelptyError('ERR_INVALID_ARGUMENT', `mode '${name}' must be ${wanted}, not ${String(value)}`);
}

/**
 * Checks modes without applying them.
 *
 * @throws TelptyError `ERR_INVALID_ARGUMENT` for a name that no system knows and for a value out of range.
 */
export function checkModes(modes: Modes): void {
  for (const [name, value] of Object.entries(modes) as [string, unknown][]) {
    if (value === undefined) continue;
    const isByte = Number.isInteger(value) && (value as number) >= 0 && (value as number) <= 255;
    if (FLAG_NAMES.has(name)) {
      if (typeof value !== 'boolean') throw invalid(name, 'true or false', value);
    } else if (CHARACTER_NAMES.has(name)) {
      if (value !== null && !isByte) throw invalid(name, 'a byte (0–255) or null', value);
    } else if (COUNT_NAMES.has(name)) {
      if (!isByte) throw invalid(name, '0–255', value);
    } else if (name === 'csize') {
      if (![5, 6, 7, 8].includes(value as number)) throw invalid(name, '5, 6, 7 or 8', value);
    } else if (name === 'speed') {
      if (typeof value !== 'number' || addon().termios.speeds[value] === undefined)
        throw invalid(name, 'a speed that the system has, such as 9600 or 38400', value);
    } else {
      throw new TelptyError('ERR_INVALID_ARGUMENT', `unknown terminal mode '${name}'`);
    }
  }
}

/** Modes with no flag set and all control characters unchanged. */
export function blankModes(): RawModes {
  const { nccs, speeds } = addon().termios;
  return { words: Uint32Array.of(0, 0, 0, 0, speeds[38_400]!), cc: new Int16Array(nccs).fill(-1) };
}

/**
 * Changes `raw` in place: applies `modes` and leaves all others.
 *
 * @throws TelptyError `ERR_INVALID_ARGUMENT` as {@link checkModes}; `raw` is then unchanged.
 */
export function applyModes(raw: RawModes, modes: Modes): void {
  checkModes(modes);
  const { termios } = addon();
  const flags = tables(termios);
  // Loops over the given modes, which are few, and not over all fifty.
  for (const [name, value] of Object.entries(modes)) {
    if (typeof value === 'boolean') {
      const index = flags.findIndex(table => table[name] !== undefined);
      if (index < 0) continue;
      const bit = flags[index]![name]!;
      raw.words[index]! = value ? raw.words[index]! | bit : raw.words[index]! & ~bit;
    } else if (name === 'speed' && value !== undefined) {
      raw.words[4] = termios.speeds[value as number]!;
    } else if (value !== undefined && name !== 'csize') {
      const index = termios.cc[name];
      if (index !== undefined) raw.cc[index] = value ?? termios.vdisable;
    }
  }
  if (modes.csize !== undefined) {
    raw.words[2] = (raw.words[2]! & ~termios.csize) | termios.cs[(modes.csize - 5) as 0 | 1 | 2 | 3];
  }
}

/** The names and values of `raw`, with every name that this system has. */
export function nameModes(raw: RawModes): Modes {
  const { termios } = addon();
  const flags = tables(termios);
  const modes: Record<string, boolean | number | null> = {};
  for (const [index, names] of FLAG_WORDS.entries()) {
    for (const name of names) {
      const bit = flags[index]![name];
      if (bit !== undefined) modes[name] = (raw.words[index]! & bit) >>> 0 === bit >>> 0;
    }
  }
  for (const name of CHARACTERS) {
    const index = termios.cc[name];
    if (index === undefined) continue;
    const value = raw.cc[index]!;
    modes[name] = value === termios.vdisable ? null : value;
  }
  for (const name of COUNTS) {
    const index = termios.cc[name];
    if (index !== undefined) modes[name] = raw.cc[index]!;
  }
  modes.csize = 5 + termios.cs.indexOf((raw.words[2]! & termios.csize) >>> 0);
  const speed = speedOf(raw);
  if (speed !== undefined) modes.speed = speed;
  return modes as Modes;
}

/** The line speed in bits per second, or `undefined` if it is not a standard one. */
function speedOf(raw: RawModes): number | undefined {
  const [bits] = Object.entries(addon().termios.speeds).find(([, code]) => code === raw.words[4]) ?? [];
  return bits === undefined ? undefined : Number(bits);
}

/**
 * The highest speed of the system that is not above `bits`, in bits per second; `undefined` below the lowest. Speed 0
 * would hang up the terminal (B0, POSIX termios.h).
 */
export function standardSpeed(bits: number): number | undefined {
  return Object.keys(addon().termios.speeds)
    .map(Number)
    .filter(speed => speed <= bits)
    .sort((a, b) => b - a)[0];
}

/** One of the values of {@link nameModes}. */
export function nameMode(raw: RawModes, name: ModeFlag | ControlCharacter): boolean | number | null | undefined {
  const { termios } = addon();
  const index = termios.cc[name];
  if (index !== undefined) return raw.cc[index] === termios.vdisable ? null : raw.cc[index];
  const word = tables(termios).findIndex(table => table[name] !== undefined);
  if (word < 0) return undefined;
  const bit = tables(termios)[word]![name]!;
  return (raw.words[word]! & bit) >>> 0 === bit >>> 0;
}
