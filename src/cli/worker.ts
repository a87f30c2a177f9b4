/**
 * A worker of `telpty serve --workers N`, the main file of its process: it serves the clients that the primary passes
 * to it, and reports when they leave. Signals of the terminal and of service managers reach it as well; it leaves them
 * to the primary. If the channel to the primary closes, the primary has ended: the worker ends its sessions and exits.
 */
import type { SendHandle } from 'node:child_process';
import { Socket } from 'node:net';
import { TelptyError } from '../errors.ts';
import { stopReading } from '../native/node-internals.ts';
import type { Server } from '../server/server.ts';
import type { Session } from '../session/session.ts';
import type { AdmissionControl, Candidate, RefusalReason, Slot } from '../shells/guards/session-limits.ts';
import { escapeText } from '../shells/output/escape.ts';
import type { StartedProgram } from '../shells/program/options.ts';
import { ListenerPipeline } from '../transport/pre-session/listener-pipeline.ts';
import { sessionsThatFit } from '../transport/tcp/descriptors.ts';
import type { TlsOptions } from '../transport/tls/options.ts';
import type { LoginRegister } from '../web/login/register.ts';
import type { LoginId } from '../web/login/tickets.ts';
import { createLog, type Log } from './log/log.ts';
import type { ServerMetrics } from './metrics/server-metrics.ts';
import { createHost, endHost } from './serve/configured-server.ts';
import { Reloadables, reloadableLevel } from './serve/reload.ts';
import type { ServeSettings } from './serve/settings.ts';
import { announceDrain } from './serve/shutdown-notice.ts';
import type { StartupChecks } from './serve/startup-checks.ts';
import { PrimaryUserIds } from './system/user-ids.ts';
import type { WebHost } from './web/host.ts';
import type { Order, Report, WorkerLogins } from './workers/messages.ts';

/**
 * The primary's verdicts, which came with the clients. Reports each session that has released its slot to the primary.
 */
class PrimaryVerdicts implements AdmissionControl {
  readonly #refused = new Map<number, RefusalReason>();
  readonly #taken = new Set<number>();

  decided(id: number, refused: RefusalReason | undefined): void {
    if (refused === undefined) this.#taken.add(id);
    else this.#refused.set(id, refused);
  }

  admit({ id }: Candidate): Slot | RefusalReason {
    return this.#refused.get(id) ?? { release: () => this.release(id) };
  }

