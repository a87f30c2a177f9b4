/** Where and how clients are listened for. */
import { flag, type OptionTable } from '../options.ts';
import * as values from '../values.ts';

export const listenOptions = {
  host: { argument: 'ADDR', parse: values.host, default: '127.0.0.1', help: 'the address to listen on' },
  port: { argument: 'N', parse: values.port, default: '6023', help: 'the port to listen on; 0 picks a free one' },
  'tls-cert': {
    argument: 'FILE',
    parse: values.text,
    help: 'speak TLS, with this certificate (PEM, those between it and a root behind it); read anew at SIGHUP',
  },
  'tls-key': {
    argument: 'FILE',
    parse: values.text,
    help: "the certificate's private key (PEM, no passphrase); likewise",
  },
  'tls-client-ca': {
    argument: 'FILE',
    parse: values.text,
    help: 'clients need a certificate that one of these (PEM) has signed; likewise; not with --tls-auto',
  },
  'tls-auto': { ...flag, help: 'accept clients with and without TLS on the same port' },
  'proxy-protocol': {
    argument: 'CIDR,...',
    parse: values.ranges,
    default: '',
    defaultWords: 'none',
    help: 'these proxies must send a PROXY header (v1 or v2), and its address is the client; nobody else may',
  },
  'reuse-port': {
    ...flag,
    help: 'let another server of the same user listen on the port, too; the last one to come gets all new clients (Linux)',
  },
  workers: {
    argument: 'N|auto',
    parse: values.workers,
    default: '1',
    help: 'processes that share the port; auto: one for each CPU that may be used',
  },
  config: {
    argument: 'FILE',
    parse: values.text,
    commandLineOnly: true,
    help: 'read options by their long names from a JSON or YAML file; the command line wins; `program` there is a list',
  },
} as const satisfies OptionTable;
