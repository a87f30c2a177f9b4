import { Option } from '../constants.ts';
import { defineOption, type OptionDefinition, type Sides } from './option.ts';

// END-OF-RECORD, option 25, RFC 885. No subnegotiation. A side that performs it may send IAC EOR (239).

/** Marks between records, for MUDs the end of a prompt (RFC 885). `Telnet.command(Command.EOR)` sends the mark. */
export function endOfRecord(sides: Sides): OptionDefinition {
  return defineOption(Option.EOR, sides);
}
