import type { TraceRecord } from '../protocol/index.ts';

/** An observer of the bytes of a session, after Telnet was taken off. What it is given is borrowed: copy it to keep it. */
export interface SessionTap {
  /** What came from the client. */
  input?(bytes: Uint8Array): void;
  /** What goes to the client. */
  output?(bytes: Uint8Array): void;
}

/** What a log may see of a session; see `Session.trace`. */
export interface SessionTrace {
  /** Raw bytes, Telnet included. Borrowed. */
  bytes?(direction: 'sent' | 'received', bytes: Uint8Array): void;
  /** Commands, negotiations and subnegotiations. */
  telnet?(direction: 'sent' | 'received', record: TraceRecord): void;
}

const NO_TAPS: readonly SessionTap[] = Object.freeze([]);

/** The taps and the trace of a session: what sees its bytes without changing them. */
export class Observers {
  /** Sees all that Telnet carries, and the raw bytes. */
  trace: SessionTrace | undefined;
  #entries: Set<{ readonly tap: SessionTap }> | undefined;
  /** The same, made at the first byte after a change: what a tap adds or ends counts from the next bytes on. */
  #taps: readonly SessionTap[] | undefined = NO_TAPS;

  /** Those that observe the next bytes. */
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
