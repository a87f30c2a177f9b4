/**
 * The web gateway: a page with a terminal, and a WebSocket over which the page speaks Telnet. Each WebSocket becomes a
 * session of the server, as a TCP connection does, so limits, logs and shells treat them alike.
 */
import type { Server as HttpServer, IncomingMessage, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { TelptyError } from '../errors.ts';
import type { ConnectionInfo, Server } from '../server/server.ts';
import { escapeText } from '../shells/output/escape.ts';
import { type IpPeer, peerFields } from '../transport/peer.ts';
import { type AddressList, normalAddress } from '../transport/pre-session/address-list.ts';
import type { Transport } from '../transport/stream/transport.ts';
import { clientOf, hasTooManyHeaders, headerOf, valuesOf, type WebClient } from './client.ts';
import { Login, type LoginOptions, type LoginRequest, type SharedLogins } from './login/login.ts';
import { readPasswordFile } from './login/password-file.ts';
import { readGatewayOptions, USER_NAME, type WebGatewayOptions } from './options.ts';
import { ownPage, PageFiles } from './page-files.ts';
import { RECORDING_FILES, RECORDING_LIST, WebRecordings } from './recordings.ts';
import { answer, answerJson, type Headers, refuseUpgrade, securityHeaders } from './responses.ts';
import { Site } from './site.ts';
import { takeConnection } from './websocket/connection.ts';
import { acceptKeyOf, HANDSHAKE_HEADERS, handshakeAnswer } from './websocket/handshake.ts';
import { TerminalClient } from './websocket/terminal-client.ts';
import { WebSocketTransport } from './websocket/transport.ts';

/**
 * The subprotocols, the preferred one first: those of https://mudstandards.org/websocket, and that of websockify's
 * clients, which carries what the server speaks.
 */
const TELNET_PROTOCOL = 'telnet.mudstandards.org';
const BINARY_PROTOCOL = 'binary';
/** Without Telnet. */
const TERMINAL_PROTOCOL = 'terminal.mudstandards.org';
const PROTOCOLS = [TELNET_PROTOCOL, BINARY_PROTOCOL, TERMINAL_PROTOCOL];
/** The token of a login, in place of a subprotocol: see login/tickets.ts. */
const TOKEN_PREFIX = 'telpty.token.';
/** More subprotocols than any client offers. */
const MOST_PROTOCOLS = 16;

/** The interval of pings, in milliseconds: shorter than the time limits of usual proxies, 60 s. */
const PING_MS = 30_000;

/** The token of a login in other requests than those for WebSockets. */
const TOKEN_HEADER = 'telpty-token';

const TOO_MANY_HEADERS = 'the request has too many headers';
const WRONG_HOST = 'the Host header is not a name of this server; use its address, or configure its public origin';
const WRONG_ORIGIN = 'the page that connects does not belong to this server; configure its origin to allow it';

/** What an HTTP server knows about its connections. */
export interface HttpConnections {
  /** The other end of a connection, if it is not what the socket says. */
  peerOf(socket: Socket): IpPeer | undefined;
  /** The connection has become a WebSocket. */
  released(socket: Socket): void;
}

/** @internal What `telpty serve` adds to the options. */
export interface GatewayHooks {
  readonly logins?: SharedLogins | undefined;
  readonly onLogin?: LoginOptions['onAttempt'];
  /** An operator opens a recording. */
  readonly onRecording?: ((client: WebClient, user: string, name: string) => void) | undefined;
  /**
   * Asks another process for a session. It returns facts about the connection for the server, and a function to call
   * if the client has gone meanwhile; or undefined, if there is none for it.
   */
  readonly admit?: (peer: IpPeer) => Promise<{ readonly info: ConnectionInfo; abandon(): void } | undefined>;
  readonly connections?: HttpConnections;
}

/** A request for the gateway that has passed the checks of its names. */
interface Asked extends LoginRequest {
  readonly path: string;
}

/** A WebSocket that has just been opened. */
interface Opened {
  /** The subprotocol. */
  readonly protocol: string | undefined;
  readonly isSecure: boolean;
  /** What has been read from the connection after the handshake. */
  readonly read: Buffer;
}

/** Serves the page, and makes sessions of WebSockets. See {@link createWebGateway}. */
export class WebGateway implements AsyncDisposable {
  readonly #server: Server;
  readonly #base: string;
  readonly #title: string;
  readonly #proxies: AddressList;
  readonly #site: Site;
  readonly #page: PageFiles | undefined;
  readonly #userHeader: string | undefined;
  readonly #authenticate: WebGatewayOptions['authenticate'];
  readonly #frameAncestors: readonly string[];
  readonly #login: Login | undefined;
  readonly #recordings: WebRecordings | undefined;
  readonly #hooks: GatewayHooks;
  readonly #open = new Set<WebSocketTransport>();
  readonly #attached = new Map<HttpServer, (request: IncomingMessage, socket: Duplex, head: Buffer) => void>();
  #pings: NodeJS.Timeout | undefined;
  #isClosed = false;

  /** @internal Use {@link createWebGateway}. */
  constructor(options: WebGatewayOptions, hooks: GatewayHooks = {}) {
    const settings = readGatewayOptions(options);
    this.#server = settings.server;
    this.#base = settings.base;
    this.#title = settings.title;
    this.#proxies = settings.trustedProxies;
    this.#site = new Site(settings.origins, settings.hosts);
    this.#page = pageOf(settings.page);
    this.#userHeader = settings.userHeader?.toLowerCase();
    this.#authenticate = settings.authenticate;
    this.#frameAncestors = settings.frameAncestors;
    const { passwordFile } = settings;
    this.#login =
      passwordFile === undefined
        ? undefined
        : new Login({ passwordFile, base: this.#base, shared: hooks.logins, onAttempt: hooks.onLogin ?? (() => {}) });
    const { recordings, operators } = settings;
    this.#recordings = recordings === undefined ? undefined : new WebRecordings(recordings, operators);
    this.#hooks = hooks;
  }

  /** The path of the page. */
  get base(): string {
    return this.#base;
  }

  /** The number of open WebSockets. */
  get connections(): number {
    return this.#open.size;
  }

  /**
   * Answers a request, if its path is that of the gateway or below it.
   *
   * @returns whether it did; else the request is for other code.
   */
  handleRequest(request: IncomingMessage, response: ServerResponse): boolean {
    const path = this.#pathIn(request);
    if (path === undefined) return false;
    void this.#respond(path, request, response).catch(error => {
      answer(response, 500, 'internal error\n', {});
      this.#server.emit('error', error as Error);
    });
    return true;
  }

  /**
   * Takes a request for a WebSocket, if its path is `ws` below the base.
   *
   * @param head as in the event `'upgrade'` of a server of `node:http`.
   * @returns whether it did; else the socket is for other code.
   */
  handleUpgrade(request: IncomingMessage, socket: Duplex, head: Buffer): boolean {
    if (this.#pathIn(request) !== 'ws') return false;
    socket.on('error', ignore);
    void this.#upgrade(request, socket, head).catch(error => {
      refuseUpgrade(socket, 500, 'internal error');
      this.#server.emit('error', error as Error);
    });
    return true;
  }

  /**
   * Takes the requests for WebSockets of a server of `node:http` or `node:https`. Other requests for upgrades are left
   * to other listeners; if there is none, they get 404. Pages need {@link handleRequest}.
   */
  attach(server: HttpServer): void {
    if (this.#attached.has(server)) return;
    const upgrade = (request: IncomingMessage, socket: Duplex, head: Buffer) => {
      if (this.handleUpgrade(request, socket, head) || server.listenerCount('upgrade') > 1) return;
      socket.on('error', ignore);
      refuseUpgrade(socket, 404, 'not found');
    };
    this.#attached.set(server, upgrade);
    server.on('upgrade', upgrade);
  }

  /** @internal Reads the file of passwords again. @returns a function that applies it. */
  readPasswords(file: string): () => void {
    const passwords = readPasswordFile(file);
    return () => {
      if (this.#login !== undefined) this.#login.passwords = passwords;
    };
  }

  /** Accepts no more WebSockets. Sessions go on; they are ended by their server. */
  close(): void {
    this.#isClosed = true;
    for (const [server, upgrade] of this.#attached) server.off('upgrade', upgrade);
    this.#attached.clear();
    this.#login?.close();
  }

  /** {@link close}. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.close();
  }

  /** The path below the base; `'..'`, which no file has, for the base without its slash. */
  #pathIn({ url = '' }: IncomingMessage): string | undefined {
    const [path = ''] = url.split('?', 1);
    if (path.startsWith(this.#base)) return path.slice(this.#base.length);
    return `${path}/` === this.#base ? '..' : undefined;
  }

  #headers(host: string | undefined): Headers {
    return securityHeaders(host, this.#frameAncestors);
  }

  /** The client of a request; undefined if the Host header is not a name of this server. */
  #check(path: string, request: IncomingMessage): Asked | undefined {
    const host = this.#site.hostOf(request);
    if (host === undefined) return undefined;
    return { path, request, host, client: clientOf(request, this.#connected(request), this.#proxies) };
  }

  #connected({ socket }: IncomingMessage): IpPeer {
    const { remoteAddress = '', remotePort } = socket;
    return (
      this.#hooks.connections?.peerOf(socket) ?? { kind: 'ip', address: normalAddress(remoteAddress), port: remotePort }
    );
  }

  async #respond(path: string, request: IncomingMessage, response: ServerResponse): Promise<void> {
    const asked = this.#check(path, request);
    const headers = this.#headers(asked?.host);
    if (hasTooManyHeaders(request)) answer(response, 431, `${TOO_MANY_HEADERS}\n`, headers);
    else if (asked === undefined) answer(response, 403, `${WRONG_HOST}\n`, headers);
    else if (path === '..') answer(response, 308, '', { ...headers, Location: this.#base });
    else if (path === 'login' || path === 'logout') await this.#logInOrOut(asked, response, headers);
    else if (request.method !== 'GET' && request.method !== 'HEAD') {
      answer(response, 405, 'method not allowed; use GET or HEAD\n', { ...headers, Allow: 'GET, HEAD' });
    } else if (path === 'config.json') answerJson(response, 200, await this.#config(asked), headers);
    else if (this.#recordings !== undefined && (path === RECORDING_LIST || path.startsWith(RECORDING_FILES))) {
      await this.#respondRecordings(this.#recordings, asked, response, headers);
    } else if (path === 'ws') answer(response, 426, 'connect with a WebSocket\n', { ...headers, Upgrade: 'websocket' });
    else {
      const file = this.#page?.find(path);
      if (file !== undefined) await file.send(request, response, headers);
      else if (path === '') answer(response, 503, 'this installation has no page for browsers\n', headers);
      else answer(response, 404, 'not found\n', headers);
    }
  }

  async #config(asked: Asked): Promise<object> {
    const user = await this.#userOf(asked, undefined, false);
    const needsUser = this.#login !== undefined || this.#userHeader !== undefined || this.#authenticate !== undefined;
    const login = this.#login === undefined ? 'none' : user === undefined ? 'required' : 'done';
    return {
      version: 1,
      title: this.#title,
      login,
      isAllowed: !needsUser || user !== undefined,
      user: user || null,
      recordings: this.#recordings?.isOperator(user) ?? false,
      closeText: null,
    };
  }

  async #logInOrOut(asked: Asked, response: ServerResponse, headers: Headers): Promise<void> {
    const login = this.#login;
    if (login === undefined) answer(response, 404, 'not found\n', headers);
    else if (asked.request.method !== 'POST') {
      answer(response, 405, 'method not allowed; use POST\n', { ...headers, Allow: 'POST' });
    } else if (!this.#isSameSite(asked)) answerJson(response, 403, { error: WRONG_ORIGIN }, headers);
    else if (asked.path === 'login') await login.logIn(asked, response, headers);
    else await login.logOut(asked, response, headers);
  }

  async #respondRecordings(
    recordings: WebRecordings,
    asked: Asked,
    response: ServerResponse,
    headers: Headers,
  ): Promise<void> {
    const { request, client, path } = asked;
    const user = await this.#userOf(asked, headerOf(request, TOKEN_HEADER), true);
    const site = headerOf(request, 'sec-fetch-site') ?? 'same-origin';
    // Other sites could not read the answer, but they could make the server work.
    if (!this.#isSameSite(asked) || !['same-origin', 'none'].includes(site)) {
      answerJson(response, 403, { error: WRONG_ORIGIN }, headers);
    } else if (user === undefined) answerJson(response, 401, { error: 'log in first' }, headers);
    else if (!recordings.isOperator(user)) answerJson(response, 403, { error: 'only for operators' }, headers);
    else {
      const opened = (name: string) => this.#hooks.onRecording?.(client, user, name);
      await recordings.respond(path, request, response, headers, opened);
    }
  }

  #isSameSite({ request, host, client }: Asked): boolean {
    return this.#site.allowsOrigin(request, host, client.isSecure);
  }

  /**
   * The user of a request: `''` if no user is needed, or the user has no name; undefined if the request is refused.
   *
   * @param token of the page.
   * @param needsToken false where it is enough that the user has logged in.
   */
  async #userOf(asked: Asked, token: string | undefined, needsToken: boolean): Promise<string | undefined> {
    const { request, client } = asked;
    if (this.#login !== undefined) {
      return needsToken ? this.#login.userWithToken(asked, token) : this.#login.userOf(asked);
    }
    if (this.#authenticate !== undefined) {
      const user = await this.#authenticate(request);
      return user === undefined || user === '' || USER_NAME.test(user) ? user : undefined;
    }
    if (this.#userHeader === undefined) return '';
    // A repeated header may be that of the client, and ours.
    const [user, ...more] = valuesOf(request, this.#userHeader);
    if (!client.isProxied || user === undefined || more.length > 0) return undefined;
    return USER_NAME.test(user) ? user : undefined;
  }

  async #upgrade(request: IncomingMessage, socket: Duplex, head: Buffer): Promise<void> {
    const asked = this.#check('ws', request);
    const refuse = (status: number, words: string, more: Headers = {}) => {
      this.#refused(asked?.client, request, words);
      refuseUpgrade(socket, status, words, { ...this.#headers(asked?.host), ...more });
    };
    if (this.#isStopped) {
      refuseUpgrade(socket, 503, 'the server is stopping');
      return;
    }
    if (hasTooManyHeaders(request)) {
      refuse(431, TOO_MANY_HEADERS);
      return;
    }
    if (asked === undefined) {
      refuse(403, WRONG_HOST);
      return;
    }
    if (!this.#isSameSite(asked)) {
      refuse(403, WRONG_ORIGIN);
      return;
    }
    const acceptKey = acceptKeyOf(request);
    if (acceptKey === undefined) {
      refuse(426, 'connect with a WebSocket', HANDSHAKE_HEADERS);
      return;
    }
    const offered = offeredProtocols(request);
    const protocol = offered && chosenProtocol(offered);
    if (offered === undefined || (offered.some(isNoToken) && protocol === undefined)) {
      refuse(400, `unsupported subprotocol; use ${TELNET_PROTOCOL}`);
      return;
    }
    const token = offered.find(name => !isNoToken(name))?.slice(TOKEN_PREFIX.length);
    const user = await this.#userOf(asked, token, true);
    if (user === undefined) {
      refuse(401, 'log in first');
      return;
    }
    const { peer: address, isSecure } = asked.client;
    const peer = user === '' ? address : { ...address, user };
    const admitted = this.#hooks.admit === undefined ? { info: {}, abandon() {} } : await this.#hooks.admit(peer);
    if (admitted === undefined) {
      refuseUpgrade(socket, 503, 'too many connections; try again later');
      return;
    }
    if (this.#isStopped || socket.destroyed) {
      admitted.abandon();
      refuseUpgrade(socket, 503, 'the server is stopping');
      return;
    }
    try {
      const { carrier, read } = takeConnection(socket, head);
      carrier.send(handshakeAnswer(acceptKey, protocol), 'control');
      this.#hooks.connections?.released(socket as Socket);
      this.#begin(carrier, { protocol, isSecure, read }, { ...admitted.info, peer, encrypted: isSecure });
    } catch (error) {
      admitted.abandon();
      throw error;
    }
  }

  get #isStopped(): boolean {
    return this.#isClosed || this.#server.isStopped;
  }

  #begin(carrier: Transport, { protocol, isSecure, read }: Opened, info: ConnectionInfo): void {
    const isTelnet = protocol !== TERMINAL_PROTOCOL;
    const webSocket = new WebSocketTransport(carrier, { needsPacing: isTelnet, takesText: !isTelnet, isSecure, read });
    this.#open.add(webSocket);
    this.#pings ??= setInterval(() => this.#ping(), PING_MS).unref();
    const session = this.#server.handle(isTelnet ? webSocket : new TerminalClient(webSocket), info);
    webSocket.endReason = () => session.hangupReason;
    session.once('close', () => this.#open.delete(webSocket));
  }

  #ping(): void {
    for (const transport of this.#open) transport.ping();
    if (this.#open.size > 0) return;
    clearInterval(this.#pings);
    this.#pings = undefined;
  }

  #refused(client: WebClient | undefined, request: IncomingMessage, words: string): void {
    const peer = client?.peer ?? this.#connected(request);
    const { origin = 'none', host = 'none' } = request.headers;
    const message = `${words} (Host ${escapeText(host, 100)}, Origin ${escapeText(origin, 100)})`;
    this.#server.emit('refused', { ...peerFields(peer), reason: 'web', message });
  }
}

/**
 * Makes a gateway for browsers: `createWebGateway({ server })`. It has no port of its own: mount it in a server of
 * `node:http`, or of a framework that is built on it.
 *
 * @example
 * const gateway = createWebGateway({ server });
 * const http = createHttpServer((request, response) => {
 *   if (!gateway.handleRequest(request, response)) response.writeHead(404).end();
 * });
 * gateway.attach(http);
 * http.listen(8080, '127.0.0.1');
 * @throws TelptyError `ERR_INVALID_ARGUMENT`; `ERR_RUNTIME` if the password file or the page cannot be read.
 */
export function createWebGateway(options: WebGatewayOptions): WebGateway {
  return new WebGateway(options);
}

function pageOf(folder: string | false | undefined): PageFiles | undefined {
  if (folder === false) return undefined;
  if (folder !== undefined) return new PageFiles(folder);
  try {
    return new PageFiles(ownPage());
  } catch (error) {
    // A build of the sources without the page; a request for the page says so.
    if (error instanceof TelptyError) return undefined;
    throw error;
  }
}

/** The subprotocols that a client offers; undefined if there are too many. */
function offeredProtocols(request: IncomingMessage): string[] | undefined {
  const names = valuesOf(request, 'sec-websocket-protocol')
    .flatMap(header => header.split(','))
    .map(name => name.trim())
    .filter(name => name !== '');
  return names.length > MOST_PROTOCOLS ? undefined : names;
}

const isNoToken = (name: string) => !name.startsWith(TOKEN_PREFIX);

function chosenProtocol(offered: readonly string[]): string | undefined {
  return PROTOCOLS.find(known => offered.includes(known));
}

function ignore(): void {}
