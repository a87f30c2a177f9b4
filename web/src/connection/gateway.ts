/** Requests to the gateway besides the connection: its configuration, and the login. */

/** The answer of `config.json`. */
export interface Config {
  /** The name of the program, for the title. */
  readonly title: string;
  readonly login: 'none' | 'required' | 'done';
  /** Whether this browser may connect; false, if something else than a login is missing. */
  readonly isAllowed?: boolean;
  /** Who is logged in. */
  readonly user: string | null;
  /** Whether this user may see the recordings of all sessions. */
  readonly recordings?: boolean;
}

/** The configuration, or undefined if the gateway cannot be reached. */
export async function fetchConfig(base: URL): Promise<Config | undefined> {
  try {
    const response = await fetch(new URL('config.json', base), { cache: 'no-store', credentials: 'same-origin' });
    return response.ok ? ((await response.json()) as Config) : undefined;
  } catch {
    return undefined;
  }
}

/**
 * Cookies are shared by all ports of a host, and localStorage is not. So the gateway also needs this token, which no
 * server on another port of the host can read.
 */
const tokenKey = (base: URL) => `telpty.token:${base.pathname}`;

/** The token of the last login in this browser. */
export function tokenOf(base: URL): string | undefined {
  try {
    return localStorage.getItem(tokenKey(base)) ?? undefined;
  } catch {
    return undefined;
  }
}

/** Logs in; returns a message for the user if that failed. */
export async function logIn(base: URL, name: string, password: string): Promise<string | undefined> {
  let response: Response;
  try {
    response = await post(base, 'login', new URLSearchParams({ name, password }));
  } catch {
    return 'The server cannot be reached. Try again.';
  }
  const answer = (await response.json().catch(() => ({}))) as { token?: string; retryAfter?: number };
  if (response.ok && answer.token !== undefined) {
    try {
      localStorage.setItem(tokenKey(base), answer.token);
      return undefined;
    } catch {
      return 'This browser does not let the page keep its login. Allow site data for it, and try again.';
    }
  }
  if (response.status === 401) return 'The name or the password is wrong.';
  if (response.status === 429) return `Too many attempts. Try again in ${answer.retryAfter ?? 60} seconds.`;
  if (response.status === 503) return 'The server is busy. Try again.';
  return `The server refused the login (${response.status}).`;
}

/** Logs out. The gateway ends the validity of the cookie even if the page cannot remove its token. */
export async function logOut(base: URL): Promise<void> {
  try {
    localStorage.removeItem(tokenKey(base));
  } catch {
    // Without storage there is no token.
  }
  await post(base, 'logout').catch(() => undefined);
}

function post(base: URL, path: string, body?: URLSearchParams): Promise<Response> {
  return fetch(new URL(path, base), { method: 'POST', credentials: 'same-origin', ...(body && { body }) });
}
