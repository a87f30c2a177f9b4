/** The options of `listen()`: where to listen, and what a connection passes before it becomes a session. */
import {
  boolean,
  callback,
  check,
  either,
  list,
  type OptionsOf,
  type OptionTable,
  object,
  oneOf,
  readOptions,
  required,
  text,
  whole,
} from '../options.ts';
import type { PeerFields } from './peer.ts';
import type { UnwelcomeReason } from './pre-session/stage.ts';
import type { TlsOptions } from './tls/options.ts';

/** Where to listen for TCP connections: on a port, or on a socket that listens already. */
export interface TcpListenOptions {
  /** Address or host name; default `'127.0.0.1'`. */
  readonly host?: string;
  /** 0 to 65535; 0 lets the system pick. Needed, unless there is `fd`. */
  readonly port?: number;
  /** Connections the kernel keeps waiting for us (default 1,024; the system may cap it). */
  readonly backlog?: number;
  /**
   * Let others listen on the same port, who say so too and are of the same user (SO_REUSEPORT): the kernel gives each
   * connection to one of them. `'takeover'`: to the last one to come, so that one server can take the place of another
   * and no client is refused; the one before waits a second before it closes its listener (Linux). Programs that the server
   * hosts can do the same if they are of its user: give them another one (`user` of `ptyShell`). Default false.
   */
  readonly reusePort?: boolean | 'takeover';
  /** In place of host and port: the descriptor of a TCP socket that listens, as by socket activation. It is closed at the end. */
  readonly fd?: number;
}

/** Where to listen for connections of processes of this machine. */
export interface LocalSocketOptions {
  /**
   * The path of a UNIX socket. The file of a server that was killed is replaced, anything else at the path is not touched; it is
   * removed when the server stops listening. On Linux `@name` is an abstract address, which has no file: every user can connect.
   */
  readonly path: string;
  /**
   * The descriptor of a UNIX socket that listens already, as by socket activation. `path` is only its name then. It is closed at the
   * end, and the file stays.
   */
  readonly fd?: number | undefined;
  /** Permissions of the file: who may write may connect. Default 0o600, the server's own user (and root). */
  readonly mode?: number | undefined;
  /** Connections the kernel keeps waiting for us (default 1,024; the system may cap it). */
  readonly backlog?: number | undefined;
}

/** Where to listen, and how those who come are received. */
export interface ListenOptions extends TcpListenOptions {
  /** Speak TLS. */
  readonly tls?: TlsOptions | undefined;
  /**
   * Addresses and CIDR ranges of proxies: they must send a PROXY header (version 1 or 2) in front of everything else, TLS
   * included, and the address in it is the client's. Nobody else may.
   */
  readonly proxyProtocol?: readonly string[] | undefined;
  /**
   * Called for each connection as soon as the address of the client is known, before a TLS handshake is spent on it. A connection that it
   * refuses is closed without a message.
   */
  readonly checkAddress?: CheckAddress | undefined;
}

/**
 * Checks a client before it becomes a session. It returns the reason for refusing it; or the ticket of the session, such as that of
 * `SessionLimits.ticket()`; or undefined.
 */
export type CheckAddress = (client: PeerFields) => UnwelcomeReason | object | undefined;

/** Listening on a UNIX socket, where neither TLS nor proxies are of use. */
export interface LocalListenOptions extends LocalSocketOptions {
  /** Called for each connection, with its user. A connection that it refuses is closed without a message. */
  readonly checkAddress?: CheckAddress | undefined;
}

/** And what is only for `telpty serve`. */
export interface PipelineOptions extends Pick<ListenOptions, 'tls' | 'proxyProtocol' | 'checkAddress'> {
  /** Only processes of this machine with this user id are let in (on ports: Linux). */
  readonly localUser?: number | undefined;
}

/** A listener of `telpty serve`. */
export type ListenerOptions = (ListenOptions | LocalListenOptions) & Pick<PipelineOptions, 'localUser'>;

const integer = { max: 2 ** 31 - 1 };
const backlog = whole({ ...integer, default: 1024 });
const reception = { checkAddress: callback<CheckAddress>(), localUser: whole() };

export const listenOptions = {
  host: text({ default: '127.0.0.1', allowed: 'an address or a host name', holds: host => host !== '' }),
  port: whole({ max: 65_535 }),
  backlog,
  reusePort: either(boolean(), oneOf(['takeover']), { default: false }),
  fd: whole(integer),
  // What is in it is checked where it is loaded: Node's TLS is more than the rest of a server.
  tls: object(),
  proxyProtocol: list(text(), { default: [] }),
  ...reception,
} satisfies OptionTable<ListenOptions & Pick<PipelineOptions, 'localUser'>>;

export const localListenOptions = {
  path: required(text({ allowed: 'the path of a UNIX socket', holds: path => path !== '' && !path.includes('\0') })),
  fd: whole(integer),
  mode: whole({ max: 0o777, default: 0o600, allowed: 'a file mode from 0 to 0o777' }),
  backlog,
  ...reception,
} satisfies OptionTable<LocalListenOptions & Pick<PipelineOptions, 'localUser'>>;

/** The options of a TCP listener with their defaults. */
export type ListenSettings = OptionsOf<typeof listenOptions>;
/** The options of a listener on a UNIX socket with their defaults. */
export type LocalListenSettings = OptionsOf<typeof localListenOptions>;

/** @throws TelptyError `ERR_INVALID_ARGUMENT` */
export function readListenOptions(options: ListenOptions): ListenSettings;
export function readListenOptions(options: ListenerOptions): ListenSettings | LocalListenSettings;
export function readListenOptions(options: ListenerOptions): ListenSettings | LocalListenSettings {
  if ('path' in options) return readOptions('listen', localListenOptions, options);
  const settings = readOptions('listen', listenOptions, options);
  const { fd, reusePort, port, proxyProtocol, localUser } = settings;
  check(fd !== undefined || port !== undefined, 'listen() needs a port');
  check(
    fd === undefined || (port === undefined && options.host === undefined && !reusePort),
    'fd excludes host, port and reusePort',
  );
  // Behind a proxy the process at the other end is always the proxy.
  check(proxyProtocol.length === 0 || localUser === undefined, 'localUser cannot be checked behind a proxy');
  return settings;
}
