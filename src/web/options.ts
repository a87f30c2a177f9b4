/** The options of `createWebGateway()`. */
import type { IncomingMessage } from 'node:http';
import { callback, check, list, type OptionTable, object, readOptions, required, text, where } from '../options.ts';
import type { Server } from '../server/server.ts';
import { AddressList } from '../transport/pre-session/address-list.ts';

/** Options of `createWebGateway()`. */
export interface WebGatewayOptions {
  /** The server whose sessions the browsers get. It need not listen on a port. */
  readonly server: Server;
  /** The path of the page; everything else is below it, the WebSocket at `ws`. It ends in a slash. Default `'/'`. */
  readonly base?: string;
  /** The title of the page. Default `'telpty'`. */
  readonly title?: string;
  /**
   * A folder with a page of your own: its files are served, `index.html` at the base. `false`: no page, only the
   * WebSocket and `config.json`. Default: the page of telpty.
   */
  readonly page?: string | false | undefined;
  /**
   * Origins whose pages may connect besides that of the gateway itself, as `https://play.example.org`. Their host names
   * are also accepted as names of this server. Behind a reverse proxy, name the public origin. Default: none.
   */
  readonly origins?: readonly string[];
  /**
   * Names of this server for the Host header. Accepted without this: `localhost`, addresses, the name of this machine
   * unless the connection is on loopback, the names in its TLS certificate, and those of `origins`. Default: none.
   */
  readonly hosts?: readonly string[];
  /**
   * Addresses and CIDR ranges of reverse proxies: `X-Forwarded-For` and `X-Forwarded-Proto` of their requests are used.
   * The client is the right-most address that is not a proxy. Default: none.
   */
  readonly trustedProxies?: readonly string[];
  /**
   * A file of users and passwords, as `htpasswd -B` makes it (bcrypt): only these may connect. The user name is in
   * `session.peer.user`, and programs of `ptyShell` find it in `REMOTE_USER`. Default: everyone may connect.
   */
  readonly passwordFile?: string | undefined;
  /**
   * The name of a header in which a trusted proxy reports the user. Requests without it, and requests from elsewhere,
   * are refused. Default: none.
   */
  readonly userHeader?: string | undefined;
  /**
   * Decides who may connect, in place of `passwordFile` and `userHeader`: called for each WebSocket, and for
   * `config.json`. It returns the name of the user, `''` for a user without a name, or `undefined` to refuse
   * the request.
   */
  readonly authenticate?: ((request: IncomingMessage) => string | undefined | Promise<string | undefined>) | undefined;
  /**
   * The directory of the recordings that `record()` writes: users who are named in `operators` can list and play them
   * in the page. It needs `operators`, and `passwordFile`, `userHeader` or `authenticate`. Default: none.
   */
  readonly recordings?: string | undefined;
  /** The names of the users who may operate the server. Default: none. */
  readonly operators?: readonly string[];
  /** Sources of CSP's `frame-ancestors`: pages that may show this one in a frame. Default: none. */
  readonly frameAncestors?: readonly string[];
}

/** The pattern of the names of users that the gateway accepts: they become the value of an environment variable. */
export const USER_NAME = /^[A-Za-z0-9_][A-Za-z0-9._@+-]{0,63}$/;

const BASE = /^\/(?:[A-Za-z0-9._~-]+\/)*$/;

/** Whether a text is the path of a page. */
export function isBase(path: string): boolean {
  return BASE.test(path) && !/\/\.{1,2}\//.test(path);
}

/** Whether a text is an origin, as browsers write it: `https://play.example.org`, `http://10.0.0.1:8080`. */
export function isOrigin(origin: string): boolean {
  return /^https?:\/\//.test(origin) && URL.canParse(origin) && new URL(origin).origin === origin;
}

/** Whether a text can be the name of a header. */
export function isHeaderName(name: string): boolean {
  return /^[A-Za-z0-9-]{1,64}$/.test(name);
}

export const webGatewayOptions = {
  // (Not by its class: the options of the command line are loaded without the server.)
  server: required(object<Server>('the result of createServer()', ({ handle }) => typeof handle === 'function')),
  base: text({ default: '/', allowed: "a path that begins and ends with '/'", holds: isBase }),
  title: text({
    default: 'telpty',
    allowed: 'a string of at most 200 characters',
    holds: ({ length }) => length <= 200,
  }),
  page: where<string | false>(
    'a folder, or false',
    value => value === false || (typeof value === 'string' && value !== ''),
  ),
  origins: list(text({ allowed: 'an origin such as https://play.example.org', holds: isOrigin }), { default: [] }),
  hosts: list(text({ allowed: 'a host name', holds: host => /^[A-Za-z0-9._-]+$/.test(host) }), { default: [] }),
  trustedProxies: list(text(), { default: [] }),
  passwordFile: text({ allowed: 'the name of a file', holds: file => file !== '' }),
  userHeader: text({ allowed: 'the name of a header', holds: isHeaderName }),
  authenticate: callback<NonNullable<WebGatewayOptions['authenticate']>>(),
  recordings: text({ allowed: 'the name of a directory', holds: directory => directory !== '' }),
  operators: list(text({ allowed: 'the name of a user', holds: name => USER_NAME.test(name) }), { default: [] }),
  frameAncestors: list(
    text({ allowed: "a source of CSP, such as 'self'", holds: source => /^[^\s;,]+$/.test(source) }),
    {
      default: [],
    },
  ),
} satisfies OptionTable<WebGatewayOptions>;

/** @throws TelptyError `ERR_INVALID_ARGUMENT` */
export function readGatewayOptions(options: WebGatewayOptions) {
  const settings = readOptions('createWebGateway', webGatewayOptions, options);
  const { passwordFile, userHeader, authenticate, trustedProxies, recordings, operators } = settings;
  const ways = [passwordFile, userHeader, authenticate].filter(way => way !== undefined);
  check(ways.length <= 1, 'passwordFile, userHeader and authenticate exclude each other');
  check(userHeader === undefined || trustedProxies.length > 0, 'userHeader needs trustedProxies');
  check(recordings === undefined || operators.length > 0, 'recordings needs operators');
  check(operators.length === 0 || ways.length > 0, 'operators needs passwordFile, userHeader or authenticate');
  return { ...settings, trustedProxies: AddressList.parse(trustedProxies) };
}
