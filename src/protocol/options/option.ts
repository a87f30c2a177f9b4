import { check, checkOctet } from '../check.ts';
import type { Side, TelnetEvent, WarningCode } from '../events.ts';
import type { TelnetLimits } from '../limits.ts';

/**
 * When one side of an option may become enabled:
 * `true`: whenever the peer asks for it; `'request'`: once `Telnet.request()` asked for it, or `Telnet.allow()` allowed it, and until
 * either revokes that, so that a peer which switched it off may switch it on again; `false`: never.
 */
export type Consent = boolean | 'request';

/** The sides on which an option may be enabled; a side left out is `false`. */
export interface Sides {
  /** We perform the option: the answer to the peer's DO. */
  readonly local?: Consent;
  /** The peer performs the option: the answer to the peer's WILL. */
  readonly remote?: Consent;
}

/**
 * One option, as the engine's table holds it: a number, a policy, and how to make the part that remembers something.
 * Definitions are immutable and shared by all connections; what belongs to one connection lives in the handler.
 */
export interface OptionDefinition<H extends OptionHandler = OptionHandler> {
  /** The option's number, 0 to 255. */
  readonly code: number;
  readonly local: Consent;
  readonly remote: Consent;
  /** True where performing the option at both ends would be a loop (RFC 857): the second side is never agreed to. */
  readonly exclusive?: boolean;
  /** An option that this one is the older form of: on a side where that is enabled, this one is not agreed to. */
  readonly supersededBy?: number;
  /** Makes the handler of one connection, at its first use. An option without it is a mere switch. */
  readonly create?: (telnet: OptionContext) => H;
}

/** What belongs to one option of one connection. All methods are optional, and none may throw for what the peer sent. */
export interface OptionHandler {
  /** A side has become enabled; the answer, if one was due, is sent, the `option` event is not yet emitted. */
  enabled?(side: Side): void;
  /** A side has become disabled, or our request for it was refused. */
  disabled?(side: Side): void;
  /** A subnegotiation came while at least one side was enabled. The payload is borrowed: valid during the call. */
  subnegotiation?(payload: Uint8Array): void;
  /** Whether a subnegotiation is also taken while an answer of the peer's is outstanding, as after our WONT: it left before. */
  readonly takesUnsettled?: boolean;
  /** Whether a subnegotiation is also taken while our DO has no answer: there are peers that send it without WILL. */
  readonly takesEarly?: boolean;
  /** Any event of this connection, before the application sees it: how an option learns from another one. */
  notice?(event: TelnetEvent): void;
  /** Takes over what the peer says about the option; for an option without a state, such as TIMING-MARK. */
  negotiated?(side: Side, positive: boolean): void;
  /** Takes over `Telnet.request()`; for an option without a state. */
  requested?(side: Side, on: boolean): void;
}

/** What a handler may use: the part of class Telnet that options are made of. */
export interface OptionContext {
  readonly limits: TelnetLimits;
  /** Whether a side performs the option now: `Telnet.isEnabled()`. */
  isEnabled(code: number, side: Side): boolean;
  /** Whether the peer has said something about a side, and owes no answer: `Telnet.isSettled()`. */
  isSettled(code: number, side: Side): boolean;
  /** Whether a request of ours about a side has no answer yet: `Telnet.isPending()`. */
  isPending(code: number, side: Side): boolean;
  /** Sends IAC SB code payload IAC SE; 255 in the payload is doubled here. */
  subnegotiate(code: number, payload: Uint8Array): void;
  /** Sends WILL or WONT (local), DO or DONT (remote) past the table of states; for an option without a state. */
  announce(code: number, side: Side, positive: boolean): void;
  /** As `Telnet.request(code, side, true)`; does nothing where the option is not in the table, or not to be enabled there. */
  requestIfKnown(code: number, side: Side): void;
  /** The codes of the table, in its order. */
  codes(): readonly number[];
  /** The handler of an option in the table, made if need be; `undefined` if there is none. */
  find(code: number): OptionHandler | undefined;
  /** Gives an event to the application, and before it to the other options. */
  emit(event: TelnetEvent): void;
  /** Emits a `warning` event, up to the limit of warnings. The message holds nothing from the peer but numbers. */
  warn(code: WarningCode, message: string, option?: number): void;
}

/**
 * A frozen definition of an option.
 *
 * @throws TelptyError `ERR_INVALID_ARGUMENT` for a code or a consent out of range
 */
export function defineOption<H extends OptionHandler = OptionHandler>(
  code: number,
  sides: Sides,
  more: Pick<OptionDefinition<H>, 'create' | 'exclusive' | 'supersededBy'> = {},
): OptionDefinition<H> {
  checkOctet(code, 'the code of an option');
  const { local = false, remote = false } = sides;
  for (const consent of [local, remote]) {
    check(typeof consent === 'boolean' || consent === 'request', "local and remote must be true, false or 'request'");
  }
  return Object.freeze({ code, local, remote, ...more });
}

/**
 * A subnegotiation in words, for logs: words of the RFC as strings, and octets of the sender, which are escaped before they are
 * shown. `undefined` is a message without the layout of its RFC.
 */
export type SubnegotiationWords = readonly (string | Uint8Array)[] | undefined;
