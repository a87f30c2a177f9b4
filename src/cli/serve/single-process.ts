/** The deployment without `--workers`: this process has the server. */
import type { Session } from '../../session/session.ts';
import type { StartedProgram } from '../../shells/program/options.ts';
import type { CheckAddress } from '../../transport/listen-options.ts';
import type { TlsOptions } from '../../transport/tls/options.ts';
import type { Log } from '../log/log.ts';
import type { ServerMetrics } from '../metrics/server-metrics.ts';
import { STUCK, startsHang } from '../system/start-watch.ts';
import { openUserIds } from '../system/user-ids.ts';
import type { WebHost } from '../web/host.ts';
import { createHost, endHost } from './configured-server.ts';
import type { Deployment } from './deployment.ts';
import { createSessionLimits } from './guards.ts';
import { Reloadables, reloadableEverywhere } from './reload.ts';
import type { ServeSettings } from './settings.ts';
import { announceDrain } from './shutdown-notice.ts';
import type { StartupChecks } from './startup-checks.ts';

export async function singleProcess(settings: ServeSettings, found: StartupChecks, log: Log): Promise<Deployment> {
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
