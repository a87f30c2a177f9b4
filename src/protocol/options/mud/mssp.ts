import { check, checkEnabled } from '../../check.ts';
import { Option } from '../../constants.ts';
import type { Side, WarningCode } from '../../events.ts';
import { decodeText, encodeText } from '../../text.ts';
import {
  type Consent,
  defineOption,
  type OptionContext,
  type OptionDefinition,
  type OptionHandler,
} from '../option.ts';
import { checkVariableName, Mark, type MudScalar, scalarText } from './marked-values.ts';

// MSSP, option 70, https://tintin.mudhalla.net/protocols/mssp/.
//
//   IAC SB MSSP { VAR <name> VAL <value> { VAL <value> } } IAC SE       from the server (WILL), as the answer to DO
//
// VAR is 1, VAL is 2; text contains neither of them, nor NUL. Several values are listed in the order of their
// relevance, with the default last. If a name occurs again, its values are added.

/** The peer sent information about its game (MSSP). */
export interface MsspEvent {
  readonly type: 'mssp';
  /** The values of each variable, the most relevant last. To use a single value, take the last. */
  readonly variables: ReadonlyMap<string, readonly string[]>;
}

declare module '../../events.ts' {
  interface TelnetEvents {
    readonly mssp: MsspEvent;
  }
}

/** Variables by name; of several values the most relevant is last. Flags are sent as 1 and 0. */
export type MsspVariables = { readonly [name: string]: MudScalar | readonly MudScalar[] };

const FIELDS = /([\x01\x02])([^\x01\x02]*)/g;

/** The handler of {@link mssp}. */
export class Mssp implements OptionHandler {
  readonly #telnet: OptionContext;
  readonly #provide: (() => MsspVariables) | undefined;

  constructor(telnet: OptionContext, provide: (() => MsspVariables) | undefined) {
    this.#telnet = telnet;
    this.#provide = provide;
  }

  /**
   * Sends these variables to the peer. Only needed in addition to `provide`, which is called once, when the peer
   * agrees.
   *
   * @throws TelptyError `ERR_INVALID_ARGUMENT` for an empty name, for text with NUL or the octets 1 to 6, or for values
   *   that are not text, numbers or flags; `ERR_OPTION` if the local side is not enabled
   */
  send(variables: MsspVariables): void {
    const payload = formatMssp(variables);
    checkEnabled(this.#telnet, Option.MSSP, 'local');
    this.#telnet.subnegotiate(Option.MSSP, payload);
  }

  enabled(side: Side): void {
    if (side === 'local' && this.#provide !== undefined) this.send(this.#provide());
  }

  subnegotiation(payload: Uint8Array): void {
    if (!this.#telnet.isEnabled(Option.MSSP, 'remote')) {
      this.#warn('unexpected-subnegotiation', 'the remote side is not enabled');
      return;
    }
    const text = decodeText(payload);
    const variables = new Map<string, string[]>();
    let malformed = text !== '' && text[0] !== Mark.VAR;
    let values: string[] | undefined;
    let count = 0;
    for (const [, mark, field = ''] of text.matchAll(FIELDS)) {
      if (++count > this.#telnet.limits.mudValues) {
        this.#warn('too-many-values', `more than ${this.#telnet.limits.mudValues} names and values`);
        break;
      }
      if (mark === Mark.VAL) values?.push(field);
      else {
        malformed ||= field === '' || values?.length === 0;
        values = variables.get(field) ?? [];
        variables.set(field, values);
      }
    }
    if (malformed || values?.length === 0) this.#warn('malformed-subnegotiation', 'not a list of names and values');
    this.#telnet.emit({ type: 'mssp', variables });
  }

  #warn(code: WarningCode, message: string): void {
    this.#telnet.warn(code, `MSSP: ${message}`, Option.MSSP);
  }
}

function formatMssp(variables: MsspVariables): Uint8Array {
  check(typeof variables === 'object' && variables !== null, 'variables must be an object');
  const fields = Object.entries(variables).map(([name, value]) => {
    checkVariableName(name);
    const values = Array.isArray(value) ? value : [value];
    return Mark.VAR + name + values.map(item => Mark.VAL + scalarText(item)).join('');
  });
  return encodeText(fields.join(''), 'a message');
}

/**
 * Information about a game for lists of games (MSSP). `provide`, for a server: returns the variables, each time a peer
 * agrees to the option; if it throws, `receive()` throws the same. `remote: true`, for a client, as for the other MUD
 * options: the peer's variables are an `mssp` event; `receive` is a synonym.
 *
 * @throws TelptyError `ERR_INVALID_ARGUMENT` if `provide` is not a function
 */
export function mssp(roles: {
  readonly provide?: () => MsspVariables;
  readonly remote?: Consent;
  readonly receive?: boolean;
}): OptionDefinition<Mssp> {
  const { provide, receive = false, remote = receive } = roles;
  check(provide === undefined || typeof provide === 'function', 'provide must be a function');
  const sides = { local: provide !== undefined, remote };
  return defineOption(Option.MSSP, sides, { create: telnet => new Mssp(telnet, provide) });
}