  /** Called once for each client, even if it was refused or never asked for a slot. */
  release(id: number): void {
    const refused = this.#refused.delete(id);
    if (this.#taken.delete(id) || refused) report({ type: 'left', id });
  }
}

const verdicts = new PrimaryVerdicts();
const reloadables = new Reloadables();
const userIds = new PrimaryUserIds(
  request => report({ type: 'takeUser', request }),
  (uid, isFree) => report({ type: 'leaveUser', uid, isFree }),
);
let host:
  | {
      server: Server;
      settings: ServeSettings;
      metrics: ServerMetrics | undefined;
      pipeline: ListenerPipeline;
      web: WebHost | undefined;
    }
  | undefined;
/** Requests for sessions that the primary has not answered. */
const requests = new Map<number, (session: AdmittedSession) => void>();
let lastRequest = 0;

/** Requests about logins that the primary has not answered. */
const loginRequests = new Map<number, (wait: number) => void>();
/** The logins that have ended before their time. */
let onLoginEnded: (login: LoginId) => void = () => {};

type AdmittedSession = (Order & { type: 'admitted' })['session'];
/** Applies the settings that were checked last. */
let apply: (() => void) | undefined;

function obey(order: Order, handle: SendHandle): void {
  switch (order.type) {
    case 'begin':
      void begin(order);
      return;
    case 'client':
      serve(order, handle);
      return;
    case 'web':
      serveWeb(order, handle);
      return;
    case 'admitted':
      requests.get(order.request)?.(order.session);
      requests.delete(order.request);
      return;
    case 'loginAnswer':
      loginRequests.get(order.request)?.(order.wait);
      loginRequests.delete(order.request);
      return;
    case 'loginEnded':
      onLoginEnded(order.login);
      return;
    case 'reload':
      void reload(order.settings);
      return;
    case 'apply':
      apply?.();
      return;
    case 'ping':
      report({ type: 'pong' });
      return;
    case 'collect':
      void host?.metrics?.report().then(metrics => report({ type: 'metrics', metrics }));
      return;
    case 'announce':
      if (host !== undefined) announceDrain(host.server, order.timeout);
      return;
    case 'user':
      userIds.given(order.request, order.uid);
      return;
    case 'stop':
      void end(0);
      return;
    case 'abort':
      // Programs are killed when the process exits.
      process.exit(1);
  }
}

async function begin({ settings, found, tls, logins }: Order & { type: 'begin' }): Promise<void> {
  try {
    // The primary formats the lines.
    const log = createLog({ level: settings.logLevel, format: 'json' });
    reloadables.add(reloadableLevel(log));
    let metrics: ServerMetrics | undefined;
    const onStart = ({ id }: Session, program: StartedProgram) => {
      report({ type: 'started', id, pid: program.pid });
      metrics?.started(program);
    };
    const server = createHost(settings, found, log, {
      ...{ admission: verdicts, onStart, reloadables },
      onStartsHang: stuck => report({ type: 'stuck', stuck }),
      userIds: settings.userRange && userIds,
    });
    server.on('session-end', ({ id }, { error }) => {
      const { systemCode } = (error ?? {}) as { systemCode?: unknown };
      // Before the slot is released: a worker that fails to serve ends sessions quickly, so it would get all further
      // clients.
      if (systemCode === 'EMFILE') report({ type: 'short' });
      verdicts.release(id);
    });
    // Loaded only with `--metrics`.
    if (settings.metrics) metrics = new (await import('./metrics/server-metrics.ts')).ServerMetrics(server);
    const pipeline = await ListenerPipeline.open({ tls });
    const web = logins === undefined ? undefined : await createWeb(logins, { settings, found, server, log, tls });
    if (pipeline.tls !== undefined) {
      const { reloadableCertificates } = await import('./serve/certificates.ts');
      const put = (certificates: TlsOptions) => {
        pipeline.tls?.set(certificates);
        web?.setTls(certificates);
      };
      reloadables.add(reloadableCertificates(put, tls?.auto));
    }
    host = { server, settings, metrics, pipeline, web };
    report({ type: 'ready', room: sessionsThatFit(), reloadables: reloadables.facts });
  } catch (error) {
    if (!(error instanceof TelptyError)) throw error;
    report({ type: 'failed', code: error.code, message: error.message });
  }
}

function serve({ id, peer, refused }: Order & { type: 'client' }, handle: SendHandle): void {
  verdicts.decided(id, refused);
  if (host === undefined || !(handle instanceof Socket)) {
    // The client may have closed the connection in transit.
    verdicts.release(id);
    return;
  }
  const { server, pipeline } = host;
  pipeline.receive(handle, peer, {
    passed: ({ transport }) => void server.handle(transport, { id, peer }),
    refused(refusal) {
      verdicts.release(id);
      server.emit('refused', refusal);
    },
    failed(error) {
      verdicts.release(id);
      server.emit('error', error);
    },
  });
}

interface WebParts {
  readonly settings: ServeSettings;
  readonly found: StartupChecks;
  readonly server: Server;
  readonly log: Log;
  readonly tls: TlsOptions | undefined;
}

async function createWeb(logins: WorkerLogins, { settings, found, server, log, tls }: WebParts): Promise<WebHost> {
  const { WebHost } = await import('./web/host.ts');
  const web = new WebHost(settings, found, server, log, {
    tls,
    logins: { key: Buffer.from(logins.key, 'base64'), register: await primaryRegister(logins.ended) },
    admit: async peer => {
      const session = await new Promise<AdmittedSession>(resolve => {
        const request = ++lastRequest;
        requests.set(request, resolve);
        report({ type: 'admit', request, peer });
      });
      if (session === undefined) return undefined;
      const { id, refused } = session;
      verdicts.decided(id, refused);
      return { info: { id }, abandon: () => verdicts.release(id) };
    },
  });
  if (settings.webPassword !== undefined) reloadables.add(web.reloadablePasswords);
  return web;
}

/** The register of logins that the primary has. */
async function primaryRegister(already: readonly LoginId[]): Promise<LoginRegister> {
  const { EndedLogins } = await import('../web/login/register.ts');
  const ended = new EndedLogins();
  for (const login of already) ended.add(login);
  onLoginEnded = login => ended.add(login);
  const ask = (question: (request: number) => Report) =>
    new Promise<number>(resolve => {
      const request = ++lastRequest;
      loginRequests.set(request, resolve);
      report(question(request));
    });
  return {
    attempt: address => ask(request => ({ type: 'tryPassword', request, address })),
    succeeded: address => report({ type: 'loggedIn', address }),
    async end(login) {
      await ask(request => ({ type: 'endLogin', request, login }));
    },
    hasEnded: login => ended.has(login),
  };
}

function serveWeb({ id, peer }: Order & { type: 'web' }, handle: SendHandle): void {
  // The client may have closed the connection in transit.
  if (!(handle instanceof Socket)) report({ type: 'left', id });
  else if (host?.web === undefined) handle.destroy();
  else {
    stopReading(handle);
    host.web.take(handle, peer);
  }
}

async function reload(settings: ServeSettings): Promise<void> {
  try {
    apply = await reloadables.prepare(settings);
    report({ type: 'checked' });
  } catch (error) {
    if (!(error instanceof TelptyError)) throw error;
    report({ type: 'checked', error: { code: error.code, message: error.message } });
  }
}

async function end(status: number): Promise<void> {
  host?.pipeline.close();
  host?.web?.close();
  if (host !== undefined) await endHost(host.server, host.settings);
  process.exit(status);
}

function report(message: Report): void {
  // Without the primary, 'disconnect' ends this process.
  if (process.connected) process.send?.(message, undefined, undefined, () => {});
}

function fail(error: unknown): never {
  const words = error instanceof Error ? (error.stack ?? error.message) : String(error);
  process.stderr.write(`unexpected error: ${escapeText(words, 2_000)}\n`);
  process.exit(1);
}

for (const signal of ['SIGTERM', 'SIGINT', 'SIGHUP'] as const) {
  process.on(signal, () => {
    // Without a primary it is ending already, so this is the second signal.
    if (!process.connected) process.exit(1);
  });
}
process.stderr.on('error', () => {});
process.on('uncaughtException', fail);
process.on('unhandledRejection', fail);
process.on('message', (order, handle) => obey(order as Order, handle as SendHandle));
process.on('disconnect', () => {
  userIds.close();
  void end(1);
});
