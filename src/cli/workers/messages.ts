/** The messages between the primary process and its workers. */
import type { TelptyErrorCode } from '../../errors.ts';
import type { RefusalReason } from '../../shells/guards/session-limits.ts';
import type { Peer } from '../../transport/peer.ts';
import type { TlsOptions } from '../../transport/tls/options.ts';
import type { LoginId } from '../../web/login/tickets.ts';
import type { MetricsReport } from '../metrics/report.ts';
import type { ReloadableFacts } from '../serve/reload.ts';
import type { ServeSettings } from '../serve/settings.ts';
import type { StartupChecks } from '../serve/startup-checks.ts';

/** What all workers share about logins. */
export interface WorkerLogins {
  /** The key of logins, in base64. */
  readonly key: string;
  /** The logins that have ended before their time. */
  readonly ended: readonly LoginId[];
}

/** From the primary to a worker. */
export type Order =
  /** The first one: what to serve, and with which certificates. */
  | {
      readonly type: 'begin';
      readonly settings: ServeSettings;
      readonly found: StartupChecks;
      readonly tls: TlsOptions | undefined;
      /** With `--web`. */
      readonly logins: WorkerLogins | undefined;
    }
  /** A client; its socket comes with the message, and nothing but a PROXY header has been read from it. */
  | { readonly type: 'client'; readonly id: number; readonly peer: Peer; readonly refused?: RefusalReason }
  /**
   * A connection of a browser, which is not a session yet; its socket comes with the message, and nothing but a PROXY
   * header has been read from it.
   */
  | { readonly type: 'web'; readonly id: number; readonly peer: Peer }
  /** The answer to `admit`: the number of the session, and why it is refused; or nothing, if it is to be closed. */
  | {
      readonly type: 'admitted';
      readonly request: number;
      readonly session: { readonly id: number; readonly refused?: RefusalReason } | undefined;
    }
  /** The answer to `tryPassword`: how long the address has to wait, in milliseconds; and to `endLogin`. */
  | { readonly type: 'loginAnswer'; readonly request: number; readonly wait: number }
  /** A login has ended before its time. */
  | { readonly type: 'loginEnded'; readonly login: LoginId }
  /** Check new settings in all parts that can apply them; change nothing yet, and answer `checked`. */
  | { readonly type: 'reload'; readonly settings: ServeSettings }
  /** Apply what was checked. */
  | { readonly type: 'apply' }
  /** Answer `pong`. */
  | { readonly type: 'ping' }
  /** Answer `metrics`. Sent only if metrics are enabled. */
  | { readonly type: 'collect' }
  /** Notify the sessions that the server stops and hangs them up after this number of milliseconds. */
  | { readonly type: 'announce'; readonly timeout: number }
  /** The answer to `takeUser`: a user id for a session, or none. */
  | { readonly type: 'user'; readonly request: number; readonly uid: number | undefined }
  /** End all sessions cleanly, then exit. */
  | { readonly type: 'stop' }
  /** End at once. */
  | { readonly type: 'abort' };

/** From a worker to the primary. */
export type Report =
  /** It can serve: the number of sessions for which it has descriptors, and its parts that can apply new settings. */
  | { readonly type: 'ready'; readonly room: number; readonly reloadables: readonly ReloadableFacts[] }
  /** The answer to `ping`: its event loop runs. */
  | { readonly type: 'pong' }
  /** It had no descriptors for a program. */
  | { readonly type: 'short' }
  /** Starts of programs begin to hang in the worker, or no longer do. */
  | { readonly type: 'stuck'; readonly stuck: boolean }
  /** It cannot serve, with the error's code and message. */
  | { readonly type: 'failed'; readonly code: TelptyErrorCode; readonly message: string }
  /** The answer to `reload`: the settings are valid, or this error. */
  | { readonly type: 'checked'; readonly error?: { readonly code: TelptyErrorCode; readonly message: string } }
  /** A session's program runs; its process id is the number of its (POSIX) session. */
  | { readonly type: 'started'; readonly id: number; readonly pid: number }
  /** With `--user-range`: a session needs a user id. */
  | { readonly type: 'takeUser'; readonly request: number }
  /** A session does not need its user id any more; `isFree`: whether no process has it. */
  | { readonly type: 'leaveUser'; readonly uid: number; readonly isFree: boolean }
  /** A WebSocket of this client asks for a session. */
  | { readonly type: 'admit'; readonly request: number; readonly peer: Peer }
  /** See `LoginRegister.attempt()`. */
  | { readonly type: 'tryPassword'; readonly request: number; readonly address: string }
  /** See `LoginRegister.succeeded()`. */
  | { readonly type: 'loggedIn'; readonly address: string }
  /** See `LoginRegister.end()`. */
  | { readonly type: 'endLogin'; readonly request: number; readonly login: LoginId }
  /** A session has released its slot. Sent before the client can notice its end. */
  | { readonly type: 'left'; readonly id: number }
  /** The answer to `collect`. */
  | { readonly type: 'metrics'; readonly metrics: MetricsReport };
