import type { Duplex } from 'node:stream';
import type { InflationError } from '../transport/stream/inflation.ts';

/** Reasons for which telpty itself asks a session to end: the argument of `Session.hangup`. */
export const HANGUP_REASONS = [
  ...(['idle-timeout', 'session-timeout', 'keep-alive-timeout', 'logout', 'shutdown', 'client-closed'] as const),
] as const;

/**
 * One of {@link HANGUP_REASONS}. `'client-closed'`: the client closed its sending half, and the linger time has ended.
 * `'keep-alive-timeout'`: the peer has not answered TIMING-MARK.
 */
export type HangupReason = (typeof HANGUP_REASONS)[number];

/**
 * Invalid input for which telpty ends a session: see {@link InflationError}; `'nested-compression'`: compressed input
 * starts compression again.
 */
export type ProtocolError = InflationError | 'nested-compression';

/**
 * The first cause of the end of a session. `'client-reset'`: the connection broke without a FIN from the client.
 * `'protocol-error'`: the client's input cannot be decoded, e.g. corrupt compressed input. `'program'`: the program
 * ended by itself.
 */
export type EndCause = HangupReason | 'client-reset' | 'protocol-error' | 'program';

/** The cause for the reason of a hangup. Reasons other than {@link HANGUP_REASONS} are errors in the client's input. */
export function causeOf(reason: string): EndCause {
  return HANGUP_REASONS.find(known => known === reason) ?? 'protocol-error';
}

/** How long a session may last after a hangup for which it had no listener, in milliseconds. */
const HANGUP_MS = 5_000;

/** The end of a session: the request to end, its signal, and the first cause. */
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

  /** The first cause of the end; `undefined` as long as the session has not begun to end. */
  get cause(): EndCause | undefined {
    return this.#cause;
  }

  /** Records a cause of the end, unless an earlier one is recorded. */
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

  /** The session, or its connection, has ended. */
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
    // The timer covers a client that does not close its side.
    const timer = setTimeout(() => stream.destroy(), HANGUP_MS);
    stream.once('close', () => clearTimeout(timer));
  }
}

/** The parts of a session that are needed to close it. */
interface Closable extends Duplex {
  readonly hasSentAll: boolean;
  destroyWhenStalled(ms: number): () => void;
}

/**
 * Ends a session without losing a byte: sends all written output, then FIN, and reads and drops input until the peer
 * closes its side, too. (Closing a socket with unread input makes the kernel send RST, which can destroy output in
 * transit.)
 *
 * @param linger called when everything is sent; returns how long the peer may take to close its side, in milliseconds.
 * @param stallMs the session is destroyed if output waits and the peer accepts none for this many milliseconds.
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

/** How long a peer may take to close its side after {@link disposeSession} has sent everything, in milliseconds. */
const DISPOSE_CLOSE_MS = 3_000;
/** How long a peer may accept no output while some waits, in milliseconds. */
const DISPOSE_STALL_MS = 2_000;
/** The maximum duration of {@link disposeSession}, in milliseconds. */
const DISPOSE_MS = 10_000;

/** Closes a session as {@link closeSession} does, and destroys it after 10 s. */
export async function disposeSession(session: Closable): Promise<void> {
  const timer = setTimeout(() => session.destroy(), DISPOSE_MS);
  await closeSession(session, () => DISPOSE_CLOSE_MS, DISPOSE_STALL_MS);
  clearTimeout(timer);
}
