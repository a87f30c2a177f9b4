import type { TraceRecord } from '../protocol/index.ts';

/**
 * An observer of the bytes of a session, without Telnet. The bytes passed to it are borrowed: copy them to keep them.
 */
export interface SessionTap {
  /** Receives input from the client. */
  input?(bytes: Uint8Array): void;
  /** Receives output to the client. */
  output?(bytes: Uint8Array): void;
}

/** An observer for logs; see `Session.trace`. */
export interface SessionTrace {
  /** Receives the raw bytes, Telnet included. The bytes are borrowed. */
  bytes?(direction: 'sent' | 'received', bytes: Uint8Array): void;
  /** Receives commands, negotiations and subnegotiations. */
  telnet?(direction: 'sent' | 'received', record: TraceRecord): void;
}

const NO_TAPS: readonly SessionTap[] = Object.freeze([]);

/** The taps and the trace of a session: they observe its bytes and do not change them. */
export class Observers {
  /** Observes all Telnet commands and the raw bytes. */
  trace: SessionTrace | undefined;
  #entries: Set<{ readonly tap: SessionTap }> | undefined;
  /**
   * The taps as an array, made at the first byte after a change: a change that a tap makes applies from the next bytes
   * on.
   */
  #taps: readonly SessionTap[] | undefined = NO_TAPS;

  /** The taps that observe the next bytes. */
  get taps(): readonly SessionTap[] {
    this.#taps ??= Array.from(this.#entries ?? [], ({ tap }) => tap);
    return this.#taps;
  }

  get hasTap(): boolean {
    return (this.#entries?.size ?? 0) > 0;
  }

  /** Adds a tap. Returns the function that removes it. */
  add(tap: SessionTap): () => void {
    const entry = { tap };
    this.#entries ??= new Set();
    const entries = this.#entries.add(entry);
    this.#taps = undefined;
    return () => {
      if (entries.delete(entry)) this.#taps = undefined;
    };
  }
}
