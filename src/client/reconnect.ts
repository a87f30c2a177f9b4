/** A connection that is made again after it has ended. */
import { once } from 'node:events';
import { setTimeout as delay } from 'node:timers/promises';
import { TelptyError } from '../errors.ts';
import { callback, check, nested, type OptionTable, readOptions, whole } from '../options.ts';
import { onAbort } from '../session/conversation/waiting.ts';
import type { Session } from '../session/session.ts';
import { type ConnectOptions, connect, connectOptions } from './connect.ts';

/** When to connect again. */
export interface RetryOptions {
  /**
   * The first pause, in milliseconds; default 1,000. Each further pause is twice as long, minus a random part of up to
   * half.
   */
  readonly min?: number | undefined;
  /** The longest pause, in milliseconds; default 60,000. */
  readonly max?: number | undefined;
  /** Consecutive failed attempts after which the last error is thrown; default 0, no limit. */
  readonly attempts?: number | undefined;
}

/** Why and when {@link reconnect} connects again. */
export interface Retry {
  /** Why no connection was made; `undefined` if a session has ended. */
  readonly error: TelptyError | undefined;
  /**
   * Number of consecutive connections that failed or ended too early; 0 after a session that lasted longer than its
   * pause.
   */
  readonly count: number;
  /** The pause, in milliseconds. */
  readonly delay: number;
}

/** Options of {@link reconnect}: those of `connect()`, without `stream`. */
export interface ReconnectOptions extends ConnectOptions {
  readonly retry?: RetryOptions | undefined;
  /** Called before each pause: for a log. */
  readonly onRetry?: ((retry: Retry) => void) | undefined;
}

const LONGEST_PAUSE_MS = 24 * 60 * 60 * 1_000;

export const retryOptions = {
  min: whole({ min: 1, max: LONGEST_PAUSE_MS, default: 1_000 }),
  max: whole({ min: 1, max: LONGEST_PAUSE_MS, default: 60_000 }),
  attempts: whole({ default: 0 }),
} satisfies OptionTable<RetryOptions>;

export const reconnectOptions = {
  ...connectOptions,
  retry: nested<RetryOptions>(retryOptions),
  onRetry: callback<(retry: Retry) => void>(),
} satisfies OptionTable<ReconnectOptions>;

/**
 * Connects, and connects again each time the session has closed or no connection could be made. The pauses before it
 * grow from `retry.min` to `retry.max`. They have a random part, so that the clients of a restarted server do not all
 * connect at the same time. After a session that lasted longer than its pause, the pauses start from `retry.min` again.
 *
 *     for await (const session of reconnect({ host: 'mud.example.org', retry: { min: 500, max: 30_000 }, signal })) {
 *       for await (const line of session.lines()) console.log(line);
 *     }
 *
 * The next session is made after the previous one has closed. When the loop ends, e.g. by `break`, and when `signal`
 * aborts, the open session is destroyed.
 *
 * @throws TelptyError permanent errors: `ERR_INVALID_ARGUMENT`, and `ERR_TLS` for a certificate; the last error after
 *   `retry.attempts`; the signal's reason.
 */
export async function* reconnect(options: ReconnectOptions): AsyncGenerator<Session, void, void> {
  const { retry = {}, onRetry, signal, ...rest } = readOptions('reconnect', reconnectOptions, options);
  const { min, max, attempts } = readOptions('reconnect', retryOptions, retry, 'retry.');
  check(options.stream === undefined, 'reconnect: a stream cannot be connected again; give host and port');
  check(min <= max, `retry.min must not be more than retry.max, which is ${max}`);
  const { timeout } = rest;
  /** The number of pauses in a row. */
  let count = 0;
  for (let failures = 0, pause = 0; ; ) {
    let error: TelptyError | undefined;
    try {
      const session = await connect({ ...rest, timeout, signal });
      failures = 0;
      const unsubscribe = onAbort(signal, () => session.destroy());
      try {
        yield session;
        if (!session.closed) await once(session, 'close');
      } finally {
        unsubscribe();
        session.destroy();
      }
      if (session.age > pause) count = 0;
    } catch (caught) {
      if (!isTemporary(caught) || signal?.aborted || ++failures === attempts) throw caught;
      error = caught;
    }
    signal?.throwIfAborted();
    pause = pauseOf(count, min, max);
    onRetry?.({ error, count, delay: pause });
    count++;
    await delay(pause, undefined, { signal }).catch(() => signal?.throwIfAborted());
  }
}

/** @param count number of pauses before this one. */
function pauseOf(count: number, min: number, max: number): number {
  const longest = Math.min(max, min * 2 ** Math.min(count, 30));
  return Math.max(min, Math.round(longest * (1 - Math.random() / 2)));
}

/** Whether the next attempt may succeed. */
function isTemporary(error: unknown): error is TelptyError {
  if (!(error instanceof TelptyError)) return false;
  // A server that is starting, or the proxy in front of it, may close the connection within the handshake. A reset
  // has an errno; a FIN is reported by Node.js as ECONNRESET without one.
  const isBroken = error.code === 'ERR_TLS' && (error.errno !== undefined || error.systemCode === 'ECONNRESET');
  return error.code === 'ERR_CONNECT' || error.code === 'ERR_TIMEOUT' || isBroken;
}
