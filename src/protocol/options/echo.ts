import { Option } from '../constants.ts';
import { defineOption, type OptionDefinition, type Sides } from './option.ts';

// ECHO, option 1, RFC 857. No subnegotiation.
//
// Local: we send the peer's data back to it, as a server does for its user. If both sides did, a byte would be echoed
// forever (RFC 857, section 4), so the peer's offer for the second side is refused.

/** Which side echoes (RFC 857). The application implements the echo itself. */
export function echo(sides: Sides): OptionDefinition {
  return defineOption(Option.ECHO, sides, { exclusive: true });
}
