import { checkEnabled } from '../../check.ts';
import { Option } from '../../constants.ts';
import { defineOption, type OptionContext, type OptionDefinition, type OptionHandler, type Sides } from '../option.ts';

// MXP, option 91, https://www.zuggsoft.com/zmud/mxp.htm and https://www.gammon.com.au/forum/?id=221.
//
//   IAC SB MXP IAC SE        from the side that performs it (WILL, the server): its text may have tags from here on
//
// Some servers omit it, and start when the client agrees. The tags themselves are data.

/** The peer uses MXP from here on: its text may have tags. */
export interface MxpEvent {
  readonly type: 'mxp';
}

declare module '../../events.ts' {
  interface TelnetEvents {
    readonly mxp: MxpEvent;
  }
}

/** The handler of {@link mxp}. */
export class Mxp implements OptionHandler {
  readonly #telnet: OptionContext;

  constructor(telnet: OptionContext) {
    this.#telnet = telnet;
  }

  /**
   * Notifies the peer that our text has tags from here on.
   *
   * @throws TelptyError `ERR_OPTION` if the local side is not enabled
   */
  start(): void {
    checkEnabled(this.#telnet, Option.MXP, 'local');
    this.#telnet.subnegotiate(Option.MXP, new Uint8Array(0));
  }

  subnegotiation(payload: Uint8Array): void {
    if (!this.#telnet.isEnabled(Option.MXP, 'remote')) {
      this.#telnet.warn('unexpected-subnegotiation', 'MXP: the remote side is not enabled', Option.MXP);
    } else if (payload.length > 0) {
      this.#telnet.warn('malformed-subnegotiation', `MXP: ${payload.length} bytes`, Option.MXP);
    } else {
      this.#telnet.emit({ type: 'mxp' });
    }
  }
}

/** Tags in the server's text (MXP). An `mxp` event reports that the peer starts using them; `start()` that we do. */
export function mxp(sides: Sides): OptionDefinition<Mxp> {
  return defineOption(Option.MXP, sides, { create: telnet => new Mxp(telnet) });
}
