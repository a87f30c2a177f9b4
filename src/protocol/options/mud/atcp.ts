import { check } from '../../check.ts';
import { Option } from '../../constants.ts';
import { decodeText, encodeText } from '../../text.ts';
import { defineOption, type OptionContext, type OptionDefinition, type OptionHandler, type Sides } from '../option.ts';
import { checkMessageName, splitMessage } from './gmcp.ts';

// ATCP, option 200, https://mudstandards.org/ATCP_Specification.
//
//   IAC SB ATCP <Module.Message> { " " <text> | LF <text> } IAC SE      from either end
//
// GMCP has replaced it. Iron Realms' servers send DO and the client performs the option; other servers perform it
// themselves.

/** The peer sent a message of ATCP. */
export interface AtcpEvent {
  readonly type: 'atcp';
  /** For example `Room.Num` or `hello`. Never empty. */
  readonly name: string;
  /** The text after the name; `''` if there is none. It may have several lines, each terminated by LF. */
  readonly text: string;
}

declare module '../../events.ts' {
  interface TelnetEvents {
    readonly atcp: AtcpEvent;
  }
}

const BLANK = /[ \n]/;

/** The handler of {@link atcp}. */
export class Atcp implements OptionHandler {
  readonly #telnet: OptionContext;

  constructor(telnet: OptionContext) {
    this.#telnet = telnet;
  }

  /**
   * Sends a message: `send('hello', 'My client 1.0\nauth 1')`.
   *
   * @throws TelptyError `ERR_INVALID_ARGUMENT` for a name that is not printable ASCII without spaces, or text that is
   *   not a string; `ERR_OPTION` if the option is not enabled
   */
  send(name: string, text = ''): void {
    checkMessageName(name);
    check(typeof text === 'string', 'text must be a string');
    this.#telnet.subnegotiate(Option.ATCP, encodeText(text === '' ? name : `${name} ${text}`, 'a message'));
  }

  subnegotiation(payload: Uint8Array): void {
    const [name, text] = splitMessage(decodeText(payload), BLANK);
    if (name === '') {
      this.#telnet.warn('malformed-subnegotiation', 'ATCP: a message without a name', Option.ATCP);
    } else {
      this.#telnet.emit({ type: 'atcp', name, text });
    }
  }
}

/**
 * Messages of modules, with text (ATCP). The peer's messages are `atcp` events; send ours with
 * `telnet.handler(definition).send(name, text)`.
 */
export function atcp(sides: Sides): OptionDefinition<Atcp> {
  return defineOption(Option.ATCP, sides, { create: telnet => new Atcp(telnet) });
}
