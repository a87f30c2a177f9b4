import { Option } from '../constants.ts';
import type { Side } from '../events.ts';
import { defineOption, type OptionContext, type OptionDefinition, type OptionHandler, type Sides } from './option.ts';

// LOGOUT, option 18, RFC 727. No subnegotiation.
//
// DO LOGOUT asks the receiver to end the session, WILL LOGOUT agrees to end it or announces that. The engine says the
// word; to close the connection, after what is on its way, is the application's.

/** Logging out was agreed on (RFC 727). */
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

/** Ending the session by agreement (RFC 727): a `logout` event tells the application to close, or that the peer will. */
export function logout(sides: Sides): OptionDefinition {
  return defineOption(Option.LOGOUT, sides, { create: telnet => new Logout(telnet) });
}
