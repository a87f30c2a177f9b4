/** `telpty serve`: runs a server from complete settings. */
import type { TlsOptions } from '../../transport/tls/options.ts';
import { formatDuration } from '../log/format.ts';
import { createLog, type Log, logWriter } from '../log/log.ts';
import type { MetricsEndpoint, Watched } from '../metrics/endpoint.ts';
import { reapOrphansAsInit } from '../system/reaper.ts';
import { ServiceManager } from '../system/service-manager.ts';
import type { Deployment } from './deployment.ts';
import { listen } from './listening/listen.ts';
import { inheritedSockets, listeningOn, refuseForwarders } from './listening/socket-activation.ts';
import { Reloader } from './reload.ts';
import { refuseRootProgram } from './security-warnings.ts';
import type { ServeSettings } from './settings.ts';
import { onSignals } from './signals.ts';
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
  const host = settings.workers > 1 ? await workers(settings, found, log, write) : await single(settings, found, log);
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

// Each deployment is loaded where it is needed: a primary process needs no server.

async function single(...args: [ServeSettings, StartupChecks, Log]): Promise<Deployment> {
  const { singleProcess } = await import('./single-process.ts');
  return singleProcess(...args);
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
