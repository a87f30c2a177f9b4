/** `telpty serve`: settings in, a running server out. */
import { TelptyError } from '../../errors.ts';
import { systemError } from '../../native/system-error.ts';
import type { Session } from '../../session/session.ts';
import type { Admission } from '../../shells/guards/session-limits.ts';
import { escapeText } from '../../shells/output/escape.ts';
import type { StartedProgram } from '../../shells/program/pty-shell.ts';
import type { ListenerAddress } from '../../transport/listener.ts';
import type { EntranceOptions, ListenerOptions } from '../../transport/pre-session/listener-pipeline.ts';
import type { TlsOptions } from '../../transport/tls/options.ts';
import { formatAddress, formatDuration } from '../log/format.ts';
import { createLog, type Log, logWriter } from '../log/log.ts';
import type { MetricsEndpoint, Watched } from '../metrics/endpoint.ts';
import type { MetricsReport } from '../metrics/report.ts';
import type { ServerMetrics } from '../metrics/server-metrics.ts';
import { reapOrphansAsInit } from '../system/reaper.ts';
import { ServiceManager } from '../system/service-manager.ts';
import { openUserIds } from '../system/user-ids.ts';
import { createPlaces } from './guards.ts';
import { Life } from './lifecycle.ts';
import { Reloadables, Reloader, type ReloadTarget, reloadableEverywhere } from './reload.ts';
import { refuseRootProgram, warnOfExposure, warnOfSharedPort, warnOfSharedShell } from './security-warnings.ts';
import { isForOwnUser, type ServeSettings } from './settings.ts';
import { onSignals } from './signals.ts';
import { type Inherited, inheritedSockets, listeningOn, refuseForwarders } from './socket-activation.ts';
import { type Preparation, prepare } from './startup-checks.ts';

/** How much longer than its own time limits the end may take, in milliseconds. */
const STOP_MS = 15_000;

/** What serves: this process, or several that it leads. */
interface Host extends ReloadTarget {
  /** How many there are at this moment. */
  readonly sessions: number;
  /** Why a client that comes now would not be served; `undefined` if it would. */
  readonly unready: string | undefined;
  /** What is counted, by every process; only with `--metrics`. */
  report(): Promise<readonly MetricsReport[]>;
  /** Listens, at any number of places. */
  listen(where: ListenerOptions): Promise<ListenerAddress>;
  /** Is done when all processes are there. */
  start(): Promise<void>;
  /** Stops listening, tells sessions, unless quietly, and waits for so many milliseconds at most until there are none. */
  drain(timeout: number, quietly: boolean): Promise<void>;
  /** Ends all sessions politely. */
  shutdown(): Promise<void>;
  /** Ends all at once; what else there is ends with the process. */
  abort(): Promise<void>;
}

/**
 * Serves until a signal says to stop.
 *
 * @param given what the command line says. @param read reads the settings anew, from where they came, for a reload.
 * @param doubts what is to be warned of in it, in a line each.
 * @returns once everything is over.
 * @throws TelptyError when it cannot start: `ERR_RUNTIME`, `ERR_PTY_UNSUPPORTED`.
 */
export async function serve(
  given: ServeSettings,
  read: () => ServeSettings,
  doubts: readonly string[] = [],
): Promise<void> {
  const inherited = inheritedSockets();
  const settings = listeningOn(inherited, given);
  refuseForwarders(inherited, settings);
  const write = logWriter({ format: settings.logFormat });
  const log = createLog({ level: settings.logLevel }, write);
  for (const line of doubts) log.warn(line);
  const found = prepare(settings, log);
  refuseRootProgram(settings.host, settings, found);
  reapOrphansAsInit();
  const life = new Life();
  const tls = await certificatesOf(settings, log);
  const host = settings.workers > 1 ? await workers(settings, found, log, write) : await alone(settings, found, log);
  const reloader = new Reloader(given, read, host, log);
  const manager = ServiceManager.find(() => `${life.phase}, ${countSessions(host)}`, log);
  const metrics = await openMetrics(settings, log, {
    report: () => host.report(),
    unready: () => (life.phase === 'serving' ? host.unready : life.phase),
  });
  let aborted: Promise<void> | undefined;
  const stop = new Promise<string>(resolve => {
    let stopping = false;
    onSignals({
      stop(signal) {
        if (stopping) aborted ??= host.abort().finally(() => process.exit(1));
        stopping = true;
        resolve(signal);
      },
      reload() {
        // While it starts, what it would read has just been read.
        if (stopping || life.phase !== 'serving') return;
        manager?.reloading();
        void reloader.reload().then(() => stopping || manager?.ready());
      },
    });
  });
  await listen(host, inherited, settings, found, tls, log);
  life.enter('serving');
  manager?.ready();
  const signal = await stop;
  await end(host, life, signal, reloader.settings, log, manager);
  await metrics?.close();
  manager?.close();
  // There was less to wait for then, but it was no polite end.
  await aborted;
}

const countSessions = ({ sessions }: Host) => `${sessions} session${sessions === 1 ? '' : 's'}`;

