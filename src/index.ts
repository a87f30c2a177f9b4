/// <reference types="node" preserve="true" />
/**
 * `telpty`: the server, the client, their sessions, and the shells those can be given.
 *
 * @module telpty
 */
export { type ConnectOptions, connect } from './client/connect.ts';
export type { ClientTerminal } from './client/options.ts';
export { TelptyError, type TelptyErrorCode, type TelptyErrorDetails } from './errors.ts';
export {
  type AcceptOptions,
  type ConnectionInfo,
  createServer,
  Server,
  type ServerEvents,
  type ServerOptions,
  type SessionOutcome,
  type Shell,
} from './server/server.ts';
export type { ExecOptions, LineOptions, LoginOptions } from './session/dialogue.ts';
export type { SessionEvents } from './session/events.ts';
export { type ReadLineOptions, readLine, readLines } from './session/lines.ts';
export type { Pattern, ReadOptions, ReadResult } from './session/reading.ts';
export { Session } from './session/session.ts';
export type { Terminal } from './session/terminal.ts';
export type { SessionOptions, SessionTap, SessionTrace } from './session/types.ts';
export type { OptionState, WaitOptions } from './session/waiting.ts';
export type { EnvironmentPolicy, RejectedVariable } from './shells/environment.ts';
export { type LimitOptions, limit } from './shells/limit.ts';
export type { ModeName } from './shells/modes.ts';
export {
  type Addresses,
  type Admission,
  type Applicant,
  type Place,
  Places,
  type PlacesOptions,
  type RefusalReason,
} from './shells/places.ts';
export { type PtyResult, type PtyShellOptions, ptyShell, type StartedProgram } from './shells/pty-shell.ts';
export type { Refused } from './shells/refusal.ts';
export { type RobotCheckOptions, robotCheck } from './shells/robot-check.ts';
export type { Knock, ListenOptions, LocalListenOptions } from './transport/entrance.ts';
export type { ForeignProtocol } from './transport/foreign-protocol.ts';
export type { Refusal, RefusedConnection, UnwelcomeReason } from './transport/gate.ts';
export type { LocalSocketOptions } from './transport/local.ts';
export type { IpPeer, LocalPeer, Peer, PeerFields } from './transport/peer.ts';
export type { TcpListenOptions } from './transport/tcp.ts';
export type { TlsOptions } from './transport/tls-options.ts';
export type { Transport, TransportUser } from './transport/transport.ts';
