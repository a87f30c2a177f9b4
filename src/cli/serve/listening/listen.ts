/** Listens on all places of the settings, and says so: one line each. */
import { TelptyError } from '../../../errors.ts';
import { systemError } from '../../../native/system-error.ts';
import { escapeText } from '../../../shells/output/escape.ts';
import type { PipelineOptions } from '../../../transport/listen-options.ts';
import type { ListenerAddress } from '../../../transport/listener.ts';
import type { TlsOptions } from '../../../transport/tls/options.ts';
import { formatAddress } from '../../log/format.ts';
import type { Log } from '../../log/log.ts';
import type { Deployment } from '../deployment.ts';
import { logSecurityWarnings } from '../security-warnings.ts';
import { isForOwnUser, type ServeSettings } from '../settings.ts';
import type { StartupChecks } from '../startup-checks.ts';
import { connectHint } from './connect-hint.ts';
import type { Inherited } from './socket-activation.ts';

export async function listen(
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
  const { webListenError, webUrl } = await import('../../web/listener.ts');
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