async function end(
  host: Host,
  life: Life,
  signal: string,
  settings: ServeSettings,
  log: Log,
  manager: ServiceManager | undefined,
): Promise<void> {
  const { drainTimeout, drainQuietly, killTimeout } = settings;
  let why = signal;
  if (drainTimeout > 0) {
    life.enter('draining');
    manager?.stopping(drainTimeout + killTimeout + STOP_MS);
    log.info(`draining: ${signal}, ${countSessions(host)}, for ${formatDuration(drainTimeout)} at most`);
    await host.drain(drainTimeout, drainQuietly);
    why = host.sessions === 0 ? 'drained' : 'the time to drain is over';
  }
  life.enter('stopping');
  manager?.stopping(killTimeout + STOP_MS);
  log.info(`stopping: ${why}, ${countSessions(host)}`);
  await host.shutdown();
}

// Each is loaded where it is needed: who leads workers is no server.
async function alone(settings: ServeSettings, found: Preparation, log: Log): Promise<Host> {
  const { createHost, endHost } = await import('./configured-server.ts');
  const { announceDrain } = await import('./shutdown-notice.ts');
  const { STUCK, startsHang } = await import('../system/start-watch.ts');
  const reloadables = new Reloadables();
  for (const one of reloadableEverywhere(log)) reloadables.add(one);
  let metrics: ServerMetrics | undefined;
  const onStart = (_session: Session, program: StartedProgram) => metrics?.started(program);
  const places = createPlaces(settings, reloadables);
  // Before TLS nobody can be told why; who is not wanted at all costs no handshake then.
  const knocks = settings.tlsCert !== undefined;
  const admission: Admission = knocks ? { admit: client => places.enter(client) } : places;
  const userIds = openUserIds(settings, log);
  const server = createHost(settings, found, log, { admission, reloadables, onStart, userIds });
  if (settings.metrics) metrics = new (await import('../metrics/server-metrics.ts')).ServerMetrics(server);
  let short = false;
  server.on('shortage', isShort => {
    short = isShort;
  });
  if (settings.tlsCert !== undefined) {
    const { reloadableCertificates } = await import('./certificates.ts');
    reloadables.add(reloadableCertificates(tls => server.setTls(tls), settings.tlsAuto, log));
  }
  return {
    get unready() {
      if (short) return 'out of descriptors';
      return startsHang() ? STUCK : undefined;
    },
    report: async () => (metrics ? [await metrics.report()] : []),
    get sessions() {
      return server.sessions.size;
    },
    listen(where) {
      if ('path' in where) return server.listen(where);
      return server.listen(knocks ? { ...where, knock: client => places.knock(client) } : where);
    },
    start: async () => {},
    async reload(newer) {
      const apply = await reloadables.prepare(newer);
      apply();
      return reloadables.facts;
    },
    async drain(timeout, quietly) {
      const drained = server.drain({ timeout });
      if (!quietly) announceDrain(server, timeout);
      await drained;
    },
    shutdown: () => endHost(server, settings),
    // Programs are killed on the way out.
    abort: async () => {},
  };
}

async function workers(...args: [ServeSettings, Preparation, Log, (line: string) => void]): Promise<Host> {
  const { WorkerPool } = await import('../workers/dispatcher.ts');
  const wanted = args[0].metrics !== undefined;
  return new WorkerPool(
    ...args,
    wanted ? new (await import('../metrics/worker-metrics.ts')).WorkerMetrics() : undefined,
  );
}

async function openMetrics(
  { metrics: where, reusePort }: ServeSettings,
  log: Log,
  watched: Watched,
): Promise<MetricsEndpoint | undefined> {
  if (where === undefined) return undefined;
  const endpoint = await import('../metrics/endpoint.ts');
  const onListening = (url: string) => process.stdout.write(`listening ${url}\n`);
  // The server that has the port until now has that of its metrics, too.
  return endpoint.openMetrics({ ...where, patient: reusePort, onListening }, watched, log);
}

/** Read before anything is started. Who does not ask for TLS does not load it. */
async function certificatesOf(settings: ServeSettings, log: Log): Promise<TlsOptions | undefined> {
  if (settings.tlsCert === undefined) return undefined;
  const { readCertificates } = await import('./certificates.ts');
  return { ...readCertificates(settings, log), auto: settings.tlsAuto };
}

async function listen(
  server: Host,
  inherited: readonly Inherited[],
  settings: ServeSettings,
  found: Preparation,
  tls: TlsOptions | undefined,
  log: Log,
): Promise<void> {
  const localUser = isForOwnUser(settings) ? process.geteuid?.() : undefined;
  const how = { tls, proxyProtocol: settings.proxyProtocol, localUser };
  const bound = [
    ...(await (inherited.length > 0 ? listenOn(inherited, how, server, log) : listenAt(settings, how, server))),
    ...(await listenOnSocket(settings, localUser, server)),
  ];
  await server.start();
  warnOfExposure(settings.host, settings, found, log);
  warnOfSharedShell(settings.host, settings, log);
  warnOfSharedPort(settings, found, log);
  const { file } = found.program;
  const workers = settings.workers > 1 ? ` with ${settings.workers} workers` : '';
  for (const place of bound) {
    process.stdout.write(`listening ${urlOf(place, tls)}\n`);
    log.info(
      {
        program: file,
        ...place,
        ...(workers ? { workers: settings.workers } : {}),
        ...(tls && 'port' in place ? { tls: spoken(tls) } : {}),
      },
      `serving ${escapeText(file)}${workers}; connect with: ${connectHint(place, tls)}`,
    );
  }
}

