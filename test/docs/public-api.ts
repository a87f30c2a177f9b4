/**
 * The signatures of the published types. Nothing runs this file: `npm run check:types` compiles it against src/, and
 * published-types.test.ts against dist/. An error here is a change for users of the package, so it needs a line in
 * CHANGELOG.md.
 *
 * {@link same} compares two types exactly: a difference in an optional field, a `readonly` or an `any` is an error. A
 * line after `@ts-expect-error` must not compile.
 */
import type { EventEmitter } from 'node:events';
import type { AddressInfo } from 'node:net';
import type { Duplex } from 'node:stream';
import {
  type AcceptOptions,
  type Addresses,
  type AdmissionControl,
  type CheckAddress,
  type ClientTerminal,
  type ConnectionInfo,
  type ConnectOptions,
  connect,
  createServer,
  type EnableOptions,
  type ExecOptions,
  type FindPromptOptions,
  type ForeignProtocol,
  type LimitOptions,
  type LinesOptions,
  type Listener,
  type ListenOptions,
  type LocalListener,
  type LocalListenOptions,
  type LoginOptions,
  limit,
  type Middleware,
  type ObservedEvent,
  type ObservedEvents,
  type ObserveOptions,
  type OpenRecordingOptions,
  type OptionState,
  type openRecording,
  type Pattern,
  type Peer,
  type PeerFields,
  type PtyResult,
  type PtyShellOptions,
  ptyShell,
  type ReadLineOptions,
  type ReadOptions,
  type ReadResult,
  type ReconnectOptions,
  type Recording,
  type RecordingEnd,
  type RecordingEvent,
  type RecordingFormat,
  type RecordOptions,
  type Refusal,
  type RefusalReason,
  type Refused,
  type RefusedConnection,
  type ResyncOptions,
  type Retry,
  type RetryOptions,
  type RobotCheckOptions,
  type reconnect,
  record,
  robotCheck,
  type Server,
  type ServerEvents,
  type ServerOptions,
  type Session,
  type SessionEvents,
  SessionLimits,
  type SessionOutcome,
  type SessionTap,
  type SessionTrace,
  type Shell,
  type Slot,
  type StartedProgram,
  type TcpListener,
  TelptyError,
  type TelptyErrorCode,
  type Terminal,
  type Ticket,
  type TlsOptions,
  type UnwelcomeReason,
  type WaitOptions,
} from 'telpty';
import {
  Command,
  type CommandEvent,
  defineOption,
  type Gmcp,
  type GmcpEvent,
  gmcp,
  type MsdpEvent,
  type NegotiationState,
  Option,
  type OptionDefinition,
  type OptionEvent,
  type OptionHandler,
  type TelptyError as ProtocolError,
  type SendKind,
  type Side,
  type SubnegotiationEvent,
  type Telnet,
  type TelnetConfig,
  type TelnetEvent,
  type TelnetEvents,
  type TelnetHandlers,
  type TelnetLimits,
  type TraceRecord,
  type WarningCode,
  type WarningEvent,
} from 'telpty/protocol';
import {
  type ControlCharacter,
  type ExitStatus,
  type HangupOptions,
  type Limits,
  lookupUser,
  type ModeFlag,
  type Modes,
  openCgroups,
  openUserRange,
  Pty,
  type PtyOptions,
  type preparePty,
  type saneModes,
  spawnPty,
  type startPty,
  type User,
} from 'telpty/pty';

/**
 * True if two types are identical. Assignability in both directions would accept `any`, and would ignore `readonly`.
 */
