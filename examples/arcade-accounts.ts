/** The accounts of examples/arcade.ts: registration, login, and one JSON file that only the arcade can read. */
import { randomBytes, scrypt, timingSafeEqual } from 'node:crypto';
import { existsSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';
import type { Session } from 'telpty';

interface Account {
  readonly name: string;
  readonly salt: string;
  readonly hash: string;
}

/** What a dialogue has led to: the name of the user, or what the user should read. */
interface Outcome {
  readonly user?: string;
  readonly notice?: string;
}

/** Takes 32 MiB and about 60 ms of a core. libuv derives at most four keys at a time. */
const derive = (password: string, salt: string): Promise<Buffer> =>
  new Promise((resolve, reject) => {
    const done = (error: Error | null, key: Buffer) => (error === null ? resolve(key) : reject(error));
    scrypt(password, salt, 32, { N: 2 ** 15, maxmem: 64 << 20 }, done);
  });

async function ask(session: Session, question: string, hidden = false): Promise<string> {
  return (await session.readLine({ prompt: `\r\n ${question}: `, hidden, maxLength: 100 })) ?? '';
}

export class Accounts {
  readonly #file: string;
  readonly #most: number;
  readonly #accounts: Map<string, Account>;
  readonly #failures = new WeakMap<Session, number>();

  /** Reads the file, if there is one. At most `most` accounts are made. A file is for one process at a time. */
  constructor(file: string, most: number) {
    const list: Account[] = existsSync(file) ? JSON.parse(readFileSync(file, 'utf8')) : [];
    this.#file = file;
    this.#most = most;
    this.#accounts = new Map(list.map(account => [account.name, account]));
  }

  async register(session: Session): Promise<Outcome> {
    const name = (await ask(session, 'User name')).toLowerCase();
    const refusal = () => {
      // A name is also a directory and an argument of games: it has no dot, no slash, and no hyphen in front.
      if (!/^[a-z][a-z0-9]{1,9}$/.test(name)) return 'A name has 2 to 10 letters and digits, and begins with a letter.';
      if (this.#accounts.has(name)) return 'This name is taken.';
      return this.#accounts.size >= this.#most ? 'No account is left.' : undefined;
    };
    const notice = refusal();
    // The second time because another session may have taken the name meanwhile.
    return notice === undefined ? this.#choosePassword(session, name, refusal) : { notice };
  }

  async login(session: Session): Promise<Outcome> {
    const name = (await ask(session, 'User name')).toLowerCase();
    return (await this.#verify(session, name)) ? { user: name } : { notice: 'Wrong name or password.' };
  }

  async changePassword(session: Session, user: string): Promise<Outcome> {
    if (!(await this.#verify(session, user))) return { notice: 'Wrong password.' };
    return this.#choosePassword(session, user, () => undefined);
  }

  /**
   * Whether the user types the password of the account. Failures take longer each time, and the third ends the session.
   */
  async #verify(session: Session, name: string): Promise<boolean> {
    const account = this.#accounts.get(name);
    // An unknown name takes as long as a wrong password.
    const key = await derive(await ask(session, 'Password', true), account?.salt ?? '');
    if (account !== undefined && timingSafeEqual(key, Buffer.from(account.hash, 'hex'))) return true;
    const failures = (this.#failures.get(session) ?? 0) + 1;
    this.#failures.set(session, failures);
    // For programs that block addresses, such as fail2ban. The name is left out: people type passwords there.
    console.log(`login failed: ${session.remoteAddress}`);
    await delay(1_000 * failures, undefined, { signal: session.signal }).catch(() => {});
    if (failures === 3) session.hangup('login-failures');
    return false;
  }

  async #choosePassword(session: Session, name: string, refusal: () => string | undefined): Promise<Outcome> {
    const password = await ask(session, 'New password', true);
    if (password.length < 6) return { notice: 'A password has at least 6 characters.' };
    if ((await ask(session, 'Once more', true)) !== password) return { notice: 'The passwords differ.' };
    const salt = randomBytes(16).toString('hex');
    const hash = (await derive(password, salt)).toString('hex');
    const notice = refusal();
    if (notice !== undefined) return { notice };
    this.#save({ name, salt, hash });
    return { user: name, notice: 'The password is set.' };
  }

  /** Synchronous: two sessions cannot write at once. After a crash the file is the old one or the new one. */
  #save(account: Account): void {
    const list = [...new Map(this.#accounts).set(account.name, account).values()];
    writeFileSync(`${this.#file}.new`, `${JSON.stringify(list, null, 2)}\n`, { mode: 0o600, flush: true });
    renameSync(`${this.#file}.new`, this.#file);
    this.#accounts.set(account.name, account);
  }
}
