import type { Readable } from 'node:stream';
import type { TelnetEvent, TelnetEvents } from '../protocol/index.ts';

/** What the protocol engine reports, each under its own name, so that `session.on('gmcp', …)` gets a `GmcpEvent`. */
type ProtocolEvents = {
  [Type in keyof TelnetEvents]: [event: TelnetEvents[Type]];
};

/** The events of a session beside those of every Duplex. */
export interface SessionEvents extends ProtocolEvents {
  /** The client's window has a new size, in characters; 0 means that the client does not know it (RFC 1073). */
  resize: [size: { readonly columns: number; readonly rows: number }];
  /**
   * Everything the protocol engine reports, as it reports it; facts are already in `Session.terminal`. Each is an event
   * under its own name as well: `'gmcp'`, `'option'`, `'command'`, `'warning'` …
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
  /** The session was asked to end: by a limit, a shutdown, or LOGOUT of the client. The shell should finish and settle. */
  hangup: [request: { readonly reason: string }];
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

/** Listeners of a session by event name, each called with the session as `this`. */
export type SessionListeners<Self> = {
  readonly [Name in keyof AllEvents]?: (this: Self, ...args: AllEvents[Name]) => void;
};

/** What is no event of a session's own: these are whatever an application makes of them. */
export type OtherEvent<Name extends string | symbol> = Name extends keyof AllEvents ? never : Name;
