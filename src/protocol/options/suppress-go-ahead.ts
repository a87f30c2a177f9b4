import { Option } from '../constants.ts';
import { defineOption, type OptionDefinition, type Sides } from './option.ts';

// SUPPRESS-GO-AHEAD, option 3, RFC 858. No subnegotiation. A side that performs it sends no IAC GA.

/** Leaving out GA, and with ECHO: a character at a time (RFC 858). Sending GA where it is not enabled is the application's. */
export function suppressGoAhead(sides: Sides): OptionDefinition {
  return defineOption(Option.SGA, sides);
}
