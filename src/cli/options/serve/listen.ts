/** The listeners of the server. */
import { listenOptions as listen, localListenOptions as local } from '../../../transport/listen-options.ts';
import * as library from '../library.ts';
import { flag, type OptionTable } from '../options.ts';
import * as values from '../values.ts';

export const listenOptions = {
  host: { argument: 'ADDR', ...library.text(listen.host, values.host), help: 'address to listen on' },
  port: {
    argument: 'N|none',
    parse: values.listenPort,
    default: '6023',
    help: 'port to listen on; 0 picks a free port; `none`: only the UNIX socket of `--socket`',
  },
  socket: {
    argument: 'PATH',
    parse: values.socketPath,
    help: 'listen on a UNIX socket as well, without TLS; programs find the user in `REMOTE_USER`; `@NAME`: an abstract socket (Linux)',
  },
  'socket-mode': {
    argument: 'MODE',
    ...library.setsWithDefault(local.mode, values.fileMode, values.writtenMode),
    help: 'file mode of the UNIX socket in octal: users with write permission can connect',
  },
  'proxy-protocol': {
    argument: 'CIDR,...',
    ...library.setsWithDefault(listen.proxyProtocol, values.ranges, values.writtenRanges),
    defaultWords: 'none',
    help: 'proxies in these ranges must send a PROXY header (v1 or v2), whose address is that of the client; no other client may. Loopback then counts as an open port',
  },
  'reuse-port': {
    ...flag,
    help: 'let another server of the same user listen on the port as well; the last one started gets all new clients (Linux). Use it with `--user`, because a program of the same user could be that server',
  },
  workers: {
    argument: 'N|auto',
    parse: values.workers,
    default: '1',
    help: 'number of processes that share the port; `auto`: one for each CPU that the server may use',
  },
} as const satisfies OptionTable;

export const tlsOptions = {
  'tls-cert': {
    argument: 'FILE',
    parse: values.text,
    help: 'speak TLS 1.2 or 1.3 with this certificate (PEM, followed by its intermediate certificates); SIGHUP reads it again',
  },
  'tls-key': {
    argument: 'FILE',
    parse: values.text,
    help: 'private key of the certificate (PEM, no passphrase); SIGHUP reads it again',
  },
  'tls-client-ca': {
    argument: 'FILE',
    parse: values.text,
    help: 'require a client certificate signed by one of these (PEM); SIGHUP reads it again; not with `--tls-auto`',
  },
  'tls-auto': {
    ...flag,
    help: 'accept clients with and without TLS on the same port; a client that stays silent for 500 ms is treated as plain Telnet',
  },
} as const satisfies OptionTable;
