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
import { runShell } from './run-shell.ts';
import {
  type Addresses,
  type AdmissionControl,
  SessionLimits,
  type SessionLimitsOptions,
  sessionLimitsOptions,
} from './session-limits.ts';

/** Options of {@link limit}. A limit that is 0 or left out does not apply. */
export interface LimitOptions extends Omit<SessionLimitsOptions, 'allow' | 'deny'> {
  /** Concurrent sessions. Further ones get a message and are closed. */
  readonly maxSessions?: number;
  /** Concurrent sessions from one IPv4 address or one IPv6 network of 64 bits. */
  readonly maxPerAddress?: number;
  /**
   * Sustained rate of new sessions per second from one address or network; 1/60 is one per minute. Five at once are
   * always accepted.
   */
  readonly connectRate?: number;
  /**
   * Concurrent sessions whose program does not run yet. `ptyShell` emits the session's event `'started'` when its
   * program runs. A shell without a program has to emit it when its own checks of the client have ended.
   */
  readonly maxNegotiating?: number;
  /** Addresses and CIDR ranges, or an object with `has(address)`: only these are accepted. */
  readonly allow?: readonly string[] | Addresses | undefined;
  /** Addresses and CIDR ranges, or an object with `has(address)`, that are refused, even if `allow` contains them. */
  readonly deny?: readonly string[] | Addresses | undefined;
  /** Counts the sessions instead of all of the above, e.g. together with other shells or processes. */
  readonly admission?: AdmissionControl;
  /** Longest time without input from the client, in milliseconds. */
  readonly idleTimeout?: number;
  /** Longest duration of a session, in milliseconds. */
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
  // A time that exceeds the range of a timer is split, so these have no upper limit.
  idleTimeout: whole({ default: 0 }),
  sessionTimeout: whole({ default: 0 }),
} satisfies OptionTable<LimitOptions>;

type LimitSettings = OptionsOf<typeof limitOptions>;

/**
 * Middleware that limits the sessions of a shell: `createServer({ shell, use: [limit({ maxSessions: 50 })] })`. A
 * session that exceeds a time limit is asked to end (`'hangup'`). It gets a message with the reason after the last
 * output of the program.
 *
 * @throws `ERR_INVALID_ARGUMENT` if a limit is not a number ≥ 0 (an integer, except for `connectRate`), or if an
 *   address or range is malformed.
 */
export function limit(
  options: LimitOptions,
): <T>(shell: (session: Session) => T | Promise<T>) => (session: Session) => Promise<T | Refused> {
  const settings = readOptions('limit', limitOptions, options);
  const { admission = limitsOf(settings) } = settings;
  const timed = settings.idleTimeout > 0 || settings.sessionTimeout > 0;
  return shell => session => {
    const slot = admission.admit(session);
    if (typeof slot === 'string') return Promise.resolve(reject(session, slot));
    const started = (): void => slot.started?.();
    session.once('started', started);
    const clock = timed ? new SessionClock(session, settings) : undefined;
    return runShell(shell, session, () => {
      clock?.stop();
      session.off('started', started);
      slot.release();
      if (clock?.expired !== undefined && session.writable) session.write(`\r\ntelpty: ${clock.expired}\r\n`);
    });
  };
}

function limitsOf(settings: LimitSettings): SessionLimits {
  const { allow, deny, admission: _admission, idleTimeout: _idle, sessionTimeout: _session, ...numbers } = settings;
  return new SessionLimits({ ...numbers, allow: addresses(allow), deny: addresses(deny) });
}

function addresses(list: readonly string[] | Addresses | undefined): Addresses | undefined {
  return Array.isArray(list) ? AddressList.parse(list) : (list as Addresses | undefined);
}

/** Enforces both time limits of one session with one timer. */
class SessionClock {
  /** The message about the limit that was exceeded, if one was. */
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

  /** When the timer fires, compares the time since the last input. Restarting the timer at each key would cost more. */
  #look(): void {
    const idleLeft = this.#idleTimeout - this.#session.idleTime;
    const sessionLeft = this.#sessionTimeout - this.#session.age;
    if (idleLeft <= 0) this.#expire('closed: no input for too long', 'idle-timeout');
    else if (sessionLeft <= 0) this.#expire('closed: the session time limit was reached', 'session-timeout');
    else {
      const left = Math.min(idleLeft, sessionLeft);
      // A timeout that exceeds the range of a timer takes several timers.
      this.#timer = setTimeout(
        () => {
          // After the sockets were read: if the process was stopped for a while, its timers fire before the input of
          // that time is read.
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
