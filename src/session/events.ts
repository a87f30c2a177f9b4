import type { Readable } from 'node:stream';
import type { TelnetEvent, TelnetEvents } from '../protocol/index.ts';

/** The reports of the protocol engine, each under its own name, so that `session.on('gmcp', …)` gets a `GmcpEvent`. */
type ProtocolEvents = {
  [Type in keyof TelnetEvents]: [event: TelnetEvents[Type]];
};

/** The events of a session in addition to those of a Duplex. */
export interface SessionEvents extends ProtocolEvents {
  /** The client's window has a new size, in characters; 0 means that the client does not know it (RFC 1073). */
  resize: [size: { readonly columns: number; readonly rows: number }];
  /**
   * Every report of the protocol engine, unchanged. Facts about the client are already in `Session.terminal`. Each
   * report is also an event under its own name: `'gmcp'`, `'option'`, `'command'`, `'warning'` …
   */
  telnet: [event: TelnetEvent];
  /**
   * The client has sent a Synch (RFC 854): unread input is dropped, and so is input that arrives before the Data Mark
   * of the Synch. Commands are not dropped: their events follow.
   */
  synch: [];
  /** The client has closed its sending half; `'end'` follows once everything before that has been read. */
  finishing: [];
  /**
   * A program of `ptyShell` runs: negotiation and everything else before the program is complete for this session. A
   * shell without a program may emit this event itself; `limit` listens to it.
   */
  started: [];
  /**
   * The session was asked to end: by a limit, a shutdown, or LOGOUT of the client. The shell should finish and settle.
   */
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

/** All events by name, with the arguments of their listeners. */
export type AllEvents = SessionEvents & StreamEvents;

/**
 * A listener of an event of a session. It may declare more parameters than the event has, as the `resolve` of a promise
 * does.
 */
// biome-ignore lint/suspicious/noExplicitAny: whatever that is
export type Listener<Name extends keyof AllEvents> = (...args: [...AllEvents[Name], ...any[]]) => void;

/** Listeners of a session by event name, each called with the session as `this`. */
export type SessionListeners<Self> = {
  readonly [Name in keyof AllEvents]?: (this: Self, ...args: AllEvents[Name]) => void;
};

/** Names that are not events of a session: an application can emit these with any arguments. */
export type OtherEvent<Name extends string | symbol> = Name extends keyof AllEvents ? never : Name;
