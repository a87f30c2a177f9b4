import { isIP } from 'node:net';
import type { Duplex } from 'node:stream';
import type { ConnectionOptions } from 'node:tls';
import { canonicalCharset } from '../charset/index.ts';
import { encodingOption } from '../charset/option.ts';
import {
  boolean,
  check,
  duration,
  either,
  list,
  nested,
  type OptionsOf,
  type OptionTable,
  object,
  oneOf,
  readOptions,
  record,
  text,
  whole,
} from '../options.ts';
import type { OptionDefinition } from '../protocol/index.ts';
import { type WaitOptions, waitOptions, within } from '../session/conversation/waiting.ts';
import { Session } from '../session/session.ts';
import type { Peer } from '../transport/peer.ts';
import type { Transport } from '../transport/stream/transport.ts';
import { dialTcp, prepareTls, roundTripOf, secure } from '../transport/tcp/dial.ts';
import { adoptTcp } from '../transport/tcp/tcp.ts';
import { allowAlways, requestAlways } from './always.ts';
import { type ClientTerminal, clientTable, clientTerminalOptions, hasSize, openNegotiation } from './options.ts';

/**
 * Where and how to connect, and what to report to the server. {@link WaitOptions} apply to connecting, TLS included.
 */
export interface ConnectOptions extends WaitOptions {
  /** Address or host name; default `'127.0.0.1'`. */
  readonly host?: string | undefined;
  /** 1 to 65535; default 23, with TLS 992. */
  readonly port?: number | undefined;
  /** The local address of the connection. */
  readonly localAddress?: string | undefined;
  /** 4 or 6: only addresses of this family; default both. */
  readonly family?: 4 | 6 | undefined;
  /**
   * Use TLS from the first byte (telnets): `true`, or options of Node's `tls.connect()`, such as `ca`. The certificate
   * is verified, and compared with `host`, unless the options set `rejectUnauthorized` to `false`.
   */
  readonly tls?: boolean | ConnectionOptions | undefined;
  /**
   * An existing connection instead of `host`, e.g. an ssh2 channel or a stream of a test; the session owns it from now
   * on.
   */
  readonly stream?: Duplex | undefined;
  /**
   * Whether to request options at once (`'active'`) or to wait until the server sends a Telnet command; default
   * `'passive'`, since not every server understands Telnet. The client agrees to options in both cases.
   */
  readonly negotiate?: 'active' | 'passive' | undefined;
  readonly terminal?: ClientTerminal | undefined;
  /**
   * Environment variables to send to a server that requests them (RFC 1572, RFC 1408). No others are sent. Default:
   * none.
   */
  readonly environ?: Readonly<Record<string, string>> | undefined;
  /** The character set of text, unless the server negotiates another; default `'utf-8'`. */
  readonly encoding?: string | undefined;
  /** Agree to compression in both directions (MCCP2, MCCP3) if the connection is not encrypted; default false. */
  readonly compression?: boolean | undefined;
  /**
   * After this time without output, in milliseconds, NOP is sent to a server that has sent a Telnet command. It is sent
   * up to half as much later. 0 or omitted: never.
   */
  readonly keepAlive?: number | undefined;
  /**
   * In milliseconds; DO TIMING-MARK is sent instead of NOP. If a server that has answered one neither answers nor sends
   * anything else for this time, the session ends with `hangupReason` `'keep-alive-timeout'`. 0 or omitted: NOP.
   */
  readonly keepAliveTimeout?: number | undefined;
  /** Additional Telnet options, e.g. `gmcp()` or your own; one with a known code replaces the existing option. */
  readonly telnetOptions?: readonly OptionDefinition[] | undefined;
  /**
   * Codes of options to offer at once (WILL), and to agree to whenever the server requests them, e.g. `[Option.GMCP]`.
   * An option that is not implemented here is only agreed to: its subnegotiations are `'subnegotiation'` events, and
   * are not answered.
   */
  readonly alwaysWill?: readonly number[] | undefined;
  /** The same for options to request from the server (DO). */
  readonly alwaysDo?: readonly number[] | undefined;
}

export const connectOptions = {
  ...waitOptions,
  host: text({ default: '127.0.0.1', allowed: 'an address or a name', holds: host => host !== '' }),
  port: whole({ min: 1, max: 65_535 }),
  localAddress: text({ allowed: 'an address', holds: address => isIP(address) !== 0 }),
  family: oneOf([4, 6]),
  tls: either(boolean(), object<ConnectionOptions>(), { default: false }),
  stream: object('a Duplex', ({ pipe, write }) => typeof pipe === 'function' && typeof write === 'function'),
  negotiate: oneOf(['active', 'passive'], { default: 'passive' }),
  terminal: nested<ClientTerminal>(clientTerminalOptions),
  environ: record(text(), { default: {} }),
  encoding: encodingOption,
  compression: boolean({ default: false }),
  keepAlive: duration({ default: 0 }),
  keepAliveTimeout: duration({ default: 0 }),
  telnetOptions: list(
    object('the definition of a Telnet option', ({ code }) => typeof code === 'number'),
    { default: [] },
  ),
  alwaysWill: list(whole({ max: 255 }), { default: [] }),
  alwaysDo: list(whole({ max: 255 }), { default: [] }),
} satisfies OptionTable<ConnectOptions>;

