import { Option } from '../constants.ts';
import { defineOption, type OptionDefinition, type Sides } from './option.ts';

// ECHO, option 1, RFC 857. No subnegotiation.
//
// Local: we send the peer's data back to it, as a server does for its user. If both sides did, a byte would go round for
// ever (RFC 857, section 4), so the peer's offer for the second side is refused.

/** Who echoes (RFC 857). The echoing itself is the application's. */
export function echo(sides: Sides): OptionDefinition {
  return defineOption(Option.ECHO, sides, { exclusive: true });
}