type Same<A, B> = (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false;

/** Compiles only if the two types are identical. */
declare function same<A, B>(...differs: Same<A, B> extends true ? [] : [never]): void;

// biome-ignore lint/suspicious/noExplicitAny: listeners of unknown events get what their emitter passes.
type Any = any;

/** The names of the required fields. */
type RequiredKeys<T> = { [K in keyof T]-?: object extends Pick<T, K> ? never : K }[keyof T];

// The comparison itself distinguishes types.
// @ts-expect-error
same<{ a: number }, { readonly a: number }>();
// @ts-expect-error
same<number, Any>();

declare const server: Server;
declare const session: Session;
declare const stream: Duplex;
declare const middleware: Middleware;

// --- telpty: servers ---

same<ReturnType<typeof createServer>, Server>();
same<Parameters<typeof createServer>, [options: ServerOptions | Shell]>();
same<Shell, (session: Session) => unknown>();
same<Shell<number>, (session: Session) => number | Promise<number>>();
same<Middleware, (shell: Shell) => Shell>();
createServer(async one => same<typeof one, Session>());
createServer({ shell: one => one.readLine(), use: [limit({ maxSessions: 1 }), robotCheck(), middleware] });
createServer({ shell: ptyShell('bash') });
// @ts-expect-error: a server needs a shell.
createServer({});
// @ts-expect-error
createServer({ shell: () => {}, keepAlive: '30s' });
// @ts-expect-error
createServer({ shell: () => {}, compatibility: 'loose' });
// @ts-expect-error
createServer({ shell: () => {}, use: [() => {}] });

same<RequiredKeys<ServerOptions>, 'shell'>();
same<ServerOptions['use'], readonly Middleware[] | undefined>();
same<ServerOptions['requestEnviron'], readonly string[] | undefined>();
same<ServerOptions['encoding'], string | undefined>();
same<ServerOptions['telnetOptions'], readonly OptionDefinition[] | undefined>();
same<ServerOptions['compression'], boolean | undefined>();
same<ServerOptions['compatibility'], 'strict' | 'tolerant' | undefined>();
same<ServerOptions['keepAlive'], number | undefined>();

declare const tcpOptions: ListenOptions;
declare const localOptions: LocalListenOptions;
declare const acceptOptions: AcceptOptions;
export const [onPort, onTcp, onPath, onStreams] = await Promise.all([
  server.listen(0),
  server.listen(tcpOptions),
  server.listen(localOptions),
  server.listen(acceptOptions),
]);
same<typeof onPort, TcpListener>();
same<typeof onTcp, TcpListener>();
same<typeof onPath, LocalListener>();
same<typeof onStreams, Listener>();
// @ts-expect-error
void server.listen('6023');
// @ts-expect-error
void server.listen({ path: '/run/x', tls: {} });
same<TcpListener['address'], string>();
same<TcpListener['port'], number>();
same<LocalListener['path'], string>();
same<ReturnType<Listener['close']>, Promise<void>>();
same<ReturnType<Listener[typeof Symbol.asyncDispose]>, PromiseLike<void>>();
same<keyof TcpListener, 'close' | 'address' | 'port' | typeof Symbol.asyncDispose>();

same<RequiredKeys<ListenOptions>, never>();
same<
  keyof ListenOptions,
  'host' | 'port' | 'backlog' | 'reusePort' | 'fd' | 'tls' | 'proxyProtocol' | 'checkAddress'
>();
same<ListenOptions['reusePort'], boolean | 'takeover' | undefined>();
same<ListenOptions['tls'], TlsOptions | undefined>();
same<ListenOptions['proxyProtocol'], readonly string[] | undefined>();
same<RequiredKeys<LocalListenOptions>, 'path'>();
same<keyof LocalListenOptions, 'path' | 'fd' | 'mode' | 'backlog' | 'checkAddress'>();
same<AcceptOptions, { readonly accept: AsyncIterable<Duplex> }>();
same<CheckAddress, (client: PeerFields) => UnwelcomeReason | object | undefined>();
same<UnwelcomeReason, 'denied' | 'connect-rate'>();
same<
  TlsOptions,
  {
    readonly cert: string | Buffer;
    readonly key: string | Buffer;
    readonly ca?: string | Buffer | undefined;
    readonly auto?: boolean;
    readonly handshakeTimeout?: number;
  }
>();

const events: EventEmitter<ServerEvents> = server;
void events;
same<
  keyof ServerEvents,
  'listening' | 'close' | 'session' | 'settled' | 'session-end' | 'refused' | 'shortage' | 'error'
>();
server.on('listening', listener => same<typeof listener, Listener>());
server.on('session', one => same<typeof one, Session>());
server.on('settled', (one, outcome) => {
  same<typeof one, Session>();
  same<typeof outcome, SessionOutcome>();
});
server.on('session-end', (one, { result, error }) => {
  same<typeof one, Session>();
  same<typeof result, unknown>();
  same<typeof error, unknown>();
});
server.on('refused', refusal => {
  same<typeof refusal, Refusal>();
  same<typeof refusal.reason, RefusedConnection>();
  same<typeof refusal.message, string>();
  same<typeof refusal.peer, Peer>();
});
server.on('shortage', state => {
  same<typeof state, { readonly isShort: boolean }>();
});
server.on('error', error => same<typeof error, Error>());
server.on('close', (...none) => same<typeof none, []>());
// @ts-expect-error: the event has an object.
server.on('shortage', (isShort: boolean) => isShort);
// @ts-expect-error
server.on('sessionEnd', () => {});

same<Server['sessions'], ReadonlySet<Session>>();
same<Server['listening'], boolean>();
same<ReturnType<Server['address']>, AddressInfo | string | null>();
same<ReturnType<Server['setTls']>, void>();
same<ReturnType<Server['close']>, Server>();
same<Server['drain'], (options?: { timeout?: number }) => Promise<boolean>>();
same<Server['shutdown'], (options?: { drain?: number; timeout?: number }) => Promise<void>>();
same<ReturnType<Server[typeof Symbol.asyncDispose]>, Promise<void>>();
same<ReturnType<Server['handle']>, Session>();
server.handle(stream);
server.handle(stream, { remoteAddress: '127.0.0.1' });
same<RequiredKeys<ConnectionInfo>, never>();
same<keyof ConnectionInfo, 'id' | 'peer' | 'remoteAddress' | 'remotePort' | 'ticket' | 'encrypted'>();
same<
  SessionOutcome,
  { readonly result: unknown; readonly error?: undefined } | { readonly error: unknown; readonly result?: undefined }
>();
same<RefusedConnection, ForeignProtocol | 'busy' | 'local-user' | 'probe' | 'web' | UnwelcomeReason>();

// --- telpty: sessions ---

const duplex: Duplex = session;
void duplex;
same<Session['id'], number>();
same<Session['startedAt'], number>();
same<Session['peer'], Peer | undefined>();
same<
  Peer,
  | {
      readonly kind: 'ip';
      readonly address: string;
      readonly port: number | undefined;
      readonly user?: string | undefined;
    }
  | { readonly kind: 'local'; readonly uid: number | undefined; readonly pid: number | undefined }
>();
same<Session['remoteAddress'], string | undefined>();
same<Session['remotePort'], number | undefined>();
same<Session['telnet'], Telnet>();
same<Session['terminal'], Terminal>();
same<Session['isClient'], boolean>();
same<Session['speaksTelnet'], boolean>();
same<Session['inputFinished'], boolean>();
same<Session['charset'], string | undefined>();
same<Session['encoding'], string>();
same<Session['environ'], ReadonlyMap<string, string>>();
same<Session['foreign'], ForeignProtocol | undefined>();
same<Session['age' | 'idleTime' | 'bytesRead' | 'bytesWritten' | 'unsent' | 'undelivered' | 'inputLength'], number>();
same<Session['signal'], AbortSignal>();
same<Session['hangupReason'], string | undefined>();
same<Session['trace'], SessionTrace | undefined>();
same<Session['hangup'], (reason: string) => void>();
same<Session['discardInput'], () => void>();
same<Session['insertInput'], (bytes: Uint8Array) => void>();
same<Session['releaseReader'], () => void>();
same<Session['sendSynch'], () => number>();
same<Session['tap'], (tap: SessionTap) => () => void>();
same<Session['observe'], (options?: ObserveOptions) => ObservedEvents>();
same<
  ObserveOptions,
  {
    readonly input?: boolean | undefined;
    readonly highWaterMark?: number | undefined;
    readonly whenFull?: 'pause' | 'drop' | undefined;
  }
>();
same<
  ObservedEvent,
  | { readonly type: 'input' | 'output'; readonly time: number; readonly data: Buffer; readonly encoding: string }
  | { readonly type: 'resize'; readonly time: number; readonly columns: number; readonly rows: number }
  | { readonly type: 'dropped'; readonly time: number; readonly bytes: number }
>();
same<ReturnType<ObservedEvents['read']>, ObservedEvent | null>();
same<Session['batch'], <T>(block: () => T) => T>();
same<Session['destroyWhenStalled'], (ms: number) => () => void>();
same<Session['resize'], (columns: number, rows: number) => void>();
same<Session['read'], (size?: number) => Buffer | null>();
same<Session[typeof Symbol.asyncDispose], () => Promise<void>>();
// @ts-expect-error
session.telnet = undefined;
// @ts-expect-error
session.remoteAddress = '127.0.0.1';
same<Terminal['type'], string | undefined>();
same<Terminal['types'], readonly string[]>();
same<Terminal['typesComplete'], boolean>();
same<Terminal['columns' | 'rows' | 'mtts'], number | undefined>();
same<Terminal['environ'], ReadonlyMap<string, string>>();

same<Session['readLine'], (options?: ReadLineOptions) => Promise<string | undefined>>();
same<Session['readLines'], (options?: ReadLineOptions) => AsyncGenerator<string, void, void>>();
same<Session['lines'], (options?: LinesOptions) => AsyncGenerator<string, void, void>>();
same<Session['readUntil'], (pattern: Pattern, options?: ReadOptions) => Promise<ReadResult>>();
same<Session['exec'], (command: string, options?: ExecOptions) => Promise<string>>();
same<Session['login'], (options: LoginOptions) => Promise<string>>();
same<Session['enable'], (options: EnableOptions) => Promise<string>>();
same<Session['findPrompt'], (options?: FindPromptOptions) => Promise<string>>();
same<Session['resync'], (options?: ResyncOptions) => Promise<string>>();
same<
  Session['waitFor'],
  (wanted: OptionState | ((session: Session) => boolean), options?: WaitOptions) => Promise<void>
>();
same<Pattern, string | RegExp | readonly (string | RegExp)[]>();
same<WaitOptions, { readonly timeout?: number | undefined; readonly signal?: AbortSignal | undefined }>();
same<keyof ReadOptions, 'timeout' | 'signal' | 'maxLength'>();
same<keyof LinesOptions, 'timeout' | 'signal' | 'maxLength'>();
same<
  ReadLineOptions,
  {
    readonly prompt?: string | undefined;
    readonly maxLength?: number | undefined;
    readonly hidden?: boolean | undefined;
    readonly signal?: AbortSignal | undefined;
  }
>();
same<
  ReadResult,
  {
    readonly text: string;
    readonly before: string;
    readonly match: string;
    readonly groups: readonly (string | undefined)[];
    readonly index: number;
  }
>();
same<ExecOptions['until'], 'prompt' | 'quiet' | 'go-ahead' | 'end-of-record' | undefined>();
same<ExecOptions['pager'], true | RegExp | undefined>();
same<keyof ExecOptions, keyof ReadOptions | 'eol' | 'prompt' | 'stripEcho' | 'pager' | 'clean' | 'settle' | 'until'>();
same<RequiredKeys<LoginOptions>, never>();
same<RequiredKeys<EnableOptions>, never>();
same<OptionState, { readonly option: number; readonly side: Side; readonly enabled?: boolean }>();
// @ts-expect-error: the text of a line, not its options.
void session.readLine('Name: ');
// @ts-expect-error
void session.exec('show version', { pager: false });
// @ts-expect-error
void session.login();

session.on('resize', ({ columns, rows }) => {
  same<typeof columns, number>();
  same<typeof rows, number>();
});
session.on('hangup', request => same<typeof request, { readonly reason: string }>());
session.on('command', event => same<typeof event, CommandEvent>());
session.on('gmcp', event => same<typeof event, GmcpEvent>());
session.on('msdp', event => same<typeof event, MsdpEvent>());
session.on('option', event => same<typeof event, OptionEvent>());
session.on('warning', event => same<typeof event, WarningEvent>());
session.on('telnet', event => same<typeof event, TelnetEvent>());
session.once('error', error => same<typeof error, Error>());
session.on('an event of the application', (...values) => same<typeof values, Any[]>());
same<SessionEvents['resize'], [size: { readonly columns: number; readonly rows: number }]>();
same<SessionEvents['hangup'], [request: { readonly reason: string }]>();
same<SessionEvents['synch' | 'finishing' | 'started'], []>();
same<
  Exclude<keyof SessionEvents, keyof TelnetEvents>,
  'resize' | 'telnet' | 'synch' | 'finishing' | 'started' | 'hangup'
>();
// @ts-expect-error: the size is an object.
session.on('resize', (columns: number, rows: number) => columns * rows);
// @ts-expect-error
session.on('hangup', (reason: string) => reason);
// @ts-expect-error
session.on('command', (code: number) => code);

// --- telpty: clients ---

same<typeof connect, (options: ConnectOptions) => Promise<Session>>();
same<typeof reconnect, (options: ReconnectOptions) => AsyncGenerator<Session, void, void>>();
same<RequiredKeys<ConnectOptions>, never>();
same<RequiredKeys<ReconnectOptions>, never>();
same<ConnectOptions['host' | 'localAddress' | 'encoding'], string | undefined>();
same<ConnectOptions['port' | 'keepAlive' | 'timeout'], number | undefined>();
same<ConnectOptions['family'], 4 | 6 | undefined>();
same<ConnectOptions['negotiate'], 'active' | 'passive' | undefined>();
same<ConnectOptions['stream'], Duplex | undefined>();
same<ConnectOptions['signal'], AbortSignal | undefined>();
same<ConnectOptions['terminal'], ClientTerminal | undefined>();
same<ConnectOptions['environ'], Readonly<Record<string, string>> | undefined>();
same<ConnectOptions['telnetOptions'], readonly OptionDefinition[] | undefined>();
same<ClientTerminal['type'], string | readonly string[] | undefined>();
same<ReconnectOptions['onRetry'], ((retry: Retry) => void) | undefined>();
same<Retry, { readonly error: TelptyError | undefined; readonly count: number; readonly delay: number }>();
same<
  RetryOptions,
  {
    readonly min?: number | undefined;
    readonly max?: number | undefined;
    readonly attempts?: number | undefined;
  }
>();
// @ts-expect-error
void connect({ port: '23' });
// @ts-expect-error
void connect({ family: 5 });
// @ts-expect-error
void connect();

// --- telpty: shells ---

same<
  typeof ptyShell,
  (file: string, args?: readonly string[], options?: PtyShellOptions) => (session: Session) => Promise<PtyResult>
>();
same<keyof PtyResult, 'code' | 'signal' | 'outOfMemory' | 'refused'>();
same<PtyResult['code'], number | null>();
same<PtyResult['signal'], string | null>();
same<PtyResult['outOfMemory'], number | undefined>();
same<PtyResult['refused'], 'no-user-id' | undefined>();
same<RequiredKeys<PtyShellOptions>, never>();
same<PtyShellOptions['mode'], 'character' | 'raw' | 'line' | undefined>();
same<PtyShellOptions['linemode'], 'auto' | 'never' | undefined>();
same<PtyShellOptions['user'], User | undefined>();
same<PtyShellOptions['limits'], Limits | undefined>();
same<PtyShellOptions['onStart'], ((session: Session, program: StartedProgram) => void) | undefined>();
// @ts-expect-error
ptyShell('bash', '-l');
// @ts-expect-error
ptyShell('bash', [], { mode: 'cooked' });

const program = ptyShell('bash');
const limited = limit({ maxSessions: 1 })(program);
same<ReturnType<typeof limited>, Promise<PtyResult | Refused>>();
const composed = limit({ maxPerAddress: 2 })(robotCheck({ answerTimeout: 1_000 })(async () => 'result'));
export const outcome = await composed(session);
same<typeof outcome, string | Refused | undefined>();
same<Refused, { readonly refused: RefusalReason }>();
const own: Middleware = shell => async one => {
  same<typeof one, Session>();
  return shell(one);
};
same<ReturnType<typeof own>, Shell>();
const asMiddleware: readonly Middleware[] = [limit({}), robotCheck(), own];
void asMiddleware;
same<RecordOptions['format'], RecordingFormat | undefined>();
same<RecordingFormat, 'asciicast' | 'asciicast-v2' | 'ttyrec'>();
same<
  RecordingEnd,
  { readonly file: string | undefined; readonly size: number; readonly error: TelptyError | undefined }
>();
same<typeof openRecording, (file: string, options?: OpenRecordingOptions) => Promise<Recording>>();
export const recordedSteps = (one: Recording): AsyncIterator<RecordingEvent> => one[Symbol.asyncIterator]();
const recorder: Middleware = record({ directory: 'recordings', onEnd: (_session, { file }) => void file });
void recorder;
same<RequiredKeys<LimitOptions>, never>();
same<RequiredKeys<RobotCheckOptions>, never>();
same<LimitOptions['deny'], readonly string[] | Addresses | undefined>();
same<LimitOptions['admission'], AdmissionControl | undefined>();
same<ReturnType<AdmissionControl['admit']>, Slot | RefusalReason>();
same<
  RefusalReason,
  | 'denied'
  | 'connect-rate'
  | 'too-many-sessions'
  | 'too-many-from-address'
  | 'too-many-negotiating'
  | 'no-user-id'
  | 'robot'
>();
const limits = new SessionLimits({ maxSessions: 1 });
same<ReturnType<typeof limits.ticket>, Ticket | UnwelcomeReason>();
void server.listen({ port: 0, checkAddress: client => limits.ticket(client) });
limit({ admission: limits });
// @ts-expect-error
limit({ maxSessions: '1' });

// --- errors ---

same<
  TelptyErrorCode,
  | 'ERR_INVALID_ARGUMENT'
  | 'ERR_OPTION'
  | 'ERR_PTY_UNSUPPORTED'
  | 'ERR_PTY_SPAWN'
  | 'ERR_PTY_IO'
  | 'ERR_CGROUP'
  | 'ERR_USER_RANGE'
  | 'ERR_UNKNOWN_USER'
  | 'ERR_SERVER_STATE'
  | 'ERR_SESSION_CLOSED'
  | 'ERR_CONNECT'
  | 'ERR_TLS'
  | 'ERR_TIMEOUT'
  | 'ERR_TOO_LONG'
  | 'ERR_LOGIN'
  | 'ERR_USAGE'
  | 'ERR_RUNTIME'
>();
const error: Error = new TelptyError('ERR_CONNECT', 'message', { errno: -111, syscall: 'connect' });
void error;
same<TelptyError['code'], TelptyErrorCode>();
same<TelptyError['errno'], number | undefined>();
same<TelptyError['systemCode' | 'syscall' | 'step' | 'file' | 'text'], string | undefined>();
same<typeof ProtocolError, typeof TelptyError>();
// @ts-expect-error
new TelptyError('ERR_OTHER', 'message');

// --- telpty/pty ---

same<typeof spawnPty, (file: string, args?: readonly string[], options?: PtyOptions) => Pty>();
same<typeof startPty, (file: string, args?: readonly string[], options?: PtyOptions) => Promise<Pty>>();
same<typeof preparePty, () => void>();
const pty = new Pty('sh');
const terminal: Duplex = pty;
void terminal;
same<Pty['pid' | 'columns' | 'rows' | 'unwritten'], number>();
same<Pty['exited'], Promise<ExitStatus>>();
same<ExitStatus, { readonly code: number | null; readonly signal: string | null }>();
same<Pty['resize'], (columns: number, rows: number) => void>();
same<Pty['modes'], () => Modes>();
same<Pty['setModes'], (modes: Modes) => void>();
same<Pty['kill'], (signal?: NodeJS.Signals) => boolean>();
same<Pty['signalForeground'], (signal: NodeJS.Signals) => boolean>();
same<Pty['hangup'], (options?: HangupOptions) => Promise<void>>();
same<HangupOptions, { readonly timeout?: number | undefined }>();
same<Pty['flushInput'], () => void>();
same<Pty['flushOutput'], () => boolean>();
same<Pty[typeof Symbol.asyncDispose], () => Promise<void>>();
export const [echo, interrupt] = [pty.mode('echo'), pty.mode('vintr')];
same<typeof echo, boolean | undefined>();
same<typeof interrupt, number | null | undefined>();
same<Modes[Extract<ModeFlag, 'icanon'>], boolean | undefined>();
same<Modes[Extract<ControlCharacter, 'verase'>], number | null | undefined>();
same<typeof saneModes, Readonly<Modes>>();
same<RequiredKeys<PtyOptions>, never>();
same<PtyOptions['env'], Readonly<Record<string, string | undefined>> | undefined>();
same<PtyOptions['user'], string | number | User | undefined>();
same<PtyOptions['columns' | 'rows' | 'uid' | 'gid' | 'umask' | 'nice'], number | undefined>();
const user: User = lookupUser('nobody');
ptyShell('sh', [], { user, userRange: await openUserRange(1, 2), cgroup: await openCgroups('/sys/fs/cgroup/x') });
// @ts-expect-error
spawnPty('sh', [], { cols: 80 });
// @ts-expect-error
pty.mode('name');
// @ts-expect-error
pty.kill('SIGNAL');

// --- telpty/protocol ---

same<
  ConstructorParameters<typeof Telnet>,
  [handlers: TelnetHandlers, config: TelnetConfig, limits?: Partial<TelnetLimits> | undefined]
>();
same<Side, 'local' | 'remote'>();
same<SendKind, 'data' | 'control' | 'urgent'>();
same<TelnetHandlers['send'], (bytes: Uint8Array, kind: SendKind) => void>();
same<TelnetHandlers['data'], (view: Uint8Array) => void>();
same<TelnetHandlers['event'], (event: TelnetEvent) => void>();
same<TelnetHandlers['trace'], ((direction: 'sent' | 'received', what: TraceRecord) => void) | undefined>();
same<RequiredKeys<TelnetHandlers>, 'send' | 'data' | 'event'>();
same<RequiredKeys<TelnetConfig>, 'options'>();
same<Telnet['receive'], (bytes: Uint8Array) => void>();
same<Telnet['write'], (bytes: Uint8Array) => void>();
same<Telnet['command'], (code: number) => void>();
same<Telnet['request'], (code: number, side: Side, on: boolean) => void>();
same<Telnet['allow'], (code: number, side: Side, on: boolean) => void>();
same<Telnet['subnegotiate'], (code: number, payload: Uint8Array) => void>();
same<Telnet['escaping'], 'nvt' | 'nvt-separated' | 'binary'>();
same<Telnet['isEnabled'], (code: number, side: Side) => boolean>();
same<Telnet['isPending'], (code: number, side: Side) => boolean>();
same<Telnet['isSettled'], (code: number, side: Side) => boolean>();
same<Telnet['stateOf'], (code: number, side: Side) => NegotiationState>();
same<TelnetEvent, TelnetEvents[keyof TelnetEvents]>();
same<TelnetEvents['gmcp'], GmcpEvent>();
same<CommandEvent, { readonly type: 'command'; readonly command: number }>();
same<
  OptionEvent,
  { readonly type: 'option'; readonly option: number; readonly side: Side; readonly enabled: boolean }
>();
same<SubnegotiationEvent, { readonly type: 'subnegotiation'; readonly option: number; readonly payload: Uint8Array }>();
same<WarningEvent['code'], WarningCode>();
same<GmcpEvent, { readonly type: 'gmcp'; readonly name: string; readonly text: string; readonly data: unknown }>();
const numbers: readonly number[] = [Command.IP, Option.GMCP, Option.ECHO];
void numbers;
const data = gmcp({ local: true });
same<typeof data, OptionDefinition<Gmcp>>();
export const handler = session.telnet.handler(data);
same<typeof handler, Gmcp>();
same<Gmcp['send'], (name: string, data?: unknown) => void>();
same<ReturnType<typeof defineOption>, OptionDefinition<OptionHandler>>();
defineOption(150, { local: 'request', remote: true }, { create: () => ({ subnegotiation() {} }) });
// @ts-expect-error
defineOption(150, { local: 'always' });
// @ts-expect-error
session.telnet.request(Option.GMCP, 'server', true);
// @ts-expect-error: the arguments of a handler cannot be changed.
session.on('gmcp', event => (event.name = ''));
