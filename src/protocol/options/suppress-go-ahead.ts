import { Option } from '../constants.ts';
import { defineOption, type OptionDefinition, type Sides } from './option.ts';

// SUPPRESS-GO-AHEAD, option 3, RFC 858. No subnegotiation. A side that performs it sends no IAC GA.

/**
 * Suppression of GA; together with ECHO, character-at-a-time mode (RFC 858). The application sends GA while this is
 * disabled.
 */
export function suppressGoAhead(sides: Sides): OptionDefinition {
  return defineOption(Option.SGA, sides);
}
