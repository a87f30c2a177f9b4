// The special characters of LINEMODE by name (RFC 1184, 2.4), and which of a terminal's control characters does the same.
// Plain data; its numbers on the wire are in settings.ts, how two ends agree in special-characters.ts.

/** The functions a special character can have, under the names that RFC 1184 gives them (there with SLC_ before). */
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
  /** Forwards what is typed so far. */
  FORW1: 17,
  /** Forwards too; only where FORW1 is in use. */
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

/** Functions are numbered from 1 to this. */
export const LAST_FUNCTION = 30;

/** Place n names function n; place 0 is none. */
export const FUNCTION_NAMES: readonly SpecialFunctionName[] = Object.keys(SpecialFunction).reduce<
  SpecialFunctionName[]
>((names, name) => {
  names[SpecialFunction[name as SpecialFunctionName]] = name as SpecialFunctionName;
  return names;
}, []);

/**
 * How far a function is supported, in the order of RFC 1184, the lowest first: not at all; with a character that cannot be
 * changed; with one that can; by whatever the other end uses.
 */
export type SpecialCharacterLevel = 'NOSUPPORT' | 'CANTCHANGE' | 'VALUE' | 'DEFAULT';

/** One special character as it is in force. */
export interface SpecialCharacter {
  readonly name: SpecialFunctionName;
  readonly level: SpecialCharacterLevel;
  /** The octet that is typed for it, 0 to 255; `null` if there is none (NOSUPPORT, DEFAULT). */
  readonly value: number | null;
  /** Whoever sends this function also sends Synch, to have unread input discarded. Advice, not order. */
  readonly flushIn: boolean;
  /** Whoever sends this function also discards output until a TIMING-MARK. Advice, not order. */
  readonly flushOut: boolean;
}

/**
 * What an application says about one function: an octet, which the peer may change; `null`, none at present, but the peer
 * may set one; or everything, where what is left out is as for an octet.
 */
export type SpecialCharacterSetting =
  | number
  | null
  | (Partial<Omit<SpecialCharacter, 'name'>> & Pick<SpecialCharacter, 'level'>);

/** By name; what is not named is left as it is. */
export type SpecialCharacterSettings = { readonly [name in SpecialFunctionName]?: SpecialCharacterSetting | undefined };

/**
 * The control character of a terminal, by its POSIX name in lower case, that does what a function says: termios has one for
 * most, as BSD's telnetd pairs them. SYNCH, BRK and EOR, and visual editing, have none.
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

/** Control characters of a terminal by name: an octet, or `null` for a function that is switched off. */
export type TerminalControls = { readonly [name in TerminalControl]?: number | null | undefined };

const PAIRS = Object.entries(terminalControls) as [SpecialFunctionName, TerminalControl][];

/** A terminal's control characters as special characters, all of them changeable. Those the terminal lacks are left out. */
export function specialCharactersOf(controls: TerminalControls): SpecialCharacterSettings {
  const settings: { [name in SpecialFunctionName]?: SpecialCharacterSetting } = {};
  for (const [name, control] of PAIRS) {
    const value = controls[control];
    if (value !== undefined) settings[name] = value;
  }
  return settings;
}

/**
 * Special characters as a terminal's control characters. Those that no terminal has are left out, and so are those at level
 * DEFAULT, which says nothing of a character.
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
