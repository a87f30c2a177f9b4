/** Accepting connections without a socket of Node.js. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { closeSync } from 'node:fs';
import { connect, type Socket } from 'node:net';
import { after, test } from 'node:test';
import { readListenOptions } from '../../src/transport/listen-options.ts';
import type { ListenerEvents } from '../../src/transport/listener.ts';
import { Closed } from '../../src/transport/tcp/accepting.ts';
import { listenTcp } from '../../src/transport/tcp/tcp.ts';
import { assertNothingHeld, assertPortFree, untilTrue } from '../support/leaks.ts';
import { requireTool } from '../support/system/tools.ts';

const isLinux = process.platform === 'linux';
const OPTIONS = { skip: !isLinux && 'Linux only' };

after(assertNothingHeld);

/** The accepted connections and the clients; all are closed at the end. */
class Accepted implements ListenerEvents, AsyncDisposable {
  readonly descriptors: { fd: number; address: string; port: number }[] = [];
  readonly sockets: Socket[] = [];
  readonly clients: Socket[] = [];

  onConnection(socket: Socket): void {
    this.sockets.push(socket);
  }

  onDescriptor = (fd: number, address: string, port: number): void => {
    this.descriptors.push({ fd, address, port });
  };

  onError(error: Error): void {
    throw error;
  }

  get count(): number {
    return this.descriptors.length + this.sockets.length;
  }

  async dial(port: number, host = '127.0.0.1'): Promise<Socket> {
    const client = connect({ port, host });
    this.clients.push(client);
    const before = this.count;
    await untilTrue(() => this.count > before);
    return client;
  }

  /** Waits until Node.js has stopped polling the listener. */
  async untilDirect(port: number): Promise<void> {
    while (this.descriptors.length === 0) await this.dial(port);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const { fd } of this.descriptors) closeSync(fd);
    const sockets = [...this.sockets, ...this.clients];
    for (const socket of sockets) socket.destroy();
    await untilTrue(() => sockets.every(socket => socket.closed));
  }
}

test('Node.js creates no socket for an accepted connection, and the peer is known', OPTIONS, async () => {
  await using accepted = new Accepted();
  const { listener, port } = await listenTcp(readListenOptions({ port: 0, host: '::' }), accepted);
  await accepted.untilDirect(port);
  const made = accepted.sockets.length;
  for (const host of ['127.0.0.1', '::1', '127.0.0.1']) {
    const client = await accepted.dial(port, host);
    const { address, port: clientPort } = accepted.descriptors.at(-1)!;
    assert.equal(clientPort, client.localPort);
    assert.equal(address, host === '::1' ? '::1' : `::ffff:${host}`);
  }
  assert.equal(accepted.sockets.length, made);
  listener.close();
  await assertPortFree(port);
});

test(
  'an accepted connection has the options that Node.js sets on its own sockets, and urgent data in line',
  OPTIONS,
  async () => {
    requireTool('perl');
    await using accepted = new Accepted();
    const { listener, port } = await listenTcp(readListenOptions({ port: 0 }), accepted);
    await accepted.untilDirect(port);
    // TCP_NODELAY, SO_KEEPALIVE, TCP_KEEPIDLE, TCP_KEEPINTVL, TCP_KEEPCNT, SO_OOBINLINE of Linux.
    const names = '[6, 1], [1, 9], [6, 4], [6, 5], [6, 6], [1, 10]';
    const script = `print join ' ', map { unpack 'i', getsockopt(STDIN, $_->[0], $_->[1]) } ${names}`;
    const { stdout } = spawnSync('perl', ['-e', script], { stdio: [accepted.descriptors[0]!.fd, 'pipe', 'inherit'] });
    assert.equal(String(stdout), '1 1 60 1 10 1');
    listener.close();
  },
);

test("a paused listener leaves connections in the kernel's queue", OPTIONS, async () => {
  await using accepted = new Accepted();
  await using other = new Accepted();
  const { listener, port } = await listenTcp(readListenOptions({ port: 0 }), accepted);
  const beside = await listenTcp(readListenOptions({ port: 0 }), other);
  await accepted.untilDirect(port);
  listener.stopAccepting(Closed.OWNER);
  const before = accepted.count;
  const waiting = connect({ port, host: '127.0.0.1' });
  accepted.clients.push(waiting);
  await untilTrue(() => !waiting.connecting);
  // A later connection of another listener is accepted, so the event loop has polled both.
  await other.dial(beside.port);
  assert.equal(accepted.count, before);
  listener.continueAccepting(Closed.OWNER);
  await untilTrue(() => accepted.count === before + 1);
  listener.close();
  beside.listener.close();
  await assertPortFree(port);
});
