import { checkWhole } from '../check.ts';

/** Why a session is turned away. */
export type RefusalReason = 'too-many-sessions';

/** Leave to have a session; given back once, with the session's end. */
export interface Place {
  /** Gives it back; a second time does nothing. */
  leave(): void;
}

/** What is known of a session when it asks for a place. */
export interface Applicant {
  /** The session's number. */
  readonly id: number;
  readonly remoteAddress?: string | undefined;
}

/**
 * Who may have a session: asked once for each. Limits on numbers are counted behind this, here or, where several
 * processes share a port, in the one process that knows them all.
 */
export interface Admission {
  /** A place, or why there is none. */
  admit(applicant: Applicant): Place | RefusalReason;
}

/** Options of {@link Places}. Each 0 or left out is no limit. */
export interface PlacesOptions {
  /** Places at a time. */
  readonly maxSessions?: number;
}

/** Counts places. */
export class Places implements Admission {
  readonly #maxSessions: number;
  #taken = 0;

  /** @throws `ERR_INVALID_ARGUMENT` for a limit that is not a whole number ≥ 0. */
  constructor(options: PlacesOptions) {
    checkWhole('maxSessions', options.maxSessions, Number.MAX_SAFE_INTEGER);
    this.#maxSessions = options.maxSessions || Number.POSITIVE_INFINITY;
  }

  /** How many are taken. */
  get taken(): number {
    return this.#taken;
  }

  admit(_applicant: Applicant): Place | RefusalReason {
    if (this.#taken >= this.#maxSessions) return 'too-many-sessions';
    this.#taken++;
    let taken = true;
    return {
      leave: () => {
        if (taken) this.#taken--;
        taken = false;
      },
    };
  }
}
