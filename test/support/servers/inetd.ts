import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { type AddressInfo, createServer, type Server } from 'node:net';
import { atExit } from '../cleanup.ts';

/** TERM is for servers that do not ask the client for one. */
const ENV = { PATH: '/usr/local/bin:/usr/bin:/bin', TERM: 'vt100' };

/** inetd for one service: a process for each connection, which is its standard input, output and error. */
export class Inetd implements AsyncDisposable {
  readonly port: number;
  readonly #server: Server;
  readonly #children = new Set<ChildProcess>();

  private constructor(server: Server, command: readonly string[]) {
    this.#server = server;
    this.port = (server.address() as AddressInfo).port;
    server.on('connection', socket => {
      const child = spawn(command[0]!, command.slice(1), { env: ENV, stdio: [socket, socket, 'ignore'] });
      socket.destroy();
      this.#children.add(child);
      const forget = atExit(() => child.kill('SIGKILL'));
      child.once('close', () => {
        this.#children.delete(child);
        forget();
      });
    });
  }

  /** Listens on a free port of 127.0.0.1. */
  static async start(command: readonly string[]): Promise<Inetd> {
    const server = createServer({ pauseOnConnect: true });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    return new Inetd(server, command);
  }

  /** The processes of the connections that are open. */
  get pids(): number[] {
    return [...this.#children].map(child => child.pid!);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#server.close();
    await Promise.all(
      [...this.#children].map(async child => {
        child.kill('SIGKILL');
        await once(child, 'close');
      }),
    );
  }
}
