/** A server and its gateway in the process of the test. */
import { type AddressInfo, createServer as createNetServer, type Socket } from 'node:net';
import { after } from 'node:test';
import { createServer, type Refusal, type Server, type ServerOptions } from '../../src/index.ts';
import { preparePty } from '../../src/pty/index.ts';
import { type GatewayHooks, WebGateway } from '../../src/web/gateway.ts';
import type { WebGatewayOptions } from '../../src/web/index.ts';
import { type TimeLimits, WebServer } from '../../src/web/web-server.ts';
import { assertNoLeaks, holdings } from '../support/leaks.ts';

// Resources shared by all terminals exist from the first terminal until the end of the process.
preparePty();
const before = holdings(process.pid);
after(() => assertNoLeaks(process.pid, before));

export interface WebHost extends AsyncDisposable {
  readonly server: Server;
  readonly gateway: WebGateway;
  readonly port: number;
  /** The number of open connections that are not WebSockets. */
  connections(): number;
  readonly refused: Refusal[];
  readonly errors: Error[];
}

export async function startWeb(
  options: ServerOptions,
  web: Omit<WebGatewayOptions, 'server'> = {},
  hooks: GatewayHooks & { limits?: TimeLimits } = {},
): Promise<WebHost> {
  const server = createServer(options);
  const refused: Refusal[] = [];
  const errors: Error[] = [];
  server.on('refused', refusal => refused.push(refusal));
  server.on('error', error => errors.push(error));
  const { limits, ...others } = hooks;
  const webServer = new WebServer(undefined, limits);
  const gateway = new WebGateway({ page: false, ...web, server }, { ...others, connections: webServer });
  webServer.serve(gateway);
  const open = new Set<Socket>();
  const listener = createNetServer({ pauseOnConnect: true, allowHalfOpen: true }, socket => {
    open.add(socket);
    socket.once('close', () => open.delete(socket));
    webServer.take(socket, { kind: 'ip', address: socket.remoteAddress!, port: socket.remotePort });
  });
  await new Promise<void>(resolve => listener.listen(0, '127.0.0.1', resolve));
  const { port } = listener.address() as AddressInfo;
  return {
    ...{ server, gateway, port, refused, errors },
    connections: () => open.size,
    async [Symbol.asyncDispose]() {
      const closed = new Promise(resolve => listener.close(resolve));
      gateway.close();
      webServer.close();
      await server.shutdown({ timeout: 5_000 });
      await closed;
    },
  };
}