type ConnectSettings = OptionsOf<typeof connectOptions>;

const TELNET_PORT = 23;
const TELNETS_PORT = 992;

/**
 * Connects to a Telnet server. The session is the same class as on the server, a Duplex: read the server's output,
 * write the user's input. When the server has closed its side and all output is read, the session ends, too. A broken
 * connection emits `'close'`, with the reason in `session.errored`, and needs no listener for `'error'`.
 *
 *     const session = await connect({ host: 'localhost', port: 6023 });
 *     await session.login({ username: 'ada', password });
 *     console.log(await session.exec('uptime'));
 *     session.end('exit\r\n');
 *
 * @throws (rejects) TelptyError `ERR_INVALID_ARGUMENT`; `ERR_CONNECT`; `ERR_TLS`; `ERR_TIMEOUT`; the signal's reason.
 */
export async function connect(options: ConnectOptions): Promise<Session> {
  const settings = readOptions('connect', connectOptions, options);
  checkTogether(options);
  const { terminal = {}, negotiate, compression, timeout, signal } = settings;
  const encoding = canonicalCharset(settings.encoding)!;
  const variables = new Map(Object.entries(settings.environ));
  const agrees = compression && !isEncrypted(settings);
  const { telnetOptions: own } = settings;
  const known = clientTable({ terminal, environ: variables, encoding, compression: agrees, own });
  const table = allowAlways(known, own, settings);
  const { transport, roundTripMs, peer } = await within<Opened>(
    'connection',
    { timeout, signal },
    ({ resolve, reject }) => {
      const stop = new AbortController();
      open(settings, stop.signal).then(resolve, reject);
      return () => {
        // This does not affect a connection that has been handed over by now.
        stop.abort();
        return undefined;
      };
    },
  );
  const session = new Session(transport, {
    telnet: { options: table, carriageReturn: 'text', compatibility: 'tolerant', roundTripMs },
    encoding,
    keepAlive: { interval: settings.keepAlive, timeout: settings.keepAliveTimeout },
    peer,
  });
  session.on('error', ignore).once('end', leave);
  if (hasSize(terminal)) session.resize(terminal.columns ?? 0, terminal.rows ?? 0);
  if (negotiate === 'active') openNegotiation(session, table);
  requestAlways(session, settings);
  return session;
}

/** Checks that the rules of single options cannot express. */
function checkTogether(options: ConnectOptions): void {
  const { host, family, tls, stream, keepAlive = 0, keepAliveTimeout = 0 } = options;
  const separate = separateHost(host ?? '');
  check(separate === undefined, `host: '${host}' is not an address or a host name; write ${separate}`);
  const { default: loopback } = connectOptions.host;
  const version = isIP(host ?? loopback);
  check(
    family === undefined || stream !== undefined || version === 0 || version === family,
    `family: ${family} does not fit host ${host ?? loopback}, which is an IPv${version} address; leave family out`,
  );
  check(
    stream === undefined || (host === undefined && !tls),
    'stream excludes host, port and tls: it is already connected',
  );
  check(keepAliveTimeout === 0 || keepAlive > 0, 'keepAliveTimeout has no effect without keepAlive');
}

/** `HOST:PORT` and `[ADDRESS]:PORT` as options; `undefined` for an address or a name. */
function separateHost(host: string): string | undefined {
  const [, address, first, name, second] = /^(?:\[([^\]]+)\](?::(\d*))?|([^:]+):(\d*))$/.exec(host) ?? [];
  const [target, port] = [address ?? name, first || second];
  if (target === undefined) return undefined;
  return `host: '${target}'${port ? `, port: ${port}` : ''}`;
}

function isEncrypted({ tls, stream }: ConnectSettings): boolean {
  return Boolean(tls) || (stream as { encrypted?: unknown } | undefined)?.encrypted === true;
}

interface Opened {
  readonly transport: Duplex | Transport;
  readonly roundTripMs: number;
  readonly peer?: Peer;
}

async function open(options: ConnectSettings, signal: AbortSignal): Promise<Opened> {
  const { host, tls, stream, localAddress, family } = options;
  if (stream !== undefined) return { transport: stream, roundTripMs: 0 };
  const port = options.port ?? (tls ? TELNETS_PORT : TELNET_PORT);
  const prepared = tls ? prepareTls(tls === true ? {} : tls) : undefined;
  const socket = await dialTcp({ host, port, localAddress, family }, signal);
  const { remoteAddress: address, remotePort } = socket;
  const secured = prepared && (await secure(socket, { host, port }, prepared, signal));
  // Aborted at the moment when it was done.
  if (signal.aborted) socket.destroy();
  const peer: { peer?: Peer } = address === undefined ? {} : { peer: { kind: 'ip', address, port: remotePort } };
  return { transport: secured ?? adoptTcp(socket), roundTripMs: roundTripOf(socket), ...peer };
}

function ignore(): void {}

/** The server has closed its side, and all output is read. */
function leave(this: Session): void {
  this.end();
}
