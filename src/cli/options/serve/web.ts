/** The gateway for browsers. */
import { webGatewayOptions as web } from '../../../web/options.ts';
import * as library from '../library.ts';
import { flag, type OptionTable } from '../options.ts';
import * as values from '../values.ts';

export const webOptions = {
  web: {
    argument: '[ADDR:]PORT',
    parse: values.endpoint,
    defaultWords: 'off',
    help: 'serve a page with a terminal at `http://ADDR:PORT/`, or `https://` with `--tls-cert`; ADDR is 127.0.0.1 if omitted; port 0 picks a free port',
    see: 'docs/web.md',
  },
  'web-base': {
    argument: 'PATH',
    ...library.text(web.base, values.webBase),
    help: 'path of the page, if a reverse proxy serves other pages at `/`',
  },
  'web-origin': {
    argument: 'ORIGIN,...',
    ...library.setsWithDefault(web.origins, values.origins, values.writtenRanges),
    defaultWords: 'its own',
    help: 'public origins of the page, such as `https://play.example.org`: pages of other origins cannot connect; their names are accepted in the Host header',
  },
  'web-trust': {
    argument: 'CIDR,...',
    ...library.setsWithDefault(web.trustedProxies, values.ranges, values.writtenRanges),
    defaultWords: 'none',
    help: 'reverse proxies: `X-Forwarded-For`, `X-Forwarded-Proto` or a PROXY header from these ranges has the address of the client',
  },
  'web-password': {
    argument: 'FILE',
    ...library.sets(web.passwordFile, values.text),
    help: 'users and passwords, made with `htpasswd -B`; without it everyone may connect; programs find the user in `REMOTE_USER`; SIGHUP reads it again',
  },
  'web-user-header': {
    argument: 'NAME',
    ...library.sets(web.userHeader, values.headerName),
    help: 'header in which a proxy of `--web-trust` reports the user who has logged in there; connections without it are refused',
  },
  'web-operators': {
    argument: 'NAME,...',
    ...library.setsWithDefault(web.operators, values.userNames, values.writtenRanges),
    defaultWords: 'none',
    help: 'users of `--web-password` or `--web-user-header` who may operate the server: see `--web-recordings`',
  },
  'web-recordings': {
    ...flag,
    help: 'the users in `--web-operators` can list and play the recordings of `--record` in the page',
  },
} as const satisfies OptionTable;
