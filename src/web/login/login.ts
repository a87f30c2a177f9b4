/** Logins with a password: the requests `login` and `logout`, and the users of later requests. */
import { createHash } from 'node:crypto';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import { isLoopback } from '../../transport/pre-session/address-list.ts';
import { headerOf, valuesOf, type WebClient } from '../client.ts';
import { answer, answerJson, bodyOf, type Headers } from '../responses.ts';
import { hashesToCheck, type Passwords, readPasswordFile } from './password-file.ts';
import { LocalRegister, type LoginRegister } from './register.ts';
import { LOGIN_MS, type LoginId, LoginTickets } from './tickets.ts';
import { PasswordVerifier } from './verifier.ts';

/** The longest body of a login, in bytes. bcrypt uses 72 bytes of a password. */
const MOST_BODY = 2_048;
/** The answer to a failed login is delayed by this time, in milliseconds. */
const DELAY_MS = 500;
/**
 * Passwords that are being checked, or wait for it. Above it, attempts are refused: an attacker must not fill the queue
 * for hours.
 */
const MOST_CHECKED = 32;
/** Answers that are being delayed. Above it, attempts are refused. */
const MOST_DELAYED = 256;

/** A request, and its facts. */
export interface LoginRequest {
  readonly request: IncomingMessage;
  readonly client: WebClient;
  /** The Host header, which was checked. */
  readonly host: string;
}

/** The options of a {@link Login}. */
export interface LoginOptions {
  readonly passwordFile: string;
  readonly base: string;
  /** With several processes. */
  readonly shared?: SharedLogins | undefined;
  /** Called for each attempt. */
  readonly onAttempt?: (client: WebClient, user: string, outcome: 'ok' | 'failed' | 'locked') => void;
}

/** What all processes of a server share about logins. */
export interface SharedLogins {
  /** See {@link LoginTickets}. */
  readonly key: Buffer;
  readonly register: LoginRegister;
}

export class Login {
  readonly #base: string;
  readonly #tickets: LoginTickets;
  readonly #onAttempt: NonNullable<LoginOptions['onAttempt']>;
  readonly #verifier = new PasswordVerifier();
  readonly #register: LoginRegister;
  #passwords: Passwords;
  #checked = 0;
  #delayed = 0;

  /** @throws TelptyError `ERR_RUNTIME` if the file cannot be used. */
  constructor({ passwordFile, base, shared, onAttempt }: LoginOptions) {
    this.#passwords = readPasswordFile(passwordFile);
    this.#base = base;
    this.#tickets = new LoginTickets(shared?.key);
    this.#register = shared?.register ?? new LocalRegister();
    this.#onAttempt = onAttempt ?? (() => {});
  }

  /** Replaces the users. Logins of removed users, and of users with another password, are no longer valid. */
  set passwords(passwords: Passwords) {
    this.#passwords = passwords;
  }

  /** The user whose cookie the request has. */
  userOf(asked: LoginRequest): string | undefined {
    return this.#loginOf(this.#cookieOf(asked))?.user;
  }

  /** The same for a WebSocket and for recordings, which also need the token of the page. */
  userWithToken(asked: LoginRequest, token: string | undefined): string | undefined {
    const cookie = this.#cookieOf(asked);
    const user = this.#loginOf(cookie)?.user;
    if (cookie === undefined || user === undefined || token === undefined) return undefined;
    return this.#tickets.belongs(token, cookie, user, this.#passwords) ? user : undefined;
  }

