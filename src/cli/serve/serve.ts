/** `telpty serve`: runs a server from complete settings. */
import { TelptyError } from '../../errors.ts';
import { systemError } from '../../native/system-error.ts';
import type { Session } from '../../session/session.ts';
import { escapeText } from '../../shells/output/escape.ts';
import type { StartedProgram } from '../../shells/program/options.ts';
import type { CheckAddress, ListenerOptions, PipelineOptions } from '../../transport/listen-options.ts';
import type { ListenerAddress } from '../../transport/listener.ts';
import type { TlsOptions } from '../../transport/tls/options.ts';
import { formatAddress, formatDuration } from '../log/format.ts';
import { createLog, type Log, logWriter } from '../log/log.ts';
import type { MetricsEndpoint, Watched } from '../metrics/endpoint.ts';
import type { MetricsReport } from '../metrics/report.ts';
import type { ServerMetrics } from '../metrics/server-metrics.ts';
import { reapOrphansAsInit } from '../system/reaper.ts';
import { ServiceManager } from '../system/service-manager.ts';
import { openUserIds } from '../system/user-ids.ts';
import type { WebHost } from '../web/host.ts';
import type { WebListenOptions } from '../web/listener.ts';
import { connectHint } from './connect-hint.ts';
import { createSessionLimits } from './guards.ts';
import { Reloadables, Reloader, type ReloadTarget, reloadableEverywhere } from './reload.ts';
import { logSecurityWarnings, refuseRootProgram } from './security-warnings.ts';
import { isForOwnUser, type ServeSettings } from './settings.ts';
import { onSignals } from './signals.ts';
import { type Inherited, inheritedSockets, listeningOn, refuseForwarders } from './socket-activation.ts';
import { runStartupChecks, type StartupChecks } from './startup-checks.ts';

/** The phases of a server. */
type Phase =
  /** Not listening yet. */
  | 'starting'
  | 'serving'
  /** It accepts no new clients, and waits for its sessions to end by themselves. */
  | 'draining'
  /** It hangs up the sessions that have not ended. */
  | 'stopping';

/** How much longer than its own time limits the shutdown may take, in milliseconds. */
const STOP_MS = 15_000;

/** The processes that serve: this process, or worker processes. */
interface Deployment extends ReloadTarget {
  /** The number of sessions. */
  readonly sessions: number;
  /** Why a new client would not be served; `undefined` if it would. */
  readonly unready: string | undefined;
  /** The metrics of every process; only with `--metrics`. */
  report(): Promise<readonly MetricsReport[]>;
  /** Listens; may be called often. */
  listen(where: ListenerOptions): Promise<ListenerAddress>;
  /** Listens for browsers. */
  listenWeb(where: WebListenOptions, tls: TlsOptions | undefined): Promise<{ address: string; port: number }>;
  /** Resolves when all processes run. */
  start(): Promise<void>;
  /**
   * Stops listening, announces the end to sessions unless `quietly`, and waits until they have ended, for at most
   * `timeout` ms.
   */
  drain(timeout: number, quietly: boolean): Promise<void>;
  /** Ends all sessions cleanly. */
  shutdown(): Promise<void>;
  /** Ends all sessions at once. Everything else ends with the process. */
  abort(): Promise<void>;
}

