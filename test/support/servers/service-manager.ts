/** The part of a service manager: it opens sockets, and receives the notifications of the server. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { type AddressInfo, createServer, type ListenOptions, type Server } from 'node:net';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { unwatchListener } from '../../../src/native/sockets.ts';
import { atExit } from '../cleanup.ts';
import { requireTool } from '../system/tools.ts';

/** A listening socket on which only the processes that inherit it accept. */
export class OpenSocket implements Disposable {
  readonly fd: number;
  readonly port: number;
  readonly #server: Server;

  private constructor(server: Server, fd: number) {
    this.#server = server;
    this.fd = fd;
    const address = server.address() as AddressInfo | string;
    this.port = typeof address === 'string' ? 0 : address.port;
  }

  /** A UNIX socket; `\0name` is abstract. */
  static openPath(path: string): Promise<OpenSocket> {
    return OpenSocket.#openAt({ path, backlog: 1024 });
  }

  static open(host = '127.0.0.1'): Promise<OpenSocket> {
    return OpenSocket.#openAt({ host, port: 0, backlog: 1024 });
  }

  static async #openAt(where: ListenOptions): Promise<OpenSocket> {
    const server = createServer().listen(where);
    await once(server, 'listening');
    const { fd } = (server as unknown as { _handle: { fd: number } })._handle;
    // The loop has it only when it has turned.
    while (!unwatchListener(fd, true)) await nextTurn();
    return new OpenSocket(server, fd);
  }

  [Symbol.dispose](): void {
    this.#server.close();
  }
}

/** The socket to which servers send word. */
export class NotifySocket implements Disposable {
  readonly address: string;
  /** Every datagram so far. */
  readonly told: string[] = [];
  readonly #process: ChildProcess;
  readonly #forget: () => void;
  #wake: () => void = () => {};

  private constructor(address: string) {
    this.address = address;
    const script = fileURLToPath(new URL('../system/datagrams.py', import.meta.url));
    this.#process = spawn(requireTool('python3'), [script, address], { stdio: ['ignore', 'pipe', 'inherit'] });
    this.#forget = atExit(() => this.#process.kill('SIGKILL'));
    let rest = '';
    this.#process.stdout!.setEncoding('utf8').on('data', (text: string) => {
      const lines = (rest + text).split('\n');
      rest = lines.pop()!;
      this.told.push(...lines.map(line => JSON.parse(line) as string));
      this.#wake();
    });
  }

  static async open(address: string): Promise<NotifySocket> {
    const socket = new NotifySocket(address);
    await socket.until(/^bound$/);
    socket.told.length = 0;
    return socket;
  }

  /** Waits for a datagram, which may have come already, and takes it and all before it out of {@link told}. */
  async until(pattern: RegExp): Promise<string> {
    for (;;) {
      const index = this.told.findIndex(words => pattern.test(words));
      if (index >= 0) return this.told.splice(0, index + 1).at(-1)!;
      await new Promise<void>(resolve => {
        this.#wake = resolve;
      });
    }
  }

  /** It reads no more, until {@link go}. */
  stop(): void {
    this.#process.kill('SIGSTOP');
  }

  go(): void {
    this.#process.kill('SIGCONT');
  }

  [Symbol.dispose](): void {
    this.#process.kill('SIGKILL');
    this.#forget();
  }
}
