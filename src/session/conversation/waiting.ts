/** Waiting for what the other end does: never longer than was said, and with nothing left behind. */
import { TelptyError } from '../../errors.ts';
import { boolean, duration, instance, type OptionTable, oneOf, readOptions, required, whole } from '../../options.ts';
import { optionName, type Side } from '../../protocol/index.ts';
import type { Conversation } from './conversation.ts';

/** How long to wait. */
export interface WaitOptions {
  /** In milliseconds, 0 for ever; default 30,000. After it the call rejects with `ERR_TIMEOUT`. */
  readonly timeout?: number | undefined;
  /** Ends the waiting: the call rejects with the signal's reason. */
  readonly signal?: AbortSignal | undefined;
}

export const waitOptions = {
  timeout: duration({ default: 30_000 }),
  signal: instance(AbortSignal, 'an AbortSignal'),
} satisfies OptionTable<WaitOptions>;

/** How long a call waits that was not told, in milliseconds. */
export const WAIT_MS = waitOptions.timeout.default;

/** The same for one of several waits that have a time limit together. */
export interface PartialWaitOptions extends WaitOptions {
  /** Their time limit, of which `timeout` is what is left; for errors. */
  readonly limit?: number | undefined;
}

/** What one who waits calls at the end. Only the first call counts. */
export interface Waiter<T> {
  resolve(value: T): void;
  reject(error: unknown): void;
  /** Called when the time is over, if it was set: whether that has settled it. */
  atLast?: () => boolean;
}

/** What was read for something that did not come in time. */
export interface Missed {
  readonly text: string;
  /** What a person needs to know of it, and what to try. */
  describe(): string;
}

const abortListeners = new WeakMap<AbortSignal, Set<() => void>>();

/**
 * Calls `listener` when `signal` aborts. A signal that is given to many sessions gets one listener, not one for each, of which
 * Node.js would warn. Returns the function that ends this.
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

/** What takes the one listener of a signal off again. */
const removers = new WeakMap<Set<() => void>, () => void>();

/**
 * Begins something, and ends it when it is settled, the time is over, or it is called off.
 *
 * @param what is not done in time, for the error: a noun without an article.
 * @param begin begins it, and returns what ends it. That is called exactly once, before the promise settles; what it
 *   returns is the `text` of the error for too late, and the end of its message.
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
      clearTimeout(timer);
      forget();
      then(end?.());
    };
    const abort = (): void => settle(() => reject(signal?.reason));
    const late = (missed: Missed | undefined): void => {
      const details = missed === undefined ? {} : { text: missed.text };
      const rest = missed === undefined ? '' : `; ${missed.describe()}`;
      reject(new TelptyError('ERR_TIMEOUT', `no ${what} within ${limit} ms${rest}`, details));
    };
    const timer = timeout === 0 ? undefined : setTimeout(() => waiter.atLast?.() || settle(late), timeout);
    const forget = onAbort(signal, abort);
    try {
      end = begin(waiter);
    } catch (error) {
      waiter.reject(error);
      return;
    }
    // It was settled before it had returned what ends it.
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
      // The caller's test may throw; it is the caller who should see that.
      try {
        if (holds()) resolve();
      } catch (error) {
        reject(error);
      }
    };
    const closed = (): void => reject(new TelptyError('ERR_SESSION_CLOSED', `no ${what} before the session closed`));
    const forget = conversation.observe({ look, closed });
    look();
    if (conversation.stream.closed) closed();
    return () => {
      forget();
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
