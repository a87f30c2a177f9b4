/** Waits for the other end: with a time limit, and without leaving timers or listeners. */
import { TelptyError } from '../../errors.ts';
import { boolean, duration, instance, type OptionTable, oneOf, readOptions, required, whole } from '../../options.ts';
import { optionName, type Side } from '../../protocol/index.ts';
import { SilenceTimer } from '../../transport/silence-timer.ts';
import type { Conversation } from './conversation.ts';

/** How long to wait. */
export interface WaitOptions {
  /** In milliseconds, 0: forever; default 30,000. After this time the call rejects with `ERR_TIMEOUT`. */
  readonly timeout?: number | undefined;
  /** Ends the wait: the call rejects with the signal's reason. */
  readonly signal?: AbortSignal | undefined;
}

export const waitOptions = {
  timeout: duration({ default: 30_000 }),
  signal: instance(AbortSignal, 'an AbortSignal'),
} satisfies OptionTable<WaitOptions>;

/** The default time limit of a wait, in milliseconds. */
export const WAIT_MS = waitOptions.timeout.default;

/** The same for one of several waits that share a time limit. */
export interface PartialWaitOptions extends WaitOptions {
  /** The shared time limit, of which `timeout` is the remaining part; for errors. */
  readonly limit?: number | undefined;
}

/** Settles a wait. Only the first call counts. */
export interface Waiter<T> {
  resolve(value: T): void;
  reject(error: unknown): void;
  /** If set, called when the time limit is reached; returns whether it has settled the wait. */
  atLast?: () => boolean;
}

/** The text that was received before a timeout. */
export interface Missed {
  readonly text: string;
  /** A summary of it for an error, and advice. */
  describe(): string;
}

const abortListeners = new WeakMap<AbortSignal, Set<() => void>>();

/**
 * Calls `listener` when `signal` aborts. A signal that is given to many sessions gets one listener, since Node.js would
 * warn about one for each. Returns the function that removes `listener`.
 */
export function onAbort(signal: AbortSignal | undefined, listener: () => void): () => void {
  if (signal === undefined) return () => {};
  const listeners = abortListeners.get(signal) ?? new Set();
  const abort = (): void => {
    for (const one of [...listeners]) one();
  };
  if (listeners.size === 0) {
    abortListeners.set(signal, listeners);
    signal.addEventListener('abort', abort, { once: true });
    removers.set(listeners, () => signal.removeEventListener('abort', abort));
  }
  listeners.add(listener);
  return () => {
    if (!listeners.delete(listener) || listeners.size > 0) return;
    removers.get(listeners)?.();
  };
}

/** Functions that remove the one listener of a signal. */
const removers = new WeakMap<Set<() => void>, () => void>();

/**
 * Begins an operation, and ends it when it is settled, the time limit is reached, or the signal aborts.
 *
 * @param what what is not done in time, for the error: a noun without an article.
 * @param begin begins it, and returns a function that ends it. That function is called exactly once, before the promise
 *   settles; its result provides the `text` of the timeout error and the end of its message.
 */
export function within<T>(
  what: string,
  options: PartialWaitOptions,
  begin: (waiter: Waiter<T>) => () => Missed | undefined,
): Promise<T> {
  const { timeout = WAIT_MS, limit = timeout, signal } = options;
  return new Promise((resolve, reject) => {
    if (signal?.aborted) {
      reject(signal.reason);
      return;
    }
    let over = false;
    const waiter: Waiter<T> = {
      resolve: value => settle(() => resolve(value)),
      reject: error => settle(() => reject(error)),
    };
    let end: (() => Missed | undefined) | undefined;
    const settle = (then: (missed: Missed | undefined) => void): void => {
      if (over) return;
      over = true;
      timer?.stop();
      unsubscribe();
      then(end?.());
    };
    const abort = (): void => settle(() => reject(signal?.reason));
    const late = (missed: Missed | undefined): void => {
      const details = missed === undefined ? {} : { text: missed.text };
      const rest = missed === undefined ? '' : `; ${missed.describe()}`;
      reject(new TelptyError('ERR_TIMEOUT', `no ${what} within ${limit} ms${rest}`, details));
    };
    const timer = timeout === 0 ? undefined : new SilenceTimer(timeout, () => waiter.atLast?.() || settle(late));
    const unsubscribe = onAbort(signal, abort);
    try {
      end = begin(waiter);
    } catch (error) {
      waiter.reject(error);
      return;
    }
    // It was settled before `begin` returned.
    if (over) end();
  });
}

/** A state of an option. */
export interface OptionState {
  /** The option's code, one of `Option` of `telpty/protocol`. */
  readonly option: number;
  /** `'local'`: this end performs it; `'remote'`: the other end does. */
  readonly side: Side;
  /** Default true. */
  readonly enabled?: boolean;
}

/** See `Session.waitFor`. */
export async function waitFor(
  conversation: Conversation,
  wanted: OptionState | (() => boolean),
  options: WaitOptions = {},
): Promise<void> {
  readOptions('waitFor', waitOptions, options);
  const holds = typeof wanted === 'function' ? wanted : stateTest(conversation, wanted);
  const what = typeof wanted === 'function' ? 'true result of the condition' : describe(wanted);
  return within(what, options, ({ resolve, reject }) => {
    const look = (): void => {
      // The caller's test may throw; the caller gets that error.
      try {
        if (holds()) resolve();
      } catch (error) {
        reject(error);
      }
    };
    const closed = (): void => reject(new TelptyError('ERR_SESSION_CLOSED', `no ${what} before the session closed`));
    const unsubscribe = conversation.observe({ look, closed });
    look();
    if (conversation.stream.closed) closed();
    return () => {
      unsubscribe();
      return undefined;
    };
  });
}

const optionState = {
  option: required(whole({ max: 255 })),
  side: required(oneOf(['local', 'remote'])),
  enabled: boolean({ default: true }),
} satisfies OptionTable<OptionState>;

function stateTest({ link }: Conversation, state: OptionState): () => boolean {
  const { option, side, enabled } = readOptions('waitFor', optionState, state);
  return () => link.telnet.isEnabled(option, side) === enabled;
}

function describe({ option, side, enabled = true }: OptionState): string {
  return `${enabled ? '' : 'end of '}${optionName(option)} on the ${side} side`;
}
