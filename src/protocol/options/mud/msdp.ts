import { Option } from '../../constants.ts';
import type { WarningCode } from '../../events.ts';
import { defineOption, type OptionContext, type OptionDefinition, type OptionHandler, type Sides } from '../option.ts';
import { formatMsdp, type MsdpInput, type MsdpVariable, parseMsdp } from './msdp-format.ts';

// MSDP, option 69, https://tintin.mudhalla.net/protocols/msdp/. Its wire layout: msdp-format.ts.
//
// Once the server's WILL is accepted, both ends may send. A client's commands are variables, too: REPORT with a list of
// names as value, LIST with COMMANDS. The application implements them.

/** The peer sent variables or commands of MSDP. */
export interface MsdpEvent {
  readonly type: 'msdp';
  /** In the order of the message; a name may occur more than once. */
  readonly variables: readonly MsdpVariable[];
}

declare module '../../events.ts' {
  interface TelnetEvents {
    readonly msdp: MsdpEvent;
  }
}

/** The handler of {@link msdp}. */
export class Msdp implements OptionHandler {
  readonly #telnet: OptionContext;

  constructor(telnet: OptionContext) {
    this.#telnet = telnet;
  }

  /**
   * Sends variables or commands in one message: `send({ HEALTH: 10, EXITS: { n: 1204 } })`,
   * `send({ REPORT: ['ROOM'] })`. Numbers and flags are converted to text; tables are plain objects.
   *
   * @throws TelptyError `ERR_INVALID_ARGUMENT` for an empty name, for text with NUL or the octets 1 to 6, for values of
   *   another type, or nested deeper than `TelnetLimits.mudDepth`; `ERR_OPTION` if the option is not enabled
   */
  send(variables: { readonly [name: string]: MsdpInput }): void {
    this.#telnet.subnegotiate(Option.MSDP, formatMsdp(variables, this.#telnet.limits.mudDepth));
  }

  subnegotiation(payload: Uint8Array): void {
    const { mudValues, mudDepth } = this.#telnet.limits;
    const { variables, malformed, tooMany, tooDeep } = parseMsdp(payload, this.#telnet.limits);
    if (malformed) this.#warn('malformed-subnegotiation', 'not a list of names and values');
    if (tooMany) this.#warn('too-many-values', `more than ${mudValues} names and values`);
    if (tooDeep) this.#warn('nested-too-deep', `more than ${mudDepth} levels`);
    if (variables.length > 0) this.#telnet.emit({ type: 'msdp', variables });
  }

  #warn(code: WarningCode, message: string): void {
    this.#telnet.warn(code, `MSDP: ${message}`, Option.MSDP);
  }
}

/**
 * Variables of a game, with arrays and tables (MSDP). The peer's variables are `msdp` events; send ours with
 * `telnet.handler(definition).send(variables)`. The server performs the option: use `{ local: true }` on the server,
 * `{ remote: true }` on the client.
 */
export function msdp(sides: Sides): OptionDefinition<Msdp> {
  return defineOption(Option.MSDP, sides, { create: telnet => new Msdp(telnet) });
}
