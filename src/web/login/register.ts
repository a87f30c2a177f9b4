/**
 * What all processes of a server have to know about logins: the failures of each address, and the logins that have
 * ended before their time. In a server with workers the primary process has it: else an address would have as many
 * attempts as there are workers, and a login that has ended in one would be valid in the others.
 */
import { LoginFailures } from './failures.ts';
import { LOGIN_MS, type LoginId } from './tickets.ts';

/** The register, as a login uses it. */
export interface LoginRegister {
  /**
   * Asks whether an address may try a password. The attempt counts as failed until {@link succeeded}.
   *
   * @returns how long it has to wait first, in milliseconds; 0: it may try.
   */
  attempt(address: string): Promise<number>;
  succeeded(address: string): void;
  /** Ends a login. Resolves when it is not valid in any process. */
  end(login: LoginId): Promise<void>;
  hasEnded(login: LoginId): boolean;
}

/** Ended logins of one user that are kept. Beyond it, all logins of the user until then end. */
const MOST_ENDED = 256;
/** Stands for all logins of a user up to a time. */
const ALL = '';

/** The logins that have ended before their time. */
export class EndedLogins {
  /** By user: the end of the validity of each login, by its number. */
  readonly #users = new Map<string, Map<string, number>>();

  add({ user, number, until }: LoginId, now = Date.now()): void {
    const ended = this.#users.get(user) ?? new Map<string, number>();
    this.#users.set(user, ended);
    for (const [other, end] of ended) if (end <= now) ended.delete(other);
    ended.set(number, until);
    if (ended.size <= MOST_ENDED) return;
    ended.clear();
    ended.set(ALL, now + LOGIN_MS);
  }

  has({ user, number, until }: LoginId): boolean {
    const ended = this.#users.get(user);
    return ended !== undefined && (ended.has(number) || until <= (ended.get(ALL) ?? 0));
  }

  /** All of them, for another process. */
  get entries(): LoginId[] {
    return [...this.#users].flatMap(([user, ended]) => [...ended].map(([number, until]) => ({ user, number, until })));
  }
}

/** The register of a server with one process, and of the primary process. */
export class LocalRegister implements LoginRegister {
  readonly ended = new EndedLogins();
  readonly #failures = new LoginFailures();

  async attempt(address: string): Promise<number> {
    const wait = this.#failures.wait(address);
    // Counted before the check of the password: otherwise many attempts at once would count as one.
    if (wait === 0) this.#failures.failed(address);
    return wait;
  }

  succeeded(address: string): void {
    this.#failures.succeeded(address);
  }

  async end(login: LoginId): Promise<void> {
    this.ended.add(login);
  }

  hasEnded(login: LoginId): boolean {
    return this.ended.has(login);
  }
}
