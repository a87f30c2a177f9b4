import { isIP } from 'node:net';
import type { Duplex } from 'node:stream';
import type { ConnectionOptions } from 'node:tls';
import { canonicalCharset } from '../charset/index.ts';
import { check, checkKeys, checkPort } from '../check.ts';
import type { OptionDefinition } from '../protocol/index.ts';
import { type WaitOptions, within } from '../session/conversation/waiting.ts';
import { Session } from '../session/session.ts';
import type { Peer } from '../transport/peer.ts';
import type { Transport } from '../transport/stream/transport.ts';
import { dialTcp, roundTripOf, secure } from '../transport/tcp/dial.ts';
import { adoptTcp } from '../transport/tcp/tcp.ts';
import { type ClientTerminal, clientTable, hasSize, openNegotiation } from './options.ts';

/** Where to connect to, how, and what to tell there. {@link WaitOptions} hold for the connecting, TLS included. */
export interface ConnectOptions extends WaitOptions {
  /** Address or host name; `'127.0.0.1'` unless told. */
  readonly host?: string | undefined;
  /** 1 to 65535; default 23, with TLS 992. */
  readonly port?: number | undefined;
  /** The address to connect from. */
  readonly localAddress?: string | undefined;
  /** 4 or 6: addresses of this kind only; default both. */
  readonly family?: 4 | 6 | undefined;
  /**
   * Speak TLS from the first byte (telnets): `true`, or options of Node's `tls.connect()`, such as `ca`. The certificate is
   * verified, and compared with `host`, unless `rejectUnauthorized` is `false` in them.
   */
  readonly tls?: boolean | ConnectionOptions | undefined;
  /** A connection that is there already, an ssh2 channel or a test's stream, instead of `host`; it is the session's from now on. */
  readonly stream?: Duplex | undefined;
  /**
   * Whether to ask for options at once (`'active'`) or to wait until the server speaks of Telnet (`'passive'`, the default),
   * since not everything that listens understands it. Options are agreed to either way.
   */
  readonly negotiate?: 'active' | 'passive' | undefined;
  readonly terminal?: ClientTerminal | undefined;
  /** Environment variables that a server which asks is told (RFC 1572, RFC 1408). Nothing else ever is; default none. */
  readonly environ?: Readonly<Record<string, string>> | undefined;
  /** The character set that text is in unless the server negotiates another; default UTF-8. */
  readonly encoding?: string | undefined;
  /** Agree to compression, both ways (MCCP2, MCCP3), where the connection is not encrypted; default false. */
  readonly compression?: boolean | undefined;
  /** More Telnet options, e.g. `gmcp()`, or of your own; one with a code that is known replaces it. */
  readonly options?: readonly OptionDefinition[] | undefined;
}

const KEYS = [
  ...['host', 'port', 'localAddress', 'family', 'tls', 'stream', 'timeout', 'signal'],
  ...['negotiate', 'terminal', 'environ', 'encoding', 'compression', 'options'],
];
const TERMINAL_KEYS = ['type', 'columns', 'rows', 'speed', 'display', 'location'];

const LOOPBACK = '127.0.0.1';
const TELNET_PORT = 23;
const TELNETS_PORT = 992;

/**
 * Connects to a Telnet server. The session is the same class as on the server: a Duplex, read what is shown, write what is
 * typed. When the server closes its side and all has been read, the session ends too. A connection that breaks ends in
 * `'close'`, with the reason in `session.errored`, and needs no listener for `'error'`.
 *
 *     const session = await connect({ host: 'localhost', port: 6023 });
 *     await session.login({ username: 'ada', password });
 *     console.log(await session.exec('uptime'));
 *     session.end('exit\r\n');
 *
 * @throws (rejects) TelptyError `ERR_INVALID_ARGUMENT`; `ERR_CONNECT`; `ERR_TLS`; `ERR_TIMEOUT`; the signal's reason.
 */
