import { check, checkOctet } from '../check.ts';
import type { Side, TelnetEvent, WarningCode } from '../events.ts';
import type { TelnetLimits } from '../limits.ts';

/**
 * When one side of an option may become enabled.
 *
 * - `true`: whenever the peer requests it.
 * - `'request'`: after `Telnet.request()` has requested it or `Telnet.allow()` has allowed it, until either revokes
 *   that. So a peer that disabled the option may enable it again.
 * - `false`: never.
 */
export type Consent = boolean | 'request';

/** The sides on which an option may be enabled; an omitted side is `false`. */
export interface Sides {
  /** We perform the option: the answer to the peer's DO. */
  readonly local?: Consent;
  /** The peer performs the option: the answer to the peer's WILL. */
  readonly remote?: Consent;
}

/**
 * One option in the engine's table: a number, a policy, and a function that creates its state. Definitions are
 * immutable and shared by all connections; the state of one connection is in the handler.
 */
export interface OptionDefinition<H extends OptionHandler = OptionHandler> {
  /** The option's number, 0 to 255. */
  readonly code: number;
  readonly local: Consent;
  readonly remote: Consent;
  /** Whether performing the option at both ends would be a loop (RFC 857): the second side is then always refused. */
  readonly exclusive?: boolean;
  /** The option that replaces this older one: on a side where that option is enabled, this one is refused. */
  readonly supersededBy?: number;
  /**
   * Creates the handler of one connection, at its first use. An option without it has no state other than on and off.
   */
  readonly create?: (telnet: OptionContext) => H;
}

/**
 * The part of an option that belongs to one connection. All methods are optional, and none may throw because of peer
 * input.
 */
export interface OptionHandler {
  /** A side was enabled. Our answer, if one was due, has been sent; the `option` event has not been emitted yet. */
  enabled?(side: Side): void;
  /** A side was disabled, or our request for it was refused. */
  disabled?(side: Side): void;
  /** A subnegotiation arrived while at least one side was enabled. The payload is borrowed: valid during the call. */
  subnegotiation?(payload: Uint8Array): void;
  /**
   * Whether a subnegotiation is also accepted while an answer of the peer is outstanding, such as after our WONT. The
   * peer sent it before it received our request.
   */
  readonly takesUnsettled?: boolean;
  /** Whether a subnegotiation is also accepted while our DO is unanswered: some peers send it without WILL. */
  readonly takesEarly?: boolean;
  /**
   * Receives each event of this connection before the application does. Used by options that depend on another option.
   */
  notice?(event: TelnetEvent): void;
  /**
   * Replaces the state table for the peer's negotiation of the option; for an option without a state, such as
   * TIMING-MARK.
   */
  negotiated?(side: Side, positive: boolean): void;
  /** Replaces the state table for `Telnet.request()`; for an option without a state. */
  requested?(side: Side, on: boolean): void;
}

/** The interface that handlers use: the part of class Telnet that options are made of. */
export interface OptionContext {
  readonly limits: TelnetLimits;
  /** Whether a side performs the option now: `Telnet.isEnabled()`. */
  isEnabled(code: number, side: Side): boolean;
  /** Whether the peer has sent a request or an answer about a side, and none is outstanding: `Telnet.isSettled()`. */
  isSettled(code: number, side: Side): boolean;
  /** Whether a request of ours about a side is unanswered: `Telnet.isPending()`. */
  isPending(code: number, side: Side): boolean;
  /** Sends IAC SB code payload IAC SE; 255 in the payload is doubled here. */
  subnegotiate(code: number, payload: Uint8Array): void;
  /**
   * Sends WILL or WONT (local), DO or DONT (remote) without a change of the state table; for an option without a state.
   */
  announce(code: number, side: Side, positive: boolean): void;
  /**
   * Like `Telnet.request(code, side, true)`, but does nothing if the option is not in the table, or not allowed on that
   * side.
   */
  requestIfKnown(code: number, side: Side): void;
  /** The codes of the option table, in its order. */
  codes(): readonly number[];
  /** The handler of an option in the table, created if necessary; `undefined` if it has none. */
  find(code: number): OptionHandler | undefined;
  /** Passes an event to the other options, and then to the application. */
  emit(event: TelnetEvent): void;
  /** Emits a `warning` event, up to the limit of warnings. The message contains no peer data except numbers. */
  warn(code: WarningCode, message: string, option?: number): void;
}

/**
 * A frozen definition of an option.
 *
 * @throws TelptyError `ERR_INVALID_ARGUMENT` for a code out of range or an invalid consent
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
 * A subnegotiation for logs: words of the RFC as strings, and octets of the sender, which are escaped before they are
 * logged. `undefined`: the message does not have the layout of its RFC.
 */
export type SubnegotiationWords = readonly (string | Uint8Array)[] | undefined;
