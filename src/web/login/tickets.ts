/**
 * The two parts of a login in a browser: a cookie, and a token. A WebSocket needs both.
 *
 * Cookies do not belong to a port: a server on another port of the same host gets our cookie with each visit, and so
 * does everyone who listens on that port later. The token is kept in the storage of the page, which belongs to scheme,
 * host and port, and is sent as a subprotocol of the WebSocket, because browsers let a page send nothing else with it.
 *
 * Both are made with a key of this server and the hash of the user's password, and nothing is stored: they are valid in
 * each process of the server until they expire, or the password changes, or the user logs out (register.ts).
 */
import { createHmac, randomBytes, timingSafeEqual } from 'node:crypto';
import type { Passwords } from './password-file.ts';

/** How long a login is valid, in milliseconds. */
export const LOGIN_MS = 12 * 60 * 60_000;

/** A login, as its cookie names it. */
export interface LoginId {
  readonly user: string;
  /** Random. */
  readonly number: string;
  /** The end of its validity, in milliseconds since 1970. */
  readonly until: number;
}

/** A login, as the browser keeps it. */
export interface LoginTicket {
  /** The value of the cookie. */
  readonly cookie: string;
  readonly token: string;
}

export class LoginTickets {
  readonly #key: Buffer;

  /** @param key a secret of this server; default: a new one. */
  constructor(key: Buffer = randomBytes(32)) {
    this.#key = key;
  }

  issue(user: string, passwords: Passwords, now = Date.now()): LoginTicket {
    const number = randomBytes(12).toString('base64url');
    const content = Buffer.from(JSON.stringify([user, now + LOGIN_MS, number])).toString('base64url');
    const hash = passwords.get(user) ?? '';
    return { cookie: `${content}.${this.#sign('cookie', content, hash)}`, token: this.#sign('token', content, hash) };
  }

  /** The login of a cookie; `undefined` if it is not valid. */
  loginOf(cookie: string | undefined, passwords: Passwords, now = Date.now()): LoginId | undefined {
    const [content = '', signature = '', ...more] = cookie?.split('.') ?? [];
    if (content === '' || more.length > 0) return undefined;
    const login = parse(content);
    if (login === undefined) return undefined;
    const hash = passwords.get(login.user);
    // Also without a hash: otherwise the time of the answer would show which users exist.
    const isSigned = isSame(signature, this.#sign('cookie', content, hash ?? ''));
    return isSigned && hash !== undefined && now < login.until ? login : undefined;
  }

  /** Whether the token belongs to the cookie, which must be valid. */
  belongs(token: string, cookie: string, user: string, passwords: Passwords): boolean {
    const [content = ''] = cookie.split('.');
    return isSame(token, this.#sign('token', content, passwords.get(user) ?? ''));
  }

  #sign(purpose: 'cookie' | 'token', content: string, hash: string): string {
    return createHmac('sha256', this.#key).update(`${purpose}\0${hash}\0${content}`).digest('base64url');
  }
}

/** The content is signed, but it names the user whose hash the signature needs, so it is read first. */
function parse(content: string): LoginId | undefined {
  try {
    const [user, until, number] = JSON.parse(Buffer.from(content, 'base64url').toString('utf8')) as unknown[];
    const isLogin = typeof user === 'string' && typeof until === 'number' && typeof number === 'string';
    return isLogin ? { user, number, until } : undefined;
  } catch {
    return undefined;
  }
}

function isSame(given: string, expected: string): boolean {
  const [one, other] = [Buffer.from(given), Buffer.from(expected)];
  return one.length === other.length && timingSafeEqual(one, other);
}
