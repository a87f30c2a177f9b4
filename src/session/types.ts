/** What a session is made of, tells, and can be given. */
import type { TelnetConfig, TelnetEvent, TraceRecord } from '../protocol/index.ts';
import type { InputConsumer } from '../transport/input.ts';

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
  /** The client's address, where the transport has one. */
  readonly remoteAddress?: string | undefined;
  readonly remotePort?: number | undefined;
  /** The character set of text where none is negotiated; default UTF-8. */
  readonly encoding?: string | undefined;
}

/** The events of a session beside those of every Duplex. */
export interface SessionEvents {
  /** The client's window has a new size, in characters; 0 means that the client does not know (RFC 1073). */
  resize: [columns: number, rows: number];
  /** A Telnet command arrived (RFC 854, RFC 1184), as its code. */
  command: [command: number];
  /** Everything the protocol engine reports, as it reports it; facts are already in `Session.terminal`. */
  telnet: [event: TelnetEvent];
  /** The client has closed its sending half; `'end'` follows once everything before that has been read. */
  finishing: [];
  /** Somebody asked for an end: a limit, a shutdown, the client by LOGOUT. The shell should finish and settle. */
  hangup: [reason: string];
}

/** What a log may see of a session; see `Session.trace`. */
export interface SessionTrace {
  /** Raw bytes, Telnet included. Borrowed. */
  bytes?(direction: 'sent' | 'received', bytes: Uint8Array): void;
  /** Commands, negotiations and subnegotiations. */
  telnet?(direction: 'sent' | 'received', record: TraceRecord): void;
}
