/** The options of `listen()`: where to listen, and the checks that a connection passes before it becomes a session. */
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

/** The address of a listener for TCP connections: a port, or a socket that already listens. */
export interface TcpListenOptions {
  /** Address or host name; default `'127.0.0.1'`. */
  readonly host?: string;
  /** 0 to 65535; with 0 the system chooses the port. Required unless `fd` is given. */
  readonly port?: number;
  /** Length of the kernel's queue of connections that are not accepted yet (default 1,024; the system may cap it). */
  readonly backlog?: number;
  /**
   * Lets other processes of the same user listen on the same port if they set this, too (SO_REUSEPORT). The kernel
   * gives each connection to one of them. `'takeover'`: to the one that started to listen last, so that one server can
   * replace another without a refused client (Linux). The previous one waits a second before it closes its listener.
   * Programs that the server runs can do the same if they run as its user: give them another user (`user` of
   * `ptyShell`). Default false.
   */
  readonly reusePort?: boolean | 'takeover';
  /**
   * Instead of host and port: the descriptor of a listening TCP socket, as from socket activation. It is closed at the
   * end.
   */
  readonly fd?: number;
}

/** The address of a listener for connections of processes on this machine. */
export interface LocalSocketOptions {
  /**
   * The path of a UNIX socket. The file of a server that was killed is replaced; any other file at the path is left
   * alone. The file is removed when the server stops listening. On Linux `@name` is an abstract address, which has no
   * file: every user can connect.
   */
  readonly path: string;
  /**
   * The descriptor of a UNIX socket that already listens, as from socket activation. `path` is then only its name. The
   * descriptor is closed at the end; the file is kept.
   */
  readonly fd?: number | undefined;
  /**
   * Permissions of the file: users with write permission can connect. Default 0o600, the server's own user (and root).
   */
  readonly mode?: number | undefined;
  /** Length of the kernel's queue of connections that are not accepted yet (default 1,024; the system may cap it). */
  readonly backlog?: number | undefined;
}

/** The options of a TCP listener: its address, and how new connections are checked. */
export interface ListenOptions extends TcpListenOptions {
  /** Speak TLS. */
  readonly tls?: TlsOptions | undefined;
  /**
   * Addresses and CIDR ranges of proxies. They must send a PROXY header (version 1 or 2) before anything else, TLS
   * included; the address in it is the client's. A PROXY header from any other address is rejected.
   */
  readonly proxyProtocol?: readonly string[] | undefined;
  /**
   * Called for each connection as soon as the address of the client is known, before the cost of a TLS handshake. A
   * connection that it refuses is closed without a message.
   */
  readonly checkAddress?: CheckAddress | undefined;
}

/**
 * Checks a client before it becomes a session. It returns the reason for refusing it; or the ticket of the session,
 * such as that of `SessionLimits.ticket()`; or undefined.
 */
export type CheckAddress = (client: PeerFields) => UnwelcomeReason | object | undefined;

/** The options for listening on a UNIX socket, without TLS and proxies, which are of no use there. */
export interface LocalListenOptions extends LocalSocketOptions {
  /** Called for each connection, with its user. A connection that it refuses is closed without a message. */
  readonly checkAddress?: CheckAddress | undefined;
}

/** The checks of a listener, including the one that only `telpty serve` has. */
export interface PipelineOptions extends Pick<ListenOptions, 'tls' | 'proxyProtocol' | 'checkAddress'> {
  /** Accepts only processes on this machine with this user id (on ports: Linux). */
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
  // Its properties are checked in tls/options.ts, which is loaded on demand: Node's TLS is larger than the rest of a
  // server.
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
