/** Limits on the state and the events of one connection. All are inclusive. */
export interface TelnetLimits {
  /** Payload of one subnegotiation, in bytes. Longer ones are dropped. Default 65,536. */
  readonly subnegotiationBytes: number;
  /** Number of answers to TTYPE SEND that are requested. Default 16. */
  readonly terminalTypes: number;
  /** Name of a terminal type, in bytes; RFC 1091 allows 40. Longer ones are cut. Default 128. */
  readonly terminalTypeBytes: number;
  /** Number of variables in one ENVIRON message; further ones are dropped. Default 256. */
  readonly variables: number;
  /** Name of a variable, in bytes; a variable with a longer name is dropped. Default 256. */
  readonly variableNameBytes: number;
  /** Value of a variable, in bytes; a variable with a longer value is dropped. Default 8,192. */
  readonly variableValueBytes: number;
  /** Number of names in one CHARSET REQUEST; further ones are dropped. Default 64. */
  readonly charsets: number;
  /** Name of a character set, in bytes; longer ones are dropped. IANA's names have at most 40. Default 64. */
  readonly charsetBytes: number;
  /** Number of names and values in one MSDP, MSSP or ZMP message; further ones are dropped. Default 4,096. */
  readonly mudValues: number;
  /** Depth of nested arrays and tables in MSDP (by their marks), and in the JSON of GMCP. Default 32. */
  readonly mudDepth: number;
  /** Location of an X display or of a user, in bytes; longer ones are dropped. Default 255. */
  readonly locationBytes: number;
  /**
   * Number of answers to the peer's WILL, WONT, DO and DONT about one side of one option that are sent at once. Further
   * answers are late, see `TelnetHandlers.deferred`. A session resets the count every 250 ms. Default 64.
   */
  readonly optionChanges: number;
  /** Number of warnings per connection. Default 100. */
  readonly warnings: number;
}

/** The limits that apply if the application sets none. */
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
