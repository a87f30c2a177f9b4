/** The numbers of Telnet under their names in the RFCs. */

/** Commands: the octet after IAC (RFC 854; EOR: RFC 885; EOF, SUSP, ABORT: RFC 1184). */
export const Command = {
  /** End of file (RFC 1184). */
  EOF: 236,
  /** Suspend the current process (RFC 1184). */
  SUSP: 237,
  /** Abort the current process (RFC 1184). */
  ABORT: 238,
  /** End of record (RFC 885). */
  EOR: 239,
  /** End of subnegotiation parameters. */
  SE: 240,
  /** No operation. */
  NOP: 241,
  /** Data mark: the data stream part of a Synch. */
  DM: 242,
  /** Break. */
  BRK: 243,
  /** Interrupt process. */
  IP: 244,
  /** Abort output. */
  AO: 245,
  /** Are you there. */
  AYT: 246,
  /** Erase character. */
  EC: 247,
  /** Erase line. */
  EL: 248,
  /** Go ahead. */
  GA: 249,
  /** Start of the subnegotiation of an option. */
  SB: 250,
  /** The sender will perform the option. */
  WILL: 251,
  /** The sender will not perform the option. */
  WONT: 252,
  /** The receiver is asked to perform the option. */
  DO: 253,
  /** The receiver must not perform the option. */
  DONT: 254,
  /** Interpret as command. */
  IAC: 255,
} as const;

/** The octets WILL, WONT, DO and DONT. */
export type Verb = typeof Command.WILL | typeof Command.WONT | typeof Command.DO | typeof Command.DONT;

/** Option codes of the IANA registry "Telnet Options", and codes outside of it that MUDs use. */
export const Option = {
  /** Binary transmission (RFC 856). */
  BINARY: 0,
  /** Echo (RFC 857). */
  ECHO: 1,
  /** Suppress go ahead (RFC 858). */
  SGA: 3,
  /** Status (RFC 859). */
  STATUS: 5,
  /** Timing mark (RFC 860). */
  TIMING_MARK: 6,
  /** Logout (RFC 727). */
  LOGOUT: 18,
  /** Send location (RFC 779). */
  SNDLOC: 23,
  /** Terminal type (RFC 1091). */
  TTYPE: 24,
  /** End of record (RFC 885). */
  EOR: 25,
  /** Negotiate about window size (RFC 1073). */
  NAWS: 31,
  /** Terminal speed (RFC 1079). */
  TSPEED: 32,
  /** Remote flow control (RFC 1372). */
  LFLOW: 33,
  /** Line mode (RFC 1184). */
  LINEMODE: 34,
  /** X display location (RFC 1096). */
  XDISPLOC: 35,
  /** Environment, old (RFC 1408). */
  ENVIRON: 36,
  /** Authentication (RFC 2941). */
  AUTHENTICATION: 37,
  /** Encryption (RFC 2946). */
  ENCRYPT: 38,
  /** Environment, new (RFC 1572). */
  NEW_ENVIRON: 39,
  /** Character set (RFC 2066). */
  CHARSET: 42,
  /** Serial port control (RFC 2217). */
  COM_PORT: 44,
  /** TLS within a connection; an expired draft, refused here. */
  START_TLS: 46,
  /** MUD server data protocol. */
  MSDP: 69,
  /** MUD server status protocol. */
  MSSP: 70,
  /** MUD client compression protocol, version 1. Its subnegotiation ends without IAC, see parser.ts. */
  MCCP1: 85,
  /** MUD client compression protocol, version 2. */
  MCCP2: 86,
  /** MUD client compression protocol, version 3. */
  MCCP3: 87,
  /** MUD sound protocol. */
  MSP: 90,
  /** MUD extension protocol. */
  MXP: 91,
  /** Zenith MUD protocol. */
  ZMP: 93,
  /** The game Aardwolf's own option. */
  AARDWOLF: 102,
  /** Achaea Telnet client protocol. */
  ATCP: 200,
  /** Generic MUD communication protocol. */
  GMCP: 201,
  /** Extended options list (RFC 861). */
  EXOPL: 255,
} as const;

const COMMAND_NAMES = invert(Command);
const OPTION_NAMES = invert(Option);

function invert(names: Readonly<Record<string, number>>): ReadonlyMap<number, string> {
  return new Map(Object.entries(names).map(([name, code]) => [code, name.replace('_', '-')]));
}

/** The RFC's name of a command, for logs: `'WILL'`; for any other number: `'command 17'`. */
export function commandName(code: number): string {
  return COMMAND_NAMES.get(code) ?? `command ${code}`;
}

/** The RFC's name of an option, for logs: `'TTYPE'`, `'NEW-ENVIRON'`; for any other number: `'option 99'`. */
export function optionName(code: number): string {
  return OPTION_NAMES.get(code) ?? `option ${code}`;
}
