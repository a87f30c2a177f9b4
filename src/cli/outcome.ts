/** What a shell's result says of how a session ended. */
import type { Refused } from '../shells/refusal.ts';

/** Whether the session was turned away: the result of `limit()`. */
export function isRefused(result: unknown): result is Refused {
  return typeof result === 'object' && result !== null && 'refused' in result;
}

/** The exit status of the program, if there is one in the result. */
export function exitFields(result: unknown): { exit?: number; signal?: string; outOfMemory?: number } {
  if (typeof result !== 'object' || result === null) return {};
  const { code, signal, outOfMemory } = result as { code?: unknown; signal?: unknown; outOfMemory?: unknown };
  return {
    ...(typeof code === 'number' ? { exit: code } : {}),
    ...(typeof signal === 'string' ? { signal } : {}),
    ...(typeof outOfMemory === 'number' ? { outOfMemory } : {}),
  };
}
