import type { Duplex } from 'node:stream';
import type { InflationError } from '../transport/stream/inflation.ts';

/** Reasons for which telpty itself asks a session to end: the argument of `Session.hangup`. */
export const HANGUP_REASONS = [
  ...(['idle-timeout', 'session-timeout', 'keep-alive-timeout', 'logout', 'shutdown', 'client-closed'] as const),
] as const;

/**
 * One of {@link HANGUP_REASONS}. `'client-closed'`: the client closed its sending half, and the linger time is over.
 * `'keep-alive-timeout'`: the peer has not answered TIMING-MARK.
 */
export type HangupReason = (typeof HANGUP_REASONS)[number];

/** Input for which telpty ends a session: see {@link InflationError}; `'nested-compression'`: compressed input that begins compression. */
export type ProtocolError = InflationError | 'nested-compression';

/**
 * What ended a session first. `'client-reset'`: the connection broke without a FIN of the client. `'protocol-error'`: what the
 * client sends cannot be read, e.g. corrupt compressed input. `'program'`: the program ended by itself.
 */
export type EndCause = HangupReason | 'client-reset' | 'protocol-error' | 'program';

/** The cause that belongs to the reason of a hangup. Reasons other than {@link HANGUP_REASONS} are errors of the client's input. */
export function causeOf(reason: string): EndCause {
  return HANGUP_REASONS.find(known => known === reason) ?? 'protocol-error';
}

/** How long a session may last after a hangup for which there was no listener, in milliseconds. */
const HANGUP_MS = 5_000;

/** How a session ends: the request to end, its signal, and what came first. */
export class Ending {
  readonly #stream: Duplex;
  #abort: AbortController | undefined;
  #reason: string | undefined;
  #cause: EndCause | undefined;

  /** @param stream the session. */
  constructor(stream: Duplex) {
    this.#stream = stream;
  }

  /** As `Session.hangupReason`. */
  get reason(): string | undefined {
    return this.#reason;
  }

  /** What ended the session first; `undefined` while nothing has. */
  get cause(): EndCause | undefined {
    return this.#cause;
  }

  /** Records what ends the session, unless something else has ended it before. */
  record(cause: EndCause): void {
    this.#cause ??= cause;
  }

  /** As `Session.signal`. */
  get signal(): AbortSignal {
    if (this.#abort === undefined) {
      this.#abort = new AbortController();
      if (this.#reason !== undefined || this.#stream.destroyed) this.#abort.abort(this.#reason);
    }
    return this.#abort.signal;
  }

  /** The session, or its connection, is over. */
  abort(): void {
    this.#abort?.abort(this.#reason);
  }

  /** As `Session.hangup`. */
  hangup(reason: string): void {
    const stream = this.#stream;
    if (this.#reason !== undefined || stream.writableEnded || stream.destroyed) return;
    this.#reason = reason;
    this.record(causeOf(reason));
    this.#abort?.abort(reason);
    if (stream.emit('hangup', { reason })) return;
    stream.end();
    // A client that does not close its side is not waited for, either.
    const timer = setTimeout(() => stream.destroy(), HANGUP_MS);
    stream.once('close', () => clearTimeout(timer));
  }
}

/** What is needed of a session to close it. */
interface Closable extends Duplex {
  readonly hasSentAll: boolean;
  destroyWhenStalled(ms: number): () => void;
}

/**
 * Ends a session without losing a byte: everything written goes out, then our FIN, and input is read and dropped until
 * the peer closes too (closing a socket with unread input makes the kernel send RST, which can destroy output that is
 * still on its way).
 *
 * @param linger called when all is sent; returns how long the peer may take to close its side, in milliseconds.
 * @param stallMs how long a peer that is owed output may take none of it before it is given up, in milliseconds.
 */
export function closeSession(session: Closable, linger: () => number, stallMs: number): Promise<void> {
  if (session.closed) return Promise.resolve();
  return new Promise(resolve => {
    let timer: NodeJS.Timeout | undefined;
    const finished = () => {
      timer = setTimeout(() => session.destroy(), linger());
    };
    if (session.writableFinished) finished();
    else session.once('finish', finished);
    session.once('close', () => {
      clearTimeout(timer);
      resolve();
    });
    session.removeAllListeners('data');
    session.resume();
    session.end();
    if (!session.hasSentAll) session.destroyWhenStalled(stallMs);
  });
}

/** How long a peer may take to close its side after {@link disposeSession} has sent all, in milliseconds. */
const DISPOSE_CLOSE_MS = 3_000;
/** How long it may take none of the output. */
const DISPOSE_STALL_MS = 2_000;
/** How long {@link disposeSession} takes at most. */
const DISPOSE_MS = 10_000;

/** Closes a session as {@link closeSession}, and destroys it after 10 s. */
export async function disposeSession(session: Closable): Promise<void> {
  const timer = setTimeout(() => session.destroy(), DISPOSE_MS);
  await closeSession(session, () => DISPOSE_CLOSE_MS, DISPOSE_STALL_MS);
  clearTimeout(timer);
}