  #loginOf(cookie: string | undefined): LoginId | undefined {
    const login = this.#tickets.loginOf(cookie, this.#passwords);
    return login === undefined || this.#register.hasEnded(login) ? undefined : login;
  }

  /** Answers a login. The Origin of the request was checked. */
  async logIn(asked: LoginRequest, response: ServerResponse, headers: Headers): Promise<void> {
    const { request, client } = asked;
    const { address } = client.peer;
    const refuse = (status: number, error: string, more: Headers = {}) =>
      answerJson(response, status, { error }, { ...headers, ...more });
    if (!mayLogIn(asked)) {
      refuse(403, 'passwords are only accepted over HTTPS');
      return;
    }
    if (
      headerOf(request, 'content-type')?.split(';')[0]?.trim().toLowerCase() !== 'application/x-www-form-urlencoded'
    ) {
      refuse(415, 'send name and password as application/x-www-form-urlencoded');
      return;
    }
    const body = await bodyOf(request, MOST_BODY);
    if (body === undefined) {
      refuse(413, 'the request is too long', { Connection: 'close' });
      return;
    }
    const form = new URLSearchParams(body);
    const name = form.get('name') ?? '';
    if (this.#checked >= MOST_CHECKED || this.#delayed >= MOST_DELAYED) {
      refuse(503, 'too many logins at once; try again', { 'Retry-After': '5' });
      return;
    }
    const result = await this.#check(address, name, form.get('password') ?? '');
    if (typeof result === 'number') {
      this.#onAttempt(client, name, 'locked');
      const retryAfter = Math.ceil(result / 1_000);
      const error = `too many failed logins; try again in ${retryAfter} s`;
      answerJson(response, 429, { error, retryAfter }, { ...headers, 'Retry-After': String(retryAfter) });
      return;
    }
    if (!result) {
      this.#onAttempt(client, name, 'failed');
      await this.#delay();
      refuse(401, 'the name or the password is wrong');
      return;
    }
    this.#register.succeeded(address);
    this.#onAttempt(client, name, 'ok');
    const { cookie, token } = this.#tickets.issue(name, this.#passwords);
    answerJson(
      response,
      200,
      { user: name, token },
      { ...headers, 'Set-Cookie': this.#setCookie(asked, cookie, LOGIN_MS) },
    );
  }

  /** @returns whether the password is right, or how long the address has to wait first, in milliseconds. */
  async #check(address: string, name: string, password: string): Promise<boolean | number> {
    this.#checked++;
    try {
      const wait = await this.#register.attempt(address);
      if (wait > 0) return wait;
      const hash = this.#passwords.get(name);
      for (const checked of hashesToCheck(hash, this.#passwords)) {
        const matches = await this.#verifier.verify(password, checked);
        // The users may have been replaced meanwhile.
        if (matches && checked === hash) return this.#passwords.get(name) === hash;
      }
      return false;
    } finally {
      this.#checked--;
    }
  }

  /** Answers a logout, after which cookie and token are not valid. The Origin of the request was checked. */
  async logOut(asked: LoginRequest, response: ServerResponse, headers: Headers): Promise<void> {
    const login = this.#loginOf(this.#cookieOf(asked));
    if (login !== undefined) await this.#register.end(login);
    answer(response, 204, '', { ...headers, 'Set-Cookie': this.#setCookie(asked, '', 0) });
  }

  async #delay(): Promise<void> {
    this.#delayed++;
    await sleep(DELAY_MS);
    this.#delayed--;
  }

  /**
   * The name of the cookie depends on the address of the page, so that two gateways on one host do not replace the
   * cookies of each other.
   */
  #nameFor({ host }: LoginRequest, isSecure: boolean): string {
    const place = createHash('sha256').update(`${host}${this.#base}`).digest('hex').slice(0, 8);
    return `${isSecure ? '__Host-' : ''}telpty-${place}`;
  }

  #setCookie(asked: LoginRequest, value: string, maxAgeMs: number): string {
    const { isSecure } = asked.client;
    const path = isSecure ? '/' : this.#base;
    const parts = [`${this.#nameFor(asked, isSecure)}=${value}`, `Path=${path}`, 'HttpOnly', 'SameSite=Strict'];
    return [...parts, `Max-Age=${maxAgeMs / 1_000}`, ...(isSecure ? ['Secure'] : [])].join('; ');
  }

  /**
   * A cookie whose name begins with `__Host-` counts also if it is not known that the browser uses HTTPS: the browser
   * sends it over HTTPS only. That is so behind a proxy without X-Forwarded-Proto, if the request has no Origin.
   */
  #cookieOf(asked: LoginRequest): string | undefined {
    const secure = this.#valueOf(asked, this.#nameFor(asked, true));
    if (secure !== undefined || asked.client.isSecure) return secure;
    return this.#valueOf(asked, this.#nameFor(asked, false));
  }

  #valueOf(asked: LoginRequest, name: string): string | undefined {
    const pairs = valuesOf(asked.request, 'cookie').flatMap(header => header.split(/;\s*/));
    const values = pairs.filter(pair => pair.startsWith(`${name}=`));
    // Two cookies of one name: one of them was set by another server of this host.
    return values.length === 1 ? values[0]!.slice(name.length + 1) : undefined;
  }

  close(): void {
    this.#verifier.close();
  }
}

/** Passwords and cookies cross a network only encrypted. */
function mayLogIn({ client, request }: LoginRequest): boolean {
  return client.isSecure || (!client.isProxied && isLoopback(request.socket.remoteAddress ?? ''));
}
