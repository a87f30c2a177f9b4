/** `--web`: the gateway for browsers, in the process that serves the sessions. */
import type { Socket } from 'node:net';
import { basename } from 'node:path';
import { TelptyError } from '../../errors.ts';
import type { Server } from '../../server/server.ts';
import { escapeText } from '../../shells/output/escape.ts';
import type { Peer } from '../../transport/peer.ts';
import type { TlsOptions } from '../../transport/tls/options.ts';
import { type GatewayHooks, WebGateway } from '../../web/gateway.ts';
import { webGatewayOptions } from '../../web/options.ts';
import { WebServer } from '../../web/web-server.ts';
import { formatAddress } from '../log/format.ts';
import type { Log } from '../log/log.ts';
import type { Reloadable } from '../serve/reload.ts';
import { optionsFor, type ServeSettings } from '../serve/settings.ts';
import type { StartupChecks } from '../serve/startup-checks.ts';
import { withOptionName } from './passwords.ts';

/** The parts of a {@link WebHost} that depend on the process. */
export interface WebHostOptions extends Pick<GatewayHooks, 'admit' | 'logins'> {
  readonly tls: TlsOptions | undefined;
}

/** The gateway and its HTTP server. */
export class WebHost {
  readonly #gateway: WebGateway;
  readonly #server: WebServer;

  /** @throws TelptyError `ERR_RUNTIME` if the password file cannot be used. */
  constructor(settings: ServeSettings, found: StartupChecks, server: Server, log: Log, options: WebHostOptions) {
    const { tls, ...hooks } = options;
    this.#server = new WebServer(tls);
    this.#gateway = new WebGateway(
      {
        ...optionsFor(webGatewayOptions, settings),
        server,
        title: basename(found.program.name).slice(0, 100),
        ...(settings.webRecordings ? { recordings: found.recordings } : {}),
        // The gateway accepts addresses anyway.
        hosts: settings.web === undefined || /[:%]/.test(settings.web.host) ? [] : [settings.web.host],
      },
      { ...hooks, connections: this.#server, onLogin: logins(log), onRecording: openings(log) },
    );
    this.#server.serve(this.#gateway);
  }

  /** Takes a connection that was accepted. */
  take(socket: Socket, peer: Peer): void {
    if (peer.kind === 'ip') this.#server.take(socket, peer);
    else socket.destroy();
  }

  setTls(tls: TlsOptions): void {
    this.#server.setTls(tls);
  }

  /** The part of a reload that reads the file of passwords again. */
  get reloadablePasswords(): Reloadable {
    return {
      name: 'web passwords',
      options: ['webPassword'],
      prepare: ({ webPassword }) => {
        if (webPassword === undefined) {
          throw new TelptyError('ERR_RUNTIME', '--web-password: cannot be removed by a reload; restart the server');
        }
        return withOptionName(() => this.#gateway.readPasswords(webPassword));
      },
    };
  }

  /** Accepts no more WebSockets, and closes all other connections. Sessions go on. */
  close(): void {
    this.#gateway.close();
    this.#server.close();
  }
}

function openings(log: Log): GatewayHooks['onRecording'] {
  return ({ peer }, user, recording) => {
    const remote = formatAddress(peer.address, peer.port);
    log.info({ remote, user, recording }, `web: recording opened: ${recording} by ${user} from ${remote}`);
  };
}

function logins(log: Log): GatewayHooks['onLogin'] {
  return ({ peer }, user, outcome) => {
    const remote = formatAddress(peer.address, peer.port);
    const shown = escapeText(user, 64);
    const words = { ok: 'logged in', failed: 'login failed', locked: 'login refused after too many failures' }[outcome];
    const level = outcome === 'locked' ? 'debug' : 'info';
    log[level]({ remote, user: shown, outcome }, `web: ${words}: ${shown} from ${remote}`);
  };
}
