/** The outcomes and reasons of ended sessions: the names that the log, the metrics and docs/operations.md share. */

import type { SessionOutcome } from '../../server/server.ts';
import type { EndCause } from '../../session/ending.ts';
import type { Session } from '../../session/session.ts';
import type { Refused } from '../../shells/guards/refusal.ts';

/** The label `outcome` of `telpty_sessions_total`. Data from a client never becomes a label. */
export const OUTCOMES = [
  'exit_zero',
  'exit_nonzero',
  'signal',
  'hangup',
  'refused',
  'not_started',
  'failed',
  'probe',
] as const;

export type Outcome = (typeof OUTCOMES)[number];

/** What ended a session: the field `reason` of the log, and the label `reason` of `telpty_hangups_total`. */
export const END_REASONS = [
  'program-exit',
  'program-signal',
  'start-failed',
  'refused',
  'probe',
  'client-closed',
  'client-reset',
  'idle-timeout',
  'session-timeout',
  'keep-alive-timeout',
  'logout',
  'shutdown',
  'protocol-error',
] as const;

export type EndReason = (typeof END_REASONS)[number];

/** How a session ended, and what ended it. */
export interface SessionEnd {
  readonly outcome: Outcome;
  readonly reason: EndReason;
}

/** Returns the outcome of a session whose shell has settled. */
export function endOf(session: Session, { error, result }: SessionOutcome): SessionEnd {
  if (error !== undefined) return { outcome: 'failed', reason: 'start-failed' };
  const { exit, signal } = exitFields(result);
  const wasStarted = exit !== undefined || signal !== undefined;
  if (!wasStarted && isProbe(session, result)) return { outcome: 'probe', reason: 'probe' };
  if (isRefused(result)) return { outcome: 'refused', reason: 'refused' };
  const cause = session.link.ending.cause ?? 'program';
  if (!wasStarted) return leftEarly(session, cause);
  if (cause !== 'program') return { outcome: 'hangup', reason: cause };
  if (signal !== undefined) return { outcome: 'signal', reason: 'program-signal' };
  return { outcome: exit === 0 ? 'exit_zero' : 'exit_nonzero', reason: 'program-exit' };
}

/** Whether the client connected and closed without sending a byte, as health checks and port scanners do. */
function isProbe(session: Session, result: unknown): boolean {
  if (session.bytesRead > 0 || !hasLeft(session)) return false;
  // The robot check asks such a client and gets no answer. A client refused for another reason is refused whatever it
  // sends.
  return !isRefused(result) || result.refused === 'robot';
}

function hasLeft({ link }: Session): boolean {
  const { cause } = link.ending;
  return cause === 'client-closed' || cause === 'client-reset';
}

function leftEarly(session: Session, cause: EndCause): SessionEnd {
  if (cause === 'program') return { outcome: 'not_started', reason: 'client-closed' };
  return { outcome: hasLeft(session) ? 'not_started' : 'hangup', reason: cause };
}

/** Whether the session was refused: the result of `limit()`. */
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
