import { once } from 'node:events';
import { type AddressInfo, createServer, type Server, type Socket } from 'node:net';
import { setOobInline } from '../../../src/native/sockets.ts';
import { Wire } from './test-client.ts';

/**
 * A server that says only what the test says, for a client under test: `await using peer = await Peer.listen()`, then
 * `const wire = await peer.accept()` for each connection, in order.
 */
export class Peer implements AsyncDisposable {
  readonly port: number;
  readonly #server: Server;
  readonly #sockets: Socket[] = [];
  readonly #wires: Wire[] = [];

  private constructor(server: Server) {
    this.#server = server;
    this.port = (server.address() as AddressInfo).port;
    server.on('connection', socket => this.#sockets.push(socket));
  }

  static async listen(): Promise<Peer> {
    // Paused: the first bytes of the client are for the Wire that is created later.
    const server = createServer({ allowHalfOpen: true, pauseOnConnect: true });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    // As every server of Telnet does, so that the DM of a Synch stays in its place; on Linux what is accepted inherits
    // it.
    setOobInline((server as unknown as { _handle: { fd: number } })._handle.fd);
    return new Peer(server);
  }

  /** The next connection; it answers nothing by itself. */
  async accept(): Promise<Wire> {
    while (this.#sockets.length === 0) await once(this.#server, 'connection');
    const socket = this.#sockets.shift()!;
    const wire = new Wire(socket, { silent: true });
    this.#wires.push(wire);
    socket.resume();
    return wire;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const wire of this.#wires) wire.socket.destroy();
    for (const socket of this.#sockets) socket.destroy();
    this.#server.close();
    await once(this.#server, 'close');
  }
}
