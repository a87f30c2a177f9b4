/** What a session is made of, tells, and can be given. */
import type { TelnetConfig, TraceRecord } from '../protocol/index.ts';
import type { Peer } from '../transport/peer.ts';
import type { ForeignProtocol } from '../transport/pre-session/foreign-protocol.ts';
import type { InputConsumer } from '../transport/stream/input-buffer.ts';

/** An observer of the bytes of a session, after Telnet was taken off. What it is given is borrowed: copy it to keep it. */
export interface SessionTap {
  /** What came from the client. */
  input?(bytes: Uint8Array): void;
  /** What goes to the client. */
  output?(bytes: Uint8Array): void;
}

/** Who has a session for themselves, past its streams: see `Session.consume`. All bytes are lent. */
export interface SessionConsumer extends InputConsumer {
  /** After `send()` returned false: there is room again. */
  room(): void;
  /** Everything that has arrived has been taken or put into the queue. */
  settled(): void;
}

/** What a session is made of. */
export interface SessionOptions {
  /** A number for logs; unique within a server. */
  readonly id?: number;
  /** The Telnet options this side knows and is willing to use. */
  readonly telnet: TelnetConfig;
  /** The other end, where it is known. */
  readonly peer?: Peer | undefined;
  /** The character set of text where none is negotiated; default UTF-8. */
  readonly encoding?: string | undefined;
  /**
   * Is shown the first bytes of the other end, which are lent, and again with those behind them while all may be the beginning
   * of a line of another protocol; `cut` is how many bytes the first piece had then, else 0. When it knows the protocol for another than Telnet, the session ends at once.
   */
  readonly recognize?: ((first: Uint8Array, cut: number) => ForeignProtocol | undefined) | undefined;
}

/** What a log may see of a session; see `Session.trace`. */
export interface SessionTrace {
  /** Raw bytes, Telnet included. Borrowed. */
  bytes?(direction: 'sent' | 'received', bytes: Uint8Array): void;
  /** Commands, negotiations and subnegotiations. */
  telnet?(direction: 'sent' | 'received', record: TraceRecord): void;
}
