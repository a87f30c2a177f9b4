import { check } from '../../check.ts';
import { Option } from '../../constants.ts';
import type { WarningCode } from '../../events.ts';
import { decodeText, encodeText } from '../../text.ts';
import { defineOption, type OptionContext, type OptionDefinition, type OptionHandler, type Sides } from '../option.ts';

// ZMP, option 93, http://discworld.starturtle.net/external/protocols/zmp.html.
//
//   IAC SB ZMP <command> NUL { <argument> NUL } IAC SE       from either end, once the server's WILL is accepted
//
// An argument may be empty, the command must not. The application implements commands such as `zmp.check`.

/** The peer sent a command of ZMP. */
export interface ZmpEvent {
  readonly type: 'zmp';
  /** For example `zmp.check`. Never empty. */
  readonly command: string;
  readonly args: readonly string[];
}

declare module '../../events.ts' {
  interface TelnetEvents {
    readonly zmp: ZmpEvent;
  }
}

const NUL = '\0';

/** The handler of {@link zmp}. */
export class Zmp implements OptionHandler {
  readonly #telnet: OptionContext;

  constructor(telnet: OptionContext) {
    this.#telnet = telnet;
  }

  /**
   * Sends a command, such as `send('zmp.ident', 'My game', '1.0', 'A game')`.
   *
   * @throws TelptyError `ERR_INVALID_ARGUMENT` for a command that is not printable ASCII without spaces, or an argument
   *   that is not a string or contains NUL; `ERR_OPTION` if the option is not enabled
   */
  send(command: string, ...args: string[]): void {
    check(
      typeof command === 'string' && /^[!-~]+$/.test(command),
      'a command must consist of printable ASCII characters',
    );
    for (const arg of args)
      check(typeof arg === 'string' && !arg.includes(NUL), 'an argument must be a string without NUL');
    this.#telnet.subnegotiate(Option.ZMP, encodeText([command, ...args, ''].join(NUL), 'a command'));
  }

  subnegotiation(payload: Uint8Array): void {
    const { mudValues } = this.#telnet.limits;
    const text = decodeText(payload);
    const isEnded = text.endsWith(NUL);
    // One more than the limit, to detect that there are more.
    const [command = '', ...args] = (isEnded ? text.slice(0, -1) : text).split(NUL, mudValues + 1);
    if (command === '') {
      this.#warn('malformed-subnegotiation', 'no command');
      return;
    }
    if (!isEnded) this.#warn('malformed-subnegotiation', 'the last NUL is missing');
    if (args.length >= mudValues) this.#warn('too-many-values', `more than ${mudValues} strings`);
    this.#telnet.emit({ type: 'zmp', command, args: args.slice(0, Math.max(0, mudValues - 1)) });
  }

  #warn(code: WarningCode, message: string): void {
    this.#telnet.warn(code, `ZMP: ${message}`, Option.ZMP);
  }
}

/**
 * Commands with arguments (ZMP). The peer's commands are `zmp` events; send ours with
 * `telnet.handler(definition).send(command, …)`. The server performs the option: use `{ local: true }` on the server,
 * `{ remote: true }` on the client.
 */
export function zmp(sides: Sides): OptionDefinition<Zmp> {
  return defineOption(Option.ZMP, sides, { create: telnet => new Zmp(telnet) });
}
