/// <reference types="node" preserve="true" />
/**
 * `telpty`: the server, the client, their sessions, and the shells those can be given.
 *
 * @module telpty
 */
export { type ConnectOptions, connect } from './client/connect.ts';
export type { ClientTerminal } from './client/options.ts';
export { type ReconnectOptions, type Retry, type RetryOptions, reconnect } from './client/reconnect.ts';
export { TelptyError, type TelptyErrorCode, type TelptyErrorDetails } from './errors.ts';
export { type RecordingEnd, type RecordOptions, record } from './recording/record.ts';
export type { RecordingEvent, RecordingFormat, RecordingHeader } from './recording/recording.ts';
export { type OpenRecordingOptions, openRecording } from './recording/recording-file.ts';
export type { Recording } from './recording/recording-reader.ts';
export type { RecordedScreen } from './recording/screen-index.ts';
export type { Listener, LocalListener, TcpListener } from './server/listener.ts';
export type { AcceptOptions, Middleware, ServerOptions, Shell } from './server/options.ts';
export { type ConnectionInfo, createServer, Server, type ServerEvents, type SessionOutcome } from './server/server.ts';
export type { LineOptions } from './session/conversation/dialogue.ts';
export type { ExecOptions } from './session/conversation/exec.ts';
export type { EnableOptions, LoginAnswers, LoginOptions } from './session/conversation/login.ts';
export type { Pattern, ReadOptions, ReadResult } from './session/conversation/reading.ts';
export type { FindPromptOptions, ResyncOptions } from './session/conversation/resync.ts';
export type { OptionState, WaitOptions } from './session/conversation/waiting.ts';
export type { SessionEvents } from './session/events.ts';
export type { SessionOptions } from './session/link.ts';
export type { KeepAliveTimes } from './session/liveness.ts';
export type { SessionTap, SessionTrace } from './session/observing/observers.ts';
export type { ObservedEvent, ObservedEvents, ObserveOptions } from './session/observing/session-reader.ts';
export type { LinesOptions } from './session/received-lines.ts';
export { Session } from './session/session.ts';
export type { Terminal } from './session/terminal.ts';
export type { ReadLineOptions } from './session/typed-lines.ts';
export type { EnvironmentPolicy, RejectedVariable } from './shells/environment/environment.ts';
export { type LimitOptions, limit } from './shells/guards/limit.ts';
export type { Refused } from './shells/guards/refusal.ts';
export { type RobotCheckOptions, robotCheck } from './shells/guards/robot-check.ts';
export {
  type Addresses,
  type AdmissionControl,
  type Candidate,
  type RefusalReason,
  SessionLimits,
  type SessionLimitsOptions,
  type Slot,
  type Ticket,
} from './shells/guards/session-limits.ts';
export type { ModeName } from './shells/program/modes.ts';
export type { PtyShellOptions, StartedProgram } from './shells/program/options.ts';
export { type PtyResult, ptyShell } from './shells/program/pty-shell.ts';
export type {
  CheckAddress,
  ListenOptions,
  LocalListenOptions,
  LocalSocketOptions,
  TcpListenOptions,
} from './transport/listen-options.ts';
export type { IpPeer, LocalPeer, Peer, PeerFields } from './transport/peer.ts';
export type { ForeignProtocol } from './transport/pre-session/foreign-protocol.ts';
export type { Refusal, RefusedConnection, UnwelcomeReason } from './transport/pre-session/stage.ts';
export type { Transport, TransportUser } from './transport/stream/transport.ts';
export type { TlsOptions } from './transport/tls/options.ts';
