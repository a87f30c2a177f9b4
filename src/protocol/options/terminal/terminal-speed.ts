import { check } from '../../check.ts';
import { Option } from '../../constants.ts';
import { defineOption, type OptionDefinition } from '../option.ts';
import { Inquiry } from './inquiry.ts';

// TERMINAL-SPEED, option 32, RFC 1079. Its messages are in inquiry.ts.
//
//   IAC SB TSPEED IS <transmit> , <receive> IAC SE
//
// Both are decimal, in bits per second, without leading zeros or spaces. Leading zeros are accepted; other deviations
// are not.

/** The peer sent the speed of its terminal (RFC 1079). */
export interface TerminalSpeedEvent {
  readonly type: 'terminal-speed';
  /** Bits per second, 0 to 4,294,967,295. */
  readonly transmit: number;
  readonly receive: number;
}

declare module '../../events.ts' {
  interface TelnetEvents {
    readonly 'terminal-speed': TerminalSpeedEvent;
  }
}

const FASTEST = 0xffff_ffff;
const SPEEDS = /^(\d{1,10}),(\d{1,10})$/;
/** Two numbers of ten digits and a comma. */
const LONGEST = 21;

/** Two speeds, in bits per second, 0 to 4,294,967,295. */
export interface Speed {
  readonly transmit: number;
  readonly receive: number;
}

/**
 * The speed of the terminal (RFC 1079). `ask`: request the speed when the peer offers the option; the answer is a
 * `terminal-speed` event. `speed`: our answer. Programs should not pace their output by it: today no line has such a
 * speed.
 *
 * @throws TelptyError `ERR_INVALID_ARGUMENT` for a speed that is not an integer, or out of range
 */
export function terminalSpeed(roles: { readonly ask?: boolean; readonly speed?: Speed }): OptionDefinition<Inquiry> {
  const { ask = false, speed } = roles;
  check(typeof ask === 'boolean', 'ask must be a boolean');
  for (const rate of speed === undefined ? [] : [speed.transmit, speed.receive]) {
    check(
      Number.isInteger(rate) && rate >= 0 && rate <= FASTEST,
      `a speed must be a whole number from 0 to ${FASTEST}`,
    );
  }
  const terms = Object.freeze({
    code: Option.TSPEED,
    asks: ask,
    answer: speed === undefined ? '' : `${speed.transmit},${speed.receive}`,
    longest: () => LONGEST,
    read: (text: string) => {
      const [transmit = FASTEST + 1, receive = FASTEST + 1] = SPEEDS.exec(text)?.slice(1).map(Number) ?? [];
      if (transmit > FASTEST || receive > FASTEST) return undefined;
      return { type: 'terminal-speed', transmit, receive } as const;
    },
  });
  const sides = { local: speed !== undefined, remote: ask };
  return defineOption(Option.TSPEED, sides, { create: telnet => new Inquiry(telnet, terms) });
}