/**
 * Serves until a signal stops the server.
 *
 * @param given the settings. @param read reads the settings again from their sources, for a reload.
 * @param doubts warnings about the settings, one line each.
 * @returns when everything has ended.
 * @throws TelptyError if it cannot start: `ERR_RUNTIME`, `ERR_PTY_UNSUPPORTED`.
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
  const found = runStartupChecks(settings, log);
  refuseRootProgram(settings.host, settings, found);
  reapOrphansAsInit();
  let phase: Phase = 'starting';
  const tls = await certificatesOf(settings, log);
  const host =
    settings.workers > 1 ? await workers(settings, found, log, write) : await singleProcess(settings, found, log);
  const reloader = new Reloader(given, read, host, log);
  const manager = ServiceManager.find(() => `${phase}, ${countSessions(host)}`, log);
  const metrics = await openMetrics(settings, log, {
    report: () => host.report(),
    unready: () => (phase === 'serving' ? host.unready : phase),
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
        // During the start, the settings have just been read.
        if (stopping || phase !== 'serving') return;
        manager?.reloading();
        void reloader.reload().then(() => stopping || manager?.ready());
      },
    });
  });
  await listen(host, inherited, settings, found, tls, log);
  phase = 'serving';
  manager?.ready();
  const signal = await stop;
  await end(host, next => (phase = next), signal, reloader.settings, log, manager);
  await metrics?.close();
  manager?.close();
  // After an abort there is less to wait for, but the exit status is 1.
  await aborted;
}

const countSessions = ({ sessions }: Deployment) => `${sessions} session${sessions === 1 ? '' : 's'}`;

async function end(
  host: Deployment,
  enter: (phase: Phase) => void,
  signal: string,
  settings: ServeSettings,
  log: Log,
  manager: ServiceManager | undefined,
): Promise<void> {
  const { drainTimeout, drainQuietly, killTimeout } = settings;
  let why = signal;
  if (drainTimeout > 0) {
    enter('draining');
    manager?.stopping(drainTimeout + killTimeout + STOP_MS);
    log.info(`draining: ${signal}, ${countSessions(host)}, for ${formatDuration(drainTimeout)} at most`);
    await host.drain(drainTimeout, drainQuietly);
    why = host.sessions === 0 ? 'drained' : 'drain timeout reached';
  }
  enter('stopping');
  manager?.stopping(killTimeout + STOP_MS);
  log.info(`stopping: ${why}, ${countSessions(host)}`);
  await host.shutdown();
}

// Each module is loaded where it is needed: a primary process needs no server.
async function singleProcess(settings: ServeSettings, found: StartupChecks, log: Log): Promise<Deployment> {
  const { createHost, endHost } = await import('./configured-server.ts');
  const { announceDrain } = await import('./shutdown-notice.ts');
  const { STUCK, startsHang } = await import('../system/start-watch.ts');
  const reloadables = new Reloadables();
  for (const one of reloadableEverywhere(log)) reloadables.add(one);
  let metrics: ServerMetrics | undefined;
  const onStart = (_session: Session, program: StartedProgram) => metrics?.started(program);
  const admission = createSessionLimits(settings, reloadables);
  // Plain clients get a message that says why they are refused. With TLS it would cost a handshake.
  const checkAddress: CheckAddress | undefined =
    settings.tlsCert === undefined ? undefined : client => admission.ticket(client);
  const userIds = openUserIds(settings, log);
  const server = createHost(settings, found, log, { admission, reloadables, onStart, userIds });
  if (settings.metrics) metrics = new (await import('../metrics/server-metrics.ts')).ServerMetrics(server);
  let short = false;
  server.on('shortage', ({ isShort }) => {
    short = isShort;
  });
  let web: WebHost | undefined;
  if (settings.tlsCert !== undefined) {
    const { reloadableCertificates } = await import('./certificates.ts');
    const put = (newer: TlsOptions) => {
      server.setTls(newer);
      web?.setTls(newer);
    };
    reloadables.add(reloadableCertificates(put, settings.tlsAuto, log));
  }
  let webListener: { close(): Promise<void> | undefined } | undefined;
  const closeWeb = async () => {
    await webListener?.close();
    web?.close();
  };
  return {
    get unready() {
      if (short) return 'out of descriptors';
      return startsHang() ? STUCK : undefined;
    },
    report: async () => (metrics ? [await metrics.report()] : []),
    get sessions() {
      return server.sessions.size;
    },
    async listen(where) {
      if ('path' in where) {
        const { path } = await server.listen(where);
        return { path };
      }
      const { address, port } = await server.listen({ ...where, checkAddress });
      return { address, port };
    },
    async listenWeb(where, tls) {
      const [{ WebHost }, { openWebListener }] = await Promise.all([
        import('../web/host.ts'),
        import('../web/listener.ts'),
      ]);
      const host = new WebHost(settings, found, server, log, { tls });
      if (settings.webPassword !== undefined) reloadables.add(host.reloadablePasswords);
      web = host;
      const opened = await openWebListener(where, settings, admission, {
        passed: (socket, peer) => host.take(socket, peer),
        refused: refusal => server.emit('refused', refusal),
        failed: error => server.emit('error', error),
        onShortage: isShort => server.emit('shortage', { isShort }),
      });
      webListener = opened;
      return opened;
    },
    start: async () => {},
    async reload(newer) {
      const apply = await reloadables.prepare(newer);
      apply();
      return reloadables.facts;
    },
    async drain(timeout, quietly) {
      await closeWeb();
      const drained = server.drain({ timeout });
      if (!quietly) announceDrain(server, timeout);
      await drained;
    },
    async shutdown() {
      await closeWeb();
      await endHost(server, settings);
    },
    // Programs are killed when the process exits.
    abort: async () => {},
  };
}

async function workers(...args: [ServeSettings, StartupChecks, Log, (line: string) => void]): Promise<Deployment> {
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
  // A server that is replaced on its port also has the port of the metrics.
  return endpoint.openMetrics({ ...where, patient: reusePort, onListening }, watched, log);
}

/** Read before anything is started. Without TLS its code is not loaded. */
async function certificatesOf(settings: ServeSettings, log: Log): Promise<TlsOptions | undefined> {
  if (settings.tlsCert === undefined) return undefined;
  const { readCertificates } = await import('./certificates.ts');
  return { ...readCertificates(settings, log), auto: settings.tlsAuto };
}

