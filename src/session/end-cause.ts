import type { InflationError } from '../transport/stream/inflation.ts';

/** Reasons for which telpty itself asks a session to end: the argument of `Session.hangup`. */
export const HANGUP_REASONS = ['idle-timeout', 'session-timeout', 'logout', 'shutdown', 'client-closed'] as const;

/** One of {@link HANGUP_REASONS}. `'client-closed'`: the client closed its sending half, and the linger time is over. */
export type HangupReason = (typeof HANGUP_REASONS)[number];

/** Input for which telpty ends a session: see {@link InflationError}; `'nested-compression'`: compressed input that begins compression. */
export type ProtocolError = InflationError | 'nested-compression';

/**
 * What ended a session first. `'client-reset'`: the connection broke without a FIN of the client. `'protocol-error'`: what the
 * client sends cannot be read, e.g. corrupt compressed input. `'program'`: the program ended by itself.
 */
export type EndCause = HangupReason | 'client-reset' | 'protocol-error' | 'program';

/** The cause that belongs to the reason of a hangup. Reasons other than {@link HANGUP_REASONS} are errors of the client's input. */
export function causeOf(reason: string): EndCause {
  return HANGUP_REASONS.find(known => known === reason) ?? 'protocol-error';
}
