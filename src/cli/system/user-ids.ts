/** The user ids of `--user-range`: one process allocates them, and the processes that serve request them from it. */
import { type UserIdSource, UserIds } from '../../pty/user-range.ts';
import type { Log } from '../log/log.ts';
import type { ServeSettings } from '../serve/settings.ts';

/** The maximum number of ids that a log line names. */
const MOST_NAMED = 8;

/**
 * Opens the range, if there is one, and warns if it has fewer ids than sessions are allowed. The range was checked
 * before.
 */
export function openUserIds({ userRange, maxSessions }: ServeSettings, log: Log): UserIdSource | undefined {
  if (userRange === undefined) return undefined;
  const size = userRange.to - userRange.from + 1;
  if (maxSessions === 0 || size < maxSessions) {
    const allowed = maxSessions === 0 ? 'does not limit them' : `allows ${maxSessions}`;
    log.warn(
      { size, maxSessions },
      `--user-range has user ids for ${size} sessions, --max-sessions ${allowed}: further clients will be refused`,
    );
  }
  const ids = new UserIds(userRange);
  const busy = ids.findBusy();
  if (busy.length > 0) {
    const more = busy.length > MOST_NAMED ? ', …' : '';
    const named = busy.slice(0, MOST_NAMED).join(', ');
    log.warn(
      { busy: busy.length },
      `--user-range: there are processes of ${named}${more}; these user ids are not used until the processes have ended`,
    );
  }
  return {
    take: () => ids.take(),
    leave(uid, isFree) {
      if (!isFree)
        log.warn(
          { uid },
          `a process of user id ${uid} cannot be killed; the id is not used until the process has ended`,
        );
      ids.leave(uid, isFree);
    },
  };
}

/** In a worker: requests the ids from the primary. */
export class PrimaryUserIds implements UserIdSource {
  readonly #ask: (request: number) => void;
  readonly #giveBack: (uid: number, isFree: boolean) => void;
  readonly #waiting = new Map<number, (uid: number | undefined) => void>();
  #requests = 0;
  #isClosed = false;

  /** @param ask is answered by {@link given}. */
  constructor(ask: (request: number) => void, giveBack: (uid: number, isFree: boolean) => void) {
    this.#ask = ask;
    this.#giveBack = giveBack;
  }

  take(): Promise<number | undefined> {
    if (this.#isClosed) return Promise.resolve(undefined);
    const request = ++this.#requests;
    return new Promise(resolve => {
      this.#waiting.set(request, resolve);
      this.#ask(request);
    });
  }

  leave(uid: number, isFree: boolean): void {
    this.#giveBack(uid, isFree);
  }

  /** Called with the answer to a request. */
  given(request: number, uid: number | undefined): void {
    const resolve = this.#waiting.get(request);
    this.#waiting.delete(request);
    resolve?.(uid);
  }

  /** The primary has ended: no more ids are available. */
  close(): void {
    this.#isClosed = true;
    for (const request of [...this.#waiting.keys()]) this.given(request, undefined);
  }
}
