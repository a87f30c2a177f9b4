/**
 * The listener of `--web`, in the process that accepts connections: it does not load the gateway, which may run in
 * another process.
 */
import type { Socket } from 'node:net';
import { TelptyError } from '../../errors.ts';
import { systemError } from '../../native/system-error.ts';
import { type ListenOptions, type PipelineOptions, readListenOptions } from '../../transport/listen-options.ts';
import type { ListenerEvents, SocketListener } from '../../transport/listener.ts';
import { addressOf, type Peer, peerFields, peerOf } from '../../transport/peer.ts';
import { AddressList } from '../../transport/pre-session/address-list.ts';
import { LocalUserStage } from '../../transport/pre-session/local-user.ts';
import type { Refusal } from '../../transport/pre-session/stage.ts';
import { ProxyStage } from '../../transport/proxy/stage.ts';
import { listenTcp } from '../../transport/tcp/tcp.ts';
import { formatAddress } from '../log/format.ts';
import type { ServeSettings } from '../serve/settings.ts';

/** The address of the listener, and how its connections are checked. */
export type WebListenOptions = Pick<ListenOptions, 'host' | 'port' | 'reusePort'> & Pick<PipelineOptions, 'localUser'>;

/** Takes the connections of browsers. */
export interface WebListenerUser {
  /** Nothing has been read from the connection, or only a PROXY header. */
  passed(socket: Socket, peer: Peer): void;
  refused(refusal: Refusal): void;
  failed(error: Error): void;
  onShortage: NonNullable<ListenerEvents['onShortage']>;
}

/** An open listener. */
export interface WebListener {
  readonly listener: SocketListener;
  readonly address: string;
  readonly port: number;
  /** Stops listening, and closes the connections that have not passed. */
  close(): Promise<void>;
}

/**
 * Listens for browsers. The clients of proxies (`--web-trust`) are only known from their requests, so these are checked
 * when they become sessions.
 *
 * @param limits decides which addresses are refused at once.
 * @throws (rejects) the system's own error.
 */
export async function openWebListener(
  where: WebListenOptions,
  { webTrust }: Pick<ServeSettings, 'webTrust'>,
  limits: { isDenied(address: string | undefined): boolean },
  user: WebListenerUser,
): Promise<WebListener> {
  const { localUser, ...place } = where;
  const proxies = AddressList.parse(webTrust);
  const stage = stageOf(proxies, localUser);
  const pass = (socket: Socket, peer: Peer) => {
    if (proxies.has(addressOf(peer)) || !limits.isDenied(addressOf(peer))) {
      user.passed(socket, peer);
      return;
    }
    socket.on('error', ignore).destroy();
    user.refused({ ...peerFields(peer), reason: 'denied', message: 'not accepted from this address' });
  };
  const opened = await listenTcp(readListenOptions(place), {
    onConnection(socket) {
      if (stage === undefined) pass(socket, peerOf(socket));
      else {
        stage.enter(socket, {
          passed: peer => pass(socket, peer),
          refused: refusal => user.refused(refusal),
          failed: error => user.failed(error),
        });
      }
    },
    onError: error => user.failed(error),
    onShortage: isShort => user.onShortage(isShort),
  });
  return {
    ...opened,
    async close() {
      await opened.listener.close();
      stage?.close();
    },
  };
}

function stageOf(proxies: AddressList, localUser: number | undefined): ProxyStage | LocalUserStage | undefined {
  if (proxies.size > 0) return new ProxyStage(proxies, { isOptional: true });
  return localUser === undefined ? undefined : new LocalUserStage(localUser, { isQuiet: true });
}

/** The URL of the page. */
export function webUrl({ address, port }: { address: string; port: number }, settings: ServeSettings): string {
  const scheme = settings.tlsCert === undefined ? 'http' : 'https';
  return `${scheme}://${formatAddress(address, port)}${settings.webBase}`;
}

/** The error of a listener that cannot be opened. */
export function webListenError(error: unknown, { host, port }: NonNullable<ServeSettings['web']>): unknown {
  const { code, errno } = error as NodeJS.ErrnoException;
  if (error instanceof TelptyError || code === undefined) return error;
  const reasons: Readonly<Record<string, string>> = {
    EADDRINUSE: 'is already in use (choose another port)',
    EACCES: 'needs a privilege (ports below 1024); choose another port',
    EADDRNOTAVAIL: 'is not an address of this machine',
    ENOTFOUND: 'names an unknown host',
  };
  const other = typeof errno === 'number' ? systemError(-errno).text : code;
  const message = `--web: ${formatAddress(host, port)} ${reasons[code] ?? `cannot be used: ${other}`}`;
  return new TelptyError('ERR_RUNTIME', message, { cause: error, systemCode: code });
}

function ignore(): void {}
