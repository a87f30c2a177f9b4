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
import { dialTcp, roundTripOf, secure } from '../transport/tcp/dial.ts';
import { adoptTcp } from '../transport/tcp/tcp.ts';
import { allowAlways, requestAlways } from './always.ts';
import { type ClientTerminal, clientTable, clientTerminalOptions, hasSize, openNegotiation } from './options.ts';

/** Where to connect to, how, and what to tell there. {@link WaitOptions} hold for the connecting, TLS included. */
export interface ConnectOptions extends WaitOptions {
  /** Address or host name; default `'127.0.0.1'`. */
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
   * Whether to ask for options at once (`'active'`) or to wait until the server speaks of Telnet; default `'passive'`, since not
   * everything that listens understands it. Options are agreed to either way.
   */
  readonly negotiate?: 'active' | 'passive' | undefined;
  readonly terminal?: ClientTerminal | undefined;
  /** Environment variables to send to a server that requests them (RFC 1572, RFC 1408). No others are sent. Default: none. */
  readonly environ?: Readonly<Record<string, string>> | undefined;
  /** The character set that text is in unless the server negotiates another; default `'utf-8'`. */
  readonly encoding?: string | undefined;
  /** Agree to compression, both ways (MCCP2, MCCP3), where the connection is not encrypted; default false. */
  readonly compression?: boolean | undefined;
  /**
   * After this time without output, in milliseconds, NOP is sent to a server that has spoken Telnet; up to half as much
   * later. 0: never, as when it is left out.
   */
  readonly keepAlive?: number | undefined;
  /**
   * In milliseconds; sends DO TIMING-MARK in place of NOP, and ends the session with `hangupReason` `'keep-alive-timeout'` if a
   * server that has answered before neither answers nor sends anything else for this time. 0: NOP, as when it is left out.
   */
  readonly keepAliveTimeout?: number | undefined;
  /** More Telnet options, e.g. `gmcp()`, or of your own; one with a code that is known replaces it. */
  readonly telnetOptions?: readonly OptionDefinition[] | undefined;
  /**
   * Codes of options to offer at once (WILL), and to agree to whenever the server requests them, e.g. `[Option.GMCP]`. An option that
   * is not implemented here is only agreed to: its subnegotiations are `'subnegotiation'` events, and nothing answers them.
   */
  readonly alwaysWill?: readonly number[] | undefined;
  /** The same for options to request of the server (DO). */
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
        // Nothing to whom it has been handed over by now.
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

/** What the rules of single options do not see. */
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
