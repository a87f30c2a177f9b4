import { Option } from '../../constants.ts';
import { defineOption, type OptionDefinition, type Sides } from '../option.ts';

// MSP, option 90, https://www.zuggsoft.com/zmud/msp.htm. No subnegotiation: once the server's WILL is accepted, lines
// of its text may be triggers, !!SOUND(…) and !!MUSIC(…), which are data.

/** Sounds, as triggers in the server's text (MSP). */
export function msp(sides: Sides): OptionDefinition {
  return defineOption(Option.MSP, sides);
}
