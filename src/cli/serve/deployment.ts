/** What `telpty serve` needs of the processes that serve, whether it is one or several. */
import type { ListenerOptions } from '../../transport/listen-options.ts';
import type { ListenerAddress } from '../../transport/listener.ts';
import type { TlsOptions } from '../../transport/tls/options.ts';
import type { MetricsReport } from '../metrics/report.ts';
import type { WebListenOptions } from '../web/listener.ts';
import type { ReloadTarget } from './reload.ts';

/** The processes that serve: this process, or worker processes. */
export interface Deployment extends ReloadTarget {
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
