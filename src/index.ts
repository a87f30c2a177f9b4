/** `telpty`: the server, its sessions, and the shells they can be given. */
export { TelptyError, type TelptyErrorCode, type TelptyErrorDetails } from './errors.ts';
export {
  type ConnectionInfo,
  createServer,
  Server,
  type ServerEvents,
  type ServerOptions,
  type SessionOutcome,
  type Shell,
} from './server/server.ts';
export type { SessionEvents } from './session/events.ts';
export { Session } from './session/session.ts';
export type { Terminal } from './session/terminal.ts';
export type { SessionOptions, SessionTap, SessionTrace } from './session/types.ts';
export type { EnvironmentPolicy, RejectedVariable } from './shells/environment.ts';
export { type LimitOptions, limit, type Refused } from './shells/limit.ts';
export type { ModeName } from './shells/modes.ts';
export type { Admission, Applicant, Place, RefusalReason } from './shells/places.ts';
export { type PtyResult, type PtyShellOptions, ptyShell, type StartedProgram } from './shells/pty-shell.ts';
export type { TcpListenOptions } from './transport/tcp.ts';
export type { Transport, TransportUser } from './transport/transport.ts';