/** How clients are received, wherever they come. */
type Reception = Pick<EntranceOptions, 'tls' | 'proxyProtocol' | 'localUser'>;

/** One line for each listener. */
function urlOf(place: ListenerAddress, tls: TlsOptions | undefined): string {
  if ('path' in place) return `unix:${escapeText(place.path)}`;
  return `${tls === undefined ? 'telnet' : 'telnets'}://${formatAddress(place.address, place.port)}`;
}

async function listenAt(
  { host, port, reusePort }: ServeSettings,
  how: Reception,
  server: Host,
): Promise<ListenerAddress[]> {
  if (port === 'none') return [];
  try {
    return [await server.listen({ host, port, reusePort: reusePort && 'takeover', ...how })];
  } catch (error) {
    throw listenError(error, formatAddress(host, port), host);
  }
}

/** What stays on this machine needs neither TLS nor proxies. */
async function listenOnSocket(
  { socket: path, socketMode: mode }: ServeSettings,
  localUser: number | undefined,
  server: Host,
): Promise<ListenerAddress[]> {
  if (path === undefined) return [];
  try {
    return [await server.listen({ path, mode, localUser })];
  } catch (error) {
    throw socketError(error, escapeText(path));
  }
}

function listenOn(inherited: readonly Inherited[], how: Reception, server: Host, log: Log): Promise<ListenerAddress[]> {
  const sockets = inherited.length === 1 ? 'a socket' : `${inherited.length} sockets`;
  log.info(`listening on ${sockets} of the service manager's (LISTEN_FDS); --host and --port do not count`);
  return Promise.all(inherited.map(({ fd }) => server.listen({ fd, ...how })));
}

/** The command that reaches the listener; one on all addresses is reached by any, so by loopback too. */
function connectHint(place: ListenerAddress, tls: TlsOptions | undefined): string {
  if ('path' in place) {
    const path = escapeText(place.path);
    return `socat - ${path.startsWith('@') ? `ABSTRACT-CONNECT:${path.slice(1)}` : `UNIX-CONNECT:${path}`}`;
  }
  const { address, port } = place;
  const host = address === '0.0.0.0' ? '127.0.0.1' : address === '::' ? '::1' : address;
  const plain = `telnet ${host} ${port}`;
  if (tls === undefined) return plain;
  const secure = `telpty connect --tls ${host} ${port}`;
  return tls.auto ? `${secure}, or without TLS: ${plain}` : secure;
}

const spoken = ({ auto }: TlsOptions) => (auto ? 'auto' : 'always');

function socketError(error: unknown, path: string): unknown {
  const { code, errno } = error as NodeJS.ErrnoException;
  if (error instanceof TelptyError || typeof errno !== 'number') return error;
  const reasons: Readonly<Record<string, string>> = {
    EADDRINUSE: `a server listens on ${path} (choose another path)`,
    ENOTSOCK: `${path} exists and is not a socket, so it is not replaced (choose another path)`,
    EWOULDBLOCK: `another process has the lock ${path}.lock (is it starting a server there?)`,
    EAGAIN: `another process has the lock ${path}.lock (is it starting a server there?)`,
    ENOENT: `the directory of ${path} does not exist`,
    EACCES: `no permission to create ${path} or ${path}.lock, or to connect to what is there`,
  };
  const message = reasons[code ?? ''] ?? `cannot listen on ${path}: ${systemError(-errno).text}`;
  return new TelptyError('ERR_RUNTIME', `--socket: ${message}`, { cause: error, errno: code ?? '' });
}

function listenError(error: unknown, endpoint: string, host: string): unknown {
  const { code, errno } = error as NodeJS.ErrnoException;
  const reasons: Readonly<Record<string, string>> = {
    EADDRINUSE: `--port: ${endpoint} is already in use (choose another port)`,
    EACCES: `--port: no permission to listen on ${endpoint} (ports below 1024 need a privilege)`,
    EADDRNOTAVAIL: `--host: ${host} is not an address of this machine`,
    ENOTFOUND: `--host: there is no host ${host}`,
    EAI_AGAIN: `--host: cannot look up ${host}`,
    EAFNOSUPPORT: `--host: this machine does not speak the protocol of ${host}`,
    EINVAL: `--host: cannot listen on ${endpoint}`,
  };
  // Node's own words have an IPv6 address and a port without a boundary between them (`:::6023`).
  const other =
    typeof errno === 'number' ? `--host: cannot listen on ${endpoint}: ${systemError(-errno).text}` : undefined;
  const message = code === undefined ? undefined : (reasons[code] ?? other);
  if (message === undefined || error instanceof TelptyError) return error;
  return new TelptyError('ERR_RUNTIME', message, { cause: error, errno: code ?? '' });
}
