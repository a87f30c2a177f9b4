// The special characters of LINEMODE by name (RFC 1184, 2.4), and the control characters of a terminal with the same
// functions. Plain data: its wire format is in settings.ts, the negotiation of the two ends in special-characters.ts.

/** The functions of special characters. The names are those of RFC 1184 without the prefix SLC_. */
export const SpecialFunction = {
  /** Synch. */
  SYNCH: 1,
  /** Break. */
  BRK: 2,
  /** Interrupt process. */
  IP: 3,
  /** Abort output. */
  AO: 4,
  /** Are you there. */
  AYT: 5,
  /** End of record. */
  EOR: 6,
  /** Abort process. */
  ABORT: 7,
  /** End of file. */
  EOF: 8,
  /** Suspend process. */
  SUSP: 9,
  /** Erase character. */
  EC: 10,
  /** Erase line. */
  EL: 11,
  /** Erase word. */
  EW: 12,
  /** Reprint line. */
  RP: 13,
  /** Literal next. */
  LNEXT: 14,
  /** Start output. */
  XON: 15,
  /** Stop output. */
  XOFF: 16,
  /** Forward the input typed so far. */
  FORW1: 17,
  /** Forward, too; used only together with FORW1. */
  FORW2: 18,
  /** Move the cursor one character left. */
  MCL: 19,
  /** One character right. */
  MCR: 20,
  /** One word left. */
  MCWL: 21,
  /** One word right. */
  MCWR: 22,
  /** To the beginning of the line. */
  MCBOL: 23,
  /** To the end of the line. */
  MCEOL: 24,
  /** Insert mode. */
  INSRT: 25,
  /** Overstrike mode. */
  OVER: 26,
  /** Erase the character to the right. */
  ECR: 27,
  /** Erase the word to the right. */
  EWR: 28,
  /** Erase to the beginning of the line. */
  EBOL: 29,
  /** Erase to the end of the line. */
  EEOL: 30,
} as const;

/** The name of a function. */
export type SpecialFunctionName = keyof typeof SpecialFunction;

/** Functions are numbered from 1 to this value. */
export const LAST_FUNCTION = 30;

/** The name of function n is at index n; index 0 is unused. */
export const FUNCTION_NAMES: readonly SpecialFunctionName[] = Object.keys(SpecialFunction).reduce<
  SpecialFunctionName[]
>((names, name) => {
  names[SpecialFunction[name as SpecialFunctionName]] = name as SpecialFunctionName;
  return names;
}, []);

/**
 * How far a function is supported, in the order of RFC 1184, from low to high. NOSUPPORT: not supported. CANTCHANGE:
 * with a fixed character. VALUE: with a character that can be changed. DEFAULT: with the character that the other end
 * uses.
 */
export type SpecialCharacterLevel = 'NOSUPPORT' | 'CANTCHANGE' | 'VALUE' | 'DEFAULT';

/** One special character as it is in force. */
export interface SpecialCharacter {
  readonly name: SpecialFunctionName;
  readonly level: SpecialCharacterLevel;
  /** The octet that is typed for the function, 0 to 255; `null` if there is none (NOSUPPORT, DEFAULT). */
  readonly value: number | null;
  /** The sender of this function also sends Synch, so that unread input is discarded. Advisory. */
  readonly flushIn: boolean;
  /** The sender of this function also discards output until a TIMING-MARK. Advisory. */
  readonly flushOut: boolean;
}

/**
 * An application's setting for one function. An octet: the peer may change it. `null`: no octet at present, but the
 * peer may set one. An object: omitted properties default to those of an octet.
 */
export type SpecialCharacterSetting =
  | number
  | null
  | (Partial<Omit<SpecialCharacter, 'name'>> & Pick<SpecialCharacter, 'level'>);

/** Settings by name; functions without an entry are unchanged. */
export type SpecialCharacterSettings = { readonly [name in SpecialFunctionName]?: SpecialCharacterSetting | undefined };

/**
 * The control character of a terminal for each function, by its POSIX name in lower case. Most functions have one in
 * termios; the pairs are those of BSD's telnetd. SYNCH, BRK, EOR and the functions of visual editing have none.
 */
export const terminalControls = Object.freeze({
  IP: 'vintr',
  AO: 'vdiscard',
  AYT: 'vstatus',
  ABORT: 'vquit',
  EOF: 'veof',
  SUSP: 'vsusp',
  EC: 'verase',
  EL: 'vkill',
  EW: 'vwerase',
  RP: 'vreprint',
  LNEXT: 'vlnext',
  XON: 'vstart',
  XOFF: 'vstop',
  FORW1: 'veol',
  FORW2: 'veol2',
} as const satisfies Partial<Record<SpecialFunctionName, string>>);

/** The names in {@link terminalControls}. */
export type TerminalControl = (typeof terminalControls)[keyof typeof terminalControls];

/** Control characters of a terminal by name: an octet, or `null` for a function that is disabled. */
export type TerminalControls = { readonly [name in TerminalControl]?: number | null | undefined };

const PAIRS = Object.entries(terminalControls) as [SpecialFunctionName, TerminalControl][];

/**
 * A terminal's control characters as special characters, all of them changeable. Those that the terminal lacks are
 * omitted.
 */
export function specialCharactersOf(controls: TerminalControls): SpecialCharacterSettings {
  const settings: { [name in SpecialFunctionName]?: SpecialCharacterSetting } = {};
  for (const [name, control] of PAIRS) {
    const value = controls[control];
    if (value !== undefined) settings[name] = value;
  }
  return settings;
}

/**
 * Special characters as a terminal's control characters. Functions that no terminal has are omitted. So are functions
 * at level DEFAULT, which does not specify a character.
 */
export function terminalControlsOf(characters: readonly SpecialCharacter[]): {
  [name in TerminalControl]?: number | null;
} {
  const controls: { [name in TerminalControl]?: number | null } = {};
  const byName: ReadonlyMap<SpecialFunctionName, TerminalControl> = new Map(PAIRS);
  for (const { name, level, value } of characters) {
    const control = byName.get(name);
    if (control !== undefined && level !== 'DEFAULT') controls[control] = value;
  }
  return controls;
}