async function listen(
  server: Deployment,
  inherited: readonly Inherited[],
  settings: ServeSettings,
  found: StartupChecks,
  tls: TlsOptions | undefined,
  log: Log,
): Promise<void> {
  const localUser = isForOwnUser(settings) ? process.geteuid?.() : undefined;
  const how = { tls, proxyProtocol: settings.proxyProtocol, localUser };
  const bound = [
    ...(await (inherited.length > 0 ? listenOn(inherited, how, server, log) : listenAt(settings, how, server))),
    ...(await listenOnSocket(settings, localUser, server)),
  ];
  const page = await listenForBrowsers(settings, { tls, localUser }, server);
  await server.start();
  logSecurityWarnings(settings, found, log);
  const { file } = found.program;
  const hint = tls && (await (await import('./certificate-trust.ts')).tlsHint(tls, settings));
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
      `serving ${escapeText(file)}${workers}; connect with: ${connectHint(place, hint)}`,
    );
  }
  if (page === undefined) return;
  process.stdout.write(`listening ${page.url}\n`);
  log.info({ program: file, url: page.url }, `serving ${escapeText(file)} to browsers at ${page.url}`);
}

async function listenForBrowsers(
  settings: ServeSettings,
  { tls, localUser }: Reception,
  server: Deployment,
): Promise<{ url: string } | undefined> {
  const { web, reusePort } = settings;
  if (web === undefined) return undefined;
  const { webListenError, webUrl } = await import('../web/listener.ts');
  try {
    const place = await server.listenWeb({ ...web, localUser, reusePort: reusePort && 'takeover' }, tls);
    return { url: webUrl(place, settings) };
  } catch (error) {
    throw webListenError(error, web);
  }
}

/** How clients are received, independent of where the server listens. */
type Reception = Pick<PipelineOptions, 'tls' | 'proxyProtocol' | 'localUser'>;

/** One line for each listener. */
function urlOf(place: ListenerAddress, tls: TlsOptions | undefined): string {
  if ('path' in place) return `unix:${escapeText(place.path)}`;
  return `${tls === undefined ? 'telnet' : 'telnets'}://${formatAddress(place.address, place.port)}`;
}

async function listenAt(
  { host, port, reusePort }: ServeSettings,
  how: Reception,
  server: Deployment,
): Promise<ListenerAddress[]> {
  if (port === 'none') return [];
  try {
    return [await server.listen({ host, port, reusePort: reusePort && 'takeover', ...how })];
  } catch (error) {
    throw listenError(error, formatAddress(host, port), host);
  }
}

/** Connections of this machine need neither TLS nor proxies. */
async function listenOnSocket(
  { socket: path, socketMode: mode }: ServeSettings,
  localUser: number | undefined,
  server: Deployment,
): Promise<ListenerAddress[]> {
  if (path === undefined) return [];
  try {
    return [await server.listen({ path, mode, localUser })];
  } catch (error) {
    throw socketError(error, escapeText(path));
  }
}

function listenOn(
  inherited: readonly Inherited[],
  how: Reception,
  server: Deployment,
  log: Log,
): Promise<ListenerAddress[]> {
  const sockets = inherited.length === 1 ? 'a socket' : `${inherited.length} sockets`;
  log.info(`listening on ${sockets} passed by the service manager (LISTEN_FDS); --host and --port are ignored`);
  const { localUser } = how;
  return Promise.all(
    inherited.map(socket => server.listen('path' in socket ? { ...socket, localUser } : { fd: socket.fd, ...how })),
  );
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
    EACCES: `no permission to create ${path} or ${path}.lock, or to connect to the existing socket`,
  };
  const message = reasons[code ?? ''] ?? `cannot listen on ${path}: ${systemError(-errno).text}`;
  return new TelptyError('ERR_RUNTIME', `--socket: ${message}`, { cause: error, systemCode: code ?? '' });
}

function listenError(error: unknown, endpoint: string, host: string): unknown {
  const { code, errno } = error as NodeJS.ErrnoException;
  const reasons: Readonly<Record<string, string>> = {
    EADDRINUSE: `--port: ${endpoint} is already in use (choose another port)`,
    EACCES: `--port: no permission to listen on ${endpoint} (ports below 1024 need a privilege)`,
    EADDRNOTAVAIL: `--host: ${host} is not an address of this machine`,
    ENOTFOUND: `--host: unknown host ${host}`,
    EAI_AGAIN: `--host: cannot look up ${host}`,
    EAFNOSUPPORT: `--host: this machine does not speak the protocol of ${host}`,
    EINVAL: `--host: cannot listen on ${endpoint}`,
  };
  // Node's own message joins an IPv6 address and a port without a delimiter (`:::6023`).
  const other =
    typeof errno === 'number' ? `--host: cannot listen on ${endpoint}: ${systemError(-errno).text}` : undefined;
  const message = code === undefined ? undefined : (reasons[code] ?? other);
  if (message === undefined || error instanceof TelptyError) return error;
  return new TelptyError('ERR_RUNTIME', message, { cause: error, systemCode: code ?? '' });
}
