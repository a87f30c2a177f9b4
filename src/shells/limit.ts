import { checkFunction, checkWhole, LONGEST_TIMER } from '../check.ts';
import type { Session } from '../session/session.ts';
import { type Admission, Places, type RefusalReason } from './places.ts';

/** Options of {@link limit}. Each 0 or left out is no limit. */
export interface LimitOptions {
  /** Sessions at a time; more are told so and closed. */
  readonly maxSessions?: number;
  /** Counts the sessions in place of `maxSessions`, e.g. together with other shells or processes. */
  readonly admission?: Admission;
  /** Longest time without input from the client, in milliseconds. */
  readonly idleTimeout?: number;
  /** Longest time of a session, in milliseconds. */
  readonly sessionTimeout?: number;
}

/** Why {@link limit} turned a session away; what the shell gives as its result then. */
export interface Refused {
  readonly refused: RefusalReason;
}

/** What a client that is turned away reads. */
const REFUSALS: Readonly<Record<RefusalReason, string>> = {
  'too-many-sessions': 'telpty: too many sessions, try again later',
};

/**
 * A shell with limits around another shell. A session over its time is asked to end (`'hangup'`), and told why once the
 * program's last output has been delivered.
 *
 * @throws `ERR_INVALID_ARGUMENT` for a limit that is not a whole number ≥ 0.
 */
export function limit<T>(
  options: LimitOptions,
  shell: (session: Session) => T | Promise<T>,
): (session: Session) => Promise<T | Refused> {
  checkFunction('shell', shell);
  checkWhole('idleTimeout', options.idleTimeout, Number.MAX_SAFE_INTEGER);
  checkWhole('sessionTimeout', options.sessionTimeout, Number.MAX_SAFE_INTEGER);
  const admission = options.admission ?? new Places(options);
  const timed = Boolean(options.idleTimeout || options.sessionTimeout);
  return async session => {
    const place = admission.admit(session);
    if (typeof place === 'string') {
      session.write(`${REFUSALS[place]}\r\n`);
      return { refused: place };
    }
    const clock = timed ? new SessionClock(session, options) : undefined;
    try {
      return await shell(session);
    } finally {
      clock?.stop();
      place.leave();
      if (clock?.expired !== undefined && session.writable) session.write(`\r\ntelpty: ${clock.expired}\r\n`);
    }
  };
}

/** Watches both times of one session with one timer. */
class SessionClock {
  /** What ran out, in words, once something did. */
  expired: string | undefined;
  readonly #session: Session;
  readonly #idleTimeout: number;
  readonly #sessionTimeout: number;
  #timer: NodeJS.Timeout | undefined;

  constructor(session: Session, options: LimitOptions) {
    this.#session = session;
    this.#idleTimeout = options.idleTimeout || Number.POSITIVE_INFINITY;
    this.#sessionTimeout = options.sessionTimeout || Number.POSITIVE_INFINITY;
    session.once('close', () => this.stop());
    this.#look();
  }

  stop(): void {
    clearTimeout(this.#timer);
  }

  /** Rather than moving the timer at each key, it looks, when it is due, how long ago the last one was. */
  #look(): void {
    const idleLeft = this.#idleTimeout - this.#session.idleTime;
    const sessionLeft = this.#sessionTimeout - this.#session.age;
    if (idleLeft <= 0) this.#expire('closed: no input for too long', 'idle timeout');
    else if (sessionLeft <= 0) this.#expire('closed: the time of this session is over', 'session timeout');
    else {
      const left = Math.min(idleLeft, sessionLeft);
      // A wait longer than a timer takes is made of several.
      this.#timer = setTimeout(() => this.#look(), Math.min(left, LONGEST_TIMER));
    }
  }

  #expire(words: string, reason: string): void {
    this.expired = words;
    this.#session.hangup(reason);
  }
}
