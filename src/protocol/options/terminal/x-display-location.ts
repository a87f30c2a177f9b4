import { check } from '../../check.ts';
import { Option } from '../../constants.ts';
import { defineOption, type OptionDefinition } from '../option.ts';
import { Inquiry } from './inquiry.ts';

// X-DISPLAY-LOCATION, option 35, RFC 1096. Its messages are in inquiry.ts.
//
//   IAC SB XDISPLOC IS <host> : <display> { . <screen> } IAC SE
//
// What a display looks like is not checked further than its characters: the form is the X server's, and has grown since.

/** The peer told where its X display is (RFC 1096). */
export interface XDisplayLocationEvent {
  readonly type: 'x-display-location';
  /** `host:display.screen`, as it came: printable ASCII without spaces, and no more is known of it. */
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
 * Where the X display is (RFC 1096). `ask`: when the peer offers it, ask for it; the answer is an `x-display-location`
 * event. `display`: what we answer, as in the variable DISPLAY.
 *
 * @throws TelptyError `ERR_INVALID_ARGUMENT` for a display that is not 1 to 255 printable ASCII characters without spaces
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
