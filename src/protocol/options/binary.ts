import { Option } from '../constants.ts';
import { defineOption, type OptionDefinition, type Sides } from './option.ts';

// BINARY, option 0, RFC 856. No subnegotiation: WILL, WONT, DO and DONT are all of it.
//
// Each direction of the stream has its own: local is what we send, remote is what the peer sends. What follows from it is
// in parser.ts and nvt.ts; both ask for the state each time, and no copy of it is kept.

/** Eight-bit data without the rules for CR (RFC 856). */
export function binary(sides: Sides): OptionDefinition {
  return defineOption(Option.BINARY, sides);
}
