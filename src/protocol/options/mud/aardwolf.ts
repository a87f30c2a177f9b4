import { checkOctet } from '../../check.ts';
import { Option } from '../../constants.ts';
import { defineOption, type OptionContext, type OptionDefinition, type OptionHandler, type Sides } from '../option.ts';

// Aardwolf's option, 102, https://www.aardwolf.com/blog/2008/07/10/telnet-negotiation-control-mud-client-interaction/.
//
//   IAC SB 102 <channel> <value> IAC SE      from either end, once the server's WILL is accepted
//
// A client uses the values 1 (on) and 2 (off) to select what the server sends or shows. The server reports states, such
// as channel 100.

/** The peer sent one message of Aardwolf's option. */
export interface AardwolfEvent {
  readonly type: 'aardwolf';
  /** 0 to 255; the subject of the message, such as 100 for the state of the player. */
  readonly channel: number;
  /** 0 to 255. */
  readonly value: number;
}

declare module '../../events.ts' {
  interface TelnetEvents {
    readonly aardwolf: AardwolfEvent;
  }
}

const LENGTH = 2;

/** The handler of {@link aardwolf}. */
export class Aardwolf implements OptionHandler {
  readonly #telnet: OptionContext;

  constructor(telnet: OptionContext) {
    this.#telnet = telnet;
  }

  /**
   * Sends one message; both numbers are from 0 to 255.
   *
   * @throws TelptyError `ERR_INVALID_ARGUMENT` if a number is out of range; `ERR_OPTION` if the option is not enabled
   */
  send(channel: number, value: number): void {
    checkOctet(channel, 'a channel');
    checkOctet(value, 'a value');
    this.#telnet.subnegotiate(Option.AARDWOLF, Uint8Array.of(channel, value));
  }

  subnegotiation(payload: Uint8Array): void {
    if (payload.length === LENGTH) {
      this.#telnet.emit({ type: 'aardwolf', channel: payload[0]!, value: payload[1]! });
    } else {
      this.#telnet.warn('malformed-subnegotiation', `AARDWOLF: ${payload.length} bytes`, Option.AARDWOLF);
    }
  }
}

/**
 * The option of the game Aardwolf: numbers that are not displayed. The peer's messages are `aardwolf` events; send ours
 * with `telnet.handler(definition).send(channel, value)`.
 */
export function aardwolf(sides: Sides): OptionDefinition<Aardwolf> {
  return defineOption(Option.AARDWOLF, sides, { create: telnet => new Aardwolf(telnet) });
}
