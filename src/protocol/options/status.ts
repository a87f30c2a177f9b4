import { checkEnabled } from '../check.ts';
import { Command, Option } from '../constants.ts';
import type { Side } from '../events.ts';
import {
  defineOption,
  type OptionContext,
  type OptionDefinition,
  type OptionHandler,
  type Sides,
  type SubnegotiationWords,
} from './option.ts';

// STATUS, option 5, RFC 859.
//
//   IAC SB STATUS SEND IAC SE                             to the side that performs it (WILL)
//   IAC SB STATUS IS { <verb> <option> | SB … SE } IAC SE its answer: its view of the options
//
// WILL x in the answer: I perform x. DO x: you perform x. Options that are not listed are off. SB option … SE gives the
// parameters of an option, with each SE (240) among them doubled.

/** The peer sent its view of the options (RFC 859). */
export interface StatusEvent {
  readonly type: 'status';
  /** From our point of view: the peer's WILL is side `'remote'`, its DO is side `'local'`. */
  readonly options: readonly { readonly option: number; readonly side: Side; readonly enabled: boolean }[];
}

declare module '../events.ts' {
  interface TelnetEvents {
    readonly status: StatusEvent;
  }
}

const IS = 0;
const SEND = 1;
const { SB, SE, WILL, WONT, DO, DONT } = Command;

/** The meaning of the peer's verbs from our point of view. */
const SEEN_FROM_HERE: ReadonlyMap<number, { readonly side: Side; readonly enabled: boolean }> = new Map([
  [WILL, { side: 'remote', enabled: true }],
  [WONT, { side: 'remote', enabled: false }],
  [DO, { side: 'local', enabled: true }],
  [DONT, { side: 'local', enabled: false }],
]);

/** There are 256 options with two sides; further entries of a message can only be repetitions. */
const MOST_ENTRIES = 512;

/** A message of STATUS for logs; the list of options is counted, not shown. */
export function statusWords(payload: Uint8Array): SubnegotiationWords {
  if (payload[0] === SEND) return ['SEND'];
  return payload[0] === IS ? [`IS (${payload.length - 1} bytes)`] : undefined;
}

/** The handler of {@link status}. */
export class Status implements OptionHandler {
  readonly #telnet: OptionContext;

  constructor(telnet: OptionContext) {
    this.#telnet = telnet;
  }

  /**
   * Requests the peer's view of the options; the answer is a `status` event.
   *
   * @throws TelptyError `ERR_OPTION` if the peer does not perform the option
   */
  ask(): void {
    checkEnabled(this.#telnet, Option.STATUS, 'remote');
    this.#telnet.subnegotiate(Option.STATUS, Uint8Array.of(SEND));
  }

  subnegotiation(payload: Uint8Array): void {
    const [command] = payload;
    if (command === SEND && this.#telnet.isEnabled(Option.STATUS, 'local')) this.#answer();
    else if (command === IS && this.#telnet.isEnabled(Option.STATUS, 'remote')) this.#is(payload);
    else if (command === IS || command === SEND)
      this.#warn('unexpected-subnegotiation', 'the other side is not enabled');
    else this.#warn('malformed-subnegotiation', 'neither IS nor SEND');
  }

  #answer(): void {
    const list: number[] = [IS];
    for (const code of this.#telnet.codes()) {
      if (this.#telnet.isEnabled(code, 'local')) list.push(WILL, code);
      if (this.#telnet.isEnabled(code, 'remote')) list.push(DO, code);
    }
    this.#telnet.subnegotiate(Option.STATUS, Uint8Array.from(list));
  }

  #is(payload: Uint8Array): void {
    const options: StatusEvent['options'][number][] = [];
    let at = 1;
    while (at < payload.length && options.length < MOST_ENTRIES) {
      const seen = SEEN_FROM_HERE.get(payload[at]!);
      const option = payload[at + 1];
      if (seen !== undefined && option !== undefined) {
        options.push({ option, ...seen });
        at += 2;
      } else if (payload[at] === SB) {
        at = endOfParameters(payload, at + 2);
      } else {
        this.#warn('malformed-subnegotiation', 'neither a verb with its option nor SB');
        return;
      }
    }
    this.#telnet.emit({ type: 'status', options });
  }

  #warn(code: 'unexpected-subnegotiation' | 'malformed-subnegotiation', message: string): void {
    this.#telnet.warn(code, `STATUS: ${message}`, Option.STATUS);
  }
}

/** The position after the next SE that is not doubled. */
function endOfParameters(payload: Uint8Array, from: number): number {
  let at = from;
  while (at < payload.length) {
    if (payload[at++] !== SE) continue;
    if (payload[at] !== SE) return at;
    at++;
  }
  return at;
}

/**
 * The view that each end has of the options (RFC 859). Local: SEND is answered. Remote:
 * `telnet.handler(definition).ask()` requests the peer's view.
 */
export function status(sides: Sides): OptionDefinition<Status> {
  return defineOption(Option.STATUS, sides, { create: telnet => new Status(telnet) });
}