export async function connect(options: ConnectOptions): Promise<Session> {
  checkOptions(options);
  const { terminal = {}, negotiate = 'passive', compression = false, timeout, signal } = options;
  const encoding = canonicalCharset(options.encoding ?? 'UTF-8')!;
  const variables = new Map(Object.entries(options.environ ?? {}));
  const agrees = compression && !isEncrypted(options);
  const table = clientTable({
    terminal,
    environ: variables,
    encoding,
    compression: agrees,
    own: options.options ?? [],
  });
  const { transport, roundTripMs, peer } = await within<Opened>(
    'a connection',
    { timeout, signal },
    ({ resolve, reject }) => {
      const stop = new AbortController();
      open(options, stop.signal).then(resolve, reject);
      return () => {
        // Nothing to whom it has been handed over by now.
        stop.abort();
        return undefined;
      };
    },
  );
  const session = new Session(transport, {
    telnet: { options: table, carriageReturn: 'text', compatibility: 'tolerant', roundTripMs },
    encoding,
    peer,
  });
  session.on('error', ignore).once('end', leave);
  if (hasSize(terminal)) session.resize(terminal.columns ?? 0, terminal.rows ?? 0);
  if (negotiate === 'active') openNegotiation(session, table);
  return session;
}

function checkOptions(options: ConnectOptions): void {
  check(typeof options === 'object' && options !== null, 'connect() takes options');
  checkKeys('the options of connect', options, KEYS);
  const { host, port, family, tls, stream, negotiate, terminal, environ, encoding, compression } = options;
  check(host === undefined || (typeof host === 'string' && host !== ''), 'host must be an address or a name');
  const separate = separateHost(host ?? '');
  check(separate === undefined, `host: '${host}' is not an address or a name; write ${separate}`);
  checkPort(port);
  check(family === undefined || family === 4 || family === 6, `family must be 4 or 6, not ${family}`);
  const version = isIP(host ?? LOOPBACK);
  check(
    family === undefined || stream !== undefined || version === 0 || version === family,
    `family: ${family} does not fit host ${host ?? LOOPBACK}, which is an IPv${version} address; leave family out`,
  );
  check(tls === undefined || typeof tls === 'boolean' || typeof tls === 'object', 'tls must be a boolean or options');
  check(
    stream === undefined || (host === undefined && !tls),
    'a stream is connected already: no host and no TLS for it',
  );
  check(negotiate === undefined || ['active', 'passive'].includes(negotiate), "negotiate is 'active' or 'passive'");
  check(compression === undefined || typeof compression === 'boolean', 'compression must be a boolean');
  if (terminal !== undefined) checkKeys('the options of terminal', terminal, TERMINAL_KEYS);
  const known = encoding === undefined || canonicalCharset(encoding) !== undefined;
  check(known, `there is no character set '${encoding}'`);
  for (const [name, value] of Object.entries(environ ?? {})) {
    check(name !== '' && typeof value === 'string', 'environ must have strings by name');
  }
}

/** `HOST:PORT` and `[ADDRESS]:PORT` as options; `undefined` for an address or a name. */
function separateHost(host: string): string | undefined {
  const [, address, first, name, second] = /^(?:\[([^\]]+)\](?::(\d*))?|([^:]+):(\d*))$/.exec(host) ?? [];
  const [target, port] = [address ?? name, first || second];
  if (target === undefined) return undefined;
  return `host: '${target}'${port ? `, port: ${port}` : ''}`;
}

function isEncrypted({ tls, stream }: ConnectOptions): boolean {
  return Boolean(tls) || (stream as { encrypted?: unknown } | undefined)?.encrypted === true;
}

interface Opened {
  readonly transport: Duplex | Transport;
  readonly roundTripMs: number;
  readonly peer?: Peer;
}

async function open(options: ConnectOptions, signal: AbortSignal): Promise<Opened> {
  const { host = '127.0.0.1', tls = false, stream, localAddress, family } = options;
  if (stream !== undefined) return { transport: stream, roundTripMs: 0 };
  const port = options.port ?? (tls ? TELNETS_PORT : TELNET_PORT);
  const socket = await dialTcp({ host, port, localAddress, family }, signal);
  const { remoteAddress: address, remotePort } = socket;
  const secured = tls ? await secure(socket, { host, port }, tls === true ? {} : tls, signal) : undefined;
  // Called off in the moment in which it was done.
  if (signal.aborted) socket.destroy();
  const peer: { peer?: Peer } = address === undefined ? {} : { peer: { kind: 'ip', address, port: remotePort } };
  return { transport: secured ?? adoptTcp(socket), roundTripMs: roundTripOf(socket), ...peer };
}

function ignore(): void {}

/** The server has closed its side, and all has been read. */
function leave(this: Session): void {
  this.end();
}
