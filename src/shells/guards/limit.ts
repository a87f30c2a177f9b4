import {
  either,
  LONGEST_TIMER,
  list,
  type OptionsOf,
  type OptionTable,
  object,
  readOptions,
  text,
  whole,
} from '../../options.ts';
import type { HangupReason } from '../../session/ending.ts';
import type { Session } from '../../session/session.ts';
import { AddressList } from '../../transport/pre-session/address-list.ts';
import { type Refused, reject } from './refusal.ts';
import {
  type Addresses,
  type AdmissionControl,
  SessionLimits,
  type SessionLimitsOptions,
  sessionLimitsOptions,
} from './session-limits.ts';

/** Options of {@link limit}. Each 0 or left out is no limit. */
export interface LimitOptions extends Omit<SessionLimitsOptions, 'allow' | 'deny'> {
  /** Sessions at a time; more are told so and closed. */
  readonly maxSessions?: number;
  /** Sessions at a time from one address, or one IPv6 network of 64 bits. */
  readonly maxPerAddress?: number;
  /** New sessions a second from one address, or network; 1/60 is one a minute. Five at once are always let in. */
  readonly connectRate?: number;
  /**
   * Sessions at a time whose program does not run yet. `ptyShell` tells by the session's event `'started'`; a shell that
   * has no program emits it when it knows whom it talks to.
   */
  readonly maxNegotiating?: number;
  /** Addresses and CIDR ranges, or what has them: nobody else is let in. */
  readonly allow?: readonly string[] | Addresses | undefined;
  /** Addresses and CIDR ranges, or what has them, that are not let in, also if they are allowed. */
  readonly deny?: readonly string[] | Addresses | undefined;
  /** Counts the sessions in place of all of the above, e.g. together with other shells or processes. */
  readonly admission?: AdmissionControl;
  /** Longest time without input from the client, in milliseconds. */
  readonly idleTimeout?: number;
  /** Longest time of a session, in milliseconds. */
  readonly sessionTimeout?: number;
}

export const limitOptions = {
  ...sessionLimitsOptions,
  allow: either(list(text()), sessionLimitsOptions.allow),
  deny: either(list(text()), sessionLimitsOptions.deny),
  admission: object(
    'an object with a function admit(), such as SessionLimits',
    ({ admit }) => typeof admit === 'function',
  ),
  // Longer ones than a timer takes are several.
  idleTimeout: whole({ default: 0 }),
  sessionTimeout: whole({ default: 0 }),
} satisfies OptionTable<LimitOptions>;

type LimitSettings = OptionsOf<typeof limitOptions>;

/**
 * Middleware that limits the sessions of a shell: `createServer({ shell, use: [limit({ maxSessions: 50 })] })`. A session over its time is asked to end (`'hangup'`), and told why once the
 * program's last output has been delivered.
 *
 * @throws `ERR_INVALID_ARGUMENT` for a limit that is not a number ≥ 0 (a whole one, but for `connectRate`), and for
 *   addresses that are none.
 */
export function limit(
  options: LimitOptions,
): <T>(shell: (session: Session) => T | Promise<T>) => (session: Session) => Promise<T | Refused> {
  const settings = readOptions('limit', limitOptions, options);
  const { admission = limitsOf(settings) } = settings;
  const timed = settings.idleTimeout > 0 || settings.sessionTimeout > 0;
  return shell => async session => {
    const slot = admission.admit(session);
    if (typeof slot === 'string') return reject(session, slot);
    const started = (): void => slot.started?.();
    session.once('started', started);
    const clock = timed ? new SessionClock(session, settings) : undefined;
    try {
      return await shell(session);
    } finally {
      clock?.stop();
      session.off('started', started);
      slot.release();
      if (clock?.expired !== undefined && session.writable) session.write(`\r\ntelpty: ${clock.expired}\r\n`);
    }
  };
}

function limitsOf(settings: LimitSettings): SessionLimits {
  const { allow, deny, admission: _admission, idleTimeout: _idle, sessionTimeout: _session, ...numbers } = settings;
  return new SessionLimits({ ...numbers, allow: addresses(allow), deny: addresses(deny) });
}

function addresses(list: readonly string[] | Addresses | undefined): Addresses | undefined {
  return Array.isArray(list) ? AddressList.parse(list) : (list as Addresses | undefined);
}

/** Watches both times of one session with one timer. */
class SessionClock {
  /** What ran out, in words, once something did. */
  expired: string | undefined;
  readonly #session: Session;
  readonly #idleTimeout: number;
  readonly #sessionTimeout: number;
  #timer: NodeJS.Timeout | undefined;
  #turn: NodeJS.Immediate | undefined;

  constructor(session: Session, options: LimitSettings) {
    this.#session = session;
    this.#idleTimeout = options.idleTimeout || Number.POSITIVE_INFINITY;
    this.#sessionTimeout = options.sessionTimeout || Number.POSITIVE_INFINITY;
    session.once('close', () => this.stop());
    this.#look();
  }

  stop(): void {
    clearTimeout(this.#timer);
    clearImmediate(this.#turn);
  }

  /** Rather than moving the timer at each key, it looks, when it is due, how long ago the last one was. */
  #look(): void {
    const idleLeft = this.#idleTimeout - this.#session.idleTime;
    const sessionLeft = this.#sessionTimeout - this.#session.age;
    if (idleLeft <= 0) this.#expire('closed: no input for too long', 'idle-timeout');
    else if (sessionLeft <= 0) this.#expire('closed: the session time limit was reached', 'session-timeout');
    else {
      const left = Math.min(idleLeft, sessionLeft);
      // A wait longer than a timer takes is made of several.
      this.#timer = setTimeout(
        () => {
          // After the sockets were read: to a process that was stopped for a while, timers come before what was typed meanwhile.
          this.#turn = setImmediate(() => this.#look());
        },
        Math.min(left, LONGEST_TIMER),
      );
    }
  }

  #expire(words: string, reason: HangupReason): void {
    this.expired = words;
    this.#session.hangup(reason);
  }
}
