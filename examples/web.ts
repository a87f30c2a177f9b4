/**
 * A page of Fastify with a terminal in it: `createWebGateway()` in the HTTP server of an application. Each visitor of
 * the page gets a calculator.
 *
 *     npm install fastify
 *     npx tsx examples/web.ts
 *     open http://127.0.0.1:6023/ in a browser
 */
import { createServer as createHttpServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import fastify from 'fastify';
import { createServer, limit, ptyShell } from 'telpty';
import { createWebGateway } from 'telpty/web';

const PAGE = `<!doctype html>
<html lang="en">
<title>Calculator</title>
<h1>Calculator</h1>
<p>Type 2^10 and Return.</p>
<iframe src="/terminal/" title="Terminal" width="800" height="480"></iframe>
`;

const server = createServer({
  shell: ptyShell('bc', ['-l']),
  use: [limit({ maxSessions: 100, maxPerAddress: 5, idleTimeout: 600_000 })],
});
// The page may be shown in frames of this site, and of no other.
const gateway = createWebGateway({ server, base: '/terminal/', title: 'Calculator', frameAncestors: ["'self'"] });

const app = fastify({
  // Requests of the gateway do not reach Fastify, which would read the body of a login.
  serverFactory: handle =>
    createHttpServer((request, response) => {
      if (!gateway.handleRequest(request, response)) handle(request, response);
    }),
});
gateway.attach(app.server);
app.get('/', (_request, reply) => reply.type('text/html').send(PAGE));
await app.listen({ host: '127.0.0.1', port: Number(process.env.PORT ?? 6023) });
const { port } = app.server.address() as AddressInfo;
console.log(`http://127.0.0.1:${port}/`);

for (const signal of ['SIGINT', 'SIGTERM'] as const) {
  process.once(signal, async () => {
    gateway.close();
    await Promise.all([app.close(), server.shutdown()]);
  });
}
