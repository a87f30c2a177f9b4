import { Option } from '../constants.ts';
import { defineOption, type OptionDefinition, type Sides } from './option.ts';

// BINARY, option 0, RFC 856. No subnegotiation: the option consists of WILL, WONT, DO and DONT.
//
// Each direction of the stream has its own state: local is what we send, remote is what the peer sends. The effects are
// in parser.ts and nvt.ts. Both receive the state as an argument with each call, and keep no copy of it.

/** Eight-bit data without the rules for CR (RFC 856). */
export function binary(sides: Sides): OptionDefinition {
  return defineOption(Option.BINARY, sides);
}
