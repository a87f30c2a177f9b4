/** telpty's servers, which the clients of the matrix visit. */
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { createServer as createTlsServer } from 'node:tls';
import { fileURLToPath } from 'node:url';
import { createServer, ptyShell } from '../../../src/index.ts';
import { NEGOTIATION_MS } from '../../support/patience.ts';
import { type Certificate, selfSigned } from '../../support/servers/certificates.ts';
import { startServer } from '../../support/servers/server.ts';
import { type Ground, shared } from './grounds.ts';

export const VISIT = fileURLToPath(new URL('fixtures/visit.sh', import.meta.url));

const PATIENT = ['--negotiation-timeout', `${NEGOTIATION_MS}ms`];
/** Some clients can send only USER or only CLIENT_NAME. */
const ACCEPT = [...PATIENT, '--accept-env', 'USER', '--accept-env', 'CLIENT_NAME'];

export interface TlsGround extends Ground {
  readonly certificate: Certificate;
}

/** `telpty serve` without options. */
export function characterServer(): Promise<Ground> {
  return shared('character', () => startServer(ACCEPT, { program: ['/bin/sh', VISIT] }));
}

/** `telpty serve --mode line`. */
export function lineServer(): Promise<Ground> {
  return shared('line', () => startServer([...PATIENT, '--mode', 'line'], { program: ['/bin/sh', VISIT] }));
}

/** A program that first asks for a name and a password. */
export function loginServer(): Promise<Ground> {
  return shared('login', () => startServer(ACCEPT, { program: ['/bin/sh', VISIT, 'login'] }));
}

/** The library with a TLS server of Node. */
export function tlsServer(): Promise<TlsGround> {
  return shared('tls', async () => {
    const certificate = selfSigned('DNS:localhost,IP:127.0.0.1');
    const server = createServer({ shell: ptyShell('/bin/sh', [VISIT], { negotiationTimeout: NEGOTIATION_MS }) });
    const listener = createTlsServer({ key: certificate.key, cert: certificate.cert }, socket => {
      server.handle(socket, { remoteAddress: socket.remoteAddress });
    });
    // A client that scans the port without TLS.
    listener.on('tlsClientError', () => {});
    listener.listen(0, '127.0.0.1');
    await once(listener, 'listening');
    return {
      port: (listener.address() as AddressInfo).port,
      certificate,
      async [Symbol.asyncDispose]() {
        listener.close();
        await server.shutdown({ timeout: 2_000 });
        certificate[Symbol.dispose]();
      },
    };
  });
}
