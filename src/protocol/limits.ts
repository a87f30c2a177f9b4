/** Bounds on what one connection can make the engine hold or emit. All are inclusive. */
export interface TelnetLimits {
  /** The payload of one subnegotiation, in bytes. Default 65,536. */
  readonly subnegotiationBytes: number;
  /** Answers to TTYPE SEND that are asked for. Default 16. */
  readonly terminalTypes: number;
  /** A terminal type's name, in bytes; RFC 1091 has 40. Longer ones are cut. Default 128. */
  readonly terminalTypeBytes: number;
  /** Variables in one ENVIRON message; those beyond are dropped. Default 256. */
  readonly variables: number;
  /** A variable's name, in bytes; a variable with a longer one is dropped. Default 256. */
  readonly variableNameBytes: number;
  /** A variable's value, in bytes; a variable with a longer one is dropped. Default 8,192. */
  readonly variableValueBytes: number;
  /** Names in one CHARSET REQUEST; those beyond are dropped. Default 64. */
  readonly charsets: number;
  /** A character set's name, in bytes; longer ones are dropped. IANA's names have at most 40. Default 64. */
  readonly charsetBytes: number;
  /** Names and values in one MSDP, MSSP or ZMP message; those beyond are dropped. Default 4,096. */
  readonly mudValues: number;
  /** How deep arrays and tables of MSDP (by their marks), and those of the JSON of GMCP, are nested. Default 32. */
  readonly mudDepth: number;
  /** The location of an X display or of a user, in bytes; longer ones are dropped. Default 255. */
  readonly locationBytes: number;
  /**
   * Answers to the peer's WILL, WONT, DO and DONT about one side of one option that are sent at once; later ones are late,
   * see `TelnetHandlers.deferred`. A session begins to count anew every 250 ms. Default 64.
   */
  readonly optionChanges: number;
  /** Warnings in one connection. Default 100. */
  readonly warnings: number;
}

/** The limits that hold where the application sets none. */
export const defaultLimits: TelnetLimits = Object.freeze({
  subnegotiationBytes: 65_536,
  terminalTypes: 16,
  terminalTypeBytes: 128,
  variables: 256,
  variableNameBytes: 256,
  variableValueBytes: 8_192,
  charsets: 64,
  charsetBytes: 64,
  mudValues: 4_096,
  mudDepth: 32,
  locationBytes: 255,
  optionChanges: 64,
  warnings: 100,
});
