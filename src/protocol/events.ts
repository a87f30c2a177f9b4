import type { Verb } from './constants.ts';

/**
 * The end that performs an option: `'local'` is this end (we send WILL and WONT), `'remote'` is the peer (we send DO
 * and DONT).
 */
export type Side = 'local' | 'remote';

/**
 * The events of the engine, by type. The file of an option declares its events and adds them to this interface. An
 * application can do the same for its own options: `declare module 'telpty/protocol' { interface TelnetEvents { … } }`.
 */
// Rejected: a union of all events here. It would import every option, and options import this file: a cycle.
export interface TelnetEvents {
  readonly command: CommandEvent;
  readonly option: OptionEvent;
  readonly subnegotiation: SubnegotiationEvent;
  readonly warning: WarningEvent;
}

/**
 * One event of the engine. Names and values from the peer are decoded (as UTF-8 if they are valid UTF-8, otherwise as
 * ISO 8859-1) and bounded by `TelnetLimits`. They are **not** sanitised: the application must check them for control
 * characters, shell syntax and paths.
 */
export type TelnetEvent = TelnetEvents[keyof TelnetEvents];

/** The peer sent NOP, DM, BRK, IP, AO, AYT, EC, EL, GA, EOR, EOF, SUSP or ABORT (RFC 854, 885, 1184). */
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

/** A subnegotiation of an option in the table whose handler does not process subnegotiations. */
export interface SubnegotiationEvent {
  readonly type: 'subnegotiation';
  /** The option's code. */
  readonly option: number;
  /** The octets between the option's code and IAC SE, with IAC IAC undone. A copy, owned by the receiver. */
  readonly payload: Uint8Array;
}

/** The stable names of the protocol errors of a peer. */
export type WarningCode =
  /** IAC followed by an octet that is not a command. */
  | 'unknown-command'
  /** IAC SE without a subnegotiation. */
  | 'unexpected-se'
  /** IAC SB IAC SE: a subnegotiation without an option. */
  | 'empty-subnegotiation'
  /** IAC inside a subnegotiation, followed by neither IAC nor SE; the subnegotiation was dropped. */
  | 'unterminated-subnegotiation'
  /** A subnegotiation is longer than the limit and was dropped. */
  | 'subnegotiation-too-long'
  /** A subnegotiation for an option, or in a direction, that is not enabled. */
  | 'unexpected-subnegotiation'
  /** A subnegotiation that does not have the layout of its RFC. */
  | 'malformed-subnegotiation'
  /** The peer answered DONT with WILL, or WONT with DO (an error in RFC 1143). */
  | 'contradictory-answer'
  /** The peer enables and disables one option so often that answers are late. */
  | 'too-many-changes'
  /** A name or value is longer than the limit. */
  | 'value-too-long'
  /** More entries in one message, or more answers, than the limit. */
  | 'too-many-values'
  /** Arrays or tables nested deeper than the limit. */
  | 'nested-too-deep'
  /** The limit of warnings is reached; no more warnings follow. */
  | 'too-many-warnings';

/** The peer violated the protocol; the engine continued. */
export interface WarningEvent {
  readonly type: 'warning';
  readonly code: WarningCode;
  /** One line for people. It contains no peer data except numbers. */
  readonly message: string;
  /** The option concerned, if there is one. */
  readonly option?: number;
}

/** One sent or received command, negotiation or subnegotiation, for logs. */
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
 * The kind of a piece of output, for a transport that discards or marks some output. Pieces are complete: no escape is
 * cut.
 *
 * - `'data'`: escaped data of {@link Telnet.write}.
 * - `'control'`: anything else; it must not be lost.
 * - `'urgent'`: like `'control'`, and its last byte, a DM, is to be sent as TCP urgent data if the transport supports
 *   it (RFC 854, "Synch").
 */
export type SendKind = 'data' | 'control' | 'urgent';

/** The callbacks for the engine's results. All calls are synchronous, during a call of a `Telnet` method. */
export interface TelnetHandlers {
  /**
   * Sends bytes, which are already escaped. They must not be changed, since other connections may send the same bytes.
   * If no byte had to be escaped, this is the buffer passed to `Telnet.write()`, and must stay unchanged until the
   * transport has sent it.
   */
  send(bytes: Uint8Array, kind: SendKind): void;
  /** Data of the peer, in order. The view is borrowed: valid during the call. */
  data(view: Uint8Array): void;
  /** All other input, in order with the data. */
  event(event: TelnetEvent): void;
  /**
   * From now on answers to the peer's WILL, WONT, DO and DONT are late, because it had too many
   * (`TelnetLimits.optionChanges`). They wait for `Telnet.sendDeferred()`, which may also be called at once. Without
   * this handler 64 more answers are sent at once, and late ones at the end of `Telnet.receive()`, up to 16 times.
   */
  deferred?(): void;
  /** @internal Milliseconds of a monotonic clock; the engine has none. */
  now?(): number;
  /** Receives each command, negotiation and subnegotiation that is sent or received, for logs. */
  trace?(direction: 'sent' | 'received', what: TraceRecord): void;
}
