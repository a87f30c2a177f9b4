import type { Duplex } from 'node:stream';
import type { InflationError } from '../transport/stream/inflation.ts';

/** Reasons for which telpty itself asks a session to end: the argument of `Session.hangup`. */
export const HANGUP_REASONS = ['idle-timeout', 'session-timeout', 'logout', 'shutdown', 'client-closed'] as const;

/** One of {@link HANGUP_REASONS}. `'client-closed'`: the client closed its sending half, and the linger time is over. */
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
    if (stream.emit('hangup', reason)) return;
    stream.end();
    // A client that does not close its side is not waited for, either.
    const timer = setTimeout(() => stream.destroy(), HANGUP_MS);
    stream.once('close', () => clearTimeout(timer));
  }
}
