/** The options of `createServer()`. */
import type { Duplex } from 'node:stream';
import { encodingOption } from '../charset/option.ts';
import { boolean, callback, duration, list, type OptionTable, object, oneOf, required, text } from '../options.ts';
import type { Compatibility, OptionDefinition } from '../protocol/index.ts';
import type { Session } from '../session/session.ts';
import { USUAL_VARIABLES } from '../session/terminal.ts';

/**
 * What a session is given: a function that talks to it. When it returns, or its promise settles, everything written is
 * delivered and the connection closes. A feature is a function around a shell.
 */
export type Shell<T = unknown> = (session: Session) => T | Promise<T>;

/** A feature around a shell: takes a shell and returns one, which calls the other or does not. */
export type Middleware = (shell: Shell) => Shell;

/** Options of `createServer()`. */
export interface ServerOptions {
  /** What every session is given. */
  readonly shell: Shell;
  /**
   * Features around the shell, such as `limit()` and `robotCheck()`. The first in the list is the outermost: it gets the session first
   * and sees the result last. Default: none.
   */
  readonly use?: readonly Middleware[];
  /** Environment variables to ask the clients for, by name. Default: LANG and LC_*, COLORTERM, DISPLAY, TZ. */
  readonly requestEnviron?: readonly string[];
  /** The character set of clients that tell none, and the one to propose to clients behind UTF-8. Default `'utf-8'`. */
  readonly encoding?: string;
  /** More Telnet options, e.g. of your own; one with a code that is known replaces it. */
  readonly telnetOptions?: readonly OptionDefinition[];
  /**
   * Offer compression to clients: MCCP2 and MCCP3, which MUD clients know. Never where the connection is encrypted. A session
   * that compresses takes some 100 KB more. Default false.
   */
  readonly compression?: boolean;
  /**
   * What becomes of a client's request for an option that is on already; default `'strict'`, which ignores it, as RFC 1143 has it.
   * `'tolerant'` answers it where the client visibly waits: some time after the last word about that option, or behind data.
   */
  readonly compatibility?: Compatibility;
  /**
   * After this time without output, in milliseconds, NOP (RFC 854) is sent to a client that has spoken Telnet, so that routers keep the
   * connection; up to half as much later. 0: never, as when it is left out.
   */
  readonly keepAlive?: number;
  /**
   * In milliseconds; sends DO TIMING-MARK (RFC 860) in place of NOP, and ends the session with `hangupReason` `'keep-alive-timeout'`
   * if a client that has answered before neither answers nor sends anything else for this time. 0: NOP, as when it is left out.
   */
  readonly keepAliveTimeout?: number;
}

/** Taking streams that something else has accepted: see `Server.listen()`. */
export interface AcceptOptions {
  /** Each stream that comes is a client: of a gateway, an ssh2 server, a test. */
  readonly accept: AsyncIterable<Duplex>;
}

export const serverOptions = {
  shell: required(callback<Shell>()),
  use: list(callback<Middleware>(), { default: [] }),
  requestEnviron: list(text(), { default: USUAL_VARIABLES }),
  encoding: encodingOption,
  telnetOptions: list(
    object('the definition of a Telnet option', ({ code }) => typeof code === 'number'),
    { default: [] },
  ),
  compression: boolean({ default: false }),
  compatibility: oneOf(['strict', 'tolerant'], { default: 'strict' }),
  keepAlive: duration({ default: 0 }),
  keepAliveTimeout: duration({ default: 0 }),
} satisfies OptionTable<ServerOptions>;

export const acceptOptions = {
  accept: required(object('an async iterable of streams', value => Symbol.asyncIterator in value)),
} satisfies OptionTable<AcceptOptions>;
