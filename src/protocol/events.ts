import type { Verb } from './constants.ts';

/**
 * Who performs an option: `'local'` is this end (we send WILL and WONT), `'remote'` is the peer (we send DO and DONT).
 */
export type Side = 'local' | 'remote';

/**
 * What the engine reports, by type. The file of an option declares the events of that option and adds them to this interface,
 * and so can an application with an option of its own: `declare module 'telpty/protocol' { interface TelnetEvents { … } }`.
 */
// Rejected: a union of all events here. It imports every option, and options import this file: a cycle.
export interface TelnetEvents {
  readonly command: CommandEvent;
  readonly option: OptionEvent;
  readonly subnegotiation: SubnegotiationEvent;
  readonly warning: WarningEvent;
}

/**
 * One event of the engine. Names and values that come from the peer are decoded (as UTF-8 where they are valid UTF-8,
 * otherwise as ISO 8859-1) and bounded by `TelnetLimits`; they are **not** sanitised: control characters, shell syntax and
 * paths are the application's to judge.
 */
export type TelnetEvent = TelnetEvents[keyof TelnetEvents];

/** NOP, DM, BRK, IP, AO, AYT, EC, EL, GA, EOR, EOF, SUSP or ABORT came (RFC 854, 885, 1184). */
export interface CommandEvent {
  readonly type: 'command';
  /** One of {@link Command}. */
  readonly command: number;
}

/** A side of an option has settled: it was enabled, disabled, or our request to enable it was refused. */
export interface OptionEvent {
  readonly type: 'option';
  /** The option's code. */
  readonly option: number;
  readonly side: Side;
  readonly enabled: boolean;
}

/** A subnegotiation of an option in the table that has no handler of its own for it. */
export interface SubnegotiationEvent {
  readonly type: 'subnegotiation';
  /** The option's code. */
  readonly option: number;
  /** What stood between the option's code and IAC SE, IAC IAC undone. A copy: it is the receiver's to keep. */
  readonly payload: Uint8Array;
}

/** The stable names of the things a peer can do wrong. */
export type WarningCode =
  /** IAC followed by an octet that is no command. */
  | 'unknown-command'
  /** IAC SE without a subnegotiation. */
  | 'unexpected-se'
  /** IAC SB IAC SE: a subnegotiation without an option. */
  | 'empty-subnegotiation'
  /** Inside a subnegotiation came IAC and something other than IAC and SE; the subnegotiation was dropped. */
  | 'unterminated-subnegotiation'
  /** A subnegotiation is longer than the limit and was dropped. */
  | 'subnegotiation-too-long'
  /** A subnegotiation for an option, or in a direction, that is not enabled. */
  | 'unexpected-subnegotiation'
  /** A subnegotiation that does not have the layout of its RFC. */
  | 'malformed-subnegotiation'
  /** The peer answered DONT with WILL, or WONT with DO (RFC 1143 calls it an error). */
  | 'contradictory-answer'
  /** The peer switches one option on and off so often that answers are late. */
  | 'too-many-changes'
  /** A name or value is longer than the limit. */
  | 'value-too-long'
  /** More entries in one message, or more answers, than the limit. */
  | 'too-many-values'
  /** Arrays or tables nested deeper than the limit. */
  | 'nested-too-deep'
  /** The limit of warnings is reached; there will be no more. */
  | 'too-many-warnings';

/** The peer did something that it should not have; the engine went on. */
export interface WarningEvent {
  readonly type: 'warning';
  readonly code: WarningCode;
  /** One line for people. It holds nothing that the peer sent but numbers. */
  readonly message: string;
  /** The option concerned, if there is one. */
  readonly option?: number;
}

/** One command, negotiation or subnegotiation on the wire, for logs. */
export type TraceRecord =
  | { readonly kind: 'command'; readonly command: number }
  | { readonly kind: 'negotiation'; readonly verb: Verb; readonly option: number }
  | {
      readonly kind: 'subnegotiation';
      readonly option: number;
      /** Borrowed: valid during the call. */
      readonly payload: Uint8Array;
    };

/**
 * What a piece of output is, for a transport that takes back or marks some of it: data of {@link Telnet.write}, escaped;
 * `'control'`: anything else, which must not be lost; `'urgent'`: likewise, and its last byte, a DM, is to be sent as TCP
 * urgent data where there is such a thing (RFC 854, "Synch"). Whole pieces: no escape is cut.
 */
export type SendKind = 'data' | 'control' | 'urgent';

/** Where the engine's results go. All calls are synchronous, from within a call of `Telnet`. */
export interface TelnetHandlers {
  /**
   * Bytes for the wire, already escaped; not to be changed, since other connections may send the same. Where nothing had
   * to be escaped this is the very buffer given to `Telnet.write()`, so that buffer must stay unchanged until the
   * transport has taken it.
   */
  send(bytes: Uint8Array, kind: SendKind): void;
  /** Data of the peer, in order. The view is borrowed: valid during the call. */
  data(view: Uint8Array): void;
  /** Everything that is not data, in order with it. */
  event(event: TelnetEvent): void;
  /**
   * From now on answers to the peer's WILL, WONT, DO and DONT are late, since it had too many
   * (`TelnetLimits.optionChanges`): they wait for `Telnet.sendDeferred()`, which may also be called at once. Without this
   * handler 64 more answers are sent at once, and a late one at the end of `Telnet.receive()`, up to 16 times.
   */
  deferred?(): void;
  /** @internal Milliseconds of a clock that never goes back: the engine has none. */
  now?(): number;
  /** Each command, negotiation and subnegotiation as it passes, for logs. */
  trace?(direction: 'sent' | 'received', what: TraceRecord): void;
}
