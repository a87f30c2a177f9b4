import type { Readable } from 'node:stream';
import type { TelnetEvent, TelnetEvents } from '../protocol/index.ts';

/** What the protocol engine reports, each under its own name, so that `session.on('gmcp', …)` gets a `GmcpEvent`. */
type ProtocolEvents = {
  [Type in Exclude<keyof TelnetEvents, 'command'>]: [event: TelnetEvents[Type]];
};

/** The events of a session beside those of every Duplex. */
export interface SessionEvents extends ProtocolEvents {
  /** The client's window has a new size, in characters; 0 means that the client does not know (RFC 1073). */
  resize: [columns: number, rows: number];
  /** A Telnet command arrived (RFC 854, RFC 1184), as its code. */
  command: [command: number];
  /**
   * Everything the protocol engine reports, as it reports it; facts are already in `Session.terminal`. Each is an event
   * under its own name as well: `'gmcp'`, `'option'`, `'warning'` … (but for `command`, of which only the code is told).
   */
  telnet: [event: TelnetEvent];
  /**
   * The client has sent a Synch (RFC 854): input that nobody has read is dropped, and so is what still comes before the
   * Synch's mark. Commands are not: they follow.
   */
  synch: [];
  /** The client has closed its sending half; `'end'` follows once everything before that has been read. */
  finishing: [];
  /**
   * A program of `ptyShell` runs: negotiation, and what else came before, is over for this session. A shell without a
   * program may say so itself; `limit` listens.
   */
  started: [];
  /** Somebody asked for an end: a limit, a shutdown, the client by LOGOUT. The shell should finish and settle. */
  hangup: [reason: string];
}

/** The events of every Duplex. */
interface StreamEvents {
  close: [];
  // biome-ignore lint/suspicious/noExplicitAny: a Buffer, or text after setEncoding(), as with every stream
  data: [chunk: any];
  drain: [];
  end: [];
  error: [error: Error];
  finish: [];
  pause: [];
  pipe: [source: Readable];
  readable: [];
  resume: [];
  unpipe: [source: Readable];
}

/** All events, by name, with what their listeners are given. */
export type AllEvents = SessionEvents & StreamEvents;

/** A listener of an event of a session. It may want more than it is given, as the `resolve` of a promise does. */
// biome-ignore lint/suspicious/noExplicitAny: whatever that is
export type Listener<Name extends keyof AllEvents> = (...args: [...AllEvents[Name], ...any[]]) => void;

/** What is no event of a session's own: these are whatever an application makes of them. */
export type OtherEvent<Name extends string | symbol> = Name extends keyof AllEvents ? never : Name;
