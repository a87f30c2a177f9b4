/**
 * `--metrics`: a small HTTP server for monitoring: `/metrics`, `/healthz`, `/readyz`.
 *
 * It runs in the process that serves the sessions, so excessive requests must not slow them down. It accepts few
 * connections, for a short time, one request on each, and collects the counts at most ten times per second.
 *
 * Wherever it listens, it answers only requests to addresses and to names of this machine. Otherwise a web page whose
 * own name resolves to this machine (DNS rebinding) could read the metrics, in a browser that can reach it.
 */
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { TelptyError } from '../../errors.ts';
import { escapeText } from '../../shells/output/escape.ts';
import { isOwnName, nameInHost } from '../../web/site.ts';
import { formatAddress } from '../log/format.ts';
import type { Log } from '../log/log.ts';
import { isLoopback } from '../serve/settings.ts';
import type { MetricsReport } from './report.ts';
import { expose } from './totals.ts';

/** The maximum number of connections; further ones are closed. */
const MOST_CONNECTIONS = 16;
/** The time limit for a request to arrive, and for its answer to be sent, in milliseconds. */
const TIMEOUT_MS = 5_000;
/** The interval of the checks for requests over the time limit, in milliseconds. */
const CHECK_MS = 1_000;
/** The longest headers of a request, in bytes. */
const MOST_HEADERS = 4 * 1024;
/** How long an answer is reused, in milliseconds. */
const HOLDS_MS = 100;

/** The interval of attempts to listen on a port that another server uses, in milliseconds. */
const RETRY_MS = 500;

const UNKNOWN_NAME = 'the Host header is not a name of this server; use its address, or the name given to --metrics\n';

/** The server that is monitored. */
export interface Watched {
  /** The latest metrics of every process. */
  report(): Promise<readonly MetricsReport[]>;
  /** Why the server would not serve a new client, as text; `undefined` if it would. */
  unready(): string | undefined;
}

/** The server. */
export interface MetricsEndpoint {
  close(): Promise<void>;
}

/** The address of the endpoint, and how it listens. */
export interface EndpointOptions {
  readonly host: string;
  readonly port: number;
  /** Whether to wait for a port that is in use: that of the server which this one replaces. */
  readonly patient: boolean;
  /** Called with the URL once it listens. */
  readonly onListening: (url: string) => void;
}

/**
 * Opens the endpoint.
 *
 * @throws (rejects) TelptyError `ERR_RUNTIME` if it cannot listen.
 */
export async function openMetrics(options: EndpointOptions, watched: Watched, log: Log): Promise<MetricsEndpoint> {
  const { host, port } = options;
  const scrape = latest(async () => expose(await watched.report()));
  let mayAsk: (host: string | undefined) => boolean = () => false;
  const server = createServer(
    {
      maxHeaderSize: MOST_HEADERS,
      headersTimeout: TIMEOUT_MS,
      requestTimeout: TIMEOUT_MS,
      connectionsCheckingInterval: CHECK_MS,
    },
    (request, response) => {
      respond(request, response).catch(error => {
        log.error(`metrics: ${escapeText(String((error as Error).message), 200)}`);
        if (!response.headersSent) answer(response, 500, 'internal error\n');
        else response.destroy();
      });
    },
  );
  server.maxConnections = MOST_CONNECTIONS;
  server.setTimeout(TIMEOUT_MS, socket => socket.destroy());

  async function respond(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { method, url = '', headers } = request;
    const [path] = url.split('?', 1);
    if (!mayAsk(headers.host)) answer(response, 403, UNKNOWN_NAME);
    else if (method !== 'GET' && method !== 'HEAD')
      answer(response, 405, 'method not allowed; use GET or HEAD\n', { Allow: 'GET, HEAD' });
    else if (path === '/healthz') answer(response, 200, 'ok\n');
    else if (path === '/readyz') {
      const reason = watched.unready();
      answer(response, reason === undefined ? 200 : 503, `${reason ?? 'ready'}\n`);
    } else if (path === '/metrics') {
      const { type, text } = await scrape();
      answer(response, 200, text, { 'Content-Type': type });
    } else answer(response, 404, 'not found; paths are /metrics, /healthz and /readyz\n');
  }

  const listen = async () => {
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject);
      server.listen({ host, port }, () => {
        server.off('error', reject);
        resolve();
      });
    });
    server.on('error', error => log.error(`metrics: ${escapeText(error.message, 200)}`));
    const bound = server.address() as AddressInfo;
    // Requests of HTTP/1.0 may have none.
    mayAsk = name => name === undefined || isOurs(name, host, isLoopback(bound.address));
    options.onListening(`http://${formatAddress(bound.address, bound.port)}/`);
  };

  let retry: NodeJS.Timeout | undefined;
  let closed = false;
  const wait = () => {
    retry = setTimeout(() => listen().catch(() => closed || wait()), RETRY_MS);
  };
  try {
    await listen();
  } catch (error) {
    if (!options.patient || (error as NodeJS.ErrnoException).code !== 'EADDRINUSE') throw listenError(error, options);
    log.warn(`metrics: ${formatAddress(host, port)} is in use; metrics start when it is free`);
    wait();
  }
  return {
    close: () =>
      new Promise(resolve => {
        closed = true;
        clearTimeout(retry);
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

/** Whether the `Host` of a request is a name of this server, or the name that was listened on. */
function isOurs(header: string, own: string, onLoopback: boolean): boolean {
  const name = nameInHost(header);
  return name !== undefined && (isOwnName(name, onLoopback) || name === own.toLowerCase());
}

function answer(response: ServerResponse, status: number, text: string, headers: Record<string, string> = {}): void {
  response.writeHead(status, {
    'Content-Type': 'text/plain; charset=utf-8',
    'Content-Length': Buffer.byteLength(text),
    'Cache-Control': 'no-store',
    'X-Content-Type-Options': 'nosniff',
    // Further requests on the connection are not read.
    Connection: 'close',
    ...headers,
  });
  // (For HEAD, Node sends no body.)
  response.end(text);
}

/** Requests that arrive while another is answered, or shortly after it, get the same answer. */
function latest<T>(make: () => Promise<T>): () => Promise<T> {
  let current: Promise<T> | undefined;
  return () => {
    if (current === undefined) {
      const made = make();
      current = made;
      const forget = () => setTimeout(() => (current = undefined), HOLDS_MS).unref();
      made.then(forget, forget);
    }
    return current;
  };
}

function listenError(error: unknown, { host, port }: EndpointOptions): TelptyError {
  const reasons: Readonly<Record<string, string>> = {
    EADDRINUSE: 'is already in use (choose another port)',
    EACCES: 'needs a privilege (ports below 1024); choose another port',
    EADDRNOTAVAIL: 'is not an address of this machine',
    ENOTFOUND: 'names an unknown host',
  };
  const { code = 'unknown error' } = error as NodeJS.ErrnoException;
  const why = reasons[code] ?? `cannot be used for listening: ${code}`;
  return new TelptyError('ERR_RUNTIME', `--metrics: ${formatAddress(host, port)} ${why}`, {
    cause: error,
    systemCode: code,
  });
}
