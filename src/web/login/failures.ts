/**
 * Failed logins by address. The first few cost only the delay of their answers. After these, each failure doubles the
 * time in which no further attempt is accepted. An hour without a failure clears the account.
 *
 * A success does not clear it: else a user could guess the passwords of others, and log in between the attempts.
 */
import { addressKey } from '../../shells/guards/addresses.ts';

/** Failures without a lock: people mistype. */
const FREE = 4;
/** The first lock, and the longest, in milliseconds. */
const FIRST_LOCK_MS = 2_000;
const LONGEST_LOCK_MS = 15 * 60_000;
/** A failure is forgotten after this time, in milliseconds. */
const MEMORY_MS = 60 * 60_000;
/** The most addresses; beyond it the one with the oldest failure is forgotten. */
const MOST_ADDRESSES = 8_192;

interface Account {
  failures: number;
  last: number;
  /** The time of the failure before the last one. */
  earlier: number;
}

export class LoginFailures {
  /** In the order of the last failures. */
  readonly #accounts = new Map<string, Account>();

  /** How long the address has to wait before its next attempt, in milliseconds; 0: it need not wait. */
  wait(address: string, now = performance.now()): number {
    const account = this.#accounts.get(keyOf(address));
    if (account === undefined || account.failures < FREE) return 0;
    const lock = Math.min(FIRST_LOCK_MS * 2 ** (account.failures - FREE), LONGEST_LOCK_MS);
    return Math.max(0, account.last + lock - now);
  }

  failed(address: string, now = performance.now()): void {
    const key = keyOf(address);
    const before = this.#accounts.get(key);
    const isRecent = before !== undefined && now - before.last < MEMORY_MS;
    this.#accounts.delete(key);
    this.#accounts.set(key, {
      failures: (isRecent ? before.failures : 0) + 1,
      last: now,
      earlier: before?.last ?? now,
    });
    if (this.#accounts.size > MOST_ADDRESSES) this.#accounts.delete(this.#accounts.keys().next().value!);
  }

  /** An attempt that was counted as failed has succeeded. */
  succeeded(address: string): void {
    const key = keyOf(address);
    const account = this.#accounts.get(key);
    if (account === undefined) return;
    account.failures--;
    account.last = account.earlier;
    if (account.failures === 0) this.#accounts.delete(key);
  }
}

/** An IPv6 client has 2⁶⁴ addresses: its network counts. */
const keyOf = (address: string) => addressKey(address) ?? address;
