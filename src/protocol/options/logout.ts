import { Option } from '../constants.ts';
import type { Side } from '../events.ts';
import { defineOption, type OptionContext, type OptionDefinition, type OptionHandler, type Sides } from './option.ts';

// LOGOUT, option 18, RFC 727. No subnegotiation.
//
// DO LOGOUT asks the receiver to end the session; WILL LOGOUT agrees to end it, or announces the end. The engine only
// negotiates. The application closes the connection after its pending output.

/** The ends have agreed on a logout (RFC 727). */
export interface LogoutEvent {
  readonly type: 'logout';
  /** `'local'`: the peer asked us, and we agreed: the application closes. `'remote'`: the peer is about to close. */
  readonly side: Side;
}

declare module '../events.ts' {
  interface TelnetEvents {
    readonly logout: LogoutEvent;
  }
}

class Logout implements OptionHandler {
  readonly #telnet: OptionContext;

  constructor(telnet: OptionContext) {
    this.#telnet = telnet;
  }

  enabled(side: Side): void {
    this.#telnet.emit({ type: 'logout', side });
  }
}

/**
 * Ends the session by agreement (RFC 727). A `logout` event means that the application must close, or that the peer
 * will.
 */
export function logout(sides: Sides): OptionDefinition {
  return defineOption(Option.LOGOUT, sides, { create: telnet => new Logout(telnet) });
}
