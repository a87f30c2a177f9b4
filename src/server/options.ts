/** The options of `createServer()`. */
import type { Duplex } from 'node:stream';
import { encodingOption } from '../charset/option.ts';
import { boolean, callback, duration, list, type OptionTable, object, oneOf, required, text } from '../options.ts';
import type { Compatibility, OptionDefinition } from '../protocol/index.ts';
import type { Session } from '../session/session.ts';
import { USUAL_VARIABLES } from '../session/terminal.ts';

/**
 * The function that serves a session. When it returns, or its promise settles, everything written is delivered and the
 * connection is closed. Features such as limits are functions around a shell: see {@link Middleware}.
 */
export type Shell<T = unknown> = (session: Session) => T | Promise<T>;

/** A feature around a shell: takes a shell and returns a shell that may call it. */
export type Middleware = (shell: Shell) => Shell;

/** Options of `createServer()`. */
export interface ServerOptions {
  /** The function that serves each session. */
  readonly shell: Shell;
  /**
   * Features around the shell, such as `limit()` and `robotCheck()`. The first in the list is the outermost: it gets
   * the session first and sees the result last. Default: none.
   */
  readonly use?: readonly Middleware[];
  /** Names of the environment variables to request from clients. Default: LANG and LC_*, COLORTERM, DISPLAY, TZ. */
  readonly requestEnviron?: readonly string[];
  /**
   * The character set for clients that report no other, and the one to propose to clients after UTF-8. Default
   * `'utf-8'`.
   */
  readonly encoding?: string;
  /** More Telnet options, for example your own. A definition with the code of a built-in option replaces it. */
  readonly telnetOptions?: readonly OptionDefinition[];
  /**
   * Offer compression to clients: MCCP2 and MCCP3, which MUD clients support; never on an encrypted connection. A
   * compressed session takes about 100 KB more. Default false.
   */
  readonly compression?: boolean;
  /**
   * How to treat a client's request for an option that is already enabled; default `'strict'`, which ignores it, as RFC
   * 1143 requires. `'tolerant'` answers it if the client apparently waits: some time after the last request for that
   * option, or after data.
   */
  readonly compatibility?: Compatibility;
  /**
   * After this time without output, in milliseconds, NOP (RFC 854) is sent to a client that has spoken Telnet. So
   * routers keep the connection open. It may be up to half this time later. 0: never, as when it is left out.
   */
  readonly keepAlive?: number;
  /**
   * In milliseconds. Sends DO TIMING-MARK (RFC 860) in place of NOP. Ends the session with `hangupReason`
   * `'keep-alive-timeout'` if a client that has answered before neither answers nor sends anything else for this time.
   * 0: NOP, as when it is left out.
   */
  readonly keepAliveTimeout?: number;
}

/** Options of a listener for streams that other code has accepted: see `Server.listen()`. */
export interface AcceptOptions {
  /** Yields a stream for each client: from a gateway, an ssh2 server, a test. */
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
