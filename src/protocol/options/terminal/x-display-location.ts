import { check } from '../../check.ts';
import { Option } from '../../constants.ts';
import { defineOption, type OptionDefinition } from '../option.ts';
import { Inquiry } from './inquiry.ts';

// X-DISPLAY-LOCATION, option 35, RFC 1096. Its messages are in inquiry.ts.
//
//   IAC SB XDISPLOC IS <host> : <display> { . <screen> } IAC SE
//
// Only the characters of a display are checked: its form is defined by the X server, and has been extended since.

/** The peer sent the location of its X display (RFC 1096). */
export interface XDisplayLocationEvent {
  readonly type: 'x-display-location';
  /** `host:display.screen`, unchanged: printable ASCII without spaces, not checked further. */
  readonly display: string;
}

declare module '../../events.ts' {
  interface TelnetEvents {
    readonly 'x-display-location': XDisplayLocationEvent;
  }
}

const DISPLAY = /^[!-~]+$/;
const LONGEST_OF_OURS = 255;

/**
 * The location of the X display (RFC 1096). `ask`: request it when the peer offers the option; the answer is an
 * `x-display-location` event. `display`: our answer, in the form of the DISPLAY variable.
 *
 * @throws TelptyError `ERR_INVALID_ARGUMENT` for a display that is not 1 to 255 printable ASCII characters without
 *   spaces
 */
export function xDisplayLocation(roles: {
  readonly ask?: boolean;
  readonly display?: string;
}): OptionDefinition<Inquiry> {
  const { ask = false, display } = roles;
  check(typeof ask === 'boolean', 'ask must be a boolean');
  check(
    display === undefined ||
      (typeof display === 'string' && DISPLAY.test(display) && display.length <= LONGEST_OF_OURS),
    'a display must have 1 to 255 printable ASCII characters without spaces',
  );
  const terms = Object.freeze({
    code: Option.XDISPLOC,
    asks: ask,
    answer: display ?? '',
    longest: (limits: { readonly locationBytes: number }) => limits.locationBytes,
    read: (text: string) => (DISPLAY.test(text) ? ({ type: 'x-display-location', display: text } as const) : undefined),
  });
  const sides = { local: display !== undefined, remote: ask };
  return defineOption(Option.XDISPLOC, sides, { create: telnet => new Inquiry(telnet, terms) });
}
